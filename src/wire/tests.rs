//! What holds for all records: they read back, are what their schemas say, keep the bytes they had
//! in older versions, and take nothing hostile.

use std::fmt::Debug;
use std::path::Path;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use super::examples::{self, Example};
use super::registry::{REGISTRY, Record, begin, resolve};
use super::{
    DecodeError, catalog, dead_letter, digest, inventory, outbox, outcome, request, term, venue,
};
use crate::domain::ids::Digest;
use crate::ports::log::Topic;

/// Bytes of the frame.
const FRAME: usize = 10;

fn all_read_back<T: Debug + PartialEq>(
    examples: Vec<T>,
    encode: impl Fn(&T) -> Vec<u8>,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) {
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(decode(&encode(&example)).as_ref(), Ok(&example));
    }
}

#[test]
fn every_record_reads_back() {
    all_read_back(examples::requests(), request::encode, request::decode);
    all_read_back(
        examples::outcomes(),
        |outcome| outcome::encode(outcome).value,
        |value| outcome::decode(value).map(|outcome| outcome.expect("a known kind")),
    );
    all_read_back(examples::catalogs(), |c| catalog::encode(c).value, catalog::decode);
    all_read_back(examples::inventories(), |i| inventory::encode(i).value, inventory::decode);
    all_read_back(examples::terms(), |t| term::encode(t).value, term::decode);
    all_read_back(examples::dead_letters(), |d| dead_letter::encode(d).value, dead_letter::decode);
    all_read_back(examples::outboxes(), |e| outbox::encode(e.iter()), outbox::decode);
    all_read_back(examples::venues(), venue::encode, venue::decode);
}

#[test]
fn records_go_to_their_topics_under_their_keys() {
    for outcome in examples::outcomes() {
        let record = outcome::encode(&outcome);
        assert_eq!(record.key.as_deref(), Some(outcome.header.event.as_str().as_bytes()));
        assert!(Topic::OUTCOMES.contains(&record.topic));
    }
    let term = term::encode(&examples::terms()[0]);
    assert_eq!((term.topic, term.key), (Topic::Terms, Some(b"12".to_vec())));
    let letters = examples::dead_letters();
    assert_eq!(dead_letter::encode(&letters[1]).key, None);
    assert_eq!(dead_letter::encode(&letters[2]).key, Some(vec![]));
}

/// The datum of a current value as the Avro library sees it.
fn value_of(record: Record, bytes: &[u8]) -> Value {
    let (fingerprint, schema) = REGISTRY.current(record);
    assert_eq!(bytes[..2], [0xc3, 0x01]);
    assert_eq!(bytes[2..FRAME], fingerprint.to_le_bytes());
    let mut datum = &bytes[FRAME..];
    let reader = GenericDatumReader::builder(schema).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty(), "{} has bytes the schema does not know", record.name());
    value
}

fn framed(record: Record, value: Value) -> Vec<u8> {
    let (_, schema) = REGISTRY.current(record);
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    let mut bytes = begin(record, 0).into_bytes();
    bytes.extend(writer.write_value_to_vec(value).unwrap());
    bytes
}

#[test]
fn bytes_are_what_the_schema_says() {
    let examples = examples::all();
    for &record in Record::ALL {
        assert!(examples.iter().any(|example| example.record == record), "{record:?}");
    }
    for Example { record, bytes, again } in examples {
        assert_eq!(framed(record, value_of(record, &bytes)), bytes, "{}", record.name());
        assert_eq!(again(&bytes), Ok(Some(bytes)), "{}", record.name());
    }
}

/// `UPDATE_GOLDEN=1` writes the bytes of the newest versions; those of older ones stay for ever.
#[test]
fn golden_bytes_are_written_and_read_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/golden");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let examples = examples::all();
    for &record in Record::ALL {
        let golden = examples.iter().find(|example| example.record == record).unwrap();
        let file = |version: usize| folder.join(record.name()).join(format!("{version}.bin"));
        let newest = record.history().len();
        if update {
            std::fs::create_dir_all(folder.join(record.name())).unwrap();
            std::fs::write(file(newest), &golden.bytes).unwrap();
        }
        for version in 1..=newest {
            let bytes = std::fs::read(file(version)).unwrap();
            let name = record.name();
            assert_eq!((golden.again)(&bytes), Ok(Some(golden.bytes.clone())), "{name} {version}");
            assert!(version < newest || bytes == golden.bytes, "{name} {version} is written anew");
        }
    }
}

#[test]
fn what_is_cut_short_or_too_long_is_refused() {
    for Example { record, bytes, again } in examples::all() {
        for length in 0..bytes.len() {
            assert!(again(&bytes[..length]).is_err(), "{} cut to {length}", record.name());
        }
        let longer = [bytes, vec![0]].concat();
        assert!(matches!(again(&longer), Err(DecodeError::Malformed(_))), "{}", record.name());
    }
    for entries in examples::outboxes() {
        let row = outbox::encode(entries.iter());
        for length in 0..row.len() {
            assert!(outbox::decode(&row[..length]).is_err(), "an outbox cut to {length}");
        }
    }
}

/// That nothing panics is the point; what a flipped bit makes of a name is nobody's business.
#[test]
fn no_bit_flipped_and_no_length_claimed_is_a_panic() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for Example { bytes, again, .. } in examples::all() {
        for position in 0..bytes.len() {
            for mask in [0x01, 0x02, 0x40, 0x80, 0xff] {
                let mut hostile = bytes.clone();
                hostile[position] ^= mask;
                let _ = again(&hostile);
            }
            if position >= FRAME {
                let _ = again(&[&bytes[..position], &huge, &bytes[position..]].concat());
            }
        }
    }
    for entries in examples::outboxes() {
        let row = outbox::encode(entries.iter());
        for position in 0..row.len() {
            for mask in [0x01, 0x40, 0x80, 0xff] {
                let mut hostile = row.clone();
                hostile[position] ^= mask;
                let _ = outbox::decode(&hostile);
            }
        }
    }
}

#[test]
fn an_outbox_is_not_inflated_beyond_its_bound() {
    let mut bomb = lz4_flex::block::compress(&vec![0; 64 * 1024 * 1024]);
    let length = u32::try_from(64 * 1024 * 1024).unwrap();
    bomb.splice(0..0, length.to_le_bytes());
    assert!(matches!(outbox::decode(&bomb), Err(DecodeError::Malformed(_))));
    bomb[..4].copy_from_slice(&1_024u32.to_le_bytes());
    assert!(matches!(outbox::decode(&bomb), Err(DecodeError::Malformed(_))));
}

#[test]
fn a_record_in_the_wrong_place_is_of_an_unknown_schema() {
    let (held, _) = REGISTRY.current(Record::Held);
    let (claim, _) = REGISTRY.current(Record::Claim);
    let outcome = outcome::encode(&examples::outcomes()[0]).value;
    let request = examples::all().into_iter().find(|e| e.record == Record::Claim).unwrap().bytes;
    assert_eq!(request::decode(&outcome), Err(DecodeError::UnknownSchema(held)));
    assert_eq!(outcome::decode(&request), Err(DecodeError::UnknownSchema(claim)));
    assert_eq!(term::decode(&request), Err(DecodeError::UnknownSchema(claim)));
    let strange = [0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    assert_eq!(request::decode(&strange), Err(DecodeError::UnknownSchema(0x0807_0605_0403_0201)));
    assert!(matches!(request::decode(b"{\"event\": 1}"), Err(DecodeError::Malformed(_))));
    assert!(matches!(request::decode(b""), Err(DecodeError::Malformed(_))));
}

/// An example with a field of its record, or of the first item of a list in it, set to something
/// else.
fn with(record: Record, path: &[&str], new: Value) -> Vec<u8> {
    fn set(value: &mut Value, path: &[&str], new: Value) {
        if path.is_empty() {
            *value = new;
        } else if let Value::Array(items) = value {
            set(&mut items[0], path, new);
        } else if let Value::Record(fields) = value {
            let field = fields.iter_mut().find(|(name, _)| name == path[0]).unwrap();
            set(&mut field.1, &path[1..], new);
        }
    }
    let example = examples::all().into_iter().find(|e| e.record == record).unwrap();
    let mut value = value_of(record, &example.bytes);
    set(&mut value, path, new);
    framed(record, value)
}

#[test]
fn what_breaks_the_alphabet_is_malformed_and_named() {
    let text = |text: &str| Value::String(text.into());
    let cases = [
        (Record::Claim, &["event"][..], text("a b"), "event has a character other than"),
        (Record::Claim, &["buyer"], text(""), "buyer is empty"),
        (Record::Confirm, &["reference"], text(&"x".repeat(65)), "reference is longer than"),
        (Record::Expire, &["event"], text("a/b"), "event has a character"),
        (Record::Define, &["definition", "event"], text(""), "definition.event is empty"),
        (
            Record::Claim,
            &["lines", "section"],
            Value::Union(1, Box::new(text("floor"))),
            "line is neither",
        ),
    ];
    for (record, path, value, problem) in cases {
        match request::decode(&with(record, path, value)) {
            Err(DecodeError::Malformed(found)) => assert!(found.starts_with(problem), "{found}"),
            other => panic!("{problem}: {other:?}"),
        }
    }
}

#[test]
fn readers_skip_what_only_a_newer_writer_knows() {
    for (record, field) in [
        (Record::Held, "kind"),
        (Record::Booked, "kind"),
        (Record::Released, "kind"),
        (Record::Changed, "kind"),
        (Record::Refused, "kind"),
        (Record::Held, "role"),
        (Record::Released, "cause"),
        (Record::Refused, "code"),
    ] {
        for number in [99, -1, i32::MAX] {
            let bytes = with(record, &[field], Value::Int(number));
            assert_eq!(outcome::decode(&bytes), Ok(None), "{record:?} {field} {number}");
        }
    }
    let unknown =
        |field| DecodeError::Malformed(format!("{field} 99 is not known to this version"));
    let sale = catalog::decode(&with(Record::Catalog, &["sale_state"], Value::Int(99)));
    assert_eq!(sale, Err(unknown("sale_state")));
    let reason = dead_letter::decode(&with(Record::DeadLetter, &["reason"], Value::Int(99)));
    assert_eq!(reason, Err(unknown("reason")));
}

#[test]
fn an_older_version_is_brought_to_the_current_one() {
    let fields = |more: &str| {
        let text = format!(
            r#"{{ "type": "record", "name": "R", "fields": [
                {{ "name": "id", "type": {{ "type": "string", "logicalType": "uuid" }} }}{more},
                {{ "name": "note", "type": ["null", "string"], "default": null }} ] }}"#
        );
        Schema::parse_str(&text).unwrap()
    };
    let one = fields("");
    let two = fields(r#", { "name": "count", "type": "long", "default": 7 }"#);
    let id = "018f0000-0001-7000-8000-000000000001";
    let mut older = vec![72];
    older.extend(id.as_bytes());
    let newer = [&older[..], &[14, 0]].concat();
    older.push(0);
    assert_eq!(resolve(&one, &older, &two), Ok(newer.clone()));
    assert_eq!(resolve(&two, &newer, &one), Ok(older.clone()));
    for length in 0..older.len() {
        assert!(resolve(&one, &older[..length], &two).is_err(), "cut to {length}");
    }
    older.push(0);
    assert!(resolve(&one, &older, &two).is_err());
}

#[test]
fn an_array_may_come_in_blocks_with_their_sizes() {
    let all = examples::all();
    let example = all.iter().find(|e| e.record == Record::Released).unwrap();
    let one_block = [&[4, 20][..], b"north/A/11", &[16], b"floor/17", &[0]].concat();
    let blocks = [&[1, 22, 20][..], b"north/A/11", &[2, 16], b"floor/17", &[0]].concat();
    let at = example.bytes.windows(one_block.len()).position(|part| part == one_block).unwrap();
    let mut foreign = example.bytes.clone();
    foreign.splice(at..at + one_block.len(), blocks);
    assert_eq!((example.again)(&foreign), Ok(Some(example.bytes.clone())));
}

#[test]
fn a_digest_tells_keys_from_values_and_null_from_empty() {
    let digests = [
        digest(None, None),
        digest(Some(b""), None),
        digest(None, Some(b"")),
        digest(Some(b""), Some(b"")),
        digest(Some(b"a"), Some(b"bc")),
        digest(Some(b"ab"), Some(b"c")),
    ];
    for (index, one) in digests.iter().enumerate() {
        assert!(digests.iter().skip(index + 1).all(|other| other != one));
    }
    let known = 0x9c24_cba4_1046_858d_b9d0_b070_668a_5ea1u128;
    assert_eq!(digest(Some(b"cup-final:2027"), Some(b"value")), Digest(known.to_be_bytes()));
}
