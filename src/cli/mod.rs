//! The command line: one file per verb.
//!
//! Data goes to stdout, words to stderr, so that a pipe gets nothing but data; `--json` makes the
//! data JSON, one value per line where there may be many. A verb does its work through `config`,
//! `kafka` and `cql`, and decides nothing about seats.
//!
//! Exit status: 0 done; 1 refused, or something was found; 2 the command line or the configuration
//! is wrong; 3 a server was not reached, or did not answer in time.

mod arguments;
mod ask;
mod audit;
mod bench;
mod config;
mod deadletters;
mod demo;
mod event;
mod failure;
mod ledger;
mod output;
mod refusals;
mod render;
mod request;
mod run;
#[cfg(feature = "sim")]
mod sim;
mod topics;
mod watch;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::failure::Failure;
use self::output::Output;
use crate::config::{Config, Error, load};

/// Sells seats through an onsale spike and never sells one twice.
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 done; 1 refused, or something was found; 2 the command line or the \
                  configuration is wrong; 3 a server was not reached, or did not answer in time.\n\n\
                  Begin with:\n  \
                  export HOLDFAST_CONFIG=docker/holdfast.toml\n  \
                  holdfast topics apply && holdfast ledger migrate\n  \
                  holdfast run"
)]
pub struct Cli {
    /// The configuration file
    #[arg(
        long,
        global = true,
        env = "HOLDFAST_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    /// Log and ledger in this folder instead of servers; needs no --config, and where there is one,
    /// takes its keys and partitions
    #[arg(
        long,
        global = true,
        env = "HOLDFAST_EMBEDDED",
        hide_env_values = true,
        value_name = "DIR"
    )]
    embedded: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Arguments),
    #[command(subcommand)]
    Topics(topics::Verb),
    #[command(subcommand)]
    Ledger(ledger::Verb),
    #[command(subcommand)]
    Event(event::Verb),
    #[command(subcommand)]
    Request(request::Verb),
    Watch(watch::Arguments),
    #[command(subcommand, name = "deadletters")]
    DeadLetters(deadletters::Verb),
    #[command(subcommand)]
    Audit(audit::Verb),
    #[command(subcommand)]
    Bench(bench::Verb),
    Demo(demo::Arguments),
    #[cfg(feature = "sim")]
    Sim(sim::Arguments),
    #[command(subcommand)]
    Config(config::Verb),
    Refusals(refusals::Arguments),
}

/// How a verb ended that did what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Nothing to say.
    Done,
    /// The answer is no, or something is not as it should be. It has been printed.
    Found,
}

/// Does what the command line asks.
#[must_use]
pub fn dispatch(cli: Cli) -> ExitCode {
    let output = Output { json: cli.json };
    begin_log(&cli.verb);
    match execute(cli, output) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Found) => ExitCode::from(1),
        // Whoever reads our output has seen enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output.words(format_args!("holdfast: {failure}"));
            ExitCode::from(failure.status)
        }
    }
}

fn execute(cli: Cli, output: Output) -> Result<Ending, Failure> {
    let (embedded, folder) = (cli.embedded.clone(), cli.embedded);
    let config = |path: Option<PathBuf>| -> Result<Config, Failure> {
        Ok(match (path, embedded) {
            (None, Some(folder)) => crate::config::embedded(&folder)?,
            (path, embedded) => Config { embedded, ..load(&path.ok_or(Error::NoFile)?)? },
        })
    };
    match cli.verb {
        Verb::Run(arguments) => run::execute(&arguments, &config(cli.config)?),
        Verb::Topics(verb) => topics::execute(&verb, &config(cli.config)?, output),
        Verb::Ledger(verb) => ledger::execute(&verb, &config(cli.config)?, output),
        Verb::Event(verb) => event::execute(&verb, &config(cli.config)?, output),
        Verb::Request(verb) => request::execute(&verb, &config(cli.config)?, output),
        Verb::Watch(arguments) => watch::execute(&arguments, &config(cli.config)?, output),
        Verb::DeadLetters(verb) => deadletters::execute(&verb, &config(cli.config)?, output),
        Verb::Audit(verb) => audit::execute(&verb, &config(cli.config)?, output),
        Verb::Bench(verb) => bench::execute(&verb, || config(cli.config), output),
        Verb::Demo(arguments) => demo::execute(&arguments, folder, output),
        #[cfg(feature = "sim")]
        Verb::Sim(arguments) => sim::execute(&arguments, output),
        Verb::Config(verb) => config::execute(&verb, &config(cli.config)?, output),
        Verb::Refusals(_) => refusals::execute(output),
    }
}

/// Workers tell what they do; verbs say what they have to say themselves, and the client's own
/// words would only repeat it. `HOLDFAST_LOG` overrides.
fn begin_log(verb: &Verb) {
    let default = match verb {
        Verb::Run(_) => "info",
        Verb::Topics(_)
        | Verb::Ledger(_)
        | Verb::Event(_)
        | Verb::Request(_)
        | Verb::Watch(_)
        | Verb::DeadLetters(_)
        | Verb::Audit(_)
        | Verb::Bench(_)
        | Verb::Demo(_)
        | Verb::Config(_)
        | Verb::Refusals(_) => "off,holdfast=warn",
        // What simulated workers say is in the trace.
        #[cfg(feature = "sim")]
        Verb::Sim(_) => "off",
    };
    let filter = std::env::var("HOLDFAST_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(EnvFilter::new(filter))
        .init();
}

/// Topics and tables are made by hand on servers only.
fn needs_servers(config: &Config) -> Result<(), Failure> {
    match &config.embedded {
        Some(folder) => Err(Failure::usage(format!(
            "{} has its topics and tables from the start: leave this out with --embedded",
            folder.display()
        ))),
        None => Ok(()),
    }
}

/// Waits for what is asynchronous below.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}

#[cfg(test)]
mod tests;
