//! The owner's log on a real broker, where it is one of a group. What its contract says is tested
//! in [`contract::log`](crate::contract::log).
#![allow(clippy::print_stdout, reason = "measured times are part of the test report")]

mod owner;
mod topics;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::domain::ids::Partition;
use holdfast::ports::clock::ticks;
use holdfast::ports::log::{Assignment, Published, RawRecord, ToLog};
use libtest_mimic::Trial;

use self::topics::Deployment;
use crate::contract::log::publications::publication;
use crate::stack::{self, KafkaOptions, NativeKafka, Stack};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("log::a_partition_is_handed_over", a_partition_is_handed_over),
        stack::trial("log::an_outdated_publication_is_refused", an_outdated_publication_is_refused),
        stack::trial("log::a_late_engine_commits_nothing", a_late_engine_commits_nothing),
        stack::trial("log::a_producer_fenced_by_mistake_recovers", a_producer_fenced_by_mistake),
        stack::trial("log::lost_offsets_are_refused", lost_offsets_are_refused),
        stack::trial("log::undeclared_partitions_are_left_alone", undeclared_partitions),
        stack::trial("log::an_unreadable_partition_stops_alone", an_unreadable_partition),
        stack::solo_trial("log::a_dead_owner_is_fenced", a_dead_owner_is_fenced),
    ]
}

const P0: Partition = Partition(0);

fn committed(assignment: &Assignment) -> Option<i64> {
    assignment.committed.as_ref().map(|position| position.offset)
}

fn a_partition_is_handed_over(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 2)?;
    let mut a = owner::start(&deployment, "a")?;
    a.ready(P0)?;
    a.ready(Partition(1))?;
    let began = ticks();
    let mut b = owner::start(&deployment, "b")?;
    let of_b = b.any_ready()?;
    println!("log: a joining owner is ready after {:?}", began.elapsed());
    let of_a = a.any_ready()?;
    ensure!(of_a.partition != of_b.partition, "both own one partition");

    let began = ticks();
    b.leave()?;
    println!("log: leaving took {:?}", began.elapsed());
    let moved = a.ready(of_b.partition)?;
    let took = began.elapsed();
    println!("log: handed over after {took:?}");
    ensure!(moved.term > of_b.term);
    ensure!(took < Duration::from_millis(1_500), "took {took:?}");
    a.leave()
}

/// An owner that sleeps through its own eviction: the coordinator refuses it, not its own memory.
fn an_outdated_publication_is_refused(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 10)?;
    let mut a = owner::start_with(&deployment, "a", &[("max.poll.interval.ms", "7000")])?;
    let first = a.ready(P0)?;
    let records = a.records(10)?;
    ensure!(a.publish(publication(P0, &records[2]))? == Published::Committed);

    // What it reports is not taken, so it polls no more, and the group gives its partition away.
    let asleep = a.stop_listening();
    deployment.request(0, 1)?;
    let mut b = owner::start(&deployment, "b")?;
    let second = b.ready(P0)?;
    ensure!(committed(&second) == Some(3) && second.term > first.term);
    let of_b = b.records(1)?;
    ensure!(of_b[0].offset == 3);
    ensure!(b.publish(publication(P0, &of_b[0]))? == Published::Committed);

    a.send(ToLog::Publish(publication(P0, &records[7])));
    std::thread::sleep(Duration::from_secs(2));
    drop(asleep);
    let published = a.wait("what became of it", crate::owner::published)?;
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
    let mut a = owner::start(&deployment, "a")?;
    a.ready(P0)?;
    a.ready(Partition(1))?;
    let records = a.records(10)?;
    a.hold_on(true);
    let mut b = owner::start(&deployment, "b")?;
    b.any_ready()?;
    let back = a.any_ready()?;
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
    let mut a = owner::start(&deployment, "a")?;
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

/// K3: the group's offsets are gone, and starting over would answer everything again.
fn lost_offsets_are_refused(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 1)?;
    deployment.request(0, 3)?;
    let mut owner = owner::start(&deployment, "a")?;
    owner.ready(P0)?;
    let records = owner.records(3)?;
    ensure!(owner.publish(publication(P0, &records[2]))? == Published::Committed);
    owner.leave()?;
    deployment.delete_group()?;
    // Twice, because a term taken in the meantime would have committed a position.
    for _ in 0..2 {
        let mut owner = owner::start(&deployment, "a")?;
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
    let mut owner = owner::start(&deployment, "a")?;
    owner.refused(Partition(1))?;
    owner.ready(P0)?;
    deployment.request(1, 3)?;
    deployment.request(0, 3)?;
    let records = owner.records(3)?;
    ensure!(records.iter().all(|record| record.partition == 0));
    ensure!(owner.no_records_for(Duration::from_millis(500))?);
    owner.leave()
}

/// K4, as far as it can be had without damaging files: the next record wanted is gone.
fn an_unreadable_partition(stack: &Stack) -> Result<()> {
    let deployment = Deployment::create(&stack.kafka, 2)?;
    let mut owner = owner::start(&deployment, "a")?;
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
        let mut successor = owner::start(&deployment, "successor")?;
        let ready: Assignment = successor.ready(P0)?;
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
