//! `bench expiry`: how long after its deadline and grace a hold of a quiet event ends.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use uuid::Uuid;

use super::Figure;
use super::producing::{Answers, Producing};
use super::workload::{Crowd, Wish, Workload};
use crate::app::{Backend, Workers};
use crate::config::{Config, Role};
use crate::domain::ids::HoldId;
use crate::domain::limits::GRACE;
use crate::domain::outcome::OutcomeBody;
use crate::domain::time::{At, Millis};
use crate::ports::clock;
use crate::ports::log::{Follower, Log, Topic};
use crate::seal::Keys;
use crate::wire;

/// How long nothing may happen before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the holds of the bench last: long enough for all to be made before the first ends.
const HOLD_TIME: Millis = Millis(8_000);

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Quiet events with one hold each.
    pub events: usize,
    /// Holds of one event that lapse together.
    pub together: u64,
}

/// Measures both.
///
/// # Errors
/// When the servers are not what is needed, or holds do not end.
pub fn run(config: &Config, options: Options) -> anyhow::Result<Vec<Figure>> {
    let backend = Backend::open(config)?;
    let workers = Workers::start(config, &backend, &[Role::Booking, Role::Expiry], 1)?;
    let keys = config.seal_keys().map_err(anyhow::Error::msg)?;
    let measured = measure(&*backend.log, &keys, options);
    let ended = workers.stop();
    let figures = measured?;
    ended?;
    Ok(figures)
}

fn measure(log: &dyn Log, keys: &Keys, options: Options) -> anyhow::Result<Vec<Figure>> {
    let quiet = lateness(log, keys, options.events, options.events as u64)?;
    let mut late: Vec<f64> = quiet.iter().map(|(due, ended)| millis(ended.since(*due))).collect();
    late.sort_by(f64::total_cmp);
    let params = format!("events={} holds=1", options.events);
    let mut figures = vec![
        Figure::quantile("expiry.quiet.p50", &late, 0.5, "ms", &params),
        Figure::quantile("expiry.quiet.p99", &late, 0.99, "ms", &params),
    ];
    let together = lateness(log, keys, 1, options.together)?;
    let first = together.iter().map(|(due, _)| due.0).max().unwrap_or(0);
    let last = together.iter().map(|(_, ended)| ended.0).max().unwrap_or(0);
    let params = format!("events=1 holds={}", options.together);
    let whole = millis(Millis(last - first));
    figures.push(Figure::once("expiry.together.whole", whole, "ms", &params));
    Ok(figures)
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds")]
fn millis(length: Millis) -> f64 {
    length.0 as f64
}

/// Makes holds and waits until all have ended: when each was due, and when its end was seen.
fn lateness(
    log: &dyn Log,
    keys: &Keys,
    events: usize,
    holds: u64,
) -> anyhow::Result<Vec<(At, At)>> {
    let mut producing = Producing::new(log, keys)?;
    let name = format!("expiry-{}", Uuid::now_v7().simple());
    let places = u32::try_from(holds / events as u64 + 1)?;
    let mut crowd = Crowd::new(&name, events, places, HOLD_TIME);
    (crowd.places, crowd.seats) = (crowd.places_of_event(), 0);
    let mut answers = Answers::from_now(log)?;
    let mut ends = log.follow_from_now(&[Topic::Held, Topic::Released], &log.all_partitions())?;
    producing.put_on_sale(&crowd)?;
    answers.wait_for(2 * events as u64, PATIENCE)?;
    let wishes: Vec<Wish> = if events == 1 {
        let mut workload = Workload::new(crowd, 1);
        (0..holds).map(|_| workload.next_place()).collect()
    } else {
        crowd
            .events
            .iter()
            .map(|event| {
                let one = Crowd { events: vec![event.clone()], ..crowd.clone() };
                Workload::new(one, 1).next_place()
            })
            .collect()
    };
    wishes.iter().try_for_each(|wish| producing.put(wish))?;
    producing.settle()?;
    collect(&mut *ends, holds)
}

fn collect(ends: &mut dyn Follower, holds: u64) -> anyhow::Result<Vec<(At, At)>> {
    let mut due: HashMap<HoldId, At> = HashMap::new();
    let mut ended: HashMap<HoldId, At> = HashMap::new();
    let mut last = clock::ticks();
    while (ended.len() as u64) < holds {
        let Some(record) = ends.next(Duration::from_millis(100))? else {
            if last.elapsed() > PATIENCE {
                bail!("{} of {holds} holds ended: is an expiry worker running?", ended.len());
            }
            continue;
        };
        last = clock::ticks();
        let Some(value) = record.value else { continue };
        match wire::outcome::decode(&value)?.map(|outcome| outcome.body) {
            Some(OutcomeBody::Held(held)) => {
                due.insert(held.hold, held.deadline.plus(GRACE));
            }
            Some(OutcomeBody::Released(released)) => {
                ended.insert(released.hold, clock::now());
            }
            Some(
                OutcomeBody::Booked(_)
                | OutcomeBody::Extended(_)
                | OutcomeBody::Cancelled(_)
                | OutcomeBody::Exchanged(_)
                | OutcomeBody::Changed(_)
                | OutcomeBody::Refused(_),
            )
            | None => {}
        }
    }
    Ok(ended.iter().filter_map(|(hold, at)| Some((*due.get(hold)?, *at))).collect())
}
