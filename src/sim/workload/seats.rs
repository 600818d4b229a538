//! Which places are asked for: by claims, blocks and unblocks.

use super::sale::Spot;
use super::venue::{GIANT_ROWS, Size};
use super::wish::Wish;
use crate::domain::ids::SeatNumber;
use crate::domain::limits::{BLOCK_SEATS_MAX, FULL_NAME_BYTES_MAX, SEATS_PER_REQUEST_MAX};
use crate::domain::request::{Best, Body, Claim, Line, Target};

/// Places looked at for one that is as wanted.
const LOOKS: u32 = 24;

/// Whether a place is of the kind looked for.
type Pool = fn(Spot) -> bool;

impl Spot {
    fn is_free(self) -> bool {
        !self.taken && !self.blocked
    }

    /// Kept from sale.
    fn is_kept(self) -> bool {
        !self.taken && self.blocked
    }

    /// Out of its block, with somebody who will give it back there.
    fn is_lent(self) -> bool {
        self.taken && self.blocked
    }
}

impl Wish<'_> {
    pub(super) fn claim(&mut self) -> Body {
        let buyer = self.somebody();
        self.sale.await_claim(self.id, buyer.clone());
        let staff_override = self.mix.staff.hit(self.rng);
        let pool = if staff_override && self.rng.bool() { Spot::is_kept } else { Spot::is_free };
        let mut lines = self.lines(pool);
        if self.mix.odd.hit(self.rng) {
            self.make_odd(&mut lines);
        }
        let price = self.mix.priced.hit(self.rng).then(|| self.price(&lines));
        let accessible = self.one_in(4);
        let expected_price = price.map(|price| price + i64::from(self.one_in(4)));
        Body::Claim(Claim { buyer, lines, expected_price, staff_override, accessible })
    }

    /// What an exchange wants.
    pub(super) fn wanted(&mut self) -> Vec<Line> {
        self.lines(Spot::is_free)
    }

    fn lines(&mut self, pool: Pool) -> Vec<Line> {
        let size = self.sale.venue.size;
        if size == Size::Giant {
            return self.whole_row();
        }
        let parts = if size != Size::Crowd && self.one_in(4) { self.rng.usize(2..=3) } else { 1 };
        let mut lines = vec![];
        for _ in 0..parts {
            let venue = &self.sale.venue;
            let general = self.rng.choice(&venue.general).copied();
            let numbered = self.rng.choice(&venue.numbered).copied();
            match (general, numbered) {
                (Some(section), None) => lines.push(self.counted(section)),
                (Some(section), Some(_)) if size == Size::Crowd || self.rng.u32(..5) < 2 => {
                    lines.push(self.counted(section));
                }
                (_, Some(section)) if self.one_in(3) => lines.push(self.best(section)),
                (_, Some(section)) => self.add_seats(section, pool, &mut lines),
                (None, None) => {}
            }
        }
        lines
    }

    fn counted(&mut self, section: usize) -> Line {
        let count = match self.sale.venue.size {
            Size::Crowd => self.rng.u32(40..=50),
            Size::Small | Size::Large | Size::Giant => {
                let most = if self.mix.greedy.hit(self.rng) { 12 } else { 3 };
                self.rng.u32(1..=most)
            }
        };
        let venue = &self.sale.venue;
        let tiers = &venue.definition().sections[section].tiers;
        let tier = self.rng.bool().then(|| self.rng.choice(tiers).cloned()).flatten();
        Line::Places { section: venue.section_name(section).into(), tier, count }
    }

    /// The best seats of a section, or of all.
    fn best(&mut self, section: usize) -> Line {
        let most = if self.mix.greedy.hit(self.rng) { 12 } else { 4 };
        let count = self.rng.u32(1..=most);
        let venue = &self.sale.venue;
        let here = (self.rng.u32(..3) > 0).then(|| venue.section_name(section).to_owned());
        let tiers = &venue.definition().sections[section].tiers;
        let tier = (self.rng.u32(..5) == 0).then(|| tiers[0].clone());
        let max_price = (self.rng.u32(..5) == 0).then(|| self.rng.i64(0..20) * 500);
        let bays = if self.one_in(6) { self.rng.u32(1..=count.min(2)) } else { 0 };
        Line::Best(Best { section: here, tier, max_price, count, split: self.rng.bool(), bays })
    }

    /// Some seats next to each other.
    fn add_seats(&mut self, section: usize, pool: Pool, lines: &mut Vec<Line>) {
        let most = if self.mix.greedy.hit(self.rng) { 10 } else { 3 };
        let wanted = self.rng.u32(1..=most);
        let seat = self.seat(section, pool);
        let (first, count) = self.sale.venue.layout.span(section);
        let with_tier = self.one_in(4);
        for number in seat..(seat + wanted).min(first + count) {
            let venue = &self.sale.venue;
            let name = &venue.names[number as usize];
            if lines
                .iter()
                .any(|line| matches!(line, Line::Seat { name: other, .. } if other == name))
            {
                continue;
            }
            let tier = with_tier.then(|| self.tier_of(number));
            lines.push(Line::Seat { name: name.clone(), tier });
        }
    }

    fn tier_of(&self, number: u32) -> String {
        let layout = &self.sale.venue.layout;
        layout.tier_at(layout.tiers_of(SeatNumber(number))[0]).name.clone()
    }

    /// A seat that somebody has or everybody wants, or else one of the pool.
    fn seat(&mut self, section: usize, pool: Pool) -> u32 {
        let (first, count) = self.sale.venue.layout.span(section);
        if self.mix.contended.hit(self.rng) {
            return first + self.rng.u32(..count.min(6));
        }
        self.look_for(first, count, pool)
    }

    /// A place of a range that is of the pool, if one is found soon.
    fn look_for(&mut self, first: u32, count: u32, pool: Pool) -> u32 {
        let start = self.rng.u32(..count);
        let at = |step: u32| first + (start + step) % count;
        let fits = |number: &u32| pool(self.sale.places[*number as usize]);
        (0..LOOKS.min(count)).map(at).find(fits).unwrap_or(at(0))
    }

    /// One of the two rows everybody wants, or once in a while another, which may still be free.
    fn whole_row(&mut self) -> Vec<Line> {
        let row = if self.one_in(20) { self.rng.usize(..GIANT_ROWS) } else { self.rng.usize(..2) };
        let first = SEATS_PER_REQUEST_MAX * row;
        let names = &self.sale.venue.names[first..first + SEATS_PER_REQUEST_MAX];
        names.iter().map(|name| Line::Seat { name: name.clone(), tier: None }).collect()
    }

    /// What the lines cost, as the buyer has been shown.
    pub(super) fn price(&self, lines: &[Line]) -> i64 {
        let layout = &self.sale.venue.layout;
        let of_line = |line: &Line| {
            let (sold_in, named, count) = match line {
                Line::Seat { name, tier } => (layout.tiers_of(layout.find(name)?), tier, 1),
                Line::Places { section, tier, count } => {
                    (layout.tiers_of_section(layout.section(section)?), tier, *count)
                }
                // Whoever leaves the choice to the event guesses that it is the first tier.
                Line::Best(Best { section, tier, count, .. }) => {
                    let section = section.as_ref().map_or(Some(0), |name| layout.section(name))?;
                    (layout.tiers_of_section(section), tier, *count)
                }
            };
            let tier = named.as_ref().map_or(Some(sold_in[0]), |name| layout.tier(name))?;
            Some(layout.tier_at(tier).price * i64::from(count))
        };
        lines.iter().filter_map(of_line).sum()
    }

    /// Makes a wish that does not fit the event, or makes no sense.
    pub(super) fn make_odd(&mut self, lines: &mut Vec<Line>) {
        let venue = &self.sale.venue;
        let (general, numbered) = (venue.general.first(), venue.numbered.first());
        let place = |section: &str, tier: Option<&str>, count| Line::Places {
            section: section.into(),
            tier: tier.map(Into::into),
            count,
        };
        let seat = |name: String| Line::Seat { name, tier: None };
        match self.rng.u32(..14) {
            0 => lines.push(seat("A/99/1".into())),
            12 | 13 => lines.push(Line::Best(Best {
                section: [
                    None,
                    Some("nowhere".into()),
                    general.map(|&of| venue.section_name(of).into()),
                ][self.rng.usize(..3)]
                .clone(),
                tier: None,
                max_price: None,
                count: self.rng.u32(0..3) * 30,
                split: true,
                bays: self.rng.u32(0..3),
            })),
            1 => lines.push(place("nowhere", None, 1)),
            2 | 3 => {
                let wrong = ["child", "stand", "none"][self.rng.usize(..3)];
                for line in lines {
                    let (Line::Seat { tier, .. }
                    | Line::Places { tier, .. }
                    | Line::Best(Best { tier, .. })) = line;
                    *tier = Some(wrong.into());
                }
            }
            4 => lines.extend(numbered.map(|&of| place(venue.section_name(of), None, 1))),
            5 => lines.extend(general.map(|&of| seat(format!("{}/1", venue.section_name(of))))),
            6 => lines.extend(lines.first().cloned()),
            7 => lines.push(place("A", None, 0)),
            8 => lines.clear(),
            9 => lines.push(seat("x".repeat(FULL_NAME_BYTES_MAX + 1))),
            10 => *lines = (0..=SEATS_PER_REQUEST_MAX).map(|n| seat(format!("A/1/{n}"))).collect(),
            _ => {
                let count = [51, 10_000, u32::MAX][self.rng.usize(..3)];
                lines.extend(general.map(|&of| place(venue.section_name(of), None, count)));
            }
        }
    }

    pub(super) fn places_to_block(&mut self) -> Vec<Target> {
        self.targets(Spot::is_free)
    }

    pub(super) fn places_to_unblock(&mut self) -> Vec<Target> {
        let pool = if self.rng.bool() { Spot::is_lent } else { Spot::is_kept };
        self.targets(pool)
    }

    fn targets(&mut self, pool: Pool) -> Vec<Target> {
        if self.mix.odd.hit(self.rng) {
            return self.odd_targets();
        }
        let lines = if self.one_in(3) { 2 } else { 1 };
        (0..lines).map(|_| self.target(pool)).collect()
    }

    fn target(&mut self, pool: Pool) -> Target {
        let place = self.look_for(0, self.sale.venue.layout.seats(), pool);
        let venue = &self.sale.venue;
        let section = venue.layout.section_of(SeatNumber(place));
        let name = &venue.names[place as usize];
        match self.rng.u32(..12) {
            0..4 if venue.general.contains(&section) => {
                let section = venue.section_name(section).into();
                Target::Places { section, count: self.rng.u32(1..=2) }
            }
            // A row; of a general-admission section, the section.
            0 => Target::Named(name.rsplit_once('/').map_or("A", |(row, _)| row).into()),
            1 if self.rng.bool() => Target::Named(venue.section_name(section).into()),
            _ => Target::Named(name.clone()),
        }
    }

    fn odd_targets(&mut self) -> Vec<Target> {
        let venue = &self.sale.venue;
        let section = |sections: &[usize]| {
            sections.first().map_or("nowhere", |&of| venue.section_name(of)).to_owned()
        };
        let over = u32::try_from(BLOCK_SEATS_MAX).expect("a small bound") + 1;
        vec![match self.rng.u32(..6) {
            0 => Target::Named("A/99".into()),
            1 => Target::Places { section: section(&venue.numbered), count: 1 },
            2 => Target::Places { section: section(&venue.general), count: over },
            3 => Target::Places { section: section(&venue.general), count: 0 },
            4 => Target::Places { section: section(&venue.general), count: 40 },
            _ => return vec![],
        }]
    }
}
