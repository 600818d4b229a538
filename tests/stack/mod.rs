//! Real servers for the tests: Kafka, and ScyllaDB or what stands in for it.
//!
//! Each server comes from the first of these that works:
//!
//! 1. the address in `HOLDFAST_TEST_KAFKA` or `HOLDFAST_TEST_CQL` (`host:port`);
//! 2. a container, where a Docker engine answers and has or can pull the image ([`container`]);
//! 3. a Java process started from Maven coordinates ([`kafka`], [`cassandra`]); Cassandra then
//!    stands in for ScyllaDB, and whatever prints the servers says so.
//!
//! Where none can be had the tests are skipped and say it, and under `CI` they fail. Once a server
//! could be had, failing to start is a failure anywhere: a skip would hide a broken test stack.
//!
//! Everything started here dies with the test process, however that ends: see [`guardian`]. A test
//! that kills a server starts its own ([`NativeKafka`], [`NativeCassandra`]) and leaves the shared
//! ones alone.
#![allow(dead_code, reason = "shared by test binaries that each use a part of it")]
#![allow(clippy::print_stderr, reason = "how the servers come up is told to whoever waits for it")]
#![allow(clippy::disallowed_methods, reason = "real servers are waited for on the real clock")]

mod cassandra;
mod container;
mod guardian;
mod java;
mod kafka;
mod ports;
mod ready;
mod shared;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use scylla::client::session::Session;

pub(crate) use cassandra::{CassandraOptions, CommitLogSync, NativeCassandra};
pub(crate) use kafka::{KafkaOptions, NativeKafka};
pub(crate) use ready::{cql_session, until};
pub(crate) use shared::{report, solo_trial, stop, trial};

/// The servers that all tests share, running until this is dropped.
pub(crate) struct Stack {
    /// Kafka's `host:port`, for `bootstrap.servers`.
    pub(crate) kafka: String,
    /// The CQL `host:port` of ScyllaDB or Cassandra.
    pub(crate) cql: String,
    /// What the servers are and where they come from, in one line.
    pub(crate) what: String,
    // Dropped with the stack, which stops them.
    servers: Vec<Server>,
}

/// One server of the stack and how it is kept.
enum Server {
    Named { address: String, variable: &'static str },
    Container(container::Container),
    Kafka(NativeKafka),
    Cassandra(NativeCassandra),
}

/// No server of this kind can be had on this machine; says what is missing and what to install.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

impl Stack {
    /// Starts what is not named by the environment and waits until both servers answer.
    ///
    /// # Errors
    /// [`Unavailable`] where a server cannot be had at all; any other error where one that could
    /// be had did not come up.
    pub(crate) fn start() -> Result<Self> {
        let began = Instant::now();
        let mut kafka = named("HOLDFAST_TEST_KAFKA")?;
        let mut cql = named("HOLDFAST_TEST_CQL")?;
        if kafka.is_none() || cql.is_none() {
            match container::Engine::connect() {
                Ok(mut engine) => {
                    kafka = kafka.or_else(|| from_container("Kafka", engine.kafka()));
                    cql = cql.or_else(|| from_container("ScyllaDB", engine.scylla()));
                }
                Err(error) => eprintln!("stack: no containers, {error:#}"),
            }
        }
        // Both Java processes take some seconds each to come up: side by side.
        let (kafka, cql) = thread::scope(|scope| {
            let starting = scope.spawn(|| match kafka {
                Some(server) => Ok(server),
                None => NativeKafka::start(KafkaOptions::default()).map(Server::Kafka),
            });
            let cql = match cql {
                Some(server) => Ok(server),
                None => NativeCassandra::start(CassandraOptions::default()).map(Server::Cassandra),
            };
            (starting.join(), cql)
        });
        let kafka = match kafka {
            Ok(started) => started.context("Kafka for all tests")?,
            Err(_) => bail!("the thread that starts Kafka panicked"),
        };
        let cql = cql.context("the CQL server for all tests")?;
        let (kafka_address, cql_address) = (kafka.address(), cql.address());
        ready::kafka(&kafka_address, || None)?;
        let release = ready::cql(&cql_address, || None)?;
        let what = format!("{}; {}", kafka.describe("Kafka"), cql.describe(&release));
        eprintln!("stack: up in {:.1} s: {what}", began.elapsed().as_secs_f64());
        Ok(Self { kafka: kafka_address, cql: cql_address, what, servers: vec![kafka, cql] })
    }

    /// Opens a CQL session on the shared server.
    pub(crate) async fn session(&self) -> Result<Session> {
        cql_session(&self.cql).await
    }

    /// What the CQL server says it is.
    pub(crate) fn cql_release(&self) -> Result<String> {
        ready::cql(&self.cql, || None)
    }

    /// What Kafka is, as far as it is known here: it is not asked.
    pub(crate) fn kafka_release(&self) -> String {
        let servers = self.what.split("; ").next().unwrap_or_default();
        servers.split(" (").next().unwrap_or_default().to_owned()
    }

    /// The last lines of the logs of the servers started here, for a run that failed.
    pub(crate) fn log_tails(&self) -> String {
        let tail = |server: &Server| match server {
            Server::Kafka(kafka) => kafka.log_tail(),
            Server::Cassandra(cassandra) => cassandra.log_tail(),
            Server::Named { .. } | Server::Container(_) => String::new(),
        };
        self.servers.iter().map(tail).collect()
    }
}

impl Server {
    fn address(&self) -> String {
        match self {
            Self::Named { address, .. } => address.clone(),
            Self::Container(container) => container.address.clone(),
            Self::Kafka(kafka) => kafka.bootstrap().to_owned(),
            Self::Cassandra(cassandra) => cassandra.address().to_owned(),
        }
    }

    /// `release` is what the server itself said it is, where it can be asked.
    fn describe(&self, release: &str) -> String {
        match self {
            Self::Named { address, variable } => {
                format!("{release} (named by {variable}, {address})")
            }
            Self::Container(container) => {
                format!("{release} (container {}, {})", container.image, container.address)
            }
            Self::Kafka(kafka) => {
                format!("Kafka {} (native, {})", kafka::VERSION.as_str(), kafka.bootstrap())
            }
            Self::Cassandra(cassandra) => format!(
                "{release} (native, commit log {}, {})",
                cassandra.sync().describe(),
                cassandra.address()
            ),
        }
    }
}

/// Runs `future` to its end on a runtime of its own, for tests that talk to asynchronous clients.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("a Tokio runtime")?.block_on(future)
}

/// A name no other test uses: `prefix` (lower case, at most 20 characters), an underscore and
/// 17 to 20 characters. Good as a keyspace (48 at most), a topic, a group or a transactional id.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = random_u64();
    format!("{prefix}_{random:016x}{count}")
}

/// Creates a keyspace with a [`unique`] name, one replica, on either server; returns the name.
pub(crate) async fn unique_keyspace(session: &Session, prefix: &str) -> Result<String> {
    let keyspace = unique(prefix);
    // This form expands to the one data center of both servers, whatever its name.
    let replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}";
    let statement = format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}");
    session.query_unpaged(statement, ()).await.with_context(|| format!("keyspace {keyspace}"))?;
    Ok(keyspace)
}

/// Whether this run is a CI run, where a test that cannot run is a failure.
fn under_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Randomness enough for names, ports and seeds, from the standard library's hash seeds.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn named(variable: &'static str) -> Result<Option<Server>> {
    match std::env::var(variable) {
        Ok(address) if address.is_empty() => Ok(None),
        Ok(address) if address.contains(':') => Ok(Some(Server::Named { address, variable })),
        Ok(address) => bail!("{variable} is {address:?}, expected host:port"),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).context(variable),
    }
}

/// A container that did not come up is told in one sentence, and the native way is next.
fn from_container(name: &str, started: Result<container::Container>) -> Option<Server> {
    match started {
        Ok(container) => Some(Server::Container(container)),
        Err(error) => {
            eprintln!("stack: no container for {name}, starting it natively: {error:#}");
            None
        }
    }
}

/// The value of `name` in `docker/versions.env`.
fn version(name: &str) -> String {
    let versions = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/versions.env"));
    let value = versions.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.map(|value| value.trim().to_owned()).unwrap_or_else(|| {
        panic!("docker/versions.env has no line {name}=…");
    })
}
