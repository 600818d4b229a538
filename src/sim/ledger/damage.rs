//! Harm done to what is stored, past all conditions: what a disk, a repair by hand or a restored
//! backup may leave.
//!
//! But for [`RowDamage::OtherChange`] no harm touches a `changed`, so that a guard alone does not
//! notice it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Partition, SimLedger};
use crate::domain::ids::{EventId, HoldId};
use crate::domain::seat::Status;

/// What is done to rows of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowDamage {
    /// The first row gets a status that no release knows: reading the rows fails.
    UnknownStatus,
    /// The first row is held by nobody: it is read, and its parts do not go together.
    HeldByNobody,
    /// Of a hold with several rows the last one tells of another claim: each is sound, and they do
    /// not agree.
    OtherClaim,
    /// All rows tell of an earlier change than their last: a guard fails on them.
    OtherChange,
}

impl RowDamage {
    /// Every kind.
    pub const ALL: [RowDamage; 4] = [
        RowDamage::UnknownStatus,
        RowDamage::HeldByNobody,
        RowDamage::OtherClaim,
        RowDamage::OtherChange,
    ];
}

impl SimLedger {
    /// Damages rows of an event; `false` where it has none that can be damaged so.
    pub fn damage_rows(&mut self, event: &EventId, damage: RowDamage) -> bool {
        let Some(partition) = self.partition_mut(event) else { return false };
        match damage {
            RowDamage::UnknownStatus => {
                let Some(row) = partition.seats.values_mut().next() else { return false };
                row.unreadable = true;
            }
            RowDamage::HeldByNobody => {
                let Some(row) = partition.seats.values_mut().next() else { return false };
                row.seat.status = Status::Held;
                row.seat.buyer = None;
            }
            RowDamage::OtherChange => {
                for row in partition.seats.values_mut() {
                    row.seat.changed = (row.seat.changed - 1).max(1);
                }
            }
            RowDamage::OtherClaim => return tell_of_another_claim(partition),
        }
        true
    }

    /// Cuts an event's outbox short, so that it cannot be decoded; `false` where there is no event.
    pub fn damage_outbox(&mut self, event: &EventId) -> bool {
        let Some(partition) = self.partition_mut(event) else { return false };
        let bytes = &partition.outbox.bytes;
        partition.outbox.bytes = Arc::from(&bytes[..bytes.len() / 2]);
        true
    }
}

fn tell_of_another_claim(partition: &mut Partition) -> bool {
    let mut rows_of: BTreeMap<HoldId, u32> = BTreeMap::new();
    for row in partition.seats.values().filter(|row| row.seat.hold != HoldId::NONE) {
        *rows_of.entry(row.seat.hold).or_default() += 1;
    }
    let several = |hold: HoldId| rows_of.get(&hold).is_some_and(|rows| *rows > 1);
    let last = partition.seats.values_mut().rev().find(|row| several(row.seat.hold));
    let Some(last) = last else { return false };
    last.seat.offset += 1;
    true
}
