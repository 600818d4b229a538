//! Which schemas there are, and the frame that says which one a value is of.
//!
//! A value whose fingerprint is that of a current schema is read as it is. One of an older version
//! is first brought to the current one by Avro's schema resolution, so that each record has one
//! reader.
//!
//! # Invariants
//! - A fingerprint stands for one text. It ignores logical types and defaults, so a second text
//!   under it could mean something else (K11); building the registry fails on it.
//! - A known fingerprint is that of a version in `schemas/history/`, whose newest is the current
//!   text.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;

use super::DecodeError;
use super::binary::{Input, Output, malformed};
use super::fingerprint;
use crate::domain::limits::REQUEST_BYTES_MAX;

/// What every single object begins with.
const MARKER: [u8; 2] = [0xc3, 0x01];
/// Marker and fingerprint.
const FRAME_BYTES: usize = 10;
/// Bytes the Avro library may reserve at a time when it resolves an older version.
const RESERVE_BYTES_MAX: usize = 4 * REQUEST_BYTES_MAX;

macro_rules! records {
    ($($name:ident: $($version:literal)+;)*) => {
        /// A record with a schema of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(super) enum Record { $($name,)* }

        impl Record {
            pub(super) const ALL: &[Record] = &[$(Record::$name,)*];

            /// The name of its schema, without the namespace.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Record::$name => stringify!($name),)* }
            }

            /// The current text of its schema.
            const fn text(self) -> &'static str {
                match self {
                    $(Record::$name => include_str!(
                        concat!("../../schemas/", stringify!($name), ".avsc")
                    ),)*
                }
            }

            /// The texts of all its versions, the current one last.
            pub(super) const fn history(self) -> &'static [&'static str] {
                match self {
                    $(Record::$name => &[$(include_str!(concat!(
                        "../../schemas/history/", stringify!($name), "/", $version, ".avsc"
                    )),)+],)*
                }
            }
        }
    };
}

records! {
    Define: "1" "2" "3";
    Amend: "1";
    Open: "1";
    Close: "1";
    Pause: "1";
    CallOff: "1";
    Block: "1";
    Unblock: "1";
    Claim: "1" "2";
    Confirm: "1";
    Extend: "1";
    Release: "1";
    Cancel: "1" "2";
    Exchange: "1";
    Expire: "1";
    Held: "1";
    Booked: "1" "2";
    Released: "1" "2" "3";
    Changed: "1" "2";
    Refused: "1";
    Catalog: "1" "2" "3";
    Inventory: "1" "2";
    Term: "1";
    DeadLetter: "1";
    Outbox: "1";
    Venue: "1" "2" "3" "4";
}

/// One version of one record's schema.
pub(super) struct Version {
    pub(super) record: Record,
    pub(super) text: &'static str,
    pub(super) schema: Schema,
}

/// All versions of all records by their fingerprints.
pub(super) struct Registry {
    /// Fingerprints of the current versions in the order of [`Record::ALL`]: few, so that looking
    /// through them is faster than hashing.
    current: Vec<u64>,
    versions: Vec<(u64, Version)>,
}

/// Two texts have one fingerprint.
#[derive(Debug, thiserror::Error)]
#[error("two texts of {} have the fingerprint {fingerprint:016x}: what they differ in (logical type, default, words) is not told apart on the wire; add a field instead", record.name())]
pub(super) struct Collision {
    record: Record,
    fingerprint: u64,
}

impl Registry {
    pub(super) const fn empty() -> Registry {
        Registry { current: vec![], versions: vec![] }
    }

    /// Adds a version, unless it is there.
    pub(super) fn insert(
        &mut self,
        record: Record,
        text: &'static str,
    ) -> Result<(u64, &Version), Collision> {
        let schema = Schema::parse_str(text).expect("our own schemas are well formed");
        let fingerprint = fingerprint::of_schema(text);
        let position = self.versions.iter().position(|(known, _)| *known == fingerprint);
        let position = match position {
            Some(found) if self.versions[found].1.text == text => found,
            Some(_) => return Err(Collision { record, fingerprint }),
            None => {
                self.versions.push((fingerprint, Version { record, text, schema }));
                self.versions.len() - 1
            }
        };
        Ok((fingerprint, &self.versions[position].1))
    }

    fn load() -> Result<Registry, Collision> {
        apache_avro::util::max_allocation_bytes(RESERVE_BYTES_MAX);
        let mut registry = Registry::empty();
        for &record in Record::ALL {
            for text in record.history() {
                registry.insert(record, text)?;
            }
            let (fingerprint, _) = registry.insert(record, record.text())?;
            registry.current.push(fingerprint);
        }
        Ok(registry)
    }

    fn find(&self, fingerprint: u64) -> Option<&Version> {
        self.versions.iter().find(|(known, _)| *known == fingerprint).map(|(_, version)| version)
    }

    /// The current schema of a record.
    pub(super) fn current(&self, record: Record) -> (u64, &Schema) {
        let fingerprint = self.current[record as usize];
        let version = self.find(fingerprint).expect("current schemas are in the registry");
        (fingerprint, &version.schema)
    }
}

/// The registry of what is built in.
pub(super) static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| Registry::load().unwrap_or_else(|collision| panic!("{collision}")));

/// A value taken out of its frame: which record it is, and its datum under the current schema.
#[derive(Debug)]
pub(super) struct Framed<'a> {
    pub(super) record: Record,
    /// What the frame says; of a resolved older version still the older one's.
    pub(super) fingerprint: u64,
    datum: Cow<'a, [u8]>,
}

impl Framed<'_> {
    /// Reads the datum to its end.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut Input<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut input = Input::new(&self.datum);
        let value = read(&mut input)?;
        input.end()?;
        Ok(value)
    }

    /// Looks at the first field.
    pub(super) fn kind(&self) -> Result<i32, DecodeError> {
        Input::new(&self.datum).int("kind")
    }
}

/// Begins a value of a record; what is written next is its datum.
pub(super) fn begin(record: Record, capacity: usize) -> Output {
    let mut bytes = Vec::with_capacity(capacity.max(FRAME_BYTES));
    bytes.extend_from_slice(&MARKER);
    bytes.extend_from_slice(&REGISTRY.current[record as usize].to_le_bytes());
    Output::after(bytes)
}

/// Takes a value out of its frame.
pub(super) fn open(value: &[u8]) -> Result<Framed<'_>, DecodeError> {
    let framed = value.strip_prefix(&MARKER).and_then(<[u8]>::split_first_chunk::<8>);
    let Some((fingerprint, datum)) = framed else {
        return Err(malformed("the value", "does not begin with C3 01 and a fingerprint"));
    };
    let fingerprint = u64::from_le_bytes(*fingerprint);
    if let Some(index) = REGISTRY.current.iter().position(|known| *known == fingerprint) {
        let datum = Cow::Borrowed(datum);
        return Ok(Framed { record: Record::ALL[index], fingerprint, datum });
    }
    let version = REGISTRY.find(fingerprint).ok_or(DecodeError::UnknownSchema(fingerprint))?;
    let (_, current) = REGISTRY.current(version.record);
    let datum = Cow::Owned(resolve(&version.schema, datum, current)?);
    Ok(Framed { record: version.record, fingerprint, datum })
}

/// Takes a value of one record out of its frame.
pub(super) fn open_as(record: Record, value: &[u8]) -> Result<Framed<'_>, DecodeError> {
    let framed = open(value)?;
    if framed.record == record {
        Ok(framed)
    } else {
        Err(DecodeError::UnknownSchema(framed.fingerprint))
    }
}

/// Brings a datum of one version to another.
pub(super) fn resolve(from: &Schema, datum: &[u8], to: &Schema) -> Result<Vec<u8>, DecodeError> {
    let unresolved = |error: apache_avro::Error| malformed("the record", error);
    let mut source = Starving { rest: datum, starved: false };
    let value = GenericDatumReader::builder(from)
        .reader_schema(to)
        .build()
        .and_then(|reader| reader.read_value(&mut source))
        .map_err(unresolved)?;
    if source.starved {
        return Err(malformed("the record", "is cut short"));
    }
    Input::new(source.rest).end()?;
    GenericDatumWriter::builder(to)
        .build()
        .and_then(|writer| writer.write_value_to_vec(value))
        .map_err(unresolved)
}

/// Remembers having been asked for more than there was: the Avro library takes the end of the input
/// for a null in some places, where it is a record cut short.
struct Starving<'a> {
    rest: &'a [u8],
    starved: bool,
}

impl Read for Starving<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.starved |= into.len() > self.rest.len();
        self.rest.read(into)
    }
}
