//! A log as values, for the tests below: what was asked, and what was answered.

mod exchange;
mod invariants;
mod office;
mod planted;
mod recount;
mod rows;
mod venues;

use std::collections::HashMap;

use uuid::Uuid;

use super::{Check, Finding, Model, Report};
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, RequestId};
use crate::domain::layout::{Definition, Limits, Places, Row, Section, Tier};
use crate::domain::outcome::Outcome;
use crate::domain::request::{Body, Claim, Line, Request};
use crate::domain::time::{At, Millis};

/// The partition all of it happens in.
const PARTITION: Partition = Partition(3);
/// The append time of offset 0.
const START: At = At(1_700_000_000_000);

/// A request record.
#[derive(Clone, Debug)]
struct Asked {
    offset: i64,
    appended: At,
    digest: Digest,
    key: Option<Vec<u8>>,
    request: Option<Request>,
}

/// A partition of all topics.
#[derive(Clone, Debug, Default)]
struct Log {
    requests: Vec<Asked>,
    outcomes: Vec<Outcome>,
    dead_letters: Vec<i64>,
}

impl Log {
    fn ask(&mut self, offset: i64, appended: At, digest: Digest, request: Option<Request>) {
        let key = Some(event().as_str().as_bytes().to_vec());
        self.requests.push(Asked { offset, appended, digest, key, request });
    }

    /// The outcomes are handed over backwards: their order of arrival must not matter.
    fn audit(&self) -> (Report, Model) {
        let mut model = Model::new(PARTITION);
        for outcome in self.outcomes.iter().rev() {
            model.on_outcome(PARTITION, outcome);
        }
        for asked in &self.requests {
            let key = asked.key.as_deref();
            let request = asked.request.as_ref();
            model.on_request(asked.offset, asked.appended, request, key, asked.digest);
        }
        self.dead_letters.iter().for_each(|offset| model.on_dead_letter(PARTITION, *offset));
        (model.finish(), model)
    }
}

impl Log {
    /// Judged along the way: each request with its answers, and settled at once.
    fn audit_along(&self) -> (Report, usize) {
        let mut model = Model::new(PARTITION);
        let mut answers: HashMap<i64, Vec<&Outcome>> = HashMap::new();
        for outcome in &self.outcomes {
            answers.entry(outcome.header.offset).or_default().push(outcome);
        }
        for asked in &self.requests {
            let request = asked.request.as_ref();
            model.on_request(
                asked.offset,
                asked.appended,
                request,
                asked.key.as_deref(),
                asked.digest,
            );
            let caused = answers.remove(&asked.offset).unwrap_or_default();
            caused.into_iter().for_each(|outcome| model.on_outcome(PARTITION, outcome));
            if self.dead_letters.contains(&asked.offset) {
                model.on_dead_letter(PARTITION, asked.offset);
            }
            model.settle_below(asked.offset + 1);
            assert_eq!(model.unsettled(), 0);
        }
        let report = model.finish();
        (report, model.ids_kept())
    }
}

fn event() -> EventId {
    EventId::new("cup-final").expect("a name")
}

fn buyer(name: &str) -> BuyerId {
    BuyerId::new(name).expect("a name")
}

/// An id made at a time, told apart by a number.
fn id(made: At, number: u64) -> RequestId {
    let time = u128::try_from(made.0).expect("after 1970") << 80;
    RequestId(Uuid::from_u128(time | (7 << 76) | (2 << 62) | u128::from(number)))
}

fn seat(name: &str) -> Line {
    Line::Seat { name: name.into(), tier: None }
}

fn places(section: &str, tier: Option<&str>, count: u32) -> Line {
    Line::Places { section: section.into(), tier: tier.map(Into::into), count }
}

fn claim(name: &str, lines: Vec<Line>) -> Body {
    Body::Claim(Claim {
        buyer: buyer(name),
        lines,
        expected_price: None,
        staff_override: false,
        accessible: false,
    })
}

/// Ten numbered seats in two rows and six places to stand.
fn definition(hold_time: Millis) -> Definition {
    let row = |name: &str, seats: &str| Row {
        name: name.into(),
        seats: seats.into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    };
    let tier =
        |name: &str, price, seats_per_buyer| Tier { name: name.into(), price, seats_per_buyer };
    let section = |name: &str, tiers: &[&str], places| Section {
        name: name.into(),
        rank: 0,
        tiers: tiers.iter().map(|&tier| tier.into()).collect(),
        places,
    };
    let rows = vec![row("1", "1-3 | 4 5"), row("2", "5-1")];
    Definition {
        event: event(),
        hold_time,
        max_wait: Millis(30_000),
        extend_max: Millis(15_000),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits {
            seats_per_request: Some(6),
            seats_per_buyer: Some(6),
            live_holds_per_buyer: Some(2),
        },
        tiers: vec![
            tier("sit", 5_000, None),
            tier("stand", 2_000, None),
            tier("child", 900, Some(1)),
        ],
        sections: vec![
            section("A", &["sit"], Places::Rows(rows)),
            section("G", &["stand", "child"], Places::General(6)),
        ],
    }
}

#[test]
fn nothing_that_decides_is_shared() {
    let banned = ["decide", "change", "event", "layout::Layout", "free_set"];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        read += 1;
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let grouped = line.contains("domain::{") || line.contains("domain::*");
            let shares = banned.iter().any(|name| line.contains(&format!("domain::{name}")));
            let calls = ["RowPlan", "EventState", "Layout::", "Request::check", "needs_signature"];
            let calls = calls.iter().any(|name| line.contains(name));
            assert!(!grouped && !shares && !calls, "{}: {line}", path.display());
        }
    }
    assert!(read >= 9, "the test looks at the wrong folder");
}

#[test]
fn a_report_adds_up_over_partitions() {
    let (clean, _) = planted::sale().audit();
    let mut all = Report::default();
    all.merge(clean.clone());
    all.merge(clean.clone());
    assert_eq!((all.requests, all.seats_total), (2 * clean.requests, 2 * clean.seats_total));
    assert!(all.is_clean());
    let mut broken = planted::sale();
    broken.outcomes.pop();
    all.merge(broken.audit().0);
    assert_eq!((all.lost, all.findings[0].check), (1, Check::Lost));
    assert!(all.to_string().contains("lost: partition 3, offset 51"), "{all}");

    let lost = all.findings[0].clone();
    let lower = Finding { partition: Partition(1), offset: 90, ..lost.clone() };
    let unreadable = Finding { check: Check::Unreadable, offset: 2, ..lower.clone() };
    for finding in [unreadable, lower.clone(), lost] {
        let mut other = Report::default();
        other.add(finding);
        all.merge(other);
    }
    assert_eq!(all.first_divergence, Some(lower), "by partition, then by request");
}
