//! A whole sale on real servers, with owners that die, sleep and come back, re-checked from the
//! topics.
//!
//! `HOLDFAST_TEST_REQUESTS` sets how many requests the sale has (5,000 where it is not set; the
//! full size is 100,000).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast::app::Backend;
use holdfast::bench::producing::{Answers, Producing};
use holdfast::bench::workload::{Crowd, Workload};
use holdfast::domain::ids::EventId;
use holdfast::domain::time::Millis;
use holdfast::ports::clock::ticks;
use libtest_mimic::Trial;

use crate::deployment::{Deployment, Process};
use crate::stack::{
    CassandraOptions, KafkaOptions, NativeCassandra, NativeKafka, Stack, block_on, solo_trial,
    trial,
};

/// How long nothing may happen before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a worker may take to have its partitions.
const START: Duration = Duration::from_secs(60);
/// Logged once for each partition that an owner may work on.
const ASSIGNED: &str = "partition assigned";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sale::owners_are_killed_and_the_sale_stays_exact", owners_are_killed),
        trial("sale::owners_are_killed_again_and_again", owners_are_killed_again_and_again),
        trial("sale::a_sleeper_wakes_beside_its_successor", a_sleeper_wakes),
        solo_trial("sale::nobody_guesses_while_the_servers_stand_still", the_servers_stand_still),
        trial("sale::a_drained_owner_hands_over_at_once", a_drained_owner_hands_over),
        trial("sale::holds_of_busy_and_of_quiet_events_end", holds_end),
        trial("sale::a_ledger_set_back_stops_its_event_only", a_ledger_set_back),
        trial("sale::the_largest_definition_goes_all_the_way", a_huge_definition),
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
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    producing.put_on_sale(&crowd)?;
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

/// One of two owners is killed every second or so, wherever it happens to be, and started again at
/// once; holds are short, so that releases, expiry and takeovers meet.
fn owners_are_killed_again_and_again(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "again", 3)?;
    let names = ["first", "second"];
    let run = |name: &str| deployment.run(name, "booking,expiry");
    let mut owners = [run(names[0])?, run(names[1])?];
    owners[0].wait_for_log(ASSIGNED, 1, START)?;
    let crowd = Crowd::new("again", 6, 300, Millis(3_000));
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    producing.put_on_sale(&crowd)?;
    let seed = std::process::id().into();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut workload = Workload::new(crowd, seed);
    for _ in 0..12 {
        for _ in 0..300 {
            producing.put(&workload.next_of_mix())?;
        }
        producing.settle()?;
        std::thread::sleep(Duration::from_millis(rng.u64(0..1_500)));
        let victim = rng.usize(0..2);
        owners[victim].kill9()?;
        owners[victim] = run(names[victim])?;
    }
    let told = || format!("seed {seed}\n{}\n{}", owners[0].tail(), owners[1].tail());
    let began = ticks();
    loop {
        let report = holdfast::app::audit::verify(&Backend::open(&deployment.config)?, false)?;
        if report.lost == 0 && report.seats_held == 0 {
            break;
        }
        ensure!(began.elapsed() < 2 * PATIENCE, "not settled:\n{report}\n{}", told());
        std::thread::sleep(Duration::from_millis(500));
    }
    deployment.must_be_clean().with_context(told)?;
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
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    producing.put_on_sale(&crowd)?;
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

/// The store, then the broker, stand still in the middle of a sale, longer than a session, a batch
/// and a transaction may last: nobody guesses, and all is answered once they go on.
fn the_servers_stand_still() -> Result<()> {
    let mut store = NativeCassandra::start(CassandraOptions::default())?;
    let mut broker = NativeKafka::start(KafkaOptions::default())?;
    let deployment = Deployment::new(broker.bootstrap(), store.address(), "still", 3)?;
    let mut worker = deployment.run("worker", "booking")?;
    worker.wait_for_log(ASSIGNED, 3, START)?;
    let crowd = Crowd::new("still", 6, 1_000, Millis(3_600_000));
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    producing.put_on_sale(&crowd)?;
    answers.wait_for(12, PATIENCE)?;
    let mut workload = Workload::new(crowd, 9);
    let mut more = |count: u64| -> Result<()> {
        for _ in 0..count {
            producing.put(&workload.next_of_mix())?;
        }
        producing.settle()
    };
    store.suspend()?;
    more(1_000)?;
    std::thread::sleep(Duration::from_secs(6));
    store.resume()?;
    answers.wait_for(500, PATIENCE).with_context(|| worker.tail())?;
    more(2_000)?;
    broker.suspend()?;
    std::thread::sleep(Duration::from_secs(13));
    broker.resume()?;
    // A join the client has sent again while nobody answered may look to the broker like another
    // process of the same name. Then the worker ends and says so, and is started again, as whoever
    // supervises it would.
    if let Ok(status) = worker.ended(Duration::from_secs(5)) {
        let said = worker.tail();
        ensure!(said.contains("under the instance id worker-0"), "{status}:\n{said}");
        worker = deployment.run("worker", "booking")?;
    }
    answers.wait_for(3_012, PATIENCE).with_context(|| worker.tail())?;
    deployment.must_be_clean()?;
    worker.drain()?;
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
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    producing.put_on_sale(&crowd)?;
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

/// Holds of events that are busy and of events that are not end, each once and none early; the
/// audit also checks that none outlives its deadline and grace by log time while its event decides.
fn holds_end(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "holds", 2)?;
    let mut worker = deployment.run("worker", "booking,expiry")?;
    worker.wait_for_log(ASSIGNED, 2, START)?;
    let mut crowd = Crowd::new("holds", 4, 100, Millis(2_000));
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    producing.put_on_sale(&crowd)?;
    answers.wait_for(8, PATIENCE)?;
    // All events get holds; then two of them stay quiet while the others are busy.
    let mut workload = Workload::new(crowd.clone(), 5);
    for _ in 0..200 {
        producing.put(&workload.next_claim())?;
    }
    crowd.events.truncate(2);
    let mut workload = Workload::new(crowd, 6);
    for _ in 0..40 {
        for _ in 0..50 {
            producing.put(&workload.next_claim())?;
        }
        producing.settle()?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let began = ticks();
    // The topics alone, while the event is still being decided on.
    while holdfast::app::audit::verify(&Backend::open(&deployment.config)?, false)?.seats_held > 0 {
        ensure!(began.elapsed() < PATIENCE, "holds do not end:\n{}", worker.tail());
        std::thread::sleep(Duration::from_millis(500));
    }
    let report = deployment.must_be_clean()?;
    ensure!(report.held > 100 && report.released >= report.held, "every hold ended:\n{report}");
    worker.drain()?;
    Ok(())
}

/// The ledger is put back to an earlier image of one event while nobody works.
fn a_ledger_set_back(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "setback", 1)?;
    let crowd = Crowd::new("setback", 2, 100, Millis(3_600_000));
    let (victim, other) = (crowd.events[0].clone(), crowd.events[1].clone());
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    let mut worker = deployment.run("worker", "booking")?;
    worker.wait_for_log(ASSIGNED, 1, START)?;
    producing.put_on_sale(&crowd)?;
    answers.wait_for(4, PATIENCE)?;
    let keyspace = deployment.config.ledger.keyspace.clone();
    let image = block_on(Image::take(stack, &keyspace, victim.as_str()))?;
    let mut claim_of = |event: &EventId, answers: &mut Answers, total| -> Result<()> {
        let one = Crowd { events: vec![event.clone()], ..crowd.clone() };
        producing.put(&Workload::new(one, total).next_place())?;
        producing.settle()?;
        answers.wait_for(total, PATIENCE)
    };
    claim_of(&victim, &mut answers, 5)?;
    worker.kill9()?;
    block_on(image.put_back(stack, &keyspace, victim.as_str()))?;
    let mut worker = deployment.run("worker", "booking")?;
    worker.wait_for_log(ASSIGNED, 1, START)?;
    let before = answers.counts;
    claim_of(&victim, &mut answers, 6)?;
    ensure!(answers.counts.refused == before.refused + 1, "the claim was not refused");
    worker.wait_for_log("restored from a backup", 1, PATIENCE)?;
    let before = answers.counts;
    claim_of(&other, &mut answers, 7)?;
    ensure!(answers.counts.granted == before.granted + 1, "the other event does not go on");
    let report = deployment.verify()?;
    ensure!(!report.is_clean(), "the audit does not see that the ledger was set back:\n{report}");
    let named = report.findings.iter().all(|finding| finding.event.as_ref() == Some(&victim));
    ensure!(named && report.oversold == 0, "only the ledger of that event differs:\n{report}");
    worker.drain()?;
    Ok(())
}

/// The rows of an event at one moment, as JSON of the store's own making.
struct Image(Vec<String>);

impl Image {
    async fn take(stack: &Stack, keyspace: &str, event: &str) -> Result<Image> {
        let session = stack.session().await?;
        let query = format!("SELECT JSON * FROM {keyspace}.ledger WHERE event = ?");
        let found = session.query_unpaged(query, (event,)).await?.into_rows_result()?;
        let rows = found.rows::<(String,)>()?.map(|row| row.map(|(json,)| json));
        Ok(Image(rows.collect::<Result<_, _>>()?))
    }

    async fn put_back(&self, stack: &Stack, keyspace: &str, event: &str) -> Result<()> {
        let session = stack.session().await?;
        let delete = format!("DELETE FROM {keyspace}.ledger WHERE event = ?");
        session.query_unpaged(delete, (event,)).await?;
        for row in &self.0 {
            let insert = format!("INSERT INTO {keyspace}.ledger JSON ? DEFAULT UNSET");
            session.query_unpaged(insert, (row,)).await?;
        }
        Ok(())
    }
}

/// A definition near the largest there may be goes through request, ledger, catalog and takeover.
fn a_huge_definition(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "huge", 1)?;
    let mut worker = deployment.run("worker", "booking")?;
    worker.wait_for_log(ASSIGNED, 1, START)?;
    let log = deployment.config.kafka_log();
    let mut producing = Producing::new(&log, &deployment.keys)?;
    let mut answers = Answers::from_now(&log)?;
    let crowd = Crowd::new("huge", 1, 180_000, Millis(3_600_000));
    let [define, open] = crowd.on_sale_with_long_names(&crowd.events[0]);
    let bytes = define.value.len();
    ensure!((900_000..1_048_576).contains(&bytes), "the definition has {bytes} bytes");
    producing.put(&define)?;
    producing.put(&open)?;
    producing.settle()?;
    answers.wait_for(2, PATIENCE).with_context(|| worker.tail())?;
    ensure!(answers.counts.granted == 2, "not granted: {:?}", answers.counts);
    worker.kill9()?;
    let mut worker = deployment.run("worker", "booking")?;
    producing.put(&Workload::new(crowd, 1).next_place())?;
    producing.settle()?;
    answers.wait_for(3, PATIENCE).with_context(|| worker.tail())?;
    ensure!(answers.counts.granted == 3, "not granted: {:?}", answers.counts);
    worker.drain()?;
    deployment.must_be_clean()?;
    Ok(())
}
