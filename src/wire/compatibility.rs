//! Whether two versions of a schema may live side by side: each can read what the other wrote, and
//! takes it to mean the same.
//!
//! The Avro library answers the first half. It looks at what the canonical form has, so that it
//! lets milliseconds become microseconds and an enum lose its default (K11); the second half is
//! compared here, place by place: logical type, enum default, field default, and the units named in
//! docs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use serde_json::Value;

use super::registry::{Record, Registry};
use crate::domain::refusal::Code;

/// What a place in a schema means beyond its shape.
type Meaning = BTreeMap<&'static str, String>;

/// Words that say a unit.
const UNITS: &[&str] = &[
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "minor",
    "major",
    "byte",
    "kib",
    "mib",
    "percent",
    "utc",
];

/// All reasons why the two may not be versions of one record; none when they may.
fn problems(old: &str, new: &str) -> Vec<String> {
    let [old_json, new_json] = [old, new].map(|text| serde_json::from_str::<Value>(text).unwrap());
    let [old, new] = [old, new].map(|text| Schema::parse_str(text).unwrap());
    let mut problems = vec![];
    if old_json.is_array() || new_json.is_array() {
        problems.push("a union on the wire: an old reader cannot resolve a new branch".to_owned());
    }
    match SchemaCompatibility::mutual_read(&old, &new) {
        Ok(Compatibility::Full) => {}
        Ok(Compatibility::Partial) => problems.push("some values cannot be resolved".to_owned()),
        Err(error) => problems.push(error.to_string()),
    }
    let (old, new) = (meanings(&old_json), meanings(&new_json));
    for (place, before) in &old {
        match new.get(place) {
            Some(after) if after != before => {
                problems.push(format!("{place} meant {before:?} and means {after:?}"));
            }
            Some(_) | None => {}
        }
    }
    problems
}

fn meanings(schema: &Value) -> BTreeMap<String, Meaning> {
    let mut found = BTreeMap::new();
    collect(schema, String::new(), &mut found);
    found
}

fn collect(schema: &Value, place: String, found: &mut BTreeMap<String, Meaning>) {
    match schema {
        Value::Array(branches) => {
            for branch in branches {
                let name = branch.get("name").or(branch.get("type")).unwrap_or(branch);
                collect(branch, format!("{place}|{}", name.as_str().unwrap()), found);
            }
        }
        Value::Object(object) => {
            let mut meaning = Meaning::new();
            for key in ["logicalType", "precision", "scale", "default"] {
                if let Some(value) = object.get(key) {
                    meaning.insert(key, value.to_string());
                }
            }
            meaning.insert("units", units(schema));
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                collect(field, format!("{place}.{}", field["name"].as_str().unwrap()), found);
            }
            for nested in ["items", "values", "type"] {
                if let Some(inner) = object.get(nested).filter(|inner| !inner.is_string()) {
                    collect(inner, format!("{place}/{nested}"), found);
                }
            }
            found.insert(place, meaning);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn units(schema: &Value) -> String {
    let doc = schema.get("doc").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let words = doc.split(|letter: char| !letter.is_alphanumeric());
    let units: BTreeSet<&str> = words
        .map(|word| word.strip_suffix('s').unwrap_or(word))
        .filter(|word| UNITS.contains(word))
        .collect();
    format!("{units:?}")
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

#[test]
fn every_version_can_read_every_other_and_means_the_same() {
    for &record in Record::ALL {
        let versions = record.history();
        for (older, old) in versions.iter().enumerate() {
            for (newer, new) in versions.iter().enumerate().skip(older) {
                let found = problems(old, new);
                let name = record.name();
                assert!(found.is_empty(), "{name} {} and {}: {found:#?}", older + 1, newer + 1);
            }
        }
    }
}

#[test]
fn the_current_schema_is_the_newest_of_its_history_and_all_files_are_built_in() {
    for &record in Record::ALL {
        let current = std::fs::read_to_string(schemas().join(format!("{}.avsc", record.name())));
        let newest = record.history().last().copied();
        assert_eq!(current.ok().as_deref(), newest, "{}: land the next version", record.name());
        let versions = std::fs::read_dir(schemas().join("history").join(record.name())).unwrap();
        assert_eq!(
            versions.count(),
            record.history().len(),
            "{}: name it in registry.rs",
            record.name()
        );
    }
    let entries = std::fs::read_dir(schemas()).unwrap().map(|entry| entry.unwrap().file_name());
    let files = entries.filter(|name| name.to_string_lossy().ends_with(".avsc")).count();
    assert_eq!(files, Record::ALL.len());
}

#[test]
fn every_record_and_field_is_documented() {
    fn check(schema: &Value, place: &str) {
        if let Some(name) = schema.get("name").and_then(Value::as_str) {
            let doc = schema.get("doc").and_then(Value::as_str).unwrap_or_default();
            assert!(doc.ends_with('.'), "{place}/{name} has no sentence of documentation");
            let is_time = schema["type"].to_string().starts_with(r#"{"logicalType":"timestamp"#)
                || schema["type"][1]["logicalType"].is_string();
            if name.ends_with("_ms") || is_time {
                assert!(doc.contains("milliseconds"), "{place}/{name} does not name its unit");
            }
        }
        match schema {
            Value::Array(items) => items.iter().for_each(|item| check(item, place)),
            Value::Object(object) => {
                let nested = ["fields", "type", "items"].iter().filter_map(|key| object.get(*key));
                nested.for_each(|inner| check(inner, place));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for &record in Record::ALL {
        for text in record.history() {
            check(&serde_json::from_str(text).unwrap(), record.name());
        }
    }
}

#[test]
fn every_refusal_code_is_in_the_schema() {
    let text = Record::Refused.history().last().unwrap();
    let retryable: Vec<String> = Code::ALL
        .iter()
        .filter(|code| code.is_retryable())
        .map(|code| code.number().to_string())
        .collect();
    assert!(text.contains(&format!("Retryable with a new id: {}.", retryable.join(", "))));
    for code in Code::ALL {
        assert!(
            text.contains(&format!("{} {code}", code.number())),
            "{code} is not in Refused.avsc"
        );
    }
}

const MILLIS: &str = r#"{ "type": "record", "name": "R", "fields": [
    { "name": "deadline", "type": { "type": "long", "logicalType": "timestamp-millis" } } ] }"#;
const MICROS: &str = r#"{ "type": "record", "name": "R", "fields": [
    { "name": "deadline", "type": { "type": "long", "logicalType": "timestamp-micros" } } ] }"#;

/// The check is worth what it refuses.
#[test]
fn incompatible_changes_are_refused() {
    let fields =
        |fields: &str| format!(r#"{{ "type": "record", "name": "R", "fields": [{fields}] }}"#);
    let a = r#"{ "name": "a", "type": "long", "doc": "In milliseconds." }"#;
    let other_unit = r#"{ "name": "a", "type": "long", "doc": "In seconds." }"#;
    let narrower = r#"{ "name": "a", "type": "int", "doc": "In milliseconds." }"#;
    let no_default = r#"{ "name": "b", "type": "long" }"#;
    let nullable = r#"{ "name": "b", "type": ["null", "long"], "default": null }"#;
    let branch = r#"{ "name": "b", "type": ["null", "long", "string"], "default": null }"#;
    let one = r#"{ "name": "b", "type": "long", "default": 1 }"#;
    let two = r#"{ "name": "b", "type": "long", "default": 2 }"#;
    let with = r#"{ "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["X", "Y"], "default": "X" } }"#;
    let without =
        r#"{ "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["X", "Y"] } }"#;
    let grown =
        r#"{ "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["X", "Y", "Z"] } }"#;
    let refused = [
        ("milliseconds become microseconds", MILLIS.into(), MICROS.into()),
        ("a unit in words changes", fields(a), fields(other_unit)),
        ("a type becomes narrower", fields(a), fields(narrower)),
        ("a field without default is added", fields(a), fields(&[a, no_default].join(","))),
        ("a branch is added", fields(nullable), fields(branch)),
        ("a default changes", fields(one), fields(two)),
        ("an enum loses its default", fields(with), fields(without)),
        ("an enum grows", fields(without), fields(grown)),
        ("a record joins a union", format!("[{MILLIS}]"), format!("[{MILLIS}, \"string\"]")),
    ];
    for (what, old, new) in refused {
        assert!(!problems(&old, &new).is_empty(), "{what}, unnoticed");
        assert!(!problems(&new, &old).is_empty(), "{what}, the other way, unnoticed");
    }
    let grows = fields(&[a, nullable].join(","));
    assert_eq!(problems(&fields(a), &grows), Vec::<String>::new());
    assert_eq!(problems(&grows, &fields(a)), Vec::<String>::new());
}

#[test]
fn one_fingerprint_has_one_text() {
    let mut registry = Registry::empty();
    let first = registry.insert(Record::Held, MILLIS).map(|(fingerprint, _)| fingerprint);
    let again = registry.insert(Record::Held, MILLIS).map(|(fingerprint, _)| fingerprint);
    assert_eq!(first.unwrap(), again.unwrap());
    let collision = registry.insert(Record::Held, MICROS).err().unwrap();
    assert!(collision.to_string().starts_with("two texts of Held have the fingerprint"));
}
