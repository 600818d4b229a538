//! A seat row as plain columns, and what no release could have written.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::ids::{BuyerId, NameError, Reference, RequestId, RowNumber};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;

/// The columns of a seat row, as drivers find them. Texts that say nothing are empty.
#[derive(Clone, Copy, Debug)]
pub struct SeatColumns<'a> {
    /// Number of the place.
    pub row: i32,
    /// Sequence of the last change.
    pub changed: i64,
    /// Number of its state.
    pub status: i8,
    /// The hold that has it or left it last.
    pub hold: Uuid,
    /// Whose that is.
    pub buyer: &'a str,
    /// The hold's deadline, in milliseconds.
    pub deadline: i64,
    /// Minor units.
    pub price: i64,
    /// Index of the tier.
    pub tier: i32,
    /// The payment of a booking.
    pub reference: &'a str,
    /// Number of the cause.
    pub cause: i32,
    /// Offset of the claim.
    pub offset: i64,
    /// Reason of the block.
    pub block: &'a str,
}

impl SeatColumns<'_> {
    /// The place, or what is wrong with its row.
    ///
    /// # Errors
    /// Names the row and the column.
    pub fn read(self) -> Result<StoredSeat, String> {
        let wrong = |what: String| format!("seat row {}: {what}", self.row);
        if self.changed < 1 {
            return Err(wrong(format!("changed is {}", self.changed)));
        }
        let unknown = |what: &str, number: i32| wrong(format!("{what} {number} is not known"));
        let misnamed =
            |what: &str, text: &str, error: NameError| wrong(format!("{what} {text:?} {error}"));
        let buyer = written(self.buyer)
            .map(|text| BuyerId::new(text).map_err(|error| misnamed("buyer", text, error)));
        let reference = written(self.reference)
            .map(|text| Reference::new(text).map_err(|error| misnamed("reference", text, error)));
        Ok(StoredSeat {
            number: RowNumber(u32::try_from(self.row).map_err(|_| wrong("is not a seat".into()))?),
            status: Status::from_number(self.status)
                .ok_or_else(|| unknown("status", i32::from(self.status)))?,
            hold: RequestId(self.hold),
            buyer: buyer.transpose()?,
            deadline: At(self.deadline),
            price: self.price,
            tier: u16::try_from(self.tier)
                .map_err(|_| wrong(format!("tier {} is not a tier", self.tier)))?,
            reference: reference.transpose()?,
            cause: Cause::from_number(self.cause).ok_or_else(|| unknown("cause", self.cause))?,
            offset: self.offset,
            changed: self.changed,
            block: written(self.block).map(Arc::from),
        })
    }
}

/// A text that says something.
fn written(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: SeatColumns<'_> = SeatColumns {
        row: 3,
        changed: 9,
        status: 1,
        hold: Uuid::from_u128(7),
        buyer: "ann",
        deadline: 60_000,
        price: 4_500,
        tier: 2,
        reference: "",
        cause: 0,
        offset: 17,
        block: "press",
    };

    #[test]
    fn a_seat_is_read_as_it_was_written() {
        let read = HELD.read().unwrap();
        assert_eq!((read.number, read.status, read.reference), (RowNumber(3), Status::Held, None));
        assert_eq!((read.deadline, read.price, read.tier), (At(60_000), 4_500, 2));
        assert_eq!((read.offset, read.changed), (17, 9));
        assert_eq!((read.buyer.unwrap().as_str(), read.block.as_deref()), ("ann", Some("press")));
        let blocked = SeatColumns { status: 3, hold: Uuid::nil(), buyer: "", ..HELD };
        let read = blocked.read().unwrap();
        assert_eq!((read.status, read.buyer), (Status::Blocked, None));
    }

    #[test]
    fn what_no_release_writes_is_named() {
        let wrong = |columns: SeatColumns<'_>, what: &str| {
            let error = columns.read().unwrap_err();
            assert!(error.contains(what), "{error}");
        };
        wrong(SeatColumns { status: 7, ..HELD }, "seat row 3: status 7");
        wrong(SeatColumns { cause: 7, ..HELD }, "cause 7");
        wrong(SeatColumns { buyer: "a b", ..HELD }, "buyer");
        wrong(SeatColumns { reference: "a b", ..HELD }, "reference");
        wrong(SeatColumns { tier: -1, ..HELD }, "tier -1");
        wrong(SeatColumns { changed: 0, ..HELD }, "changed is 0");
        wrong(SeatColumns { row: -3, ..HELD }, "is not a seat");
    }
}
