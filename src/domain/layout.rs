//! What is on sale: the definition as an organiser writes it, and the venue compiled from it.
//!
//! Places are numbered in the order of the definition, and called by name: `section/row/seat`
//! for a numbered place, `section/n` for place n of a general-admission section. A row is a text in
//! physical order, such as `1-10 | 11-20`: labels and rising or falling ranges, `|` where an aisle
//! or a pillar parts neighbours (neighbours are never guessed from printed numbers, F25). Rows that
//! read alike share one plan, so that an arena costs a few bytes a seat.

mod finder;
mod numbering;
mod row;
mod stand;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use foldhash::HashMap;
use smallvec::SmallVec;
use thiserror::Error;

use finder::Finder;
use numbering::Numbers;
pub use numbering::{Numbering, Run};
pub use row::{Kept, RowPlan};
pub use stand::{Spot, Stand, StandRow};

use super::ids::{EventId, NameError, SeatNumber, check_name};
use super::limits::{
    EXTEND_MAX_MAX, HOLD_TIME_MAX, HOLD_TIME_MIN, MAX_WAIT_MAX, SEATS_PER_EVENT_MAX,
    SEATS_PER_REQUEST_MAX, SECTION_TIERS_MAX, SECTIONS_MAX, TIERS_MAX,
};
use super::time::Millis;

/// An event as its organiser defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its id.
    pub event: EventId,
    /// How long a hold lasts.
    pub hold_time: Millis,
    /// How long a claim may wait before it is refused as stale.
    pub max_wait: Millis,
    /// How far beyond the time in its id and the hold time a hold may be extended; zero is not at
    /// all, but for what the clock that made the id was ahead of the log.
    pub extend_max: Millis,
    /// ISO 4217 code, three capital letters.
    pub currency: String,
    /// Whether a claim by name is refused that leaves a seat on its own where another choice of its
    /// size would not.
    pub no_single_seats: bool,
    /// What one buyer may have.
    pub limits: Limits,
    /// What places cost; a claim and a price are pinned to one of them.
    pub tiers: Vec<Tier>,
    /// Where the places are.
    pub sections: Vec<Section>,
}

/// Bounds on one buyer; `None` is no bound, zero is a bound of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Places in one claim.
    pub seats_per_request: Option<u32>,
    /// Places of the event, held plus booked, over all requests.
    pub seats_per_buyer: Option<u32>,
    /// Live holds at a time.
    pub live_holds_per_buyer: Option<u32>,
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Minor units of the event's currency.
    pub price: i64,
    /// Places of this tier one buyer may have; `None` is no bound.
    pub seats_per_buyer: Option<u32>,
}

/// A part of the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Lower is better; the order in which places are offered.
    pub rank: i32,
    /// The tiers its places are sold in. The first is the one meant when a claim names none.
    pub tiers: Vec<String>,
    /// Its places.
    pub places: Places,
}

/// How a section's places are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// Rows in order, best first.
    Rows(Vec<Row>),
    /// So many interchangeable places.
    General(u32),
}

/// A row of numbered seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Labels in physical order, such as `7 5 3 1 | 2 4 6 8` or `1-20`.
    pub seats: String,
    /// The tier of its seats where it is not the section's.
    pub tier: Option<String>,
    /// Labels of its wheelchair bays, such as `3 4`.
    pub bays: String,
    /// Labels of the seats kept for those who come with somebody in a bay.
    pub companions: String,
}

/// Why a definition cannot be used. The text names the place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DefinitionError {
    /// A name breaks the alphabet.
    #[error("{what} {name:?} {problem}")]
    Name {
        /// Section, row, seat label, tier.
        what: &'static str,
        /// The name itself.
        name: String,
        /// What is wrong with it.
        problem: NameError,
    },
    /// Two of one name where names must differ.
    #[error("{what} {name:?} is there twice")]
    Twice {
        /// Section, row, seat label, tier.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A tier that is not defined.
    #[error("section {section:?} is sold in tier {tier:?}, which is not defined")]
    UnknownTier {
        /// The section.
        section: String,
        /// The tier.
        tier: String,
    },
    /// A number outside its bounds.
    #[error("{what} is {value}; it must be from {least} to {most}")]
    Range {
        /// What the number says.
        what: &'static str,
        /// The number.
        value: i64,
        /// Its lower bound.
        least: i64,
        /// Its upper bound.
        most: i64,
    },
    /// A row text that cannot be read.
    #[error("row {row:?}: {part:?} {problem}")]
    RowText {
        /// The row.
        row: String,
        /// The part of the text.
        part: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Rows of the ledger that are not those of the places.
    #[error("row {0} is not that of one place")]
    Numbering(u32),
    /// Not three capital letters.
    #[error("currency {0:?} is not three capital letters, such as EUR")]
    Currency(String),
}

/// Digits of the greatest number that a place of general admission is called by.
const DIGITS_MAX: usize = u32::MAX.ilog10() as usize + 1;

/// A name whose bytes lie in the map itself, as those of nearly all rows do: rows are many, and
/// what a pointer leads to is seldom in a cache.
type ShortName = SmallVec<[u8; 16]>;

/// A venue compiled for deciding.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What it was compiled from.
    pub definition: Definition,
    sections: Vec<CompiledSection>,
    by_name: HashMap<String, usize>,
    tiers: HashMap<String, u16>,
    /// What outcomes say of each tier, and of the currency: lent to all of them.
    tier_names: Vec<Arc<str>>,
    currency: Arc<str>,
    stands: Vec<Stand>,
    seats: u32,
    finder: Finder,
    /// Rows of the ledger, where they are not in the order of the places.
    numbers: Option<Numbers>,
}

#[derive(Clone, Debug)]
struct CompiledSection {
    first: u32,
    count: u32,
    tiers: Vec<u16>,
    rows: Vec<CompiledRow>,
    row_by_name: HashMap<ShortName, u32>,
}

#[derive(Clone, Debug)]
struct CompiledRow {
    first: u32,
    tier: u16,
    plan: Arc<RowPlan>,
    /// Its stand, and its place among the rows there.
    stand: u32,
    in_stand: u32,
}

impl Layout {
    /// Checks a definition and compiles it.
    ///
    /// # Errors
    /// Names the first thing that cannot be.
    pub fn compile(definition: Definition) -> Result<Layout, DefinitionError> {
        check_bounds(&definition)?;
        let mut layout = Layout {
            tiers: compile_tiers(&definition.tiers)?,
            sections: Vec::with_capacity(definition.sections.len()),
            by_name: HashMap::default(),
            tier_names: definition.tiers.iter().map(|tier| tier.name.as_str().into()).collect(),
            currency: definition.currency.as_str().into(),
            stands: vec![],
            seats: 0,
            finder: Finder::default(),
            numbers: None,
            definition,
        };
        // Lent to the plans for as long as they are looked up by their texts.
        let sections = std::mem::take(&mut layout.definition.sections);
        let mut plans: HashMap<[&str; 3], Arc<RowPlan>> = HashMap::default();
        for (index, defined) in sections.iter().enumerate() {
            let section = layout.compile_section(defined, &mut plans)?;
            let name = defined.name.clone();
            range(
                "places of the event",
                i64::from(section.first + section.count),
                0,
                SEATS_PER_EVENT_MAX as i64,
            )?;
            layout.seats = section.first + section.count;
            layout.sections.push(section);
            if layout.by_name.insert(name.clone(), index).is_some() {
                return Err(DefinitionError::Twice { what: "section", name });
            }
        }
        layout.definition.sections = sections;
        range("places of the event", i64::from(layout.seats), 1, SEATS_PER_EVENT_MAX as i64)?;
        range("tiers over all sections", layout.tiers_sold() as i64, 1, SECTION_TIERS_MAX as i64)?;
        layout.finder = Finder::new(&layout.sections);
        layout.compile_stands();
        Ok(layout)
    }

    fn compile_section<'a>(
        &self,
        section: &'a Section,
        plans: &mut HashMap<[&'a str; 3], Arc<RowPlan>>,
    ) -> Result<CompiledSection, DefinitionError> {
        named("section", &section.name)?;
        let tier = |name: &String| {
            self.tiers.get(name).copied().ok_or_else(|| DefinitionError::UnknownTier {
                section: section.name.clone(),
                tier: name.clone(),
            })
        };
        let mut compiled = CompiledSection {
            first: self.seats,
            count: 0,
            tiers: section.tiers.iter().map(tier).collect::<Result<_, _>>()?,
            rows: vec![],
            row_by_name: HashMap::default(),
        };
        range("tiers of a section", compiled.tiers.len() as i64, 1, TIERS_MAX as i64)?;
        match &section.places {
            Places::General(capacity) => {
                range("places of a section", i64::from(*capacity), 1, SEATS_PER_EVENT_MAX as i64)?;
                compiled.count = *capacity;
            }
            Places::Rows(rows) => {
                range("rows of a section", rows.len() as i64, 1, SEATS_PER_EVENT_MAX as i64)?;
                for row in rows {
                    named("row", &row.name)?;
                    let texts = [&row.seats, &row.bays, &row.companions].map(String::as_str);
                    let plan = match plans.get(&texts) {
                        Some(plan) => Arc::clone(plan),
                        None => {
                            let mut plan = RowPlan::parse(&row.name, &row.seats)?;
                            plan.keep(&row.name, &row.bays, Kept::Bay)?;
                            plan.keep(&row.name, &row.companions, Kept::Companion)?;
                            let plan = Arc::new(plan);
                            plans.insert(texts, Arc::clone(&plan));
                            plan
                        }
                    };
                    range("seats of a row", i64::from(plan.len()), 1, SEATS_PER_EVENT_MAX as i64)?;
                    let tier = row.tier.as_ref().map_or(Ok(compiled.tiers[0]), tier)?;
                    let first = compiled.first + compiled.count;
                    compiled.count += plan.len();
                    range(
                        "places of the event",
                        i64::from(compiled.first + compiled.count),
                        1,
                        SEATS_PER_EVENT_MAX as i64,
                    )?;
                    let position = u32::try_from(compiled.rows.len()).expect("rows are bounded");
                    if compiled.row_by_name.insert(row.name.bytes().collect(), position).is_some() {
                        return Err(DefinitionError::Twice { what: "row", name: row.name.clone() });
                    }
                    compiled.rows.push(CompiledRow { first, tier, plan, stand: 0, in_stand: 0 });
                }
            }
        }
        Ok(compiled)
    }

    /// In how many tiers sections are sold, over all of them.
    #[must_use]
    pub fn tiers_sold(&self) -> usize {
        self.sections.iter().map(CompiledSection::tiers_sold).sum()
    }

    /// Whether places of a section are sold in a tier.
    #[must_use]
    pub fn sells(&self, section: usize, tier: u16) -> bool {
        let CompiledSection { tiers, rows, .. } = &self.sections[section];
        tiers.contains(&tier) || rows.iter().any(|row| row.tier == tier)
    }

    /// How many places the event has.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.seats
    }

    /// How many sections the event has.
    #[must_use]
    pub fn sections(&self) -> usize {
        self.sections.len()
    }

    /// The index of a section.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// First place and number of places of a section.
    #[must_use]
    pub fn span(&self, section: usize) -> (u32, u32) {
        (self.sections[section].first, self.sections[section].count)
    }

    /// Whether a section's places are interchangeable.
    #[must_use]
    pub fn is_general(&self, section: usize) -> bool {
        matches!(self.definition.sections[section].places, Places::General(_))
    }

    /// The section a place lies in.
    #[must_use]
    pub fn section_of(&self, seat: SeatNumber) -> usize {
        self.locate(seat).0
    }

    fn locate(&self, seat: SeatNumber) -> (usize, Option<&CompiledRow>) {
        let (section, row) = self.position(seat);
        (section, row.map(|row| &self.sections[section].rows[row]))
    }

    /// Section of a place, and its row there.
    fn position(&self, seat: SeatNumber) -> (usize, Option<usize>) {
        assert!(seat.0 < self.seats, "place {} is not in the layout", seat.0);
        self.finder.find(seat.0)
    }

    /// The index of a tier.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<u16> {
        self.tiers.get(name).copied()
    }

    /// The name of a tier by its index.
    #[must_use]
    pub fn tier_name(&self, index: u16) -> Arc<str> {
        Arc::clone(&self.tier_names[index as usize])
    }

    /// The currency of all prices.
    #[must_use]
    pub fn currency(&self) -> Arc<str> {
        Arc::clone(&self.currency)
    }

    /// A tier by its index.
    #[must_use]
    pub fn tier_at(&self, index: u16) -> &Tier {
        &self.definition.tiers[index as usize]
    }

    /// The tiers a place is sold in: of a numbered seat its row's, of a general place its
    /// section's.
    #[must_use]
    pub fn tiers_of(&self, seat: SeatNumber) -> &[u16] {
        match self.locate(seat) {
            (_, Some(row)) => std::slice::from_ref(&row.tier),
            (section, None) => &self.sections[section].tiers,
        }
    }

    /// Whether a seat is kept for those who need it, and for whom.
    #[must_use]
    pub fn kept(&self, seat: SeatNumber) -> Option<Kept> {
        let row = self.locate(seat).1?;
        row.plan.kept(seat.0 - row.first)
    }

    /// The tiers a general-admission section is sold in.
    #[must_use]
    pub fn tiers_of_section(&self, section: usize) -> &[u16] {
        &self.sections[section].tiers
    }

    /// All places that a name means, which follow each other: a seat `section/row/seat`, a row
    /// `section/row`, a section, or place `section/n` of general admission.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Range<u32>> {
        let (section, rest) = name.split_once('/').map_or((name, None), |(s, r)| (s, Some(r)));
        let index = self.section(section)?;
        let (first, count) = self.span(index);
        let Some(rest) = rest else { return Some(first..first + count) };
        if self.is_general(index) {
            let label = rest.parse::<u32>().ok().filter(|label| label.to_string() == rest)?;
            let SeatNumber(number) = self.labelled(index, label)?;
            return Some(number..number + 1);
        }
        if let Some(SeatNumber(number)) = self.find(name) {
            return Some(number..number + 1);
        }
        let section = &self.sections[index];
        let row = &section.rows[*section.row_by_name.get(rest.as_bytes())? as usize];
        Some(row.first..row.first + row.plan.len())
    }

    /// The numbered seat of a full name. Places of general-admission sections cannot be named.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SeatNumber> {
        let (section, rest) = part(name)?;
        let (row, seat) = part(rest)?;
        let section = &self.sections[self.section(section)?];
        let row = &section.rows[*section.row_by_name.get(row.as_bytes())? as usize];
        Some(SeatNumber(row.first + row.plan.by_label.get(seat)?))
    }

    /// The full name of a place.
    #[must_use]
    pub fn name(&self, seat: SeatNumber) -> String {
        let (section, row) = self.position(seat);
        let defined = &self.definition.sections[section];
        match (&defined.places, row) {
            (Places::Rows(rows), Some(position)) => {
                let row = &self.sections[section].rows[position];
                let label = &row.plan.labels[(seat.0 - row.first) as usize];
                let parts = [&defined.name, "/", &rows[position].name, "/", label];
                let mut name = String::with_capacity(parts.iter().map(|part| part.len()).sum());
                parts.iter().for_each(|part| name.push_str(part));
                name
            }
            _ => {
                let mut name = String::with_capacity(defined.name.len() + 1 + DIGITS_MAX);
                name.push_str(&defined.name);
                let written = write!(name, "/{}", self.label_of(section, seat));
                written.expect("a text takes what is written to it");
                name
            }
        }
    }
}

/// The first part of a full name, and what follows it.
pub fn part(name: &str) -> Option<(&str, &str)> {
    // Names are short: a plain loop is done before a vectored search has begun.
    let slash = name.bytes().position(|byte| byte == b'/')?;
    Some((&name[..slash], &name[slash + 1..]))
}

impl CompiledSection {
    /// How many tiers its places are sold in: so many counts the inventory has of it.
    fn tiers_sold(&self) -> usize {
        let of_rows = self.rows.iter().map(|row| row.tier);
        self.tiers.iter().copied().chain(of_rows).collect::<BTreeSet<u16>>().len()
    }
}

fn compile_tiers(tiers: &[Tier]) -> Result<HashMap<String, u16>, DefinitionError> {
    range("tiers of the event", tiers.len() as i64, 1, TIERS_MAX as i64)?;
    let mut by_name = HashMap::default();
    for (index, tier) in tiers.iter().enumerate() {
        named("tier", &tier.name)?;
        range("price", tier.price, 0, 1_000_000_000_000)?;
        let index = u16::try_from(index).expect("TIERS_MAX fits");
        if by_name.insert(tier.name.clone(), index).is_some() {
            return Err(DefinitionError::Twice { what: "tier", name: tier.name.clone() });
        }
    }
    Ok(by_name)
}

fn check_bounds(definition: &Definition) -> Result<(), DefinitionError> {
    range("hold-time (ms)", definition.hold_time.0, HOLD_TIME_MIN.0, HOLD_TIME_MAX.0)?;
    range("max-wait (ms)", definition.max_wait.0, 1, MAX_WAIT_MAX.0)?;
    range("extend-max (ms)", definition.extend_max.0, 0, EXTEND_MAX_MAX.0)?;
    range("sections", definition.sections.len() as i64, 1, SECTIONS_MAX as i64)?;
    if let Some(limit) = definition.limits.seats_per_request {
        range("seats-per-request", i64::from(limit), 0, SEATS_PER_REQUEST_MAX as i64)?;
    }
    let currency = definition.currency.as_bytes();
    if currency.len() != 3 || !currency.iter().all(u8::is_ascii_uppercase) {
        return Err(DefinitionError::Currency(definition.currency.clone()));
    }
    Ok(())
}

fn named(what: &'static str, name: &str) -> Result<(), DefinitionError> {
    check_name(name).map_err(|problem| DefinitionError::Name { what, name: name.into(), problem })
}

fn range(what: &'static str, value: i64, least: i64, most: i64) -> Result<(), DefinitionError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(DefinitionError::Range { what, value, least, most })
    }
}
