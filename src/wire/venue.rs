//! `Venue`: the definition row of an event's ledger partition.

use super::DecodeError;
use super::registry::{Record, begin, open_as};
use crate::domain::layout::Definition;

/// Encodes a definition for its row.
#[must_use]
pub fn encode(definition: &Definition) -> Vec<u8> {
    let mut output = begin(Record::Venue, 4_096);
    super::definition::write(&mut output, definition);
    output.into_bytes()
}

/// Decodes the definition row.
///
/// # Errors
/// Says what the bytes are not.
pub fn decode(row: &[u8]) -> Result<Definition, DecodeError> {
    open_as(Record::Venue, row)?.read(super::definition::read)
}
