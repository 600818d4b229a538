//! Picks from the topics what belongs to a story.

use super::followed::Followed;
use super::{Asking, Explained, Fate, Holder, Moment, Question, Story, TURNS_MAX, Turn, Who};
use crate::app::audit::answer::Answer;
use crate::app::audit::side_by_side::Step;
use crate::domain::ids::{HoldId, Partition};
use crate::domain::outcome::{ChangedKind, Outcome, OutcomeBody, Role};
use crate::domain::refusal::Code;
use crate::domain::request::{Body, Request};
use crate::domain::seat::Cause;
use crate::ports::log::LogRecord;
use crate::wire;

/// Tells a story while it reads.
pub(super) struct Teller {
    question: Question,
    followed: Followed,
    /// What the next request came to.
    answers: Vec<Outcome>,
    askings: Vec<Asking>,
    turns: Vec<Turn>,
    left_out: u64,
}

impl Teller {
    pub(super) fn new(question: Question) -> Teller {
        Teller {
            question,
            followed: Followed::default(),
            answers: vec![],
            askings: vec![],
            turns: vec![],
            left_out: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.askings.is_empty() && self.turns.is_empty()
    }

    pub(super) fn finish(self) -> Explained {
        let story = match self.question {
            Question::Request(_) => Story::Request(self.askings),
            Question::Seat(..) => Story::Seat(self.turns),
        };
        Explained { story, left_out: self.left_out }
    }

    pub(super) fn take(&mut self, partition: Partition, step: Step) {
        match step {
            Step::Answer(_, Ok(Answer::Outcome(outcome)))
                if outcome.header.partition == partition =>
            {
                self.answers.push(*outcome);
            }
            // What cannot be read, or belongs elsewhere, tells nothing; the audit finds it.
            Step::Answer(..) | Step::Behind { .. } => {}
            Step::Request(record) => self.on_request(partition, &record),
        }
    }

    fn on_request(&mut self, partition: Partition, record: &LogRecord) {
        let mut caused = std::mem::take(&mut self.answers);
        caused.retain(|outcome| outcome.header.offset == record.offset);
        caused
            .sort_by_key(|outcome| (outcome.header.sequence, outcome.header.role != Role::Derived));
        let request = record.value.as_deref().and_then(|value| wire::request::decode(value).ok());
        let asked = request.filter(|request| self.question == Question::Request(request.id));
        for outcome in &caused {
            self.followed.follow(outcome);
            self.watch(outcome);
            if let Question::Seat(event, seat) = &self.question
                && outcome.header.event == *event
                && outcome.header.role != Role::Repeat
            {
                turn(&mut self.turns, seat, outcome);
            }
        }
        if let Some(request) = asked {
            let asking = self.asking(partition, record, &request, caused);
            self.askings.push(asking);
        }
        self.left_out += keep_last(&mut self.askings) + keep_last(&mut self.turns);
    }

    /// Brings what is told of rivals, and of the hold in question, up to date.
    fn watch(&mut self, outcome: &Outcome) {
        let Some(id) = moved(outcome) else { return };
        let Some(now) = self.followed.hold(id) else { return };
        for asking in &mut self.askings {
            for (seat, rival) in asking.rivals.iter_mut().filter(|(_, rival)| rival.hold == id) {
                rival.fate = now.fate.clone();
                // A booking that gives back this very place has left it, whatever else it keeps.
                if gives_back(outcome, seat) {
                    rival.fate = Fate::Left(moment(outcome), Cause::Cancelled);
                }
            }
            if let Some(own) = asking.own.as_mut().filter(|own| own.hold == id) {
                own.fate = now.fate.clone();
            }
        }
    }

    fn asking(
        &self,
        partition: Partition,
        record: &LogRecord,
        request: &Request,
        outcomes: Vec<Outcome>,
    ) -> Asking {
        let listed = match outcomes.last().map(|outcome| &outcome.body) {
            Some(OutcomeBody::Refused(refusal)) if refusal.code == Code::SeatsTaken => {
                &refusal.ground.seats[..]
            }
            Some(_) | None => &[],
        };
        let rival = |seat: &String| -> Option<(String, Holder)> {
            Some((seat.clone(), self.followed.holder_of(&request.event, seat)?.clone()))
        };
        Asking {
            partition,
            offset: record.offset,
            appended: record.timestamp,
            event: request.event.clone(),
            buyer: request.buyer().cloned(),
            kind: kind(&request.body),
            rivals: listed.iter().filter_map(rival).collect(),
            // A claim makes the hold that goes by its own id.
            own: self.followed.hold(request.hold().unwrap_or(request.id)).cloned(),
            outcomes,
        }
    }
}

/// Lets go of the oldest parts beyond what a story has room for; says of how many.
fn keep_last<T>(parts: &mut Vec<T>) -> u64 {
    // Half at once, so that a long story does not move all of it for each part.
    if parts.len() < 2 * TURNS_MAX {
        return 0;
    }
    parts.drain(..TURNS_MAX).count() as u64
}

fn moment(outcome: &Outcome) -> Moment {
    Moment { offset: outcome.header.offset, at: outcome.header.decided_at }
}

/// Adds to the story of a place what an outcome says of it.
fn turn(turns: &mut Vec<Turn>, seat: &str, outcome: &Outcome) {
    let (now, seat) = (moment(outcome), seat.to_owned());
    let begin = |who: Who| Turn { who, from: now, booked: None, to: None };
    match &outcome.body {
        OutcomeBody::Held(held) if held.places.iter().any(|place| place.seat == seat) => {
            let Some(buyer) = outcome.header.buyer.clone() else { return };
            turns.push(begin(Who::Hold(held.hold, buyer)));
        }
        OutcomeBody::Booked(booked) => {
            if let Some(turn) = open_of(turns, booked.hold) {
                turn.booked = Some(now);
            }
        }
        OutcomeBody::Released(released) => {
            if let Some(turn) = open_of(turns, released.hold) {
                turn.to = Some((now, released.cause));
            }
        }
        OutcomeBody::Cancelled(cancelled) if gives_back(outcome, &seat) => {
            if let Some(turn) = open_of(turns, cancelled.hold) {
                turn.to = Some((now, Cause::Cancelled));
            }
            if let Some(to) = cancelled.to_blocks.iter().find(|to| to.seat == seat) {
                enter_block(turns, &to.reason, now);
            }
        }
        OutcomeBody::Exchanged(exchanged) if gives_back(outcome, &seat) => {
            if let Some(turn) = open_of(turns, exchanged.hold) {
                turn.to = Some((now, Cause::Cancelled));
            }
        }
        OutcomeBody::Exchanged(exchanged) if exchanged.taken.contains(&seat) => {
            let Some(buyer) = outcome.header.buyer.clone() else { return };
            let who = Who::Hold(exchanged.hold, buyer);
            turns.push(Turn { booked: Some(now), ..begin(who) });
        }
        OutcomeBody::Changed(changed) if changed.seats.contains(&seat) => match changed.kind {
            ChangedKind::Blocked => enter_block(turns, &changed.reason, now),
            ChangedKind::Unblocked => leave_block(turns, now),
            ChangedKind::Defined
            | ChangedKind::Amended
            | ChangedKind::Opened
            | ChangedKind::Closed
            | ChangedKind::Paused
            | ChangedKind::CalledOff => {}
        },
        OutcomeBody::Held(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Cancelled(_)
        | OutcomeBody::Exchanged(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => {}
    }
}

/// The place belongs to a block. It may have belonged to it before, while somebody had it.
fn enter_block(turns: &mut Vec<Turn>, reason: &str, now: Moment) {
    let who = Who::Block(reason.to_owned());
    if !turns.iter().any(|turn| turn.to.is_none() && turn.who == who) {
        leave_block(turns, now);
        turns.push(Turn { who, from: now, booked: None, to: None });
    }
}

fn leave_block(turns: &mut [Turn], now: Moment) {
    let blocks = turns.iter_mut().filter(|turn| matches!(turn.who, Who::Block(_)));
    if let Some(turn) = blocks.rev().find(|turn| turn.to.is_none()) {
        turn.to = Some((now, Cause::None));
    }
}

/// What a hold has of the place, if it has not left it.
fn open_of(turns: &mut [Turn], id: HoldId) -> Option<&mut Turn> {
    let open = turns.iter_mut().rev().find(|turn| turn.to.is_none());
    open.filter(|turn| matches!(&turn.who, Who::Hold(own, _) if *own == id))
}

fn gives_back(outcome: &Outcome, seat: &str) -> bool {
    let given_back = match &outcome.body {
        OutcomeBody::Cancelled(cancelled) => &cancelled.places,
        OutcomeBody::Exchanged(exchanged) => &exchanged.given_back,
        OutcomeBody::Held(_)
        | OutcomeBody::Extended(_)
        | OutcomeBody::Booked(_)
        | OutcomeBody::Released(_)
        | OutcomeBody::Changed(_)
        | OutcomeBody::Refused(_) => return false,
    };
    given_back.iter().any(|place| place.seat == seat)
}

/// The hold that an outcome is about.
fn moved(outcome: &Outcome) -> Option<HoldId> {
    match &outcome.body {
        OutcomeBody::Held(held) | OutcomeBody::Extended(held) => Some(held.hold),
        OutcomeBody::Booked(booked) => Some(booked.hold),
        OutcomeBody::Released(released) => Some(released.hold),
        OutcomeBody::Cancelled(cancelled) => Some(cancelled.hold),
        OutcomeBody::Exchanged(exchanged) => Some(exchanged.hold),
        OutcomeBody::Changed(_) | OutcomeBody::Refused(_) => None,
    }
}

const fn kind(body: &Body) -> &'static str {
    match body {
        Body::Define(_) => "define",
        Body::Amend(_) => "amend",
        Body::Open(_) => "open",
        Body::Close(_) => "close",
        Body::Pause(_) => "pause",
        Body::CallOff(_) => "call-off",
        Body::Block(_) => "block",
        Body::Unblock(_) => "unblock",
        Body::Claim(_) => "claim",
        Body::Confirm(_) => "confirm",
        Body::Extend(_) => "extend",
        Body::Release(_) => "release",
        Body::Cancel(_) => "cancel",
        Body::Exchange(_) => "exchange",
        Body::Expire => "expire",
    }
}

#[cfg(test)]
mod tests;
