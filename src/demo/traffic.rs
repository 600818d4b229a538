//! The demo's side of the log: requests go out as bytes, outcomes come back as soon as readers may
//! see them.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::domain::ids::EventId;
use crate::domain::outcome::Outcome;
use crate::domain::request::Request;
use crate::ports::log::{Follower, Log, Pending, Producer, Topic};
use crate::seal::Keys;
use crate::wire;

/// Requests of one event going out, its outcomes coming back.
pub(super) struct Traffic<'a> {
    log: &'a dyn Log,
    keys: &'a Keys,
    producer: Box<dyn Producer>,
    follower: Box<dyn Follower>,
    pending: VecDeque<Pending>,
}

impl<'a> Traffic<'a> {
    /// Connects; outcomes are read from where their topics end now.
    ///
    /// # Errors
    /// When the log does not answer.
    pub(super) fn open(
        log: &'a dyn Log,
        keys: &'a Keys,
        event: &EventId,
    ) -> anyhow::Result<Traffic<'a>> {
        let partition = log.partition(event.as_str().as_bytes());
        let follower = log.follow_from_now(&Topic::OUTCOMES, &[partition])?;
        let producer = log.producer()?;
        Ok(Traffic { log, keys, producer, follower, pending: VecDeque::new() })
    }

    /// Hands a request to the log, signed where it has to be.
    ///
    /// # Errors
    /// When it, or one before it, did not get there.
    pub(super) fn put(&mut self, request: &Request) -> anyhow::Result<()> {
        let key = request.event.as_str().as_bytes();
        let value = wire::request::encode(request);
        let headers = if request.needs_signature() {
            vec![self.keys.sign(&self.log.name(Topic::Requests), key, &value)]
        } else {
            vec![]
        };
        self.pending.push_back(self.producer.submit(key, Some(&value), &headers)?);
        while let Some(report) = self.pending.front().and_then(Pending::poll) {
            report.context("a request did not reach the log")?;
            self.pending.pop_front();
        }
        Ok(())
    }

    /// The next outcome; `None` when none came in time.
    ///
    /// # Errors
    /// When the log cannot be read on, or says what nothing of ours can have caused.
    pub(super) fn next(&mut self, timeout: Duration) -> anyhow::Result<Option<Outcome>> {
        let Some(record) = self.follower.next(timeout)? else { return Ok(None) };
        let place = || format!("offset {} of {}", record.offset, record.topic.name());
        let Some(value) = &record.value else { bail!("{} has no value", place()) };
        if record.topic == Topic::DeadLetters {
            bail!("a request could not be read: see {}", place());
        }
        let outcome = wire::outcome::decode(value).with_context(place)?;
        outcome.map(Some).with_context(|| format!("{} is of a kind we never ask for", place()))
    }
}
