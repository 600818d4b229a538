//! Making the keyspace and the tables, and telling what differs from what this release works with.
//!
//! Both may be run at any time, by several at once. Nothing that is there is ever altered: what
//! differs is reported, because altering replication or columns under a running sale is for a
//! person.
//!
//! # Tablets
//! ScyllaDB makes new keyspaces with tablets unless told otherwise, and refuses conditional
//! statements on them before 2025.4. A keyspace cannot change sides later. So the ledger's keyspace
//! says `tablets = {'enabled': false}` and works on every release; what tablets would give
//! (spreading large tables by moving small pieces) is nothing to a table of a few thousand
//! partitions. Cassandra refuses the property as unknown, so it is said to ScyllaDB alone. A
//! keyspace made by hand with tablets is found out by the conditional insert of the identity.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use super::session::{Levels, open};
use super::table::{Column, Table};
use super::{Config, Error, identity_table, ledger_table, system};
use crate::ports::ledger::LedgerId;

/// Making a table may take a cluster this long; the servers agree on schemas at leisure.
const DEFINING_TIMEOUT: Duration = Duration::from_secs(30);

/// How sentences end about what a migration makes.
const MIGRATE: &str = ": run `holdfast ledger migrate`";

const TABLES: [&Table; 2] = [&ledger_table::TABLE, &identity_table::TABLE];

/// What was found, and what was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The cluster's own name.
    pub cluster: String,
    /// The keyspace.
    pub keyspace: String,
    /// The ledger's id, where it has one.
    pub ledger: Option<String>,
    /// What was made just now, a sentence each.
    pub made: Vec<String>,
    /// What is not as this release needs it, a sentence each.
    pub differences: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = self.ledger.as_deref().unwrap_or("none yet");
        writeln!(f, "cluster   {}", self.cluster)?;
        writeln!(f, "keyspace  {}", self.keyspace)?;
        writeln!(f, "ledger    {ledger}")?;
        self.made.iter().try_for_each(|made| writeln!(f, "made      {made}"))?;
        match self.differences.as_slice() {
            [] => writeln!(f, "in order"),
            all => all.iter().try_for_each(|difference| writeln!(f, "differs   {difference}")),
        }
    }
}

/// Makes what is missing, then checks.
///
/// # Errors
/// Why the cluster could not be asked or told.
pub async fn migrate(config: &Config) -> Result<Report, Error> {
    let session = open(config).await?;
    let mut made = vec![];
    if system::keyspace(&session, config).await?.is_none() {
        let on_scylla = system::is_scylla(&session).await?;
        define(&session, create_keyspace(config, on_scylla)).await?;
        made.push(format!("keyspace {}", config.keyspace));
    }
    for table in TABLES {
        if system::columns(&session, config, table).await?.is_empty() {
            define(&session, table.create(&config.keyspace)).await?;
            made.push(format!("table {}", table.name));
        }
    }
    if identity(&session, config).await?.is_none() {
        name_ledger(&session, config).await?;
        made.push("the ledger's identity".into());
    }
    Ok(Report { made, ..report(&session, config).await? })
}

/// Tells what differs, and changes nothing.
///
/// # Errors
/// Why the cluster could not be asked.
pub async fn check(config: &Config) -> Result<Report, Error> {
    let session = open(config).await?;
    report(&session, config).await
}

/// The identity of a ledger that is in order.
pub(super) async fn verify(session: &Session, config: &Config) -> Result<LedgerId, Error> {
    let keyspace = config.keyspace.clone();
    if system::keyspace(session, config).await?.is_none() {
        return Err(Error::NoKeyspace { keyspace });
    }
    let differences = differences(session, config).await?;
    if !differences.is_empty() {
        return Err(Error::Differs { differences });
    }
    let Some(identity) = identity(session, config).await? else {
        return Err(Error::NoIdentity { keyspace });
    };
    let found_in = system::cluster(session).await?;
    if identity.cluster != found_in {
        return Err(Error::OtherCluster { keyspace, made_in: identity.cluster, found_in });
    }
    Ok(identity)
}

async fn report(session: &Session, config: &Config) -> Result<Report, Error> {
    let cluster = system::cluster(session).await?;
    let mut report = Report {
        cluster: cluster.clone(),
        keyspace: config.keyspace.clone(),
        ledger: None,
        made: vec![],
        differences: differences(session, config).await?,
    };
    if system::columns(session, config, &identity_table::TABLE).await?.is_empty() {
        return Ok(report);
    }
    match identity(session, config).await? {
        None => report.differences.push(format!("the ledger has no identity{MIGRATE}")),
        Some(identity) => {
            report.ledger = Some(identity.id.to_string());
            if identity.cluster != cluster {
                let LedgerId { cluster: made_in, .. } = identity;
                report.differences.push(format!(
                    "the ledger was made in cluster {made_in:?} and this is {cluster:?}: a copy \
                     must not sell what the original sells"
                ));
            }
        }
    }
    Ok(report)
}

/// What keyspace and tables have otherwise than this release needs it.
async fn differences(session: &Session, config: &Config) -> Result<Vec<String>, Error> {
    let Some((replication, durable)) = system::keyspace(session, config).await? else {
        return Ok(vec![format!("keyspace {} is missing{MIGRATE}", config.keyspace)]);
    };
    let mut differences = replication_differences(config, replication);
    if !durable {
        differences.push(
            "the keyspace has durable_writes off, a crash would lose seats: alter it to true"
                .into(),
        );
    }
    for table in TABLES {
        let found = system::columns(session, config, table).await?;
        differences.extend(column_differences(table, &found));
        if !found.is_empty() && system::time_to_live(session, config, table).await? != 0 {
            differences.push(format!(
                "table {} has a default_time_to_live, rows would vanish: alter it to 0",
                table.name
            ));
        }
    }
    Ok(differences)
}

fn replication_differences(config: &Config, mut found: HashMap<String, String>) -> Vec<String> {
    let class = found.remove("class").unwrap_or_default();
    if !class.ends_with("NetworkTopologyStrategy") {
        return vec![format!(
            "the keyspace is replicated by {class}: alter it to NetworkTopologyStrategy"
        )];
    }
    let found: BTreeMap<String, String> = found.into_iter().collect();
    let wanted: BTreeMap<String, String> = config
        .replication
        .iter()
        .map(|(name, copies)| (name.clone(), copies.to_string()))
        .collect();
    if found == wanted {
        return vec![];
    }
    let say = |map: &BTreeMap<String, String>| {
        map.iter().map(|(name, copies)| format!("{name} {copies}")).collect::<Vec<_>>().join(", ")
    };
    vec![format!(
        "the keyspace has the copies {} and the options say {}: make them one, while no owner runs",
        say(&found),
        say(&wanted)
    )]
}

/// Columns of ours that are missing or different; `found` has name, kind and type. Columns beyond
/// ours do no harm: no statement of ours sees them.
fn column_differences(table: &Table, found: &[(String, String, String)]) -> Vec<String> {
    if found.is_empty() {
        return vec![format!("table {} is missing{MIGRATE}", table.name)];
    }
    let of_column = |wanted: &Column| {
        let wanted_kind = wanted.kind.word();
        let name = format!("{}.{}", table.name, wanted.name);
        match found.iter().find(|(name, ..)| name == wanted.name) {
            None => Some(format!("column {name} is missing: add it as {}", wanted.cql_type)),
            Some((_, kind, cql_type)) if kind != wanted_kind || cql_type != wanted.cql_type => {
                Some(format!(
                    "column {name} is {kind} {cql_type} and should be {wanted_kind} {}: no release \
                     made it so, start over in another keyspace and rebuild from the topics",
                    wanted.cql_type
                ))
            }
            Some(_) => None,
        }
    };
    table.columns.iter().filter_map(of_column).collect()
}

fn create_keyspace(config: &Config, on_scylla: bool) -> String {
    let copies: String =
        config.replication.iter().map(|(name, copies)| format!(", '{name}': {copies}")).collect();
    let tablets = if on_scylla { " AND tablets = {'enabled': false}" } else { "" };
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = \
         {{'class': 'NetworkTopologyStrategy'{copies}}} AND durable_writes = true{tablets}",
        config.keyspace
    )
}

async fn identity(session: &Session, config: &Config) -> Result<Option<LedgerId>, Error> {
    let mut statement = Statement::new(identity_table::select(&config.keyspace));
    statement.set_consistency(Levels::of(config).serial_read);
    let row = system::first::<(Uuid, String)>(session, statement, (identity_table::KEY,)).await?;
    Ok(row.map(|(id, cluster)| LedgerId { id, cluster }))
}

/// Conditional, so that of two migrations at once one names the ledger, and the other's name is
/// never seen.
async fn name_ledger(session: &Session, config: &Config) -> Result<(), Error> {
    let statement = Statement::new(identity_table::insert(&config.keyspace));
    let values = (identity_table::KEY, Uuid::now_v7(), system::cluster(session).await?);
    let named = session.query_unpaged(statement, values).await;
    named.map(drop).map_err(|error| Error::Statement {
        doing: "naming the ledger".into(),
        hint: "if ScyllaDB says that it does not support this with tablets, the keyspace was made \
               with them on a release before 2025.4: drop it and let `holdfast ledger migrate` \
               make it; otherwise it is safe to do it again",
        source: Box::new(error),
    })
}

async fn define(session: &Session, text: String) -> Result<(), Error> {
    let mut statement = Statement::new(&text);
    statement.set_request_timeout(Some(DEFINING_TIMEOUT));
    let made = session.query_unpaged(statement, ()).await;
    made.map(drop).map_err(Error::statement(format!("`{text}`")))
}
