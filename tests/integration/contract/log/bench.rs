//! The log under test, as often opened as a clause likes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::domain::ids::Partition;
use holdfast::embedded::{EmbeddedLog, Store};
use holdfast::kafka::{Cluster, KafkaLog, topics};
use holdfast::ports::log::{Delivery, Log, Pending, Producer};
use holdfast::wire::partitioner;
use tempfile::TempDir;

use super::mutant::{Fault, MutantLog};
use crate::owner::Owner;
use crate::stack::{block_on, unique};

/// Request partitions of every log here.
pub(super) const PARTITIONS: i32 = 2;
pub(super) const P0: Partition = Partition(0);
pub(super) const P1: Partition = Partition(1);

/// How long a report may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is waited for where it may never come.
const PATIENCE_WITH_MUTANTS: Duration = Duration::from_secs(2);
/// After how long without a report there will be none.
pub(super) const SILENCE: Duration = Duration::from_millis(200);

/// Where the log is: each clause has one of its own.
pub(crate) enum Bench {
    Embedded(TempDir),
    Kafka(Box<KafkaLog>),
    Mutant(TempDir, Fault),
}

impl Bench {
    /// A file of its own.
    pub(super) fn embedded() -> Result<Bench> {
        Ok(Bench::Embedded(tempfile::tempdir()?))
    }

    /// Topics of its own.
    pub(super) fn kafka(bootstrap: &str) -> Result<Bench> {
        let name = unique("contract");
        let cluster = Cluster {
            bootstrap: bootstrap.into(),
            prefix: format!("{name}."),
            partitions: PARTITIONS,
            group: name,
            audit_period: Duration::from_hours(24),
            settings: BTreeMap::new(),
        };
        block_on(async { Ok(topics::apply(&cluster).await?) })?;
        Ok(Bench::Kafka(Box::new(KafkaLog {
            cluster,
            session_timeout: Duration::from_secs(1),
            transaction_timeout: Duration::from_secs(10),
        })))
    }

    /// A file of its own behind a fault.
    pub(super) fn mutant(fault: Fault) -> Result<Bench> {
        Ok(Bench::Mutant(tempfile::tempdir()?, fault))
    }

    /// Opens the log, as another process would that is started now.
    pub(super) fn open(&self) -> Result<Arc<dyn Log>> {
        Ok(match self {
            Bench::Embedded(folder) => {
                Arc::new(EmbeddedLog::new(Store::open(folder.path(), PARTITIONS)?))
            }
            Bench::Kafka(log) => Arc::new((**log).clone()),
            Bench::Mutant(folder, fault) => Arc::new(MutantLog::open(folder.path(), *fault)?),
        })
    }

    pub(super) fn patience(&self) -> Duration {
        match self {
            Bench::Embedded(_) | Bench::Kafka(_) => PATIENCE,
            Bench::Mutant(..) => PATIENCE_WITH_MUTANTS,
        }
    }

    /// Begins to own both partitions.
    pub(super) fn own(&self, log: &dyn Log, instance: &str) -> Result<Owner> {
        Owner::start(log, instance, self.patience())
    }
}

/// An event whose records lie in a partition.
pub(super) fn event_in(partition: Partition, number: usize) -> String {
    let names = (0..).map(|n| format!("event-{n}"));
    let mut here =
        names.filter(|name| partitioner::partition(name.as_bytes(), PARTITIONS) == partition.0);
    here.nth(number).expect("names without end")
}

/// Puts requests on a partition, and waits until they are there. Their values tell their numbers.
pub(super) fn submit(log: &dyn Log, partition: Partition, count: usize) -> Result<Vec<Delivery>> {
    submit_by(&*log.producer()?, partition, count)
}

/// The same by one producer, again and again.
pub(super) fn submit_by(
    producer: &dyn Producer,
    partition: Partition,
    count: usize,
) -> Result<Vec<Delivery>> {
    let event = event_in(partition, 0);
    let pending: Result<Vec<Pending>> = (0..count)
        .map(|n| {
            let headers = [("n".to_owned(), Some(n.to_string().into_bytes()))];
            let value = format!("request {n}");
            Ok(producer.submit(event.as_bytes(), Some(value.as_bytes()), &headers)?)
        })
        .collect();
    pending?.into_iter().map(|one| one.wait().context("a request")).collect()
}
