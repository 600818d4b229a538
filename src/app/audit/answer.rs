//! Answers as their topics have them.

use std::ops::RangeBounds;

use crate::domain::ids::Partition;
use crate::domain::outcome::Outcome;
use crate::ports::log::{LogRecord, Topic};
use crate::wire;

/// What closes a request, or was caused by it.
pub(super) enum Answer {
    Outcome(Box<Outcome>),
    DeadLetter(Partition, i64),
}

impl Answer {
    /// Partition and offset of the request it is about.
    pub(super) fn place(&self) -> (Partition, i64) {
        match self {
            Answer::Outcome(outcome) => (outcome.header.partition, outcome.header.offset),
            Answer::DeadLetter(partition, offset) => (*partition, *offset),
        }
    }

    pub(super) fn is_about(&self, partition: Partition, offsets: impl RangeBounds<i64>) -> bool {
        let (of, offset) = self.place();
        of == partition && offsets.contains(&offset)
    }
}

/// Reads an answer; says in words why it is none.
pub(super) fn read_answer(record: &LogRecord) -> Result<Answer, String> {
    let value = record.value.as_deref().ok_or("a record without a value")?;
    if record.topic == Topic::DeadLetters {
        let letter = wire::dead_letter::decode(value).map_err(|error| error.to_string())?;
        return Ok(Answer::DeadLetter(letter.partition, letter.offset));
    }
    let outcome = wire::outcome::decode(value).map_err(|error| error.to_string())?;
    let outcome = outcome.ok_or("an outcome that only a newer release can read")?;
    let (home, event) = (Topic::of(&outcome.body), outcome.header.event.as_str());
    if home != record.topic {
        return Err(format!("an outcome of {}", home.name()));
    }
    if record.key.as_deref() != Some(event.as_bytes()) {
        return Err(format!("an outcome of event {event} under another key"));
    }
    Ok(Answer::Outcome(Box::new(outcome)))
}

#[cfg(test)]
mod tests;
