//! The nested record `Definition`, which `Define`, `Catalog` and `Venue` share.
//!
//! Each of their schemas repeats it, so that each can be parsed alone. What a definition may say is
//! checked where it is compiled, not here.

use super::DecodeError;
use super::binary::{Input, Output, malformed};
use crate::domain::ids::EventId;
use crate::domain::layout::{Definition, Limits, Places, Row, Section, Tier};
use crate::domain::time::Millis;

pub(super) fn write(output: &mut Output, definition: &Definition) {
    output.text(definition.event.as_str());
    output.long(definition.hold_time.0);
    output.long(definition.max_wait.0);
    output.text(&definition.currency);
    write_bound(output, definition.limits.seats_per_request);
    write_bound(output, definition.limits.seats_per_buyer);
    write_bound(output, definition.limits.live_holds_per_buyer);
    output.list(&definition.tiers, |output, tier| {
        output.text(&tier.name);
        output.long(tier.price);
        write_bound(output, tier.seats_per_buyer);
    });
    output.list(&definition.sections, write_section);
    output.long(definition.extend_max.0);
    output.boolean(definition.no_single_seats);
}

pub(super) fn read(input: &mut Input<'_>) -> Result<Definition, DecodeError> {
    Ok(Definition {
        event: input.name("definition.event", EventId::new)?,
        hold_time: Millis(input.long("definition.hold_time_ms")?),
        max_wait: Millis(input.long("definition.max_wait_ms")?),
        currency: input.string("definition.currency")?,
        limits: Limits {
            seats_per_request: read_bound(input, "limits.seats_per_request")?,
            seats_per_buyer: read_bound(input, "limits.seats_per_buyer")?,
            live_holds_per_buyer: read_bound(input, "limits.live_holds_per_buyer")?,
        },
        tiers: input.list("definition.tiers", |input| {
            Ok(Tier {
                name: input.string("tier.name")?,
                price: input.long("tier.price")?,
                seats_per_buyer: read_bound(input, "tier.seats_per_buyer")?,
            })
        })?,
        sections: input.list("definition.sections", read_section)?,
        extend_max: Millis(input.long("definition.extend_max_ms")?),
        no_single_seats: input.boolean("definition.no_single_seats")?,
    })
}

fn write_bound(output: &mut Output, bound: Option<u32>) {
    output.optional(bound, |output, bound| output.long(i64::from(bound)));
}

fn read_bound(input: &mut Input<'_>, field: &str) -> Result<Option<u32>, DecodeError> {
    input.optional(field, |input| input.count(field))
}

fn write_section(output: &mut Output, section: &Section) {
    output.text(&section.name);
    output.int(section.rank);
    output.list(&section.tiers, |output, tier| output.text(tier));
    let (rows, general) = match &section.places {
        Places::Rows(rows) => (Some(rows), None),
        Places::General(places) => (None, Some(*places)),
    };
    output.optional(rows, |output, rows| output.list(rows, write_row));
    write_bound(output, general);
}

fn read_section(input: &mut Input<'_>) -> Result<Section, DecodeError> {
    let name = input.string("section.name")?;
    let rank = input.int("section.rank")?;
    let tiers = input.list("section.tiers", |input| input.string("section.tiers"))?;
    let rows = input.optional("section.rows", |input| input.list("section.rows", read_row))?;
    let places = match (rows, read_bound(input, "section.general")?) {
        (Some(rows), None) => Places::Rows(rows),
        (None, Some(places)) => Places::General(places),
        (Some(_), Some(_)) | (None, None) => {
            return Err(malformed("section", "has not exactly one of rows and general"));
        }
    };
    Ok(Section { name, rank, tiers, places })
}

fn write_row(output: &mut Output, row: &Row) {
    output.text(&row.name);
    output.text(&row.seats);
    output.optional(row.tier.as_deref(), Output::text);
    output.text(&row.bays);
    output.text(&row.companions);
}

fn read_row(input: &mut Input<'_>) -> Result<Row, DecodeError> {
    Ok(Row {
        name: input.string("row.name")?,
        seats: input.string("row.seats")?,
        tier: input.optional("row.tier", |input| input.string("row.tier"))?,
        bays: input.string("row.bays")?,
        companions: input.string("row.companions")?,
    })
}
