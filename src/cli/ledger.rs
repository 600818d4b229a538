//! `holdfast ledger`: the tables.

use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::output::Output;
use super::{Ending, wait_for};
use crate::config::Config;
use crate::cql::schema;

/// Make or check the ledger's tables
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make the keyspace and the tables where they are missing; alters nothing that is there
    #[command(after_help = "Example:\n  holdfast ledger migrate")]
    Migrate,
    /// Tell what is not as this release needs it; exit status 1 when anything is
    #[command(after_help = "Example:\n  holdfast ledger check && holdfast run")]
    Check,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    super::needs_servers(config)?;
    let options = config.ledger.options();
    let report = match verb {
        Verb::Migrate => wait_for(Box::pin(schema::migrate(&options)))??,
        Verb::Check => wait_for(Box::pin(schema::check(&options)))??,
    };
    let json = json!({
        "cluster": report.cluster,
        "keyspace": report.keyspace,
        "ledger": report.ledger,
        "made": report.made,
        "differences": report.differences,
    });
    output.data(report.to_string().trim_end(), &json)?;
    Ok(if report.differences.is_empty() { Ending::Done } else { Ending::Found })
}
