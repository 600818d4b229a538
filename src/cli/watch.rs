//! `holdfast watch`: outcomes as they come.

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::output::Output;
use super::{Ending, arguments, render};
use crate::app::Backend;
use crate::config::Config;
use crate::domain::ids::{EventId, Partition};
use crate::ports::log::{LogRecord, Topic};
use crate::wire;

/// How long one wait for the next outcome lasts; then the next one begins.
const WAIT: Duration = Duration::from_secs(1);

/// Print outcomes and dead letters as they come, until interrupted
#[derive(Debug, Args)]
#[command(
    after_help = "The outcomes of one request become visible topic by topic; #N, the sequence, tells \
                  their order.\n\n\
                  Examples:\n  \
                  holdfast watch --event hamlet-2027-03-14\n  \
                  holdfast watch --json | jq 'select(.kind == \"refused\")'"
)]
pub(super) struct Arguments {
    /// Only this event
    #[arg(long, value_parser = arguments::event)]
    event: Option<EventId>,
}

pub(super) fn execute(
    arguments: &Arguments,
    config: &Config,
    output: Output,
) -> Result<Ending, Failure> {
    let log = Backend::open(config)?.log;
    let partitions: Vec<Partition> = match &arguments.event {
        Some(event) => vec![log.partition(event.as_str().as_bytes())],
        None => log.all_partitions(),
    };
    // What comes after this line is printed, not what comes after the client has found its brokers.
    let mut follower = log.follow_from_now(&Topic::OUTCOMES, &partitions)?;
    output.words("watching; ctrl-c ends it");
    loop {
        if let Some(record) = follower.next(WAIT)? {
            print(&record, arguments.event.as_ref(), output)?;
        }
    }
}

fn print(record: &LogRecord, only: Option<&EventId>, output: Output) -> Result<(), Failure> {
    let wanted = only.is_none_or(|event| record.key.as_deref() == Some(event.as_str().as_bytes()));
    let Some(value) = record.value.as_deref().filter(|_| wanted) else { return Ok(()) };
    let place =
        format!("{} partition {} offset {}", record.topic.name(), record.partition, record.offset);
    if record.topic == Topic::DeadLetters {
        match wire::dead_letter::decode(value) {
            Ok(letter) => {
                let text = render::dead_letter_line(&letter);
                output.data(text, &render::dead_letter_object(&letter))?;
            }
            Err(error) => output.words(format_args!("{place}: {error}")),
        }
        return Ok(());
    }
    match wire::outcome::decode(value) {
        Ok(Some(outcome)) => output.data(render::line(&outcome), &render::object(&outcome))?,
        Ok(None) => output.words(format_args!("{place}: an outcome only a newer release can read")),
        Err(error) => output.words(format_args!("{place}: {error}")),
    }
    Ok(())
}
