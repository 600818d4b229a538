//! The definition of an event as its organiser writes it: a TOML file.
//!
//! It is a shape of its own beside [`layout::Definition`], because people write `"10m"` and leave
//! out what does not matter to them. What the file *means* is checked in one place, by
//! [`Layout::compile`], here and again by the owner.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::error::Error;
use super::units;
use crate::domain::ids::EventId;
use crate::domain::layout::{self, Layout, Places};
use crate::domain::limits::MAX_WAIT_DEFAULT;
use crate::domain::time::Millis;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    event: String,
    #[serde(with = "units::duration")]
    hold_time: Duration,
    #[serde(with = "units::duration", default = "max_wait_default")]
    max_wait: Duration,
    #[serde(with = "units::duration", default)]
    extend_max: Duration,
    #[serde(default)]
    no_single_seats: bool,
    currency: String,
    #[serde(default)]
    limits: Limits,
    tiers: Vec<Tier>,
    sections: Vec<Section>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Limits {
    seats_per_request: Option<u32>,
    seats_per_buyer: Option<u32>,
    live_holds_per_buyer: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Tier {
    name: String,
    price: i64,
    seats_per_buyer: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Section {
    name: String,
    rank: i32,
    tier: Option<String>,
    #[serde(default)]
    tiers: Vec<String>,
    rows: Option<Vec<Row>>,
    capacity: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    name: String,
    seats: String,
    tier: Option<String>,
    #[serde(default)]
    bays: String,
    #[serde(default)]
    companions: String,
}

fn max_wait_default() -> Duration {
    Duration::from_millis(MAX_WAIT_DEFAULT.0.unsigned_abs())
}

/// Reads a definition and makes sure that an event can be made of it.
///
/// # Errors
/// One sentence that names the file and the place.
pub fn load(path: &Path) -> Result<layout::Definition, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<layout::Definition, Error> {
    let file: File = toml::from_str(text).map_err(|source| Error::toml(path, text, &source))?;
    let compiled = definition(file)
        .and_then(|definition| Layout::compile(definition).map_err(|error| error.to_string()));
    match compiled {
        Ok(layout) => Ok(layout.definition),
        Err(sentence) => Err(Error::Definition { path: path.to_owned(), sentence }),
    }
}

fn definition(file: File) -> Result<layout::Definition, String> {
    let event =
        EventId::new(&file.event).map_err(|problem| format!("event {:?} {problem}", file.event))?;
    let File { limits, tiers, sections, currency, .. } = file;
    Ok(layout::Definition {
        event,
        hold_time: millis(file.hold_time),
        max_wait: millis(file.max_wait),
        extend_max: millis(file.extend_max),
        no_single_seats: file.no_single_seats,
        currency,
        limits: layout::Limits {
            seats_per_request: limits.seats_per_request,
            seats_per_buyer: limits.seats_per_buyer,
            live_holds_per_buyer: limits.live_holds_per_buyer,
        },
        tiers: tiers.into_iter().map(tier).collect(),
        sections: sections.into_iter().map(section).collect::<Result<_, _>>()?,
    })
}

fn millis(length: Duration) -> Millis {
    // Beyond any bound the layout allows, which then says so.
    Millis(i64::try_from(length.as_millis()).unwrap_or(i64::MAX))
}

fn tier(tier: Tier) -> layout::Tier {
    layout::Tier { name: tier.name, price: tier.price, seats_per_buyer: tier.seats_per_buyer }
}

fn section(section: Section) -> Result<layout::Section, String> {
    let Section { name, rank, tier, tiers, rows, capacity } = section;
    let tiers = match (tier, tiers.is_empty()) {
        (Some(tier), true) => vec![tier],
        (None, false) => tiers,
        (None, true) => return Err(format!("section {name:?} has no tier: name one with `tier`")),
        (Some(_), false) => {
            return Err(format!("section {name:?} has both `tier` and `tiers`: keep one of them"));
        }
    };
    let places = match (rows, capacity) {
        (Some(rows), None) => Places::Rows(rows.into_iter().map(row).collect()),
        (None, Some(capacity)) => Places::General(capacity),
        (None, None) | (Some(_), Some(_)) => {
            return Err(format!(
                "section {name:?} needs either `rows`, for numbered seats, or `capacity`, for places \
                 without numbers"
            ));
        }
    };
    Ok(layout::Section { name, rank, tiers, places })
}

fn row(row: Row) -> layout::Row {
    let Row { name, seats, tier, bays, companions } = row;
    layout::Row { name, seats, tier, bays, companions }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEATRE: &str = include_str!("../../docker/theatre.toml");

    fn check_refused(from: &str, to: &str, sentence: &str) {
        assert!(THEATRE.contains(from), "the sample has {from:?}");
        let text = THEATRE.replacen(from, to, 1);
        let error = parse(&text, Path::new("theatre.toml")).unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn the_sample_is_a_venue_with_seats_and_a_floor() {
        let definition = parse(THEATRE, Path::new("theatre.toml")).unwrap();
        assert_eq!(definition.event.as_str(), "hamlet-2027-03-14");
        assert_eq!(definition.hold_time, Millis(600_000));
        assert_eq!(definition.extend_max, Millis(300_000));
        assert!(!definition.no_single_seats);
        let layout = Layout::compile(definition).unwrap();
        assert!(layout.find("stalls/A/1").is_some());
        assert!(layout.section("floor").is_some_and(|section| layout.is_general(section)));
    }

    #[test]
    fn what_matters_to_nobody_may_be_left_out() {
        let text = "event = \"e\"\nhold-time = \"2m\"\ncurrency = \"EUR\"\n\
                    tiers = [{ name = \"one\", price = 100 }]\n\
                    sections = [{ name = \"floor\", rank = 1, tier = \"one\", capacity = 5 }]\n";
        let definition = parse(text, Path::new("e.toml")).unwrap();
        assert_eq!(definition.max_wait, MAX_WAIT_DEFAULT);
        assert_eq!(definition.extend_max, Millis(0));
        assert!(!definition.no_single_seats);
        assert_eq!(definition.limits, layout::Limits::default());
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        check_refused(
            "hold-time = \"10m\"",
            "hold-tim = \"10m\"",
            "theatre.toml, line 6: the key \"hold-tim\" is not known; \"hold-time\" is",
        );
        check_refused(
            "hold-time = \"10m\"",
            "hold-time = 600",
            "theatre.toml, line 6: invalid type: integer `600`, expected a length of time with its \
             unit, such as \"500ms\", \"10s\" or \"30days\"",
        );
        check_refused(
            "extend-max = \"5m\"",
            "extend-max = \"25h\"",
            "theatre.toml: extend-max (ms) is 90000000; it must be from 0 to 86400000",
        );
        check_refused(
            "capacity = 60",
            "",
            "theatre.toml: section \"floor\" needs either `rows`, for numbered seats, or `capacity`, \
             for places without numbers",
        );
        check_refused(
            "currency = \"EUR\"",
            "currency = \"euro\"",
            "theatre.toml: currency \"euro\" is not three capital letters, such as EUR",
        );
        check_refused(
            "seats = \"1-6 | 7-12\"",
            "seats = \"1-6 | 6-12\"",
            "theatre.toml: seat \"6\" is there twice",
        );
    }
}
