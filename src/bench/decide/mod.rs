//! `bench decide`: what one core decides in a second, without servers, log or ledger.
//!
//! Each case is a row of [`CASES`]: a batch of requests that is made before the clock starts and
//! undone after it stopped, so that every round meets the event as full as the one before. Only
//! [`step`] is timed, with the dropping of what it returned.
//!
//! - A rate is that of whole batches: the clock is read twice a batch.
//! - A latency is that of one decision: the clock is read between decisions. What reading it costs
//!   is measured first, taken off, and told in the parameters.
//!   A round has as many samples as the parameters say; of fewer than a thousand the 99.9th
//!   hundredth is the greatest.
//! - Allocations are counted in a round of their own, in total and beyond the blocks that the
//!   outcomes are made of.
//!
//! Of several rounds the best counts, since what else runs on a machine only ever adds time; least
//! and greatest stand beside it.

mod memory;
mod sale;

use std::hint::black_box;
use std::time::Duration;

use self::sale::{Ask, Sale, opened};
use super::Figure;
use super::allocations::count;
use crate::domain::decide::step;
use crate::domain::refusal::Code;
use crate::domain::venues;
use crate::ports::clock;

/// Measurements behind each figure.
const ROUNDS: usize = 5;
/// Requests timed together, where the event has places for so many.
const BATCH: usize = 1_000;
/// How long a round takes, with what prepares and undoes its batches; it has one batch at least.
const ROUND: Duration = Duration::from_millis(50);
/// Times the clock is read to learn what that costs.
const CLOCK_READS: usize = 10_000;
/// Lapsed holds of one place that one request ends at most.
const LAPSED: usize = 500;

/// What is measured.
struct Case {
    name: &'static str,
    /// On which event.
    house: House,
    /// Places sold before, in thousandths.
    sold: u32,
    /// Makes so many requests, and whatever must have happened before them.
    prepare: fn(&mut Sale, usize) -> Vec<Ask>,
    /// The code they are refused with; `None` if they are granted.
    refused: Option<Code>,
}

/// Which kind of places an event has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum House {
    /// Numbered ones.
    Seats,
    /// General admission.
    Standing,
}

const fn case(
    name: &'static str,
    house: House,
    sold: u32,
    prepare: fn(&mut Sale, usize) -> Vec<Ask>,
) -> Case {
    Case { name, house, sold, prepare, refused: None }
}

const fn refusal(
    name: &'static str,
    house: House,
    prepare: fn(&mut Sale, usize) -> Vec<Ask>,
    code: Code,
) -> Case {
    Case { name, house, sold: 1_000, prepare, refused: Some(code) }
}

/// All cases, a row each; of one house by rising `sold`, since one event is sold out step by step.
const CASES: &[Case] = &[
    case("named_claim", House::Seats, 0, |sale, count| sale.named_claims(1, count)),
    case("named_claim_2", House::Seats, 0, |sale, count| sale.named_claims(2, count)),
    case("best_1", House::Seats, 0, |sale, count| sale.best_claims(1, count)),
    case("best_2", House::Seats, 0, |sale, count| sale.best_claims(2, count)),
    case("best_4", House::Seats, 0, |sale, count| sale.best_claims(4, count)),
    case("best_8", House::Seats, 0, |sale, count| sale.best_claims(8, count)),
    case("confirm", House::Seats, 0, Sale::confirms),
    case("release", House::Seats, 0, Sale::releases),
    case("extend", House::Seats, 0, Sale::extends),
    case("expire", House::Seats, 0, |sale, count| sale.expires(1, count)),
    case("expire_500", House::Seats, 0, |sale, count| sale.expires(LAPSED, count)),
    case("named_claim_sold_50", House::Seats, 500, |sale, count| sale.named_claims(1, count)),
    case("best_1_sold_50", House::Seats, 500, |sale, count| sale.best_claims(1, count)),
    case("best_2_sold_50", House::Seats, 500, |sale, count| sale.best_claims(2, count)),
    case("best_4_sold_50", House::Seats, 500, |sale, count| sale.best_claims(4, count)),
    case("best_8_sold_50", House::Seats, 500, |sale, count| sale.best_claims(8, count)),
    case("named_claim_sold_95", House::Seats, 950, |sale, count| sale.named_claims(1, count)),
    case("best_1_sold_95", House::Seats, 950, |sale, count| sale.best_claims(1, count)),
    case("best_2_sold_95", House::Seats, 950, |sale, count| sale.best_claims(2, count)),
    case("best_4_sold_95", House::Seats, 950, |sale, count| sale.best_claims(4, count)),
    case("best_8_sold_95", House::Seats, 950, |sale, count| sale.best_claims(8, count)),
    case("named_claim_sold_99_9", House::Seats, 999, |sale, count| sale.named_claims(1, count)),
    case("best_1_sold_99_9", House::Seats, 999, |sale, count| sale.best_claims(1, count)),
    case("best_2_sold_99_9", House::Seats, 999, |sale, count| sale.best_claims(2, count)),
    case("best_4_sold_99_9", House::Seats, 999, |sale, count| sale.best_claims(4, count)),
    case("best_8_sold_99_9", House::Seats, 999, |sale, count| sale.best_claims(8, count)),
    refusal("refused_named", House::Seats, Sale::hopeless_claims, Code::SeatsTaken),
    refusal("refused_best", House::Seats, Sale::hopeless_best, Code::NotEnough),
    refusal("refused_best_of_section", House::Seats, Sale::hopeless_of_section, Code::NotEnough),
    case("general_claim", House::Standing, 0, Sale::general_claims),
    case("general_claim_sold_50", House::Standing, 500, Sale::general_claims),
    case("general_claim_sold_95", House::Standing, 950, Sale::general_claims),
    case("general_claim_sold_99_9", House::Standing, 999, Sale::general_claims),
    refusal("refused_general", House::Standing, Sale::general_claims, Code::NotEnough),
];

/// Measures everything and tells each figure as soon as it is there.
///
/// # Errors
/// What `tell` returns.
///
/// # Panics
/// When a decision is not what its case is about: then the figure would mean something else.
pub fn run<E>(tell: &mut dyn FnMut(&Figure) -> Result<(), E>) -> Result<(), E> {
    let clock = clock_cost();
    for seats in [venues::theatre(), venues::arena(), venues::speedway()] {
        memory::figures(&seats).iter().try_for_each(&mut *tell)?;
        let seats = Sale::new(opened(seats));
        let standing = Sale::new(opened(venues::standing(seats.places())));
        for (house, sale) in [(House::Seats, seats), (House::Standing, standing)] {
            run_house(house, sale, clock, tell)?;
        }
    }
    Ok(())
}

fn run_house<E>(
    house: House,
    mut sale: Sale,
    clock: Duration,
    tell: &mut dyn FnMut(&Figure) -> Result<(), E>,
) -> Result<(), E> {
    for case in CASES.iter().filter(|case| case.house == house) {
        sale.sell(case.sold);
        let mut bench = Bench { case, sale: &mut sale, clock, batch: 0 };
        bench.warm_up();
        for figure in bench.figures() {
            tell(&figure)?;
        }
    }
    Ok(())
}

/// What reading the clock costs: the median of many.
fn clock_cost() -> Duration {
    let mut costs: Vec<Duration> = (0..CLOCK_READS)
        .map(|_| {
            let before = clock::ticks();
            clock::ticks().duration_since(before)
        })
        .collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// One case on its event.
struct Bench<'a> {
    case: &'static Case,
    sale: &'a mut Sale,
    clock: Duration,
    batch: usize,
}

impl Bench<'_> {
    /// Goes through a batch once and looks whether the case is what it says.
    fn warm_up(&mut self) {
        let (case, mut batch) = (self.case, 0);
        self.cycle(|sale, asks| {
            batch = asks.len();
            for ask in asks {
                let decision = step(&mut sale.state, &ask.request, &ask.asked);
                let answer = decision.outcomes.first().expect("a decision has an answer");
                assert_eq!(answer.code(), case.refused, "{} of {:?}", case.name, ask.request);
            }
        });
        self.batch = batch;
    }

    fn cycle<T>(&mut self, run: impl FnOnce(&mut Sale, &[Ask]) -> T) -> T {
        let asks = (self.case.prepare)(self.sale, BATCH);
        assert!(!asks.is_empty(), "{} has nothing to decide", self.case.name);
        let result = run(self.sale, &asks);
        self.sale.undo(&asks);
        result
    }

    fn round(&mut self, mut run: impl FnMut(&mut Sale, &[Ask])) {
        let began = clock::ticks();
        loop {
            self.cycle(&mut run);
            if began.elapsed() > ROUND {
                return;
            }
        }
    }

    fn figures(&mut self) -> Vec<Figure> {
        let name = format!("decide.{}.{}", self.case.name, self.sale.places());
        let clock = self.clock.as_nanos();
        let params = format!("sold={}/1000 batch={} clock={clock}ns", self.case.sold, self.batch);
        let rates: Vec<f64> = (0..ROUNDS).map(|_| self.rate()).collect();
        let mut figures = vec![Figure::highest(&name, &rates, "decisions/s", &params)];
        let latencies: Vec<Vec<f64>> = (0..ROUNDS).map(|_| self.latencies()).collect();
        let fewest = latencies.iter().map(Vec::len).min().unwrap_or_default();
        let of_latencies = format!("{params} samples={fewest}");
        for (quantile, what) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p999")] {
            let name = format!("{name}.{what}");
            let value = |sorted: &Vec<f64>| Figure::quantile("", sorted, quantile, "", "").value;
            let rounds: Vec<f64> = latencies.iter().map(value).collect();
            figures.push(Figure::lowest(name, &rounds, "ns", &of_latencies));
        }
        for (what, blocks) in self.allocations() {
            let unit = "allocations/decision";
            figures.push(Figure::once(format!("{name}.{what}"), blocks, unit, &params));
        }
        figures
    }

    /// Decisions a second, over whole batches.
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    fn rate(&mut self) -> f64 {
        let (mut took, mut decisions, clock) = (Duration::ZERO, 0, self.clock);
        self.round(|sale, asks| {
            decisions += asks.len();
            let began = clock::ticks();
            for ask in asks {
                black_box(step(&mut sale.state, &ask.request, &ask.asked));
            }
            took += began.elapsed().saturating_sub(clock);
        });
        decisions as f64 / took.as_secs_f64()
    }

    /// Nanoseconds of each decision of a round, rising.
    fn latencies(&mut self) -> Vec<f64> {
        let clock = self.clock;
        let mut samples: Vec<f64> = vec![];
        self.round(|sale, asks| {
            samples.reserve(asks.len());
            let mut before = clock::ticks();
            for ask in asks {
                black_box(step(&mut sale.state, &ask.request, &ask.asked));
                let after = clock::ticks();
                let took = after.duration_since(before).saturating_sub(clock);
                samples.push(took.as_secs_f64() * 1e9);
                before = after;
            }
        });
        samples.sort_unstable_by(f64::total_cmp);
        samples
    }

    /// Blocks allocated by one decision: all, and all but those its outcomes consist of.
    #[allow(clippy::cast_precision_loss, reason = "a mean")]
    fn allocations(&mut self) -> Vec<(&'static str, f64)> {
        let counted = self.cycle(|sale, asks| {
            let (mut all, mut outcome) = (0, 0);
            for ask in asks {
                let (decision, whole) = count(|| step(&mut sale.state, &ask.request, &ask.asked));
                all += whole?.blocks;
                outcome += count(|| decision.outcomes.clone()).1?.blocks;
            }
            Some((all, outcome, asks.len()))
        });
        let Some((all, outcome, decisions)) = counted else { return vec![] };
        let mean = |blocks: u64| blocks as f64 / decisions as f64;
        vec![("allocations", mean(all)), ("allocations_beyond_outcome", mean(all - outcome))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`Bench::warm_up`] looks at every decision of a batch; the second finds the event as full as
    /// the first.
    #[test]
    fn each_case_is_about_what_it_says() {
        for house in [House::Seats, House::Standing] {
            let mut sale = Sale::new(opened(match house {
                House::Seats => venues::theatre(),
                House::Standing => venues::standing(2_700),
            }));
            for case in CASES.iter().filter(|case| case.house == house) {
                sale.sell(case.sold);
                let mut bench = Bench { case, sale: &mut sale, clock: Duration::ZERO, batch: 0 };
                bench.warm_up();
                let batch = bench.batch;
                bench.warm_up();
                assert_eq!(bench.batch, batch, "{}", case.name);
                assert_eq!(sale.state.live_holds(), (0, None), "{}", case.name);
                sale.state.recount();
            }
        }
    }
}
