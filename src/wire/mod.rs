//! Bytes: every record of the pipeline as Avro, and nothing but encoding.
//!
//! Each record is one schema under `schemas/`, framed as an Avro single object: the marker `C3 01`,
//! eight bytes of fingerprint, the datum. The fingerprint tells records and their versions apart,
//! so a reader needs no server. Requests and outcomes are no union on the wire, since an old reader
//! cannot resolve a new branch (K10); the union is the Rust enum. Sets that grow are documented
//! integers, not Avro enums, for the same reason.
//!
//! Reading order: `binary`, `fingerprint` and `registry`, then a file per record: [`request`],
//! [`outcome`], [`catalog`], [`inventory`], [`term`], [`dead_letter`], and the two that live in the
//! ledger, [`outbox`] and [`venue`].
//!
//! # Changing a record
//! Add or remove fields with defaults only. Put the new text at `schemas/<Record>.avsc` *and* at
//! `schemas/history/<Record>/<n>.avsc`, name it in `registry.rs`, and run the tests with
//! `UPDATE_GOLDEN=1` once: they write the bytes of version n. A change that gives the fingerprint
//! of an older version another meaning (milliseconds become microseconds) is refused (K11).
//!
//! # Invariants
//! - Decoding is total: hostile bytes give an error, and memory in proportion to their length.
//! - What is encoded decodes to what it was, in this version and in every later one.
//! - A version lands in `schemas/history/` once and is never edited in what it means.

mod binary;
pub mod catalog;
#[cfg(test)]
mod compatibility;
pub mod dead_letter;
mod definition;
#[cfg(test)]
mod examples;
mod fingerprint;
mod headers;
pub mod inventory;
pub mod outbox;
pub mod outcome;
pub mod partitioner;
mod registry;
pub mod request;
pub mod term;
#[cfg(test)]
mod tests;
pub mod venue;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::domain::ids::Digest;

/// Why bytes are not the record they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The schema of this fingerprint is not known here, or is that of a record with no place here.
    /// A later version may know it: keep the bytes and read them again after the upgrade.
    #[error(
        "no schema that may stand here has the fingerprint {0:016x}; is the writer newer than this reader?"
    )]
    UnknownSchema(u64),
    /// The bytes are not what their schema says, or say something that cannot be. Names the field.
    #[error("{0}")]
    Malformed(String),
}

/// Digest of a record's key and value, each preceded by its length, so that no two pairs run
/// together; null has a length of its own.
#[must_use]
pub fn digest(key: Option<&[u8]>, value: Option<&[u8]>) -> Digest {
    let mut hash = Sha256::new();
    for part in [key, value] {
        let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
        hash.update(length.to_be_bytes());
        hash.update(part.unwrap_or_default());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    Digest(digest)
}
