//! Why there is no ledger to work with. What a running ledger answers is no error of this kind.

/// The cause below, as the driver tells it.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the ledger cannot be opened, made or checked; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options make no sense.
    #[error("the options of the ledger: {0}")]
    Config(String),
    /// No node lets us in.
    #[error(
        "no node of the ledger answers at {nodes}: see that one of them is up and reachable from \
         here, and that user and password are right"
    )]
    Unreachable {
        /// The nodes tried.
        nodes: String,
        /// Why.
        source: Source,
    },
    /// The cluster has no such data centre.
    #[error(
        "the ledger's cluster has no data centre {missing:?}, it has {known}: correct the \
         replication in the options"
    )]
    DataCenter {
        /// What the options name.
        missing: String,
        /// What the cluster has.
        known: String,
    },
    /// The keyspace is not there.
    #[error("there is no keyspace {keyspace:?} in the ledger: run `holdfast ledger migrate`")]
    NoKeyspace {
        /// Its name.
        keyspace: String,
    },
    /// The tables are not what this release works with.
    #[error("the ledger is not as this release needs it: {}", differences.join("; "))]
    Differs {
        /// What differs, a sentence each.
        differences: Vec<String>,
    },
    /// The tables are there and no identity.
    #[error(
        "the ledger in keyspace {keyspace:?} has no identity, a migration ended half way: run \
         `holdfast ledger migrate`"
    )]
    NoIdentity {
        /// Its keyspace.
        keyspace: String,
    },
    /// The keyspace comes from another cluster.
    #[error(
        "keyspace {keyspace:?} was made in cluster {made_in:?} and this is cluster {found_in:?}: \
         a copy must not sell what the original sells. Name the right nodes, or start a new ledger \
         in an empty keyspace and rebuild it from the topics"
    )]
    OtherCluster {
        /// Its keyspace.
        keyspace: String,
        /// The cluster it was made in.
        made_in: String,
        /// The cluster it is found in.
        found_in: String,
    },
    /// A server refused a statement, or did not answer it.
    #[error("{doing} did not succeed: {hint}")]
    Statement {
        /// What was being done.
        doing: String,
        /// What to do about it.
        hint: &'static str,
        /// Why.
        source: Source,
    },
}

impl Error {
    /// Wraps what the driver says while something is being done.
    pub(super) fn statement<E>(doing: impl Into<String>) -> impl FnOnce(E) -> Error
    where
        E: Into<Source>,
    {
        let doing = doing.into();
        move |source| Error::Statement {
            doing,
            hint: "the cause is below; it is safe to do it again",
            source: source.into(),
        }
    }
}
