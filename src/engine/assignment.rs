//! Whether an assigned partition may be worked on, and from where.

use super::arrival::Arrival;
use super::path::Path;
use crate::domain::rule::Rule;
use crate::ports::log::{Assignment, Position, REBASE};

/// The offset to begin at, or why the partition is refused and how to rebase it.
pub(super) fn check(found: &Assignment, read_back: &[Arrival]) -> Result<i64, String> {
    check_term(found)?;
    let partition = found.partition;
    let Some(position) = &found.committed else {
        if found.outcomes_exist {
            Path::OffsetsLost.reached();
            return Err(format!(
                "the group has no offset for partition {partition}, and answers exist: set it to the \
                 offset after the last answered request (kafka-consumer-groups --reset-offsets \
                 --to-offset), then restart"
            ));
        }
        Path::BegunAtStart.reached();
        return Ok(found.log_start);
    };
    let at = position.offset;
    if found.log_start > at {
        Path::RequestsGone.reached();
        return Err(format!(
            "requests {at} to {} of partition {partition} are gone unanswered (the topic was made anew, \
             or its retention is too short): set the group's offset to {} to go on without them, then \
             restart",
            found.log_start - 1,
            found.log_start
        ));
    }
    if at > found.log_end {
        Path::PositionBeyondEnd.reached();
        return Err(format!(
            "the group's offset {at} of partition {partition} is beyond the log's end {} (the topic was \
             made anew, or lost its tail): set it to the first request not yet answered, then restart",
            found.log_end
        ));
    }
    check_last(found, position, read_back)?;
    if let Some(known) = found.inventory.iter().find(|known| known.position > at)
        && Rule::InventoryIsHeldAgainstPosition.holds()
    {
        Path::InventoryAheadOfPosition.reached();
        return Err(format!(
            "the group's offset {at} of partition {partition} was moved back: event {} has been answered \
             up to {}; {REBASE}, then restart",
            known.event, known.position
        ));
    }
    Path::BegunAtPosition.reached();
    Ok(at)
}

/// The driver has compared them before it took the term; another owner may have come in between.
fn check_term(found: &Assignment) -> Result<(), String> {
    let Some(previous) = &found.previous else { return Ok(()) };
    found.own.follows(previous).inspect_err(|_| {
        if previous.partitions == found.own.partitions {
            Path::OtherLedger.reached();
        } else {
            Path::OtherPartitionCount.reached();
        }
    })
}

/// The record before the position must be the one that was committed, where the log still has it.
fn check_last(
    found: &Assignment,
    position: &Position,
    read_back: &[Arrival],
) -> Result<(), String> {
    let Some(last) = position.last else { return Ok(()) };
    if last.offset < found.log_start {
        Path::LastRecordGone.reached();
        return Ok(());
    }
    let there = read_back.iter().find(|arrival| arrival.offset == last.offset);
    let same = there
        .is_some_and(|arrival| (arrival.digest, arrival.appended) == (last.digest, last.appended));
    if same {
        return Ok(());
    }
    Path::OtherLastRecord.reached();
    Err(format!(
        "record {} of partition {} is not the one that was answered (the topic was made anew, or lost \
         its tail and grew again): set the group's offset to the first request not yet answered, then \
         restart",
        last.offset, found.partition
    ))
}
