//! Names and numbers that identify things. All are opaque to the core but for the time in a request
//! id.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::limits::NAME_BYTES_MAX;
use super::time::At;

/// Why a text is not usable as a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// Only printable ASCII without blanks and `/` can be typed, quoted and logged without
    /// surprise.
    #[error("has a character other than A-Z a-z 0-9 . _ : - # + @")]
    Character,
}

/// Checks a text against the alphabet that all names of this project share.
///
/// # Errors
/// Says what is wrong with the text.
pub fn check_name(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-#+@".contains(&byte);
    if text.bytes().all(ok) { Ok(()) } else { Err(NameError::Character) }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes a text that keeps to the alphabet of [`check_name`].
            ///
            /// # Errors
            /// Says what is wrong with the text.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check_name(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What is on sale, and the key of its records everywhere.
    EventId
}
name! {
    /// Who holds or books: an opaque id of the upstream app, never a name or a mail address.
    BuyerId
}
name! {
    /// The payment that a confirm rests on, as the upstream app calls it.
    Reference
}

/// The id of a request, made by whoever asks: a UUID of version 7, so that it tells when it was
/// made.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestId(pub Uuid);

// Hashed and put in order as one number, which is several times faster than byte by byte. The order
// is the same.

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u128(self.0.as_u128());
    }
}

impl Ord for RequestId {
    fn cmp(&self, other: &RequestId) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for RequestId {
    fn partial_cmp(&self, other: &RequestId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl RequestId {
    /// When the id was made, or `None` when it is not a version 7 UUID (RFC 9562, section 5.7).
    #[must_use]
    pub fn made_at(self) -> Option<At> {
        let bytes = self.0.as_bytes();
        if self.0.get_version_num() != 7 || bytes[8] & 0xc0 != 0x80 {
            return None;
        }
        let mut time = [0u8; 8];
        time[2..].copy_from_slice(&bytes[..6]);
        Some(At(i64::from_be_bytes(time)))
    }

    /// The id that names nothing; freed and blocked seats without a former hold carry it.
    pub const NONE: RequestId = RequestId(Uuid::nil());
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A hold is named by the claim that made it; a booking keeps the name of its hold.
pub type HoldId = RequestId;

/// A partition of the request topic, and of each topic that is partitioned as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub i32);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A place's number within its event: dense, in the order of the definition, as long as that is in
/// force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatNumber(pub u32);

/// A place's row in the ledger: fixed for good, and never another place's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowNumber(pub u32);

/// SHA-256 of a record's key and value, cut to its first 16 bytes: tells whether two records are
/// the same one. It guards against mix-ups, not against attackers; those meet the signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 16]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_tells_when_it_was_made() {
        let id = RequestId(Uuid::from_u128(0x0190_0000_0001_7000_8000_0000_0000_0001));
        assert_eq!(id.made_at(), Some(At(0x0190_0000_0001)));
    }

    #[test]
    fn only_version_seven_has_a_time() {
        let id = RequestId(Uuid::from_u128(0x0190_0000_0001_4000_8000_0000_0000_0001));
        assert_eq!(id.made_at(), None);
        assert_eq!(RequestId::NONE.made_at(), None);
    }

    #[test]
    fn names_keep_to_their_alphabet() {
        assert_eq!(EventId::new(""), Err(NameError::Empty));
        assert_eq!(EventId::new("a b"), Err(NameError::Character));
        assert_eq!(EventId::new(&"x".repeat(65)), Err(NameError::TooLong));
        assert!(EventId::new("cup-final:2027").is_ok());
    }
}
