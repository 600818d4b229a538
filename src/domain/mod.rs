//! The pure heart: what a seat, a hold and an event are, what may be asked, and what is answered.
//!
//! Nothing here waits, reads a clock, draws a number or knows a driver. The rest of the house hands
//! in values and carries values out. Reading order: [`ids`], [`layout`], [`request`], [`outcome`],
//! [`event`] with [`change`], then [`decide`].

pub mod change;
pub mod decide;
pub mod event;
pub mod few;
pub mod free_set;
pub mod hold;
pub mod ids;
pub mod layout;
pub mod limits;
pub mod outcome;
#[cfg(test)]
mod reference;
pub mod refusal;
pub mod request;
pub mod rule;
pub mod runs;
pub mod seat;
pub mod time;
pub mod venues;
