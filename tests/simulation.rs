//! Ten thousand worlds, each from a seed.

use holdfast::domain::rule::Rule;
use holdfast::sim::run::{Seeds, many, one};

fn main() {
    let number =
        |name: &str, default: u64| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let from = number("FROM", 1);
    let count = number("SEEDS", 100);
    let without = std::env::var("WITHOUT")
        .ok()
        .map(|name| *Rule::ALL.iter().find(|rule| rule.name() == name).expect("a rule"));
    if std::env::var("TRACE").is_ok() {
        let verdict = one(from, without, true);
        for line in &verdict.trace {
            println!("{line}");
        }
        for line in &verdict.violations {
            println!("{line}");
        }
        println!("trouble {:?} hash {:016x}", verdict.trouble, verdict.hash);
        return;
    }
    if std::env::var("MUTANTS").is_ok() {
        for rule in Rule::ALL {
            let began = std::time::Instant::now();
            let summary = many(
                &Seeds { from, count, without: Some(*rule), threads: 2, until_failure: true },
                |_| {},
            );
            let first = summary.failures.first();
            println!(
                "{:<36} {:>6?} {:?} {}",
                rule.name(),
                first.map(|f| f.seed),
                began.elapsed(),
                first
                    .map(|f| f.violations[0].chars().take(200).collect::<String>())
                    .unwrap_or_default()
            );
        }
        return;
    }
    let began = std::time::Instant::now();
    let summary = many(
        &Seeds {
            from,
            count,
            without,
            threads: number("THREADS", 2) as usize,
            until_failure: false,
        },
        |_| {},
    );
    for failure in &summary.failures {
        println!(
            "seed {}: {} {}",
            failure.seed,
            failure.violations.len(),
            failure.violations[0].chars().take(500).collect::<String>()
        );
    }
    if std::env::var("MISSING").is_ok() {
        for line in summary.missing() {
            println!("missing {line}");
        }
        println!("{:?}", summary.troubles);
    }
    println!(
        "{} seeds, {} requests, {} failed, hash {:016x}, {:?}",
        summary.seeds,
        summary.requests,
        summary.failed,
        summary.hash,
        began.elapsed()
    );
}
