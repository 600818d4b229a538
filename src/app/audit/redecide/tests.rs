use super::*;
use crate::app::audit::fixture::{House, PARTITION, Told, asked, claim, event, id_at};
use crate::domain::ids::Reference;
use crate::domain::outcome::{OutcomeBody, Released};
use crate::domain::refusal::Refusal;
use crate::domain::request::{Body, Confirm};
use crate::domain::seat::Cause;
use crate::wire::dead_letter::DeadLetter;

/// Some of everything: offsets 0 to 8, and two that come much later.
fn sale() -> House {
    let mut house = House::open();
    house.ask(2, claim("ann", "A/1/1"));
    house.ask(3, claim("bob", "A/1/1"));
    let reference = Reference::new("pay-1").unwrap();
    let buyer = crate::app::audit::fixture::buyer("ann");
    house.ask(4, Body::Confirm(Confirm { buyer, hold: id_at(2), reference }));
    house.repeat(5, 2);
    house.put(6, b"no request".to_vec());
    house.ask(7, claim("bob", "A/1/2"));
    house.ask(8, claim("cid", "A/1/9"));
    house.ask(40, Body::Expire);
    house.repeat(41, 2);
    house
}

fn again(steps: Vec<Step>, only: Option<EventId>) -> Redecided {
    let mut redecided = Redecided::default();
    let mut again = Again::new(PARTITION, 1, only, &mut redecided);
    steps.into_iter().for_each(|step| again.take(step));
    redecided
}

#[test]
fn what_was_decided_comes_to_the_same_again() {
    let redecided = again(sale().steps(), None);
    let all = Redecided { requests: 11, same: 11, ..Redecided::default() };
    assert_eq!(redecided, all, "{:?}", redecided.first_divergence);
    assert_eq!(again(sale().steps(), Some(event())), all);
    let other = again(sale().steps(), EventId::new("other").ok());
    assert_eq!(other, Redecided::default());
}

#[test]
fn an_answer_that_would_be_another_is_the_first_divergence() {
    let diverges = |at: usize, plant: fn(&mut Outcome)| {
        let mut house = sale();
        plant(house.told[at].outcomes.last_mut().expect("an answer"));
        let redecided = again(house.steps(), None);
        let first = redecided.first_divergence.expect("planted");
        let rest = 11 - u64::try_from(at).unwrap() - 1;
        // Bytes that are no request belong to the event only by their key.
        let dead = u64::from(at < 6);
        assert_eq!((redecided.divergences, redecided.after_divergence), (1, rest - dead));
        assert_eq!(first.offset, house.told[at].request.offset);
        first
    };
    let refused = |outcome: &mut Outcome| {
        outcome.body = OutcomeBody::Refused(Refusal::plain(Code::SaleClosed));
    };
    let first = diverges(3, refused);
    assert_eq!((first.check, first.topic), (Check::Decision, "booking.refused"));
    assert!(first.expected.contains("SeatsTaken") && first.found.contains("SaleClosed"), "{first}");
    diverges(5, |outcome| outcome.header.role = Role::Answer);
    diverges(8, |outcome| outcome.header.sequence += 1);
    diverges(9, |outcome| {
        let OutcomeBody::Released(Released { cause, .. }) = &mut outcome.body else { return };
        *cause = Cause::Released;
    });
    let mut lost = sale();
    lost.told[3].outcomes.clear();
    assert!(again(lost.steps(), None).first_divergence.is_some_and(|first| first.offset == 3));
    let mut letter = sale();
    letter.told[6].dead_letters[0].value.push(0);
    assert_eq!(again(letter.steps(), None).divergences, 1);
}

/// Bytes that say the same and are not this release's.
fn foreign(steps: Vec<Step>, of: i64) -> Vec<Step> {
    let change = |step| match step {
        Step::Answer(mut record, Ok(answer)) if answer.is_about(PARTITION, of..=of) => {
            record.value = Some(b"as another release writes it".to_vec());
            Step::Answer(record, Ok(answer))
        }
        step @ (Step::Answer(..) | Step::Behind { .. } | Step::Request(_)) => step,
    };
    steps.into_iter().map(change).collect()
}

#[test]
fn another_versions_answer_is_followed_as_long_as_it_is_the_same() {
    let redecided = again(foreign(sale().steps(), 3), None);
    assert_eq!((redecided.same, redecided.not_comparable, redecided.divergences), (10, 1, 0));
    let mut house = sale();
    let answer = house.told[3].outcomes.last_mut().expect("an answer");
    answer.body = OutcomeBody::Refused(Refusal::plain(Code::SaleClosed));
    let redecided = again(foreign(house.steps(), 3), None);
    assert_eq!((redecided.same, redecided.divergences), (4, 0), "three before, one dead letter");
    assert_eq!(redecided.not_comparable, 7, "it, and what follows in its event");
}

#[test]
fn a_suspended_event_is_followed_and_not_compared() {
    let mut house = sale();
    for told in house.told.iter_mut().filter(|told| told.request.offset >= 7) {
        let mut answer = told.outcomes.pop().expect("an answer");
        answer.body = OutcomeBody::Refused(Refusal::plain(Code::EventSuspended));
        answer.header.sequence = 5;
        told.outcomes = vec![answer];
    }
    let redecided = again(house.steps(), None);
    assert_eq!((redecided.same, redecided.suspended, redecided.divergences), (7, 4, 0));
}

#[test]
fn what_an_older_release_could_not_read_is_new_when_it_is_put_back() {
    let mut house = House::open();
    let request = Request { id: id_at(2), event: event(), body: claim("ann", "A/1/1") };
    let bytes = wire::request::encode(&request);
    let unread = asked(2, bytes.clone());
    let letter = DeadLetter::from_record(&unread.clone().under(0), Reason::UnknownSchema, "old");
    let letter = wire::dead_letter::encode(&letter);
    house.told.push(Told { request: unread, outcomes: vec![], dead_letters: vec![letter] });
    house.put(3, bytes);
    assert!(matches!(house.told[3].outcomes[0].body, OutcomeBody::Held(_)), "put back, it is new");
    let redecided = again(house.steps(), None);
    assert_eq!((redecided.same, redecided.not_comparable, redecided.divergences), (3, 1, 0));
}
