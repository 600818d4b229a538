//! `holdfast audit`: whether the sale was exact, from the topics alone.

mod explain;
mod redecide;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Output, table};
use super::{Ending, arguments};
use crate::app::Backend;
use crate::app::audit::{Scope, verify_scope};
use crate::audit::{Finding, Report};
use crate::config::Config;
use crate::domain::ids::{EventId, Partition, RequestId};

/// Check the sale from the topics, by rules that share no code with the owners
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Hold every answer against the rules; exit status 1 when anything diverges
    ///
    /// Waits up to 30 s until the owners have answered what was asked of one event's partition, or
    /// of all of them, and then reads requests and answers side by side. What is asked meanwhile is
    /// left out: the sale may go on. A request without an answer is lost: when no owner runs, those
    /// that wait are counted as that. Memory does not grow with the log, only with the places and
    /// what is held and booked of them.
    #[command(after_help = "Examples:\n  \
                            holdfast audit verify --event hamlet-2027-03-14\n  \
                            holdfast audit verify --all --ledger --json | jq .first_divergence")]
    Verify {
        #[command(flatten)]
        what: What,
        /// Compare the rows of the ledger too; nothing may be asked of the deployment meanwhile
        #[arg(long)]
        ledger: bool,
    },
    /// Decide every request again, as this release does; exit status 1 when one comes to another
    /// answer
    ///
    /// Where `verify` asks whether an answer is right, this asks whether it is the very one: the
    /// lowest of several codes, the lowest of several places. It is the owners' own code, so that a
    /// wrong rule is not found by it. Answers by another decision version or in an older schema are
    /// counted as not comparable, those of a suspended event as followed.
    #[command(after_help = "Examples:\n  \
                            holdfast audit redecide --event hamlet-2027-03-14\n  \
                            holdfast audit redecide --all --json | jq .not_comparable")]
    Redecide {
        #[command(flatten)]
        which: Which,
    },
    /// Tell why a request was answered as it was, or who had a place from when to when
    ///
    /// It tells what the topics say and judges nothing. A refusal over places names who had them,
    /// and what became of that. Without --event a request is looked for in all partitions. Exit
    /// status 1 when there is nothing to tell.
    #[command(after_help = "Examples:\n  \
                            holdfast audit explain --request 01a2109a-7109-7092-a757-b42215e07d46\n  \
                            holdfast audit explain --seat stalls/A/1 --event hamlet-2027-03-14")]
    Explain(Explain),
}

/// What is audited: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// Only the partition this event lies in; a partition is judged as a whole
    #[arg(long, value_parser = arguments::event)]
    event: Option<EventId>,
    /// All partitions
    #[arg(long)]
    all: bool,
}

/// What is decided again: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Only what was asked of this event
    #[arg(long, value_parser = arguments::event)]
    event: Option<EventId>,
    /// All events
    #[arg(long)]
    all: bool,
}

/// What is explained.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Every record with this request id
    #[arg(
        long,
        value_parser = arguments::hold,
        required_unless_present = "seat",
        conflicts_with = "seat"
    )]
    request: Option<RequestId>,
    /// Every holder of this place: `section/row/seat`, or `section/n` of general admission
    #[arg(long, requires = "event")]
    seat: Option<String>,
    /// The event
    #[arg(long, value_parser = arguments::event)]
    event: Option<EventId>,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    let backend = Backend::open(config)?;
    match verb {
        Verb::Verify { what, ledger } => {
            let partitions = partitions(&backend, what.event.as_ref());
            let scope = Scope { partitions, ledger: *ledger };
            let report = verify_scope(&backend, &scope, |step| output.words(step))?;
            output.data(text(&report), &object(&report))?;
            Ok(if report.is_clean() { Ending::Done } else { Ending::Found })
        }
        Verb::Redecide { which } => redecide::execute(&backend, which.event.as_ref(), output),
        Verb::Explain(asked) => explain::execute(&backend, asked, output),
    }
}

/// The partition of an event, or all of them.
fn partitions(backend: &Backend, event: Option<&EventId>) -> Vec<Partition> {
    match event {
        Some(event) => vec![backend.log.partition(event.as_str().as_bytes())],
        None => backend.log.all_partitions(),
    }
}

fn verdict(report: &Report) -> &'static str {
    if report.is_clean() { "clean" } else { "not clean" }
}

fn text(report: &Report) -> String {
    let first = report.first_divergence.as_ref().map_or_else(String::new, block);
    format!("{report}{first}{:<24}{:>12}", "verdict", verdict(report))
}

/// The first divergence, where whoever looks at the end finds it.
fn block(first: &Finding) -> String {
    let event = first.event.as_ref().map_or("not known", EventId::as_str);
    let rows = [
        ("check", first.check.name()),
        ("partition", &first.partition.to_string()),
        ("offset", &first.offset.to_string()),
        ("event", event),
        ("topic", first.topic),
        ("expected", &first.expected),
        ("found", &first.found),
    ]
    .map(|(name, value)| vec![format!("  {name}"), value.to_owned()]);
    format!("\nfirst divergence\n{}\n\n", table(&rows))
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
        "extended": report.extended,
        "cancelled": report.cancelled,
        "exchanged": report.exchanged,
        "refused": refused.collect::<serde_json::Map<String, Value>>(),
        "changed": report.changed,
        "clamped": report.clamped,
        "seats_held": report.seats_held,
        "seats_booked": report.seats_booked,
        "seats_blocked": report.seats_blocked,
        "seats_total": report.seats_total,
        "oversold": report.oversold,
        "lost": report.lost,
        "duplicated": report.duplicated,
        "sequence_gaps": report.sequence_gaps,
        "early_expiries": report.early_expiries,
        "divergences": report.divergences,
        "first_divergence": report.first_divergence.as_ref().map(finding),
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
    use crate::domain::ids::Partition;
    use crate::domain::refusal::Code;

    #[test]
    fn a_report_ends_with_its_verdict() {
        let mut report = Report { requests: 3, ..Report::default() };
        report.refused.insert(Code::SeatsTaken, 2);
        assert!(text(&report).ends_with(" clean"), "{report}");
        assert_eq!(object(&report)["verdict"], "clean");
        assert_eq!(object(&report)["first_divergence"], Value::Null);
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
        let text = text(&report);
        assert!(text.ends_with("not clean"), "{text}");
        let block = "\n\nfirst divergence\n  check      lost\n  partition  1\n  offset     5\n  \
                     event      not known\n  topic      booking.requests\n  \
                     expected   one answer\n  found      none\n\nverdict ";
        assert!(text.contains(block), "{text}");
        let json = object(&report);
        assert_eq!(json["first_divergence"], json["findings"][0]);
        assert_eq!((&json["lost"], &json["findings"][0]["check"]), (&json!(1), &json!("lost")));
    }
}
