//! A record as it comes in: decoded, and judged as far as it can be without its event.

use crate::domain::ids::{Digest, EventId, Partition};
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::Request;
use crate::domain::rule::Rule;
use crate::domain::time::At;
use crate::ports::log::{OutRecord, RawRecord, Seal};
use crate::wire::dead_letter::{self, DeadLetter, Reason};
use crate::wire::{self, DecodeError};

/// What is told to whoever asks without the signature that is needed.
pub const SIGNATURE_MISSING: &str = "the record has no signature";

/// A record of the request topic, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
    /// The partition's epoch when it was read.
    pub epoch: u64,
    /// When the broker appended it.
    pub appended: At,
    /// Digest of key and value.
    pub digest: Digest,
    /// Bytes of key and value.
    pub bytes: usize,
    /// The event it belongs to: its key, if that is an event id and this is the key's own
    /// partition.
    pub event: Option<EventId>,
    /// What it says.
    pub content: Content,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A request, perhaps one that is refused whatever its event says.
    Request(Box<Request>, Option<Refusal>),
    /// Nothing that can be decided: the dead letter it becomes.
    Dead(Box<OutRecord>),
}

impl Arrival {
    /// Reads a record. `partitions` is the declared count, never that of the live metadata.
    #[must_use]
    pub fn read(raw: &RawRecord, seal: Seal, partitions: i32) -> Arrival {
        let key = raw.key.as_deref();
        let own = |key: &[u8]| wire::partitioner::partition(key, partitions) == raw.partition;
        let key_event = key
            .and_then(|key| std::str::from_utf8(key).ok())
            .and_then(|key| EventId::new(key).ok());
        let home = key_event.as_ref().is_some_and(|event| own(event.as_str().as_bytes()));
        let touches = home || !Rule::WrongPartitionTouchesNothing.holds();
        let mut event = key_event.clone().filter(|_| touches);
        let content = match decode(raw, key_event.as_ref()) {
            Err((reason, detail)) => {
                let letter = DeadLetter::from_record(raw, reason, &detail);
                Content::Dead(Box::new(dead_letter::encode(&letter)))
            }
            Ok(request) => {
                let fits = key_event.as_ref() == Some(&request.event);
                event = event.filter(|_| fits);
                let early = early(&request, seal, home, fits);
                Content::Request(Box::new(request), early)
            }
        };
        Arrival {
            partition: Partition(raw.partition),
            offset: raw.offset,
            epoch: raw.epoch,
            appended: raw.appended,
            digest: wire::digest(key, raw.value.as_deref()),
            bytes: raw.key.as_ref().map_or(0, Vec::len) + raw.value.as_ref().map_or(0, Vec::len),
            event,
            content,
        }
    }

    /// The request, when its id is to be remembered: signed where it must be, in its own partition,
    /// and of a kind that the window judges.
    pub(super) fn to_remember(&self) -> Option<&Request> {
        match &self.content {
            Content::Request(request, early) => {
                let authorised = early.as_ref().is_none_or(|no| no.code == Code::BadRequest)
                    || !Rule::OnlyAuthorisedAreRemembered.holds();
                (authorised && self.event.is_some() && request.goes_stale()).then_some(request)
            }
            Content::Dead(_) => None,
        }
    }
}

fn decode(raw: &RawRecord, key_event: Option<&EventId>) -> Result<Request, (Reason, String)> {
    if key_event.is_none() {
        return Err((Reason::Keyless, "the key is no event id".into()));
    }
    let Some(value) = raw.value.as_deref() else {
        return Err((Reason::NullValue, "the value is null".into()));
    };
    if value.len() > REQUEST_BYTES_MAX {
        return Err((Reason::Oversized, format!("the value is larger than {REQUEST_BYTES_MAX}")));
    }
    wire::request::decode(value).map_err(|error| {
        let reason = match &error {
            DecodeError::UnknownSchema(_) => Reason::UnknownSchema,
            DecodeError::Malformed(_) => Reason::Undecodable,
        };
        (reason, error.to_string())
    })
}

/// Group 1, in its order of precedence.
fn early(request: &Request, seal: Seal, home: bool, fits: bool) -> Option<Refusal> {
    if request.needs_signature() && seal != Seal::Valid && Rule::SignatureIsNeeded.holds() {
        let detail = match seal {
            Seal::Absent => SIGNATURE_MISSING,
            Seal::Invalid | Seal::Valid => "the signature is by no live key, or over other bytes",
        };
        return Some(Refusal::because(Code::NotAuthorised, detail));
    }
    if !home {
        return Some(Refusal::plain(Code::WrongPartition));
    }
    if !fits {
        return Some(Refusal::because(Code::BadRequest, "the key is not the event's id"));
    }
    request.check().err()
}
