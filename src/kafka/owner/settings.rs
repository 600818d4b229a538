//! What the clients are told, each setting with its reason where it is not obvious.
//!
//! The operator's own settings come first and ours after them: what the protocol rests on
//! (isolation, no automatic commits, idempotence) cannot be switched off by accident.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use super::OwnerConfig;
use crate::kafka::cluster::RECORD_BYTES_MAX;

/// The session timeout that every broker takes by default; ours may be below its minimum.
pub(super) const SESSION_TIMEOUT_FALLBACK_MS: u32 = 6_000;
/// Bytes of one fetch: a few of the largest batches.
const FETCH_BYTES: &str = "4194304";
/// Kilobytes the client may hold fetched and not yet delivered, all partitions together.
const FETCHED_KILOBYTES_MAX: &str = "65536";
/// Records the client keeps fetched ahead.
const FETCHED_RECORDS: &str = "50000";
/// Longest wait between two tries of a heartbeat; also bounds the reaction to a rebalance.
const HEARTBEAT_MS_MAX: u32 = 200;

fn base(config: &OwnerConfig) -> ClientConfig {
    let mut settings = ClientConfig::new();
    for (name, value) in &config.extra {
        settings.set(name, value);
    }
    settings.set("bootstrap.servers", &config.bootstrap).set("client.id", &config.instance_id);
    settings
}

/// A client that reads. Checksums are its last chance to see a damaged batch, and it does not look
/// by default.
fn reading(config: &OwnerConfig) -> ClientConfig {
    let mut settings = base(config);
    settings.set("check.crcs", "true");
    settings
}

/// The member of the group. Its client id is the instance id, so that others see who is alive.
pub(super) fn member(config: &OwnerConfig, session_timeout_ms: u32) -> ClientConfig {
    let heartbeat_ms = (session_timeout_ms / 3).clamp(1, HEARTBEAT_MS_MAX);
    let mut settings = reading(config);
    settings
        .set("group.id", &config.group)
        .set("group.instance.id", &config.instance_id)
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", session_timeout_ms.to_string())
        .set("heartbeat.interval.ms", heartbeat_ms.to_string())
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "50")
        .set("fetch.wait.max.ms", "100")
        // The default of a second stalls a partition whose queue was full once.
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.message.max.bytes", FETCH_BYTES)
        .set("queued.min.messages", FETCHED_RECORDS)
        .set("queued.max.messages.kbytes", FETCHED_KILOBYTES_MAX);
    settings
}

/// A reader that belongs to no group and commits nothing; it is told where to read.
pub(super) fn reader(config: &OwnerConfig, committed: bool) -> ClientConfig {
    let mut settings = reading(config);
    settings
        .set("group.id", &config.group)
        // It has no session, but the client compares this with the operator's poll interval.
        .set("session.timeout.ms", SESSION_TIMEOUT_FALLBACK_MS.to_string())
        .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("retry.backoff.ms", "20")
        .set("retry.backoff.max.ms", "50")
        // The end of a partition is told after one fetch that found nothing, so that one must be
        // short.
        .set("fetch.wait.max.ms", "2")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.message.max.bytes", FETCH_BYTES)
        .set("queued.max.messages.kbytes", FETCHED_KILOBYTES_MAX);
    settings
}

/// A transactional producer.
pub(super) fn producer(config: &OwnerConfig, transactional_id: &str) -> ClientConfig {
    let mut settings = base(config);
    let timeout_ms = config.transaction_timeout_ms;
    settings
        .set("transactional.id", transactional_id)
        .set("enable.idempotence", "true")
        .set("transaction.timeout.ms", timeout_ms.to_string())
        // Both must stay below the transaction's own.
        .set("message.timeout.ms", (timeout_ms * 9 / 10).to_string())
        .set("socket.timeout.ms", (timeout_ms * 9 / 10).clamp(10, 300_000).to_string())
        .set("linger.ms", "0")
        // After a commit the next transaction is told to wait; this is how long it does.
        .set("retry.backoff.ms", "1")
        .set("retry.backoff.max.ms", "50")
        // A catalog record holds a whole definition; the client's default would not take the
        // largest.
        .set("message.max.bytes", RECORD_BYTES_MAX.to_string())
        .set("batch.size", "1000000")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "100000")
        .set("compression.type", "lz4");
    settings
}

/// Waits until a producer is connected to some broker. Initialised before that, it finds no broker
/// to ask for its coordinator, and asks again only after half a second.
pub(super) fn connect<C: ProducerContext>(
    producer: &BaseProducer<C>,
    topic: &str,
    timeout: Duration,
) {
    // Whatever the answer, somebody gave it; without one, initialising will say what is wrong.
    let _ = producer.client().fetch_metadata(Some(topic), timeout);
}

/// How long one transaction call may take before its fate counts as unknown.
pub(super) fn call_timeout(config: &OwnerConfig) -> Duration {
    Duration::from_millis(u64::from(config.transaction_timeout_ms))
}
