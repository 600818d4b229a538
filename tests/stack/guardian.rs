//! A server process that cannot outlive the test process.
//!
//! Drop alone does not do it (a killed process drops nothing), and asking the kernel to deliver a
//! signal on the parent's death needs unsafe code. So each server is the child of a small shell,
//! the guardian, whose standard input is a pipe from the test process. The pipe carries orders
//! (start, signal, reap), and its end, which comes however the test process goes, is the order to
//! kill the server and remove its folder. Only the test process holds the writing end: the standard
//! library opens it close-on-exec, and the server's own input is `/dev/null`.
//!
//! The guardian leads a process group of its own, so that an interrupt from the terminal reaches
//! the test process alone. It is the server's parent and alone reaps it, so a pid it signals is
//! never one that was given to somebody else.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::ready::until;

const SCRIPT: &str = r#"
folder=$1; keep=$2; shift 2
pid=
reap() { [ -z "$pid" ] || { kill -KILL "$pid"; wait "$pid"; pid=; }; }
while read -r order signal; do
  case $order in
    start)
      "$@" </dev/null >>"$folder/server.log" 2>&1 &
      pid=$!
      echo "$pid" ;;
    signal) if [ -n "$pid" ] && kill -"$signal" "$pid"; then echo sent; else echo gone; fi ;;
    reap) reap; echo reaped ;;
  esac
done
reap
[ "$keep" = keep ] || rm -rf "$folder"
"#;

/// How long a server may take to leave by itself on a TERM.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A server process under its guardian, with a folder of its own.
pub(super) struct Guarded {
    name: &'static str,
    guardian: Child,
    // Taken on drop: its end is the guardian's last order.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: Option<u32>,
    folder: PathBuf,
}

impl Guarded {
    /// Starts the guardian of `command` and, by it, the command, in `folder`. With `keep` the
    /// folder stays behind at the end.
    pub(super) fn start(
        name: &'static str,
        folder: TempDir,
        keep: bool,
        command: &[String],
    ) -> Result<Self> {
        let mut guardian = Command::new("sh")
            .args(["-c", SCRIPT, "holdfast-test-guardian"])
            .arg(folder.path())
            .arg(if keep { "keep" } else { "remove" })
            .args(command)
            .current_dir(folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting sh")?;
        let orders = guardian.stdin.take().context("the guardian's input")?;
        let answers = guardian.stdout.take().context("the guardian's output")?;
        let mut guarded = Self {
            name,
            guardian,
            orders: Some(orders),
            answers: BufReader::new(answers),
            pid: None,
            // From here on the guardian removes it.
            folder: folder.keep(),
        };
        guarded.launch()?;
        Ok(guarded)
    }

    /// The server's process id, while it has one.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The server's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the command again after it was reaped.
    pub(super) fn launch(&mut self) -> Result<()> {
        ensure!(self.pid.is_none(), "{} is still running", self.name);
        let pid = self.order("start")?;
        self.pid = Some(pid.parse().with_context(|| format!("pid {pid:?} of {}", self.name))?);
        Ok(())
    }

    /// Sends a signal by its short name, as STOP or CONT.
    pub(super) fn signal(&mut self, signal: &str) -> Result<()> {
        match self.order(&format!("signal {signal}"))?.as_str() {
            "sent" => Ok(()),
            answer => bail!("sending {signal} to {}: {answer}", self.name),
        }
    }

    /// Kills the server (SIGKILL) and returns when it is gone. Its folder stays.
    pub(super) fn kill9(&mut self) -> Result<()> {
        let answer = self.order("reap")?;
        ensure!(answer == "reaped", "killing {}: {answer}", self.name);
        self.pid = None;
        Ok(())
    }

    /// Asks the server to leave (SIGTERM), waits for it, and kills it where it does not.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.signal("TERM")?;
        let gone = until(STOP_MAX, "the server to stop", || {
            ensure!(self.exited(), "it still runs");
            Ok(())
        });
        if gone.is_err() {
            eprintln!("stack: {} did not stop on TERM, killing it", self.name);
        }
        self.kill9()
    }

    /// Whether the process ended by itself. Where there is no `/proc` this is not known, and
    /// waiting ends by its limit instead.
    pub(super) fn exited(&self) -> bool {
        let Some(pid) = self.pid else { return true };
        if !Path::new("/proc/self/stat").exists() {
            return false;
        }
        // The state follows the name in parentheses; a child that nobody reaped is a zombie.
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X'])),
            Err(_) => true,
        }
    }

    /// The last lines of the server's log, under a heading.
    pub(super) fn log_tail(&self) -> String {
        let path = self.folder.join("server.log");
        format!("--- the end of {}'s log ({})\n{}", self.name, path.display(), tail(&path))
    }

    fn order(&mut self, order: &str) -> Result<String> {
        let doing = || format!("telling the guardian of {} to {order}", self.name);
        let orders = self.orders.as_mut().with_context(doing)?;
        writeln!(orders, "{order}").and_then(|()| orders.flush()).with_context(doing)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).with_context(doing)?;
        ensure!(answer.ends_with('\n'), "the guardian of {} is gone", self.name);
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Err(error) = self.guardian.wait() {
            eprintln!("stack: waiting for the guardian of {}: {error}", self.name);
        }
    }
}

/// The last 40 lines of a file, or why it cannot be read.
pub(super) fn tail(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(40)..].iter().map(|line| format!("{line}\n")).collect()
        }
        Err(error) => format!("(cannot be read: {error})\n"),
    }
}
