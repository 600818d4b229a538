//! The ledger's driver.

use std::sync::Arc;

use scylla::client::session::Session;
use scylla::errors::ExecutionError;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlValue, Row};

use super::batch::{Prepared, values};
use super::failure::describe;
use super::ledger_table::{DEFINITION_ROW, OUTBOX_ROW, Texts};
use super::read::{self, ContentColumns, FenceColumns, SeatColumns};
use super::result::{self, Cell};
use super::session::{self, Levels};
use super::{Config, Error, schema};
use crate::domain::ids::EventId;
use crate::domain::seat::StoredSeat;
use crate::ports::ledger::{
    Batch, CommitResult, FenceRead, Later, Ledger, LedgerId, ReadError, Reply, RowsRead,
};

/// Seat rows asked for at once. Larger pages gain little and hold a server's memory longer.
const PAGE_ROWS: i32 = 5_000;

/// The ledger, ready for use; see [`ports::ledger`](crate::ports::ledger) for what it promises.
#[derive(Debug)]
pub struct CqlLedger {
    session: Session,
    place: String,
    identity: LedgerId,
    prepared: Prepared,
    read_fence: PreparedStatement,
    read_content: PreparedStatement,
    read_seats: PreparedStatement,
}

impl CqlLedger {
    /// Connects, and sees that keyspace, tables and identity are what this release works with.
    ///
    /// # Errors
    /// Says what is missing or different and what to do about it.
    pub async fn connect(config: &Config) -> Result<CqlLedger, Error> {
        let session = session::open(config).await?;
        let identity = Box::pin(schema::verify(&session, config)).await?;
        let texts = Texts::new(&config.keyspace);
        let levels = Levels::of(config);
        let failed = || Error::statement("preparing the ledger's statements");
        let prepared = Prepared::new(&session, &texts).await.map_err(failed())?;
        let seats = Statement::new(texts.read_seats).with_page_size(PAGE_ROWS);
        let mut read_fence = session.prepare(texts.read_fence).await.map_err(failed())?;
        read_fence.set_consistency(levels.serial_read);
        let read_content = session.prepare(texts.read_content).await.map_err(failed())?;
        let read_seats = session.prepare(seats).await.map_err(failed())?;
        let place =
            format!("the CQL store at {}, keyspace {}", config.nodes.join(","), config.keyspace);
        Ok(CqlLedger { session, place, identity, prepared, read_fence, read_content, read_seats })
    }

    async fn do_read_fence(&self, event: &EventId) -> Result<Option<FenceRead>, ReadError> {
        let key = (event.as_str(), OUTBOX_ROW);
        let answer = self.session.execute_unpaged(&self.read_fence, key).await;
        let rows = rows_of(answer.map_err(|error| unanswered("a fence read", event, &error))?)?;
        match rows.maybe_first_row::<FenceColumns<'_>>() {
            Ok(columns) => columns.map(read::fence).transpose().map_err(ReadError::Corrupt),
            Err(error) => Err(corrupt(&error)),
        }
    }

    async fn do_read_rows(&self, event: &EventId) -> Result<RowsRead, ReadError> {
        let definition = self.read_definition(event).await?;
        let seats = self.read_seats(event).await?;
        Ok(RowsRead { definition, seats })
    }

    async fn do_commit(&self, batch: &Batch) -> CommitResult {
        let values = values(batch);
        let statements = self.prepared.statements(&values);
        match self.session.batch(&statements, &values).await {
            Ok(answer) => decode(answer),
            Err(error) => CommitResult::Unknown(describe("a batch", batch.event.as_str(), &error)),
        }
    }

    async fn read_definition(
        &self,
        event: &EventId,
    ) -> Result<Option<(i64, Arc<[u8]>)>, ReadError> {
        let key = (event.as_str(), DEFINITION_ROW);
        let answer = self.session.execute_unpaged(&self.read_content, key).await;
        let answer = answer.map_err(|error| unanswered("reading a definition", event, &error))?;
        let rows = rows_of(answer)?;
        match rows.maybe_first_row::<ContentColumns<'_>>() {
            Ok(columns) => Ok(columns.map(|(changed, body)| (changed, Arc::from(body)))),
            Err(error) => Err(corrupt(&error)),
        }
    }

    async fn read_seats(&self, event: &EventId) -> Result<Vec<StoredSeat>, ReadError> {
        let mut seats = vec![];
        let mut page = PagingState::start();
        loop {
            let key = (event.as_str(),);
            let answer = self.session.execute_single_page(&self.read_seats, key, page).await;
            let (answer, next) =
                answer.map_err(|error| unanswered("reading seats", event, &error))?;
            let rows = rows_of(answer)?;
            for columns in rows.rows::<SeatColumns<'_>>().map_err(|error| corrupt(&error))? {
                let columns = columns.map_err(|error| corrupt(&error))?;
                seats.push(read::seat(columns).map_err(ReadError::Corrupt)?);
            }
            match next {
                PagingStateResponse::HasMorePages { state } => page = state,
                PagingStateResponse::NoMorePages => return Ok(seats),
            }
        }
    }
}

impl Ledger for CqlLedger {
    fn describe(&self) -> String {
        self.place.clone()
    }

    fn identity(&self) -> &LedgerId {
        &self.identity
    }

    fn read_fence<'a>(&'a self, event: &'a EventId) -> Reply<'a, Option<FenceRead>> {
        Box::pin(self.do_read_fence(event))
    }

    fn read_rows<'a>(&'a self, event: &'a EventId) -> Reply<'a, RowsRead> {
        Box::pin(self.do_read_rows(event))
    }

    /// # Panics
    /// When the batch breaks the house's own bounds.
    fn commit<'a>(&'a self, batch: &'a Batch) -> Later<'a, CommitResult> {
        Box::pin(self.do_commit(batch))
    }
}

fn unanswered(doing: &str, event: &EventId, error: &ExecutionError) -> ReadError {
    ReadError::Unavailable(describe(doing, event.as_str(), error))
}

fn corrupt(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Corrupt(error.to_string())
}

/// A `SELECT` that is not answered with rows was not answered.
fn rows_of(answer: QueryResult) -> Result<QueryRowsResult, ReadError> {
    answer.into_rows_result().map_err(|error| ReadError::Unavailable(error.to_string()))
}

/// Hands the driver's answer to [`result::decode`].
fn decode(answer: QueryResult) -> CommitResult {
    let unknown = |error: &dyn std::fmt::Display| {
        CommitResult::Unknown(format!("the answer to a batch cannot be read: {error}"))
    };
    let answer = match answer.into_rows_result() {
        Ok(answer) => answer,
        Err(error) => return unknown(&error),
    };
    let columns: Vec<&str> = answer.column_specs().iter().map(|column| column.name()).collect();
    match answer.rows::<Row>() {
        Ok(rows) => result::decode(
            &columns,
            rows.map(|row| {
                let row = row.map_err(|error| error.to_string())?;
                Ok(row.columns.iter().map(cell).collect())
            }),
        ),
        Err(error) => unknown(&error),
    }
}

fn cell(value: &Option<CqlValue>) -> Cell {
    let Some(value) = value else { return Cell::Null };
    if let Some(flag) = value.as_boolean() {
        Cell::Bool(flag)
    } else if let Some(number) = value.as_bigint() {
        Cell::Bigint(number)
    } else {
        value.as_uuid().map_or(Cell::Other, Cell::Uuid)
    }
}
