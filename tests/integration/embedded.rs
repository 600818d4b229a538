//! The embedded log and ledger under attack: processes killed, asleep and short of room, and files
//! tampered with. No server is needed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::app::Backend;
use holdfast::audit::Check;
use holdfast::bench::producing::{Answers, Producing};
use holdfast::bench::workload::{Crowd, Workload};
use holdfast::domain::time::Millis;
use libtest_mimic::Trial;
use redb::{Database, ReadableTable as _, TableDefinition};

use crate::deployment::{Deployment, Process};

/// Shown by every partition that begins.
const ASSIGNED: &str = "partition assigned";
/// The partitions of an embedded deployment.
const PARTITIONS: usize = 12;
/// How long a worker may take to begin.
const START: Duration = Duration::from_secs(10);
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<()>| {
        let name = format!("embedded::{name}");
        Trial::test(name, move || test().map_err(|error| format!("{error:?}").into()))
    };
    vec![
        trial("a_process_killed_a_hundred_times", a_process_killed_a_hundred_times),
        trial("a_sleeper_wakes_up_and_lets_go", a_sleeper_wakes_up_and_lets_go),
        trial("a_full_disk_loses_nothing", a_full_disk_loses_nothing),
        trial("a_flipped_row_is_named", a_flipped_row_is_named),
        trial("a_removed_outcome_is_named", a_removed_outcome_is_named),
        trial("a_doubled_outcome_is_named", a_doubled_outcome_is_named),
        trial("what_was_decided_is_decided_again", what_was_decided_is_decided_again),
        trial("the_story_of_a_seat_is_told", the_story_of_a_seat_is_told),
    ]
}

/// A crowd that asks, in a deployment of its own.
struct Sale {
    house: Deployment,
    backend: Backend,
    workload: Workload,
    asked: u64,
}

impl Sale {
    /// Six events on sale, once an owner runs.
    fn new(hold_time: Millis) -> Result<Sale> {
        let house = Deployment::embedded()?;
        let backend = Backend::open(&house.config)?;
        let crowd = Crowd::new("sale", 6, 300, hold_time);
        let mut producing = Producing::new(&*backend.log, &house.keys)?;
        producing.put_on_sale(&crowd)?;
        drop(producing);
        Ok(Sale { house, backend, workload: Workload::new(crowd, 11), asked: 12 })
    }

    fn ask(&mut self, count: u64) -> Result<()> {
        let mut producing = Producing::new(&*self.backend.log, &self.house.keys)?;
        for _ in 0..count {
            producing.put(&self.workload.next_of_mix())?;
        }
        self.asked += count;
        producing.settle()
    }

    fn start(&self, name: &str) -> Result<Process> {
        let mut worker = self.house.run(name, "booking,expiry")?;
        worker.wait_for_log(ASSIGNED, PARTITIONS, START)?;
        Ok(worker)
    }
}

/// SIGKILL at a hundred random moments of a sale with holds that lapse.
fn a_process_killed_a_hundred_times() -> Result<()> {
    let mut sale = Sale::new(Millis(2_000))?;
    let mut rng = fastrand::Rng::with_seed(17);
    let mut worker = sale.house.run("worker", "booking,expiry")?;
    for _ in 0..100 {
        sale.ask(rng.u64(1..100))?;
        std::thread::sleep(Duration::from_millis(rng.u64(0..150)));
        worker.kill9()?;
        worker = sale.house.run("worker", "booking,expiry")?;
    }
    sale.ask(50)?;
    worker.kill9()?;
    // No expiry now: no hold is to lapse while the ledger is compared.
    let mut owner = sale.house.run("last", "booking")?;
    owner.wait_for_log(ASSIGNED, PARTITIONS, START)?;
    holdfast::app::audit::verify(&sale.backend, false)?;
    owner.drain()?;
    let report = sale.house.must_be_clean()?;
    ensure!(report.requests >= sale.asked && report.booked > 100, "too little sold:\n{report}");
    Ok(())
}

/// A second worker takes over from one that is stopped; the first one wakes up, publishes nothing
/// more and ends with a sentence.
fn a_sleeper_wakes_up_and_lets_go() -> Result<()> {
    let mut sale = Sale::new(Millis(3_600_000))?;
    let mut answers = Answers::from_now(&*sale.backend.log)?;
    let mut sleeper = sale.start("sleeper")?;
    sale.ask(500)?;
    answers.wait_for(512, PATIENCE).with_context(|| sleeper.tail())?;
    // Not while it writes: then the file would be its own until it goes on.
    std::thread::sleep(Duration::from_millis(300));
    sleeper.signal("STOP")?;
    let mut other = sale.start("other")?;
    sale.ask(500)?;
    sleeper.signal("CONT")?;
    sale.ask(500)?;
    let status = sleeper.ended(START)?;
    let said = sleeper.tail();
    ensure!(!status.success() && said.contains("another owner has begun"), "{status}:\n{said}");
    answers.wait_for(1_512, PATIENCE).with_context(|| other.tail())?;
    sale.house.must_be_clean()?;
    other.drain()?;
    Ok(())
}

/// The disk fills up in the middle of a sale: the worker says so and ends, and what was answered is
/// there when there is room again.
fn a_full_disk_loses_nothing() -> Result<()> {
    let mut sale = Sale::new(Millis(3_600_000))?;
    sale.ask(20)?;
    let mut worker = sale.house.run_short_of_room("worker", 2_048)?;
    let mut status = None;
    for _ in 0..100 {
        sale.ask(200)?;
        if let Ok(ended) = worker.ended(Duration::from_millis(1)) {
            status = Some(ended);
            break;
        }
    }
    let status = status.context("the limit was never met")?;
    let said = worker.tail();
    ensure!(!status.success() && said.contains("make room"), "{status}:\n{said}");
    let mut worker = sale.start("worker")?;
    sale.ask(100)?;
    sale.house.must_be_clean()?;
    worker.drain()?;
    Ok(())
}

/// A record as the file has it: append time, key, value, headers.
type Stored = (i64, Option<&'static [u8]>, Option<&'static [u8]>, Vec<Header>);
type Header = (&'static str, Option<&'static [u8]>);
const RECORDS: TableDefinition<(u8, i32, i64), Stored> = TableDefinition::new("records");
const ENDS: TableDefinition<(u8, i32), (i64, i64)> = TableDefinition::new("ends");
/// Status first, among what is known of a seat.
type Seat = (i8, u128, &'static str, i64, i64, u16, &'static str, u8, i64, i64, &'static str);
const SEATS: TableDefinition<(&str, u32), Seat> = TableDefinition::new("seats");
/// `booking.held` in the file.
const HELD: u8 = 1;

/// A sale that is over and clean, and its file, open to harm.
fn tampered(harm: impl FnOnce(&redb::WriteTransaction) -> Result<()>) -> Result<Sale> {
    let mut sale = Sale::new(Millis(3_600_000))?;
    let mut worker = sale.start("worker")?;
    sale.ask(300)?;
    sale.house.must_be_clean()?;
    worker.drain()?;
    let folder = sale.house.config.embedded.as_ref().context("it is embedded")?;
    let mut builder = Database::builder();
    builder.set_concurrency_mode(redb::ConcurrencyMode::MultiWriter);
    let file = builder.open(folder.join("holdfast.redb"))?;
    let transaction = file.begin_write()?;
    harm(&transaction)?;
    transaction.commit()?;
    Ok(sale)
}

/// What an audit must find: exactly one thing.
fn must_find(sale: &Sale, check: Check, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let report = sale.house.verify()?;
    let finding = report.findings.first().context("the audit found nothing")?;
    ensure!(finding.check == check, "another check:\n{report}");
    ensure!(wanted(&format!("{} {}", finding.expected, finding.found)), "badly named:\n{report}");
    let audit = ["audit", "verify", "--all", "--ledger"];
    let output = sale.house.command().args(audit).output()?;
    let (status, said) = (output.status, String::from_utf8_lossy(&output.stdout).into_owned());
    let place = format!("partition {}", finding.partition);
    ensure!(said.contains("first divergence") && said.contains(&place), "not named:\n{said}");
    ensure!(status.code() == Some(1), "the audit ended with {status}");
    Ok(())
}

fn a_flipped_row_is_named() -> Result<()> {
    let mut place = None;
    let sale = tampered(|transaction| {
        let mut seats = transaction.open_table(SEATS)?;
        let (event, number, row) = {
            let held = seats.iter()?.find_map(|row| {
                let (key, value) = row.ok()?;
                let (event, number) = key.value();
                let value = value.value();
                (value.0 == 1).then(|| (event.to_owned(), number, own(value)))
            });
            held.context("a seat is held")?
        };
        place = Some(number);
        let (hold, buyer, deadline, price, tier, cause, offset, changed) = row;
        let flipped =
            (2, hold, &*buyer, deadline, price, tier, "stolen", cause, offset, changed, "");
        seats.insert((event.as_str(), number), flipped)?;
        Ok(())
    })?;
    must_find(&sale, Check::Ledger, |said| said.contains("Held by") && said.contains("Booked by"))
}

type Owned = (u128, String, i64, i64, u16, u8, i64, i64);

fn own(row: (i8, u128, &str, i64, i64, u16, &str, u8, i64, i64, &str)) -> Owned {
    let (_, hold, buyer, deadline, price, tier, _, cause, offset, changed, _) = row;
    (hold, buyer.to_owned(), deadline, price, tier, cause, offset, changed)
}

fn a_removed_outcome_is_named() -> Result<()> {
    let sale = tampered(|transaction| {
        let mut records = transaction.open_table(RECORDS)?;
        let place = some_held(&records)?;
        records.remove(place)?;
        Ok(())
    })?;
    must_find(&sale, Check::Lost, |said| said.contains("answer"))
}

fn a_doubled_outcome_is_named() -> Result<()> {
    let sale = tampered(|transaction| {
        let mut records = transaction.open_table(RECORDS)?;
        let (topic, partition, offset) = some_held(&records)?;
        let (appended, key, value) = {
            let record = records.get((topic, partition, offset))?.context("it is there")?;
            let (appended, key, value, _) = record.value();
            (appended, key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec))
        };
        let mut ends = transaction.open_table(ENDS)?;
        let (end, last) = ends.get((topic, partition))?.context("it has an end")?.value();
        let copy = (appended, key.as_deref(), value.as_deref(), vec![]);
        records.insert((topic, partition, end), copy)?;
        ends.insert((topic, partition), (end + 1, last))?;
        Ok(())
    })?;
    must_find(&sale, Check::Duplicated, |said| said.contains("one"))
}

/// Deciding again comes to the same, past a worker that was killed, until an outcome is gone.
fn what_was_decided_is_decided_again() -> Result<()> {
    let mut sale = Sale::new(Millis(2_000))?;
    let mut worker = sale.start("worker")?;
    sale.ask(300)?;
    worker.kill9()?;
    let mut worker = sale.start("worker")?;
    sale.ask(300)?;
    holdfast::app::audit::verify(&sale.backend, false)?;
    worker.drain()?;
    let again = told(&sale.house, &["audit", "redecide", "--all"])?;
    let count = |name: &str| again[name].as_u64().unwrap_or_default();
    ensure!(count("requests") >= sale.asked && count("same") == count("requests"), "{again}");
    ensure!(again["verdict"] == "the same" && count("divergences") == 0, "{again}");

    let sale = tampered(|transaction| {
        let mut records = transaction.open_table(RECORDS)?;
        let place = some_held(&records)?;
        records.remove(place)?;
        Ok(())
    })?;
    let output = sale.house.command().args(["audit", "redecide", "--all"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(1) && said.contains("check      decision"), "{said}");
    Ok(())
}

/// Two buyers want one seat: who lost it is told to whom, and the seat who has it.
fn the_story_of_a_seat_is_told() -> Result<()> {
    const EVENT: &str = "hamlet-2027-03-14";
    let house = Deployment::embedded()?;
    let mut worker = house.run("worker", "booking")?;
    worker.wait_for_log(ASSIGNED, PARTITIONS, START)?;
    let definition = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/theatre.toml");
    let definition = definition.to_str().context("a path in UTF-8")?;
    told(&house, &["event", "define", definition])?;
    told(&house, &["event", "open", EVENT])?;
    let claim = ["request", "claim", EVENT, "--seat", "stalls/A/1", "--buyer"];
    let held = told(&house, &[&claim[..], &["ann"]].concat())?;
    let lost = told(&house, &[&claim[..], &["bob"]].concat())?;
    let id = lost["request"].as_str().context("the id of the request")?;
    let story = told(&house, &["audit", "explain", "--request", id])?;
    let rival = &story["story"][0]["rivals"][0];
    ensure!(rival["buyer"] == "ann" && rival["hold"] == held["hold"], "{story}");
    let seat = ["audit", "explain", "--event", EVENT, "--seat"];
    let story = told(&house, &[&seat[..], &["stalls/A/1"]].concat())?;
    let turns = story["story"].as_array().context("a list")?;
    ensure!(turns.len() == 1 && turns[0]["buyer"] == "ann", "{story}");
    let output = house.command().args(seat).arg("stalls/A/2").output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1) && said.contains("nobody had place"), "{said}");
    worker.drain()?;
    Ok(())
}

/// What a verb prints as JSON.
fn told(house: &Deployment, words: &[&str]) -> Result<serde_json::Value> {
    let output = house.command().arg("--json").args(words).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).with_context(|| format!("{words:?} said: {said}"))
}

/// Where some hold was published, neither first nor last.
fn some_held(records: &redb::Table<'_, (u8, i32, i64), Stored>) -> Result<(u8, i32, i64)> {
    let held = records.range((HELD, 0, 0)..(HELD + 1, 0, 0))?;
    let places: Result<Vec<_>, redb::StorageError> =
        held.map(|record| Ok(record?.0.value())).collect();
    let places = places?;
    places.get(places.len() / 2).copied().context("holds were published")
}
