//! A whole sale on real servers, with owners that die, sleep and come back, re-checked from the
//! topics.
//!
//! `HOLDFAST_TEST_REQUESTS` sets how many requests the sale has (5,000 where it is not set; the
//! full size is 100,000).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast::bench::producing::{Answers, Producing};
use holdfast::bench::workload::{Crowd, Workload};
use holdfast::domain::time::Millis;
use libtest_mimic::Trial;

use crate::deployment::{Deployment, Process};
use crate::stack::{Stack, trial};

/// How long nothing may happen before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a worker may take to have its partitions.
const START: Duration = Duration::from_secs(60);
/// Logged once for each partition that an owner may work on.
const ASSIGNED: &str = "partition assigned";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sale::owners_are_killed_and_the_sale_stays_exact", owners_are_killed),
        trial("sale::a_sleeper_wakes_beside_its_successor", a_sleeper_wakes),
        trial("sale::a_drained_owner_hands_over_at_once", a_drained_owner_hands_over),
    ]
}

fn requests() -> Result<u64> {
    match std::env::var("HOLDFAST_TEST_REQUESTS") {
        Ok(text) => text.parse().context("HOLDFAST_TEST_REQUESTS is not a number"),
        Err(_) => Ok(5_000),
    }
}

/// Three partitions, two processes, twenty events; one owner is killed midway and started again,
/// then one is killed for good.
fn owners_are_killed(stack: &Stack) -> Result<()> {
    let requests = requests()?;
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "sale", 3)?;
    let mut first = deployment.run("first", "booking")?;
    let mut second = deployment.run("second", "booking")?;
    first.wait_for_log(ASSIGNED, 1, START)?;
    second.wait_for_log(ASSIGNED, 1, START)?;
    let places = u32::try_from(requests / 20)? / 100 * 100;
    let crowd = Crowd::new("sale", 20, places.max(100), Millis(3_600_000));
    let cluster = deployment.config.cluster();
    let mut producing = Producing::new(&cluster, &deployment.keys)?;
    let mut answers = Answers::from_now(&cluster)?;
    for event in &crowd.events {
        crowd.on_sale(event).iter().try_for_each(|wish| producing.put(wish))?;
    }
    let mut workload = Workload::new(crowd, 12);
    let mut produced = 40;
    let mut go_on = |until: u64, answers: &mut Answers| -> Result<()> {
        while produced < until {
            producing.put(&workload.next_of_mix())?;
            produced += 1;
        }
        producing.settle()?;
        // The owners are in the middle of it, not at its end, when the next fault comes.
        answers.wait_for(until / 2, PATIENCE)
    };
    go_on(requests / 3, &mut answers)?;
    first.kill9()?;
    let mut first = deployment.run("first", "booking")?;
    go_on(requests * 2 / 3, &mut answers)?;
    second.kill9()?;
    go_on(requests, &mut answers)?;
    answers.wait_for(requests, PATIENCE).with_context(|| first.tail())?;
    let report = deployment.must_be_clean()?;
    let taken = report.seats_held + report.seats_booked;
    ensure!(
        2 * taken >= report.seats_total,
        "only {taken} of {} places are held or booked:\n{report}",
        report.seats_total
    );
    first.drain()?;
    Ok(())
}

/// An owner sleeps past session and transaction timeouts, in the middle of its work, and wakes up.
fn a_sleeper_wakes(stack: &Stack) -> Result<()> {
    let requests = 3_000;
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "sleeper", 2)?;
    let mut sleeper = deployment.run("sleeper", "booking")?;
    let mut other = deployment.run("other", "booking")?;
    sleeper.wait_for_log(ASSIGNED, 1, START)?;
    other.wait_for_log(ASSIGNED, 1, START)?;
    let crowd = Crowd::new("sleeper", 10, 200, Millis(3_600_000));
    let cluster = deployment.config.cluster();
    let mut producing = Producing::new(&cluster, &deployment.keys)?;
    let mut answers = Answers::from_now(&cluster)?;
    for event in &crowd.events {
        crowd.on_sale(event).iter().try_for_each(|wish| producing.put(wish))?;
    }
    let mut workload = Workload::new(crowd, 7);
    for _ in 0..requests / 2 {
        producing.put(&workload.next_of_mix())?;
    }
    producing.settle()?;
    answers.wait_for(200, PATIENCE)?;
    sleeper.signal("STOP")?;
    for _ in 0..requests / 2 {
        producing.put(&workload.next_of_mix())?;
    }
    producing.settle()?;
    // Longer than the session (2 s) and the transaction (10 s) may last.
    std::thread::sleep(Duration::from_secs(12));
    sleeper.signal("CONT")?;
    answers.wait_for(requests + 20, PATIENCE).with_context(|| sleeper.tail())?;
    deployment.must_be_clean()?;
    Ok(())
}

/// SIGTERM: what is decided is published, and the successor starts within half a second.
fn a_drained_owner_hands_over(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "drain", 2)?;
    let mut first = deployment.run("first", "booking")?;
    first.wait_for_log(ASSIGNED, 2, START)?;
    let mut second: Process = deployment.run("second", "booking")?;
    second.wait_for_log(ASSIGNED, 1, START)?;
    let crowd = Crowd::new("drain", 6, 100, Millis(3_600_000));
    let cluster = deployment.config.cluster();
    let mut producing = Producing::new(&cluster, &deployment.keys)?;
    let mut answers = Answers::from_now(&cluster)?;
    for event in &crowd.events {
        crowd.on_sale(event).iter().try_for_each(|wish| producing.put(wish))?;
    }
    let mut workload = Workload::new(crowd, 3);
    for _ in 0..1_000 {
        producing.put(&workload.next_of_mix())?;
    }
    producing.settle()?;
    first.drain()?;
    answers.wait_for(1_012, PATIENCE).with_context(|| second.tail())?;
    deployment.must_be_clean()?;
    second.drain()?;
    Ok(())
}
