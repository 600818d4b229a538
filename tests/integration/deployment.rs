//! A deployment of its own for a test: topics under a prefix, a keyspace, and workers as real
//! processes.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use holdfast::app::Backend;
use holdfast::audit::Report;
use holdfast::config::{self, Config};
use holdfast::cql::schema;
use holdfast::kafka::topics;
use holdfast::ports::clock::ticks;
use holdfast::seal::Keys;
use tempfile::TempDir;

use crate::stack::{block_on, unique};

/// A deployment.
pub(crate) struct Deployment {
    folder: TempDir,
    pub(crate) config: Config,
    pub(crate) keys: Keys,
}

/// A worker process; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// How often to look again while waiting.
const LOOK: Duration = Duration::from_millis(100);

impl Deployment {
    /// Makes topics and tables.
    pub(crate) fn new(kafka: &str, cql: &str, name: &str, partitions: i32) -> Result<Deployment> {
        let folder = tempfile::tempdir()?;
        let unique = unique(name);
        let text = format!(
            "[deployment]\nname = \"{unique}\"\ntopic-prefix = \"{unique}.\"\npartitions = {partitions}\n\
             [kafka]\nbootstrap = \"{kafka}\"\nsession-timeout = \"2s\"\n\
             [ledger]\nnodes = [\"{cql}\"]\nkeyspace = \"{unique}\"\n\
             [keys.signing]\nid = \"test\"\nsecret-file = \"key\"\n"
        );
        std::fs::write(folder.path().join("key"), "a secret of a test, long enough for anybody")?;
        let path = folder.path().join("holdfast.toml");
        std::fs::write(&path, text)?;
        let config = config::load(&path)?;
        let keys = config.seal_keys().map_err(anyhow::Error::msg)?;
        let deployment = Deployment { folder, config, keys };
        block_on(async {
            topics::apply(&deployment.config.cluster()).await?;
            schema::migrate(&deployment.config.ledger.options()).await?;
            Ok::<(), anyhow::Error>(())
        })?;
        Ok(deployment)
    }

    /// A command of the binary under this deployment's configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.env("HOLDFAST_CONFIG", self.folder.path().join("holdfast.toml"));
        command.stdin(Stdio::null());
        command
    }

    /// Starts a worker process.
    pub(crate) fn run(&self, name: &str, roles: &str) -> Result<Process> {
        let log = self.folder.path().join(format!("{name}-{}.log", std::process::id()));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = self
            .command()
            .args(["run", "--roles", roles])
            .env("HOLDFAST_INSTANCE", name)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()?;
        Ok(Process { name: name.into(), child, log })
    }

    /// Reads everything back and checks it, the ledger too.
    pub(crate) fn verify(&self) -> Result<Report> {
        holdfast::app::audit::verify(&Backend::open(&self.config)?, true)
    }

    /// Checks that the sale is exact.
    pub(crate) fn must_be_clean(&self) -> Result<Report> {
        let report = self.verify()?;
        ensure!(report.is_clean(), "the sale is not exact:\n{report}");
        Ok(report)
    }
}

impl Process {
    /// SIGKILL.
    pub(crate) fn kill9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), pid]).status()?;
        ensure!(sent.success(), "worker {} did not take SIG{name}", self.name);
        Ok(())
    }

    /// SIGTERM, and how long it took until the process had ended well.
    pub(crate) fn drain(&mut self) -> Result<Duration> {
        let began = ticks();
        self.signal("TERM")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "worker {} ended with {status}:\n{}", self.name, self.tail());
        Ok(began.elapsed())
    }

    /// Waits until the log of the process has a text, so many times.
    pub(crate) fn wait_for_log(&mut self, text: &str, times: usize, limit: Duration) -> Result<()> {
        let began = ticks();
        while self.log()?.matches(text).count() < times {
            if let Some(status) = self.child.try_wait()? {
                bail!("worker {} ended with {status}:\n{}", self.name, self.tail());
            }
            let waited = began.elapsed();
            ensure!(waited < limit, "no {text:?} in {waited:?}:\n{}", self.tail());
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// What the process has logged.
    pub(crate) fn log(&self) -> Result<String> {
        std::fs::read_to_string(&self.log).context("the worker's log")
    }

    /// The end of that.
    pub(crate) fn tail(&self) -> String {
        let log = self.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
