//! Putting a workload on the log as fast as it goes, and waiting until all of it is answered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::workload::{Crowd, Wish};
use crate::ports::clock;
use crate::ports::log::{Delivery, Follower, Log, Pending, Producer, Topic};
use crate::seal::Keys;

/// Requests under way at most.
const UNDER_WAY_MAX: usize = 20_000;

/// Produces requests and remembers how far it came.
pub struct Producing<'a> {
    log: &'a dyn Log,
    keys: &'a Keys,
    producer: Box<dyn Producer>,
    under_way: VecDeque<Pending>,
    /// Requests delivered.
    pub delivered: u64,
}

impl<'a> Producing<'a> {
    /// Connects.
    ///
    /// # Errors
    /// When the client does not take its settings.
    pub fn new(log: &'a dyn Log, keys: &'a Keys) -> anyhow::Result<Producing<'a>> {
        let producer = log.producer()?;
        Ok(Producing { log, keys, producer, under_way: VecDeque::new(), delivered: 0 })
    }

    /// Puts all events of a crowd on sale, and waits until the requests for it are on the log.
    ///
    /// # Errors
    /// When one is not.
    pub fn put_on_sale(&mut self, crowd: &Crowd) -> anyhow::Result<()> {
        for event in &crowd.events {
            crowd.on_sale(event).iter().try_for_each(|wish| self.put(wish))?;
        }
        self.settle()
    }

    /// Hands a request to the client.
    ///
    /// # Errors
    /// When it, or one before it, was not delivered.
    pub fn put(&mut self, wish: &Wish) -> anyhow::Result<()> {
        let key = wish.event.as_str().as_bytes();
        let headers = if wish.signed {
            let topic = self.log.name(Topic::Requests);
            vec![self.keys.sign(&topic, key, &wish.value)]
        } else {
            vec![]
        };
        if self.under_way.len() >= UNDER_WAY_MAX {
            self.settle_one()?;
        }
        let pending = self.producer.submit(key, Some(&wish.value), &headers)?;
        self.under_way.push_back(pending);
        Ok(())
    }

    /// Waits until everything handed over is on the log.
    ///
    /// # Errors
    /// When something is not.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        while !self.under_way.is_empty() {
            self.settle_one()?;
        }
        Ok(())
    }

    fn settle_one(&mut self) -> anyhow::Result<()> {
        if let Some(pending) = self.under_way.pop_front() {
            let _: Delivery = pending.wait().context("a request was not delivered")?;
            self.delivered += 1;
        }
        Ok(())
    }
}

/// Counts answers as they become visible.
pub struct Answers {
    follower: Box<dyn Follower>,
    /// Accepted, refused, and dead letters so far.
    pub counts: Counted,
}

/// Answers by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Held, booked, released, changed.
    pub granted: u64,
    /// Refused.
    pub refused: u64,
    /// Dead letters.
    pub dead: u64,
}

impl Counted {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.granted + self.refused + self.dead
    }
}

impl Answers {
    /// Begins to count what is published from now on. Derived outcomes are counted too, so a
    /// workload whose holds lapse counts more than its requests.
    ///
    /// # Errors
    /// When the client does not take its settings.
    pub fn from_now(log: &dyn Log) -> anyhow::Result<Answers> {
        let follower = log.follow_from_now(&Topic::OUTCOMES, &log.all_partitions())?;
        Ok(Answers { follower, counts: Counted::default() })
    }

    /// Counts until so many answers are visible.
    ///
    /// # Errors
    /// When none came for `patience`.
    pub fn wait_for(&mut self, total: u64, patience: Duration) -> anyhow::Result<()> {
        let mut last: Instant = clock::ticks();
        while self.counts.total() < total {
            match self.follower.next(Duration::from_millis(200))? {
                Some(record) => {
                    last = clock::ticks();
                    match record.topic {
                        Topic::Refused => self.counts.refused += 1,
                        Topic::DeadLetters => self.counts.dead += 1,
                        Topic::Held | Topic::Booked | Topic::Released | Topic::Changed => {
                            self.counts.granted += 1;
                        }
                        Topic::Requests | Topic::Catalog | Topic::Inventory | Topic::Terms => {}
                    }
                }
                None if last.elapsed() > patience => bail!(
                    "{} of {total} answers came, and none for {} s: is an owner running?",
                    self.counts.total(),
                    patience.as_secs()
                ),
                None => {}
            }
        }
        Ok(())
    }
}
