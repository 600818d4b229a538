//! `DeadLetter`: the answer to a record that cannot be decided on, with what is needed to put it
//! back.
//!
//! It repeats at most [`DEAD_LETTER_VALUE_BYTES_MAX`] of the value and
//! [`DEAD_LETTER_EXTRA_BYTES_MAX`] of key and headers, so that it fits its topic whatever came in
//! (K5); length and SHA-256 are those of the whole value. What is not whole says so, and cannot be
//! put back from here (K24).

use sha2::{Digest as _, Sha256};

use super::DecodeError;
use super::binary::malformed;
use super::headers;
use super::registry::{Record, begin, open_as};
use crate::domain::ids::Partition;
use crate::domain::limits::{DEAD_LETTER_EXTRA_BYTES_MAX, DEAD_LETTER_VALUE_BYTES_MAX};
use crate::domain::time::At;
use crate::ports::log::{Header, OutRecord, RawRecord, Topic};

/// Names the header that says how often a record has come to the dead letters before. It is not
/// part of what is signed, so that a signed record that is put back is signed still.
pub const ATTEMPT_HEADER: &str = "holdfast-attempt";
/// Names the header that says where a record that was put back lay at first: `partition/offset`.
pub const ORIGIN_HEADER: &str = "holdfast-origin";
/// Bytes of the sentence that says what is wrong.
const DETAIL_BYTES_MAX: usize = 1_024;
/// Bytes a header costs beside its name and value: an empty one is not free.
const HEADER_BYTES: usize = 16;

/// Why a record cannot be decided on. Numbers are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Reason {
    /// Its bytes are not what their schema says.
    Undecodable = 0,
    /// Its schema is not known here; a later version may know it.
    UnknownSchema = 1,
    /// Its key is null, empty, or no event id.
    Keyless = 2,
    /// Its value is larger than a request may be.
    Oversized = 3,
    /// Its value is null.
    NullValue = 4,
}

impl Reason {
    /// The reason of a number on the wire.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Reason> {
        match number {
            0 => Some(Reason::Undecodable),
            1 => Some(Reason::UnknownSchema),
            2 => Some(Reason::Keyless),
            3 => Some(Reason::Oversized),
            4 => Some(Reason::NullValue),
            _ => None,
        }
    }

    /// Its name on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::UnknownSchema => "unknown-schema",
            Reason::Keyless => "keyless",
            Reason::Oversized => "oversized",
            Reason::NullValue => "null-value",
        }
    }
}

/// A record that cannot be decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Why.
    pub reason: Reason,
    /// What is wrong, in words.
    pub detail: String,
    /// Partition of the record.
    pub partition: Partition,
    /// Offset of the record.
    pub offset: i64,
    /// When the broker appended the record.
    pub appended: At,
    /// 1 for a record that came here first, one more each time it was put back and failed again.
    pub attempt: i32,
    /// Key of the record; null and empty differ.
    pub key: Option<Vec<u8>>,
    /// Headers of the record in order.
    pub headers: Vec<Header>,
    /// The first bytes of the value; null and empty differ.
    pub value: Option<Vec<u8>>,
    /// Length of the whole value, 0 for null.
    pub value_length: i64,
    /// SHA-256 of the whole value, of no bytes for null.
    pub value_sha256: [u8; 32],
    /// Whether key, headers or value are not whole, so that the record cannot be put back from
    /// here.
    pub cut: bool,
}

impl DeadLetter {
    /// The dead letter of a record.
    #[must_use]
    pub fn from_record(record: &RawRecord, reason: Reason, detail: &str) -> DeadLetter {
        let value = record.value.as_deref();
        let whole = value.unwrap_or_default();
        let key = record.key.as_deref().map(|key| head(key, DEAD_LETTER_EXTRA_BYTES_MAX));
        let left = DEAD_LETTER_EXTRA_BYTES_MAX - key.map_or(0, <[u8]>::len);
        let headers = headers_within(&record.headers, left);
        let letter = DeadLetter {
            reason,
            detail: detail[..detail.floor_char_boundary(DETAIL_BYTES_MAX)].to_owned(),
            partition: Partition(record.partition),
            offset: record.offset,
            appended: record.appended,
            attempt: attempt(&record.headers),
            cut: key != record.key.as_deref()
                || headers.len() < record.headers.len()
                || whole.len() > DEAD_LETTER_VALUE_BYTES_MAX,
            key: key.map(<[u8]>::to_vec),
            headers,
            value: value.map(|value| head(value, DEAD_LETTER_VALUE_BYTES_MAX).to_vec()),
            value_length: i64::try_from(whole.len()).expect("a record is smaller than 2^63 bytes"),
            value_sha256: Sha256::digest(whole).into(),
        };
        assert!(letter.attempt >= 1, "attempts are counted from one");
        letter
    }

    /// The headers to put the record back with: its own, and ours anew. What fails again has the
    /// next attempt, and names the place at which the record lay first.
    #[must_use]
    pub fn headers_to_requeue(&self) -> Vec<Header> {
        let ours = |name: &str| name == ATTEMPT_HEADER || name == ORIGIN_HEADER;
        let own = self.headers.iter().filter(|(name, _)| !ours(name)).cloned();
        let attempt = (ATTEMPT_HEADER.to_owned(), Some(self.attempt.to_string().into_bytes()));
        let origin = self.origin().map_or_else(
            || format!("{}/{}", self.partition, self.offset).into_bytes(),
            <[u8]>::to_vec,
        );
        own.chain([attempt, (ORIGIN_HEADER.to_owned(), Some(origin))]).collect()
    }

    /// Where the record lay before it was first put back, as its header says; `None` for one that
    /// was never put back.
    #[must_use]
    pub fn origin(&self) -> Option<&[u8]> {
        let last = self.headers.iter().rev().find(|(name, _)| name == ORIGIN_HEADER);
        last.and_then(|(_, value)| value.as_deref())
    }
}

fn head(bytes: &[u8], length_max: usize) -> &[u8] {
    &bytes[..bytes.len().min(length_max)]
}

/// The headers that fit, each whole.
fn headers_within(headers: &[Header], bytes_max: usize) -> Vec<Header> {
    let mut left = bytes_max;
    let fits = |header: &&Header| {
        let size = HEADER_BYTES + header.0.len() + header.1.as_ref().map_or(0, Vec::len);
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits
    };
    headers.iter().filter(fits).cloned().collect()
}

/// One more than the last such header says; 1 where none says a number.
fn attempt(headers: &[Header]) -> i32 {
    let last = headers.iter().rev().find(|(name, _)| name == ATTEMPT_HEADER);
    let before = last
        .and_then(|(_, value)| str::from_utf8(value.as_deref()?).ok()?.parse::<i32>().ok())
        .unwrap_or(0);
    before.max(0).saturating_add(1)
}

/// Encodes a dead letter; the key is the record's.
#[must_use]
pub fn encode(letter: &DeadLetter) -> OutRecord {
    let mut output = begin(Record::DeadLetter, 512 + letter.value.as_ref().map_or(0, Vec::len));
    output.int(letter.reason as i32);
    output.text(&letter.detail);
    output.int(letter.partition.0);
    output.long(letter.offset);
    output.at(letter.appended);
    output.int(letter.attempt);
    headers::write_bytes(&mut output, letter.key.as_deref());
    headers::write(&mut output, &letter.headers);
    headers::write_bytes(&mut output, letter.value.as_deref());
    output.long(letter.value_length);
    output.fixed(&letter.value_sha256);
    output.boolean(letter.cut);
    let (key, value) = (letter.key.clone(), output.into_bytes());
    OutRecord { topic: Topic::DeadLetters, key, value, headers: vec![] }
}

/// Decodes the value of a dead letter.
///
/// # Errors
/// Malformed also for a reason that only a newer reader knows.
pub fn decode(value: &[u8]) -> Result<DeadLetter, DecodeError> {
    open_as(Record::DeadLetter, value)?.read(|input| {
        let number = input.int("reason")?;
        Ok(DeadLetter {
            reason: Reason::from_number(number).ok_or_else(|| {
                malformed("reason", format_args!("{number} is not known to this version"))
            })?,
            detail: input.string("detail")?,
            partition: Partition(input.int("partition")?),
            offset: input.long("offset")?,
            appended: input.at("appended")?,
            attempt: input.int("attempt")?,
            key: headers::read_bytes(input, "key")?,
            headers: headers::read(input)?,
            value: headers::read_bytes(input, "value")?,
            value_length: input.long("value_length")?,
            value_sha256: input.fixed("value_sha256")?,
            cut: input.boolean("cut")?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples::raw;
    use super::*;
    use crate::domain::limits::REQUEST_BYTES_MAX;

    fn letter(record: &RawRecord) -> DeadLetter {
        DeadLetter::from_record(record, Reason::Oversized, "too large")
    }

    #[test]
    fn a_small_record_is_kept_whole() {
        let letter = letter(&raw());
        assert!(!letter.cut);
        assert_eq!((letter.key, letter.headers), (raw().key, raw().headers));
        assert_eq!((letter.value, letter.value_length), (raw().value, 7));
        assert_eq!(letter.attempt, 1);
    }

    #[test]
    fn a_dead_letter_fits_whatever_came_in() {
        let record = RawRecord {
            key: Some(vec![b'k'; 40_000]),
            value: Some(vec![b'v'; 5_000_000]),
            headers: (0..100_000).map(|_| (String::new(), None)).collect(),
            ..raw()
        };
        let found = DeadLetter::from_record(&record, Reason::Oversized, &"ä".repeat(5_000));
        assert!(found.cut);
        assert_eq!(found.value_length, 5_000_000);
        assert_eq!(found.value.as_ref().map(Vec::len), Some(DEAD_LETTER_VALUE_BYTES_MAX));
        assert_eq!(found.value_sha256[..], Sha256::digest(vec![b'v'; 5_000_000])[..]);
        assert_eq!(found.headers.len(), (DEAD_LETTER_EXTRA_BYTES_MAX - 40_000) / HEADER_BYTES);
        let record = encode(&found);
        let size = record.value.len() + record.key.map_or(0, |key| key.len());
        assert!(size < REQUEST_BYTES_MAX / 2, "{size} bytes");
    }

    #[test]
    fn a_header_too_large_does_not_push_out_the_others() {
        let large = ("large".to_owned(), Some(vec![0; DEAD_LETTER_EXTRA_BYTES_MAX]));
        let record = RawRecord { headers: [vec![large], raw().headers].concat(), ..raw() };
        assert!(letter(&record).cut);
        assert_eq!(letter(&record).headers, raw().headers);
        let record = RawRecord { key: Some(vec![b'k'; 1_000_000]), ..raw() };
        assert!(letter(&record).cut);
        assert_eq!(letter(&record).key.map(|key| key.len()), Some(DEAD_LETTER_EXTRA_BYTES_MAX));
    }

    #[test]
    fn attempts_are_counted_from_the_last_header() {
        let attempt_after = |values: &[&str]| {
            let header =
                |value: &&str| (ATTEMPT_HEADER.to_owned(), Some(value.as_bytes().to_vec()));
            letter(&RawRecord { headers: values.iter().map(header).collect(), ..raw() }).attempt
        };
        assert_eq!(attempt_after(&["1"]), 2);
        assert_eq!(attempt_after(&["1", "4"]), 5);
        assert_eq!(attempt_after(&["x"]), 1);
        assert_eq!(attempt_after(&["-7"]), 1);
        assert_eq!(attempt_after(&["2147483647"]), i32::MAX);
    }

    #[test]
    fn what_is_put_back_and_fails_again_names_its_attempt_and_its_origin() {
        let first = letter(&raw());
        assert_eq!(first.origin(), None);
        let origin = format!("{}/{}", first.partition, first.offset).into_bytes();
        let back = RawRecord { offset: 99, headers: first.headers_to_requeue(), ..raw() };
        let second = letter(&back);
        assert_eq!((second.attempt, second.offset), (2, 99));
        assert_eq!(second.origin(), Some(&origin[..]));
        assert_eq!(second.headers[..first.headers.len()], first.headers[..]);
        let back = RawRecord { offset: 120, headers: second.headers_to_requeue(), ..raw() };
        let third = letter(&back);
        assert_eq!((third.attempt, third.origin()), (3, Some(&origin[..])));
        assert_eq!(third.headers.len(), second.headers.len(), "ours are there once");
    }
}
