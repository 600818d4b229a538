//! Signatures: who may ask what only an operator or one of our own workers may ask.
//!
//! A signed record carries the header [`SIGNATURE_HEADER`], `<key id>:<HMAC-SHA256 in hex>`, over
//! the deployment's name, the topic, the key and the value, each preceded by its length. Wrong
//! ways: a MAC over the value alone can be copied under another key, into another topic or another
//! house; parts run together without lengths can be cut elsewhere. A copy within its own partition
//! is met by the edition an administrative request names and by the memory of ids (K15), not here.
//!
//! # Invariants
//! - Signatures are compared in constant time.
//! - A record with two signature headers is not signed: readers could disagree on which one counts.
//! - Secrets are never printed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ports::log::{Header, RawRecord, Seal};

/// Names the header that carries the signature.
pub const SIGNATURE_HEADER: &str = "holdfast-signature";
/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;

/// A signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in signatures.
    pub id: String,
    /// At least 32 random bytes.
    pub secret: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The live keys of a deployment. To rotate: accept the new key everywhere, sign with it
/// everywhere, then drop the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Name of the deployment: what is signed for one is worth nothing in another.
    pub deployment: String,
    /// The key that signs.
    pub signing: Key,
    /// The other live key during a rotation, older or newer; at most one.
    pub also: Vec<Key>,
}

impl Keys {
    /// Makes the signature header of a record. `topic` is the real name, with the deployment's
    /// prefix.
    #[must_use]
    pub fn sign(&self, topic: &str, key: &[u8], value: &[u8]) -> Header {
        let mac = self.mac(&self.signing, topic, key, value).finalize().into_bytes();
        let mut text = format!("{}:", self.signing.id);
        for byte in mac {
            text.extend([byte >> 4, byte & 0xf].map(hex_digit));
        }
        (SIGNATURE_HEADER.to_owned(), Some(text.into_bytes()))
    }

    /// What the signature header of a record is worth. A null key or value is never signed.
    #[must_use]
    pub fn check(&self, topic: &str, record: &RawRecord) -> Seal {
        let mut signatures = record.headers.iter().filter(|(name, _)| name == SIGNATURE_HEADER);
        let (first, second) = (signatures.next(), signatures.next());
        let signature = match (first, second) {
            (None, _) => return Seal::Absent,
            (Some(_), Some(_)) | (Some((_, None)), None) => return Seal::Invalid,
            (Some((_, Some(value))), None) => value,
        };
        match self.is_valid(topic, record, signature) {
            Some(true) => Seal::Valid,
            Some(false) | None => Seal::Invalid,
        }
    }

    /// `None` for a text that is no signature of a live key.
    fn is_valid(&self, topic: &str, record: &RawRecord, signature: &[u8]) -> Option<bool> {
        let (id, hex) = str::from_utf8(signature).ok()?.rsplit_once(':')?;
        let mac = parse_mac(hex)?;
        let key = std::iter::once(&self.signing).chain(&self.also).find(|key| key.id == id)?;
        let (record_key, value) = (record.key.as_deref()?, record.value.as_deref()?);
        Some(self.mac(key, topic, record_key, value).verify_slice(&mac).is_ok())
    }

    fn mac(&self, signing: &Key, topic: &str, key: &[u8], value: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&signing.secret)
            .expect("HMAC takes secrets of every length");
        for part in [self.deployment.as_bytes(), topic.as_bytes(), key, value] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).expect("four bits are one digit")
}

fn parse_mac(hex: &str) -> Option<[u8; MAC_BYTES]> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let mut mac = [0; MAC_BYTES];
    if digits.len() != 2 * mac.len() {
        return None;
    }
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(mac)
}

#[cfg(test)]
mod tests;
