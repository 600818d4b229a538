//! Ten thousand worlds, each from a seed, the rules of the protocol taken out one by one, and a
//! million requests that are decided without a world around them.
//!
//! `tests/mutants.txt` has a line for each rule: its name and the first seed whose world shows that
//! it is missing. What worlds once showed has become a rule there. `UPDATE_GOLDEN=1` looks for the
//! seeds again.
//!
//! A panic here is a failed test; what was found is printed before.

#![allow(clippy::print_stdout, reason = "what was met is what whoever runs it wants to see")]

use std::fmt::Write as _;

use holdfast::domain::rule::Rule;
use holdfast::ports::clock::ticks;
use holdfast::sim::decisions;
use holdfast::sim::run::{Seeds, Summary, many, one};

/// Worlds that are run.
const SEEDS: u64 = 10_000;
/// Requests that each is to have, on average.
const REQUESTS_MIN: u64 = 1_000;
/// Seeds whose requests are decided without a world, and how many each has.
const DECISION_SEEDS: u64 = 1_000;
const DECISION_REQUESTS: usize = 1_000;
/// Seeds within which a rule that was taken out must be missed.
const CAUGHT_WITHIN: u64 = 1_000;
/// Rules that must be missed.
const MUTANTS_MIN: usize = 20;
/// The list of rules and seeds.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mutants.txt");

/// Options of the test harness whose next argument is their value.
const WITH_VALUE: &[&str] =
    &["--test-threads", "--skip", "--format", "--color", "--logfile", "--shuffle-seed", "-Z"];

fn main() {
    // Filters are for the other tests; whoever names some is not waiting for this one.
    if let Some(word) = filter(std::env::args().skip(1)) {
        println!("simulation: nothing is run, since tests are filtered by {word:?}");
        return;
    }
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let began = ticks();
    let total = a_million_decisions_are_clean();
    println!(
        "simulation: {} requests decided without a world, trace hash {:016x}, {:.1} s",
        total.requests,
        total.hash,
        began.elapsed().as_secs_f64()
    );
    let began = ticks();
    the_same_seed_is_the_same_world();
    if update {
        look_for_mutants();
    }
    every_rule_is_missed();
    println!("simulation: rules taken out: {:.1} s", began.elapsed().as_secs_f64());
    let began = ticks();
    let summary = ten_thousand_worlds_are_clean();
    println!(
        "simulation: {} worlds, {} requests, trace hash {:016x}, {:.1} s",
        summary.seeds,
        summary.requests,
        summary.hash,
        began.elapsed().as_secs_f64()
    );
}

/// The first argument that is neither an option nor the value of one.
fn filter(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    while let Some(argument) = arguments.next() {
        if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-') {
            return Some(argument);
        }
    }
    None
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn the_same_seed_is_the_same_world() {
    for seed in 1..=20 {
        let (first, second) = (one(seed, None, false), one(seed, None, true));
        assert_eq!(first.hash, second.hash, "seed {seed} made two worlds");
        assert_eq!(first.requests, second.requests, "seed {seed} made two worlds");
    }
}

/// All kinds of requests, outcomes, places and refusals are met, and the auditor finds nothing.
fn a_million_decisions_are_clean() -> decisions::Total {
    let total = decisions::many(DECISION_SEEDS, DECISION_REQUESTS, threads());
    println!("what was decided without a world\n{}", total.coverage);
    for course in &total.failures {
        let nth = course.requests;
        println!("seed {}, request {nth}: {:#?}\n{:#?}", course.seed, course.found, course.last);
    }
    total.missing().iter().for_each(|what| println!("simulation: never decided: {what}"));
    assert_eq!(total.failed, 0, "seeds in which something was wrong, see above");
    assert_eq!(total.missing(), Vec::<String>::new(), "never met in {} requests", total.requests);
    assert_eq!(total.requests, DECISION_SEEDS * DECISION_REQUESTS as u64);
    total
}

fn ten_thousand_worlds_are_clean() -> Summary {
    let seeds =
        Seeds { from: 1, count: SEEDS, without: None, threads: threads(), until_failure: false };
    let summary = many(&seeds, |_| ());
    println!("{summary}");
    for failure in &summary.failures {
        println!("seed {}: {:#?}", failure.seed, failure.violations);
    }
    summary.missing().iter().for_each(|what| println!("simulation: never met: {what}"));
    assert_eq!(summary.failed, 0, "worlds with violations; see them with sim --trace");
    assert!(summary.requests >= SEEDS * REQUESTS_MIN, "{} requests are few", summary.requests);
    summary
}

/// The rules of the list and their seeds; none where nothing shows it yet, with the reason.
fn list() -> Vec<(Rule, Option<u64>, String)> {
    let text = std::fs::read_to_string(LIST).expect("tests/mutants.txt is there");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let line = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::trim);
        let name = words.next().expect("a name");
        let rule = Rule::ALL.iter().find(|rule| rule.name() == name);
        let seed = words.next().expect("a seed, or -").parse().ok();
        let words = words.next().unwrap_or_default().to_owned();
        (*rule.unwrap_or_else(|| panic!("{name} is no rule")), seed, words)
    };
    lines.map(line).collect()
}

fn every_rule_is_missed() {
    let list = list();
    let listed: Vec<Rule> = list.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(listed, Rule::ALL, "each rule has a line in tests/mutants.txt, in order");
    let (mut caught, mut silent) = (0, vec![]);
    for (rule, seed, words) in &list {
        let Some(seed) = seed else {
            assert!(!words.is_empty(), "{} is missed by nobody: say why", rule.name());
            continue;
        };
        let violations = one(*seed, Some(*rule), false).violations;
        println!("without {:<36} seed {seed:>4}: {}", rule.name(), first_of(&violations));
        caught += usize::from(*rule != Rule::Canary);
        if violations.is_empty() {
            silent.push(rule.name());
        }
    }
    assert_eq!(silent, Vec::<&str>::new(), "missed by nobody: look for seeds with UPDATE_GOLDEN=1");
    assert!(caught >= MUTANTS_MIN, "only {caught} rules are missed");
    for seed in 1..=10 {
        let violations = one(seed, Some(Rule::Canary), false).violations;
        assert!(!violations.is_empty(), "seed {seed} does not notice the canary");
    }
}

fn first_of(violations: &[String]) -> String {
    violations.first().map_or("nothing", String::as_str).chars().take(120).collect()
}

fn look_for_mutants() {
    let old = list();
    let mut text = String::new();
    let comments = std::fs::read_to_string(LIST).expect("tests/mutants.txt is there");
    for line in comments.lines().take_while(|line| line.starts_with('#')) {
        writeln!(text, "{line}").expect("a string takes everything");
    }
    for rule in Rule::ALL {
        let without = Some(*rule);
        let count = CAUGHT_WITHIN;
        let seeds = Seeds { from: 1, count, without, threads: threads(), until_failure: true };
        let found = many(&seeds, |_| ()).failures.first().map(|failure| failure.seed);
        let (known, why) = old
            .iter()
            .find(|(known, ..)| known == rule)
            .map_or((None, ""), |(_, seed, words)| (*seed, words.as_str()));
        // What it takes a rarer world to miss keeps the seed that is known.
        let rarer = known.filter(|seed| !one(*seed, without, false).violations.is_empty());
        let seed = found.or(rarer).map_or("-".to_owned(), |seed| seed.to_string());
        let why = if found.is_some() { "" } else { why };
        println!("{} {seed} {why}", rule.name());
        let line = format!("{} {seed} {why}", rule.name());
        writeln!(text, "{}", line.trim_end()).expect("a string takes everything");
    }
    std::fs::write(LIST, text).expect("tests/mutants.txt can be written");
}
