//! The run itself: between the crowd, which knows no log, and the log, which knows no crowd.
//!
//! One thread does both sides, and waits only when neither has anything for it. It keeps a bound on
//! the requests under way: where the log is slower than the crowd, the crowd is kept at the door
//! and not in queues, so that a latency says how fast the log is and not how long a queue was.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use uuid::Uuid;

use super::crowd::{Counts, Crowd, Plan, Tally};
use super::latency::Histogram;
use super::progress::{QUIET, Snapshot};
use super::traffic::Traffic;
use super::venue::Venue;
use crate::domain::ids::RequestId;
use crate::domain::outcome::OutcomeBody;
use crate::domain::request::{Administration, Body, Define, Request};
use crate::ports::clock::{now, ticks};
use crate::ports::log::Log;
use crate::seal::Keys;

/// Requests under way at most.
const UNDER_WAY_MAX: u64 = 4_000;
/// Outcomes read before the crowd is asked again.
const OUTCOMES_AT_ONCE: usize = 500;
/// How long to wait for an outcome at least, so that requests go out together, and at most.
const WAIT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// How long nothing may be heard while something is awaited.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a run may take beyond the time in which its buyers come.
const SLACK: Duration = Duration::from_mins(2);
/// Buyers a second that even a slow log must serve.
const BUYERS_PER_SECOND_MIN: u32 = 400;
/// How often the screen is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often rates and latencies are taken anew.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// Where the demo shows how it goes.
pub trait Screen {
    /// A sentence that stays.
    fn say(&mut self, sentence: &str);
    /// How the sale stands: several times a second, and once at its end.
    fn draw(&mut self, now: &Snapshot);
}

/// What came of the sale.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    /// Places by state, as the crowd saw them.
    pub counts: Counts,
    /// What the crowd did and heard.
    pub tally: Tally,
    /// From the opening until it was quiet.
    pub took: Duration,
    /// From handing a request to the log until a reader could see its answer.
    pub latency: Histogram,
}

/// A sale going on.
pub(super) struct Sale<'a> {
    traffic: Traffic<'a>,
    crowd: Crowd,
    began: Instant,
    bound: Duration,
    heard: Instant,
    latency: Histogram,
    gauge: Gauge,
}

/// Rates and latencies since they were last taken.
struct Gauge {
    since: Instant,
    requests: u64,
    answers: u64,
    latency: Histogram,
    drawn: Instant,
    shown: Snapshot,
}

impl<'a> Sale<'a> {
    /// Puts the event on sale.
    ///
    /// # Errors
    /// When the log does not take it, or the owner refuses it or says nothing.
    pub(super) fn open(
        log: &'a dyn Log,
        keys: &'a Keys,
        venue: &Venue,
        plan: Plan,
    ) -> anyhow::Result<Sale<'a>> {
        let definition = venue.layout.definition.clone();
        let mut traffic = Traffic::open(log, keys, &definition.event)?;
        let event = definition.event.clone();
        let define = Body::Define(Box::new(Define { definition, actor: "demo".into() }));
        let open = Body::Open(Administration { edition: 1, actor: "demo".into() });
        for body in [define, open] {
            let id = RequestId(Uuid::now_v7());
            traffic.put(&Request { id, event: event.clone(), body })?;
            let answer = traffic.next(PATIENCE)?;
            let answer = answer.context("no owner answers: the event is not on sale")?;
            let changed = matches!(answer.body, OutcomeBody::Changed(_));
            ensure!(changed, "the event is not put on sale: {:?}", answer.body);
        }
        let began = ticks();
        let bound = Duration::from_secs(1) * plan.buyers / plan.rate.max(1)
            + Duration::from_secs(1) * plan.buyers / BUYERS_PER_SECOND_MIN
            + SLACK;
        let shown = Snapshot { phase: "on sale", ..Snapshot::default() };
        Ok(Sale {
            traffic,
            crowd: Crowd::new(venue, plan, now()),
            began,
            bound,
            heard: began,
            latency: Histogram::default(),
            gauge: Gauge::new(began, shown, u64::from(plan.buyers)),
        })
    }

    /// Sells until it is quiet.
    ///
    /// # Errors
    /// When the log fails, a worker has ended, an answer stays out, or the bound is met.
    pub(super) fn run(
        mut self,
        screen: &mut dyn Screen,
        workers_run: impl Fn() -> bool,
    ) -> anyhow::Result<Sold> {
        loop {
            self.send()?;
            if self.crowd.is_quiet() {
                break;
            }
            self.hear()?;
            if self.gauge.is_due() {
                ensure!(workers_run(), "a worker has ended before the sale");
                self.check_bounds()?;
                screen.draw(self.gauge.look(&self.crowd, self.began));
            }
        }
        let took = self.began.elapsed();
        screen.draw(self.gauge.look(&self.crowd, self.began));
        let counts = self.crowd.map().counts();
        Ok(Sold { counts, tally: self.crowd.tally().clone(), took, latency: self.latency })
    }

    fn send(&mut self) -> anyhow::Result<()> {
        while self.crowd.under_way() < UNDER_WAY_MAX
            && let Some(request) = self.crowd.next(self.began.elapsed())
        {
            self.traffic.put(&request)?;
        }
        Ok(())
    }

    /// Reads what there is; waits for it only as long as the crowd wants nothing.
    fn hear(&mut self) -> anyhow::Result<()> {
        let idle = self
            .crowd
            .wakes_at()
            .map_or(WAIT.1, |due| due.saturating_sub(self.began.elapsed()).clamp(WAIT.0, WAIT.1));
        let mut wait = idle;
        for _ in 0..OUTCOMES_AT_ONCE {
            let Some(outcome) = self.traffic.next(wait)? else { break };
            self.heard = ticks();
            if let Some(latency) = self.crowd.on_outcome(&outcome, self.began.elapsed()) {
                self.latency.add(latency);
                self.gauge.latency.add(latency);
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    fn check_bounds(&self) -> anyhow::Result<()> {
        let (waiting, held) = (self.crowd.under_way(), self.crowd.map().counts().held);
        if (waiting > 0 || held > 0) && self.heard.elapsed() > PATIENCE {
            bail!(
                "nothing was heard for {} s, with {waiting} requests unanswered and {held} places \
                 held: the owner or the expiry worker stands still",
                PATIENCE.as_secs()
            );
        }
        if self.began.elapsed() > self.bound {
            bail!(
                "the sale was not over after {} s, with {} buyers come, {waiting} requests \
                 unanswered and {held} places held: the log is too slow for this crowd; take fewer \
                 --buyers",
                self.bound.as_secs(),
                self.crowd.tally().buyers
            );
        }
        Ok(())
    }
}

impl Gauge {
    fn new(began: Instant, shown: Snapshot, buyers: u64) -> Gauge {
        let shown = Snapshot { buyers: (0, buyers), ..shown };
        Gauge {
            since: began,
            requests: 0,
            answers: 0,
            latency: Histogram::default(),
            drawn: began,
            shown,
        }
    }

    fn is_due(&self) -> bool {
        self.drawn.elapsed() >= DRAW_EVERY
    }

    fn look(&mut self, crowd: &Crowd, began: Instant) -> &Snapshot {
        self.drawn = ticks();
        let (tally, map) = (crowd.tally(), crowd.map());
        if self.since.elapsed() >= MEASURE_EVERY {
            let per_s = |count: u64| rate(count, self.since.elapsed());
            self.shown.requests_per_s = per_s(tally.requests - self.requests);
            self.shown.answers_per_s = per_s(tally.answers - self.answers);
            self.shown.p50_ms = self.latency.quantile_ms(0.5);
            self.shown.p99_ms = self.latency.quantile_ms(0.99);
            (self.requests, self.answers) = (tally.requests, tally.answers);
            (self.since, self.latency) = (self.drawn, Histogram::default());
        }
        self.shown.elapsed = began.elapsed();
        self.shown.phase = if crowd.is_quiet() {
            QUIET
        } else if tally.buyers < self.shown.buyers.1 {
            "on sale"
        } else if tally.returned == 0 {
            "settling"
        } else {
            "the last places"
        };
        self.shown.house = map.counts();
        self.shown.sections =
            map.sections().map(|(name, counts)| (name.to_owned(), counts)).collect();
        self.shown.buyers.0 = tally.buyers;
        self.shown.requests = tally.requests;
        self.shown.under_way = crowd.under_way();
        self.shown.refused = tally.heard.refusals();
        &self.shown
    }
}

/// So many in a second.
#[allow(clippy::cast_precision_loss, reason = "a rate")]
pub(super) fn rate(count: u64, length: Duration) -> f64 {
    count as f64 / length.as_secs_f64().max(0.001)
}
