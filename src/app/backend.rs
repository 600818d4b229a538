//! What a deployment works on: a log and a ledger.

use std::sync::Arc;

use anyhow::bail;

use crate::config::Config;
use crate::cql::{self, CqlLedger};
use crate::embedded::{EmbeddedLedger, EmbeddedLog, Store};
use crate::kafka::{KafkaLog, topics};
use crate::ports::ledger::Ledger;
use crate::ports::log::Log;

/// A log and a ledger.
#[derive(Clone)]
pub struct Backend {
    /// The log.
    pub log: Arc<dyn Log>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// Kafka, and a store that speaks CQL.
    Servers(KafkaLog, Box<cql::Config>),
    /// One file.
    Embedded(Arc<Store>),
}

impl Backend {
    /// What the configuration names. Servers are not asked anything yet; a file is opened.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(config: &Config) -> anyhow::Result<Backend> {
        if let Some(folder) = &config.embedded {
            let store = Store::open(folder, config.deployment.partitions)?;
            let log = Arc::new(EmbeddedLog::new(Arc::clone(&store)));
            return Ok(Backend { log, kind: Kind::Embedded(store) });
        }
        let log = config.kafka_log();
        let kind = Kind::Servers(log.clone(), Box::new(config.ledger.options()));
        Ok(Backend { log: Arc::new(log), kind })
    }

    /// Makes sure that the topics are what owners need.
    ///
    /// # Errors
    /// All that is not, in one sentence.
    pub async fn check(&self) -> anyhow::Result<()> {
        let Kind::Servers(log, _) = &self.kind else { return Ok(()) };
        let findings = topics::check(&log.cluster).await?;
        if findings.is_empty() {
            return Ok(());
        }
        let sentences: Vec<String> =
            findings.iter().map(|finding| finding.sentence.clone()).collect();
        bail!("the topics are not what owners need: {}", sentences.join("; "));
    }

    /// Connects to the ledger.
    ///
    /// # Errors
    /// Says what is missing or different and what to do about it.
    pub async fn ledger(&self) -> anyhow::Result<Arc<dyn Ledger>> {
        Ok(match &self.kind {
            Kind::Servers(_, options) => Arc::new(CqlLedger::connect(options).await?),
            Kind::Embedded(store) => Arc::new(EmbeddedLedger::new(Arc::clone(store))),
        })
    }
}
