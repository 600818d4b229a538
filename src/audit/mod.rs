//! The auditor: re-checks a whole sale from the topics alone.
//!
//! It shares no code with what it checks. Values are common (ids, requests, outcomes, codes,
//! times), rules are not: nothing here calls `decide`, `apply` or the compiled layout, and the
//! venue is expanded from the definition a second time. Running `decide` again would prove that a
//! program agrees with itself; that check exists too, but this is the one that finds a wrong rule.
//! A test keeps the imports out.
//!
//! The model is plain on purpose: maps by name, sums counted when asked, no index that it could get
//! wrong but the one by deadline. It asks of every prefix of the log:
//! - each request has one answer, in its partition, under its id and digest; bytes that do not
//!   decode have one dead letter;
//! - the sequence of an event has no gap, and its decisions never go back in time;
//! - a seat exists, has at most one holder, and goes for the price of the definition; capacity
//!   follows;
//! - limits are kept, and blocked places not sold, unless staff set that aside; who leaves a place
//!   of a block leaves it to the block;
//! - a hold ends once, not before its deadline and the grace, and not later than the next decision;
//!   its deadline moves forward only, and not beyond the event's cap;
//! - a place sold is refunded at most once, at the price paid, and by no cancel once the event is
//!   called off, since that refunds all of it;
//! - a refusal that can be checked cheaply says what was so.
//!
//! It believes the log: after a divergence it does what the outcome says, so that one fault makes
//! few findings and the first one names the place. It does not check that a refusal has the
//! *lowest* code of all that hold; deciding again does.
//!
//! Reading order: [`Finding`], [`Model`] (a partition: gathers, matches answers to requests),
//! [`EventModel`] (an event: folds decisions; `grant`, `amend`, `operate` and `refusal` judge them,
//! `follow` does what they say), then [`ledger`].

mod amend;
mod event;
mod finding;
mod follow;
mod grant;
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
