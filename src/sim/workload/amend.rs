//! Another definition for an event that is known: mostly a little more or less of something.

use fastrand::Rng;

use super::sale::{Known, Sale, Spot};
use super::venue::Venue;
use super::wish::Wish;
use crate::domain::ids::{RequestId, SeatNumber};
use crate::domain::layout::{Definition, Layout, Places, Row, Tier};
use crate::domain::request::{Administration, Amend, Body};

/// Definitions asked for and not yet answered.
const ASKED_MAX: usize = 8;

impl Wish<'_> {
    pub(super) fn amend(&mut self) -> Body {
        let Administration { edition, actor } = self.administration();
        let mut definition = self.sale.venue.definition().clone();
        for _ in 0..self.rng.u32(1..=2) {
            change(self.rng, &mut definition);
        }
        if self.mix.odd.hit(self.rng) {
            misuse(self.rng, &mut definition);
        }
        if let Ok(layout) = Layout::compile(definition.clone()) {
            let amended = Venue::new(self.sale.venue.size, layout);
            self.sale.amends.truncate(ASKED_MAX - 1);
            self.sale.amends.push_front((self.id, amended));
        }
        Body::Amend(Box::new(Amend { edition, actor, definition }))
    }
}

fn change(rng: &mut Rng, definition: &mut Definition) {
    let section = rng.usize(..definition.sections.len().max(1));
    let tier = rng.usize(..definition.tiers.len().max(1));
    match rng.u32(..10) {
        0 => definition.tiers[tier].price = rng.i64(0..20) * 500,
        1 => definition.tiers[tier].seats_per_buyer = rng.bool().then(|| rng.u32(1..6)),
        2 => definition.limits.seats_per_buyer = rng.bool().then(|| rng.u32(1..10)),
        3 => {
            let name = format!("tier-{}", definition.tiers.len());
            definition.tiers.push(Tier { name: name.clone(), price: 700, seats_per_buyer: None });
            definition.sections[section].tiers.push(name);
        }
        4 => definition.sections.rotate_left(1),
        5 => definition.sections[section].rank = rng.i32(0..3),
        _ => match &mut definition.sections[section].places {
            Places::General(places) => {
                let by = rng.u32(1..=3);
                *places = if rng.bool() { *places + by } else { places.saturating_sub(by).max(1) };
            }
            Places::Rows(rows) => change_rows(rng, rows),
        },
    }
}

fn change_rows(rng: &mut Rng, rows: &mut Vec<Row>) {
    let row = rng.usize(..rows.len());
    match rng.u32(..6) {
        0 => rows.rotate_left(1),
        1 if rows.len() > 1 => {
            rows.remove(row);
        }
        2 => {
            let name = format!("new-{}", rng.u32(..100));
            if rows.iter().all(|row| row.name != name) {
                let row =
                    Row { name, seats: "1-4".into(), bays: String::new(), ..rows[row].clone() };
                rows.insert(0, Row { companions: String::new(), ..row });
            }
        }
        3 => rows[row].seats.insert_str(0, &format!("x{} ", rng.u32(..100))),
        4 => rows[row].seats = rows[row].seats.replace("1-3 |", "1-2 |").replace("1-8", "1-7"),
        _ => (rows[row].bays, rows[row].companions) = (String::new(), String::new()),
    }
}

/// What no definition on sale may become.
fn misuse(rng: &mut Rng, definition: &mut Definition) {
    match rng.u32(..4) {
        0 => definition.currency = "XTS".into(),
        1 => definition.tiers.rotate_left(1),
        2 => definition.tiers[0].name = "renamed".into(),
        _ => definition.sections.clear(),
    }
}

impl Sale {
    /// Another definition is in force.
    pub(super) fn learn_amended(&mut self, request: RequestId) {
        let Some(at) = self.amends.iter().position(|(id, _)| *id == request) else { return };
        let amended = self.amends.swap_remove_back(at).map(|(_, venue)| venue);
        let Some(amended) = amended else { return };
        let before = std::mem::replace(&mut self.venue, amended);
        let moved = |seat: SeatNumber| self.venue.number(&before.names[seat.0 as usize]);
        let mut places = vec![Spot::default(); self.venue.names.len()];
        for (seat, spot) in (0..).map(SeatNumber).zip(&self.places) {
            if let Some(now) = moved(seat) {
                places[now.0 as usize] = *spot;
            }
        }
        let shift = |known: &mut Known| {
            known.seats = known.seats.iter().filter_map(|seat| moved(*seat)).collect();
        };
        self.live.iter_mut().chain(&mut self.booked).chain(&mut self.ended).for_each(shift);
        self.places = places;
    }
}
