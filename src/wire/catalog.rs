//! `Catalog`: what is on sale and whether, one record per event, compacted.

use super::DecodeError;
use super::binary::malformed;
use super::registry::{Record, begin, open_as};
use crate::domain::event::SaleState;
use crate::domain::ids::EventId;
use crate::domain::layout::Definition;
use crate::ports::log::{OutRecord, Topic};

/// Definition and sale state of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// The event.
    pub event: EventId,
    /// Sequence of the change that made this record.
    pub sequence: i64,
    /// Counts the event's definition and sale-state changes.
    pub edition: i64,
    /// Whether claims are taken.
    pub sale: SaleState,
    /// What is on sale.
    pub definition: Definition,
}

/// Encodes a catalog record; the key is the event id.
#[must_use]
pub fn encode(catalog: &Catalog) -> OutRecord {
    let mut output = begin(Record::Catalog, 4_096);
    output.text(catalog.event.as_str());
    output.long(catalog.sequence);
    output.long(catalog.edition);
    output.int(catalog.sale as i32);
    super::definition::write(&mut output, &catalog.definition);
    let key = Some(catalog.event.as_str().as_bytes().to_vec());
    OutRecord { topic: Topic::Catalog, key, value: output.into_bytes(), headers: vec![] }
}

/// Decodes the value of a catalog record.
///
/// # Errors
/// Malformed also for a sale state that only a newer reader knows.
pub fn decode(value: &[u8]) -> Result<Catalog, DecodeError> {
    open_as(Record::Catalog, value)?.read(|input| {
        Ok(Catalog {
            event: input.name("event", EventId::new)?,
            sequence: input.long("sequence")?,
            edition: input.long("edition")?,
            sale: {
                let number = input.int("sale_state")?;
                SaleState::from_number(number).ok_or_else(|| {
                    malformed("sale_state", format_args!("{number} is not known to this version"))
                })?
            },
            definition: super::definition::read(input)?,
        })
    })
}
