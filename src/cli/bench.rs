//! `holdfast bench`: figures from real servers, and of deciding alone.

use clap::{Args, Subcommand};

use super::Ending;
use super::failure::Failure;
use super::output::Output;
use crate::bench::{Figure, decide, expiry, pipeline};
use crate::config::Config;

/// Measure, on the servers of the configuration or without any
#[derive(Debug, Subcommand)]
#[command(
    after_help = "On servers each run makes events of its own and leaves them behind: take a \
                  deployment that is not selling anything."
)]
pub(super) enum Verb {
    /// Claims and refusals per second, and where an owner's time goes
    #[command(after_help = "Example:\n  holdfast bench pipeline --requests 100000 --events 20")]
    Pipeline(Pipeline),
    /// How long after deadline and grace holds end
    #[command(after_help = "Example:\n  holdfast bench expiry --events 200 --together 20000")]
    Expiry(Expiry),
    /// Decisions per second of one core, their latency and memory; needs no servers
    #[command(after_help = "Takes a minute. Example:\n  holdfast bench decide --json")]
    Decide,
}

#[derive(Debug, Args)]
pub(super) struct Pipeline {
    /// Requests of each round
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Events they are spread over
    #[arg(long, default_value_t = 20)]
    events: usize,
    /// Owners in this process
    #[arg(long, default_value_t = 1)]
    owners: usize,
}

#[derive(Debug, Args)]
pub(super) struct Expiry {
    /// Quiet events with one hold each
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Holds of one event that lapse together
    #[arg(long, default_value_t = 20_000)]
    together: u64,
}

pub(super) fn execute(
    verb: &Verb,
    config: impl FnOnce() -> Result<Config, Failure>,
    output: Output,
) -> Result<Ending, Failure> {
    let mut tell = |figure: &Figure| -> Result<(), Failure> {
        let json = serde_json::to_value(figure).map_err(anyhow::Error::from)?;
        Ok(output.data(text(figure), &json)?)
    };
    match verb {
        Verb::Pipeline(Pipeline { requests, events, owners }) => {
            let (requests, events, owners) = (*requests, *events, *owners);
            let options = pipeline::Options { requests, events, owners };
            pipeline::run(&config()?, options)?.iter().try_for_each(tell)?;
        }
        Verb::Expiry(Expiry { events, together }) => {
            let options = expiry::Options { events: *events, together: *together };
            expiry::run(&config()?, options)?.iter().try_for_each(tell)?;
        }
        Verb::Decide => decide::run(&mut tell)?,
    }
    Ok(Ending::Done)
}

fn text(figure: &Figure) -> String {
    format!("{:<48} {:>12.1} {:<20} {}", figure.name, figure.value, figure.unit, figure.params)
}
