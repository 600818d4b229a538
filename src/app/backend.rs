//! What a deployment works on: a log and a ledger.

use std::sync::Arc;

use anyhow::bail;

use crate::config::Config;
use crate::cql::{self, CqlLedger};
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
}

impl Backend {
    /// What the configuration names. Servers are not asked anything yet.
    ///
    /// # Errors
    /// When there is nothing to open.
    pub fn open(config: &Config) -> anyhow::Result<Backend> {
        let log = config.kafka_log();
        let kind = Kind::Servers(log.clone(), Box::new(config.ledger.options()));
        Ok(Backend { log: Arc::new(log), kind })
    }

    /// Makes sure that the topics are what owners need.
    ///
    /// # Errors
    /// All that is not, in one sentence.
    pub async fn check(&self) -> anyhow::Result<()> {
        let Kind::Servers(log, _) = &self.kind;
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
        let Kind::Servers(_, options) = &self.kind;
        Ok(Arc::new(CqlLedger::connect(options).await?))
    }
}
