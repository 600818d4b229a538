//! Requests that name a hold: one that lives, has lapsed, was booked, has ended, is only asked for,
//! or never was.

use uuid::Uuid;

use super::sale::Known;
use super::wish::Wish;
use crate::domain::ids::{RequestId, SeatNumber};
use crate::domain::limits::SEATS_PER_REQUEST_MAX;
use crate::domain::request::{Body, Cancel, Confirm, Exchange, Extend, Line, Release};
use crate::domain::time::{At, Millis};

/// Shares of live holds, bookings and ended ones among the holds named; the rest are not known.
struct Shares {
    live: u32,
    booked: u32,
    ended: u32,
}

impl Wish<'_> {
    pub(super) fn confirm(&mut self) -> Body {
        let known = self.hold(&Shares { live: 70, booked: 10, ended: 12 });
        let used = self.mix.paid_before.hit(self.rng);
        let before = self.rng.choice(&self.sale.paid).cloned();
        let reference = match (&known.reference, before) {
            (_, Some(before)) if used => before,
            (Some(reference), _) if self.rng.u32(..3) > 0 => reference.clone(),
            (Some(_) | None, _) => self.sale.pay(),
        };
        Body::Confirm(Confirm { buyer: known.buyer, hold: known.hold, reference })
    }

    pub(super) fn extend(&mut self) -> Body {
        let known = self.hold(&Shares { live: 80, booked: 6, ended: 8 });
        let definition = self.sale.venue.definition();
        let made = known.hold.made_at().unwrap_or_default();
        let cap = made.plus(definition.hold_time).plus(definition.extend_max);
        let later = At(self.rng.i64(known.deadline.0..=cap.0.max(known.deadline.0)));
        let deadline = match self.rng.u32(..10) {
            0 => known.deadline.minus(Millis(self.rng.i64(0..2_000))),
            1 => cap.plus(Millis(self.rng.i64(1..5_000))),
            2 => cap,
            _ => later,
        };
        Body::Extend(Extend { buyer: known.buyer, hold: known.hold, deadline })
    }

    pub(super) fn release(&mut self) -> Body {
        let known = self.hold(&Shares { live: 75, booked: 6, ended: 10 });
        Body::Release(Release { buyer: known.buyer, hold: known.hold })
    }

    pub(super) fn cancel(&mut self) -> Body {
        let known = self.hold(&Shares { live: 8, booked: 75, ended: 10 });
        let Known { hold, buyer, seats, .. } = known;
        let name = |seat: &SeatNumber| self.sale.venue.names[seat.0 as usize].clone();
        let mut names: Vec<String> = match self.rng.u32(..8) {
            0..3 => vec![],
            3 => seats.iter().map(name).collect(),
            _ => seats[..self.rng.usize(0..=seats.len())].iter().map(name).collect(),
        };
        if self.mix.odd.hit(self.rng) {
            match self.rng.u32(..4) {
                0 => names.extend(names.first().cloned()),
                1 => names.push("A/99/1".into()),
                2 => {
                    names = (0..=SEATS_PER_REQUEST_MAX).map(|seat| format!("A/1/{seat}")).collect()
                }
                _ => names.push(self.sale.venue.names[0].clone()),
            }
        }
        let block = self.mix.into_block.hit(self.rng).then(|| self.reason());
        Body::Cancel(Cancel { buyer, hold, seats: names, block })
    }

    pub(super) fn exchange(&mut self) -> Body {
        let known = self.hold(&Shares { live: 8, booked: 75, ended: 10 });
        let Known { hold, buyer, seats: own, .. } = known;
        let count = if self.one_in(3) { own.len() } else { self.rng.usize(0..=own.len()) };
        let given = &own[..count.max(1).min(own.len())];
        let name = |seat: &SeatNumber| self.sale.venue.names[seat.0 as usize].clone();
        let mut seats: Vec<String> = given.iter().map(name).collect();
        let paid: i64 = given.iter().map(|seat| self.sale.places[seat.0 as usize].price).sum();
        let mut lines = self.wanted();
        if seats.is_empty() && !self.one_in(8) {
            seats.push(self.sale.venue.names[0].clone());
        }
        if self.mix.odd.hit(self.rng) {
            match self.rng.u32(..4) {
                0 => lines.extend(
                    seats.first().map(|name| Line::Seat { name: name.clone(), tier: None }),
                ),
                1 => seats.push("A/99/1".into()),
                2 => seats.clear(),
                _ => self.make_odd(&mut lines),
            }
        }
        let difference =
            self.mix.priced.hit(self.rng).then(|| self.price(&lines).saturating_sub(paid));
        let expected_difference = difference.map(|sum| sum + i64::from(self.one_in(4)));
        Body::Exchange(Exchange { buyer, hold, seats, lines, expected_difference })
    }

    /// A hold to name, and in whose name: mostly the holder's.
    fn hold(&mut self, shares: &Shares) -> Known {
        let mut known = self.aimed().unwrap_or_else(|| self.known(shares));
        if self.mix.stranger.hit(self.rng) {
            known.buyer = self.somebody();
        }
        known
    }

    fn aimed(&mut self) -> Option<Known> {
        let aim = self.aim?;
        self.sale.live.iter().find(|known| known.hold == aim).cloned()
    }

    fn known(&mut self, shares: &Shares) -> Known {
        let (booked, ended) =
            (shares.live + shares.booked, shares.live + shares.booked + shares.ended);
        let draw = self.rng.u32(..100);
        let found = match draw {
            _ if draw < shares.live => self.rng.choice(&self.sale.live).cloned(),
            _ if draw < booked => self.rng.choice(&self.sale.booked).cloned(),
            _ if draw < ended => self.rng.choice(&self.sale.ended).cloned(),
            _ => None,
        };
        let any = || {
            let sale = &self.sale;
            sale.live.last().or(sale.booked.last()).or(sale.ended.back()).cloned()
        };
        let found = if draw < ended { found.or_else(any) } else { None };
        found.unwrap_or_else(|| self.unknown())
    }

    /// A hold nothing was told of: asked for just now, or never.
    fn unknown(&mut self) -> Known {
        let pending = self.rng.choice(&self.sale.pending).cloned();
        let (hold, buyer) = match pending {
            Some(pending) if self.rng.bool() => pending,
            Some(_) | None => {
                let nobodys = RequestId(Uuid::from_u128(self.id.0.as_u128() ^ 1 << 60));
                (nobodys, self.somebody())
            }
        };
        let deadline = self.now.plus(self.sale.venue.definition().hold_time);
        Known { hold, buyer, seats: vec![], deadline, reference: None }
    }
}
