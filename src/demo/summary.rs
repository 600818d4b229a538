//! What the demo ends with: what was sold to whom, how fast, and the verdict.
//!
//! The verdict is the auditor's. The demo adds what only it can see: that its own picture, made of
//! what a reader was told, comes to the same counts, and that a house which could be sold out is.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::sale::{Sold, rate};
use super::venue::SEATS_PER_BUYER;
use super::{Options, Stage};
use crate::audit::Report;

/// What the demo ends with.
#[derive(Clone, Debug)]
pub struct Summary {
    log: String,
    ledger: String,
    not_shown: &'static str,
    pub(super) kept: Option<String>,
    options: Options,
    sold: Sold,
    report: Report,
    /// What does not agree with the audit, or with what a sale must come to.
    findings: Vec<String>,
}

impl Summary {
    pub(super) fn new(options: &Options, stage: &Stage, sold: Sold, report: Report) -> Summary {
        let findings = findings(options, &sold, &report);
        Summary {
            log: stage.log.clone(),
            ledger: stage.ledger.clone(),
            not_shown: stage.not_shown,
            kept: stage.kept.clone(),
            options: options.clone(),
            sold,
            report,
            findings,
        }
    }

    /// Whether the sale was exact.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.report.is_clean() && self.findings.is_empty()
    }

    fn verdict(&self) -> &'static str {
        if self.is_clean() { "clean" } else { "not clean" }
    }

    fn ending(&self) -> String {
        let counts = self.sold.counts;
        match counts.free {
            0 => "sold out and quiet".into(),
            left => format!("quiet; {left} places are left, and no buyer may have more"),
        }
    }

    fn latency(&self, share: f64) -> f64 {
        self.sold.latency.quantile_ms(share).unwrap_or(0.0)
    }

    fn requests_per_s(&self) -> f64 {
        rate(self.sold.tally.requests, self.sold.took)
    }

    /// One object with all of it.
    #[must_use]
    pub fn json(&self) -> Value {
        let (sold, report, plan) = (&self.sold, &self.report, &self.options.plan);
        let (tally, heard) = (&sold.tally, &sold.tally.heard);
        let refused = heard.refused.iter().map(|(code, count)| (code.name().into(), json!(count)));
        let audit = report.findings.iter().map(ToString::to_string);
        let findings: Vec<String> = self.findings.iter().cloned().chain(audit).collect();
        json!({
            "log": self.log,
            "ledger": self.ledger,
            "not_shown": self.not_shown,
            "kept": self.kept,
            "seed": plan.seed,
            "buyers": plan.buyers,
            "rate": plan.rate,
            "ttl_ms": millis(plan.ttl),
            "seats": self.options.seats,
            "free": sold.counts.free,
            "held": sold.counts.held,
            "booked": sold.counts.booked,
            "sold_out": sold.counts.free == 0,
            "requests": report.requests,
            "outcomes_held": heard.held,
            "outcomes_booked": heard.booked,
            "outcomes_released": heard.released,
            "outcomes_expired": heard.expired,
            "outcomes_refunded": heard.cancelled,
            "outcomes_refused": heard.refusals(),
            "outcomes_repeated": heard.repeats,
            "refused": refused.collect::<serde_json::Map<String, Value>>(),
            "abandoned": tally.abandoned,
            "copies": tally.copies,
            "gave_up": tally.gave_up,
            "returned": tally.returned,
            "oversold": report.oversold,
            "lost": report.lost,
            "duplicated": report.duplicated,
            "sequence_gaps": report.sequence_gaps,
            "early_expiries": report.early_expiries,
            "divergences": report.divergences,
            "seconds": rounded(sold.took.as_secs_f64()),
            "requests_per_s": rounded(self.requests_per_s()),
            "p50_ms": rounded(self.latency(0.5)),
            "p99_ms": rounded(self.latency(0.99)),
            "findings": findings,
            "verdict": self.verdict(),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sold, report) = (&self.sold, &self.report);
        let (tally, heard) = (&sold.tally, &sold.tally.heard);
        writeln!(f, "log      {}\nledger   {}", self.log, self.ledger)?;
        writeln!(f, "not shown by this: {}", self.not_shown)?;
        if let Some(kept) = &self.kept {
            writeln!(f, "{kept}")?;
        }
        writeln!(f, "\n{}", self.ending())?;
        let mut table = Table(String::new());
        table.title("the house");
        table.counts(&[
            ("seats", u64::from(self.options.seats)),
            ("free", u64::from(sold.counts.free)),
            ("held", u64::from(sold.counts.held)),
            ("booked", u64::from(sold.counts.booked)),
        ]);
        table.title("the crowd");
        table.counts(&[
            ("buyers", tally.buyers),
            ("claims", tally.claims),
            ("confirms", tally.confirms),
            ("releases", tally.releases),
            ("cancels", tally.cancels),
            ("sent again, same id", tally.copies),
            ("holds walked away from", tally.abandoned),
            ("buyers who went without", tally.gave_up),
            ("came back for the rest", tally.returned),
        ]);
        table.title("the answers");
        table.counts(&[
            ("held", heard.held),
            ("booked", heard.booked),
            ("released", heard.released),
            ("  of these expired", heard.expired),
            ("refunded", heard.cancelled),
            ("where a wish stands", heard.repeats),
            ("refused", heard.refusals()),
        ]);
        for (code, count) in &heard.refused {
            table.row(&format!("  {}", code.name()), &count.to_string());
        }
        table.title("the speed");
        table.row("seconds until quiet", &format!("{:.1}", sold.took.as_secs_f64()));
        table.row("requests per second", &format!("{:.0}", self.requests_per_s()));
        table.row("p50 until seen, ms", &format!("{:.1}", self.latency(0.5)));
        table.row("p99 until seen, ms", &format!("{:.1}", self.latency(0.99)));
        table.title("the audit");
        table.counts(&[
            ("requests", report.requests),
            ("oversold", report.oversold),
            ("lost", report.lost),
            ("duplicated", report.duplicated),
            ("sequence gaps", report.sequence_gaps),
            ("early expiries", report.early_expiries),
            ("all divergences", report.divergences),
        ]);
        table.row("verdict", self.verdict());
        f.write_str(table.0.trim_end())?;
        let audit = report.findings.iter().map(ToString::to_string);
        self.findings.iter().cloned().chain(audit).try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// Rows of a name and a count, under titles.
struct Table(String);

impl Table {
    fn title(&mut self, title: &str) {
        let _ = writeln!(self.0, "\n{title}");
    }

    fn row(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "  {name:<26}{value:>12}");
    }

    fn counts(&mut self, rows: &[(&str, u64)]) {
        rows.iter().for_each(|(name, count)| self.row(name, &count.to_string()));
    }
}

/// What only the demo can find wrong.
fn findings(options: &Options, sold: &Sold, report: &Report) -> Vec<String> {
    let (counts, heard) = (sold.counts, &sold.tally.heard);
    let mut findings = vec![];
    let mut same = |what: &str, seen: u64, audited: u64| {
        if seen != audited {
            findings.push(format!("{what}: the crowd saw {seen}, the auditor {audited}"));
        }
    };
    same("places held", u64::from(counts.held), report.seats_held);
    same("places booked", u64::from(counts.booked), report.seats_booked);
    // The auditor has heard of the opening, too, and of what the expiry worker asks.
    same("holds made", heard.held, report.held);
    same("holds booked", heard.booked, report.booked);
    same("refusals", heard.refusals(), report.refused.values().sum());
    let most = u64::from(SEATS_PER_BUYER) * u64::from(options.plan.buyers);
    let expected = most.min(u64::from(options.seats));
    if u64::from(counts.booked) != expected {
        findings.push(format!(
            "the house did not fill: {} places are booked, and {expected} could be",
            counts.booked
        ));
    }
    findings
}

/// As a person would write it.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn millis(length: std::time::Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::demo::On;
    use crate::demo::crowd::{Counts, Heard, Plan, Tally};
    use crate::demo::latency::Histogram;
    use crate::domain::refusal::Code;

    /// A sale of 1,000 places to 2,500 buyers, as it might have been.
    fn sold() -> (Sold, Report) {
        let heard = Heard {
            held: 610,
            booked: 441,
            released: 160,
            expired: 117,
            cancelled: 38,
            changed: 2,
            repeats: 24,
            refused: [(Code::UnknownSeat, 51), (Code::SeatsTaken, 3_399)].into(),
        };
        let tally = Tally {
            buyers: 2_500,
            requests: 5_270,
            copies: 86,
            claims: 4_698,
            confirms: 482,
            releases: 52,
            cancels: 38,
            abandoned: 87,
            gave_up: 1_954,
            returned: 2,
            answers: 5_270,
            heard: heard.clone(),
        };
        let mut latency = Histogram::default();
        (1..=100).for_each(|count| latency.add(Duration::from_millis(count)));
        let report = Report {
            requests: 5_290,
            held: 610,
            booked: 441,
            seats_booked: 1_000,
            refused: heard.refused,
            ..Report::default()
        };
        let counts = Counts { free: 0, held: 0, booked: 1_000 };
        (Sold { counts, tally, took: Duration::from_millis(16_430), latency }, report)
    }

    fn summary(change: impl FnOnce(&mut Sold, &mut Report)) -> Summary {
        let plan = Plan { buyers: 2_500, rate: 400, ttl: Duration::from_secs(3), seed: 3 };
        let options = Options { seats: 1_000, plan, on: On::Embedded(None) };
        let (mut sold, mut report) = sold();
        change(&mut sold, &mut report);
        Summary {
            log: "a log".into(),
            ledger: "a ledger".into(),
            not_shown: "what it does not",
            kept: None,
            findings: findings(&options, &sold, &report),
            options,
            sold,
            report,
        }
    }

    /// As in the tests of the command line.
    fn golden(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cli").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, text).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, wanted, "{name} differs; UPDATE_GOLDEN=1 writes it anew");
    }

    #[test]
    fn the_summary_is_the_golden_one() {
        let summary = summary(|_, _| {});
        assert!(summary.is_clean());
        golden("demo.txt", &format!("{summary}\n"));
        golden("demo.json", &format!("{:#}\n", summary.json()));
    }

    #[test]
    fn what_crowd_and_auditor_do_not_agree_on_is_not_clean() {
        for change in [
            (|_, report| report.seats_booked = 999) as fn(&mut Sold, &mut Report),
            |sold, _| sold.tally.heard.held += 1,
            |sold, _| sold.tally.heard.refused.clear(),
            |_, report| report.divergences = 1,
        ] {
            let summary = summary(change);
            assert!(!summary.is_clean());
            assert_eq!(summary.json()["verdict"], "not clean");
        }
    }

    #[test]
    fn a_house_that_could_be_sold_out_and_is_not_is_not_clean() {
        let summary = summary(|sold, report| {
            sold.counts = Counts { free: 1, held: 0, booked: 999 };
            report.seats_booked = 999;
        });
        assert_eq!(
            summary.findings,
            ["the house did not fill: 999 places are booked, and 1000 could be"]
        );
    }
}
