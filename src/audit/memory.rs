//! Request ids, as long as an owner has to remember them, and what that makes of a record.
//!
//! An id passes once, while it was made within [`ID_WINDOW`] of the partition's log time; the same
//! id is known again until log time is [`ID_MEMORY`] past it. All of it follows from the records in
//! their order. Beyond that memory only the holds that places still name are known by their ids,
//! and whether such a record was the same nobody can tell.

use std::collections::{HashMap, VecDeque};

use super::event::{EventModel, Record};
use super::finding::{Check, Judged, ensure, topic_of};
use super::refusal::{ages, outside};
use crate::domain::ids::{Digest, RequestId};
use crate::domain::limits::{ID_MEMORY, ID_READ_BACK};
use crate::domain::outcome::{Outcome, Role};
use crate::domain::refusal::Code;
use crate::domain::request::Body;
use crate::domain::time::At;

/// The ids that passed lately.
#[derive(Debug, Default)]
pub(super) struct Ids {
    first: HashMap<RequestId, (i64, Digest)>,
    /// In the order in which they passed, each with the log time of that moment.
    passed: VecDeque<(At, RequestId)>,
}

impl Ids {
    /// Whether an answer makes of the id what it must: what a record asks counts once.
    pub(super) fn check(
        &self,
        record: &Record<'_>,
        event: Option<&EventModel>,
        answer: &Outcome,
    ) -> Judged {
        let code = answer.code();
        if !ages(&record.request.body) || code.is_some_and(|code| code <= Code::AlreadyDefined) {
            return Ok(());
        }
        let repeat = answer.header.role == Role::Repeat;
        let hold = event.and_then(|event| event.remembered(record.request.id));
        let names = |offset: i64| first_offset(answer) == Some(offset);
        let (so, expected) = match (self.find(record), hold) {
            (Some((offset, digest)), _) if digest == record.digest => {
                let told = code == Some(Code::Repeated) && names(offset);
                (repeat || told, "what became of the same record earlier")
            }
            (Some((offset, _)), _) => {
                (code == Some(Code::RequestConflict) && names(offset), "a conflict over its id")
            }
            (None, Some(hold)) => {
                let told = code == Some(Code::RequestConflict) && names(hold.offset);
                (told, "a conflict with the hold of its id")
            }
            (None, None) if outside(record.request, record.highest) => {
                (code == Some(Code::IdOutOfWindow), "its id out of the window")
            }
            (None, None) => {
                // An extend that asks for no more than there is moves nothing, new as it is.
                let repeat = repeat && !matches!(record.request.body, Body::Extend(_));
                let known = matches!(code, Some(Code::Repeated | Code::RequestConflict));
                (!known && !repeat, "an answer to a new id")
            }
        };
        let check = if code.is_some() { Check::Refusal } else { Check::Identity };
        ensure(so, check, || (expected.into(), describe(answer)))
    }

    /// Takes a record in that has been judged, with its answer.
    pub(super) fn take(&mut self, record: &Record<'_>, answer: Option<&Outcome>) {
        let refused = answer.and_then(Outcome::code);
        let unread = matches!(refused, Some(Code::NotAuthorised | Code::WrongPartition));
        let passes = record.key_fits && !unread && ages(&record.request.body);
        if passes && !outside(record.request, record.highest) && self.find(record).is_none() {
            self.first.insert(record.request.id, (record.offset, record.digest));
            self.passed.push_back((record.highest, record.request.id));
        }
        let oldest = record.highest.minus(ID_READ_BACK);
        while self.passed.front().is_some_and(|(passed, _)| *passed < oldest) {
            if let Some((_, id)) = self.passed.pop_front() {
                self.first.remove(&id);
            }
        }
    }

    fn find(&self, record: &Record<'_>) -> Option<(i64, Digest)> {
        let made = record.request.id.made_at()?;
        let first = self.first.get(&record.request.id);
        first.copied().filter(|_| record.highest.since(made) <= ID_MEMORY)
    }

    /// How many ids are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }
}

fn first_offset(answer: &Outcome) -> Option<i64> {
    answer.body.refusal().and_then(|refusal| refusal.ground.first_offset)
}

fn describe(answer: &Outcome) -> String {
    match answer.body.refusal() {
        Some(refusal) => format!("{} {:?}", refusal.code, refusal.ground),
        None => format!("{:?} on {}", answer.header.role, topic_of(&answer.body)),
    }
}
