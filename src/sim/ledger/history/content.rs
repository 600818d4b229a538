//! What a batch writes: values that follow from its number and are in no other batch, among them
//! such as lie at the ends of their columns.
//!
//! Recordings were made with these values. Others would do as well for replaying them, but the
//! server never saw those: record anew after a change here.

use std::sync::Arc;

use uuid::Uuid;

use super::plan::op_id;
use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, Reference, RequestId, RowNumber};
use crate::domain::seat::{Cause, Status, StoredSeat};
use crate::domain::time::At;
use crate::ports::ledger::Fence;

/// Kinds of blobs, which never have the same bytes.
pub(super) const OUTBOX: u8 = 1;
/// See [`OUTBOX`].
pub(super) const DEFINITION: u8 = 2;

/// Bytes of the number and the kind in front of a blob.
const HEAD_BYTES: usize = 5;

/// The fence that a batch writes.
pub(super) fn fence(number: u32, revision: i64) -> Fence {
    let n = i64::from(number);
    let sales =
        [SaleState::NotOpen, SaleState::Open, SaleState::Closed, SaleState::Paused, SaleState::Off];
    let suspended = if number.is_multiple_of(6) {
        format!("batch {number} says: \"déjà vu\";\nit's so 💺")
    } else {
        String::new()
    };
    Fence {
        term: at_an_end(n, 5).unwrap_or(n / 4),
        revision,
        op_id: op_id(number),
        sequence: at_an_end(n, 6).unwrap_or(n),
        edition: at_an_end(n, 7).unwrap_or(n / 3),
        applied_offset: at_an_end(n, 8).unwrap_or(n - 2),
        published_below: at_an_end(n, 9).unwrap_or(n - 5),
        decided_at: At(at_an_end(n, 10).unwrap_or(1_790_000_000_000 + n)),
        sale: sales[number as usize % sales.len()],
        suspended,
    }
}

/// Every 11th number has one of the ends of a bigint in some column.
fn at_an_end(number: i64, remainder: i64) -> Option<i64> {
    (number % 11 == remainder).then_some(if number % 2 == 0 { i64::MAX } else { i64::MIN })
}

/// The bytes of a blob row; every seventh batch writes none at all, which is not null.
pub(super) fn bytes(number: u32, kind: u8) -> Arc<[u8]> {
    if number.is_multiple_of(7) {
        return Arc::from([]);
    }
    let length = if number % 16 == 15 { 100_000 } else { number as usize * 37 % 700 };
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.push(kind);
    bytes.extend(every_byte.repeat(length.div_ceil(every_byte.len())));
    bytes.truncate(HEAD_BYTES + length);
    bytes.into()
}

/// The batch that wrote these bytes, if they are one's.
pub(super) fn writer_of_bytes(written: &[u8], kind: u8) -> Option<u32> {
    let number = u32::from_be_bytes(*written.first_chunk()?);
    (*bytes(number, kind) == *written).then_some(number)
}

/// A seat row that a batch writes; its number is in the offset of the claim.
pub(super) fn seat(number: u32, place: RowNumber, changed: i64) -> StoredSeat {
    let n = i64::from(number);
    let held = StoredSeat {
        number: place,
        status: Status::Held,
        hold: RequestId(Uuid::from_u64_pair(n.unsigned_abs(), u64::from(place.0))),
        buyer: Some(BuyerId::new(&format!("buyer-{number}")).expect("a name")),
        deadline: At(1_790_000_600_000 + n),
        price: at_an_end(n, 3).unwrap_or(n * 100),
        tier: if number.is_multiple_of(9) { u16::MAX } else { 1 },
        reference: None,
        cause: Cause::None,
        offset: n,
        changed,
        block: None,
    };
    let reference = || Some(Reference::new(&format!("pay:{number}")).expect("a name"));
    match (number + place.0) % 7 {
        0 => StoredSeat { status: Status::Booked, reference: reference(), ..held },
        1 => freed(held, Cause::Expired),
        2 => freed(held, Cause::Released),
        3 => StoredSeat { reference: reference(), ..freed(held, Cause::Cancelled) },
        4 => StoredSeat {
            status: Status::Blocked,
            hold: RequestId::NONE,
            buyer: None,
            deadline: At(0),
            block: Some("hinter einer Säule".into()),
            ..held
        },
        5 => StoredSeat { block: Some("press".into()), ..held },
        _ => held,
    }
}

fn freed(held: StoredSeat, cause: Cause) -> StoredSeat {
    StoredSeat { status: Status::Free, deadline: At(0), cause, ..held }
}
