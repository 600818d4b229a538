//! Examples of every record, for all tests of this folder. The first one of each record is its
//! golden example: its bytes are under `schemas/golden/`, so it never changes.

use std::sync::Arc;

use uuid::Uuid;

use super::catalog::{self, Catalog};
use super::dead_letter::{self, DeadLetter, Reason};
use super::inventory::{self, Count, Inventory, SectionFree};
use super::outbox::{self, Entry};
use super::registry::Record;
use super::venue::Venue;
use super::{DecodeError, outcome, request, term, venue};
use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, Digest, EventId, Partition, Reference, RequestId};
use crate::domain::layout::{Definition, Limits, Numbering, Places, Row, Run, Section, Tier};
use crate::domain::outcome::{
    Booked, Cancelled, Changed, ChangedKind, Exchanged, Header, Held, Outcome, OutcomeBody, Place,
    Released, Role, ToBlock,
};
use crate::domain::refusal::{Code, Ground, Refusal};
use crate::domain::request::{
    Administration, Amend, Best, Block, Body, Cancel, Claim, Confirm, Define, Exchange, Extend,
    Line, Release, Request, Target, Unblock,
};
use crate::domain::seat::Cause;
use crate::domain::time::{At, Millis};
use crate::ports::log::{OutRecord, RawRecord, TermRecord, Topic};

/// Decodes a framed value and encodes what it found; `None` for what readers skip.
pub(super) type Again = fn(&[u8]) -> Result<Option<Vec<u8>>, DecodeError>;

/// An encoded example.
pub(super) struct Example {
    pub(super) record: Record,
    pub(super) bytes: Vec<u8>,
    pub(super) again: Again,
}

/// All examples, those of one record together, in the order of [`Record::ALL`].
pub(super) fn all() -> Vec<Example> {
    let mut all = vec![];
    let mut add = |record, bytes, again: Again| all.push(Example { record, bytes, again });
    for request in requests() {
        let record = record_of(&request.body);
        add(record, request::encode(&request), |b| {
            request::decode(b).map(|request| Some(request::encode(&request)))
        });
    }
    for outcome in outcomes() {
        add(record_of_outcome(&outcome.body), outcome::encode(&outcome).value, |b| {
            outcome::decode(b).map(|found| found.map(|outcome| outcome::encode(&outcome).value))
        });
    }
    for catalog in catalogs() {
        add(Record::Catalog, catalog::encode(&catalog).value, |b| {
            catalog::decode(b).map(|catalog| Some(catalog::encode(&catalog).value))
        });
    }
    for inventory in inventories() {
        add(Record::Inventory, inventory::encode(&inventory).value, |b| {
            inventory::decode(b).map(|inventory| Some(inventory::encode(&inventory).value))
        });
    }
    for term in terms() {
        add(Record::Term, term::encode(&term).value, |b| {
            term::decode(b).map(|term| Some(term::encode(&term).value))
        });
    }
    for letter in dead_letters() {
        add(Record::DeadLetter, dead_letter::encode(&letter).value, |b| {
            dead_letter::decode(b).map(|letter| Some(dead_letter::encode(&letter).value))
        });
    }
    for entries in outboxes() {
        add(Record::Outbox, outbox::encode_datum(entries.iter()), |b| {
            outbox::decode_datum(b).map(|entries| Some(outbox::encode_datum(entries.iter())))
        });
    }
    for kept in venues() {
        add(Record::Venue, venue::encode(&kept), |b| {
            venue::decode(b).map(|kept| Some(venue::encode(&kept)))
        });
    }
    all
}

fn record_of(body: &Body) -> Record {
    match body {
        Body::Define(_) => Record::Define,
        Body::Amend(_) => Record::Amend,
        Body::Open(_) => Record::Open,
        Body::Close(_) => Record::Close,
        Body::Pause(_) => Record::Pause,
        Body::CallOff(_) => Record::CallOff,
        Body::Block(_) => Record::Block,
        Body::Unblock(_) => Record::Unblock,
        Body::Claim(_) => Record::Claim,
        Body::Confirm(_) => Record::Confirm,
        Body::Extend(_) => Record::Extend,
        Body::Release(_) => Record::Release,
        Body::Cancel(_) => Record::Cancel,
        Body::Exchange(_) => Record::Exchange,
        Body::Expire => Record::Expire,
    }
}

fn record_of_outcome(body: &OutcomeBody) -> Record {
    match body {
        OutcomeBody::Held(_) | OutcomeBody::Extended(_) => Record::Held,
        OutcomeBody::Booked(_) | OutcomeBody::Exchanged(_) => Record::Booked,
        OutcomeBody::Released(_) | OutcomeBody::Cancelled(_) => Record::Released,
        OutcomeBody::Changed(_) => Record::Changed,
        OutcomeBody::Refused(_) => Record::Refused,
    }
}

pub(super) fn event() -> EventId {
    EventId::new("cup-final:2027").unwrap()
}

fn long_event() -> EventId {
    EventId::new(&"e".repeat(64)).unwrap()
}

fn buyer() -> BuyerId {
    BuyerId::new("buyer-17").unwrap()
}

pub(super) fn id(last: u64) -> RequestId {
    RequestId(Uuid::from_u128(0x018f_0000_0001_7000_8000_0000_0000_0000 + u128::from(last)))
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

pub(super) fn definitions() -> Vec<Definition> {
    let tier =
        |name: &str, price, seats_per_buyer| Tier { name: name.into(), price, seats_per_buyer };
    let row = |name: &str, seats: &str, tier: Option<&str>| Row {
        name: name.into(),
        seats: seats.into(),
        tier: tier.map(str::to_owned),
        bays: String::new(),
        companions: String::new(),
    };
    let arena = Definition {
        event: event(),
        hold_time: Millis(480_000),
        max_wait: Millis(30_000),
        extend_max: Millis(0),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits {
            seats_per_request: Some(8),
            seats_per_buyer: None,
            live_holds_per_buyer: Some(2),
        },
        tiers: vec![tier("full", 8_950, None), tier("child", 4_500, Some(4))],
        sections: vec![
            Section {
                name: "north".into(),
                rank: 1,
                tiers: strings(&["full", "child"]),
                places: Places::Rows(vec![
                    row("A", "1-10 | 11-20", None),
                    row("B", "7 5 3 1 | 2 4 6 8", Some("child")),
                ]),
            },
            Section {
                name: "floor".into(),
                rank: 2,
                tiers: strings(&["full"]),
                places: Places::General(3_000),
            },
        ],
    };
    let extremes = Definition {
        event: long_event(),
        hold_time: Millis(i64::MAX),
        max_wait: Millis(i64::MIN),
        extend_max: Millis(i64::MAX),
        no_single_seats: true,
        currency: String::new(),
        limits: Limits { seats_per_buyer: Some(u32::MAX), ..Limits::default() },
        tiers: vec![tier("", i64::MIN, Some(0))],
        sections: vec![Section {
            name: "Ränge".into(),
            rank: i32::MIN,
            tiers: vec![],
            places: Places::Rows(vec![]),
        }],
    };
    vec![arena, extremes]
}

pub(super) fn requests() -> Vec<Request> {
    let of = |body| Request { id: id(1), event: event(), body };
    let mut requests: Vec<Request> = definitions()
        .into_iter()
        .map(|definition| {
            of(Body::Define(Box::new(Define { definition, actor: "box-office".into() })))
        })
        .collect();
    let amend = |definition| Amend { edition: 7, actor: "box-office".into(), definition };
    let amends = definitions().into_iter().map(|of| Body::Amend(Box::new(amend(of))));
    requests.extend(amends.map(of));
    let operator = |edition, actor: &str| Administration { edition, actor: actor.into() };
    requests.push(of(Body::Open(operator(1, "box-office"))));
    requests.push(of(Body::Open(operator(i64::MIN, ""))));
    requests.push(of(Body::Close(operator(2, "box-office"))));
    requests.push(of(Body::Pause(operator(2, "box-office"))));
    requests.push(of(Body::CallOff(operator(2, "box-office"))));
    let places = vec![
        Target::Named("north/A".into()),
        Target::Places { section: "floor".into(), count: 20 },
        Target::Named(String::new()),
        Target::Places { section: String::new(), count: u32::MAX },
    ];
    let block = Block { edition: 2, actor: "box-office".into(), reason: "press".into(), places };
    requests.push(of(Body::Block(block.clone())));
    requests.push(of(Body::Block(Block {
        reason: String::new(),
        places: vec![],
        ..block.clone()
    })));
    let Block { edition, actor, places, .. } = block;
    requests.push(of(Body::Unblock(Unblock { edition, actor, places })));
    requests.extend(claims().into_iter().map(|claim| of(Body::Claim(claim))));
    let reference = Reference::new("pay_0815").unwrap();
    requests.push(of(Body::Confirm(Confirm { buyer: buyer(), hold: id(7), reference })));
    let deadline = At(1_700_000_480_123);
    requests.push(of(Body::Extend(Extend { buyer: buyer(), hold: id(7), deadline })));
    requests.push(of(Body::Release(Release { buyer: buyer(), hold: id(7) })));
    let seats = strings(&["north/A/11", "floor/17"]);
    let cancel = Cancel { buyer: buyer(), hold: id(7), seats, block: None };
    requests.push(of(Body::Cancel(cancel.clone())));
    let block = Some("waiting list".into());
    requests.push(of(Body::Cancel(Cancel { seats: vec![], block, ..cancel })));
    requests.extend(exchanges().into_iter().map(|exchange| of(Body::Exchange(exchange))));
    requests.push(of(Body::Expire));
    requests.push(Request { id: RequestId::NONE, event: long_event(), body: Body::Expire });
    requests
}

fn exchanges() -> Vec<Exchange> {
    let [mixed, extremes, ..] = &claims()[..] else { unreachable!("there are more claims") };
    let usual = Exchange {
        buyer: buyer(),
        hold: id(7),
        seats: strings(&["north/A/12", "floor/17"]),
        lines: mixed.lines.clone(),
        expected_difference: Some(-4_450),
    };
    let extremes = Exchange {
        seats: vec![],
        lines: extremes.lines.clone(),
        expected_difference: None,
        ..usual.clone()
    };
    vec![usual, extremes]
}

fn claims() -> Vec<Claim> {
    let mixed = Claim {
        buyer: buyer(),
        lines: vec![
            Line::Seat { name: "north/A/11".into(), tier: None },
            Line::Seat { name: "north/B/7".into(), tier: Some("child".into()) },
            Line::Places { section: "floor".into(), tier: None, count: 2 },
        ],
        expected_price: Some(31_350),
        staff_override: false,
        accessible: false,
    };
    let extremes = Claim {
        buyer: BuyerId::new(&"b".repeat(64)).unwrap(),
        lines: vec![
            Line::Places { section: String::new(), tier: Some(String::new()), count: u32::MAX },
            Line::Seat { name: "x".repeat(1_000), tier: None },
            Line::Best(Best {
                section: Some("north".into()),
                tier: Some("full".into()),
                max_price: Some(9_000),
                count: 4,
                split: true,
                bays: 1,
            }),
            Line::Best(Best {
                section: None,
                tier: None,
                max_price: Some(i64::MIN),
                count: u32::MAX,
                split: false,
                bays: u32::MAX,
            }),
        ],
        expected_price: Some(i64::MIN),
        staff_override: true,
        accessible: true,
    };
    let nothing = Claim { lines: vec![], expected_price: None, ..mixed.clone() };
    let wide = Claim {
        lines: (0..200).map(|n| Line::Seat { name: format!("north/A/{n}"), tier: None }).collect(),
        ..mixed.clone()
    };
    vec![mixed, extremes, nothing, wide]
}

fn headers() -> [Header; 2] {
    let usual = Header {
        event: event(),
        sequence: 4_711,
        request: id(1),
        partition: Partition(12),
        offset: 90_210,
        role: Role::Answer,
        decided_at: At(1_700_000_000_123),
        waited: Millis(17),
        buyer: Some(buyer()),
        digest: Digest([0xd1; 16]),
    };
    let extremes = Header {
        event: long_event(),
        sequence: i64::MAX,
        request: RequestId(Uuid::max()),
        partition: Partition(i32::MAX),
        offset: i64::MIN,
        role: Role::Repeat,
        decided_at: At(i64::MIN),
        waited: Millis(-1),
        buyer: None,
        digest: Digest([0; 16]),
    };
    [usual, extremes]
}

pub(super) fn outcomes() -> Vec<Outcome> {
    let [usual, extremes] = headers();
    let derived = Header { role: Role::Derived, ..usual.clone() };
    let mut outcomes = vec![];
    let mut add = |header: &Header, body| outcomes.push(Outcome { header: header.clone(), body });
    let places = vec![
        Place { seat: "north/A/11".into(), tier: "full".into(), price: 8_950 },
        Place { seat: "floor/17".into(), tier: "full".into(), price: 8_950 },
    ];
    let held = Held {
        hold: id(1),
        places: places.clone(),
        currency: "EUR".into(),
        deadline: At(1_700_000_480_123),
        staff_override: false,
    };
    add(&usual, OutcomeBody::Held(held.clone()));
    add(&usual, OutcomeBody::Extended(held.clone()));
    let deadline = At(i64::MAX);
    add(
        &extremes,
        OutcomeBody::Held(Held { deadline, places: vec![], staff_override: true, ..held }),
    );
    let reference = Reference::new("pay_0815").unwrap();
    let cancelled = Cancelled {
        hold: id(7),
        places: places.clone(),
        to_blocks: vec![ToBlock { seat: "floor/17".into(), reason: "press".into() }],
        currency: "EUR".into(),
        remaining: 1,
        reference: reference.clone(),
        refund: 17_900,
    };
    let exchanged = exchanges_told(&cancelled);
    let booked = Booked { hold: id(7), places, currency: "EUR".into(), reference };
    add(&usual, OutcomeBody::Booked(booked.clone()));
    add(&extremes, OutcomeBody::Booked(booked));
    let [exchanged, nothing] = exchanged;
    add(&usual, OutcomeBody::Exchanged(exchanged));
    add(&extremes, OutcomeBody::Exchanged(nothing));
    let released = Released {
        hold: id(7),
        seats: strings(&["north/A/11", "floor/17"]),
        cause: Cause::Released,
    };
    add(&usual, OutcomeBody::Released(released.clone()));
    add(&derived, OutcomeBody::Released(Released { cause: Cause::Expired, ..released }));
    add(&usual, OutcomeBody::Cancelled(cancelled.clone()));
    let refund = i64::MIN;
    let nothing =
        Cancelled { places: vec![], to_blocks: vec![], remaining: u32::MAX, refund, ..cancelled };
    add(&extremes, OutcomeBody::Cancelled(nothing));
    for changed in changes() {
        add(&usual, OutcomeBody::Changed(changed));
    }
    let ground = Ground {
        seats: strings(&["north/A/11"]),
        rival_offset: Some(90_100),
        limit: Some(8),
        count: Some(9),
        first_offset: None,
        detail: "two words".into(),
    };
    add(&usual, OutcomeBody::Refused(Refusal { code: Code::SeatsTaken, ground }));
    add(&extremes, OutcomeBody::Refused(Refusal::limited(Code::BadRequest, i64::MIN, i64::MAX)));
    for &code in Code::ALL {
        add(&usual, OutcomeBody::Refused(Refusal::plain(code)));
    }
    outcomes
}

fn exchanges_told(cancelled: &Cancelled) -> [Exchanged; 2] {
    let usual = Exchanged {
        hold: id(7),
        places: cancelled.places.clone(),
        taken: strings(&["north/A/11"]),
        given_back: cancelled.places.clone(),
        to_blocks: cancelled.to_blocks.clone(),
        currency: "EUR".into(),
        reference: cancelled.reference.clone(),
        old_sum: 17_900,
        new_sum: 26_850,
        difference: 8_950,
    };
    let extremes =
        Exchanged { given_back: vec![], to_blocks: vec![], difference: i64::MIN, ..usual.clone() };
    [usual, extremes]
}

fn changes() -> Vec<Changed> {
    let of_kind = |kind| Changed {
        kind,
        edition: 2,
        actor: "box-office".into(),
        reason: String::new(),
        seats: vec![],
    };
    let blocked = Changed {
        reason: "press".into(),
        seats: strings(&["north/A/11", "floor/17"]),
        ..of_kind(ChangedKind::Blocked)
    };
    let unblocked =
        Changed { reason: String::new(), kind: ChangedKind::Unblocked, ..blocked.clone() };
    vec![
        of_kind(ChangedKind::Opened),
        of_kind(ChangedKind::Defined),
        of_kind(ChangedKind::Closed),
        of_kind(ChangedKind::Paused),
        of_kind(ChangedKind::CalledOff),
        blocked,
        unblocked,
        of_kind(ChangedKind::Amended),
    ]
}

pub(super) fn venues() -> Vec<Venue> {
    let of = |definition| Venue { definition, numbering: None };
    let mut venues: Vec<Venue> = definitions().into_iter().map(of).collect();
    let run = |row, count, label| Run { row, count, label };
    let runs = vec![run(0, 4, 0), run(u32::MAX, 1, 0), run(4, u32::MAX, 17)];
    let numbering = Some(Numbering { next: 5, runs });
    venues.push(Venue { numbering, ..venues[0].clone() });
    venues
}

pub(super) fn catalogs() -> Vec<Catalog> {
    let states =
        [SaleState::Open, SaleState::NotOpen, SaleState::Closed, SaleState::Paused, SaleState::Off];
    let of = |(definition, sale): (Definition, SaleState)| Catalog {
        event: event(),
        sequence: 2,
        edition: 2,
        sale,
        definition,
    };
    definitions().into_iter().cycle().zip(states).map(of).collect()
}

pub(super) fn inventories() -> Vec<Inventory> {
    let usual = Inventory {
        event: event(),
        sequence: 4_711,
        position: 90_211,
        revision: 812,
        at: At(1_700_000_000_123),
        suspended: false,
        live_holds: 2,
        earliest_deadline: Some(At(1_700_000_480_123)),
        counts: vec![Count { section: "north".into(), tier: "full".into(), held: 3, booked: 11 }],
        free: vec![
            SectionFree { section: "north".into(), free: 14, blocked: 0 },
            SectionFree { section: "floor".into(), free: 3_000, blocked: 0 },
        ],
    };
    let empty = Inventory {
        position: -1,
        suspended: true,
        earliest_deadline: None,
        counts: vec![],
        free: vec![],
        ..usual.clone()
    };
    let blocked = Inventory {
        free: vec![SectionFree { section: "north".into(), free: 0, blocked: 25 }],
        ..empty.clone()
    };
    vec![usual, empty, blocked]
}

pub(super) fn terms() -> Vec<TermRecord> {
    let usual = TermRecord {
        partition: Partition(12),
        transactional_id: "holdfast-owner-3".into(),
        instance_id: "owner-3".into(),
        ledger: Uuid::from_u128(0x6ba7_b810_9dad_41d1_80b4_00c0_4fd4_30c8),
        ledger_cluster: "ledger-east".into(),
        partitions: 128,
        decision_version: 1,
    };
    let odd = TermRecord { ledger_cluster: String::new(), partitions: i32::MIN, ..usual.clone() };
    vec![usual, odd]
}

pub(super) fn raw() -> RawRecord {
    RawRecord {
        partition: 12,
        offset: 90_210,
        appended: At(1_700_000_000_123),
        key: Some(b"cup-final:2027".to_vec()),
        value: Some(b"no Avro".to_vec()),
        headers: vec![("trace".into(), Some(b"00-4b".to_vec())), ("null".into(), None)],
        epoch: 3,
    }
}

pub(super) fn dead_letters() -> Vec<DeadLetter> {
    let null = RawRecord { key: None, value: None, headers: vec![], ..raw() };
    let empty = RawRecord { key: Some(vec![]), value: Some(vec![]), ..raw() };
    vec![
        DeadLetter::from_record(&raw(), Reason::Undecodable, "no frame"),
        DeadLetter::from_record(&null, Reason::NullValue, ""),
        DeadLetter::from_record(&empty, Reason::Keyless, "the key is empty"),
    ]
}

pub(super) fn outboxes() -> Vec<Vec<Entry>> {
    let odd = OutRecord {
        topic: Topic::DeadLetters,
        key: None,
        value: vec![],
        headers: vec![("empty".into(), Some(vec![])), ("null".into(), None)],
    };
    let keyed = OutRecord {
        topic: Topic::Held,
        key: Some(b"cup-final:2027".to_vec()),
        value: vec![7; 9],
        headers: vec![],
    };
    let entry = |offset, records| Entry {
        offset,
        digest: Digest([0xd1; 16]),
        sequence_before: 4_710,
        records: Arc::new(records),
    };
    let every_topic = Topic::ALL.map(|topic| OutRecord { topic, ..keyed.clone() }).to_vec();
    vec![
        vec![entry(90_210, vec![keyed.clone(), odd]), entry(90_212, vec![keyed])],
        vec![],
        vec![entry(i64::MAX, vec![])],
        vec![entry(0, every_topic)],
    ]
}
