//! Venues of all sizes, asked for all kinds of places while they are empty and when little is left,
//! and judged by looking at every block of every row.

use fastrand::Rng;

use super::event;
use super::rows::House;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::Definition;
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::outcome::OutcomeBody;
use crate::domain::request::{Best, Line};
use crate::domain::venues;

/// Sells so many percent of the numbered seats by their names, all over the house.
fn sell(house: &mut House, rng: &mut Rng, percent: u32) {
    let layout = house.state.layout().expect("it is defined").clone();
    let numbered = |seat: &SeatNumber| !layout.is_general(layout.section_of(*seat));
    let seats = (0..layout.seats()).map(SeatNumber).filter(numbered);
    let sold: Vec<SeatNumber> = seats.filter(|_| rng.u32(..100) < percent).collect();
    for seats in sold.chunks(SEATS_PER_REQUEST_MAX) {
        let line = |&seat: &SeatNumber| Line::Seat { name: layout.name(seat), tier: None };
        let answer = house.claim(seats.iter().map(line).collect(), false);
        assert!(matches!(answer, OutcomeBody::Held(_)), "{answer:?}");
    }
}

fn wish(rng: &mut Rng, definition: &Definition) -> Vec<Line> {
    let best = |rng: &mut Rng| {
        Line::Best(Best {
            section: (rng.u32(..3) == 0)
                .then(|| definition.sections[rng.usize(..definition.sections.len())].name.clone()),
            tier: (rng.u32(..4) == 0)
                .then(|| definition.tiers[rng.usize(..definition.tiers.len())].name.clone()),
            max_price: (rng.u32(..4) == 0).then(|| rng.i64(4_000..9_000)),
            count: rng.u32(1..9),
            split: rng.bool(),
            bays: 0,
        })
    };
    let section = "field".into();
    match rng.u32(..8) {
        0 => vec![best(rng), best(rng)],
        1 => vec![Line::Places { section, tier: None, count: rng.u32(1..9) }, best(rng)],
        _ => vec![best(rng)],
    }
}

#[test]
fn venues_are_sold_as_if_every_block_had_been_looked_at() {
    let mut rng = Rng::with_seed(15);
    let (mut held, mut refused) = (0, 0);
    let venues = [(venues::theatre(), 60), (venues::arena(), 12), (venues::stadium(), 3)];
    for (mut definition, wishes) in venues {
        let name = std::mem::replace(&mut definition.event, event());
        for (percent, no_single_seats) in [(0, true), (50, false), (97, false)] {
            definition.no_single_seats = no_single_seats;
            let mut house = House::new(definition.clone(), vec![]);
            sell(&mut house, &mut rng, percent);
            for _ in 0..wishes {
                let answer = house.claim(wish(&mut rng, &definition), false);
                let told = if answer.refusal().is_some() { &mut refused } else { &mut held };
                *told += 1;
            }
            house.state.recount();
            house.is_clean(&format!("{name}, {percent} % sold"));
        }
    }
    assert!(held > 120 && refused > 20, "{held} held, {refused} refused");
}
