//! Outcomes: one record and one topic for each kind of decision.
//!
//! All begin with the same twelve fields, `kind` first. A reader skips what a newer writer has
//! added to a set that grows: an outcome whose kind, role, cause or refusal code has no name here
//! decodes to `None`. It is an outcome all the same; who counts sequences must expect the gap.

use super::DecodeError;
use super::binary::{Input, Output};
use super::registry::{Framed, Record, begin, open};
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, Reference, RequestId};
use crate::domain::outcome::{
    Booked, Changed, ChangedKind, DECISION_VERSION, Header, Held, Outcome, OutcomeBody, Place,
    Released, Role,
};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::seat::Cause;
use crate::domain::time::Millis;
use crate::ports::log::{OutRecord, Topic};

/// The kind of an outcome whose topic has only one so far.
const KIND_ONLY: i32 = 0;

/// Encodes an outcome as a record of its topic; the key is the event id.
#[must_use]
pub fn encode(outcome: &Outcome) -> OutRecord {
    let (record, topic, kind, places) = match &outcome.body {
        OutcomeBody::Held(held) => (Record::Held, Topic::Held, KIND_ONLY, held.places.len()),
        OutcomeBody::Booked(booked) => {
            (Record::Booked, Topic::Booked, KIND_ONLY, booked.places.len())
        }
        OutcomeBody::Released(released) => {
            (Record::Released, Topic::Released, KIND_ONLY, released.seats.len())
        }
        OutcomeBody::Changed(changed) => (Record::Changed, Topic::Changed, changed.kind as i32, 0),
        OutcomeBody::Refused(refusal) => {
            (Record::Refused, Topic::Refused, KIND_ONLY, refusal.ground.seats.len())
        }
    };
    let mut output = begin(record, 256 + 32 * places);
    output.int(kind);
    write_header(&mut output, &outcome.header);
    match &outcome.body {
        OutcomeBody::Held(held) => write_held(&mut output, held),
        OutcomeBody::Booked(booked) => write_booked(&mut output, booked),
        OutcomeBody::Released(released) => {
            output.uuid(released.hold.0);
            output.list(&released.seats, |output, seat| output.text(seat));
            output.int(released.cause as i32);
        }
        OutcomeBody::Changed(changed) => {
            output.long(changed.edition);
            output.text(&changed.actor);
        }
        OutcomeBody::Refused(refusal) => write_refusal(&mut output, refusal),
    }
    let key = Some(outcome.header.event.as_str().as_bytes().to_vec());
    OutRecord { topic, key, value: output.into_bytes(), headers: vec![] }
}

/// Decodes the value of an outcome record; `None` for one that only a newer reader understands.
///
/// # Errors
/// [`DecodeError::UnknownSchema`] also for a record that is known and no outcome.
pub fn decode(value: &[u8]) -> Result<Option<Outcome>, DecodeError> {
    let framed = open(value)?;
    match framed.record {
        Record::Held => read(&framed, only, |input, ()| {
            read_held(input).map(|held| Some(OutcomeBody::Held(held)))
        }),
        Record::Booked => read(&framed, only, |input, ()| {
            read_booked(input).map(|booked| Some(OutcomeBody::Booked(booked)))
        }),
        Record::Released => read(&framed, only, |input, ()| read_released(input)),
        Record::Changed => read(&framed, changed_kind, |input, kind| {
            let (edition, actor) = (input.long("edition")?, input.string("actor")?);
            Ok(Some(OutcomeBody::Changed(Changed { kind, edition, actor })))
        }),
        Record::Refused => read(&framed, only, |input, ()| read_refusal(input)),
        Record::Define
        | Record::Open
        | Record::Close
        | Record::Claim
        | Record::Confirm
        | Record::Release
        | Record::Expire
        | Record::Catalog
        | Record::Inventory
        | Record::Term
        | Record::DeadLetter
        | Record::Outbox
        | Record::Venue => Err(DecodeError::UnknownSchema(framed.fingerprint)),
    }
}

const fn only(kind: i32) -> Option<()> {
    if kind == KIND_ONLY { Some(()) } else { None }
}

const fn changed_kind(kind: i32) -> Option<ChangedKind> {
    match kind {
        0 => Some(ChangedKind::Defined),
        1 => Some(ChangedKind::Opened),
        2 => Some(ChangedKind::Closed),
        _ => None,
    }
}

const fn role(role: i32) -> Option<Role> {
    match role {
        0 => Some(Role::Answer),
        1 => Some(Role::Derived),
        2 => Some(Role::Repeat),
        _ => None,
    }
}

/// Reads an outcome if its kind, and then all that grows in it, has a name here. Of an unknown kind
/// nothing more is read: its other fields may not mean what they do in those known.
fn read<K>(
    framed: &Framed<'_>,
    kind: fn(i32) -> Option<K>,
    read_body: impl FnOnce(&mut Input<'_>, K) -> Result<Option<OutcomeBody>, DecodeError>,
) -> Result<Option<Outcome>, DecodeError> {
    let Some(kind) = kind(framed.kind()?) else {
        return Ok(None);
    };
    framed.read(|input| {
        input.int("kind")?;
        let header = read_header(input)?;
        let body = read_body(input, kind)?;
        Ok(header.zip(body).map(|(header, body)| Outcome { header, body }))
    })
}

fn write_header(output: &mut Output, header: &Header) {
    output.text(header.event.as_str());
    output.long(header.sequence);
    output.uuid(header.request.0);
    output.int(header.partition.0);
    output.long(header.offset);
    output.int(header.role as i32);
    output.at(header.decided_at);
    output.long(header.waited.0);
    output.int(DECISION_VERSION);
    output.optional(header.buyer.as_ref(), |output, buyer| output.text(buyer.as_str()));
    output.fixed(&header.digest.0);
}

fn read_header(input: &mut Input<'_>) -> Result<Option<Header>, DecodeError> {
    let event = input.name("event", EventId::new)?;
    let sequence = input.long("sequence")?;
    let request = RequestId(input.uuid("request_id")?);
    let partition = Partition(input.int("request_partition")?);
    let offset = input.long("request_offset")?;
    let role = role(input.int("role")?);
    let decided_at = input.at("decided_at")?;
    let waited = Millis(input.long("waited_ms")?);
    input.int("decision_version")?;
    let buyer = input.optional("buyer", |input| input.name("buyer", BuyerId::new))?;
    let digest = Digest(input.fixed("digest")?);
    Ok(role.map(|role| Header {
        event,
        sequence,
        request,
        partition,
        offset,
        role,
        decided_at,
        waited,
        buyer,
        digest,
    }))
}

fn write_places(output: &mut Output, places: &[Place]) {
    output.list(places, |output, place| {
        output.text(&place.seat);
        output.text(&place.tier);
        output.long(place.price);
    });
}

fn read_places(input: &mut Input<'_>) -> Result<Vec<Place>, DecodeError> {
    input.list("places", |input| {
        Ok(Place {
            seat: input.string("place.seat")?,
            tier: input.string("place.tier")?,
            price: input.long("place.price")?,
        })
    })
}

fn write_held(output: &mut Output, held: &Held) {
    output.uuid(held.hold.0);
    write_places(output, &held.places);
    output.text(&held.currency);
    output.at(held.deadline);
    output.boolean(held.staff_override);
}

fn read_held(input: &mut Input<'_>) -> Result<Held, DecodeError> {
    Ok(Held {
        hold: RequestId(input.uuid("hold")?),
        places: read_places(input)?,
        currency: input.string("currency")?,
        deadline: input.at("deadline")?,
        staff_override: input.boolean("staff_override")?,
    })
}

fn write_booked(output: &mut Output, booked: &Booked) {
    output.uuid(booked.hold.0);
    write_places(output, &booked.places);
    output.text(&booked.currency);
    output.text(booked.reference.as_str());
}

fn read_booked(input: &mut Input<'_>) -> Result<Booked, DecodeError> {
    Ok(Booked {
        hold: RequestId(input.uuid("hold")?),
        places: read_places(input)?,
        currency: input.string("currency")?,
        reference: input.name("reference", Reference::new)?,
    })
}

fn read_released(input: &mut Input<'_>) -> Result<Option<OutcomeBody>, DecodeError> {
    let hold = RequestId(input.uuid("hold")?);
    let seats = input.list("seats", |input| input.string("seats"))?;
    let cause = Cause::from_number(input.int("cause")?);
    Ok(cause.map(|cause| OutcomeBody::Released(Released { hold, seats, cause })))
}

fn write_refusal(output: &mut Output, refusal: &Refusal) {
    let ground = &refusal.ground;
    output.int(refusal.code.number());
    output.list(&ground.seats, |output, seat| output.text(seat));
    output.optional(ground.rival_offset, Output::long);
    output.optional(ground.limit, Output::long);
    output.optional(ground.count, Output::long);
    output.optional(ground.first_offset, Output::long);
    output.text(&ground.detail);
}

fn read_refusal(input: &mut Input<'_>) -> Result<Option<OutcomeBody>, DecodeError> {
    let code = Code::from_number(input.int("code")?);
    let ground = Ground {
        seats: input.list("seats", |input| input.string("seats"))?,
        rival_offset: input.optional("rival_offset", |input| input.long("rival_offset"))?,
        limit: input.optional("limit", |input| input.long("limit"))?,
        count: input.optional("count", |input| input.long("count"))?,
        first_offset: input.optional("first_offset", |input| input.long("first_offset"))?,
        detail: input.string("detail")?,
    };
    Ok(code.map(|code| OutcomeBody::Refused(Refusal { code, ground })))
}
