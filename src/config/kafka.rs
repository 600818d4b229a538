//! `[kafka]`: where the log is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;
use super::units::HIDDEN;

/// Where the log is, and how patient we are with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Kafka {
    /// Some brokers, `host:port` separated by commas; the others are found through them. Also
    /// `HOLDFAST_BOOTSTRAP`. Default: `127.0.0.1:9092`.
    pub bootstrap: String,
    /// The consumer group that all owners share. Another name begins at the log's start, which a
    /// running deployment refuses. Default: the deployment's name and `-owners`.
    pub group: String,
    /// After how long without a sign of life an owner's partitions go to another. Too short: a
    /// pause of the machine costs a takeover; the brokers bound it by
    /// `group.min.session.timeout.ms`, 6 s by default. Too long: that long a dead owner's events
    /// stand still. Default: 6 s.
    #[serde(with = "units::duration")]
    pub session_timeout: Duration,
    /// After how long the brokers end a transaction that its owner left open. Too short: slow
    /// commits are aborted and made again. Too long: that long readers may wait behind a dead
    /// owner. Default: 10 s.
    #[serde(with = "units::duration")]
    pub transaction_timeout: Duration,
    /// Further settings of the client by their librdkafka names, such as those of TLS and SASL.
    /// What the protocol rests on cannot be set. Default: none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Setting>,
}

impl Default for Kafka {
    fn default() -> Self {
        Kafka {
            bootstrap: "127.0.0.1:9092".into(),
            group: String::new(),
            session_timeout: Duration::from_secs(6),
            transaction_timeout: Duration::from_secs(10),
            settings: BTreeMap::new(),
        }
    }
}

/// The value of a client setting, quoted or not.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// `"text"`
    Text(String),
    /// `5`
    Number(i64),
    /// `true`
    Switch(bool),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Text(text) => f.write_str(text),
            Setting::Number(number) => write!(f, "{number}"),
            Setting::Switch(switch) => write!(f, "{switch}"),
        }
    }
}

/// A setting may be a password, so its value is never part of a message.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// What the protocol rests on, or what has a key of its own above.
const OURS: [&str; 17] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "message.max.bytes",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

impl Kafka {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bootstrap.trim().is_empty() {
            return Err("bootstrap is empty: name at least one broker as host:port".into());
        }
        if let Some(name) = self.settings.keys().find(|name| OURS.contains(&name.as_str())) {
            return Err(format!(
                "settings: {name} is not yours to set, since the protocol rests on it: remove it"
            ));
        }
        for (key, value) in [
            ("session-timeout", self.session_timeout),
            ("transaction-timeout", self.transaction_timeout),
        ] {
            if !(Duration::from_secs(1)..=Duration::from_mins(5)).contains(&value) {
                return Err(format!("{key} is out of bounds: take from 1s to 5m"));
            }
        }
        Ok(())
    }

    pub(super) fn settings_as_text(&self) -> BTreeMap<String, String> {
        self.settings.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    pub(super) fn hide_secrets(&mut self) {
        let marks = ["password", "secret", ".pem", "oauthbearer.config", "token"];
        for (name, value) in &mut self.settings {
            if marks.iter().any(|mark| name.contains(mark)) {
                *value = Setting::Text(HIDDEN.into());
            }
        }
    }
}
