//! Kafka: the only folder that knows the client.
//!
//! [`owner`] is the log of an owner as `ports::log` describes it: group, terms, transactions.
//! [`topics`] declares the topics and holds a cluster against the declaration; [`producer`] puts
//! requests on the log; [`reader`] reads what is there. All three are told where by a [`Cluster`].
//! [`KafkaLog`] is all of it as one [`Log`](crate::ports::log::Log).

pub mod cluster;
pub mod error;
mod log;
mod native;
pub mod owner;
pub mod producer;
pub mod reader;
pub mod topics;

pub use cluster::Cluster;
pub use error::Error;
pub use log::KafkaLog;
