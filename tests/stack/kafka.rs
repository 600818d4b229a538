//! Kafka as a Java process of our own: one node that is broker and controller.

use std::fs;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};

use super::guardian::Guarded;
use super::java::{self, Wanted};
use super::{ports, ready, shared, version};

/// The release that is started, in containers too.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| version("KAFKA_VERSION"));

/// What every Kafka of the tests is told beside its addresses. One node, so one replica of
/// everything; few internal partitions and no rebalance delay, so that groups form at once; session
/// timeouts down to a second, so that a test of a lost member need not wait for long.
pub(super) const PROPERTIES: [(&str, &str); 14] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("transaction.max.timeout.ms", "60000"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("auto.create.topics.enable", "false"),
];

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qk";

/// Errors and warnings only, on the standard output.
const LOG4J: &str = r#"<Configuration status="ERROR">
<Appenders><Console name="C"><PatternLayout pattern="%d{HH:mm:ss.SSS} %-5p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="C"/></Root></Loggers>
</Configuration>
"#;

/// Formats the storage at the first start, then becomes the server: the pid stays the same.
const RUN: &str = r#"
java=$1; classpath=$2
[ -d data ] || "$java" -cp "$classpath" kafka.tools.StorageTool format --standalone \
  -t "$3" -c server.properties || exit 1
exec "$java" -Dlog4j2.configurationFile=log4j2.xml -Xms256m -Xmx768m \
  -cp "$classpath" kafka.Kafka server.properties
"#;

/// How a Kafka is started.
#[derive(Clone, Default)]
pub(crate) struct KafkaOptions {
    /// Broker properties beside, or in place of, the usual ones.
    pub(crate) properties: Vec<(String, String)>,
    /// Leaves the folder behind at the end, for a look.
    pub(crate) keep: bool,
}

/// A Kafka of one's own, killed and removed when dropped or when the test process goes.
pub(crate) struct NativeKafka {
    bootstrap: String,
    process: Guarded,
}

impl NativeKafka {
    /// Starts a fresh Kafka on a free port and waits until it answers.
    ///
    /// # Errors
    /// [`super::Unavailable`] where Java or the jars cannot be had.
    pub(crate) fn start(options: KafkaOptions) -> Result<Self> {
        let java = java::find_java("Kafka", Wanted::AtLeast(17))?;
        let libs = java::jars(&format!("kafka-{}", *VERSION), &dependencies())?;
        let (port, controller) = (ports::free_port()?, ports::free_port()?);
        let folder = tempfile::Builder::new().prefix("holdfast-kafka-").tempdir()?;
        let mut lines = String::new();
        let mut set = |key: &str, value: &str| lines.push_str(&format!("{key}={value}\n"));
        for (key, value) in PROPERTIES {
            set(key, value);
        }
        let host = "127.0.0.1";
        let listeners = format!("PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}");
        set("listeners", &listeners);
        set("advertised.listeners", &listeners);
        set("controller.quorum.bootstrap.servers", &format!("{host}:{controller}"));
        set("log.dirs", &folder.path().join("data").to_string_lossy());
        // The last line for a key is the one that counts.
        for (key, value) in &options.properties {
            set(key, value);
        }
        fs::write(folder.path().join("server.properties"), lines).context("server.properties")?;
        fs::write(folder.path().join("log4j2.xml"), LOG4J).context("log4j2.xml")?;
        let classpath = format!("{}/*", libs.display());
        let java = java.to_string_lossy();
        let command = ["sh", "-c", RUN, "kafka", &java, &classpath, CLUSTER_ID].map(str::to_owned);
        let process = Guarded::start("Kafka", folder, options.keep, &command)?;
        let kafka = Self { bootstrap: format!("{host}:{port}"), process };
        kafka.wait()?;
        shared::note_native(&format!("Kafka {}", *VERSION));
        Ok(kafka)
    }

    /// Its `host:port`, for `bootstrap.servers`; the same over restarts.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
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
        let dead = || self.process.exited().then(|| "Kafka exited".to_owned());
        ready::kafka(&self.bootstrap, dead).inspect_err(|_| eprint!("{}", self.log_tail()))
    }
}

fn dependencies() -> Vec<String> {
    let version = VERSION.as_str();
    vec![
        format!("org.apache.kafka:kafka_2.13:{version}"),
        format!("org.apache.kafka:kafka-tools:{version}"),
        // Without a binding of slf4j Kafka logs nothing at all.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1".to_owned(),
    ]
}
