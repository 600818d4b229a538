//! What an owner is told and handed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::domain::ids::Partition;
use holdfast::domain::outcome::DECISION_VERSION;
use holdfast::ports::log::{
    Assignment, Known, Log, Publication, Published, RawRecord, ToLog, Topic,
};
use holdfast::wire;

use super::bench::{Bench, P0, P1, PARTITIONS, SILENCE, event_in, submit};
use super::publications::{committed, inventory, part, position, publication, visible};
use crate::owner::{Owner, member};

/// Records that are delivered again and again.
const REWOUND: usize = 500;
/// How long a command may be on its way to where records are read.
const HEARD: Duration = Duration::from_millis(100);

fn of(partition: Partition, records: &[RawRecord]) -> Vec<RawRecord> {
    records.iter().filter(|record| record.partition == partition.0).cloned().collect()
}

fn offset(assignment: &Assignment) -> i64 {
    assignment.committed.as_ref().map_or(0, |position| position.offset)
}

/// That no partition's came before its assignment is seen to by [`Owner`].
pub(super) fn records_arrive_once_and_in_order(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 10)?;
    submit(log, P1, 10)?;
    let mut owner = bench.own(log, "a")?;
    let epochs = [owner.ready(P0)?.epoch, owner.ready(P1)?.epoch];
    let mut records = owner.records(20)?;
    submit(log, P0, 5)?;
    records.extend(owner.records(5)?);
    ensure!(owner.no_records_for(SILENCE)?, "more records than there are");
    for (partition, epoch) in [P0, P1].into_iter().zip(epochs) {
        let there = visible(log, Topic::Requests, partition)?;
        let there: Vec<RawRecord> = there.into_iter().map(|record| record.under(epoch)).collect();
        let handed = of(partition, &records);
        let offsets: Vec<i64> = handed.iter().map(|record| record.offset).collect();
        ensure!(offsets.iter().copied().eq((0..).take(there.len())), "handed over: {offsets:?}");
        for (handed, there) in handed.iter().zip(&there) {
            ensure!(handed == there, "{there:?} became {handed:?}");
        }
    }
    owner.leave()
}

/// Twice: by the first owner there ever was, and by its successor.
pub(super) fn an_assignment_finds_what_was_published(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let events = [(P0, 0), (P0, 1), (P1, 0)].map(|(p, number)| event_in(p, number));
    submit(log, P0, 4)?;
    submit(log, P1, 2)?;
    let mut first = bench.own(log, "a")?;
    let before = [first.ready(P0)?, first.ready(P1)?];
    for (found, end) in before.iter().zip([4, 2]) {
        ensure!(found.committed.is_none() && !found.outcomes_exist, "{found:?}");
        ensure!(found.previous.is_none(), "somebody was there before: {:?}", found.previous);
        ensure!(found.inventory.is_empty() && found.read_back.is_empty(), "{found:?}");
        ensure!((found.log_start, found.log_end) == (0, end) && !found.retaken, "{found:?}");
        let own = &found.own;
        let member = member("a");
        ensure!((own.partition, &own.instance_id) == (found.partition, &member.instance));
        ensure!((own.ledger, &own.ledger_cluster) == (member.ledger.id, &member.ledger.cluster));
        ensure!((own.partitions, own.decision_version) == (PARTITIONS, DECISION_VERSION));
    }
    let records = first.records(6)?;
    let requests = [of(P0, &records), of(P1, &records)];
    let mut early = [part(P0, &requests[0][0]), part(P1, &requests[1][0])];
    early[0].inventory = events[..2].iter().map(|e| inventory(e, &requests[0][0])).collect();
    early[1].inventory = vec![inventory(&events[2], &requests[1][0])];
    let mut late = part(P0, &requests[0][2]);
    late.inventory = vec![inventory(&events[0], &requests[0][2])];
    for parts in [early.to_vec(), vec![late]] {
        ensure!(first.publish(Publication { parts })? == Published::Committed);
    }
    first.leave()?;

    let mut second = bench.own(log, "b")?;
    let after = [second.ready(P0)?, second.ready(P1)?];
    second.leave()?;
    let last = [&requests[0][2], &requests[1][0]];
    let known =
        [vec![(&events[0], last[0]), (&events[1], &requests[0][0])], vec![(&events[2], last[1])]];
    for (n, mut found) in after.into_iter().enumerate() {
        let wanted = position(last[n]);
        let committed = found.committed.take();
        ensure!(committed == Some(wanted), "the position is {committed:?}");
        ensure!(found.outcomes_exist, "there are outcomes");
        let previous = found.previous.take();
        ensure!(previous.as_ref() == Some(&before[n].own), "the predecessor is {previous:?}");
        ensure!(found.own.instance_id == "b", "it says {:?}", found.own);
        found.inventory.sort_by(|one, other| one.event.cmp(&other.event));
        let mut known: Vec<Known> = known[n].iter().map(|(e, r)| as_known(e, r)).collect();
        known.sort_by(|one, other| one.event.cmp(&other.event));
        ensure!(found.inventory == known, "the inventory is {:?}", found.inventory);
        let back: Vec<i64> = found.read_back.iter().map(|record| record.offset).collect();
        ensure!(back.iter().copied().eq(0..=last[n].offset), "read back: {back:?}");
        let same = |(one, other): (&RawRecord, &RawRecord)| {
            (&one.key, &one.value, &one.headers, one.appended)
                == (&other.key, &other.value, &other.headers, other.appended)
        };
        ensure!(found.read_back.iter().zip(&requests[n]).all(same), "read back other records");
    }
    Ok(())
}

fn as_known(event: &str, last: &RawRecord) -> Known {
    let inventory = wire::inventory::decode(&inventory(event, last).value);
    inventory.expect("what was just encoded").known()
}

/// A term is the offset of a record that says whose it is.
pub(super) fn terms_rise(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let mut before = [-1, -1];
    for instance in ["a", "b", "a"] {
        let mut owner = bench.own(log, instance)?;
        let found = [owner.ready(P0)?, owner.ready(P1)?];
        owner.leave()?;
        let terms = found.each_ref().map(|found| found.term);
        let rise = terms.iter().zip(before).all(|(term, before)| *term > before);
        ensure!(rise && terms[0] != terms[1], "terms {terms:?} after {before:?}");
        let records = visible(log, Topic::Terms, P0)?;
        for found in found {
            let own = records.iter().find(|record| record.offset == found.term);
            let own = own.with_context(|| format!("term {} is of no record", found.term))?;
            let own = wire::term::decode(own.value.as_deref().unwrap_or_default())?;
            ensure!(own == found.own, "the record of term {} says {own:?}", found.term);
        }
        before = terms;
    }
    Ok(())
}

/// Of another ledger, or of one of the same name in another place. Whoever begins with it is
/// refused, also when asking twice, and leaves no trace.
pub(super) fn no_term_follows_one_of_another_ledger(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let mut first = bench.own(log, "a")?;
    let before = [first.ready(P0)?, first.ready(P1)?];
    first.leave()?;
    let mut elsewhere = member("b");
    elsewhere.ledger.cluster = "elsewhere".into();
    let mut other = member("b");
    other.ledger.id = uuid::Uuid::from_u128(2);
    for member in [elsewhere, other.clone(), other] {
        let mut wrong = Owner::start_as(log, member, bench.patience())?;
        for partition in [P0, P1] {
            let sentence = wrong.refused(partition)?;
            ensure!(sentence.contains("wrong ledger"), "no word about the ledger: {sentence}");
        }
        wrong.leave()?;
    }
    let mut right = bench.own(log, "c")?;
    for (partition, before) in [P0, P1].into_iter().zip(before) {
        let found = right.ready(partition).context("with the right ledger again")?;
        let previous = found.previous;
        ensure!(previous.as_ref() == Some(&before.own), "the predecessor is {previous:?}");
    }
    right.leave()
}

fn expect_offsets(records: &[RawRecord], wanted: std::ops::Range<i64>) -> Result<()> {
    let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
    ensure!(offsets.iter().copied().eq(wanted.clone()), "{offsets:?} and not {wanted:?}");
    Ok(())
}

/// Under an epoch of its own each time; paused or not, it goes on from where it is sent.
pub(super) fn a_rewind_delivers_again(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, REWOUND)?;
    let mut owner = bench.own(log, "a")?;
    let mut epoch = owner.ready(P0)?.epoch;
    // Rewound in the midst of it.
    owner.records(1)?;
    let end = i64::try_from(REWOUND)?;
    let steps = [(100, false), (300, true), (0, true), (end - 1, false), (0, false)];
    for (offset, paused) in steps {
        epoch += 1;
        if paused {
            owner.send(ToLog::Pause(P0));
        }
        owner.send(ToLog::Rewind { partition: P0, offset, epoch });
        if paused {
            std::thread::sleep(HEARD / 2);
            owner.send(ToLog::Resume(P0));
        }
        let records = owner.records_of(epoch, usize::try_from(end - offset)?)?;
        expect_offsets(&records, offset..end)?;
    }
    ensure!(owner.no_records_for(SILENCE)?, "more records than were wanted");
    owner.leave()
}

/// The other one is read all the while.
pub(super) fn a_paused_partition_is_silent_and_goes_on(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 2)?;
    submit(log, P1, 2)?;
    let mut owner = bench.own(log, "a")?;
    owner.ready(P0)?;
    owner.ready(P1)?;
    owner.records(4)?;
    owner.send(ToLog::Pause(P0));
    std::thread::sleep(HEARD);
    submit(log, P0, 5)?;
    submit(log, P1, 5)?;
    let records = owner.records(5).context("of the other partition")?;
    ensure!(of(P0, &records).is_empty(), "records in spite of the pause");
    expect_offsets(&records, 2..7)?;
    ensure!(owner.no_records_for(SILENCE)?, "records in spite of the pause");
    owner.send(ToLog::Resume(P0));
    let records = owner.records(5).context("after the pause")?;
    ensure!(of(P1, &records).is_empty(), "records of the other partition once more");
    expect_offsets(&records, 2..7)?;
    owner.leave()
}

pub(super) fn a_term_taken_anew_is_higher_and_marked(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 3)?;
    let mut owner = bench.own(log, "a")?;
    let first = owner.ready(P0)?;
    let other = owner.ready(P1)?;
    let records = owner.records(3)?;
    ensure!(owner.publish(publication(P0, &records[0]))? == Published::Committed);
    owner.send(ToLog::RetakeTerm(P0));
    let second = owner.ready(P0).context("taken anew")?;
    ensure!(!first.retaken && second.retaken, "it is not marked");
    let terms = [first.term, other.term];
    ensure!(terms.iter().all(|term| second.term > *term), "{} after {terms:?}", second.term);
    ensure!(second.epoch > first.epoch, "the epoch is {} again", second.epoch);
    ensure!(second.previous.as_ref() == Some(&first.own), "{:?}", second.previous);
    ensure!(offset(&second) == 1 && second.read_back.len() == 1, "{second:?}");
    let again = owner.records_of(second.epoch, 2)?;
    expect_offsets(&again, 1..3)?;
    ensure!(owner.publish(publication(P0, &again[1]))? == Published::Committed);
    owner.leave()
}

/// Whatever is asked of it afterwards.
pub(super) fn leaving_is_told_and_the_successor_goes_on(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 6)?;
    let mut first = bench.own(log, "a")?;
    let before = first.ready(P0)?;
    first.ready(P1)?;
    let records = first.records(6)?;
    ensure!(first.publish(publication(P0, &records[2]))? == Published::Committed);
    leave_for_good(first)?;
    let mut second = bench.own(log, "b")?;
    let after = second.ready(P0)?;
    ensure!(offset(&after) == 3 && after.term > before.term, "{after:?}");
    let records = second.records(3)?;
    expect_offsets(&records, 3..6)?;
    ensure!(second.publish(publication(P0, &records[2]))? == Published::Committed);
    second.leave()?;
    expect_position(log, 6)
}

fn leave_for_good(mut owner: Owner) -> Result<()> {
    owner.send(ToLog::Leave);
    owner.left()?;
    owner.send(ToLog::ReadPositions(vec![P0]));
    ensure!(owner.is_silent_for(SILENCE), "it goes on talking");
    Ok(())
}

fn expect_position(log: &dyn Log, wanted: i64) -> Result<()> {
    let found = committed(log, P0)?;
    ensure!(found == wanted, "the position is {found} and not {wanted}");
    Ok(())
}
