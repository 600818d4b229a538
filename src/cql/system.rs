//! What a cluster says of itself, in tables that both servers have.

use std::collections::HashMap;

use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;

use super::table::Table;
use super::{Config, Error};

/// Cassandra has no such table, and ScyllaDB always had it.
pub(super) async fn is_scylla(session: &Session) -> Result<bool, Error> {
    let text = "SELECT table_name FROM system_schema.tables \
                WHERE keyspace_name = 'system' AND table_name = 'scylla_local'";
    Ok(first::<(String,)>(session, text, ()).await?.is_some())
}

pub(super) async fn cluster(session: &Session) -> Result<String, Error> {
    let row = first::<(String,)>(session, "SELECT cluster_name FROM system.local", ()).await?;
    row.map(|(name,)| name).ok_or_else(|| {
        Error::statement("reading the name of the cluster")("the server does not tell it")
    })
}

pub(super) async fn keyspace(
    session: &Session,
    config: &Config,
) -> Result<Option<(HashMap<String, String>, bool)>, Error> {
    let text = "SELECT replication, durable_writes FROM system_schema.keyspaces \
                WHERE keyspace_name = ?";
    first(session, text, (&config.keyspace,)).await
}

/// Name, kind and type of a table's columns; none where there is no such table.
pub(super) async fn columns(
    session: &Session,
    config: &Config,
    table: &Table,
) -> Result<Vec<(String, String, String)>, Error> {
    let text = "SELECT column_name, kind, type FROM system_schema.columns \
                WHERE keyspace_name = ? AND table_name = ?";
    all(session, text, (&config.keyspace, table.name)).await
}

pub(super) async fn time_to_live(
    session: &Session,
    config: &Config,
    table: &Table,
) -> Result<i32, Error> {
    let text = "SELECT default_time_to_live FROM system_schema.tables \
                WHERE keyspace_name = ? AND table_name = ?";
    let row = first::<(i32,)>(session, text, (&config.keyspace, table.name)).await?;
    Ok(row.map_or(0, |(seconds,)| seconds))
}

pub(super) async fn first<Row>(
    session: &Session,
    statement: impl Into<Statement>,
    values: impl SerializeRow,
) -> Result<Option<Row>, Error>
where
    Row: for<'f> DeserializeRow<'f, 'f>,
{
    Ok(all(session, statement, values).await?.into_iter().next())
}

async fn all<Row>(
    session: &Session,
    statement: impl Into<Statement>,
    values: impl SerializeRow,
) -> Result<Vec<Row>, Error>
where
    Row: for<'f> DeserializeRow<'f, 'f>,
{
    let statement = statement.into();
    let doing = format!("`{}`", statement.contents);
    let answer = session.query_unpaged(statement, values).await;
    let answer = answer.map_err(Error::statement(doing.clone()))?;
    let rows = answer.into_rows_result().map_err(Error::statement(doing.clone()))?;
    let rows = rows.rows::<Row>().map_err(Error::statement(doing.clone()))?;
    rows.collect::<Result<Vec<Row>, _>>().map_err(Error::statement(doing))
}
