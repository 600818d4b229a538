//! `bench pipeline`: how many claims a second the real servers bear, granted and refused, and where
//! an owner's time goes.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Figure;
use super::producing::{Answers, Producing};
use super::workload::{Crowd, Wish, Workload};
use crate::app::{Backend, StagesRead, Workers};
use crate::config::{Config, Role};
use crate::domain::time::Millis;
use crate::ports::clock;
use crate::ports::log::Log;
use crate::seal::Keys;

/// How long nothing may happen before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Places an event of the refusal round has: soon gone.
const FEW_PLACES: u32 = 10;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests of each round.
    pub requests: u64,
    /// Events they are spread over.
    pub events: usize,
    /// Owners in this process.
    pub owners: usize,
}

/// Runs both rounds.
///
/// # Errors
/// When the servers are not what is needed, or answers stay out.
pub fn run(config: &Config, options: Options) -> anyhow::Result<Vec<Figure>> {
    let backend = Backend::open(config)?;
    let keys = config.seal_keys().map_err(anyhow::Error::msg)?;
    let workers = Workers::start(config, &backend, &[Role::Booking], options.owners)?;
    let bench = Bench { log: &*backend.log, keys: &keys, options, workers: &workers };
    let measured = bench.measure();
    let ended = workers.stop();
    let figures = measured?;
    ended?;
    Ok(figures)
}

/// What the rounds run on.
struct Bench<'a> {
    log: &'a dyn Log,
    keys: &'a Keys,
    options: Options,
    workers: &'a Workers,
}

impl Bench<'_> {
    fn measure(&self) -> anyhow::Result<Vec<Figure>> {
        let options = self.options;
        let enough = u32::try_from(options.requests / options.events as u64 + 1_000)?;
        let mut figures = vec![];
        for (name, places) in [("claims", enough), ("refusals", FEW_PLACES)] {
            let round = self.round(places)?;
            let params = format!(
                "requests={} events={} owners={} partitions={}",
                options.requests,
                options.events,
                options.owners,
                self.log.partitions()
            );
            figures.push(Figure::once(format!("pipeline.{name}"), round.rate(), "1/s", &params));
            for (stage, share) in round.shares() {
                let name = format!("pipeline.{name}.{stage}");
                figures.push(Figure::once(name, share, "us/request", &params));
            }
        }
        Ok(figures)
    }

    fn round(&self, places: u32) -> anyhow::Result<Round> {
        let Bench { options, workers, .. } = *self;
        let mut producing = Producing::new(self.log, self.keys)?;
        let name = format!("bench-{}", Uuid::now_v7().simple());
        let mut crowd = Crowd::new(&name, options.events, places, Millis(3_600_000));
        (crowd.places, crowd.seats) = (crowd.places_of_event(), 0);
        let mut answers = Answers::from_now(self.log)?;
        producing.put_on_sale(&crowd)?;
        answers.wait_for(2 * options.events as u64, PATIENCE)?;
        let mut workload = Workload::new(crowd, 1);
        let wishes: Vec<Wish> = (0..options.requests).map(|_| workload.next_place()).collect();
        let before = workers.stages().read();
        let began: Instant = clock::ticks();
        wishes.iter().try_for_each(|wish| producing.put(wish))?;
        producing.settle()?;
        answers.wait_for(options.requests + 2 * options.events as u64, PATIENCE)?;
        let took = began.elapsed();
        Ok(Round { requests: options.requests, took, before, after: workers.stages().read() })
    }
}

/// One round: what it took, and where the owners' time went meanwhile.
struct Round {
    requests: u64,
    took: Duration,
    before: StagesRead,
    after: StagesRead,
}

impl Round {
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// Microseconds a request spent in each stage; stages overlap, so they do not add up to the
    /// whole.
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    fn shares(&self) -> [(&'static str, f64); 5] {
        let per = |(_, after): (u64, u64), (_, before): (u64, u64)| {
            (after - before) as f64 / self.requests as f64
        };
        let (before, after) = (&self.before, &self.after);
        [
            ("poll", per(after.idle, before.idle)),
            ("decode", per(after.decode, before.decode)),
            ("decide", per(after.decide, before.decide)),
            ("ledger", per(after.ledger, before.ledger)),
            ("transaction", per(after.transaction, before.transaction)),
        ]
    }
}
