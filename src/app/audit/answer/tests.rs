use super::*;
use crate::domain::ids::{Digest, EventId, RequestId};
use crate::domain::outcome::{Header, OutcomeBody, Role};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::time::{At, Millis};

/// A refusal as its topic has it.
fn refused() -> LogRecord {
    let header = Header {
        event: EventId::new("cup-final").unwrap(),
        sequence: 4,
        request: RequestId::NONE,
        partition: Partition(1),
        offset: 17,
        role: Role::Answer,
        decided_at: At(0),
        waited: Millis(0),
        buyer: None,
        digest: Digest::default(),
    };
    let body = OutcomeBody::Refused(Refusal::plain(Code::SaleClosed));
    let record = wire::outcome::encode(&Outcome { header, body });
    LogRecord {
        topic: record.topic,
        partition: Partition(1),
        offset: 3,
        timestamp: At(0),
        key: record.key,
        value: Some(record.value),
        headers: vec![],
    }
}

#[test]
fn an_answer_is_read_with_its_place() {
    let answer = read_answer(&refused()).map(|answer| answer.place());
    assert_eq!(answer, Ok((Partition(1), 17)));
}

#[test]
fn an_answer_that_its_readers_miss_is_none() {
    let why = |record: LogRecord| read_answer(&record).map(|answer| answer.place()).unwrap_err();
    let elsewhere = LogRecord { topic: Topic::Held, ..refused() };
    assert_eq!(why(elsewhere), "an outcome of booking.refused");
    let unkeyed = LogRecord { key: None, ..refused() };
    assert!(why(unkeyed).contains("under another key"));
    let empty = LogRecord { value: None, ..refused() };
    assert!(why(empty).contains("without a value"));
    let letter = LogRecord { topic: Topic::DeadLetters, ..refused() };
    assert!(why(letter).contains("no schema"));
}
