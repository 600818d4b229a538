//! `holdfast audit`: whether the sale was exact, from the topics alone.

use clap::Subcommand;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::Output;
use super::{Ending, arguments};
use crate::app::Backend;
use crate::app::audit::{Scope, verify_scope};
use crate::audit::{Finding, Report};
use crate::config::Config;
use crate::domain::ids::{EventId, Partition};

/// Check the sale from the topics, by rules that share no code with the owners
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Hold every answer against the rules; exit status 1 when anything diverges
    ///
    /// Reads all requests there are, waits up to 30 s until the owners have answered them, and then
    /// reads the answers. What is asked meanwhile is left out, so the sale may go on. A request
    /// without an answer is lost: when no owner runs, those that wait are counted as that. Give the
    /// audit the memory for it: about 1 KiB for each record of a partition.
    #[command(after_help = "Examples:\n  \
                            holdfast audit verify\n  \
                            holdfast audit verify --ledger --json | jq .verdict")]
    Verify {
        /// Only the partition this event lies in; a partition is judged as a whole
        #[arg(long, value_parser = arguments::event)]
        event: Option<EventId>,
        /// Compare the rows of the ledger too; nothing may be asked of the deployment meanwhile
        #[arg(long)]
        ledger: bool,
    },
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    let Verb::Verify { event, ledger } = verb;
    let backend = Backend::open(config)?;
    let partitions = match event {
        Some(event) => vec![backend.log.partition(event.as_str().as_bytes())],
        None => (0..backend.log.partitions()).map(Partition).collect(),
    };
    let scope = Scope { partitions, ledger: *ledger };
    let report = verify_scope(&backend, &scope, |step| output.words(step))?;
    output.data(text(&report), &object(&report))?;
    Ok(if report.is_clean() { Ending::Done } else { Ending::Found })
}

fn verdict(report: &Report) -> &'static str {
    if report.is_clean() { "clean" } else { "not clean" }
}

fn text(report: &Report) -> String {
    format!("{report}{:<24}{:>12}", "verdict", verdict(report))
}

fn object(report: &Report) -> Value {
    let refused = report.refused.iter().map(|(code, count)| (code.name().to_owned(), json!(count)));
    json!({
        "requests": report.requests,
        "answers": report.answers,
        "dead_letters": report.dead_letters,
        "held": report.held,
        "booked": report.booked,
        "released": report.released,
        "refused": refused.collect::<serde_json::Map<String, Value>>(),
        "changed": report.changed,
        "seats_held": report.seats_held,
        "seats_booked": report.seats_booked,
        "seats_total": report.seats_total,
        "oversold": report.oversold,
        "lost": report.lost,
        "duplicated": report.duplicated,
        "sequence_gaps": report.sequence_gaps,
        "early_expiries": report.early_expiries,
        "divergences": report.divergences,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "verdict": verdict(report),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "check": finding.check.name(),
        "partition": finding.partition.0,
        "offset": finding.offset,
        "topic": finding.topic,
        "event": finding.event.as_ref().map(EventId::as_str),
        "expected": finding.expected,
        "found": finding.found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Check;
    use crate::domain::refusal::Code;

    #[test]
    fn a_report_ends_with_its_verdict() {
        let mut report = Report { requests: 3, ..Report::default() };
        report.refused.insert(Code::SeatsTaken, 2);
        assert!(text(&report).ends_with(" clean"), "{report}");
        assert_eq!(object(&report)["verdict"], "clean");
        assert_eq!(object(&report)["refused"]["seats-taken"], 2);
        report.add(Finding {
            check: Check::Lost,
            partition: Partition(1),
            offset: 5,
            topic: "booking.requests",
            event: None,
            expected: "one answer".into(),
            found: "none".into(),
        });
        assert!(text(&report).ends_with("not clean"), "{report}");
        let json = object(&report);
        assert_eq!((&json["lost"], &json["findings"][0]["check"]), (&json!(1), &json!("lost")));
    }
}
