//! Rows of table `ledger` as the ports know them.
//!
//! A value that no release writes is told apart from a store that does not answer: asking again
//! mends only the second.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, Reference, RequestId, SeatNumber};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;
use crate::ports::ledger::{Fence, FenceRead, OpId};

/// Columns of `read_fence`, in order.
pub(super) type FenceColumns<'f> =
    (i64, i64, Uuid, i64, i64, i64, i64, i64, i32, &'f str, i64, &'f [u8]);

/// Columns of `read_content`, in order.
pub(super) type ContentColumns<'f> = (i64, &'f [u8]);

/// Columns of `read_seats`, in order. A row written before tables had a `block` has null there.
pub(super) type SeatColumns<'f> =
    (i32, i64, i8, Uuid, &'f str, i64, i64, i32, &'f str, i32, i64, Option<&'f str>);

/// The fence and the outbox from their columns, or what is wrong with them.
pub(super) fn fence(columns: FenceColumns<'_>) -> Result<FenceRead, String> {
    let (term, revision, op_id, sequence, edition, applied_offset, published_below, ..) = columns;
    let (.., decided_at, sale_state, suspended, outbox_changed, outbox) = columns;
    let sale = SaleState::from_number(sale_state)
        .ok_or_else(|| format!("sale_state {sale_state} is not known"))?;
    Ok(FenceRead {
        fence: Fence {
            term,
            revision,
            op_id: OpId(op_id),
            sequence,
            edition,
            applied_offset,
            published_below,
            decided_at: At(decided_at),
            sale,
            suspended: suspended.to_owned(),
        },
        outbox_changed,
        outbox: Arc::from(outbox),
    })
}

/// A seat from its columns, or what is wrong with them.
pub(super) fn seat(columns: SeatColumns<'_>) -> Result<StoredSeat, String> {
    let (row, changed, status, hold, buyer, deadline, price, tier, reference, ..) = columns;
    let (.., cause, offset, block) = columns;
    let wrong = |what: String| format!("seat row {row}: {what}");
    if changed < 1 {
        return Err(wrong(format!("changed is {changed}")));
    }
    let buyer = written(buyer)
        .map(|text| BuyerId::new(text).map_err(|error| wrong(format!("buyer {text:?} {error}"))));
    let reference = written(reference).map(|text| {
        Reference::new(text).map_err(|error| wrong(format!("reference {text:?} {error}")))
    });
    Ok(StoredSeat {
        number: SeatNumber(u32::try_from(row).map_err(|_| wrong("is not a seat".into()))?),
        status: Status::from_number(status)
            .ok_or_else(|| wrong(format!("status {status} is not known")))?,
        hold: RequestId(hold),
        buyer: buyer.transpose()?,
        deadline: At(deadline),
        price,
        tier: u16::try_from(tier).map_err(|_| wrong(format!("tier {tier} is not a tier")))?,
        reference: reference.transpose()?,
        cause: Cause::from_number(cause)
            .ok_or_else(|| wrong(format!("cause {cause} is not known")))?,
        offset,
        changed,
        block: block.and_then(written).map(Arc::from),
    })
}

/// A text that says something; none is written as an empty one, never as null.
fn written(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_seat_is_read_as_it_was_written() {
        let read =
            seat((3, 9, 1, HOLD, "ann", 60_000, 4_500, 2, "", 0, 17, Some("press"))).unwrap();
        assert_eq!((read.number, read.status, read.reference), (SeatNumber(3), Status::Held, None));
        assert_eq!((read.deadline, read.price, read.tier), (At(60_000), 4_500, 2));
        assert_eq!((read.offset, read.changed), (17, 9));
        assert_eq!((read.buyer.unwrap().as_str(), read.block.as_deref()), ("ann", Some("press")));
        let read = seat((3, 9, 3, Uuid::nil(), "", 0, 0, 0, "", 0, 0, Some("press"))).unwrap();
        assert_eq!((read.status, read.buyer), (Status::Blocked, None));
        let old = seat((3, 9, 1, HOLD, "ann", 60_000, 4_500, 2, "", 0, 17, None)).unwrap();
        assert_eq!(old.block, None, "a row older than the column");
    }

    #[test]
    fn what_no_release_writes_is_named() {
        let wrong = |columns, what: &str| {
            let error = seat(columns).unwrap_err();
            assert!(error.contains(what), "{error}");
        };
        wrong((3, 9, 7, HOLD, "ann", 0, 0, 0, "", 0, 0, Some("")), "seat row 3: status 7");
        wrong((3, 9, 0, HOLD, "ann", 0, 0, 0, "", 7, 0, Some("")), "cause 7");
        wrong((3, 9, 0, HOLD, "a b", 0, 0, 0, "", 0, 0, Some("")), "buyer");
        wrong((3, 9, 0, HOLD, "ann", 0, 0, 0, "a b", 0, 0, Some("")), "reference");
        wrong((3, 9, 0, HOLD, "ann", 0, 0, -1, "", 0, 0, Some("")), "tier -1");
        wrong((3, 0, 0, HOLD, "ann", 0, 0, 0, "", 0, 0, Some("")), "changed is 0");
        let unknown_sale = (1, 1, HOLD, 0, 0, -1, 0, 0, 9, "", 0, &[][..]);
        assert!(fence(unknown_sale).unwrap_err().contains("sale_state 9"));
    }
}
