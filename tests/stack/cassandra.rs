//! Cassandra as a Java process of our own, standing in for ScyllaDB: the same CQL, the same
//! lightweight transactions; other shapes of their results, which the code under test reads both.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};

use super::guardian::Guarded;
use super::java::{self, Wanted};
use super::{ports, ready, shared, version};

static VERSION: LazyLock<String> = LazyLock::new(|| version("CASSANDRA_VERSION"));

/// The packages Cassandra 5 reaches into, as in its own `jvm17-server.options`.
const EXPORTS: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "java.base/java.lang.ref",
    "java.base/java.lang.reflect",
    "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file",
];
const OPENS: [&str; 19] = [
    "java.base/java.lang.module",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/jdk.internal.util",
    "jdk.management/com.sun.management.internal",
    "java.base/sun.nio.ch",
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.reflect",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.nio",
    "java.base/jdk.internal.misc",
    "java.rmi/sun.rmi.transport.tcp",
];

/// Warnings, and Cassandra's own steps of starting. Without this file it logs at DEBUG.
const LOGBACK: &str = r#"<configuration>
<appender name="C" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{0} %msg%n</pattern></encoder></appender>
<logger name="org.apache.cassandra.service.CassandraDaemon" level="INFO"/>
<root level="WARN"><appender-ref ref="C"/></root>
</configuration>
"#;

/// When Cassandra's commit log reaches the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CommitLogSync {
    /// Before a write is confirmed, so that a kill loses nothing confirmed.
    #[default]
    Batch,
    /// Every ten seconds.
    Periodic,
}

impl CommitLogSync {
    /// In words, after "commit log".
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Batch => "synced on each write",
            Self::Periodic => "synced every 10 s",
        }
    }

    fn yaml(self) -> &'static str {
        match self {
            Self::Batch => "commitlog_sync: batch",
            Self::Periodic => "commitlog_sync: periodic\ncommitlog_sync_period: 10000ms",
        }
    }
}

/// How a Cassandra is started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CassandraOptions {
    /// When its commit log is synced.
    pub(crate) sync: CommitLogSync,
    /// Leaves the folder behind at the end, for a look.
    pub(crate) keep: bool,
}

/// A Cassandra of one's own, killed and removed when dropped or when the test process goes.
pub(crate) struct NativeCassandra {
    address: String,
    sync: CommitLogSync,
    process: Guarded,
}

impl NativeCassandra {
    /// Starts a fresh Cassandra on a free port and waits until it answers.
    ///
    /// # Errors
    /// [`super::Unavailable`] where Java or the jars cannot be had.
    pub(crate) fn start(options: CassandraOptions) -> Result<Self> {
        let name = format!("Cassandra {}", *VERSION);
        let java = java::find_java(&name, Wanted::Exactly(17))?;
        let dependencies = [format!("org.apache.cassandra:cassandra-all:{}", *VERSION)];
        let libs = java::jars(&format!("cassandra-{}", *VERSION), &dependencies)?;
        let port = ports::free_port()?;
        let folder = tempfile::Builder::new().prefix("holdfast-cassandra-").tempdir()?;
        let conf = folder.path().join("conf");
        fs::create_dir(&conf).context("the configuration folder")?;
        let yaml = yaml(folder.path(), options.sync, port, ports::free_port()?);
        fs::write(conf.join("cassandra.yaml"), yaml).context("cassandra.yaml")?;
        fs::write(conf.join("logback.xml"), LOGBACK).context("logback.xml")?;
        let command = command(&java, &libs, folder.path(), ports::free_port()?);
        let process = Guarded::start("Cassandra", folder, options.keep, &command)?;
        let address = format!("127.0.0.1:{port}");
        let cassandra = Self { address, sync: options.sync, process };
        cassandra.wait()?;
        shared::note_native(&name);
        Ok(cassandra)
    }

    /// Its CQL `host:port`; the same over restarts.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// When its commit log is synced.
    pub(crate) fn sync(&self) -> CommitLogSync {
        self.sync
    }

    /// The pid of the Java process, while there is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Kills it (SIGKILL); its data stay.
    pub(crate) fn kill9(&mut self) -> Result<()> {
        self.process.kill9()
    }

    /// Stops it in order; its data stay.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.process.stop()
    }

    /// Halts it (SIGSTOP) with its connections open, until [`Self::resume`].
    pub(crate) fn suspend(&mut self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn resume(&mut self) -> Result<()> {
        self.process.signal("CONT")
    }

    /// Starts it again on its data and its port, killing it first where it still runs, and waits
    /// until it answers.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.kill9()?;
        self.process.launch()?;
        self.wait()
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    fn wait(&self) -> Result<()> {
        let dead = || self.process.exited().then(|| "Cassandra exited".to_owned());
        ready::cql(&self.address, dead).map(drop).inspect_err(|_| eprint!("{}", self.log_tail()))
    }
}

fn command(java: &Path, libs: &Path, folder: &Path, jmx_port: u16) -> Vec<String> {
    let mut command = vec![java.to_string_lossy().into_owned()];
    let mut add = |argument: String| command.push(argument);
    add("-Xms1024m".to_owned());
    add("-Xmx1024m".to_owned());
    for package in EXPORTS {
        add(format!("--add-exports={package}=ALL-UNNAMED"));
    }
    for package in OPENS {
        add(format!("--add-opens={package}=ALL-UNNAMED"));
    }
    add("-Djdk.attach.allowAttachSelf=true".to_owned());
    add("-Dio.netty.tryReflectionSetAccessible=true".to_owned());
    add(format!("-Dcassandra.config=file://{}/conf/cassandra.yaml", folder.display()));
    add(format!("-Dcassandra.storagedir={}/data", folder.display()));
    add(format!("-Dcassandra.jmx.local.port={jmx_port}"));
    add("-Dcassandra-foreground=yes".to_owned());
    // A node alone has nobody to wait for.
    add("-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned());
    add("-Dcassandra.ring_delay_ms=0".to_owned());
    add("-Dcassandra.superuser_setup_delay_ms=0".to_owned());
    add("-cp".to_owned());
    add(format!("conf:{}/*", libs.display()));
    add("org.apache.cassandra.service.CassandraDaemon".to_owned());
    command
}

fn yaml(folder: &Path, sync: CommitLogSync, port: u16, storage_port: u16) -> String {
    let data = folder.join("data");
    let data = data.display();
    let sync = sync.yaml();
    format!(
        "\
cluster_name: holdfast-tests
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
{sync}
commitlog_segment_size: 32MiB
data_file_directories: [{data}/data]
commitlog_directory: {data}/commitlog
hints_directory: {data}/hints
saved_caches_directory: {data}/saved
cdc_raw_directory: {data}/cdc
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: \"127.0.0.1:{storage_port}\"}}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage_port}
native_transport_port: {port}
endpoint_snitch: SimpleSnitch
paxos_variant: v2
auto_snapshot: false
memtable:
  configurations:
    skiplist: {{class_name: SkipListMemtable}}
    default: {{inherits: skiplist}}
"
    )
}
