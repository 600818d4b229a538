//! Wiring: the one place that puts concrete drivers beside the logic, starts them and lets them go.
//!
//! Start order: the topics are held against their declaration, the ledger against its tables, and
//! only then does an owner join the group: a process that cannot work never takes partitions away
//! from one that can. Drain order: owners stop reading, publish what they have decided, leave the
//! group so that successors start at once; the expiry worker goes last and keeps nothing.

pub mod audit;
mod backend;
pub mod expiry;
mod gate;
pub mod owner;
mod stages;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context as _, bail};
use tokio::runtime::Runtime;

pub use backend::Backend;
pub use stages::{Stages, StagesRead};

use crate::config::{Config, Role};
use owner::{Owner, Started};

/// Runs workers until a signal or a failure ends them.
///
/// # Errors
/// When the servers are not what is needed, or a worker cannot go on.
pub fn run(config: &Config, roles: &[Role], owners: usize) -> anyhow::Result<()> {
    let workers = Workers::start(config, &Backend::open(config)?, roles, owners)?;
    let stop = Arc::clone(&workers.stop);
    workers.runtime.spawn(async move {
        wait_for_signal().await;
        tracing::info!("told to stop; draining");
        stop.store(true, Ordering::Release);
    });
    workers.wait()
}

async fn wait_for_signal() {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminated {
        Ok(mut terminated) => {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be heard; only ctrl-c ends this process in order");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Running workers.
pub struct Workers {
    runtime: Runtime,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
    stages: Arc<Stages>,
}

impl Workers {
    /// Checks the servers and starts the workers.
    ///
    /// # Errors
    /// When the servers are not what is needed.
    pub fn start(
        config: &Config,
        backend: &Backend,
        roles: &[Role],
        owners: usize,
    ) -> anyhow::Result<Workers> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("ledger")
            .enable_all()
            .build()
            .context("the runtime does not start")?;
        let stop = Arc::new(AtomicBool::new(false));
        let keys = Arc::new(config.seal_keys().map_err(anyhow::Error::msg)?);
        runtime.block_on(backend.check())?;
        let stages = Arc::new(Stages::default());
        let mut threads = vec![];
        if roles.contains(&Role::Booking) {
            let ledger = runtime.block_on(backend.ledger())?;
            for index in 0..owners {
                let owner = Owner::new(Started {
                    log: Arc::clone(&backend.log),
                    instance: format!("{}-{index}", config.worker.instance),
                    ledger: Arc::clone(&ledger),
                    keys: Arc::clone(&keys),
                    runtime: runtime.handle().clone(),
                    stop: Arc::clone(&stop),
                    stages: Arc::clone(&stages),
                })?;
                let name = format!("owner-{index}");
                let thread = std::thread::Builder::new().name(name).spawn(move || owner.run())?;
                threads.push(thread);
            }
        }
        if roles.contains(&Role::Expiry) {
            let (log, keys, stop) =
                (Arc::clone(&backend.log), Arc::clone(&keys), Arc::clone(&stop));
            let run = move || expiry::run(&*log, &keys, &stop);
            threads.push(std::thread::Builder::new().name("expiry".into()).spawn(run)?);
        }
        Ok(Workers { runtime, stop, threads, stages })
    }

    /// Where the owners' time goes.
    #[must_use]
    pub fn stages(&self) -> &Arc<Stages> {
        &self.stages
    }

    /// Whether none of them has ended.
    #[must_use]
    pub fn are_running(&self) -> bool {
        !self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Lets all workers drain and waits for them.
    ///
    /// # Errors
    /// What ended the first worker that failed.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        self.wait()
    }

    /// Waits for all workers. One that fails ends the others in order.
    fn wait(self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        let mut threads = self.threads;
        while !threads.is_empty() {
            let Some(done) = threads.iter().position(JoinHandle::is_finished) else {
                std::thread::sleep(std::time::Duration::from_millis(20));
                continue;
            };
            let ended = threads.swap_remove(done).join();
            let ended = ended.unwrap_or_else(|_| bail!("a worker panicked; its log tells where"));
            if let Err(error) = ended {
                self.stop.store(true, Ordering::Release);
                outcome = outcome.and(Err(error));
            }
        }
        self.runtime.shutdown_background();
        outcome
    }
}
