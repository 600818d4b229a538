//! Waiting until a server answers in its own protocol, and asking it what it is.
//!
//! An open port is not enough: Kafka listens before its broker is registered, and Cassandra before
//! its system tables can be read.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

/// How long a server may take to come up, on a machine busy with other things.
const START_MAX: Duration = Duration::from_secs(120);
const RETRY_EVERY: Duration = Duration::from_millis(100);
const ATTEMPT_MAX: Duration = Duration::from_secs(5);

/// Repeats `attempt` until it succeeds, for at most `limit`; the error is that of the last attempt.
pub(crate) fn until<T>(
    limit: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited {} s for {what}", limit.as_secs())));
            }
            Err(_) => thread::sleep(RETRY_EVERY),
        }
    }
}

/// Opens a CQL session on `address` (`host:port`).
pub(crate) async fn cql_session(address: &str) -> Result<Session> {
    let builder = SessionBuilder::new().known_node(address).connection_timeout(ATTEMPT_MAX);
    builder.build().await.with_context(|| format!("a CQL session on {address}"))
}

/// Waits until Kafka at `address` lists a live broker. `dead` says why waiting is pointless.
pub(super) fn kafka(address: &str, dead: impl Fn() -> Option<String>) -> Result<()> {
    wait("Kafka", address, dead, || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address);
        let consumer: BaseConsumer = config.create().context("a Kafka client")?;
        let metadata = consumer.fetch_metadata(None, ATTEMPT_MAX).context("asking for metadata")?;
        ensure!(!metadata.brokers().is_empty(), "no broker is registered");
        Ok(())
    })
}

/// Waits until the CQL server at `address` answers a query, and returns what it is.
pub(super) fn cql(address: &str, dead: impl Fn() -> Option<String>) -> Result<String> {
    wait("CQL", address, dead, || super::block_on(cql_release(address)))
}

fn wait<T>(
    protocol: &str,
    address: &str,
    dead: impl Fn() -> Option<String>,
    attempt: impl Fn() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + START_MAX;
    loop {
        // The clients retry and complain by themselves while the port is closed.
        let error = match port_is_open(address).and_then(|()| attempt()) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if let Some(why) = dead() {
            return Err(anyhow!("{why}").context(format!("no {protocol} on {address}")));
        }
        if Instant::now() >= deadline {
            let waited = START_MAX.as_secs();
            return Err(error.context(format!("no {protocol} on {address} within {waited} s")));
        }
        thread::sleep(RETRY_EVERY);
    }
}

fn port_is_open(address: &str) -> Result<()> {
    let resolved = address.to_socket_addrs().with_context(|| format!("resolving {address}"))?;
    let mut last = anyhow!("{address} resolves to nothing");
    for candidate in resolved {
        match TcpStream::connect_timeout(&candidate, ATTEMPT_MAX) {
            Ok(_) => return Ok(()),
            Err(error) => last = anyhow::Error::from(error).context(format!("port {candidate}")),
        }
    }
    Err(last)
}

/// Both servers fill `release_version`, ScyllaDB with the Cassandra release it once resembled; only
/// ScyllaDB has the table `system.versions`, with its own.
async fn cql_release(address: &str) -> Result<String> {
    let session = cql_session(address).await?;
    let tables = "SELECT table_name FROM system_schema.tables \
                  WHERE keyspace_name = 'system' AND table_name = 'versions'";
    let is_scylla = session.query_unpaged(tables, ()).await?.into_rows_result()?.rows_num() > 0;
    let (query, name) = if is_scylla {
        ("SELECT version FROM system.versions WHERE key = 'local'", "ScyllaDB")
    } else {
        ("SELECT release_version FROM system.local WHERE key = 'local'", "Cassandra")
    };
    let row = session.query_unpaged(query, ()).await?.into_rows_result()?;
    let (release,) = row.single_row::<(String,)>()?;
    let standing_in = if is_scylla { "" } else { " standing in for ScyllaDB" };
    Ok(format!("{name} {release}{standing_in}"))
}
