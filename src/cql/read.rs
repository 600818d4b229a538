//! Rows of table `ledger` as the ports know them.
//!
//! A value that no release writes is told apart from a store that does not answer: asking again
//! mends only the second.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::event::SaleState;
use crate::domain::seat::StoredSeat;
use crate::domain::time::At;
use crate::ports::ledger::{self, Fence, FenceRead, OpId};

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
    let block = block.unwrap_or("");
    let columns = ledger::SeatColumns {
        row,
        changed,
        status,
        hold,
        buyer,
        deadline,
        price,
        tier,
        reference,
        cause,
        offset,
        block,
    };
    columns.read()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_seat_older_than_a_column_is_read() {
        let read = seat((3, 9, 1, HOLD, "ann", 60_000, 4_500, 2, "", 0, 17, None)).unwrap();
        assert_eq!((read.number.0, read.changed, read.block), (3, 9, None));
    }

    #[test]
    fn what_no_release_writes_is_named() {
        let unknown_sale = (1, 1, HOLD, 0, 0, -1, 0, 0, 9, "", 0, &[][..]);
        assert!(fence(unknown_sale).unwrap_err().contains("sale_state 9"));
    }
}
