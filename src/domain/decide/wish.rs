//! What a request wants, in terms of the layout: places, tiers and prices in place of names.

use smallvec::SmallVec;

use crate::domain::event::EventState;
use crate::domain::few::Few;
use crate::domain::ids::SeatNumber;
use crate::domain::layout::{Layout, Stand};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Best, Claim, Line};
use crate::domain::seat::{Priced, Status, Wanted};

/// A claim in terms of the layout.
#[derive(Default)]
pub(super) struct Wish<'a> {
    pub(super) named: Wanted,
    /// The named seats as the claim calls them: the venue's names are spread all over memory.
    pub(super) names: SmallVec<[(SeatNumber, &'a str); 8]>,
    /// Places wanted of general admission, by section and then in the order of the lines.
    pub(super) general: SmallVec<[Counted; 4]>,
    /// Seats that the event is to choose.
    pub(super) best: SmallVec<[Chosen; 1]>,
    pub(super) by_tier: Few<u16, u32>,
    pub(super) price: i64,
}

/// A line of a claim that wants so many places of general admission, in terms of the layout.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    pub(super) section: usize,
    pub(super) tier: u16,
    pub(super) price: i64,
    pub(super) count: u32,
}

/// A line of a claim that leaves the choice to the event, in terms of the layout.
pub(super) struct Chosen {
    pub(super) section: Option<usize>,
    tier: Option<u16>,
    max_price: Option<i64>,
    pub(super) count: u32,
    pub(super) split: bool,
    pub(super) bays: u32,
}

impl Chosen {
    /// Reads a line whose section exists; `None` where its tier is not sold there.
    fn read(layout: &Layout, best: &Best) -> Option<Chosen> {
        let section = best.section.as_ref().and_then(|name| layout.section(name));
        let tier = match &best.tier {
            None => None,
            Some(name) => {
                let tier = layout.tier(name)?;
                let sold = |stand: &Stand| {
                    stand.tier == tier
                        && section.is_none_or(|section| stand.of_section(section).is_some())
                };
                Some(layout.stands().iter().any(sold).then_some(tier)?)
            }
        };
        let Best { max_price, count, split, bays, .. } = *best;
        Some(Chosen { section, tier, max_price, count, split, bays })
    }

    pub(super) fn fits(&self, layout: &Layout, stand: &Stand) -> bool {
        self.section.is_none_or(|section| stand.of_section(section).is_some())
            && self.tier.is_none_or(|tier| stand.tier == tier)
            && self.max_price.is_none_or(|most| layout.tier_at(stand.tier).price <= most)
    }

    pub(super) fn section_name(&self, layout: &Layout) -> Option<String> {
        self.section.map(|section| layout.definition.sections[section].name.clone())
    }
}

impl<'a> Wish<'a> {
    pub(super) fn read(&mut self, layout: &Layout, claim: &'a Claim) -> Result<(), Refusal> {
        let (mut unknown, mut mismatched) = (vec![], vec![]);
        for line in &claim.lines {
            match line {
                Line::Seat { name, tier } => {
                    let Some(seat) = layout.find(name) else {
                        unknown.push(name.clone());
                        continue;
                    };
                    match choose_tier(layout, layout.tiers_of(seat), tier.as_deref()) {
                        Some((tier, price)) => {
                            self.named.push(Priced { seat, tier, price });
                            self.names.push((seat, name));
                            self.add(tier, price, 1);
                        }
                        None => mismatched.push(name.clone()),
                    }
                }
                Line::Places { section, tier, count } => {
                    let Some(index) = layout.section(section) else {
                        unknown.push(section.clone());
                        continue;
                    };
                    match choose_tier(layout, layout.tiers_of_section(index), tier.as_deref()) {
                        Some((tier, price)) => {
                            let (section, count) = (index, *count);
                            self.general.push(Counted { section, tier, price, count });
                            self.add(tier, price, count);
                        }
                        None => mismatched.push(section.clone()),
                    }
                }
                Line::Best(best) => {
                    let section = best.section.as_ref();
                    if let Some(name) = section.filter(|name| layout.section(name).is_none()) {
                        unknown.push(name.clone());
                    } else if let Some(chosen) = Chosen::read(layout, best) {
                        self.best.push(chosen);
                    } else {
                        mismatched.extend(section.or(best.tier.as_ref()).cloned());
                    }
                }
            }
        }
        self.general.sort_by_key(|line| line.section);
        if !unknown.is_empty() {
            return Err(Refusal::over_seats(Code::UnknownSeat, unknown));
        }
        if mismatched.is_empty() {
            Ok(())
        } else {
            Err(Refusal::over_seats(Code::TierMismatch, mismatched))
        }
    }

    /// Counts what could not be chosen in the tier it was wanted in, where that is told.
    pub(super) fn count_unchosen(&mut self) {
        for chosen in &self.best {
            if let Some(tier) = chosen.tier {
                let of_tier = self.by_tier.or_default(tier);
                *of_tier = of_tier.saturating_add(chosen.count);
            }
        }
    }

    pub(super) fn add(&mut self, tier: u16, price: i64, count: u32) {
        // A claim for more than there can be is refused for its size, later on.
        let of_tier = self.by_tier.or_default(tier);
        *of_tier = of_tier.saturating_add(count);
        self.price = self.price.saturating_add(price.saturating_mul(i64::from(count)));
    }

    /// What a claim without the rule would do: go without the seats that are taken, if any is free.
    pub(super) fn leave_out_taken(&mut self, state: &EventState) {
        let free = |priced: &Priced| state.seat(priced.seat).status == Status::Free;
        if self.named.iter().any(free) {
            self.named.retain(|priced| free(priced));
        }
    }

    pub(super) fn check_price(&self, claim: &Claim) -> Result<(), Refusal> {
        match claim.expected_price {
            Some(expected) if expected != self.price => {
                Err(Refusal::limited(Code::PriceChanged, self.price, expected))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn choose_tier(layout: &Layout, sold_in: &[u16], named: Option<&str>) -> Option<(u16, i64)> {
    let tier = match named {
        None => sold_in[0],
        Some(name) => layout.tier(name).filter(|tier| sold_in.contains(tier))?,
    };
    Some((tier, layout.tier_at(tier).price))
}
