//! What is put on the log is what is read from it, to the end and on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::domain::ids::Partition;
use holdfast::domain::limits::REQUEST_BYTES_MAX;
use holdfast::domain::time::Millis;
use holdfast::ports::clock::{now, ticks};
use holdfast::ports::log::{
    Delivery, Follower, From, Header, Log, LogRecord, Publication, Published, RawRecord, Start,
    Topic,
};
use holdfast::wire::partitioner;

use super::bench::{Bench, P0, P1, PARTITIONS, SILENCE, event_in, submit, submit_by};
use super::publications::{inventory, part, position, publication, visible};

/// How far the log's clock may be from ours here.
const SKEW_MAX: Millis = Millis(1_000);
/// Requests put on each partition while somebody follows.
const FOLLOWED: usize = 300;

/// Key, value and headers.
type Sent = (Vec<u8>, Option<Vec<u8>>, Vec<Header>);

/// What brokers, clients and files like to confuse.
fn all_sorts() -> Vec<Sent> {
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    let headers = vec![
        header("text", Some(b"value")),
        header("null", None),
        header("empty", Some(b"")),
        header("twice", Some(b"1")),
        header("twice", Some(b"2")),
        header("bytes", Some(&[0, 255, 10])),
    ];
    let large: Vec<u8> = (0_u8..=255).cycle().take(REQUEST_BYTES_MAX).collect();
    let mut sent = vec![
        (b"null-value".to_vec(), None, headers.clone()),
        (b"empty-value".to_vec(), Some(vec![]), vec![]),
        (vec![], Some(b"under an empty key".to_vec()), headers.clone()),
        (vec![0, 255, 128], Some(vec![0, 255, 128]), vec![]),
        (b"large".to_vec(), Some(large), headers),
    ];
    // Keys enough for both partitions.
    let few = (0..10_u8).map(|n| (vec![n], Some(vec![n; 3]), vec![]));
    sent.extend(few);
    sent
}

pub(super) fn what_is_submitted_comes_back(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let (producer, began) = (log.producer()?, now());
    let mut delivered: Vec<(Delivery, Sent)> = vec![];
    for sent in all_sorts() {
        let (key, value, headers) = &sent;
        let there = producer.submit(key, value.as_deref(), headers)?.wait()?;
        let own = Partition(partitioner::partition(key, PARTITIONS));
        ensure!(there.partition == own, "{key:?} went to partition {}", there.partition);
        let told = log.partition(key);
        ensure!(told == own, "{key:?} is said to be of partition {told}");
        delivered.push((there, sent));
    }
    let mut found: BTreeMap<(Partition, i64), LogRecord> = BTreeMap::new();
    for partition in [P0, P1] {
        let records = visible(log, Topic::Requests, partition)?;
        for pair in records.windows(2) {
            let (one, next) = (pair[0].timestamp, pair[1].timestamp);
            ensure!(one <= next, "append times fall from {one} to {next}");
        }
        found.extend(records.into_iter().map(|record| ((partition, record.offset), record)));
    }
    let ended = now();
    ensure!(found.len() == delivered.len(), "{} of {}", found.len(), delivered.len());
    for (there, (key, value, headers)) in delivered {
        let place = (there.partition, there.offset);
        let record = found.get(&place).with_context(|| format!("nothing is at {place:?}"))?;
        let names = (record.topic, record.partition) == (Topic::Requests, there.partition);
        ensure!(names && record.key.as_ref() == Some(&key), "{key:?} became {:?}", record.key);
        ensure!(record.value == value, "the value of {key:?} is another");
        ensure!(record.headers == headers, "the headers of {key:?} are {:?}", record.headers);
        let (since, until) = (began.minus(SKEW_MAX), ended.plus(SKEW_MAX));
        let appended = record.timestamp;
        ensure!((since..=until).contains(&appended), "appended at {appended}, now is {ended}");
    }
    Ok(())
}

/// Where a transaction ends, too, in which there is a mark that nobody is handed.
pub(super) fn a_reader_reads_to_the_end_by_position(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 3)?;
    let mut owner = bench.own(log, "a")?;
    owner.ready(P0)?;
    let requests = owner.records(3)?;
    for request in &requests[..2] {
        ensure!(owner.publish(publication(P0, request))? == Published::Committed);
    }
    owner.leave()?;
    let mut reader = log.reader()?;
    let mut read = |from: From| -> Result<(Vec<i64>, i64)> {
        let mut offsets = vec![];
        let end = reader.read_to_end(from, &mut |record| offsets.push(record.offset))?;
        Ok((offsets, end))
    };
    let (offsets, end) = read((Topic::Held, P0, Start::Beginning))?;
    ensure!(offsets.len() == 2 && offsets[0] < offsets[1], "outcomes at {offsets:?} and no others");
    ensure!(end > offsets[1], "the end {end} is not behind {offsets:?}");
    let again = read((Topic::Held, P0, Start::Offset(offsets[1])))?;
    ensure!(again == (vec![offsets[1]], end), "from the second on: {again:?}");
    let nothing = read((Topic::Held, P0, Start::Offset(end)))?;
    ensure!(nothing == (vec![], end), "from the end on: {nothing:?}");
    let nothing = read((Topic::Held, P1, Start::Beginning))?;
    ensure!(nothing == (vec![], 0), "of an empty partition: {nothing:?}");
    let (offsets, end) = read((Topic::Requests, P0, Start::Beginning))?;
    ensure!((&offsets[..], end) == (&[0, 1, 2], 3), "requests {offsets:?} up to {end}");
    submit(log, P0, 2)?;
    let more = read((Topic::Requests, P0, Start::Offset(end)))?;
    ensure!(more == (vec![3, 4], 5), "from the former end on: {more:?}");
    let asked = log.reader()?.end(Topic::Requests, P0)?;
    ensure!(asked == 5, "the end is said to be {asked}");
    Ok(())
}

pub(super) fn a_start_beyond_the_end_is_refused(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 3)?;
    let beyond = (Topic::Requests, P0, Start::Offset(10));
    let read = log.reader()?.read_to_end(beyond, &mut |_| ());
    ensure!(read.is_err(), "read from beyond the end: {read:?}");
    // Either when it begins, or as soon as the log has looked.
    let until = ticks() + bench.patience();
    if let Ok(mut follower) = log.follow(&[beyond]) {
        while ticks() < until {
            match follower.next(SILENCE) {
                Ok(None) => {}
                Ok(Some(record)) => bail!("followed from beyond the end: {record:?}"),
                Err(_) => return Ok(()),
            }
        }
        bail!("follows from beyond the end");
    }
    Ok(())
}

pub(super) fn a_follower_sees_each_record_once_and_in_order(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    let from = [P0, P1].map(|partition| (Topic::Requests, partition, Start::Beginning));
    let mut follower = log.follow(&from)?;
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            // A few at a time, so that they are followed while they are written.
            let producer = log.producer()?;
            for _ in 0..FOLLOWED / 10 {
                submit_by(&*producer, P0, 10)?;
                submit_by(&*producer, P1, 10)?;
            }
            Ok::<(), anyhow::Error>(())
        });
        let followed = follow(&mut *follower, 2 * FOLLOWED, bench.patience());
        writing.join().expect("no panic")?;
        for (partition, offsets) in followed? {
            let once = (0..).take(FOLLOWED);
            ensure!(offsets.iter().copied().eq(once), "partition {partition}: {offsets:?}");
        }
        Ok(())
    })?;
    let began = ticks();
    let more = follower.next(SILENCE)?;
    let waited = began.elapsed();
    ensure!(more.is_none(), "once more: {more:?}");
    ensure!((SILENCE / 2..SILENCE * 5).contains(&waited), "waited {waited:?} for nothing");
    let mut late = log.follow(&[(Topic::Requests, P1, Start::Offset(290))])?;
    let offsets = follow(&mut *late, FOLLOWED - 290, bench.patience())?.remove(&P1);
    ensure!(offsets.is_some_and(|offsets| offsets.iter().copied().eq(290..300)), "from 290 on");
    Ok(())
}

/// The offsets of so many records, by partition.
fn follow(
    follower: &mut dyn Follower,
    count: usize,
    patience: Duration,
) -> Result<BTreeMap<Partition, Vec<i64>>> {
    let mut offsets: BTreeMap<Partition, Vec<i64>> = BTreeMap::new();
    for seen in 0..count {
        let record = follower.next(patience)?;
        let record = record.with_context(|| format!("only {seen} of {count} records came"))?;
        offsets.entry(record.partition).or_default().push(record.offset);
    }
    Ok(offsets)
}

pub(super) fn a_compacted_topic_keeps_the_last_record_of_each_key(bench: &Bench) -> Result<()> {
    let log = &*bench.open()?;
    submit(log, P0, 4)?;
    let mut owner = bench.own(log, "a")?;
    owner.ready(P0)?;
    let requests = owner.records(4)?;
    // One event in each transaction, one in the first only, one twice in one of them.
    let events: [&[&str]; 4] = [&["a", "b"], &["a"], &["a", "c", "c"], &["a"]];
    for (request, events) in requests.iter().zip(events) {
        let inventory = events.iter().map(|event| inventory(event, request)).collect();
        let mut part = part(P0, request);
        (part.position, part.inventory) = (position(request), inventory);
        ensure!(owner.publish(Publication { parts: vec![part] })? == Published::Committed);
    }
    owner.leave()?;
    let last = last_of_each_key(log)?;
    let wanted = [("a", &requests[3]), ("b", &requests[0]), ("c", &requests[2])];
    ensure!(last.len() == wanted.len(), "{} keys", last.len());
    for (event, request) in wanted {
        let found = last.get(event.as_bytes()).with_context(|| format!("no {event}"))?;
        let RawRecord { offset, .. } = request;
        let value = found.value.as_ref();
        ensure!(value == Some(&inventory(event, request).value), "{event} is not as of {offset}");
    }
    ensure!(last_of_each_key(log)? == last, "read again, they are others");
    Ok(())
}

fn last_of_each_key(log: &dyn Log) -> Result<BTreeMap<Vec<u8>, LogRecord>> {
    let records = visible(log, Topic::Inventory, P0)?;
    ensure!(records.is_sorted_by(|one, next| one.offset < next.offset), "out of order");
    Ok(records.into_iter().map(|r| (r.key.clone().unwrap_or_default(), r)).collect())
}

/// Whoever put it there, published it or committed it has gone since.
pub(super) fn what_is_on_the_log_stays(bench: &Bench) -> Result<()> {
    let log = bench.open()?;
    submit(&*log, P0, 3)?;
    let mut owner = bench.own(&*log, "a")?;
    owner.ready(P0)?;
    let requests = owner.records(3)?;
    ensure!(owner.publish(publication(P0, &requests[1]))? == Published::Committed);
    owner.leave()?;
    let all = |log: &dyn Log| -> Result<Vec<LogRecord>> {
        let topics = [Topic::Requests, Topic::Held, Topic::Inventory, Topic::Terms];
        let read: Result<Vec<_>> =
            topics.into_iter().map(|topic| visible(log, topic, P0)).collect();
        Ok(read?.concat())
    };
    let before = all(&*log)?;
    drop(log);
    let log = bench.open()?;
    ensure!(all(&*log)? == before, "the log has other records");
    let committed = log.reader()?.committed(P0)?;
    ensure!(committed == Some(2), "the position is {committed:?}");
    let next = submit(&*log, P0, 1)?[0].offset;
    ensure!(next == 3, "the next record is at {next}");
    ensure!(event_in(P0, 0) != event_in(P1, 0), "one event in two partitions");
    Ok(())
}
