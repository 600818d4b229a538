//! What the demo runs on: a log and a ledger of its own, made for one run.
//!
//! On servers it makes topics under a prefix and a keyspace that nobody else has, and leaves both
//! behind: what was sold can be looked at and audited again, and a demo that drops things on other
//! people's servers would be one typing error away from dropping theirs.

use std::path::Path;

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
}

impl Stage {
    /// The embedded log and ledger.
    pub(super) fn embedded() -> anyhow::Result<Stage> {
        anyhow::bail!("name servers with --kafka and --cql")
    }

    /// Topics and a keyspace on real servers.
    ///
    /// # Errors
    /// When a server does not answer or does not do what it is asked.
    pub(super) fn on_servers(servers: &Servers) -> anyhow::Result<Stage> {
        let name = format!("demo_{}", &Uuid::now_v7().simple().to_string()[..12]);
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
            not_shown: "what a single broker and a single node do not: the loss of machines",
            kept: Some(format!("topics {name}.* and keyspace {name} are left on the servers")),
            config,
            backend,
        })
    }
}

/// Reads a configuration that nobody wrote, with a signing key that nobody else has. The
/// environment has no say.
fn configure(text: &str) -> anyhow::Result<Config> {
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let environment = |name: &str| (name == "HOLDFAST_SIGNING_SECRET").then(|| secret.clone());
    Ok(config::parse(text, Path::new("the demo's configuration"), &environment)?)
}
