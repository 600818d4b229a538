//! Which cluster and which of its topics are ours, and what talking to it can come to.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use thiserror::Error;

use crate::domain::ids::{EventId, Partition};
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::ports::log::{self, ErrorKind, Topic};
use crate::wire::partitioner;

/// Bytes of the largest batch or record that one of ours puts on a topic: a value of the largest
/// size, its key and headers.
pub const RECORD_BYTES_MAX: usize = REQUEST_BYTES_MAX + 64 * 1024;
/// How long to wait for a broker before it counts as unreachable.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where the log is, and what its topics are called there.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Brokers to begin with, `host:port` separated by commas.
    pub bootstrap: String,
    /// Put before every topic name.
    pub prefix: String,
    /// The declared number of request partitions.
    pub partitions: i32,
    /// The group of the owners. Readers borrow its name, since the client wants one; they never
    /// join.
    pub group: String,
    /// How long records are kept for those who check the sale.
    pub audit_period: Duration,
    /// The operator's settings of the client, such as those of TLS. Ours come after them.
    pub settings: BTreeMap<String, String>,
}

impl Cluster {
    /// What a topic is called on this cluster.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The partition an event's records lie in, on every topic that is partitioned as the requests
    /// are.
    #[must_use]
    pub fn partition(&self, event: &EventId) -> Partition {
        self.partition_of(event.as_str().as_bytes())
    }

    /// The same for a key's bytes.
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> Partition {
        Partition(partitioner::partition(key, self.partitions))
    }

    /// The settings all clients begin with.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in &self.settings {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "holdfast")
            .set("message.max.bytes", RECORD_BYTES_MAX.to_string());
        config
    }

    /// What the brokers say of all topics.
    pub(super) fn metadata<C: ClientContext>(&self, client: &Client<C>) -> Result<Metadata, Error> {
        client.fetch_metadata(None, PATIENCE).map_err(|error| self.error("metadata", "", &error))
    }

    /// What a failed call means to whoever made it.
    pub(super) fn error(&self, doing: &'static str, topic: &str, error: &KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(code) if is_unreachable(code) => Error::Unreachable {
                bootstrap: self.bootstrap.clone(),
                doing,
                why: code.to_string(),
            },
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition,
            ) => Error::MissingTopic(topic.into()),
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed,
            ) => Error::Forbidden { doing, topic: topic.into() },
            Some(_) | None => Error::Refused { doing, topic: topic.into(), why: error.to_string() },
        }
    }
}

/// Whether the code says that nobody answers, rather than what the answer is.
fn is_unreachable(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::TimedOutQueue
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::Authentication
    )
}

/// Why something asked of the cluster was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// Nobody answers.
    #[error(
        "no Kafka broker answers at {bootstrap} ({doing}: {why}): check that the brokers run and that \
         bootstrap in [kafka] names them"
    )]
    Unreachable {
        /// Where we asked.
        bootstrap: String,
        /// For what.
        doing: &'static str,
        /// What the client says.
        why: String,
    },
    /// The client cannot be made of these settings.
    #[error("the Kafka client does not take its settings ({0}): correct [kafka.settings]")]
    Settings(String),
    /// A topic is not there, or has too few partitions.
    #[error("{0} is missing or lacks partitions: see `holdfast topics check`")]
    MissingTopic(String),
    /// The cluster knows us and does not let us.
    #[error("the brokers do not allow {doing} {topic}: see the ACLs in `holdfast topics plan`")]
    Forbidden {
        /// What was tried.
        doing: &'static str,
        /// On which topic.
        topic: String,
    },
    /// The cluster answered, and said no.
    #[error("the brokers refuse {doing} {topic}: {why}")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// On which topic.
        topic: String,
        /// What they say.
        why: String,
    },
    /// The answer to a produce never came: the record may be in the log, now or later, or never.
    #[error(
        "nobody knows whether the request reached {topic} ({why}): it may still be answered; see \
         `holdfast watch` before asking again"
    )]
    Unknown {
        /// Which topic.
        topic: String,
        /// What the client says.
        why: String,
    },
    /// A partition cannot be read any further from where we are.
    #[error(
        "{place} cannot be read on ({why}): its records were cut off, or are damaged; \
         `holdfast topics check` tells about retention"
    )]
    Unreadable {
        /// Which partition, as far as the client tells.
        place: String,
        /// What the client says.
        why: String,
    },
    /// A partition's end did not come nearer.
    #[error(
        "partition {partition} of {topic} did not reach offset {target} in {seconds} s: a transaction \
         of a dead producer may be open; its end comes with the brokers' transaction timeout"
    )]
    Stalled {
        /// Which topic.
        topic: String,
        /// Which partition.
        partition: Partition,
        /// Where reading was to end.
        target: i64,
        /// How long nothing moved.
        seconds: u64,
    },
}

impl Error {
    /// Whether the cluster was never reached, so that the same may be asked again later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Error::Unreachable { .. })
    }
}

impl From<Error> for log::Error {
    fn from(error: Error) -> log::Error {
        let kind = match &error {
            Error::Unreachable { .. } => ErrorKind::Unreachable,
            Error::Unknown { .. } => ErrorKind::Unknown,
            Error::Stalled { .. } => ErrorKind::Stalled,
            Error::Settings(_) => ErrorKind::Settings,
            Error::MissingTopic(_)
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::Unreadable { .. } => ErrorKind::Failed,
        };
        log::Error { kind, sentence: error.to_string() }
    }
}
