//! What is published becomes visible whole, by the owner and by nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use holdfast::domain::ids::Partition;
use holdfast::ports::log::{
    FromLog, Log, LogRecord, OutRecord, Part, Publication, Published, RawRecord, Reader, ToLog,
    Topic,
};

use super::bench::{Bench, P0, P1, SILENCE, submit};
use super::publications::{committed, inventory, position, publication, visible, visible_to};
use crate::owner::{Owner, published};

/// Transactions made while somebody looks.
const TRANSACTIONS: usize = 8;
/// How often a publication may end without having been committed.
const TRIES: usize = 5;
/// How often an owner dies.
const DEATHS: u64 = 3;

/// Records of one entry and another, of several topics, with and without key, value and headers.
fn all_sorts(partition: Partition, last: &RawRecord) -> Part {
    let record = |topic, key: Option<&[u8]>, value: &[u8], headers: &[(&str, Option<&[u8]>)]| {
        let owned =
            |(name, value): &(&str, Option<&[u8]>)| ((*name).to_owned(), value.map(<[u8]>::to_vec));
        OutRecord {
            topic,
            key: key.map(<[u8]>::to_vec),
            value: value.to_vec(),
            headers: headers.iter().map(owned).collect(),
        }
    };
    let number = last.offset.to_string().into_bytes();
    let headers: [(&str, Option<&[u8]>); 3] =
        [("one", Some(b"1")), ("null", None), ("empty", Some(b""))];
    let first = vec![
        record(Topic::Held, Some(b"cup"), &number, &headers),
        record(Topic::Booked, Some(b"cup"), &number, &[]),
        record(Topic::Held, Some(b"cup"), b"second of the entry", &[]),
    ];
    let second = vec![
        record(Topic::DeadLetters, None, &number, &headers),
        record(Topic::Released, Some(b""), b"", &[]),
        record(Topic::Held, Some(b"other"), b"of another entry", &[]),
    ];
    Part {
        partition,
        position: position(last),
        entries: vec![Arc::new(first), Arc::new(second)],
        inventory: vec![inventory("cup", last), inventory("other", last)],
    }
}

/// Both partitions in one transaction each time, looked at all the while.
pub(super) fn a_publication_becomes_visible_whole(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, TRANSACTIONS)?;
    submit(log, P1, TRANSACTIONS)?;
    let mut owner = bench.own(log, "a")?;
    owner.ready(P0)?;
    owner.ready(P1)?;
    let records = owner.records(2 * TRANSACTIONS)?;
    let of = |p: Partition| records.iter().filter(move |record| record.partition == p.0);
    let done = AtomicBool::new(false);
    let mut reader = log.reader()?;
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(log, &done));
        let made = of(P0).zip(of(P1)).try_for_each(|(one, other)| {
            let parts = vec![all_sorts(P0, one), all_sorts(P1, other)];
            let published = owner.publish(Publication { parts: parts.clone() })?;
            ensure!(published == Published::Committed, "{published:?}");
            parts.iter().try_for_each(|part| expect_visible(&mut *reader, part))
        });
        done.store(true, Ordering::Release);
        let seen = watching.join().expect("no panic");
        made.and(seen)
    })?;
    owner.leave()
}

/// That all of it is the last there is, byte for byte.
fn expect_visible(reader: &mut dyn Reader, part: &Part) -> Result<()> {
    let Part { partition, position, entries, inventory } = part;
    let records = || entries.iter().flat_map(|entry| entry.iter()).chain(inventory);
    for topic in [Topic::Held, Topic::Booked, Topic::Released, Topic::DeadLetters, Topic::Inventory]
    {
        let wanted: Vec<&OutRecord> = records().filter(|record| record.topic == topic).collect();
        let found = visible_to(reader, topic, *partition)?;
        let last = &found[found.len().saturating_sub(wanted.len())..];
        let same = |(found, wanted): (&LogRecord, &&OutRecord)| {
            (&found.key, found.value.as_ref(), &found.headers)
                == (&wanted.key, Some(&wanted.value), &wanted.headers)
        };
        let whole = last.len() == wanted.len() && last.iter().zip(&wanted).all(same);
        ensure!(whole, "published {wanted:?}, and what is there is {last:?}");
    }
    let (committed, wanted) = (reader.committed(*partition)?, Some(position.offset));
    ensure!(committed == wanted, "the position is {committed:?} and not {wanted:?}");
    Ok(())
}

/// Whatever of a transaction is seen, the rest of it is seen by whoever looks next.
fn watch(log: &dyn Log, done: &AtomicBool) -> Result<()> {
    let mut reader = log.reader()?;
    // Each publication answers one record and has one of these.
    let count = |reader: &mut dyn Reader, partition| {
        Ok::<_, anyhow::Error>(visible_to(reader, Topic::Booked, partition)?.len())
    };
    while !done.load(Ordering::Acquire) {
        for (first, other) in [(P0, P1), (P1, P0)] {
            let (seen, then) = (count(&mut *reader, first)?, count(&mut *reader, other)?);
            ensure!(then >= seen, "{seen} visible in {first}, then {then} in {other}");
            let position = usize::try_from(reader.committed(first)?.unwrap_or(0))?;
            let then = count(&mut *reader, other)?;
            ensure!(then >= position, "position {position} in {first}, {then} visible in {other}");
        }
    }
    Ok(())
}

/// Asked for while the publication is under way.
pub(super) fn positions_tell_what_was_published_before(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 6)?;
    let mut owner = bench.own(log, "a")?;
    owner.ready(P0)?;
    owner.ready(P1)?;
    let records = owner.records(6)?;
    for last in &records {
        owner.send(ToLog::Publish(publication(P0, last)));
        let positions = owner.positions(&[P0, P1])?;
        let of = |partition| {
            let found = positions.iter().find(|(found, _)| *found == partition);
            found.map(|(_, position)| position.unwrap_or(0))
        };
        let (wanted, other) = (Some(last.offset + 1), Some(0));
        ensure!((of(P0), of(P1)) == (wanted, other), "{positions:?}, {wanted:?} was published");
        let told = owner.wait("the end of the publication", published)?;
        ensure!(told == Published::Committed, "{told:?}");
    }
    owner.leave()
}

/// The same name comes back while the former one still lives, and would publish.
pub(super) fn an_owner_replaced_publishes_nothing(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 3)?;
    let mut first = bench.own(log, "a")?;
    first.ready(P0)?;
    first.ready(P1)?;
    let records = first.records(3)?;
    let mut second = bench.own(log, "a")?;
    second.ready(P0)?;
    second.ready(P1)?;
    first.send(ToLog::Publish(publication(P0, &records[1])));
    // What it is told of its publication, if anything, is no matter, as long as it is not a lie.
    let committed = |event: &FromLog| matches!(event, FromLog::Published(Published::Committed));
    ensure!(!first.any_until_failed(SILENCE, committed)?, "published by whoever was replaced");
    expect_outcomes(log, 0)?;
    let records = second.records(3)?;
    publish_until_committed(&mut second, &publication(P0, &records[0]))?;
    second.leave()?;
    expect_outcomes(log, 1)
}

/// As the engine does: whoever was replaced may have ended the transaction of its successor, who
/// then reads how far it came.
fn publish_until_committed(owner: &mut Owner, publication: &Publication) -> Result<()> {
    let Some(part) = publication.parts.first() else { bail!("nothing to publish") };
    for _ in 0..TRIES {
        let Published::Ended { positions, why } = owner.publish(publication.clone())? else {
            return Ok(());
        };
        match positions[..] {
            [(partition, 0)] if partition == part.partition => {}
            [(partition, offset)]
                if (partition, offset) == (part.partition, part.position.offset) =>
            {
                return Ok(());
            }
            _ => bail!("{positions:?} after {why}"),
        }
    }
    bail!("ended {TRIES} times and never committed")
}

/// That so many records are answered, and the position says so too.
fn expect_outcomes(log: &dyn Log, wanted: usize) -> Result<()> {
    let (outcomes, position) = (visible(log, Topic::Held, P0)?.len(), committed(log, P0)?);
    let same = (outcomes, usize::try_from(position)?) == (wanted, wanted);
    ensure!(same, "{outcomes} outcomes and position {position}, wanted {wanted}");
    Ok(())
}

/// Killed at any moment of a publication: it is there or not, and the next owner goes on.
pub(super) fn an_owner_killed_leaves_nothing_half_done(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let mut answered = 0;
    for death in 0..DEATHS {
        submit(log, P0, 2)?;
        let mut owner = bench.own(log, &format!("owner-{death}"))?;
        let next = go_on(&mut owner, answered)?;
        owner.send(ToLog::Publish(publication(P0, &next[0])));
        std::thread::sleep(Duration::from_millis(2 * death));
        drop(owner);
        let mut successor = bench.own(log, "successor")?;
        successor.ready(P0)?;
        let outcomes = visible(log, Topic::Held, P0)?.len();
        expect_outcomes(log, outcomes)?;
        ensure!(outcomes == answered || outcomes == answered + 1, "{outcomes} after {answered}");
        let records = successor.records(1)?;
        ensure!(usize::try_from(records[0].offset)? == outcomes, "goes on at {:?}", records[0]);
        ensure!(successor.publish(publication(P0, &records[0]))? == Published::Committed);
        successor.leave()?;
        answered = outcomes + 1;
        expect_outcomes(log, answered)?;
    }
    Ok(())
}

/// The records behind what has been answered.
fn go_on(owner: &mut Owner, answered: usize) -> Result<Vec<RawRecord>> {
    let assignment = owner.ready(P0)?;
    let position = assignment.committed.map_or(0, |position| position.offset);
    ensure!(usize::try_from(position)? == answered, "assigned at {position}");
    owner.records(1)
}
