//! `holdfast deadletters`: what could not be decided on, and how to put it back.
//!
//! A dead letter is named by the place of its request, as everywhere else, not by its own place on
//! the topic of dead letters: every request has one answer, so that names it. To find it, its
//! partition of that topic is read from the beginning; it is short, or there are other worries.
//!
//! Putting back restores the very bytes, key and headers, so that a signature is worth what it was
//! worth; the partition is that of the key and never that of the source, whose producer may have
//! been the one to choose it wrongly (K24). What could only become a dead letter again is refused
//! here.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::put;
use super::failure::Failure;
use super::output::{Output, table};
use super::{Ending, arguments, render};
use crate::app::Backend;
use crate::config::Config;
use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::DEAD_LETTER_ATTEMPTS_MAX;
use crate::domain::time::At;
use crate::ports::clock;
use crate::ports::log::{Header, Log, LogRecord, Reader, Start, Topic};
use crate::wire::dead_letter::{self, DeadLetter, Reason};

/// Bytes on one line of a value that is no text.
const BYTES_PER_LINE: usize = 32;

/// List, show and put back what could not be decided on
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print the dead letters there are, by the place of their requests
    #[command(after_help = "Examples:\n  \
                            holdfast deadletters list\n  \
                            holdfast deadletters list --partition 3 --json \
                            | jq 'select(.reason == \"unknown-schema\")'")]
    List {
        /// Only this partition
        #[arg(long, value_name = "N")]
        partition: Option<i32>,
    },
    /// Print all that is kept of a request: key, headers, value, and why it could not be decided on
    #[command(after_help = "Example:\n  holdfast deadletters show 3 1017")]
    Show(Place),
    /// Put a request back on its topic, byte for byte, and wait for its answer
    ///
    /// For requests of a newer schema, once the owners have been upgraded, and for those that a
    /// mended bug could not read. What they ask is judged as of now: a claim that is older than the
    /// id window is refused. A request that failed twice is put back with --again only. What has
    /// only a part in its dead letter, or no event id as its key, cannot be put back: the app that
    /// sent it must send it again.
    #[command(after_help = "Example:\n  holdfast deadletters requeue 3 1017 --yes")]
    Requeue {
        #[command(flatten)]
        place: Place,
        /// Even though it has failed again after it was put back
        #[arg(long)]
        again: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// How long to wait for the answer
        #[arg(long, default_value = arguments::PATIENCE, value_parser = arguments::length)]
        timeout: Duration,
    },
}

/// Where a request lies.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Place {
    /// Partition of the request
    partition: i32,
    /// Offset of the request
    offset: i64,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    let log = &*Backend::open(config)?.log;
    match verb {
        Verb::List { partition } => list(log, *partition, output),
        Verb::Show(place) => {
            let letter = find(log, *place, output)?;
            output.data(text(&letter), &object(&letter))?;
            Ok(Ending::Done)
        }
        Verb::Requeue { place, again, yes, timeout } => {
            let letter = find(log, *place, output)?;
            let (event, value) = to_requeue(&letter, *again).map_err(Failure::absent)?;
            let name = format!("{}, {}", letter.reason.name(), letter.detail);
            output.consent(*yes, format_args!("Put back a request to {event} ({name})?"))?;
            let headers = letter.headers_to_requeue();
            render::answer(&put(log, event.as_str().as_bytes(), value, &headers, *timeout)?, output)
        }
    }
}

fn list(log: &dyn Log, only: Option<i32>, output: Output) -> Result<Ending, Failure> {
    let partitions = match only {
        Some(partition) => vec![declared(log, partition)?],
        None => log.all_partitions(),
    };
    let now = clock::now();
    let head = ["partition", "offset", "key", "reason", "attempt", "age"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    let mut reader = log.reader()?;
    let mut printed = Ok(());
    for partition in partitions {
        read(&mut *reader, partition, output, |letter| {
            // JSON goes out as it is read: the values of many letters would be too much to keep.
            if !output.json {
                rows.push(row(&letter, now));
            } else if printed.is_ok() {
                printed = output.data("", &object(&letter));
            }
        })?;
    }
    printed?;
    if !output.json && rows.len() > 1 {
        output.data(table(&rows), &Value::Null)?;
    } else if !output.json {
        output.words("there are none");
    }
    Ok(Ending::Done)
}

/// The dead letter of the request that lies there; the last, should there be several.
fn find(log: &dyn Log, place: Place, output: Output) -> Result<DeadLetter, Failure> {
    let partition = declared(log, place.partition)?;
    let mut found = None;
    read(&mut *log.reader()?, partition, output, |letter| {
        if (letter.partition, letter.offset) == (partition, place.offset) {
            found = Some(letter);
        }
    })?;
    found.ok_or_else(|| {
        Failure::absent(format!(
            "no dead letter is about the request at partition {partition}, offset {}: see \
             `holdfast deadletters list`; they are kept for the audit period",
            place.offset
        ))
    })
}

fn declared(log: &dyn Log, partition: i32) -> Result<Partition, Failure> {
    if (0..log.partitions()).contains(&partition) {
        return Ok(Partition(partition));
    }
    let last = log.partitions() - 1;
    Err(Failure::usage(format!("there is no partition {partition}: they go from 0 to {last}")))
}

/// Hands all dead letters of a partition over, in order. One that cannot be read is told of and
/// passed over: it must not hide the others.
fn read(
    reader: &mut dyn Reader,
    partition: Partition,
    output: Output,
    mut each: impl FnMut(DeadLetter),
) -> Result<(), Failure> {
    let mut take = |record: LogRecord| match dead_letter::decode(
        record.value.as_deref().unwrap_or_default(),
    ) {
        Ok(letter) => each(letter),
        Err(error) => output.words(format_args!(
            "the dead letter at {} of partition {partition} cannot be read: {error}",
            record.offset
        )),
    };
    reader.read_to_end((Topic::DeadLetters, partition, Start::Beginning), &mut take)?;
    Ok(())
}

/// The event and value of the record to put back; else why it is not put back, and what to do.
fn to_requeue(letter: &DeadLetter, again: bool) -> Result<(EventId, Option<&[u8]>), String> {
    if letter.cut {
        let kept = letter.value.as_ref().map_or(0, Vec::len);
        return Err(format!(
            "the dead letter does not keep all of the request ({kept} of {} bytes, and what fits of \
             its key and headers): the app that sent it must send it again",
            letter.value_length
        ));
    }
    let event = letter.key.as_deref().and_then(|key| EventId::new(str::from_utf8(key).ok()?).ok());
    let Some(event) = event.filter(|_| letter.reason != Reason::Keyless) else {
        return Err("the key of the request is no event id, so it can only become a dead letter \
                    again: the app that sent it must send it with the event's id as its key"
            .into());
    };
    if letter.attempt >= DEAD_LETTER_ATTEMPTS_MAX && !again {
        return Err(format!(
            "the request has failed {} times, with {} at last: it is put back once more only with \
             --again",
            letter.attempt,
            letter.reason.name()
        ));
    }
    Ok((event, letter.value.as_deref()))
}

fn row(letter: &DeadLetter, now: At) -> Vec<String> {
    let seconds = now.since(letter.appended).0.max(0).unsigned_abs() / 1_000;
    vec![
        letter.partition.to_string(),
        letter.offset.to_string(),
        shown(letter.key.as_deref()),
        letter.reason.name().to_owned(),
        letter.attempt.to_string(),
        humantime::format_duration(Duration::from_secs(seconds)).to_string(),
    ]
}

/// Bytes as people read them: a text in quotes, what is none in hex. Null and empty differ.
fn shown(bytes: Option<&[u8]>) -> String {
    match bytes.map(|bytes| (readable(bytes), bytes)) {
        None => "null".into(),
        Some((Some(text), _)) => format!("{text:?}"),
        Some((None, bytes)) => format!("hex {}", hex(bytes)),
    }
}

fn readable(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(letter: &DeadLetter) -> String {
    let kept = if letter.cut { "a part: it cannot be put back" } else { "all of it" };
    let mut rows = vec![
        ("reason", letter.reason.name().to_owned()),
        ("detail", letter.detail.clone()),
        ("partition", letter.partition.to_string()),
        ("offset", letter.offset.to_string()),
        ("appended", render::time(letter.appended)),
        ("attempt", letter.attempt.to_string()),
    ];
    if let Some(origin) = letter.origin() {
        rows.push(("first lay at", String::from_utf8_lossy(origin).into_owned()));
    }
    rows.push(("key", shown(letter.key.as_deref())));
    for (name, value) in &letter.headers {
        rows.push(("header", format!("{name} = {}", shown(value.as_deref()))));
    }
    rows.push(("value bytes", letter.value_length.to_string()));
    rows.push(("value sha-256", hex(&letter.value_sha256)));
    rows.push(("kept", kept.to_owned()));
    match letter.value.as_deref() {
        Some(value) if readable(value).is_none() => {
            for (index, line) in value.chunks(BYTES_PER_LINE).enumerate() {
                let name = if index == 0 { "value in hex" } else { "" };
                rows.push((name, hex(line)));
            }
        }
        value => rows.push(("value", shown(value))),
    }
    let cells = |(name, value): (&str, String)| vec![name.to_owned(), value];
    table(&rows.into_iter().map(cells).collect::<Vec<_>>())
}

fn object(letter: &DeadLetter) -> Value {
    let header =
        |(name, value): &Header| json!({ "name": name, "value": bytes_object(value.as_deref()) });
    json!({
        "reason": letter.reason.name(),
        "detail": letter.detail,
        "partition": letter.partition.0,
        "offset": letter.offset,
        "appended_ms": letter.appended.0,
        "attempt": letter.attempt,
        "origin": letter.origin().map(String::from_utf8_lossy),
        "key": bytes_object(letter.key.as_deref()),
        "headers": letter.headers.iter().map(header).collect::<Vec<_>>(),
        "value": bytes_object(letter.value.as_deref()),
        "value_length": letter.value_length,
        "value_sha256": hex(&letter.value_sha256),
        "cut": letter.cut,
    })
}

/// `null`, `{"text": ...}`, or `{"hex": ...}` for what is no text.
fn bytes_object(bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    match readable(bytes) {
        Some(text) => json!({ "text": text }),
        None => json!({ "hex": hex(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::arrival::{Arrival, Content};
    use crate::ports::log::{RawRecord, Seal};
    use crate::seal::{Key, Keys};

    const REQUESTS: &str = "booking.requests";

    fn record(value: Option<&[u8]>) -> RawRecord {
        RawRecord {
            partition: 0,
            offset: 41,
            appended: At(1_700_000_000_000),
            key: Some(b"hamlet".to_vec()),
            value: value.map(<[u8]>::to_vec),
            headers: vec![("trace".into(), None), ("empty".into(), Some(vec![]))],
            epoch: 1,
        }
    }

    /// The dead letter an owner makes of a record, as its readers have it.
    fn letter_of(record: &RawRecord, seal: Seal) -> DeadLetter {
        match Arrival::read(record, seal, 1).content {
            Content::Dead(letter) => dead_letter::decode(&letter.value).unwrap(),
            Content::Request(request, _) => panic!("{request:?} is no dead letter"),
        }
    }

    /// The record as it is put back, a hundred offsets on.
    fn put_back(letter: &DeadLetter) -> RawRecord {
        let (event, value) = to_requeue(letter, true).unwrap();
        RawRecord {
            offset: letter.offset + 100,
            key: Some(event.as_str().into()),
            value: value.map(<[u8]>::to_vec),
            headers: letter.headers_to_requeue(),
            ..record(None)
        }
    }

    #[test]
    fn a_signed_record_put_back_is_signed_still_and_counts_its_attempts() {
        let signing = Key { id: "k1".into(), secret: vec![7; 32] };
        let keys = Keys { deployment: "house".into(), signing, also: vec![] };
        let mut first = record(Some(b"\xc3\x01no such schema"));
        first.headers.push(keys.sign(REQUESTS, b"hamlet", first.value.as_deref().unwrap()));
        let letter = letter_of(&first, keys.check(REQUESTS, &first));
        assert_eq!((letter.reason, letter.attempt), (Reason::UnknownSchema, 1));

        let second = put_back(&letter);
        assert_eq!((&second.key, &second.value), (&first.key, &first.value));
        assert_eq!(second.headers[..3], first.headers[..]);
        assert_eq!(keys.check(REQUESTS, &second), Seal::Valid);
        let letter = letter_of(&second, Seal::Valid);
        assert_eq!((letter.attempt, letter.offset, letter.origin()), (2, 141, Some(&b"0/41"[..])));

        let stuck = to_requeue(&letter, false).unwrap_err();
        assert!(stuck.contains("failed 2 times") && stuck.contains("--again"), "{stuck}");
        assert_eq!(letter_of(&put_back(&letter), Seal::Valid).attempt, 3);
    }

    #[test]
    fn what_can_only_fail_again_is_not_put_back() {
        let why = |record: &RawRecord| to_requeue(&letter_of(record, Seal::Absent), true).err();
        assert_eq!(why(&record(Some(b""))), None, "an empty value is whole");
        assert_eq!(why(&record(None)), None, "and so is null");
        let cut = why(&record(Some(&[0; 100_000]))).unwrap();
        assert!(cut.contains("65536 of 100000 bytes") && cut.contains("send it again"), "{cut}");
        for key in [None, Some(vec![]), Some(b"a b".to_vec()), Some(vec![0xff])] {
            let keyless = why(&RawRecord { key, ..record(Some(b"x")) }).unwrap();
            assert!(keyless.contains("no event id"), "{keyless}");
        }
    }

    #[test]
    fn null_and_empty_text_and_bytes_are_told_apart() {
        let texts = [None, Some(&b""[..]), Some(b"hamlet"), Some(b"\xc3\x01")].map(shown);
        assert_eq!(texts, ["null", "\"\"", "\"hamlet\"", "hex c301"]);
        let letter = letter_of(&record(Some(&[0xc3; 40])), Seal::Absent);
        let text = text(&letter);
        assert!(
            text.contains("header         trace = null\nheader         empty = \"\""),
            "{text}"
        );
        assert!(
            text.ends_with(&format!(
                "value in hex   {}\n               {}",
                "c3".repeat(32),
                "c3".repeat(8)
            )),
            "{text}"
        );
        let object = object(&letter);
        assert_eq!(object["key"]["text"], "hamlet");
        assert_eq!(object["headers"][0]["value"], Value::Null);
        assert_eq!(object["value"]["hex"], "c3".repeat(40));
        assert_eq!(
            row(&letter, At(1_700_000_061_500))[2..],
            ["\"hamlet\"", "undecodable", "1", "1m 1s"]
        );
    }
}
