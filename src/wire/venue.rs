//! `Venue`: the definition row of an event's ledger partition.

use super::DecodeError;
use super::binary::Input;
use super::registry::{Record, begin, open_as};
use crate::domain::ids::RowNumber;
use crate::domain::layout::{Definition, DefinitionError, Layout, Numbering, Run};

/// What an event's definition row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    /// What is on sale.
    pub definition: Definition,
    /// The rows of its places, where they are not in the order of the definition.
    pub numbering: Option<Numbering>,
}

impl Venue {
    /// What the row of a venue says.
    #[must_use]
    pub fn of(layout: &Layout) -> Venue {
        let numbering = layout.numbering().cloned();
        Venue { definition: layout.definition.clone(), numbering }
    }

    /// The venue that a row was written of.
    ///
    /// # Errors
    /// Says what cannot be.
    pub fn compile(self) -> Result<Layout, DefinitionError> {
        let layout = Layout::compile(self.definition)?;
        match self.numbering {
            Some(numbering) => layout.numbered(numbering),
            None => Ok(layout),
        }
    }
}

/// The full name of the place that a row of the ledger is about, by the venue the ledger has. A row
/// that is no place's, or of no venue, is called by its number; one whose place a later definition
/// dropped is left behind, and has none.
#[must_use]
pub fn row_name(layout: Option<&Layout>, row: RowNumber) -> Option<String> {
    let unnamed = || format!("place of row {}", row.0);
    let Some(layout) = layout else { return Some(unnamed()) };
    match layout.place_of(row) {
        Some(place) => Some(layout.name(place)),
        None => (row.0 >= layout.rows_ever()).then(unnamed),
    }
}

/// Encodes a venue for its row.
#[must_use]
pub fn encode(venue: &Venue) -> Vec<u8> {
    let mut output = begin(Record::Venue, 4_096);
    super::definition::write(&mut output, &venue.definition);
    output.optional(venue.numbering.as_ref(), |output, numbering| {
        output.long(i64::from(numbering.next));
        output.list(&numbering.runs, |output, run| {
            for number in [run.row, run.count, run.label] {
                output.long(i64::from(number));
            }
        });
    });
    output.into_bytes()
}

/// Decodes the definition row.
///
/// # Errors
/// Says what the bytes are not.
pub fn decode(row: &[u8]) -> Result<Venue, DecodeError> {
    open_as(Record::Venue, row)?.read(|input| {
        Ok(Venue {
            definition: super::definition::read(input)?,
            numbering: input.optional("numbering", read_numbering)?,
        })
    })
}

fn read_numbering(input: &mut Input<'_>) -> Result<Numbering, DecodeError> {
    Ok(Numbering {
        next: input.count("numbering.next")?,
        runs: input.list("numbering.runs", |input| {
            Ok(Run {
                row: input.count("run.row")?,
                count: input.count("run.count")?,
                label: input.count("run.label")?,
            })
        })?,
    })
}
