//! The session: how the driver is set up, and what is asked of the cluster before anything else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::{DefaultPolicy, LoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::{Consistency, SerialConsistency};

use super::{Config, Error};

/// A node that hangs without closing its connections is asked first again and again, because the
/// order of replicas is stable. This long, and a request's timeout, until it is passed over.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// The levels a configuration calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    /// Of the write that follows a decided batch, and of reading rows: the two quorums overlap.
    pub(super) quorum: Consistency,
    /// Of deciding a batch.
    pub(super) serial: SerialConsistency,
    /// Of reading the fence: the same level as a read has it.
    pub(super) serial_read: Consistency,
}

impl Levels {
    pub(super) fn of(config: &Config) -> Levels {
        match config.only_data_center() {
            Some(_) => Levels {
                quorum: Consistency::LocalQuorum,
                serial: SerialConsistency::LocalSerial,
                serial_read: Consistency::LocalSerial,
            },
            None => Levels {
                quorum: Consistency::Quorum,
                serial: SerialConsistency::Serial,
                serial_read: Consistency::Serial,
            },
        }
    }
}

/// Opens a session and sees that the cluster has the data centres named.
pub(super) async fn open(config: &Config) -> Result<Session, Error> {
    config.check()?;
    let levels = Levels::of(config);
    let profile = ExecutionProfile::builder()
        .consistency(levels.quorum)
        .serial_consistency(Some(levels.serial))
        .request_timeout(Some(config.request_timeout))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .load_balancing_policy(policy(config))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.nodes)
        .keyspaces_to_fetch([&config.keyspace])
        .keepalive_interval(KEEPALIVE_INTERVAL)
        .keepalive_timeout(config.request_timeout)
        .default_execution_profile_handle(profile.into_handle());
    if let Some(credentials) = &config.credentials {
        builder = builder.user(&credentials.user, &credentials.password);
    }
    let session = Box::pin(builder.build()).await.map_err(|error| Error::Unreachable {
        nodes: config.nodes.join(", "),
        source: Box::new(error),
    })?;
    find_data_centers(&session, config)?;
    Ok(session)
}

/// Batches go to one replica as long as it is up: coordinators that compete for one partition
/// preempt each other. The driver does not know a batch for conditional, so the order of replicas
/// must be the policy's; and `LOCAL_SERIAL` is local to whoever coordinates, so with one data
/// centre no other may.
fn policy(config: &Config) -> Arc<dyn LoadBalancingPolicy> {
    let builder = DefaultPolicy::builder().token_aware(true).enable_shuffling_replicas(false);
    match config.only_data_center() {
        Some(name) => builder.prefer_datacenter(name.to_owned()).permit_dc_failover(false),
        None => builder.prefer_no_datacenter(),
    }
    .build()
}

fn find_data_centers(session: &Session, config: &Config) -> Result<(), Error> {
    let state = session.get_cluster_state();
    let known: BTreeSet<&str> =
        state.get_nodes_info().iter().filter_map(|node| node.datacenter.as_deref()).collect();
    match config.replication.keys().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(missing) => Err(Error::DataCenter {
            missing: missing.clone(),
            known: known.into_iter().collect::<Vec<_>>().join(", "),
        }),
    }
}
