//! What must hold of topics and ledger together, whatever has happened to the workers.

use std::collections::HashMap;

use super::{World, index};
use crate::domain::ids::{EventId, HoldId};
use crate::domain::outcome::{Cancelled, Exchanged, OutcomeBody, Released, Role};
use crate::domain::refusal::Code;
use crate::domain::seat::{Status, StoredSeat};
use crate::ports::log::Topic;
use crate::wire;

impl World {
    /// What a reader of the topics finds wrong.
    pub(in crate::engine::tests) fn violations(&self) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        let mut answers = vec![0; self.requests.len()];
        let mut last: HashMap<EventId, i64> = HashMap::new();
        let mut holders = Holders::new();
        for outcome in self.visible() {
            let header = &outcome.header;
            let event = &header.event;
            if header.role != Role::Derived {
                answers[index(header.offset)] += 1;
            }
            if header.role == Role::Repeat {
                continue;
            }
            let sequence = last.entry(event.clone()).or_default();
            let expected = *sequence + i64::from(outcome.body.changes_the_event());
            let suspended = matches!(&outcome.body,
                OutcomeBody::Refused(no) if no.code == Code::EventSuspended);
            if suspended && !self.may_suspend {
                wrong.push(format!("{event}: suspended without a reason"));
            }
            if header.sequence != expected && !suspended {
                wrong.push(format!("{event}: sequence {} after {sequence}", header.sequence));
            }
            *sequence = (*sequence).max(header.sequence);
            match &outcome.body {
                OutcomeBody::Held(held) => {
                    let seats = held.places.iter().map(|place| &place.seat);
                    enter(&mut holders, &mut wrong, event, held.hold, seats);
                }
                OutcomeBody::Released(Released { hold, seats, .. }) => {
                    leave(&mut holders, &mut wrong, event, *hold, seats.iter());
                }
                OutcomeBody::Cancelled(Cancelled { hold, places, .. }) => {
                    let seats = places.iter().map(|place| &place.seat);
                    leave(&mut holders, &mut wrong, event, *hold, seats);
                }
                OutcomeBody::Exchanged(exchanged) => {
                    let Exchanged { hold, taken, given_back, .. } = exchanged;
                    enter(&mut holders, &mut wrong, event, *hold, taken.iter());
                    let seats = given_back.iter().map(|place| &place.seat);
                    leave(&mut holders, &mut wrong, event, *hold, seats);
                }
                OutcomeBody::Booked(_)
                | OutcomeBody::Extended(_)
                | OutcomeBody::Changed(_)
                | OutcomeBody::Refused(_) => {}
            }
        }
        for record in self.outcomes.iter().filter(|record| record.topic == Topic::DeadLetters) {
            answers[index(wire::dead_letter::decode(&record.value).unwrap().offset)] += 1;
        }
        for (offset, count) in answers.iter().enumerate() {
            if *count != 1 {
                wrong.push(format!("request {offset} has {count} answers"));
            }
        }
        for (event, stored) in &self.ledger {
            let has = |row: &&StoredSeat| matches!(row.status, Status::Held | Status::Booked);
            let taken = stored.seats.values().filter(has).count();
            let held = holders.keys().filter(|(of, _)| of == event).count();
            let sequence = stored.fence.as_ref().map_or(0, |fence| fence.sequence);
            if (taken, sequence) != (held, last.get(event).copied().unwrap_or(0)) {
                wrong.push(format!(
                    "{event}: the ledger has {taken} taken at {sequence}, the topics {held} at {:?}",
                    last.get(event)
                ));
            }
        }
        wrong
    }
}

/// Who has which place, by the topics.
type Holders = HashMap<(EventId, String), HoldId>;

fn enter<'a>(
    holders: &mut Holders,
    wrong: &mut Vec<String>,
    event: &EventId,
    hold: HoldId,
    seats: impl Iterator<Item = &'a String>,
) {
    for seat in seats {
        if let Some(other) = holders.insert((event.clone(), seat.clone()), hold) {
            wrong.push(format!("{event}: {seat} is {other}'s"));
        }
    }
}

fn leave<'a>(
    holders: &mut Holders,
    wrong: &mut Vec<String>,
    event: &EventId,
    hold: HoldId,
    seats: impl Iterator<Item = &'a String>,
) {
    for seat in seats {
        if holders.remove(&(event.clone(), seat.clone())) != Some(hold) {
            wrong.push(format!("{event}: {seat} was not {hold}'s"));
        }
    }
}
