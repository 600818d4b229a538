//! `holdfast config`: what is in force.

use clap::Subcommand;

use super::Ending;
use super::failure::Failure;
use super::output::Output;
use crate::config::Config;

/// Show the configuration
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the configuration in force, with defaults and environment and without secrets
    #[command(after_help = "Example:\n  holdfast config dump --config docker/holdfast.toml")]
    Dump,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    match verb {
        Verb::Dump => {
            let text = config.dump();
            // The dump has hidden what JSON must not show either, so JSON is made of it.
            let json = toml::from_str(&text).map_err(|error| Failure::usage(error.to_string()))?;
            output.data(text.trim_end(), &json)?;
        }
    }
    Ok(Ending::Done)
}
