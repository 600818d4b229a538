//! The owner's log on Kafka, and an owner that dies.

use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::domain::ids::Partition;
use holdfast::kafka::{Cluster, KafkaLog};
use holdfast::ports::clock::ticks;
use holdfast::ports::log::{TermRecord, Topic};
use holdfast::wire;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::topics::Deployment;
use crate::owner::Owner;

const PATIENCE: Duration = Duration::from_secs(30);

/// An owner of this deployment.
pub(super) fn start(deployment: &Deployment, name: &str) -> Result<Owner> {
    start_with(deployment, name, &[])
}

/// With further settings of the client.
pub(super) fn start_with(
    deployment: &Deployment,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Owner> {
    let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let log = KafkaLog {
        cluster: Cluster { settings: settings.collect(), ..deployment.cluster() },
        session_timeout: Duration::from_secs(1),
        transaction_timeout: Duration::from_secs(10),
    };
    Owner::start(&log, name, PATIENCE)
}

fn transactional_id(deployment: &Deployment, name: &str) -> String {
    format!("{}-{name}", deployment.group)
}

/// Initialises a producer under the transactional id of a living owner.
pub(super) fn fence(deployment: &Deployment, name: &str) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.bootstrap)
        .set("transactional.id", transactional_id(deployment, name))
        .create()?;
    Ok(producer.init_transactions(PATIENCE)?)
}

/// Joins the group, takes a term, opens another transaction with an outcome and offsets in it, and
/// dies: its session is left to expire and its transaction to itself. Returns its term.
pub(super) fn die_in_a_transaction(deployment: &Deployment, name: &str) -> Result<i64> {
    let transactional_id = transactional_id(deployment, name);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.bootstrap)
        .set("client.id", name)
        .set("group.id", &deployment.group)
        .set("group.instance.id", name)
        .set("session.timeout.ms", "1000")
        .set("heartbeat.interval.ms", "200")
        .set("enable.auto.commit", "false")
        .set("partition.assignment.strategy", "range")
        .create()?;
    let cluster = deployment.cluster();
    let requests = cluster.topic(Topic::Requests);
    consumer.subscribe(&[&requests])?;
    let until = ticks() + PATIENCE;
    while consumer.assignment()?.count() == 0 {
        anyhow::ensure!(ticks() < until, "the dead owner never joined");
        drop(consumer.poll(Duration::from_millis(20)));
    }
    let metadata = consumer.group_metadata().context("no metadata")?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &deployment.bootstrap)
        .set("transactional.id", &transactional_id)
        .set("transaction.timeout.ms", "60000")
        .create()?;
    let ledger = crate::owner::member(name).ledger;
    let terms = cluster.topic(Topic::Terms);
    let held = cluster.topic(Topic::Held);
    let offsets = |offset: i64| -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in 0..deployment.declared {
            list.add_partition_offset(&requests, partition, Offset::Offset(offset))?;
        }
        Ok(list)
    };
    let send = |topic: &str, key: &[u8], value: &[u8]| {
        let record = BaseRecord::to(topic).partition(0).key(key).payload(value);
        producer.send(record).map_err(|(error, _)| error)
    };
    producer.init_transactions(PATIENCE)?;
    producer.begin_transaction()?;
    for partition in (0..deployment.declared).map(Partition) {
        let term = wire::term::encode(&TermRecord {
            partition,
            transactional_id: transactional_id.clone(),
            instance_id: name.into(),
            ledger: ledger.id,
            ledger_cluster: ledger.cluster.clone(),
            partitions: deployment.declared,
            decision_version: 1,
        });
        send(&terms, &term.key.unwrap_or_default(), &term.value)?;
    }
    let (_, end) = consumer.fetch_watermarks(&terms, 0, PATIENCE)?;
    producer.send_offsets_to_transaction(&offsets(0)?, &metadata, PATIENCE)?;
    producer.commit_transaction(PATIENCE)?;
    producer.begin_transaction()?;
    send(&held, b"cup", b"never to be seen")?;
    producer.send_offsets_to_transaction(&offsets(2)?, &metadata, PATIENCE)?;
    producer.flush(PATIENCE)?;
    // A static member that only closes leaves its place to the session timeout.
    drop(consumer);
    std::mem::forget(producer);
    Ok(end)
}
