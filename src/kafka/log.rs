//! The log on Kafka, opened in whatever role it is wanted.

use std::time::Duration;

use super::Cluster;
use super::owner::{KafkaOwner, OwnerConfig};
use super::producer::RequestProducer;
use super::reader::{KafkaFollower, KafkaReader};
use crate::domain::ids::Partition;
use crate::ports::log::{
    Error, ErrorKind, Follower, From, Log, Member, OwnerLog, Producer, Reader, Sink, Topic,
};

/// A Kafka cluster as a log.
#[derive(Clone, Debug)]
pub struct KafkaLog {
    /// Where it is.
    pub cluster: Cluster,
    /// After how long without a sign of life an owner's partitions go to another.
    pub session_timeout: Duration,
    /// After how long the brokers end a transaction that its owner left open.
    pub transaction_timeout: Duration,
}

impl Log for KafkaLog {
    fn describe(&self) -> String {
        format!("Kafka at {}", self.cluster.bootstrap)
    }

    fn name(&self, topic: Topic) -> String {
        self.cluster.topic(topic)
    }

    fn partitions(&self) -> i32 {
        self.cluster.partitions
    }

    fn partition(&self, key: &[u8]) -> Partition {
        self.cluster.partition_of(key)
    }

    fn own(&self, member: Member, sink: Sink) -> Result<Box<dyn OwnerLog>, Error> {
        let cluster = &self.cluster;
        let config = OwnerConfig {
            bootstrap: cluster.bootstrap.clone(),
            prefix: cluster.prefix.clone(),
            group: cluster.group.clone(),
            transactional_id: format!("{}-{}", cluster.group, member.instance),
            instance_id: member.instance,
            partitions: cluster.partitions,
            session_timeout_ms: millis(self.session_timeout),
            transaction_timeout_ms: millis(self.transaction_timeout),
            ledger: member.ledger,
            extra: cluster.settings.clone().into_iter().collect(),
        };
        match KafkaOwner::start(config, sink) {
            Ok(owner) => Ok(Box::new(owner)),
            Err(error) => Err(Error { kind: ErrorKind::Settings, sentence: error.to_string() }),
        }
    }

    fn producer(&self) -> Result<Box<dyn Producer>, Error> {
        Ok(Box::new(RequestProducer::new(&self.cluster)?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(KafkaReader::open(&self.cluster)?))
    }

    fn follow(&self, from: &[From]) -> Result<Box<dyn Follower>, Error> {
        Ok(Box::new(KafkaFollower::open(&self.cluster, from)?))
    }
}

fn millis(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}
