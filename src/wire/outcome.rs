//! Outcomes: one record and one topic for each kind of decision.
//!
//! All begin with the same twelve fields, `kind` first. A reader skips what a newer writer has
//! added to a set that grows: an outcome whose kind, role, cause or refusal code has no name here
//! decodes to `None`. It is an outcome all the same; who counts sequences must expect the gap.

use std::sync::Arc;

use super::DecodeError;
use super::binary::{Input, Output, malformed};
use super::registry::{Framed, Record, begin, open};
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, Reference, RequestId};
use crate::domain::outcome::{
    Booked, Cancelled, Changed, ChangedKind, DECISION_VERSION, Exchanged, Header, Held, Outcome,
    OutcomeBody, Place, Released, Role, ToBlock,
};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::seat::Cause;
use crate::domain::time::Millis;
use crate::ports::log::{OutRecord, Topic};

/// The first kind of each topic that has several, or the only one.
const KIND_FIRST: i32 = 0;
/// On the topic of holds: an extension.
const KIND_EXTENDED: i32 = 1;
/// On the topic of bookings: an exchange.
const KIND_EXCHANGED: i32 = 1;
/// On the topic of releases: a cancel.
const KIND_CANCELLED: i32 = 1;

/// Encodes an outcome as a record of its topic; the key is the event id.
#[must_use]
pub fn encode(outcome: &Outcome) -> OutRecord {
    let (record, topic, kind, places) = match &outcome.body {
        OutcomeBody::Held(held) => (Record::Held, Topic::Held, KIND_FIRST, held.places.len()),
        OutcomeBody::Extended(held) => {
            (Record::Held, Topic::Held, KIND_EXTENDED, held.places.len())
        }
        OutcomeBody::Booked(booked) => {
            (Record::Booked, Topic::Booked, KIND_FIRST, booked.places.len())
        }
        OutcomeBody::Exchanged(exchanged) => {
            let places = exchanged.places.len() + 2 * exchanged.given_back.len();
            (Record::Booked, Topic::Booked, KIND_EXCHANGED, places)
        }
        OutcomeBody::Released(released) => {
            (Record::Released, Topic::Released, KIND_FIRST, released.seats.len())
        }
        OutcomeBody::Cancelled(cancelled) => {
            (Record::Released, Topic::Released, KIND_CANCELLED, cancelled.places.len())
        }
        OutcomeBody::Changed(changed) => {
            (Record::Changed, Topic::Changed, changed.kind as i32, changed.seats.len())
        }
        OutcomeBody::Refused(refusal) => {
            (Record::Refused, Topic::Refused, KIND_FIRST, refusal.ground.seats.len())
        }
    };
    let mut output = begin(record, 256 + 32 * places);
    output.int(kind);
    write_header(&mut output, &outcome.header);
    match &outcome.body {
        OutcomeBody::Held(held) | OutcomeBody::Extended(held) => write_held(&mut output, held),
        OutcomeBody::Booked(booked) => write_booked(&mut output, booked),
        OutcomeBody::Exchanged(exchanged) => write_exchanged(&mut output, exchanged),
        OutcomeBody::Released(released) => write_released(&mut output, released),
        OutcomeBody::Cancelled(cancelled) => write_cancelled(&mut output, cancelled),
        OutcomeBody::Changed(changed) => {
            output.long(changed.edition);
            output.text(&changed.actor);
            output.text(&changed.reason);
            output.list(&changed.seats, |output, seat| output.text(seat));
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
        Record::Held => read(&framed, held_kind, |input, body_of| {
            read_held(input).map(|held| Some(body_of(held)))
        }),
        Record::Booked => read(&framed, booked_kind, |input, read| read(input).map(Some)),
        Record::Released => read(&framed, released_kind, |input, read| read(input)),
        Record::Changed => read(&framed, changed_kind, |input, kind| {
            read_changed(input, kind).map(|changed| Some(OutcomeBody::Changed(changed)))
        }),
        Record::Refused => read(&framed, only, |input, ()| read_refusal(input)),
        Record::Define
        | Record::Amend
        | Record::Open
        | Record::Close
        | Record::Pause
        | Record::CallOff
        | Record::Block
        | Record::Unblock
        | Record::Claim
        | Record::Confirm
        | Record::Extend
        | Record::Release
        | Record::Cancel
        | Record::Exchange
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
    if kind == KIND_FIRST { Some(()) } else { None }
}

fn held_kind(kind: i32) -> Option<fn(Held) -> OutcomeBody> {
    match kind {
        KIND_FIRST => Some(OutcomeBody::Held),
        KIND_EXTENDED => Some(OutcomeBody::Extended),
        _ => None,
    }
}

/// Reads what a kind of booking says.
type ReadBooked = fn(&mut Input<'_>) -> Result<OutcomeBody, DecodeError>;

fn booked_kind(kind: i32) -> Option<ReadBooked> {
    match kind {
        KIND_FIRST => Some(|input| read_booked(input).map(OutcomeBody::Booked)),
        KIND_EXCHANGED => Some(|input| read_exchanged(input).map(OutcomeBody::Exchanged)),
        _ => None,
    }
}

/// Reads what a kind of release says.
type ReadReleased = fn(&mut Input<'_>) -> Result<Option<OutcomeBody>, DecodeError>;

fn released_kind(kind: i32) -> Option<ReadReleased> {
    match kind {
        KIND_FIRST => Some(read_released),
        KIND_CANCELLED => Some(read_cancelled),
        _ => None,
    }
}

const fn changed_kind(kind: i32) -> Option<ChangedKind> {
    match kind {
        0 => Some(ChangedKind::Defined),
        1 => Some(ChangedKind::Opened),
        2 => Some(ChangedKind::Closed),
        3 => Some(ChangedKind::Paused),
        4 => Some(ChangedKind::CalledOff),
        5 => Some(ChangedKind::Blocked),
        6 => Some(ChangedKind::Unblocked),
        7 => Some(ChangedKind::Amended),
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
            tier: input.text("place.tier")?.into(),
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
        currency: input.text("currency")?.into(),
        deadline: input.at("deadline")?,
        staff_override: input.boolean("staff_override")?,
    })
}

fn write_booked(output: &mut Output, booked: &Booked) {
    output.uuid(booked.hold.0);
    write_places(output, &booked.places);
    output.text(&booked.currency);
    output.text(booked.reference.as_str());
    write_moved(output, None);
}

fn read_booked(input: &mut Input<'_>) -> Result<Booked, DecodeError> {
    let booked = Booked {
        hold: RequestId(input.uuid("hold")?),
        places: read_places(input)?,
        currency: input.text("currency")?.into(),
        reference: input.name("reference", Reference::new)?,
    };
    read_moved(input)?;
    Ok(booked)
}

fn write_exchanged(output: &mut Output, exchanged: &Exchanged) {
    output.uuid(exchanged.hold.0);
    write_places(output, &exchanged.places);
    output.text(&exchanged.currency);
    output.text(exchanged.reference.as_str());
    write_moved(output, Some(exchanged));
}

fn read_exchanged(input: &mut Input<'_>) -> Result<Exchanged, DecodeError> {
    let hold = RequestId(input.uuid("hold")?);
    let places = read_places(input)?;
    let currency = input.text("currency")?.into();
    let reference = input.name("reference", Reference::new)?;
    let (taken, given_back, to_blocks, [old_sum, new_sum, difference]) = read_moved(input)?;
    Ok(Exchanged {
        hold,
        places,
        taken,
        given_back,
        to_blocks,
        currency,
        reference,
        old_sum,
        new_sum,
        difference,
    })
}

/// The fields that only an exchange has something to say in.
fn write_moved(output: &mut Output, exchanged: Option<&Exchanged>) {
    let taken = exchanged.map_or(&[][..], |exchanged| &exchanged.taken);
    output.list(taken, |output, seat| output.text(seat));
    write_places(output, exchanged.map_or(&[], |exchanged| &exchanged.given_back));
    write_to_blocks(output, exchanged.map_or(&[], |exchanged| &exchanged.to_blocks));
    output.long(exchanged.map_or(0, |exchanged| exchanged.old_sum));
    output.long(exchanged.map_or(0, |exchanged| exchanged.new_sum));
    output.long(exchanged.map_or(0, |exchanged| exchanged.difference));
}

type MovedPlaces = (Vec<String>, Vec<Place>, Vec<ToBlock>, [i64; 3]);

fn read_moved(input: &mut Input<'_>) -> Result<MovedPlaces, DecodeError> {
    let taken = input.list("taken", |input| input.string("taken"))?;
    let (given_back, to_blocks) = (read_places(input)?, read_to_blocks(input)?);
    let sums = [input.long("old_sum")?, input.long("new_sum")?, input.long("difference")?];
    Ok((taken, given_back, to_blocks, sums))
}

fn write_released(output: &mut Output, released: &Released) {
    output.uuid(released.hold.0);
    output.list(&released.seats, |output, seat| output.text(seat));
    output.int(released.cause as i32);
    write_given_back(output, None);
}

fn read_released(input: &mut Input<'_>) -> Result<Option<OutcomeBody>, DecodeError> {
    let hold = RequestId(input.uuid("hold")?);
    let seats = input.list("seats", |input| input.string("seats"))?;
    let cause = Cause::from_number(input.int("cause")?);
    read_given_back(input)?;
    Ok(cause.map(|cause| OutcomeBody::Released(Released { hold, seats, cause })))
}

fn write_cancelled(output: &mut Output, cancelled: &Cancelled) {
    output.uuid(cancelled.hold.0);
    output.list(&[] as &[String], |output, seat| output.text(seat));
    output.int(Cause::Cancelled as i32);
    write_given_back(output, Some(cancelled));
}

fn read_cancelled(input: &mut Input<'_>) -> Result<Option<OutcomeBody>, DecodeError> {
    let hold = RequestId(input.uuid("hold")?);
    input.list("seats", |input| input.string("seats"))?;
    input.int("cause")?;
    let (places, currency, remaining, reference, refund, to_blocks) = read_given_back(input)?;
    let reference = reference.ok_or_else(|| malformed("reference", "is null in a cancel"))?;
    let cancelled = Cancelled { hold, places, to_blocks, currency, remaining, reference, refund };
    Ok(Some(OutcomeBody::Cancelled(cancelled)))
}

/// The fields that only a cancel has something to say in.
fn write_given_back(output: &mut Output, cancelled: Option<&Cancelled>) {
    write_places(output, cancelled.map_or(&[], |cancelled| &cancelled.places));
    output.text(cancelled.map_or("", |cancelled| &cancelled.currency));
    output.long(cancelled.map_or(0, |cancelled| i64::from(cancelled.remaining)));
    let reference = cancelled.map(|cancelled| cancelled.reference.as_str());
    output.optional(reference, Output::text);
    output.long(cancelled.map_or(0, |cancelled| cancelled.refund));
    write_to_blocks(output, cancelled.map_or(&[], |cancelled| &cancelled.to_blocks));
}

type GivenBack = (Vec<Place>, Arc<str>, u32, Option<Reference>, i64, Vec<ToBlock>);

fn read_given_back(input: &mut Input<'_>) -> Result<GivenBack, DecodeError> {
    Ok((
        read_places(input)?,
        input.text("currency")?.into(),
        input.count("remaining")?,
        input.optional("reference", |input| input.name("reference", Reference::new))?,
        input.long("refund")?,
        read_to_blocks(input)?,
    ))
}

fn write_to_blocks(output: &mut Output, to_blocks: &[ToBlock]) {
    output.list(to_blocks, |output, place| {
        output.text(&place.seat);
        output.text(&place.reason);
    });
}

fn read_to_blocks(input: &mut Input<'_>) -> Result<Vec<ToBlock>, DecodeError> {
    input.list("to_blocks", |input| {
        Ok(ToBlock {
            seat: input.string("to_block.seat")?,
            reason: input.string("to_block.reason")?,
        })
    })
}

fn read_changed(input: &mut Input<'_>, kind: ChangedKind) -> Result<Changed, DecodeError> {
    Ok(Changed {
        kind,
        edition: input.long("edition")?,
        actor: input.string("actor")?,
        reason: input.string("reason")?,
        seats: input.list("seats", |input| input.string("seats"))?,
    })
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
