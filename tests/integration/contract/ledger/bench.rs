//! The ledger under test, as often opened as a clause likes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::cql::{self, CqlLedger, schema};
use holdfast::embedded::{EmbeddedLedger, Store};
use holdfast::ports::ledger::Ledger;
use tempfile::TempDir;

use super::mutant::{Fault, MutantLedger};
use crate::stack::block_on;

/// Longest time a clause may take.
const CLAUSE_MAX: Duration = Duration::from_secs(60);

/// Where the ledger is. Clauses share it, each with events of its own.
pub(crate) enum Bench {
    Embedded(TempDir),
    Cql(cql::Config),
    Mutant(TempDir, Fault),
}

impl Bench {
    /// A file of its own.
    pub(super) fn embedded() -> Result<Bench> {
        Ok(Bench::Embedded(tempfile::tempdir()?))
    }

    /// The one keyspace of the suite, made when it is first asked for.
    pub(super) fn cql(address: &str) -> Result<Bench> {
        static MADE: Mutex<Option<cql::Config>> = Mutex::new(None);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some(block_on(async {
                let config = crate::ledger::config(address, "contract").await?;
                schema::migrate(&config).await?;
                Ok(config)
            })?);
        }
        Ok(Bench::Cql(made.clone().context("a keyspace")?))
    }

    /// A file of its own behind a fault.
    pub(super) fn mutant(fault: Fault) -> Result<Bench> {
        Ok(Bench::Mutant(tempfile::tempdir()?, fault))
    }

    /// Opens the ledger, as another process would that is started now.
    pub(super) async fn open(&self) -> Result<Arc<dyn Ledger>> {
        Ok(match self {
            Bench::Embedded(folder) => {
                Arc::new(EmbeddedLedger::new(Store::open(folder.path(), 1)?))
            }
            Bench::Cql(config) => Arc::new(CqlLedger::connect(config).await?),
            Bench::Mutant(folder, fault) => Arc::new(MutantLedger::open(folder.path(), *fault)?),
        })
    }
}

/// Runs a clause to its end, which must come.
pub(super) fn run(clause: impl Future<Output = Result<()>>) -> Result<()> {
    block_on(async {
        let ended = tokio::time::timeout(CLAUSE_MAX, Box::pin(clause)).await;
        ended.context("the clause does not come to its end")?
    })
}
