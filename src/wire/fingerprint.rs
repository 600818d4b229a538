//! The fingerprint of a schema: CRC-64-AVRO over its parsing canonical form (Avro specification,
//! "Parsing Canonical Form for Schemas").
//!
//! The Avro library has both, and its canonical form is wrong: a primitive with a logical type
//! stays `{"type":"long"}` where the specification, Java and Python say `"long"`. Its fingerprints
//! of our records are nobody else's, so that every foreign producer's record would be of an unknown
//! schema.

use serde_json::{Map, Value};

const PRIMITIVES: [&str; 8] =
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
/// The fingerprint of nothing, and the polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// The fingerprint of a schema's text.
///
/// # Panics
/// When the text is no schema of the types our records are made of; enums and maps are not.
pub(super) fn of_schema(text: &str) -> u64 {
    let schema = serde_json::from_str(text).expect("a schema is JSON");
    crc64_avro(canonical(&schema, "").as_bytes())
}

fn crc64_avro(bytes: &[u8]) -> u64 {
    let step = |crc: u64, _| (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
    bytes.iter().fold(EMPTY, |crc, byte| (0..8).fold(crc ^ u64::from(*byte), step))
}

fn canonical(schema: &Value, namespace: &str) -> String {
    match schema {
        Value::String(name) if PRIMITIVES.contains(&name.as_str()) => format!("\"{name}\""),
        Value::String(name) => format!("\"{}\"", full_name(name, namespace)),
        Value::Array(branches) => format!("[{}]", list(branches, |one| canonical(one, namespace))),
        Value::Object(object) => match text(object, "type") {
            "record" | "fixed" => named(object, namespace),
            "array" => {
                format!(
                    "{{\"type\":\"array\",\"items\":{}}}",
                    canonical(&object["items"], namespace)
                )
            }
            name if PRIMITIVES.contains(&name) => format!("\"{name}\""),
            other => panic!("{other} is not among the types our records are made of"),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => panic!("{schema} is no schema"),
    }
}

fn named(object: &Map<String, Value>, namespace: &str) -> String {
    let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
    let (kind, name) = (text(object, "type"), full_name(text(object, "name"), namespace));
    let content = match object.get("fields").and_then(Value::as_array) {
        Some(fields) => format!("\"fields\":[{}]", list(fields, |one| field(one, namespace))),
        None => format!("\"size\":{}", object["size"]),
    };
    format!("{{\"name\":\"{name}\",\"type\":\"{kind}\",{content}}}")
}

fn field(field: &Value, namespace: &str) -> String {
    format!("{{\"name\":{},\"type\":{}}}", field["name"], canonical(&field["type"], namespace))
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list(items: &[Value], one: impl Fn(&Value) -> String) -> String {
    items.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with fastavro and, for the plain `"int"`, given by Avro's own tests.
    #[test]
    fn fingerprints_are_those_of_other_implementations() {
        assert_eq!(of_schema(r#""int""#), 0x7275_d51a_3f39_5c8f);
        let uuid = r#"{ "type": "string", "logicalType": "uuid" }"#;
        assert_eq!(of_schema(uuid), of_schema(r#""string""#));
        let held = include_str!("../../schemas/Held.avsc");
        assert_eq!(of_schema(held), 0x9877_e07f_cabf_9464);
    }

    #[test]
    fn the_canonical_form_keeps_what_parsing_needs() {
        let schema = r#"{ "type": "record", "name": "R", "namespace": "n", "doc": "x", "fields": [
            { "name": "a", "type": ["null", { "type": "long", "logicalType": "timestamp-millis" }],
              "default": null },
            { "name": "b", "type": { "type": "array", "items":
                { "name": "F", "type": "fixed", "doc": "x", "size": 16 } } },
            { "name": "c", "type": "F" } ] }"#;
        let canonical = canonical(&serde_json::from_str(schema).unwrap(), "");
        assert_eq!(
            canonical,
            r#"{"name":"n.R","type":"record","fields":[{"name":"a","type":["null","long"]},{"name":"b","type":{"type":"array","items":{"name":"n.F","type":"fixed","size":16}}},{"name":"c","type":"n.F"}]}"#
        );
    }
}
