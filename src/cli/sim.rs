//! `holdfast sim`: worlds from seeds, on one machine, without a server.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::Ending;
use super::failure::Failure;
use super::output::Output;
use crate::domain::rule::Rule;
use crate::ports::clock::ticks;
use crate::sim::run::{Failure as Failed, Seeds, Summary, many, one};

/// Worlds of a gate run.
const GATE_SEEDS: u64 = 100_000;
/// How long no second line of progress follows the first.
const PAUSE: Duration = Duration::from_secs(2);

/// Run simulated worlds of workers, brokers, ledger and clocks, each from a seed
///
/// A seed draws a world: how many workers, how slow a network, how wrong the clocks, what goes
/// wrong and when, and what is asked. Engine, expiry and decisions are the code that is sold; log
/// and ledger are simulated. The auditor judges every record. The same seed gives the same world,
/// and the same trace hash, on every machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  holdfast sim --seeds 10000\n  \
                  holdfast sim --from 4711 --seeds 1 --trace\n  \
                  holdfast sim --gate\n  \
                  holdfast sim --without takeover-fences")]
pub(super) struct Arguments {
    /// How many worlds; 100,000 for --gate where none is given
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 1)]
    from: u64,
    /// Print what happens in each world, one world after the other
    #[arg(long, conflicts_with = "gate")]
    trace: bool,
    /// Fail as well where a fault, a way or an answer was never met
    #[arg(long)]
    gate: bool,
    /// Take a rule of the protocol out, and stop at the first world that shows it
    #[arg(long, value_name = "RULE", value_parser = rule, conflicts_with = "gate")]
    without: Option<Rule>,
    /// How many worlds at a time; as many as the machine has cores where none is given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

fn rule(name: &str) -> Result<Rule, String> {
    let found = Rule::ALL.iter().find(|rule| rule.name() == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        format!("there is no such rule; take one of {}", names.join(", "))
    })
}

pub(super) fn execute(arguments: &Arguments, output: Output) -> Result<Ending, Failure> {
    let Arguments { seeds, from, trace, gate, without, threads } = *arguments;
    let count = seeds.unwrap_or(if gate { GATE_SEEDS } else { 1_000 });
    if trace {
        return show(from, count, without, output);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or(cores);
    let until_failure = without.is_some();
    let began = ticks();
    let progress = Progress::new(count, output);
    let summary = many(&Seeds { from, count, without, threads, until_failure }, |done| {
        progress.at(done);
    });
    let took = began.elapsed();
    let missing = if gate { summary.missing() } else { vec![] };
    output.data(text(&summary, &missing, took), &json!({ "worlds": rows(&summary) }))?;
    for failure in &summary.failures {
        output.data(failure_text(failure), &failure_object(failure))?;
    }
    output.data(last(&summary, took), &object(&summary, &missing, took))?;
    let clean = summary.failed == 0 && missing.is_empty();
    Ok(if clean { Ending::Done } else { Ending::Found })
}

/// One world after the other, in words; then what came of all.
fn show(from: u64, count: u64, without: Option<Rule>, output: Output) -> Result<Ending, Failure> {
    let began = ticks();
    let mut summary = Summary::default();
    for seed in from..from.saturating_add(count) {
        let mut verdict = one(seed, without, true);
        for line in std::mem::take(&mut verdict.trace) {
            output.data(&line, &json!({ "seed": seed, "trace": line }))?;
        }
        if !verdict.violations.is_empty() {
            let failure = Failed { seed, violations: verdict.violations.clone() };
            output.data(failure_text(&failure), &failure_object(&failure))?;
        }
        if count > 1 {
            let (hash, requests) = (format!("{:016x}", verdict.hash), verdict.requests);
            let line = format!("seed {seed}: {requests} requests, trace hash {hash}");
            let object = json!({ "seed": seed, "requests": requests, "trace_hash": hash });
            output.data(line, &object)?;
        }
        summary.add(verdict);
    }
    let took = began.elapsed();
    output.data(last(&summary, took), &object(&summary, &[], took))?;
    Ok(if summary.failed == 0 { Ending::Done } else { Ending::Found })
}

fn text(summary: &Summary, missing: &[String], took: Duration) -> String {
    let mut text = format!("{summary}\n");
    if !missing.is_empty() {
        text += &format!("never met, and it should have been:\n  {}\n", missing.join("\n  "));
    }
    let each = took.as_secs_f64() * 1_000.0 / summary.seeds.max(1) as f64;
    text + &format!("\n{:.1} s, {each:.2} ms a world", took.as_secs_f64())
}

fn failure_text(failure: &Failed) -> String {
    let all: Vec<String> =
        failure.violations.iter().map(|violation| format!("  {violation}")).collect();
    format!("seed {} (see it with --from {0} --seeds 1 --trace):\n{}", failure.seed, all.join("\n"))
}

fn failure_object(failure: &Failed) -> Value {
    json!({ "seed": failure.seed, "violations": failure.violations })
}

fn last(summary: &Summary, took: Duration) -> String {
    let Summary { seeds, requests, failed, hash, .. } = summary;
    let verdict = if *failed == 0 { "clean" } else { "not clean" };
    format!(
        "{seeds} worlds, {requests} requests, {failed} with violations, trace hash {hash:016x}, \
         {:.1} s: {verdict}",
        took.as_secs_f64()
    )
}

fn object(summary: &Summary, missing: &[String], took: Duration) -> Value {
    json!({
        "seeds": summary.seeds,
        "requests": summary.requests,
        "violations": summary.violations,
        "failed": summary.failed,
        "trace_hash": format!("{:016x}", summary.hash),
        "missing": missing,
        "seconds": took.as_secs_f64(),
    })
}

/// All that was counted, a row each.
fn rows(summary: &Summary) -> Vec<Value> {
    let row = |(group, name, count): (&str, String, u64)| json!({ "group": group, "name": name, "count": count });
    summary.rows().map(row).collect()
}

/// How far it is, for whoever waits.
struct Progress {
    count: u64,
    told: std::sync::Mutex<Instant>,
    output: Output,
}

impl Progress {
    fn new(count: u64, output: Output) -> Progress {
        Progress { count, told: std::sync::Mutex::new(ticks()), output }
    }

    fn at(&self, done: u64) {
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.elapsed() >= PAUSE {
            *told = ticks();
            self.output.words(format_args!("{done} of {} worlds", self.count));
        }
    }
}
