//! Requests: one record each, all on the request topic, told apart by their fingerprints.
//!
//! All begin with the request id and the event. What breaks the alphabet of names is malformed: no
//! answer could carry it. Everything else that does not make sense decodes, and is refused by the
//! domain.

use super::DecodeError;
use super::binary::{Input, Output, malformed};
use super::registry::{Record, begin, open};
use crate::domain::ids::{BuyerId, EventId, Reference, RequestId};
use crate::domain::request::{
    Administration, Amend, Best, Block, Body, Cancel, Claim, Confirm, Define, Exchange, Extend,
    Line, Release, Request, Target, Unblock,
};

/// Encodes a request as the value of its record; the record's key is the event id.
#[must_use]
pub fn encode(request: &Request) -> Vec<u8> {
    let (record, capacity) = frame(&request.body);
    let mut output = begin(record, capacity);
    output.uuid(request.id.0);
    output.text(request.event.as_str());
    match &request.body {
        Body::Define(define) => {
            output.text(&define.actor);
            super::definition::write(&mut output, &define.definition);
        }
        Body::Amend(amend) => {
            output.long(amend.edition);
            output.text(&amend.actor);
            super::definition::write(&mut output, &amend.definition);
        }
        Body::Open(ask) | Body::Close(ask) | Body::Pause(ask) | Body::CallOff(ask) => {
            output.long(ask.edition);
            output.text(&ask.actor);
        }
        Body::Block(block) => {
            output.long(block.edition);
            output.text(&block.actor);
            output.text(&block.reason);
            output.list(&block.places, write_target);
        }
        Body::Unblock(unblock) => {
            output.long(unblock.edition);
            output.text(&unblock.actor);
            output.list(&unblock.places, write_target);
        }
        Body::Claim(claim) => write_claim(&mut output, claim),
        Body::Confirm(confirm) => {
            output.text(confirm.buyer.as_str());
            output.uuid(confirm.hold.0);
            output.text(confirm.reference.as_str());
        }
        Body::Extend(extend) => {
            output.text(extend.buyer.as_str());
            output.uuid(extend.hold.0);
            output.at(extend.deadline);
        }
        Body::Release(release) => {
            output.text(release.buyer.as_str());
            output.uuid(release.hold.0);
        }
        Body::Cancel(cancel) => {
            output.text(cancel.buyer.as_str());
            output.uuid(cancel.hold.0);
            output.list(&cancel.seats, |output, seat| output.text(seat));
            output.optional(cancel.block.as_deref(), Output::text);
        }
        Body::Exchange(exchange) => write_exchange(&mut output, exchange),
        Body::Expire => {}
    }
    output.into_bytes()
}

/// The record of a request, and about how many bytes it comes to.
fn frame(body: &Body) -> (Record, usize) {
    match body {
        Body::Define(_) => (Record::Define, 4_096),
        Body::Amend(_) => (Record::Amend, 4_096),
        Body::Open(_) => (Record::Open, 128),
        Body::Close(_) => (Record::Close, 128),
        Body::Pause(_) => (Record::Pause, 128),
        Body::CallOff(_) => (Record::CallOff, 128),
        Body::Block(block) => (Record::Block, 192 + 24 * block.places.len()),
        Body::Unblock(unblock) => (Record::Unblock, 128 + 24 * unblock.places.len()),
        Body::Claim(claim) => (Record::Claim, 160 + 32 * claim.lines.len()),
        Body::Confirm(_) => (Record::Confirm, 192),
        Body::Extend(_) => (Record::Extend, 160),
        Body::Release(_) => (Record::Release, 160),
        Body::Cancel(cancel) => (Record::Cancel, 192 + 16 * cancel.seats.len()),
        Body::Exchange(exchange) => {
            (Record::Exchange, 192 + 16 * exchange.seats.len() + 32 * exchange.lines.len())
        }
        Body::Expire => (Record::Expire, 96),
    }
}

/// Decodes the value of a request record.
///
/// # Errors
/// [`DecodeError::UnknownSchema`] also for a record that is known and no request.
pub fn decode(value: &[u8]) -> Result<Request, DecodeError> {
    let framed = open(value)?;
    let read_body: fn(&mut Input<'_>) -> Result<Body, DecodeError> = match framed.record {
        Record::Define => |input| read_define(input).map(|define| Body::Define(Box::new(define))),
        Record::Amend => |input| read_amend(input).map(|amend| Body::Amend(Box::new(amend))),
        Record::Open => |input| read_administration(input).map(Body::Open),
        Record::Close => |input| read_administration(input).map(Body::Close),
        Record::Pause => |input| read_administration(input).map(Body::Pause),
        Record::CallOff => |input| read_administration(input).map(Body::CallOff),
        Record::Block => |input| read_block(input).map(Body::Block),
        Record::Unblock => |input| read_unblock(input).map(Body::Unblock),
        Record::Claim => |input| read_claim(input).map(Body::Claim),
        Record::Confirm => |input| read_confirm(input).map(Body::Confirm),
        Record::Extend => |input| read_extend(input).map(Body::Extend),
        Record::Release => |input| read_release(input).map(Body::Release),
        Record::Cancel => |input| read_cancel(input).map(Body::Cancel),
        Record::Exchange => |input| read_exchange(input).map(Body::Exchange),
        Record::Expire => |_| Ok(Body::Expire),
        Record::Held
        | Record::Booked
        | Record::Released
        | Record::Changed
        | Record::Refused
        | Record::Catalog
        | Record::Inventory
        | Record::Term
        | Record::DeadLetter
        | Record::Outbox
        | Record::Venue => return Err(DecodeError::UnknownSchema(framed.fingerprint)),
    };
    framed.read(|input| {
        let id = RequestId(input.uuid("request_id")?);
        let event = input.name("event", EventId::new)?;
        Ok(Request { id, event, body: read_body(input)? })
    })
}

fn read_define(input: &mut Input<'_>) -> Result<Define, DecodeError> {
    let actor = input.string("actor")?;
    Ok(Define { definition: super::definition::read(input)?, actor })
}

fn read_amend(input: &mut Input<'_>) -> Result<Amend, DecodeError> {
    let edition = input.long("edition")?;
    let Define { definition, actor } = read_define(input)?;
    Ok(Amend { edition, actor, definition })
}

fn read_administration(input: &mut Input<'_>) -> Result<Administration, DecodeError> {
    Ok(Administration { edition: input.long("edition")?, actor: input.string("actor")? })
}

fn read_confirm(input: &mut Input<'_>) -> Result<Confirm, DecodeError> {
    Ok(Confirm {
        buyer: input.name("buyer", BuyerId::new)?,
        hold: RequestId(input.uuid("hold")?),
        reference: input.name("reference", Reference::new)?,
    })
}

fn read_release(input: &mut Input<'_>) -> Result<Release, DecodeError> {
    Ok(Release { buyer: input.name("buyer", BuyerId::new)?, hold: RequestId(input.uuid("hold")?) })
}

fn read_extend(input: &mut Input<'_>) -> Result<Extend, DecodeError> {
    Ok(Extend {
        buyer: input.name("buyer", BuyerId::new)?,
        hold: RequestId(input.uuid("hold")?),
        deadline: input.at("deadline")?,
    })
}

fn read_cancel(input: &mut Input<'_>) -> Result<Cancel, DecodeError> {
    Ok(Cancel {
        buyer: input.name("buyer", BuyerId::new)?,
        hold: RequestId(input.uuid("hold")?),
        seats: input.list("seats", |input| input.string("seats"))?,
        block: input.optional("block", |input| input.string("block"))?,
    })
}

fn read_exchange(input: &mut Input<'_>) -> Result<Exchange, DecodeError> {
    Ok(Exchange {
        buyer: input.name("buyer", BuyerId::new)?,
        hold: RequestId(input.uuid("hold")?),
        seats: input.list("seats", |input| input.string("seats"))?,
        lines: input.list("lines", read_line)?,
        expected_difference: input
            .optional("expected_difference", |input| input.long("expected_difference"))?,
    })
}

fn read_block(input: &mut Input<'_>) -> Result<Block, DecodeError> {
    Ok(Block {
        edition: input.long("edition")?,
        actor: input.string("actor")?,
        reason: input.string("reason")?,
        places: input.list("places", read_target)?,
    })
}

fn read_unblock(input: &mut Input<'_>) -> Result<Unblock, DecodeError> {
    Ok(Unblock {
        edition: input.long("edition")?,
        actor: input.string("actor")?,
        places: input.list("places", read_target)?,
    })
}

fn write_target(output: &mut Output, target: &Target) {
    let (name, section, count) = match target {
        Target::Named(name) => (Some(name), None, None),
        Target::Places { section, count } => (None, Some(section), Some(*count)),
    };
    output.optional(name, |output, name| output.text(name));
    output.optional(section, |output, section| output.text(section));
    output.optional(count, |output, count| output.long(i64::from(count)));
}

fn read_target(input: &mut Input<'_>) -> Result<Target, DecodeError> {
    let name = input.optional("place.name", |input| input.string("place.name"))?;
    let section = input.optional("place.section", |input| input.string("place.section"))?;
    let count = input.optional("place.count", |input| input.count("place.count"))?;
    match (name, section, count) {
        (Some(name), None, None) => Ok(Target::Named(name)),
        (None, Some(section), Some(count)) => Ok(Target::Places { section, count }),
        (_, _, _) => Err(malformed("place", "has neither a name alone nor a section with a count")),
    }
}

fn write_claim(output: &mut Output, claim: &Claim) {
    output.text(claim.buyer.as_str());
    output.list(&claim.lines, write_line);
    output.optional(claim.expected_price, Output::long);
    output.boolean(claim.staff_override);
    output.boolean(claim.accessible);
}

fn read_claim(input: &mut Input<'_>) -> Result<Claim, DecodeError> {
    Ok(Claim {
        buyer: input.name("buyer", BuyerId::new)?,
        lines: input.list("lines", read_line)?,
        expected_price: input.optional("expected_price", |input| input.long("expected_price"))?,
        staff_override: input.boolean("staff_override")?,
        accessible: input.boolean("accessible")?,
    })
}

fn write_exchange(output: &mut Output, exchange: &Exchange) {
    output.text(exchange.buyer.as_str());
    output.uuid(exchange.hold.0);
    output.list(&exchange.seats, |output, seat| output.text(seat));
    output.list(&exchange.lines, write_line);
    output.optional(exchange.expected_difference, Output::long);
}

fn write_line(output: &mut Output, line: &Line) {
    let (seat, section, tier, count, best) = match line {
        Line::Seat { name, tier } => (Some(name), None, tier, None, None),
        Line::Places { section, tier, count } => (None, Some(section), tier, Some(*count), None),
        Line::Best(best) => (None, best.section.as_ref(), &best.tier, Some(best.count), Some(best)),
    };
    output.optional(seat, |output, seat| output.text(seat));
    output.optional(section, |output, section| output.text(section));
    output.optional(tier.as_deref(), Output::text);
    output.optional(count, |output, count| output.long(i64::from(count)));
    output.optional(best, |output, best| {
        output.optional(best.max_price, Output::long);
        output.boolean(best.split);
        output.long(i64::from(best.bays));
    });
}

fn read_line(input: &mut Input<'_>) -> Result<Line, DecodeError> {
    let seat = input.optional("line.seat", |input| input.string("line.seat"))?;
    let section = input.optional("line.section", |input| input.string("line.section"))?;
    let tier = input.optional("line.tier", |input| input.string("line.tier"))?;
    let count = input.optional("line.count", |input| input.count("line.count"))?;
    let best = input.optional("line.best", |input| {
        let max_price = input.optional("line.max_price", |input| input.long("line.max_price"))?;
        Ok((max_price, input.boolean("line.split")?, input.count("line.bays")?))
    })?;
    match (seat, section, count, best) {
        (Some(name), None, None, None) => Ok(Line::Seat { name, tier }),
        (None, Some(section), Some(count), None) => Ok(Line::Places { section, tier, count }),
        (None, section, Some(count), Some((max_price, split, bays))) => {
            Ok(Line::Best(Best { section, tier, max_price, count, split, bays }))
        }
        (_, _, _, _) => {
            let problem =
                "is neither a seat alone, nor a section with a count, nor the best so many";
            Err(malformed("line", problem))
        }
    }
}
