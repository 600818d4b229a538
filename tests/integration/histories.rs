//! The simulated ledger and log, and the real ones: recorded histories replayed, and fresh ones.
//!
//! `RECORD_HISTORIES=1` adds trials that record the histories under `tests/histories` anew, from
//! the servers at hand; their heads say which they were.
#![allow(clippy::print_stdout, reason = "how much agreed is what the trials have to tell")]

mod log;

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use holdfast::cql::{CqlLedger, schema};
use holdfast::domain::ids::EventId;
use holdfast::embedded::{EmbeddedLedger, Store};
use holdfast::ports::ledger::Ledger;
use holdfast::sim::history::History as Recorded;
use holdfast::sim::ledger::Shape;
use holdfast::sim::ledger::history::{Answer, History, Question, Recording};
use libtest_mimic::Trial;

use crate::stack::{self, Stack, block_on};

/// Files of recorded histories, and histories in each.
const FILES: u64 = 8;
const HISTORIES_PER_FILE: usize = 100;
/// Fresh histories of a run.
const FRESH: usize = 10;
/// Histories the server may leave without an answer for each that is wanted.
const UNANSWERED_MAX: usize = 10;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        stack::solo_trial("histories::recorded_ones_agree", recorded_ones_agree),
        stack::solo_trial("histories::fresh_ones_agree::embedded", fresh_ones_agree_embedded),
        stack::trial("histories::fresh_ones_agree::cql", fresh_ones_agree_on_the_server),
    ];
    if std::env::var_os("RECORD_HISTORIES").is_some() {
        trials.push(stack::trial("histories::write_anew", record));
    }
    trials.extend(log::trials());
    trials
}

/// Where the recorded histories of a server lie.
fn file(of: &str, number: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    folder.join(format!("{of}-{number}.txt"))
}

fn write<Step: Display>(path: &Path, head: String, histories: &[Recorded<Step>]) -> Result<()> {
    let histories: String = histories.iter().map(|history| format!("\n{history}")).collect();
    fs::create_dir_all(path.parent().context("a folder")?)?;
    Ok(fs::write(path, head + &histories)?)
}

/// Replays all recorded histories of a server.
fn agree<Step: FromStr<Err = String>>(
    of: &str,
    files: u64,
    replay: impl Fn(&[Recorded<Step>]) -> Result<()>,
) -> Result<()> {
    let (mut histories, mut steps) = (0, 0);
    for number in 0..files {
        let path = file(of, number);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let read =
            Recorded::read_all(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        ensure!(read.len() == HISTORIES_PER_FILE, "{} has {}", path.display(), read.len());
        replay(&read).with_context(|| path.display().to_string())?;
        histories += read.len();
        steps += read.iter().map(|history| history.steps.len()).sum::<usize>();
    }
    println!("recorded histories of the {of}: {histories}, all {steps} steps agree");
    Ok(())
}

/// Both shapes answer alike, whichever server it was.
fn recorded_ones_agree() -> Result<()> {
    agree("ledger", FILES, replay)
}

fn replay(histories: &[History]) -> Result<()> {
    for (history, shape) in histories.iter().flat_map(|h| Shape::ALL.map(|shape| (h, shape))) {
        history.replay(shape).map_err(|found| anyhow!("{shape:?}: {found}\n\n{history}"))?;
    }
    Ok(())
}

fn fresh_ones_agree_embedded() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ledger: Arc<dyn Ledger> = Arc::new(EmbeddedLedger::new(Store::open(folder.path(), 1)?));
    block_on(fresh_ones_agree(&[Arc::clone(&ledger), ledger]))
}

fn fresh_ones_agree_on_the_server(stack: &Stack) -> Result<()> {
    block_on(async { fresh_ones_agree(&open(stack).await?).await })
}

async fn fresh_ones_agree(ledgers: &[Arc<dyn Ledger>; 2]) -> Result<()> {
    let seed = stack::random_u64();
    println!("fresh histories of {}: from seed {seed}", ledgers[0].describe());
    let Taken { histories, unanswered } = record_from(ledgers, seed, FRESH).await?;
    replay(&histories)?;
    let steps: usize = histories.iter().map(|history| history.steps.len()).sum();
    println!("{FRESH} agree in all {steps} steps; {unanswered} got no answer somewhere");
    Ok(())
}

fn record(stack: &Stack) -> Result<()> {
    let release = stack.cql_release()?;
    block_on(async {
        let ledgers = open(stack).await?;
        for number in 0..FILES {
            let seed = number * 1_000_000;
            let Taken { histories, unanswered } =
                record_from(&ledgers, seed, HISTORIES_PER_FILE).await?;
            let head = format!(
                "# Answers of {release}, one node.\n\
                 # src/sim/ledger/history.rs explains the text; RECORD_HISTORIES=1 has the\n\
                 # integration tests record it anew. Histories left out because the server gave no\n\
                 # answer somewhere: {unanswered}.\n"
            );
            write(&file("ledger", number), head, &histories)?;
        }
        Ok(())
    })
}

/// Two sessions on a keyspace of their own.
async fn open(stack: &Stack) -> Result<[Arc<dyn Ledger>; 2]> {
    let config = crate::ledger::config(&stack.cql, "histories").await?;
    schema::migrate(&config).await?;
    Ok([Arc::new(CqlLedger::connect(&config).await?), Arc::new(CqlLedger::connect(&config).await?)])
}

struct Taken {
    histories: Vec<History>,
    /// Histories given up because the server did not know or did not answer.
    unanswered: usize,
}

async fn record_from(ledgers: &[Arc<dyn Ledger>; 2], seed: u64, wanted: usize) -> Result<Taken> {
    let mut recorded = Taken { histories: vec![], unanswered: 0 };
    for number in 0.. {
        if recorded.histories.len() == wanted {
            break;
        }
        match record_one(ledgers, seed.wrapping_add(number)).await? {
            Some(history) => recorded.histories.push(history),
            None => recorded.unanswered += 1,
        }
        let unanswered = recorded.unanswered;
        ensure!(unanswered <= UNANSWERED_MAX * wanted, "{unanswered} histories without an answer");
    }
    Ok(recorded)
}

/// A history of its own event; `None` when an answer is missing.
async fn record_one(ledgers: &[Arc<dyn Ledger>; 2], seed: u64) -> Result<Option<History>> {
    let event = EventId::new(&stack::unique("history"))?;
    let mut recording = Recording::new(seed, event.clone());
    loop {
        let questions = recording.ask();
        if questions.is_empty() {
            return Ok(Some(recording.finish()));
        }
        let asked = questions.into_iter().zip(ledgers.iter().cycle()).map(|(question, ledger)| {
            tokio::spawn(ask(Arc::clone(ledger), event.clone(), question))
        });
        let mut answers = vec![];
        for answer in asked.collect::<Vec<_>>() {
            answers.push(answer.await?);
        }
        if answers.iter().any(Answer::is_none) {
            return Ok(None);
        }
        if let Err(found) = recording.tell(&answers) {
            bail!("{found}\n\n{}", recording.finish());
        }
    }
}

async fn ask(ledger: Arc<dyn Ledger>, event: EventId, question: Question) -> Answer {
    match question {
        Question::Commit(batch) => Answer::Commit(ledger.commit(&batch).await),
        Question::Fence => Answer::Fence(ledger.read_fence(&event).await),
        Question::Rows => Answer::Rows(ledger.read_rows(&event).await),
    }
}
