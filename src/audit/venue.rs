//! The venue, expanded from a definition a second time: every place by its full name.
//!
//! No numbers, no shared rows, no index beyond the names: an event of 200,000 places costs some
//! twenty megabytes here, and there is little to get wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::layout::{Definition, Places, Section};
use crate::domain::request::{Best, Claim, Line, Target};

/// Every place of an event.
#[derive(Clone, Debug)]
pub(super) struct Venue {
    pub(super) definition: Definition,
    /// Index of the section and, for a numbered seat, name of its tier.
    places: HashMap<String, (usize, Option<String>)>,
    pub(super) capacity: Vec<u64>,
    /// What the places of each section of general admission are called there, rising.
    labels: HashMap<String, Vec<u32>>,
    /// Rows of numbered seats, in the order of the definition.
    pub(super) rows: Vec<VenueRow>,
}

/// A row of numbered seats.
#[derive(Clone, Debug)]
pub(super) struct VenueRow {
    pub(super) section: usize,
    /// How many rows of the section are in front of it.
    pub(super) position: usize,
    pub(super) tier: String,
    /// Full names in physical order.
    pub(super) seats: Vec<String>,
    /// For each seat how many aisles are before it.
    pub(super) segments: Vec<usize>,
    /// For each seat whether it is a wheelchair bay.
    pub(super) bays: Vec<bool>,
    /// For each seat whether it is kept for those who need it, bays among them.
    pub(super) kept: Vec<bool>,
}

/// A claim in terms of the venue.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Tier and price of each named seat.
    pub(super) named: BTreeMap<String, (String, i64)>,
    /// How many places of each section and tier.
    pub(super) general: BTreeMap<(String, String), u64>,
    pub(super) by_tier: BTreeMap<String, u64>,
    pub(super) by_section: BTreeMap<String, u64>,
    /// Places, known or not.
    pub(super) size: u64,
    /// Sum of all prices; wide, because a claim may ask for four thousand million places.
    pub(super) total: i128,
    /// Seats and sections that do not exist.
    pub(super) unknown: Vec<String>,
    /// Seats and sections that are not sold in the tier named.
    pub(super) mismatched: Vec<String>,
    /// Seats named where places are counted, or counted where seats have names.
    pub(super) misfits: Vec<String>,
}

/// What a block or an unblock is about, in terms of the venue.
#[derive(Debug, Default)]
pub(super) struct Marked {
    /// Full names of the places meant by name.
    pub(super) named: BTreeSet<String>,
    /// How many places of each section besides.
    pub(super) counted: BTreeMap<String, u64>,
    /// Names that mean nothing.
    pub(super) unknown: Vec<String>,
    /// Sections whose places are counted and have names.
    pub(super) misfits: Vec<String>,
}

impl Marked {
    /// How many places.
    pub(super) fn size(&self) -> u64 {
        self.named.len() as u64 + self.counted.values().sum::<u64>()
    }
}

impl Venue {
    /// Expands a definition; says what is in the way of selling it if something is.
    pub(super) fn expand(definition: &Definition) -> Result<Venue, String> {
        Venue::expand_with(definition, &mut |_, places| (1..=places).collect())
    }

    /// The same; names and number of places of general admission are given to say what they are
    /// called.
    pub(super) fn expand_with(
        definition: &Definition,
        name: &mut dyn FnMut(&str, u32) -> Vec<u32>,
    ) -> Result<Venue, String> {
        let (mut places, mut all_labels) = (HashMap::new(), HashMap::new());
        let (mut capacity, mut all_rows) = (vec![], vec![]);
        for (index, section) in definition.sections.iter().enumerate() {
            let mut add = |name: String, tier: Option<String>| {
                let twice = places.insert(name.clone(), (index, tier)).is_some();
                if twice { Err(format!("{name} twice")) } else { Ok(()) }
            };
            let mut count = 0;
            match &section.places {
                Places::General(places) => {
                    let labels = name(&section.name, *places);
                    for place in &labels {
                        add(format!("{}/{place}", section.name), None)?;
                    }
                    count = u64::from(*places);
                    all_labels.insert(section.name.clone(), labels);
                }
                Places::Rows(rows) if rows.is_empty() => {
                    return Err(format!("section {} without rows", section.name));
                }
                Places::Rows(rows) => {
                    for (position, row) in rows.iter().enumerate() {
                        let tier = row.tier.as_ref().or(section.tiers.first()).cloned();
                        let (mut seats, mut segments) = (vec![], vec![]);
                        for (segment, part) in row.seats.split('|').enumerate() {
                            for label in labels(part)? {
                                let name = format!("{}/{}/{label}", section.name, row.name);
                                add(name.clone(), tier.clone())?;
                                seats.push(name);
                                segments.push(segment);
                                count += 1;
                            }
                        }
                        let among = |text: &str| -> Result<Vec<bool>, String> {
                            let own = labels(text)?;
                            let of = |label| format!("{}/{}/{label}", section.name, row.name);
                            let own: BTreeSet<String> = own.iter().map(of).collect();
                            Ok(seats.iter().map(|seat| own.contains(seat)).collect())
                        };
                        let (bays, companions) = (among(&row.bays)?, among(&row.companions)?);
                        let kept = bays.iter().zip(&companions).map(|(a, b)| *a || *b).collect();
                        let (section, tier) = (index, tier.unwrap_or_default());
                        let row = VenueRow { section, position, tier, seats, segments, bays, kept };
                        all_rows.push(row);
                    }
                }
            }
            capacity.push(count);
        }
        let (definition, rows, labels) = (definition.clone(), all_rows, all_labels);
        Ok(Venue { definition, places, capacity, labels, rows })
    }

    /// What the places of a section of general admission are called there, rising.
    pub(super) fn labels(&self, section: &str) -> Option<&[u32]> {
        self.labels.get(section).map(Vec::as_slice)
    }

    /// How many places there are.
    pub(super) fn seats(&self) -> u64 {
        self.capacity.iter().sum()
    }

    /// How many places a section has; 0 for one that does not exist.
    pub(super) fn capacity(&self, section: &str) -> u64 {
        let sections = self.definition.sections.iter().zip(&self.capacity);
        sections.filter(|(other, _)| other.name == section).map(|(_, count)| *count).sum()
    }

    /// Name of the section a place is in; `None` where there is no such place.
    pub(super) fn section_of(&self, place: &str) -> Option<&str> {
        let (section, _) = self.places.get(place)?;
        Some(&self.definition.sections[*section].name)
    }

    /// Whether a place is a numbered seat.
    pub(super) fn is_numbered(&self, place: &str) -> bool {
        self.places.get(place).is_some_and(|(_, tier)| tier.is_some())
    }

    /// A tier's index, price and bound on one buyer.
    pub(super) fn tier(&self, name: &str) -> Option<(usize, i64, Option<u32>)> {
        let index = self.definition.tiers.iter().position(|tier| tier.name == name)?;
        let tier = &self.definition.tiers[index];
        Some((index, tier.price, tier.seats_per_buyer))
    }

    /// Whether a seat is kept for those who need it.
    pub(super) fn is_kept(&self, seat: &String) -> bool {
        let at =
            |row: &VenueRow| row.seats.iter().position(|own| own == seat).map(|at| row.kept[at]);
        self.rows.iter().filter(|row| row.kept.contains(&true)).find_map(at).unwrap_or(false)
    }

    fn section(&self, name: &str) -> Option<&Section> {
        self.definition.sections.iter().find(|section| section.name == name)
    }

    /// Reads the lines of a block or an unblock.
    pub(super) fn marked(&self, targets: &[Target]) -> Marked {
        let mut marked = Marked::default();
        let mut names = BTreeSet::new();
        for target in targets {
            match target {
                // A thousand lines may name a whole venue a thousand times.
                Target::Named(name) if !names.insert(name) => {}
                Target::Named(name) => {
                    let meant = self.meant(name);
                    if meant.is_empty() {
                        marked.unknown.push(name.clone());
                    }
                    marked.named.extend(meant);
                }
                Target::Places { section: name, count } => {
                    let section = self.section(name).map(|section| &section.places);
                    match section {
                        Some(Places::General(_)) => {
                            *marked.counted.entry(name.clone()).or_default() += u64::from(*count);
                        }
                        Some(Places::Rows(_)) => marked.misfits.push(name.clone()),
                        None => marked.unknown.push(name.clone()),
                    }
                }
            }
        }
        marked
    }

    /// The places a name means: a place itself, all of a row, or all of a section.
    fn meant(&self, name: &str) -> Vec<String> {
        if self.places.contains_key(name) {
            return vec![name.into()];
        }
        let (section, row) =
            name.split_once('/').map_or((name, None), |(section, row)| (section, Some(row)));
        match (self.section(section).map(|section| &section.places), row) {
            (Some(Places::General(_)), None) => {
                let labels = self.labels(name).unwrap_or_default();
                labels.iter().map(|place| format!("{name}/{place}")).collect()
            }
            (Some(Places::Rows(rows)), row) => {
                let rows = rows.iter().filter(|own| row.is_none_or(|row| own.name == row));
                let seats = rows.flat_map(|row| {
                    let labels = labels(&row.seats).unwrap_or_default().into_iter();
                    labels.map(|label| format!("{section}/{}/{label}", row.name))
                });
                seats.collect()
            }
            (Some(Places::General(_)), Some(_)) | (None, _) => vec![],
        }
    }

    /// Reads a claim.
    pub(super) fn wanted(&self, claim: &Claim) -> Wanted {
        let mut wanted = Wanted::default();
        for line in &claim.lines {
            match line {
                Line::Seat { name, tier } => self.want_seat(&mut wanted, name, tier.as_deref()),
                Line::Places { section, tier, count } => {
                    self.want_places(&mut wanted, section, tier.as_deref(), u64::from(*count));
                }
                Line::Best(best) => self.want_best(&mut wanted, best),
            }
        }
        wanted
    }

    /// Seats yet to be chosen: all that is known of them is their number.
    fn want_best(&self, wanted: &mut Wanted, best: &Best) {
        wanted.size += u64::from(best.count);
        let section = best.section.as_ref().map(|name| (name, self.section(name)));
        match section {
            Some((name, None)) => wanted.unknown.push(name.clone()),
            Some((name, Some(section))) if matches!(section.places, Places::General(_)) => {
                wanted.misfits.push(name.clone());
            }
            Some(_) | None => {}
        }
        let here = |row: &&VenueRow| {
            let section = &self.definition.sections[row.section].name;
            best.section.as_ref().is_none_or(|own| own == section)
        };
        if let Some(tier) = &best.tier
            && !self.rows.iter().filter(here).any(|row| row.tier == *tier)
        {
            wanted.mismatched.push(best.section.as_ref().unwrap_or(tier).clone());
        }
    }

    pub(super) fn want_seat(&self, wanted: &mut Wanted, name: &str, tier: Option<&str>) {
        wanted.size += 1;
        let section = name.split('/').next().and_then(|section| self.section(section));
        if section.is_some_and(|section| matches!(section.places, Places::General(_))) {
            wanted.misfits.push(name.into());
        }
        match self.places.get(name) {
            Some((_, Some(sold_in))) => match self.tier(sold_in) {
                Some((_, price, _)) if tier.is_none_or(|tier| tier == sold_in) => {
                    wanted.named.insert(name.into(), (sold_in.clone(), price));
                    *wanted.by_tier.entry(sold_in.clone()).or_default() += 1;
                    wanted.total += i128::from(price);
                }
                Some(_) | None => wanted.mismatched.push(name.into()),
            },
            Some((_, None)) | None => wanted.unknown.push(name.into()),
        }
    }

    fn want_places(&self, wanted: &mut Wanted, name: &str, tier: Option<&str>, count: u64) {
        wanted.size += count;
        let Some(section) = self.section(name) else {
            wanted.unknown.push(name.into());
            return;
        };
        if matches!(section.places, Places::Rows(_)) {
            wanted.misfits.push(name.into());
        }
        let sold_in = match tier {
            None => section.tiers.first(),
            Some(tier) => section.tiers.iter().find(|sold_in| *sold_in == tier),
        };
        let Some((sold_in, (_, price, _))) =
            sold_in.and_then(|name| Some((name, self.tier(name)?)))
        else {
            wanted.mismatched.push(name.into());
            return;
        };
        *wanted.general.entry((name.into(), sold_in.clone())).or_default() += count;
        *wanted.by_tier.entry(sold_in.clone()).or_default() += count;
        *wanted.by_section.entry(name.into()).or_default() += count;
        wanted.total += i128::from(price) * i128::from(count);
    }
}

/// The labels of a row text such as `7 5 3 1 | 11-20`, in its order.
fn labels(text: &str) -> Result<Vec<String>, String> {
    let words = text.split(|c: char| c == '|' || c.is_whitespace()).filter(|word| !word.is_empty());
    let expanded: Vec<Vec<String>> = words.map(expand_word).collect::<Result<_, _>>()?;
    Ok(expanded.concat())
}

/// A range has a number on each side, as it prints: nobody can tell what `01-03` stands for.
fn expand_word(word: &str) -> Result<Vec<String>, String> {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let Some((from, to)) = word.split_once('-').filter(|(from, to)| digits(from) && digits(to))
    else {
        return Ok(vec![word.into()]);
    };
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    let (Some(from), Some(to)) = (number(from), number(to)) else {
        return Err(format!("the range {word}, which cannot be counted"));
    };
    let labels = (from.min(to)..=from.max(to)).map(|label| label.to_string());
    Ok(if from <= to { labels.collect() } else { labels.rev().collect() })
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn a_row_text_is_labels_and_ranges_in_its_order() {
        let read = |text| labels(text).unwrap();
        assert_eq!(read("7 5|3 1-2"), ["7", "5", "3", "1", "2"]);
        assert_eq!(read("3-1 | 11-12"), ["3", "2", "1", "11", "12"]);
        assert_eq!(read("A-1 B1 +1-3 01"), ["A-1", "B1", "+1-3", "01"]);
        assert!(read(" | ").is_empty());
        for text in ["01-05", "1-05", "1-99999999999"] {
            assert!(labels(text).is_err(), "{text}");
        }
    }
}
