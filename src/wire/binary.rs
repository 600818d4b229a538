//! Avro's binary encoding of the few types our records are made of.
//!
//! Records are written and read field by field, in the order of their schema, straight from and
//! into the types of the domain. The generic ways of the Avro library are wrong here: its values
//! allocate a name for every field, its decoder takes the end of the input for a null, and it
//! reserves what a length claims. That what is written here is what the schema says is proved by
//! the library itself, in `tests.rs`, over every example.
//!
//! # Invariants
//! - Reading is total: any bytes give a value or an error. Nothing is reserved that the input has
//!   not got bytes for.
//! - Writing is canonical: a list is one block, without its size in bytes.

use uuid::Uuid;

use super::DecodeError;
use crate::domain::ids::NameError;
use crate::domain::time::At;

/// Items reserved for a list before the first has been read.
const LIST_RESERVE_MAX: usize = 1_024;

/// A datum being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

/// A field cannot be read.
pub(super) fn malformed(field: &str, problem: impl std::fmt::Display) -> DecodeError {
    DecodeError::Malformed(format!("{field} {problem}"))
}

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    /// Nothing may follow a datum.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(malformed("the record", format_args!("has {more} bytes too many"))),
        }
    }

    fn take(&mut self, field: &str, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| malformed(field, "is cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn long(&mut self, field: &str) -> Result<i64, DecodeError> {
        let mut zigzag = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(field, 1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            zigzag |= bits << shift;
            if byte < 0x80 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(malformed(field, "is a number of more than 64 bits"))
    }

    pub(super) fn int(&mut self, field: &str) -> Result<i32, DecodeError> {
        let long = self.long(field)?;
        i32::try_from(long).map_err(|_| malformed(field, "is a number of more than 32 bits"))
    }

    /// A long that says how many there are of something.
    pub(super) fn count(&mut self, field: &str) -> Result<u32, DecodeError> {
        let long = self.long(field)?;
        u32::try_from(long).map_err(|_| malformed(field, "is negative or more than 32 bits"))
    }

    pub(super) fn at(&mut self, field: &str) -> Result<At, DecodeError> {
        self.long(field).map(At)
    }

    pub(super) fn boolean(&mut self, field: &str) -> Result<bool, DecodeError> {
        match self.take(field, 1)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(malformed(field, "is neither true nor false")),
        }
    }

    pub(super) fn bytes(&mut self, field: &str) -> Result<&'a [u8], DecodeError> {
        let length = self.long(field)?;
        let length = usize::try_from(length).map_err(|_| malformed(field, "is cut short"))?;
        self.take(field, length)
    }

    pub(super) fn fixed<const N: usize>(&mut self, field: &str) -> Result<[u8; N], DecodeError> {
        let bytes = self.take(field, N)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    pub(super) fn text(&mut self, field: &str) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes(field)?).map_err(|_| malformed(field, "is not UTF-8"))
    }

    pub(super) fn string(&mut self, field: &str) -> Result<String, DecodeError> {
        self.text(field).map(str::to_owned)
    }

    /// A text that keeps to the alphabet of names.
    pub(super) fn name<T>(
        &mut self,
        field: &str,
        make: fn(&str) -> Result<T, NameError>,
    ) -> Result<T, DecodeError> {
        make(self.text(field)?).map_err(|problem| malformed(field, problem))
    }

    pub(super) fn uuid(&mut self, field: &str) -> Result<Uuid, DecodeError> {
        Uuid::try_parse(self.text(field)?).map_err(|_| malformed(field, "is not a UUID"))
    }

    /// A union of null and something.
    pub(super) fn optional<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&mut Input<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.long(field)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(malformed(field, "is of a branch that its union has not got")),
        }
    }

    /// An array: blocks with their counts, ended by an empty one; a negative count has the block's
    /// length in bytes after it. Each item has at least one byte.
    pub(super) fn list<T>(
        &mut self,
        field: &str,
        mut read: impl FnMut(&mut Input<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let mut items = vec![];
        loop {
            let count = self.long(field)?;
            if count == 0 {
                return Ok(items);
            }
            if count < 0 {
                self.long(field)?;
            }
            let count = usize::try_from(count.unsigned_abs())
                .ok()
                .filter(|&count| count <= self.rest.len())
                .ok_or_else(|| malformed(field, "has fewer items than it says"))?;
            items.reserve(count.min(LIST_RESERVE_MAX));
            for _ in 0..count {
                items.push(read(self)?);
            }
        }
    }
}

/// A datum being written.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// Goes on after `bytes`.
    pub(super) const fn after(bytes: Vec<u8>) -> Output {
        Output { bytes }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[allow(clippy::cast_possible_truncation, reason = "seven bits at a time")]
    pub(super) fn long(&mut self, value: i64) {
        let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while zigzag > 0x7f {
            self.bytes.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        self.bytes.push(zigzag as u8);
    }

    pub(super) fn int(&mut self, value: i32) {
        self.long(i64::from(value));
    }

    pub(super) fn at(&mut self, value: At) {
        self.long(value.0);
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    fn length(&mut self, length: usize) {
        self.long(i64::try_from(length).expect("memory holds fewer than 2^63 of anything"));
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn fixed<const N: usize>(&mut self, value: &[u8; N]) {
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.text(value.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Output, T)) {
        match value {
            None => self.long(0),
            Some(value) => {
                self.long(1);
                write(self, value);
            }
        }
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Output, &T)) {
        if !items.is_empty() {
            self.length(items.len());
            items.iter().for_each(|item| write(self, item));
        }
        self.long(0);
    }
}
