//! The configuration: one TOML file, one struct per section, one file per struct.
//!
//! Defaults give way to the file, the file to the environment, the environment to flags. Unknown
//! keys are refused, since a misspelt one would silently be its default. It is read once and passed
//! down, never global. Secrets are not read here but when they are used, so that those who need
//! none need not have any.
//!
//! Environment: `HOLDFAST_CONFIG` (this file), `HOLDFAST_BOOTSTRAP`, `HOLDFAST_NODES` (with
//! commas), `HOLDFAST_INSTANCE`, and the secrets `HOLDFAST_SIGNING_SECRET`,
//! `HOLDFAST_SECOND_SECRET`, `HOLDFAST_KAFKA_PASSWORD`, `HOLDFAST_LEDGER_PASSWORD`.

pub mod definition;
mod deployment;
mod embedded;
mod error;
mod kafka;
mod keys;
mod ledger;
mod units;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::kafka::{Cluster, KafkaLog};
use crate::seal;

pub use self::deployment::Deployment;
pub use self::embedded::embedded;
pub use self::error::Error;
pub use self::kafka::{Kafka, Setting};
pub use self::keys::{Key, Keys};
pub use self::ledger::Ledger;
pub use self::units::Secret;
pub use self::worker::{Role, Worker, check_owners};

/// All that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// What this deployment is.
    pub deployment: Deployment,
    /// Where the log is.
    pub kafka: Kafka,
    /// Where the ledger is.
    pub ledger: Ledger,
    /// Who may sign.
    pub keys: Keys,
    /// Who this process is.
    pub worker: Worker,
    /// The folder of log and ledger where they are embedded; then the sections of the servers say
    /// nothing. Given with `--embedded`, never in the file.
    #[serde(skip)]
    pub embedded: Option<PathBuf>,
}

/// Reads a configuration and lets the environment have its say.
///
/// # Errors
/// One sentence that names the file, the place and what to do.
pub fn load(path: &Path) -> Result<Config, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    parse(&text, path, &|name| std::env::var(name).ok())
}

/// Reads a configuration from its text; `environment` answers for the variables.
pub(crate) fn parse(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Error> {
    let mut config: Config =
        toml::from_str(text).map_err(|source| Error::toml(path, text, &source))?;
    config.overlay(environment);
    config.keys.resolve_paths(path.parent().unwrap_or(Path::new("")));
    config.check(path)?;
    Ok(config)
}

impl Config {
    fn overlay(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        if let Some(bootstrap) = environment("HOLDFAST_BOOTSTRAP") {
            self.kafka.bootstrap = bootstrap;
        }
        if let Some(nodes) = environment("HOLDFAST_NODES") {
            self.ledger.nodes = nodes.split(',').map(|node| node.trim().to_owned()).collect();
        }
        if let Some(instance) = environment("HOLDFAST_INSTANCE") {
            self.worker.instance = instance;
        }
        if let Some(password) = environment("HOLDFAST_KAFKA_PASSWORD") {
            self.kafka.settings.insert("sasl.password".into(), Setting::Text(password));
        }
        if let Some(password) = environment("HOLDFAST_LEDGER_PASSWORD") {
            self.ledger.password = Some(Secret(password));
        }
        self.keys.overlay(environment);
        self.worker.name_instance(environment);
        if self.kafka.group.is_empty() {
            self.kafka.group = format!("{}-owners", self.deployment.name);
        }
    }

    fn check(&self, path: &Path) -> Result<(), Error> {
        let sections = [
            ("deployment", self.deployment.check()),
            ("kafka", self.kafka.check()),
            ("ledger", self.ledger.check()),
            ("keys", self.keys.check()),
            ("worker", self.worker.check(self.deployment.partitions)),
        ];
        for (section, outcome) in sections {
            outcome.map_err(|sentence| Error::Value {
                path: path.to_owned(),
                section,
                sentence,
            })?;
        }
        Ok(())
    }

    /// The effective configuration as TOML, without its secrets.
    #[must_use]
    pub fn dump(&self) -> String {
        let mut shown = self.clone();
        shown.kafka.hide_secrets();
        toml::to_string(&shown).expect("every field has a TOML form")
    }

    /// Where the log is, as the readers and writers of its topics want to be told.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster {
            bootstrap: self.kafka.bootstrap.clone(),
            prefix: self.deployment.topic_prefix.clone(),
            partitions: self.deployment.partitions,
            group: self.kafka.group.clone(),
            audit_period: self.deployment.audit_period,
            settings: self.kafka.settings_as_text(),
        }
    }

    /// The same with all that owners need.
    #[must_use]
    pub fn kafka_log(&self) -> KafkaLog {
        KafkaLog {
            cluster: self.cluster(),
            session_timeout: self.kafka.session_timeout,
            transaction_timeout: self.kafka.transaction_timeout,
        }
    }

    /// The live keys with their secrets, read now.
    ///
    /// # Errors
    /// A sentence when there is no signing key, or a secret cannot be had.
    pub fn seal_keys(&self) -> Result<seal::Keys, String> {
        self.keys.read(&self.deployment.name)
    }
}

#[cfg(test)]
mod tests;
