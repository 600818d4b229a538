//! `[ledger]`: where the authority on seats is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;
use super::units::Secret;
use crate::cql;

/// Where the authority on seats is: ScyllaDB, or Cassandra.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Ledger {
    /// Some nodes, `host:port`; the others are found through them. Also `HOLDFAST_NODES`. Default:
    /// `127.0.0.1:9042`.
    pub nodes: Vec<String>,
    /// The keyspace, one per deployment. Default: `holdfast`.
    pub keyspace: String,
    /// Copies of each row by data centre, as the servers name them. Too few: with one copy a lost
    /// node is a lost sale; three bear the loss of one. Default: one in `datacenter1`, which suits
    /// a single node.
    pub replication: BTreeMap<String, u8>,
    /// How long a request may take before its result counts as unknown and it is sent again. Too
    /// short, below the servers' own write timeout of 2 s: slow batches are sent again. Too long:
    /// an event waits that much longer for a node that died. Default: 2500 ms.
    #[serde(with = "units::duration")]
    pub request_timeout: Duration,
    /// Who we are, where the servers ask. Default: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password; better given in `HOLDFAST_LEDGER_PASSWORD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            nodes: vec!["127.0.0.1:9042".into()],
            keyspace: "holdfast".into(),
            replication: BTreeMap::from([("datacenter1".into(), 1)]),
            request_timeout: Duration::from_millis(2_500),
            user: None,
            password: None,
        }
    }
}

impl Ledger {
    /// The same, as the ledger's driver wants to be told.
    #[must_use]
    pub fn options(&self) -> cql::Config {
        let credentials = self.user.clone().zip(self.password.clone());
        cql::Config {
            nodes: self.nodes.clone(),
            keyspace: self.keyspace.clone(),
            replication: self.replication.clone(),
            credentials: credentials
                .map(|(user, Secret(password))| cql::Credentials { user, password }),
            request_timeout: self.request_timeout,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.nodes.iter().all(|node| node.trim().is_empty()) {
            return Err("nodes is empty: name at least one as host:port".into());
        }
        if self.user.is_some() != self.password.is_some() {
            return Err("user and password come together: give both, or neither".into());
        }
        if self.request_timeout < Duration::from_millis(100) {
            return Err("request-timeout is too short to be kept: take at least 100ms".into());
        }
        Ok(())
    }
}
