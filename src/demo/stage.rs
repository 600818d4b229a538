//! What the demo runs on: a log and a ledger of its own, made for one run.
//!
//! The embedded ones lie in one file in a temporary folder, or in a folder that is kept.
//!
//! On servers it makes topics under a prefix and a keyspace that nobody else has, and leaves both
//! behind: what was sold can be looked at and audited again, and a demo that drops things on other
//! people's servers would be one typing error away from dropping theirs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use uuid::Uuid;

use crate::app::Backend;
use crate::config::{self, Config};
use crate::cql::schema;
use crate::kafka::topics;

/// Real servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// A Kafka broker, `host:port`.
    pub kafka: String,
    /// A node of ScyllaDB or Cassandra, `host:port`.
    pub cql: String,
}

/// A log and a ledger for one run.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) backend: Backend,
    /// What the log is.
    pub(super) log: String,
    /// What the ledger is.
    pub(super) ledger: String,
    /// What a run on these two does not show.
    pub(super) not_shown: &'static str,
    /// What is left behind, and where.
    pub(super) kept: Option<String>,
    /// Dropped last: what lies in it is open until then.
    folder: Option<Folder>,
}

/// A folder that goes when it is dropped, unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is in a place that is swept anyway.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Folder {
    fn kept(&self) -> Option<String> {
        self.keep.then(|| format!("{} is kept", self.path.display()))
    }
}

impl Stage {
    /// Leaves behind what would be removed, since there is something to look into; says where.
    pub(super) fn keep(&mut self) -> Option<String> {
        if let Some(folder) = &mut self.folder {
            folder.keep = true;
            self.kept = folder.kept();
        }
        self.kept.clone()
    }

    /// A log and a ledger in one file, in a folder of this run: within `keep`, or else in a
    /// temporary one that is gone with the stage.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub(super) fn embedded(keep: Option<&Path>) -> anyhow::Result<Stage> {
        let within = keep.map_or_else(std::env::temp_dir, Path::to_owned);
        let folder = Folder { path: within.join(unique()), keep: keep.is_some() };
        let config = config::embedded(&folder.path)?;
        let backend = Backend::open(&config)?;
        Ok(Stage {
            log: backend.log.describe(),
            ledger: "embedded ledger in the same file".into(),
            not_shown: "several machines, the loss of one, or a network between them",
            kept: folder.kept(),
            config,
            backend,
            folder: Some(folder),
        })
    }

    /// Topics and a keyspace on real servers.
    ///
    /// # Errors
    /// When a server does not answer or does not do what it is asked.
    pub(super) fn on_servers(servers: &Servers) -> anyhow::Result<Stage> {
        let name = unique();
        let text = format!(
            "[deployment]\nname = {name:?}\ntopic-prefix = \"{name}.\"\npartitions = 1\n\
             [kafka]\nbootstrap = {:?}\n[ledger]\nnodes = [{:?}]\nkeyspace = {name:?}\n\
             [keys.signing]\nid = \"demo\"\n[worker]\ninstance = \"demo\"\n",
            servers.kafka, servers.cql
        );
        let config = configure(&text)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            topics::apply(&config.cluster()).await.context("making topics")?;
            let options = config.ledger.options();
            Box::pin(schema::migrate(&options)).await.context("making the keyspace")?;
            Ok::<(), anyhow::Error>(())
        })?;
        let backend = Backend::open(&config)?;
        Ok(Stage {
            log: backend.log.describe(),
            ledger: format!("CQL at {}", servers.cql),
            not_shown: "what happens when one of these machines is lost",
            kept: Some(format!("topics {name}.* and keyspace {name} are left on the servers")),
            config,
            backend,
            folder: None,
        })
    }
}

/// A name for what this run makes: a letter first, and nothing that a keyspace or a topic could not
/// be called.
fn unique() -> String {
    format!("demo_{}", &Uuid::now_v7().simple().to_string()[..12])
}

/// Reads a configuration that nobody wrote, with a signing key that nobody else has. The
/// environment has no say.
fn configure(text: &str) -> anyhow::Result<Config> {
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let environment = |name: &str| (name == "HOLDFAST_SIGNING_SECRET").then(|| secret.clone());
    Ok(config::parse(text, Path::new("the demo's configuration"), &environment)?)
}
