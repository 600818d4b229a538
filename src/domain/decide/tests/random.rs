//! Random sales of all kinds of requests over a small venue.
//!
//! After each request [`Sale::ask`] recounts every index and makes the event again from the rows a
//! ledger would keep. Here a twin of the sale is taken over every so often, and must answer every
//! request alike; places are neither lost nor made, and each one sold is refunded once at most.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::table::{Sale, venue};
use crate::domain::event::EventState;
use crate::domain::ids::{HoldId, SeatNumber};
use crate::domain::layout::Places;
use crate::domain::outcome::OutcomeBody;
use crate::domain::seat::Status;
use crate::domain::time::Millis;

const REQUESTS: u64 = 1_500;

/// Knuth's MMIX generator: enough for tests, the same everywhere.
struct Lot(u64);

impl Lot {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[usize::try_from(self.below(words.len() as u64)).expect("a short list")]
    }

    fn seat(&mut self) -> String {
        format!("A/{}/{}", 1 + self.below(2), 1 + self.below(5))
    }

    /// What a cancel may name, and a block.
    fn place(&mut self) -> String {
        if self.one_in(3) { format!("G/{}", 1 + self.below(6)) } else { self.seat() }
    }
}

/// A small house with bounds that are met now and then.
fn sale() -> Sale {
    let mut definition = venue();
    definition.sections[1].places = Places::General(6);
    definition.extend_max = Millis(240_000);
    definition.limits.seats_per_buyer = Some(5);
    definition.limits.live_holds_per_buyer = Some(2);
    Sale::new(definition)
}

/// A line without its time and outcomes: what is asked, by whom. `holds` were granted lately.
fn request(lot: &mut Lot, number: u64, seconds: u64, holds: &[u64]) -> String {
    let hold = |lot: &mut Lot| {
        let back = usize::try_from(1 + lot.below(8)).expect("small");
        let granted = holds.len().checked_sub(back).map(|index| holds[index]);
        format!("h{}", granted.unwrap_or(number))
    };
    // Every hold is of the buyer of its number, so that most requests name the right one.
    let holder = |lot: &mut Lot, hold: &str| match lot.one_in(10) {
        true => format!("b{}", lot.below(4)),
        false => format!("b{}", hold[1..].parse::<u64>().expect("a number") % 4),
    };
    match lot.below(100) {
        0..45 => {
            let mut wish = vec![];
            for _ in 0..lot.below(3) {
                wish.push(lot.seat());
            }
            if wish.is_empty() || lot.one_in(3) {
                wish.push(format!("G*{}{}", 1 + lot.below(2), lot.pick(&["", ":vip"])));
            }
            let staff = if lot.one_in(4) { " staff" } else { "" };
            format!("h{number} b{} claim {}{staff}", number % 4, wish.join(" "))
        }
        45..60 => {
            let (other, hold) = (hold(lot), hold(lot));
            let paid = if lot.one_in(3) { &other } else { &hold };
            format!("{} confirm {hold} pay-{paid}", holder(lot, &hold))
        }
        60..66 => {
            let hold = hold(lot);
            format!("{} release {hold}", holder(lot, &hold))
        }
        66..76 => {
            let hold = hold(lot);
            let places: Vec<String> = (0..lot.below(3)).map(|_| lot.place()).collect();
            format!("{} cancel {hold} {}", holder(lot, &hold), places.join(" "))
        }
        76..82 => {
            let hold = hold(lot);
            let given: Vec<String> = (0..1 + lot.below(2)).map(|_| lot.place()).collect();
            let wanted = if lot.one_in(3) { "G*1".into() } else { lot.seat() };
            let asker = holder(lot, &hold);
            format!("r{number} {asker} exchange {hold} {} for {wanted}", given.join(" "))
        }
        82..88 => {
            let hold = hold(lot);
            let until = seconds + lot.below(900);
            let asker = holder(lot, &hold);
            format!("r{number} {asker} extend {hold} {}:{:02}", until / 60, until % 60)
        }
        88..90 => "expire".into(),
        90..92 => format!("block {} for=reason-{}", targets(lot), number % 3),
        92..96 => format!("unblock {}", targets(lot)),
        96 if lot.one_in(3) => lot.pick(&["pause", "close"]).into(),
        96 => "open @1".into(),
        97..100 => "open".into(),
        _ => unreachable!("the lot is below a hundred"),
    }
}

fn targets(lot: &mut Lot) -> String {
    let target = |lot: &mut Lot| match lot.below(8) {
        0..4 => lot.place(),
        4..6 => format!("G={}", 1 + lot.below(2)),
        6 => format!("A/{}", 1 + lot.below(2)),
        7 => lot.pick(&["A", "G", "Z", "A/3"]).into(),
        _ => unreachable!("the lot is below eight"),
    };
    (0..1 + lot.below(2)).map(|_| target(lot)).collect::<Vec<_>>().join(" ")
}

/// Free, blocked and taken places are all there are.
fn count(state: &EventState) {
    let Some(layout) = state.layout() else { return };
    let sections = 0..layout.sections();
    let free: u32 = sections.clone().map(|section| state.free_places(section).count()).sum();
    let blocked: u32 = sections.map(|section| state.blocked_places(section).count()).sum();
    let taken: u32 = state.taken().map(|(_, taken)| taken.held + taken.booked).sum();
    assert_eq!(free + blocked + taken, layout.seats());
}

/// What the outcomes told so far come to, without looking into the state.
#[derive(Default)]
struct Story {
    booked: HashMap<(HoldId, String), i64>,
    refunded: HashSet<(HoldId, String)>,
    off: bool,
    told: BTreeMap<String, u64>,
}

impl Story {
    fn follow(&mut self, body: &OutcomeBody) {
        match body {
            OutcomeBody::Booked(booked) => {
                for place in &booked.places {
                    let sold = (booked.hold, place.seat.clone());
                    assert!(!self.refunded.contains(&sold), "{sold:?} was given back");
                    self.booked.insert(sold, place.price);
                }
            }
            OutcomeBody::Cancelled(cancelled) => {
                let sold = |seat: &String| (cancelled.hold, seat.clone());
                let mut refund = 0;
                for place in &cancelled.places {
                    refund += self.booked[&sold(&place.seat)];
                    assert!(self.refunded.insert(sold(&place.seat)), "{} twice", place.seat);
                }
                assert_eq!(cancelled.refund, if self.off { 0 } else { refund });
            }
            OutcomeBody::Exchanged(exchanged) => {
                let sold = |seat: &String| (exchanged.hold, seat.clone());
                let mut difference = 0;
                for place in &exchanged.given_back {
                    difference -= self.booked[&sold(&place.seat)];
                    assert!(self.refunded.insert(sold(&place.seat)), "{} twice", place.seat);
                }
                for place in exchanged.places.iter().filter(|p| exchanged.taken.contains(&p.seat)) {
                    // A place that was given back may be had again, and paid for again.
                    self.refunded.remove(&sold(&place.seat));
                    self.booked.insert(sold(&place.seat), place.price);
                    difference += place.price;
                }
                assert_eq!(exchanged.difference, difference);
            }
            OutcomeBody::Held(_)
            | OutcomeBody::Extended(_)
            | OutcomeBody::Released(_)
            | OutcomeBody::Changed(_)
            | OutcomeBody::Refused(_) => {}
        }
    }

    /// Counts what was told by its kind, or its code.
    fn tell(&mut self, told: &str) {
        let words: Vec<&str> = told.split(' ').collect();
        let kind = match words[..] {
            ["refused", code, ..] if told.ends_with("(cancelled)") => format!("{code} cancelled"),
            ["refused", code, ..] => code.into(),
            ["derived", ..] => "derived".into(),
            ["repeat", kind, ..] => format!("repeat {kind}"),
            [hold, cause, ..] if hold.starts_with('h') && hold != "held" => cause.into(),
            [kind, ..] => kind.into(),
            [] => unreachable!("something is told"),
        };
        *self.told.entry(kind).or_default() += 1;
    }
}

fn run(seed: u64, story: &mut Story) {
    let mut lot = Lot(seed);
    let (mut here, mut there) = (sale(), sale());
    let mut asked: Vec<String> = vec!["define".into(), "open".into()];
    let mut holds: Vec<u64> = vec![];
    let mut seconds = 0;
    for number in 0..REQUESTS {
        seconds += lot.below(40);
        let again = number > 2 && lot.one_in(12);
        let text = match usize::try_from(number) {
            Ok(first @ (0 | 1)) => asked[first].clone(),
            Ok(_) | Err(_) if again => {
                let back = usize::try_from(lot.below(12)).expect("small");
                let before = &asked[asked.len().saturating_sub(1 + back)];
                match before.split_once(' ') {
                    Some((name, _)) if name.starts_with(['h', 'r']) && lot.one_in(4) => {
                        format!("{name} b1 claim A/1/1")
                    }
                    Some(_) | None => before.clone(),
                }
            }
            Ok(_) | Err(_) if number == REQUESTS - 200 => "call-off".into(),
            Ok(_) | Err(_) => request(&mut lot, number, seconds, &holds),
        };
        let line = format!("{}:{:02} {text}", seconds / 60, seconds % 60);
        asked.push(text);
        let decided = here.ask(&line);
        if lot.one_in(5) {
            there.take_over();
        }
        let alike = there.ask(&line);
        assert_eq!(decided.outcomes, alike.outcomes, "seed {seed}, request {number}: {line}");
        assert_eq!(decided.touched, alike.touched, "seed {seed}, request {number}: {line}");
        count(here.state());
        for outcome in &decided.outcomes {
            story.follow(&outcome.body);
            if matches!(outcome.body, OutcomeBody::Held(_)) && !again {
                holds.push(number);
            }
            story.tell(&here.tell(outcome));
        }
        story.off |=
            here.tell(decided.outcomes.last().expect("an answer")).starts_with("called-off");
    }
    let booked = |number: &u32| here.state().seat(SeatNumber(*number)).status == Status::Booked;
    let left = (0..here.state().layout().expect("defined").seats()).filter(booked).count();
    let sold = story.booked.keys().filter(|sold| !story.refunded.contains(*sold)).count();
    assert_eq!(sold, left, "seed {seed}: places booked and not given back");
}

#[test]
fn random_sales_are_alike_before_and_after_takeovers() {
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=6 {
        let mut story = Story::default();
        run(seed, &mut story);
        story.told.into_iter().for_each(|(kind, count)| *told.entry(kind).or_default() += count);
    }
    let expected = "already-defined blocked booked buyer-limit called-off cancelled closed defined \
        derived event-off exchanged expired extended extension-cap held hold-ended hold-ended_cancelled \
        live-holds not-blocked not-enough not-holder not-in-booking nothing-booked nothing-due \
        opened paused reference-used released repeat_booked repeat_held repeated \
        request-conflict sale-closed sale-not-open seats-taken unblocked unknown-hold \
        unknown-seat wrong-edition";
    let expected: BTreeSet<String> =
        expected.split_whitespace().map(|kind| kind.replace('_', " ")).collect();
    let missing: Vec<&String> = expected.iter().filter(|kind| !told.contains_key(*kind)).collect();
    assert!(missing.is_empty(), "never told: {missing:?} of {told:#?}");
}
