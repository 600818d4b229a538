//! Checks of refusals that rest on the places wanted, by a claim, an exchange, a block or an
//! unblock.

use std::collections::BTreeSet;

use super::best::{self, Lack};
use super::event::{EventModel, is_in};
use super::finding::{Check, Judged, ensure};
use super::refusal::lists;
use super::venue::{Marked, Venue, Wanted};
use super::{edition, exchange};
use crate::domain::limits::{BLOCK_SEATS_MAX, SEATS_PER_REQUEST_MAX};
use crate::domain::outcome::Outcome;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Best, Body, Claim, Line};
use crate::domain::time::At;

/// Judges a refusal of one of the codes about places.
pub(super) fn judge(
    model: &EventModel,
    body: &Body,
    outcome: &Outcome,
    refused: &Refusal,
) -> Judged {
    let at = outcome.header.decided_at;
    let so = match (&model.venue, body) {
        (Some(venue), Body::Claim(claim)) => {
            let mut wanted = venue.wanted(claim);
            let named = wanted.named.keys().cloned().collect();
            let lack = best::choose(model, venue, claim, &mut wanted).err();
            let wish = Wish { venue, claim, wanted, named, lack };
            if refused.code == Code::SeatsTaken {
                return seats_taken(model, at, refused, &wish.wanted);
            }
            wish.is_refused(model, at, refused)
        }
        (Some(venue), Body::Exchange(ask)) => {
            let claim = &ask.wish();
            let wanted = venue.wanted(claim);
            let named = wanted.named.keys().cloned().collect();
            let wish = Wish { venue, claim, wanted, named, lack: None };
            if refused.code == Code::SeatsTaken {
                return seats_taken(model, at, refused, &wish.wanted);
            }
            // Of price and limits the difference counts, and there is no new hold.
            let of_net = Code::PriceChanged..=Code::LiveHolds;
            if of_net.contains(&refused.code) && refused.code != Code::KeptBack {
                exchange::is_refused(model, venue, ask, &wish.wanted, refused)
            } else {
                wish.is_refused(model, at, refused)
            }
        }
        (Some(_), Body::Amend(ask)) => edition::is_refused(model, ask, refused),
        (Some(venue), Body::Block(ask)) => {
            is_block_refused(model, &venue.marked(&ask.places), refused)
        }
        (Some(venue), Body::Unblock(ask)) => {
            is_unblock_refused(model, &venue.marked(&ask.places), refused)
        }
        (Some(_) | None, _) => false,
    };
    ensure(so, Check::Refusal, || {
        let expected = "a wish to which that does not apply".into();
        (expected, format!("{} {:?}", refused.code, refused.ground))
    })
}

/// Whether one of the rules is that of the code, and applies.
fn applies(code: Code, rules: &[(Code, &dyn Fn() -> bool)]) -> bool {
    rules.iter().any(|(own, so)| *own == code && so())
}

/// A claim on a known event.
struct Wish<'a> {
    venue: &'a Venue,
    claim: &'a Claim,
    /// With the seats that the event is to choose, where there are such.
    wanted: Wanted,
    /// Seats called by their name.
    named: BTreeSet<String>,
    /// Why the event can choose none.
    lack: Option<Lack>,
}

impl Wish<'_> {
    fn is_refused(&self, model: &EventModel, at: At, refused: &Refusal) -> bool {
        applies(
            refused.code,
            &[
                (Code::UnknownSeat, &|| listed(&self.wanted.unknown, refused)),
                (Code::TierMismatch, &|| listed(&self.wanted.mismatched, refused)),
                (Code::PriceChanged, &|| self.expects_another_price()),
                (Code::KeptBack, &|| {
                    let kept = self.kept_back();
                    !kept.is_empty() && lists(&kept.iter().collect(), refused)
                }),
                (Code::RequestLimit, &|| self.is_too_large()),
                (Code::BuyerLimit, &|| self.exceeds_buyer(model)),
                (Code::TierLimit, &|| self.exceeds_tier(model)),
                (Code::LiveHolds, &|| self.exceeds_live_holds(model)),
                (Code::Blocked, &|| {
                    let named = self.wanted.named.keys();
                    !self.claim.staff_override && are_blocked(model, named, refused)
                }),
                (Code::NotEnough, &|| {
                    self.lacks_places(model, at, refused) || self.lacks_the_best(refused)
                }),
                (Code::NoRun, &|| self.lacks_the_best(refused)),
                (Code::StrandsSeat, &|| {
                    let stranded = self.strands(model);
                    self.lack.is_none() && !stranded.is_empty() && stranded == refused.ground.seats
                }),
            ],
        )
    }

    fn over(&self, limit: Option<u32>, count: u64) -> bool {
        !self.claim.staff_override && limit.is_some_and(|limit| count > u64::from(limit))
    }

    fn lacks_the_best(&self, refused: &Refusal) -> bool {
        let told = |lack: &Lack| {
            let numbers = (refused.ground.limit, refused.ground.count);
            (lack.code, Some(lack.free as i64), Some(lack.count as i64))
                == (refused.code, numbers.0, numbers.1)
        };
        self.lack.as_ref().is_some_and(told)
    }

    fn kept_back(&self) -> Vec<String> {
        kept_from(self.venue, self.claim, &self.named)
    }

    /// The seats that the claim may not leave on their own.
    fn strands(&self, model: &EventModel) -> Vec<String> {
        stranded_by(model, self.venue, self.claim, &self.named, &self.wanted)
    }

    fn expects_another_price(&self) -> bool {
        self.lack.is_none()
            && self.claim.expected_price.is_some_and(|sum| i128::from(sum) != self.wanted.total)
    }

    fn is_too_large(&self) -> bool {
        let limit = self.venue.definition.limits.seats_per_request;
        let size = self.wanted.size;
        size > SEATS_PER_REQUEST_MAX as u64 || self.over(limit, size)
    }

    fn exceeds_buyer(&self, model: &EventModel) -> bool {
        let has: u64 = model.has(&self.claim.buyer).0.values().sum();
        self.over(self.venue.definition.limits.seats_per_buyer, has + self.wanted.size)
    }

    fn exceeds_tier(&self, model: &EventModel) -> bool {
        let (has, _) = model.has(&self.claim.buyer);
        let mut by_tier = self.wanted.by_tier.clone();
        // Seats that cannot be chosen count all the same where their tier is told.
        for line in self.claim.lines.iter().filter(|_| self.lack.is_some()) {
            if let Line::Best(Best { tier: Some(tier), count, .. }) = line {
                *by_tier.entry(tier.clone()).or_default() += u64::from(*count);
            }
        }
        by_tier.iter().any(|(tier, count)| {
            let limit = self.venue.tier(tier).and_then(|(_, _, limit)| limit);
            self.over(limit, has.get(tier.as_str()).unwrap_or(&0) + count)
        })
    }

    fn exceeds_live_holds(&self, model: &EventModel) -> bool {
        let (_, live) = model.has(&self.claim.buyer);
        self.over(self.venue.definition.limits.live_holds_per_buyer, live + 1)
    }

    /// Places that lapsed holds sit on are as good as free: the claim would have ended those holds.
    fn lacks_places(&self, model: &EventModel, at: At, refused: &Refusal) -> bool {
        self.wanted.by_section.iter().any(|(section, &count)| {
            let (free, lapsed) = model.free_in(section, at);
            refused.ground.seats.contains(section) && count > free + lapsed
        })
    }
}

/// The seats of a claim that are kept for others.
pub(super) fn kept_from(venue: &Venue, claim: &Claim, named: &BTreeSet<String>) -> Vec<String> {
    let allowed = claim.accessible || claim.staff_override;
    named.iter().filter(|seat| !allowed && venue.is_kept(seat)).cloned().collect()
}

/// The seats that a claim leaves on their own and may not: by its named seats, where others would
/// do.
pub(super) fn stranded_by(
    model: &EventModel,
    venue: &Venue,
    claim: &Claim,
    named: &BTreeSet<String>,
    wanted: &Wanted,
) -> Vec<String> {
    if !venue.definition.no_single_seats || claim.staff_override {
        return vec![];
    }
    let all: BTreeSet<String> = wanted.named.keys().cloned().collect();
    let chosen: BTreeSet<String> = all.difference(named).cloned().collect();
    let mut stranded = vec![];
    for alike in best::by_section_and_price(venue, named) {
        let alone = best::stranded(model, venue, &alike, &all);
        if !alone.is_empty() && best::has_another_choice(model, venue, &alike, &chosen) {
            stranded.extend(alone);
        }
    }
    stranded
}

fn is_block_refused(model: &EventModel, marked: &Marked, refused: &Refusal) -> bool {
    let lacks = || {
        lacks(marked, refused, |section| {
            let (free, _) = model.free_in(section, At(i64::MIN));
            free.saturating_sub(named_in(marked, section, |place| model.is_free(place)))
        })
    };
    let taken = || marked.named.iter().filter(|place| model.holder(place).is_some()).collect();
    applies(
        refused.code,
        &[
            (Code::UnknownSeat, &|| listed(&marked.unknown, refused)),
            (Code::RequestLimit, &|| marked.size() > BLOCK_SEATS_MAX as u64),
            // Lapsed holds in the way end first up to a bound; those beyond it are in the way.
            (Code::SeatsTaken, &|| lists(&taken(), refused)),
            (Code::Blocked, &|| are_blocked(model, marked.named.iter(), refused)),
            (Code::NotEnough, &lacks),
        ],
    )
}

fn is_unblock_refused(model: &EventModel, marked: &Marked, refused: &Refusal) -> bool {
    let lacks = || {
        lacks(marked, refused, |section| {
            let blocked = model.blocks.keys().filter(|place| is_in(section, place));
            let blocked = blocked.filter(|place| model.blocked(place).is_some()).count() as u64;
            blocked - named_in(marked, section, |place| model.blocked(place).is_some())
        })
    };
    let unblocked = |place: &&String| !model.blocks.contains_key(*place);
    applies(
        refused.code,
        &[
            (Code::UnknownSeat, &|| listed(&marked.unknown, refused)),
            (Code::RequestLimit, &|| marked.size() > BLOCK_SEATS_MAX as u64),
            (Code::NotEnough, &lacks),
            (Code::NotBlocked, &|| {
                lists(&marked.named.iter().filter(unblocked).collect(), refused)
            }),
        ],
    )
}

/// More is counted of a section than there is besides the places named.
fn lacks(marked: &Marked, refused: &Refusal, has: impl Fn(&str) -> u64) -> bool {
    let told = |section: &String| refused.ground.seats.contains(section);
    marked.counted.iter().any(|(section, &count)| told(section) && count > has(section))
}

fn named_in(marked: &Marked, section: &str, so: impl Fn(&str) -> bool) -> u64 {
    marked.named.iter().filter(|place| is_in(section, place) && so(place)).count() as u64
}

/// Every place listed is among those that the code is about, and at least one is listed.
fn listed(so: &[String], refused: &Refusal) -> bool {
    let seats = &refused.ground.seats;
    !seats.is_empty() && seats.iter().all(|seat| so.contains(seat))
}

/// The places listed are exactly those wanted that are blocked, the first for the reason told.
fn are_blocked<'a>(
    model: &EventModel,
    wanted: impl Iterator<Item = &'a String>,
    refused: &Refusal,
) -> bool {
    let reason = refused.ground.seats.first().and_then(|first| model.blocked(first));
    let blocked = wanted.filter(|place| model.blocked(place).is_some()).collect();
    lists(&blocked, refused) && reason == Some(&refused.ground.detail)
}

/// The seats listed are exactly those wanted that somebody has, by a hold that had not lapsed.
fn seats_taken(model: &EventModel, at: At, refused: &Refusal, wanted: &Wanted) -> Judged {
    let named = wanted.named.keys();
    let taken: BTreeSet<&String> = named.filter(|seat| model.holder(seat).is_some()).collect();
    ensure(lists(&taken, refused), Check::Refusal, || {
        let listed = &refused.ground.seats;
        (format!("taken: {taken:?}"), format!("{} listing {listed:?}", refused.code))
    })?;
    let lapsed = taken.iter().find(|seat| {
        model.holder(seat).and_then(|(_, hold)| hold).is_some_and(|hold| !hold.is_live(at))
    });
    ensure(lapsed.is_none(), Check::LateExpiry, || {
        ("lapsed holds in the way to end first".into(), format!("{lapsed:?} still taken"))
    })
}
