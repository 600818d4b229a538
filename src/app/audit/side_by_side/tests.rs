use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::app::audit::fixture::{PARTITION, START, record};
use crate::app::audit::progress::Progress;
use crate::app::audit::{Audited, audit};
use crate::audit::{Check, Report};
use crate::domain::ids::{EventId, RequestId};
use crate::domain::outcome::{Header, Outcome, OutcomeBody, Role};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::request::{Body, Request};
use crate::domain::time::Millis;
use crate::ports::clock::ticks;
use crate::ports::log::{Error, Follower, From, Member, OwnerLog, Producer, Sink};
use crate::wire;

/// A log that makes its records when they are read.
#[derive(Clone)]
struct Fake {
    requests: i64,
    /// How many more are asked while the answers are read.
    meanwhile: i64,
    /// The answers of a topic, one after the other.
    answers: Arc<dyn Fn(Topic) -> Box<dyn Iterator<Item = LogRecord>> + Send + Sync>,
    /// Records made and not handed over yet.
    between: Arc<AtomicI64>,
    most: Arc<AtomicI64>,
}

impl Fake {
    fn made(&self) {
        let now = 1 + self.between.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(now, Ordering::SeqCst);
    }
}

impl Reader for Fake {
    fn end(&self, _: Topic, _: Partition) -> Result<i64, Error> {
        Ok(self.requests + self.meanwhile)
    }

    fn committed(&self, _: Partition) -> Result<Option<i64>, Error> {
        Ok(Some(self.requests))
    }

    fn read_to_end(
        &mut self,
        (topic, _, start): From,
        each: &mut dyn FnMut(LogRecord),
    ) -> Result<i64, Error> {
        let records: Box<dyn Iterator<Item = LogRecord>> = match (topic, start) {
            (Topic::Requests, Start::Beginning) => Box::new((0..self.requests).map(request)),
            (_, Start::Offset(_)) => Box::new(std::iter::empty()),
            (_, Start::Beginning) => (self.answers)(topic),
        };
        for record in records {
            self.made();
            each(record);
        }
        Ok(self.requests)
    }
}

impl Log for Fake {
    fn describe(&self) -> String {
        "a log made up as it is read".into()
    }

    fn name(&self, topic: Topic) -> String {
        topic.name().into()
    }

    fn partitions(&self) -> i32 {
        1
    }

    fn partition(&self, _: &[u8]) -> Partition {
        PARTITION
    }

    fn own(&self, _: Member, _: Sink) -> Result<Box<dyn OwnerLog>, Error> {
        unreachable!("nobody owns what is only read")
    }

    fn producer(&self) -> Result<Box<dyn Producer>, Error> {
        unreachable!("nobody asks of what is only read")
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(self.clone()))
    }

    fn follow(&self, _: &[From]) -> Result<Box<dyn Follower>, Error> {
        unreachable!("an audit reads to the end")
    }
}

fn event() -> EventId {
    EventId::new("nobody-knows-it").expect("a name")
}

/// Every hundredth is no request.
fn request(offset: i64) -> LogRecord {
    let expire = || {
        let request = Request { id: RequestId::NONE, event: event(), body: Body::Expire };
        wire::request::encode(&request)
    };
    let value = if offset % 100 == 99 { b"no request".to_vec() } else { expire() };
    LogRecord {
        topic: Topic::Requests,
        partition: PARTITION,
        offset,
        timestamp: START,
        key: Some(event().as_str().as_bytes().to_vec()),
        value: Some(value),
        headers: vec![],
    }
}

fn refused(place: i64, of: i64) -> LogRecord {
    let asked = request(of);
    let header = Header {
        event: event(),
        sequence: 0,
        request: RequestId::NONE,
        partition: PARTITION,
        offset: of,
        role: Role::Answer,
        decided_at: START,
        waited: Millis(0),
        buyer: None,
        digest: wire::digest(asked.key.as_deref(), asked.value.as_deref()),
    };
    // The id is none of version 7.
    let body = OutcomeBody::Refused(Refusal::plain(Code::BadRequest));
    record(place, wire::outcome::encode(&Outcome { header, body }))
}

fn dead_letter(of: i64) -> LogRecord {
    use wire::dead_letter::{DeadLetter, Reason, encode};
    let letter = DeadLetter::from_record(&request(of).under(0), Reason::Undecodable, "as made");
    record(of, encode(&letter))
}

/// So many requests and their answers, those on the topic of refusals as they are listed.
fn fake(requests: i64, refused_in_order: fn(i64) -> Vec<i64>) -> Fake {
    let answers = move |topic| -> Box<dyn Iterator<Item = LogRecord>> {
        let all = 0..requests;
        match topic {
            Topic::Refused => {
                let of = all.flat_map(refused_in_order);
                Box::new(
                    of.enumerate()
                        .map(|(place, of)| refused(i64::try_from(place).expect("few records"), of)),
                )
            }
            Topic::DeadLetters => Box::new(all.filter(|of| of % 100 == 99).map(dead_letter)),
            Topic::Requests
            | Topic::Held
            | Topic::Booked
            | Topic::Released
            | Topic::Changed
            | Topic::Catalog
            | Topic::Inventory
            | Topic::Terms => Box::new(std::iter::empty()),
        }
    };
    let (between, most) = (Arc::default(), Arc::default());
    Fake { requests, meanwhile: 0, answers: Arc::new(answers), between, most }
}

fn in_order(of: i64) -> Vec<i64> {
    if of % 100 == 99 { vec![] } else { vec![of] }
}

fn audited(fake: &Fake) -> (Report, Audited) {
    let mut log = SideBySide::open(fake).unwrap();
    audit(&mut log, PARTITION, ticks(), &mut Progress::new(|_: &str| {})).unwrap()
}

#[test]
fn two_hundred_thousand_requests_pass_in_the_memory_of_a_few() {
    const REQUESTS: i64 = 200_000;
    let fake = fake(REQUESTS, in_order);
    let span = Span { partition: PARTITION, end: REQUESTS };
    let mut asked = 0;
    SideBySide::open(&fake)
        .unwrap()
        .read(&span, &mut |step| {
            fake.between.fetch_sub(1, Ordering::SeqCst);
            match step {
                Step::Request(record) => {
                    assert_eq!(record.offset, asked);
                    asked += 1;
                }
                Step::Behind { of, later, .. } => panic!("{of} is told behind {later}"),
                Step::Answer(_, answer) => {
                    assert_eq!(
                        answer.expect("readable").place().1,
                        asked,
                        "just before its request"
                    );
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(asked, REQUESTS);
    let most = fake.most.load(Ordering::SeqCst);
    let bound = i64::try_from(7 * (QUEUED + 2) + 6 * SORTED).unwrap();
    assert!(most <= bound, "{most} records were between log and auditor, more than {bound}");
}

#[test]
fn a_partition_is_clean_when_read_along() {
    let (report, part) = audited(&fake(3_000, in_order));
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.requests, report.answers, report.dead_letters), (3_000, 2_970, 30));
    assert_eq!((part.end, part.model.unsettled()), (3_000, 0));
}

#[test]
fn an_answer_out_of_its_place_holds_nobody_back() {
    let early = |of: i64| match of {
        10 => vec![400, 10],
        400 => vec![],
        of => in_order(of),
    };
    let (report, _) = audited(&fake(500, early));
    let first = report.first_divergence.as_ref().map(|first| (first.check, first.offset));
    assert_eq!((report.divergences, first), (1, Some((Check::Order, 10))), "{report}");
    let again = |of: i64| if of == 400 { vec![400, 20] } else { in_order(of) };
    let (report, _) = audited(&fake(500, again));
    let first = report.first_divergence.as_ref().map(|first| (first.check, first.offset));
    assert_eq!((report.divergences, report.duplicated), (2, 1), "{report}");
    assert_eq!(first, Some((Check::Duplicated, 20)), "{report}");
}

#[test]
fn answers_to_later_requests_are_left_out_and_those_to_none_are_not() {
    let beyond = |of: i64| if of == 450 { vec![450, 501, 503] } else { in_order(of) };
    let mut fake = fake(500, beyond);
    fake.meanwhile = 2;
    let (report, _) = audited(&fake);
    let first = report.first_divergence.as_ref().map(|first| (first.check, first.offset));
    assert_eq!((report.divergences, first), (1, Some((Check::Identity, 503))), "{report}");
}

#[test]
fn what_stops_a_reader_ends_the_audit() {
    let fake = fake(500, in_order);
    let span = Span { partition: PARTITION, end: 500 };
    let mut count = 0;
    let ended = SideBySide::open(&fake).unwrap().read(&span, &mut |_| {
        count += 1;
        if count == 100 { Err(anyhow!("enough")) } else { Ok(()) }
    });
    assert_eq!(ended.unwrap_err().to_string(), "enough");
}
