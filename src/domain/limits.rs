//! Every bound of the house, named, with its unit, and the relations between them.

use super::time::Millis;

/// Bytes of a name: event, buyer, reference, section, row, seat label, tier.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a full name as a claim may write it: section, row and seat with two slashes.
pub const FULL_NAME_BYTES_MAX: usize = 3 * NAME_BYTES_MAX + 2;
/// Bytes of the sentence in a refusal; what goes beyond is cut, since it may quote the request.
pub const DETAIL_BYTES_MAX: usize = 1_024;
/// Places of one event.
pub const SEATS_PER_EVENT_MAX: usize = 200_000;
/// Rows one event may come to have in the ledger: a place that a new definition adds gets a row
/// that nobody had.
pub const ROWS_PER_EVENT_MAX: usize = 2 * SEATS_PER_EVENT_MAX;
/// Sections of one event.
pub const SECTIONS_MAX: usize = 1_000;
/// Tiers, summed over the sections they are sold in: the inventory has a count for each.
pub const SECTION_TIERS_MAX: usize = 4_000;
/// Tiers of one event.
pub const TIERS_MAX: usize = 256;
/// Places one claim may ask for, whatever the event allows, and lines in which it may ask for them.
pub const SEATS_PER_REQUEST_MAX: usize = 50;
/// Places one block or unblock may cover, and lines in which it may name them; the command line
/// splits larger ones.
pub const BLOCK_SEATS_MAX: usize = 1_000;
/// Bytes of a request record's value; larger ones are dead letters.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a record's value that a dead letter repeats.
pub const DEAD_LETTER_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of key and of all headers that a dead letter repeats.
pub const DEAD_LETTER_EXTRA_BYTES_MAX: usize = 64 * 1024;
/// Times a record may fail before it is no longer put back without a word to that effect: what
/// failed twice will mostly fail for ever.
pub const DEAD_LETTER_ATTEMPTS_MAX: i32 = 2;
/// Request partitions of one deployment.
pub const PARTITIONS_MAX: i32 = 128;

/// Longest time a hold may be given.
pub const HOLD_TIME_MAX: Millis = Millis(24 * 60 * 60 * 1_000);
/// Longest time holds may be extended by.
pub const EXTEND_MAX_MAX: Millis = HOLD_TIME_MAX;
/// Shortest time a hold may be given.
pub const HOLD_TIME_MIN: Millis = Millis(1_000);
/// A hold is live until its deadline and this much longer.
pub const GRACE: Millis = Millis(500);
/// How far log time may be ahead of the owner's clock before it is clamped.
pub const CLOCK_SKEW_MAX: Millis = Millis(500);
/// How far the time in an id may be from the log's.
pub const ID_WINDOW: Millis = Millis(10_000);
/// How long ids are remembered, from the time in them on.
pub const ID_MEMORY: Millis = Millis(2 * ID_WINDOW.0);
/// How much log time is read back to know every id remembered: an id may be ahead of its record.
pub const ID_READ_BACK: Millis = Millis(ID_MEMORY.0 + ID_WINDOW.0);
/// Longest wait an event may set before its claims go stale.
pub const MAX_WAIT_MAX: Millis = Millis(60 * 60 * 1_000);
/// The wait before claims go stale where the event sets none.
pub const MAX_WAIT_DEFAULT: Millis = Millis(30_000);

/// Seat rows that one decision frees of its own accord because their holds lapsed.
pub const LAPSED_ROWS_MAX: usize = 500;
/// Seat rows of a buyer's own lapsed holds that one claim frees beyond those.
pub const LAPSED_ROWS_OF_BUYER_MAX: usize = SEATS_PER_REQUEST_MAX * SEATS_PER_REQUEST_MAX;
/// Seat rows of lapsed holds that one claim frees beyond those, where the event is to choose.
pub const LAPSED_ROWS_OF_BEST_MAX: usize = SEATS_PER_REQUEST_MAX * SEATS_PER_REQUEST_MAX;
/// Seat rows of lapsed holds that one block frees beyond those, where they are in its way.
pub const LAPSED_ROWS_OF_BLOCK_MAX: usize = SEATS_PER_REQUEST_MAX * SEATS_PER_REQUEST_MAX;
/// Seat rows one decision may change beyond the lapsed ones: each wanted seat, named or general,
/// may sit in a lapsed hold of its own, the buyer's lapsed holds go, and the wanted seats change
/// once more, as do those that an exchange gives back.
pub const TOUCHED_ROWS_MAX: usize = SEATS_PER_REQUEST_MAX * SEATS_PER_REQUEST_MAX
    + LAPSED_ROWS_OF_BEST_MAX
    + LAPSED_ROWS_OF_BUYER_MAX
    + 2 * SEATS_PER_REQUEST_MAX;
/// Seat rows a block may change beyond the lapsed ones: what lapsed in its way, and what it blocks.
pub const BLOCK_ROWS_MAX: usize = LAPSED_ROWS_OF_BLOCK_MAX + BLOCK_SEATS_MAX;
/// Seat rows one decision may change.
pub const DECISION_ROWS_MAX: usize = LAPSED_ROWS_MAX + SEATS_PER_REQUEST_MAX + TOUCHED_ROWS_MAX;
/// Seat rows of one ledger batch. Past some 500 a batch gains nothing more; it may be as large as
/// one decision.
pub const BATCH_ROWS_MAX: usize = 9_000;
/// Seat rows after which no further decision joins a batch that has room for it.
pub const BATCH_ROWS_GOAL: usize = 500;
/// Statements the driver takes in one batch.
pub const BATCH_STATEMENTS_MAX: usize = 65_535;
/// Bytes of entries, before compression, that an outbox row may hold.
pub const OUTBOX_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Part of an outbox that may be decided between two batches.
pub const OUTBOX_PENDING_SHARE: usize = 4;
/// Bytes of a record that one seat of it comes to: its full name with what goes beside it.
pub const SEAT_BYTES_MAX: usize = FULL_NAME_BYTES_MAX + 6;
/// Bytes one decision's records can come to: the answer and derived releases at some
/// [`SEAT_BYTES_MAX`] a seat.
pub const DECISION_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Records one partition may have read and not yet published before reading pauses.
pub const PARTITION_RECORDS_MAX: usize = 20_000;
/// Bytes one partition may have read and not yet published before reading pauses.
pub const PARTITION_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Entries in one Kafka transaction, over all partitions.
pub const PUBLICATION_ENTRIES_MAX: usize = 10_000;
/// Bytes in one Kafka transaction, over all partitions.
pub const PUBLICATION_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events one owner keeps in memory before it forgets idle ones.
pub const EVENTS_IN_MEMORY_MAX: usize = 2_000;

/// How long to wait before an unsettled ledger statement is sent again.
pub const LEDGER_RETRY: Millis = Millis(100);

const _: () = {
    assert!(BATCH_ROWS_GOAL + DECISION_ROWS_MAX <= BATCH_ROWS_MAX);
    assert!(LAPSED_ROWS_MAX + SEATS_PER_REQUEST_MAX + BLOCK_ROWS_MAX <= DECISION_ROWS_MAX);
    assert!(DECISION_ROWS_MAX * SEAT_BYTES_MAX <= DECISION_BYTES_MAX);
    assert!(BLOCK_SEATS_MAX * SEAT_BYTES_MAX < REQUEST_BYTES_MAX);
    assert!(BATCH_ROWS_MAX + 3 <= BATCH_STATEMENTS_MAX);
    assert!(OUTBOX_BYTES_MAX / OUTBOX_PENDING_SHARE + DECISION_BYTES_MAX <= OUTBOX_BYTES_MAX);
    assert!(DEAD_LETTER_VALUE_BYTES_MAX + DEAD_LETTER_EXTRA_BYTES_MAX < REQUEST_BYTES_MAX);
    assert!(ROWS_PER_EVENT_MAX < i32::MAX as usize);
    assert!(ID_MEMORY.0 == 2 * ID_WINDOW.0);
};
