//! The auditor: re-checks a whole sale from the topics alone.
//!
//! It shares no code with what it checks. Values are common (ids, requests, outcomes, codes,
//! times), rules are not: nothing here calls `decide`, `apply` or the compiled layout, and the
//! venue is expanded from the definition a second time. Running `decide` again would prove that a
//! program agrees with itself; that check exists too, but this is the one that finds a wrong rule.
//! A test keeps the imports out.
//!
//! The model is plain on purpose: maps by name, and the few counts and lists it keeps are counted
//! again from the places, now and then and at the end (`recount`). It judges along the way and
//! keeps what an owner keeps, so that neither the length of a log nor a simulator's many worlds
//! cost it memory.
//!
//! What must hold of an event at every time is a list of its own, `invariants`: its sequence steps
//! by one, each place has one holder, a hold is made and ends once, limits are never exceeded,
//! places are neither made nor lost, and counts are what is counted. Besides, every prefix of the
//! log is asked:
//! - each request has one answer, in its partition, under its id and digest; bytes that do not
//!   decode have one dead letter;
//! - what an id asks counts once, as long as an owner has to remember the id;
//! - the decisions of an event never go back in time;
//! - a seat exists and goes for the price of the definition;
//! - blocked places are not sold, unless staff set that aside; who leaves a place of a block leaves
//!   it to the block;
//! - a hold ends not before its deadline and the grace, and not later than the next decision; its
//!   deadline moves forward only, and not beyond the event's cap;
//! - a place sold is refunded at most once, at the price paid, and by no cancel once the event is
//!   called off, since that refunds all of it;
//! - a refusal that can be checked cheaply says what was so;
//! - an event that was suspended goes on with nothing but that. There is no resume yet, so that one
//!   whose ledger was repaired by hand is named where it goes on.
//!
//! It believes the log: after a divergence it does what the outcome says, so that one fault makes
//! few findings and the first one names the place. It does not check that a refusal has the
//! *lowest* code of all that hold; deciding again does.
//!
//! Reading order: [`Finding`], [`Model`] (a partition: matches answers to requests, with `memory`
//! of ids), [`EventModel`] (an event: folds decisions; `invariants` judges each of them, `grant`,
//! `amend`, `exchange`, `operate` and `refusal` those of their kind, `follow` does what they say,
//! `recount` counts again), then [`ledger`].

mod amend;
mod best;
mod edition;
mod event;
mod exchange;
mod finding;
mod follow;
mod grant;
mod invariants;
pub mod ledger;
mod memory;
mod model;
mod operate;
mod recount;
mod refusal;
mod report;
#[cfg(test)]
mod tests;
mod venue;
mod wish;

pub use event::{EventModel, Record};
pub use finding::{Check, Finding};
pub use model::Model;
pub use report::Report;
