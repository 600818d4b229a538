//! Every refusal code that a decision can give is expected by a line of some table.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::domain::refusal::Code;

/// Codes that no line can meet, and why.
const UNMET: &[(Code, &str)] = &[
    (Code::NotAuthorised, "signatures are judged before the event is known"),
    (Code::WrongPartition, "partitions are judged before the event is known"),
    (Code::NotAdmitted, "there is no waiting room yet"),
    (Code::PassExpired, "there is no waiting room yet"),
    (Code::PaymentInFlight, "there are no payments yet"),
];

#[test]
fn every_code_is_expected_by_a_table() {
    let tables = tables();
    let expected: BTreeSet<Code> = tables.lines().flat_map(codes).collect();
    let missing: Vec<Code> =
        Code::ALL.iter().filter(|code| !expected.contains(code)).copied().collect();
    let unmet: Vec<Code> = UNMET.iter().map(|(code, _)| *code).collect();
    assert_eq!(missing, unmet, "codes that no line expects, and those that none can");
}

#[test]
fn a_code_counts_where_it_is_the_outcome_of_a_line() {
    let one = vec![Code::SeatsTaken];
    assert_eq!(codes("0:01 b1 claim A/1/1 -> refused seats-taken A/1/1 rival=h1"), one);
    assert_eq!(codes("1:00 expire -> derived h1 expired A/1/1; refused seats-taken"), one);
    assert_eq!(codes("refused seats-taken"), []);
    assert_eq!(codes("0:01 b1 claim A/1/1 -> held h1 A/1/1@2000"), []);
}

/// The sources of all tables.
fn tables() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/decide");
    let entries = fs::read_dir(folder.join("tests")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.ends_with("codes.rs"));
    paths.push(folder.join("tests.rs"));
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The codes that a line of a table expects.
fn codes(line: &str) -> Vec<Code> {
    let outcomes = line.split_once("->").map_or("", |(_, outcomes)| outcomes);
    let refused = outcomes.split(';').filter_map(|text| text.trim().strip_prefix("refused "));
    let names = refused.filter_map(|text| text.split(' ').next());
    names.filter_map(|name| Code::ALL.iter().find(|code| code.name() == name)).copied().collect()
}
