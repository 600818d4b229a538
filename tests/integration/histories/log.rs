//! The simulated brokers and real ones.
#![allow(clippy::print_stdout, reason = "how much agreed is what the trials have to tell")]

mod client;
mod members;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use holdfast::sim::broker::history::{History, Recording};
use libtest_mimic::Trial;

use self::client::Client;
use super::HISTORIES_PER_FILE;
use crate::stack::{self, Stack};

/// Files of recorded histories.
const FILES: u64 = 2;
/// Fresh histories of a run.
const FRESH: usize = 6;
/// Histories recorded at once: each waits most of the time.
const AT_ONCE: usize = 6;
/// One of so many may be given up, because something did not answer.
const GIVEN_UP_ONE_IN: usize = 20;

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        stack::solo_trial("histories::log::recorded_ones_agree", recorded_ones_agree),
        stack::trial("histories::log::fresh_ones_agree", fresh_ones_agree),
    ];
    if std::env::var_os("RECORD_HISTORIES").is_some() {
        trials.push(stack::trial("histories::log::write_anew", record));
    }
    trials
}

fn recorded_ones_agree() -> Result<()> {
    super::agree("log", FILES, replay)
}

fn replay(histories: &[History]) -> Result<()> {
    let replay =
        |history: &History| history.replay().map_err(|found| format!("{found}\n\n{history}"));
    let found: Vec<String> = histories.iter().filter_map(|one| replay(one).err()).collect();
    ensure!(found.is_empty(), "{} of {}: {}", found.len(), histories.len(), found.join("\n"));
    Ok(())
}

fn fresh_ones_agree(stack: &Stack) -> Result<()> {
    let seed = stack::random_u64();
    println!("fresh histories of Kafka: from seed {seed}");
    let Recorded { histories, given_up } = record_from(&stack.kafka, seed, FRESH)?;
    replay(&histories)?;
    let steps: usize = histories.iter().map(|history| history.steps.len()).sum();
    println!("{FRESH} agree in all {steps} steps; given up: {given_up:?}");
    Ok(())
}

fn record(stack: &Stack) -> Result<()> {
    for number in 0..FILES {
        let seed = number * 1_000_000;
        let Recorded { histories, given_up } = record_from(&stack.kafka, seed, HISTORIES_PER_FILE)?;
        let head = format!(
            "# Answers of {}, one node, to librdkafka.\n\
             # src/sim/broker/history.rs explains the text; RECORD_HISTORIES=1 has the\n\
             # integration tests record it anew. Histories given up because something did not\n\
             # answer: {}.\n",
            stack.kafka_release(),
            given_up.len()
        );
        println!("given up: {given_up:?}");
        super::write(&super::file("log", number), head, &histories)?;
    }
    Ok(())
}

struct Recorded {
    histories: Vec<History>,
    /// What went wrong in those that were given up: nobody knows what became of it.
    given_up: Vec<String>,
}

/// So many histories, each from its own seed, several at a time.
fn record_from(bootstrap: &str, seed: u64, wanted: usize) -> Result<Recorded> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let failed = Mutex::new(vec![]);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let given_up = lock(&failed).len();
            if number >= (wanted + given_up) as u64 || given_up > wanted / GIVEN_UP_ONE_IN {
                return;
            }
            match record_one(bootstrap, seed.wrapping_add(number)) {
                Ok(history) => drop(lock(&done).insert(number, history)),
                Err(error) => lock(&failed).push(format!("{error:#}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(wanted) {
            scope.spawn(work);
        }
    });
    let histories: Vec<History> = lock(&done).values().take(wanted).cloned().collect();
    let given_up = lock(&failed).clone();
    ensure!(histories.len() == wanted, "too many were given up: {}", given_up.join("\n"));
    Ok(Recorded { histories, given_up })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On topics, ids and a group of its own.
fn record_one(bootstrap: &str, seed: u64) -> Result<History> {
    let mut client = Client::new(bootstrap, &stack::unique("history"))?;
    let mut recording = Recording::new(seed);
    while let Some(operation) = recording.ask() {
        match client.ask(&operation) {
            Ok(answer) => recording.tell(&answer),
            Err(error) => {
                let history = recording.finish();
                return Err(error.context(format!("{operation}, after\n{history}")));
            }
        }
    }
    Ok(recording.finish())
}
