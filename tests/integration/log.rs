//! The owner's log on a real broker: terms, transactions, hand-over, takeover, rewind.
#![allow(clippy::print_stdout, reason = "measured times are part of the test report")]

mod owner;
mod topics;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::domain::ids::Partition;
use holdfast::domain::time::At;
use holdfast::ports::clock::ticks;
use holdfast::ports::log::{
    Assignment, LastRecord, OutRecord, Part, Position, Publication, Published, RawRecord, ToLog,
    Topic,
};
use holdfast::wire;
use libtest_mimic::Trial;

use self::owner::{Owner, Ready};
use self::topics::Deployment;
use crate::stack::{self, KafkaOptions, NativeKafka, Stack};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("log::terms_rise_and_positions_read_back", terms_rise_and_positions_read_back),
        stack::trial("log::a_partition_is_handed_over", a_partition_is_handed_over),
        stack::trial("log::an_outdated_publication_is_refused", an_outdated_publication_is_refused),
        stack::trial("log::a_late_engine_commits_nothing", a_late_engine_commits_nothing),
        stack::trial("log::a_producer_fenced_by_mistake_recovers", a_producer_fenced_by_mistake),
        stack::trial("log::a_rewind_delivers_again", a_rewind_delivers_again),
        stack::trial("log::lost_offsets_are_refused", lost_offsets_are_refused),
        stack::trial("log::undeclared_partitions_are_left_alone", undeclared_partitions),
        stack::trial("log::a_term_is_taken_anew", a_term_is_taken_anew),
        stack::trial("log::an_unreadable_partition_stops_alone", an_unreadable_partition),
        stack::trial("log::one_name_serves_one_owner", one_name_serves_one_owner),
        stack::solo_trial("log::a_dead_owner_is_fenced", a_dead_owner_is_fenced),
    ]
}

const P0: Partition = Partition(0);

/// Commits one outcome and one inventory record at the position after `last`.
fn publication(partition: Partition, last: &RawRecord) -> Publication {
    let event = holdfast::domain::ids::EventId::new("cup").expect("a name");
    let inventory = wire::inventory::encode(&wire::inventory::Inventory {
        event,
        sequence: last.offset + 1,
        position: last.offset + 1,
        revision: 7,
        at: last.appended,
        suspended: false,
        live_holds: 0,
        earliest_deadline: None,
        counts: Vec::new(),
        free: Vec::new(),
    });
    let outcome = OutRecord {
        topic: Topic::Held,
        key: Some(b"cup".to_vec()),
        value: format!("outcome of {}", last.offset).into_bytes(),
        headers: vec![("seen".into(), Some(b"yes".to_vec())), ("null".into(), None)],
    };
    let position = Position {
        offset: last.offset + 1,
        last: Some(LastRecord {
            offset: last.offset,
            appended: last.appended,
            highest: last.appended,
            digest: wire::digest(last.key.as_deref(), last.value.as_deref()),
        }),
    };
    let entries = vec![std::sync::Arc::new(vec![outcome])];
    Publication { parts: vec![Part { partition, position, entries, inventory: vec![inventory] }] }
}

fn committed(ready: &Ready) -> Option<i64> {
    ready.assignment.committed.as_ref().map(|position| position.offset)
}

fn terms_rise_and_positions_read_back(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    let began = ticks();
    let mut owner = Owner::start(&deployment, "a")?;
    let first = owner.ready(P0)?;
    println!("log: first assignment {:?} after the start", began.elapsed());
    ensure!(first.assignment.committed.is_none() && !first.assignment.outcomes_exist);
    ensure!(first.assignment.previous.is_none(), "nobody was there before");

    deployment.request(0, 10)?;
    let records = owner.records(10)?;
    ensure!(records.iter().map(|record| record.offset).eq(0..10), "{records:?}");
    ensure!(records.iter().all(|record| record.epoch == first.assignment.epoch));
    let headers = &records[3].headers;
    ensure!(headers == &[("n".to_owned(), Some(b"3".to_vec())), ("empty".to_owned(), None)]);
    let mut took = Vec::new();
    for record in
        records[5..].iter().cycle().take(if std::env::var_os("MANY").is_some() { 105 } else { 5 })
    {
        let began = ticks();
        ensure!(owner.publish(publication(P0, record))? == Published::Committed);
        took.push(began.elapsed());
    }
    println!("log: publications took {took:?}");
    owner.send(ToLog::ReadPositions(vec![P0]));
    let positions = owner.wait("positions", owner::positions)?;
    ensure!(positions == [(P0, Some(10))], "{positions:?}");
    owner.leave()?;

    let mut again = Owner::start(&deployment, "a")?;
    let second = again.ready(P0)?.assignment;
    ensure!(second.term > first.assignment.term, "terms do not rise");
    ensure!(second.previous == Some(first.assignment.own), "{:?}", second.previous);
    let position = second.committed.context("no position")?;
    let last = position.last.context("no metadata")?;
    let record = &records[9];
    ensure!(position.offset == 10 && last.offset == 9 && last.appended == record.appended);
    ensure!(last.digest == wire::digest(record.key.as_deref(), record.value.as_deref()));
    ensure!(second.read_back.len() == 10, "{} read back", second.read_back.len());
    ensure!(second.outcomes_exist && second.log_start == 0 && second.log_end == 10);
    ensure!(second.inventory.len() == 1 && second.inventory[0].sequence == 10);
    ensure!(record.appended > At(0), "no append time");
    again.leave()
}

fn a_partition_is_handed_over(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 2)?;
    let mut a = Owner::start(&deployment, "a")?;
    a.ready(P0)?;
    a.ready(Partition(1))?;
    let began = ticks();
    let mut b = Owner::start(&deployment, "b")?;
    let of_b = b.any_ready()?;
    println!("log: a joining owner is ready after {:?}", began.elapsed());
    let of_a = a.any_ready()?;
    ensure!(of_a.assignment.partition != of_b.assignment.partition, "both own one partition");

    let began = ticks();
    b.leave()?;
    println!("log: leaving took {:?}", began.elapsed());
    let moved = a.ready(of_b.assignment.partition)?;
    let took = began.elapsed();
    println!("log: handed over after {took:?}");
    ensure!(moved.assignment.term > of_b.assignment.term);
    ensure!(took < Duration::from_millis(1_500), "took {took:?}");
    a.leave()
}

/// An owner that sleeps through its own eviction: the coordinator refuses it, not its own memory.
fn an_outdated_publication_is_refused(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 10)?;
    let mut a = Owner::start_with(&deployment, "a", &[("max.poll.interval.ms", "7000")])?;
    let first = a.ready(P0)?;
    let records = a.records(10)?;
    ensure!(a.publish(publication(P0, &records[2]))? == Published::Committed);

    // What it reports is not taken, so it polls no more, and the group gives its partition away.
    let asleep = a.stop_listening();
    deployment.request(0, 1)?;
    let mut b = Owner::start(&deployment, "b")?;
    let second = b.ready(P0)?;
    ensure!(committed(&second) == Some(3) && second.assignment.term > first.assignment.term);
    let of_b = b.records(1)?;
    ensure!(of_b[0].offset == 3);
    ensure!(b.publish(publication(P0, &of_b[0]))? == Published::Committed);

    a.send(ToLog::Publish(publication(P0, &records[7])));
    std::thread::sleep(Duration::from_secs(2));
    drop(asleep);
    let published = a.wait("what became of it", owner::published)?;
    let Published::Ended { positions, why } = published else {
        anyhow::bail!("an outdated publication was committed");
    };
    println!("log: refused: {why}; positions {positions:?}");
    ensure!(positions.iter().all(|(_, position)| *position == 4), "{positions:?}");
    ensure!(b.publish(publication(P0, &records[4]))? == Published::Committed);
    b.leave()?;
    a.leave()
}

/// An engine that has not yet let go of a revoked assignment, while the next one is in force
/// already: what it asks for was decided under the old one, even where the partition has come back.
fn a_late_engine_commits_nothing(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 2)?;
    deployment.request(0, 5)?;
    deployment.request(1, 5)?;
    let mut a = Owner::start(&deployment, "a")?;
    a.ready(P0)?;
    a.ready(Partition(1))?;
    let records = a.records(10)?;
    a.hold_on(true);
    let mut b = Owner::start(&deployment, "b")?;
    b.any_ready()?;
    let back = a.any_ready()?.assignment;
    let of = |offset: i64| {
        let wanted = |r: &&RawRecord| (r.partition, r.offset) == (back.partition.0, offset);
        records.iter().find(wanted).context("a record")
    };
    let published = a.publish(publication(back.partition, of(3)?))?;
    println!("log: a late engine is told {published:?}");
    let Published::Ended { positions, .. } = published else {
        anyhow::bail!("committed under an assignment it was not decided under");
    };
    // Both terms have committed the log start as the position.
    ensure!(positions == [(back.partition, 0)], "{positions:?}");
    a.hold_on(false);
    let published = a.publish(publication(back.partition, of(3)?))?;
    ensure!(published == Published::Committed, "{published:?}");
    b.leave()?;
    a.leave()
}

fn a_producer_fenced_by_mistake(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 3)?;
    let mut a = Owner::start(&deployment, "a")?;
    a.ready(P0)?;
    let records = a.records(3)?;
    ensure!(a.publish(publication(P0, &records[0]))? == Published::Committed);
    owner::fence(&deployment, "a")?;
    let began = ticks();
    let published = a.publish(publication(P0, &records[1]))?;
    println!("log: fenced by mistake, told after {:?}: {published:?}", began.elapsed());
    let Published::Ended { positions, .. } = published else {
        anyhow::bail!("committed by a fenced producer");
    };
    ensure!(positions == [(P0, 1)], "{positions:?}");
    ensure!(a.publish(publication(P0, &records[1]))? == Published::Committed);
    a.leave()
}

fn a_rewind_delivers_again(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    let mut owner = Owner::start(&deployment, "a")?;
    let mut epoch = owner.ready(P0)?.assignment.epoch;
    deployment.request(0, 2_000)?;
    owner.records(1_000)?;
    let steps = [(300, false), (1_200, true), (0, true), (1_999, false), (0, false)];
    for (offset, paused) in steps {
        epoch += 1;
        let began = ticks();
        if paused {
            owner.send(ToLog::Pause(P0));
        }
        owner.send(ToLog::Rewind { partition: P0, offset, epoch });
        if paused {
            std::thread::sleep(Duration::from_millis(50));
            owner.send(ToLog::Resume(P0));
        }
        let records = owner.records_of(epoch, usize::try_from(2_000 - offset)?)?;
        println!("log: rewound to {offset} (paused: {paused}) after {:?}", began.elapsed());
        ensure!(records.iter().map(|record| record.offset).eq(offset..2_000), "gap or disorder");
    }
    ensure!(owner.no_records_for(Duration::from_millis(300))?, "more than was wanted");
    // Paused, resumed without a rewind: it goes on where it was.
    owner.send(ToLog::Pause(P0));
    deployment.request(0, 5)?;
    ensure!(owner.no_records_for(Duration::from_millis(300))?, "records in spite of the pause");
    owner.send(ToLog::Resume(P0));
    let records = owner.records_of(epoch, 5)?;
    ensure!(records.iter().map(|record| record.offset).eq(2_000..2_005));
    owner.leave()
}

/// K3: the group's offsets are gone, and starting over would answer everything again.
fn lost_offsets_are_refused(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 3)?;
    let mut owner = Owner::start(&deployment, "a")?;
    owner.ready(P0)?;
    let records = owner.records(3)?;
    ensure!(owner.publish(publication(P0, &records[2]))? == Published::Committed);
    owner.leave()?;
    deployment.delete_group()?;
    // Twice, because a term taken in the meantime would have committed a position.
    for _ in 0..2 {
        let mut owner = Owner::start(&deployment, "a")?;
        let sentence = owner.refused(P0)?;
        ensure!(sentence.contains("has no offset"), "{sentence}");
        owner.leave()?;
    }
    Ok(())
}

/// K22: somebody has added partitions.
fn undeclared_partitions(stack: &Stack) -> Result<()> {
    let mut deployment = Deployment::create(&stack.kafka, 2)?;
    deployment.declared = 1;
    let mut owner = Owner::start(&deployment, "a")?;
    owner.refused(Partition(1))?;
    owner.ready(P0)?;
    deployment.request(1, 3)?;
    deployment.request(0, 3)?;
    let records = owner.records(3)?;
    ensure!(records.iter().all(|record| record.partition == 0));
    ensure!(owner.no_records_for(Duration::from_millis(500))?);
    owner.leave()
}

fn a_term_is_taken_anew(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 3)?;
    let mut owner = Owner::start(&deployment, "a")?;
    let first = owner.ready(P0)?.assignment;
    let records = owner.records(3)?;
    ensure!(owner.publish(publication(P0, &records[0]))? == Published::Committed);
    owner.send(ToLog::RetakeTerm(P0));
    let second = owner.ready(P0)?.assignment;
    ensure!(second.retaken && second.term > first.term && second.epoch > first.epoch);
    let again = owner.records_of(second.epoch, 2)?;
    ensure!(again.iter().map(|record| record.offset).eq(1..3));
    ensure!(owner.publish(publication(P0, &again[1]))? == Published::Committed);
    owner.leave()
}

/// K4, as far as it can be had without damaging files: the next record wanted is gone.
fn an_unreadable_partition(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 2)?;
    let mut owner = Owner::start(&deployment, "a")?;
    owner.ready(P0)?;
    owner.ready(Partition(1))?;
    owner.send(ToLog::Pause(P0));
    std::thread::sleep(Duration::from_millis(100));
    deployment.request(0, 10)?;
    deployment.delete_requests_before(0, 5)?;
    owner.send(ToLog::Resume(P0));
    let sentence = owner.refused(P0)?;
    ensure!(sentence.contains("offset 0"), "{sentence}");
    println!("log: unreadable: {sentence}");
    deployment.request(1, 3)?;
    let records = owner.records(3)?;
    ensure!(records.iter().all(|record| record.partition == 1));
    owner.leave()
}

/// K13: two processes under one instance id and one transactional id.
fn one_name_serves_one_owner(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 3)?;
    let mut first = Owner::start(&deployment, "a")?;
    first.ready(P0)?;
    let mut second = Owner::start(&deployment, "a")?;
    let sentence = first.failed()?;
    println!("log: the first of two: {sentence}");
    ensure!(sentence.contains("instance id"), "{sentence}");
    second.ready(P0)?;
    let records = second.records(3)?;
    ensure!(second.publish(publication(P0, &records[2]))? == Published::Committed);
    second.leave()
}

/// Its last transaction is open, with records and offsets in it, and would be for a minute.
fn a_dead_owner_is_fenced() -> Result<()> {
    let properties = vec![("group.min.session.timeout.ms".to_owned(), "1000".to_owned())];
    let kafka = NativeKafka::start(KafkaOptions { properties, keep: false })?;
    let deployment = Deployment::create(kafka.bootstrap(), 2)?;
    deployment.request(0, 3)?;
    deployment.request(1, 3)?;
    for round in 0..3 {
        let name = format!("dead-{round}");
        let dead = owner::die_in_a_transaction(&deployment, &name)?;
        let began = ticks();
        let mut successor = Owner::start(&deployment, "successor")?;
        let ready: Assignment = successor.ready(P0)?.assignment;
        successor.ready(Partition(1))?;
        println!("log: assigned {:?} after the death of the owner", began.elapsed());
        ensure!(ready.term > dead, "the term of the dead one is not below");
        let records = successor.records(6)?;
        let last = records.iter().rfind(|record| record.partition == 0).context("none of 0")?;
        ensure!(successor.publish(publication(P0, last))? == Published::Committed);
        let took = began.elapsed();
        println!("log: first commit {took:?} after the death of the owner");
        ensure!(took < Duration::from_secs(3), "took {took:?}");
        successor.leave()?;
        deployment.request(0, 3)?;
    }
    Ok(())
}
