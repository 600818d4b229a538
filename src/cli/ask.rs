//! Asks for something and waits for its answer.
//!
//! The ends of the outcome partitions are read *before* the request is sent: an answer cannot be
//! missed, however fast it comes. The answer is known by the place of the request on the log, not
//! by the request's id, since a copy of the request has the same id and an answer of its own.

use std::time::Duration;

use super::failure::Failure;
use crate::app::Backend;
use crate::config::Config;
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::domain::outcome::{Outcome, Role};
use crate::domain::request::Request;
use crate::ports::clock::ticks;
use crate::ports::log::{Delivery, Header, Log, LogRecord, Topic};
use crate::wire;
use crate::wire::dead_letter::DeadLetter;

/// What came of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was decided.
    Outcome(Box<Outcome>),
    /// It could not be read by its owner.
    DeadLetter(Box<DeadLetter>),
}

/// Sends a request, signed where it has to be, and waits for its answer.
pub(super) fn ask(
    config: &Config,
    request: &Request,
    patience: Duration,
) -> Result<Answer, Failure> {
    let log = Backend::open(config)?.log;
    let value = wire::request::encode(request);
    if value.len() > REQUEST_BYTES_MAX {
        let bytes = value.len();
        return Err(Failure::usage(format!(
            "the request has {bytes} bytes, and no more than {REQUEST_BYTES_MAX} are taken: write rows \
             as ranges, such as 1-20"
        )));
    }
    let key = request.event.as_str().as_bytes();
    let headers = if request.needs_signature() {
        let keys = config.seal_keys().map_err(Failure::usage)?;
        vec![keys.sign(&log.name(Topic::Requests), key, &value)]
    } else {
        vec![]
    };
    put(&*log, key, Some(&value), &headers, patience)
}

/// Puts a record on the request topic as it is, in the partition of its key, and waits for its
/// answer.
pub(super) fn put(
    log: &dyn Log,
    key: &[u8],
    value: Option<&[u8]>,
    headers: &[Header],
    patience: Duration,
) -> Result<Answer, Failure> {
    let partition = log.partition(key);
    let mut follower = log.follow_from_now(&Topic::OUTCOMES, &[partition])?;
    let delivery = log.producer()?.submit(key, value, headers)?.wait()?;
    let deadline = ticks() + patience;
    while let Some(record) = follower.next(deadline.saturating_duration_since(ticks()))? {
        if let Some(answer) = answer_to(delivery, &record) {
            return Ok(answer);
        }
    }
    Err(Failure::unanswered(format!(
        "no answer to the request at partition {}, offset {} in {}: no owner of its partition runs, \
         or it is behind. The request stays on the log; see `holdfast watch` before asking again",
        delivery.partition,
        delivery.offset,
        humantime::format_duration(patience),
    )))
}

/// The answer to the request delivered there, if the record is that. What does not decode, or has a
/// kind of a newer version, is somebody else's: our own release answers what our own release asks.
fn answer_to(delivery: Delivery, record: &LogRecord) -> Option<Answer> {
    let value = record.value.as_deref()?;
    if record.topic == Topic::DeadLetters {
        let letter = wire::dead_letter::decode(value).ok()?;
        let ours = (letter.partition, letter.offset) == (delivery.partition, delivery.offset);
        return ours.then(|| Answer::DeadLetter(Box::new(letter)));
    }
    let outcome = wire::outcome::decode(value).ok()??;
    let header = &outcome.header;
    let ours = (header.partition, header.offset) == (delivery.partition, delivery.offset);
    let closes = match header.role {
        Role::Answer | Role::Repeat => true,
        Role::Derived => false,
    };
    (ours && closes).then(|| Answer::Outcome(Box::new(outcome)))
}
