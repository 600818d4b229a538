//! Kafka: the only folder that knows the client.
//!
//! [`owner`] is the log of an owner as `ports::log` describes it: group, terms, transactions.

pub mod error;
mod native;
pub mod owner;

pub use error::Error;
