//! `Inventory`: how an event stands, one record per event, compacted.

use super::DecodeError;
use super::registry::{Record, begin, open_as};
use crate::domain::ids::EventId;
use crate::domain::time::At;
use crate::ports::log::{Known, OutRecord, Topic};

/// How one event stands. The fields up to `suspended` speak of what is published, the others of the
/// last ledger batch published to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The event.
    pub event: EventId,
    /// Sequence after the last entry published; never lowered.
    pub sequence: i64,
    /// Request offset committed together with this record.
    pub position: i64,
    /// Ledger revision as of the last batch published to its end.
    pub revision: i64,
    /// Log time of the last entry published.
    pub at: At,
    /// Whether the event is stopped.
    pub suspended: bool,
    /// Holds that have not ended.
    pub live_holds: i64,
    /// The earliest of their deadlines.
    pub earliest_deadline: Option<At>,
    /// Taken places by section and tier.
    pub counts: Vec<Count>,
    /// Free and blocked places by section.
    pub free: Vec<SectionFree>,
}

/// Taken places of one tier in one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Name of the section.
    pub section: String,
    /// Name of the tier.
    pub tier: String,
    /// Places in live holds.
    pub held: i64,
    /// Places sold.
    pub booked: i64,
}

/// Free and blocked places of one section, over all its tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionFree {
    /// Name of the section.
    pub section: String,
    /// Places for sale.
    pub free: i64,
    /// Places kept from sale.
    pub blocked: i64,
}

impl Inventory {
    /// What an owner needs of it at its assignment.
    #[must_use]
    pub fn known(&self) -> Known {
        Known {
            event: self.event.clone(),
            sequence: self.sequence,
            position: self.position,
            revision: self.revision,
            at: self.at,
        }
    }
}

/// Encodes an inventory record; the key is the event id.
#[must_use]
pub fn encode(inventory: &Inventory) -> OutRecord {
    let lists = inventory.counts.len() + inventory.free.len();
    let mut output = begin(Record::Inventory, 128 + 24 * lists);
    output.text(inventory.event.as_str());
    output.long(inventory.sequence);
    output.long(inventory.position);
    output.long(inventory.revision);
    output.at(inventory.at);
    output.boolean(inventory.suspended);
    output.long(inventory.live_holds);
    output.optional(inventory.earliest_deadline, |output, at| output.at(at));
    output.list(&inventory.counts, |output, count| {
        output.text(&count.section);
        output.text(&count.tier);
        output.long(count.held);
        output.long(count.booked);
    });
    output.list(&inventory.free, |output, free| {
        output.text(&free.section);
        output.long(free.free);
        output.long(free.blocked);
    });
    let key = Some(inventory.event.as_str().as_bytes().to_vec());
    OutRecord { topic: Topic::Inventory, key, value: output.into_bytes(), headers: vec![] }
}

/// Decodes the value of an inventory record.
///
/// # Errors
/// Says what the bytes are not.
pub fn decode(value: &[u8]) -> Result<Inventory, DecodeError> {
    open_as(Record::Inventory, value)?.read(|input| {
        Ok(Inventory {
            event: input.name("event", EventId::new)?,
            sequence: input.long("sequence")?,
            position: input.long("position")?,
            revision: input.long("revision")?,
            at: input.at("at")?,
            suspended: input.boolean("suspended")?,
            live_holds: input.long("live_holds")?,
            earliest_deadline: input
                .optional("earliest_deadline", |input| input.at("earliest_deadline"))?,
            counts: input.list("counts", |input| {
                Ok(Count {
                    section: input.string("count.section")?,
                    tier: input.string("count.tier")?,
                    held: input.long("count.held")?,
                    booked: input.long("count.booked")?,
                })
            })?,
            free: input.list("free", |input| {
                Ok(SectionFree {
                    section: input.string("free.section")?,
                    free: input.long("free.free")?,
                    blocked: input.long("free.blocked")?,
                })
            })?,
        })
    })
}
