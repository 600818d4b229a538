//! The ledger on a real server: the one that all tests share. What its contract says is tested in
//! [`contract::ledger`](crate::contract::ledger).
//!
//! These are the cases of tables and their values, or in which an answer is lost; each runs in a
//! keyspace of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::cql::{self, Config, CqlLedger, schema};
use holdfast::domain::seat::Status;
use holdfast::domain::time::At;
use holdfast::ports::ledger::{CommitResult, Ledger as _, ReadError};
use libtest_mimic::Trial;
use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;

use crate::contract::ledger::batches::{
    expect_applied, expect_fence, expect_rejected, following, held, making, settle,
};
use crate::stack::{
    self, CassandraOptions, CommitLogSync, NativeCassandra, Stack, block_on, cql_session,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("ledger::migrating_twice_changes_nothing", migrating_twice_changes_nothing),
        stack::trial("ledger::what_differs_is_told", what_differs_is_told),
        stack::trial("ledger::a_copy_elsewhere_is_not_opened", a_copy_elsewhere_is_not_opened),
        stack::trial("ledger::nothing_becomes_a_tombstone", nothing_becomes_a_tombstone),
        stack::trial("ledger::an_unknown_value_is_corrupt", an_unknown_value_is_corrupt),
        stack::solo_trial("ledger::a_lost_answer_is_settled", a_lost_answer_is_settled),
    ]
}

/// A keyspace of a test's own.
struct Fixture {
    config: Config,
    /// Past our own driver, to look and to do harm.
    raw: Session,
}

/// A keyspace that is not there yet.
pub(crate) async fn config(address: &str, name: &str) -> Result<Config> {
    Ok(Fixture::at(address, name).await?.config)
}

impl Fixture {
    async fn at(address: &str, name: &str) -> Result<Fixture> {
        let raw = cql_session(address).await?;
        let local = raw.query_unpaged("SELECT data_center FROM system.local", ()).await?;
        let (data_center,) = local.into_rows_result()?.single_row::<(String,)>()?;
        let config = Config {
            nodes: vec![address.to_owned()],
            keyspace: stack::unique(name),
            replication: BTreeMap::from([(data_center, 1)]),
            credentials: None,
            request_timeout: Duration::from_secs(10),
        };
        Ok(Fixture { config, raw })
    }

    /// With the tables made and opened.
    async fn migrated(address: &str) -> Result<(Fixture, CqlLedger)> {
        let fixture = Fixture::at(address, "ledger").await?;
        schema::migrate(&fixture.config).await?;
        let ledger = CqlLedger::connect(&fixture.config).await?;
        Ok((fixture, ledger))
    }

    async fn is_scylla(&self) -> Result<bool> {
        let text = "SELECT table_name FROM system_schema.tables \
                    WHERE keyspace_name = 'system' AND table_name = 'scylla_local'";
        Ok(self.raw.query_unpaged(text, ()).await?.into_rows_result()?.rows_num() > 0)
    }

    async fn run(&self, statement: &str) -> Result<()> {
        let statement = statement.replace("KEYSPACE_", &format!("{}.", self.config.keyspace));
        self.raw.query_unpaged(statement.as_str(), ()).await.context(statement)?;
        Ok(())
    }
}

fn migrating_twice_changes_nothing(stack: &Stack) -> Result<()> {
    block_on(async {
        let Fixture { config, .. } = Fixture::at(&stack.cql, "ledger").await?;
        let missing =
            CqlLedger::connect(&config).await.err().context("opened without a keyspace")?;
        ensure!(missing.to_string().contains("holdfast ledger migrate"), "{missing}");
        let before = schema::check(&config).await?;
        ensure!(before.differences.len() == 1 && before.ledger.is_none(), "{before}");
        let first = schema::migrate(&config).await?;
        ensure!(first.made.len() == 4 && first.differences.is_empty(), "{first}");
        let second = schema::migrate(&config).await?;
        ensure!(second.made.is_empty() && second.differences.is_empty(), "{second}");
        ensure!(schema::check(&config).await? == second, "check and migrate do not agree");
        let ledger = CqlLedger::connect(&config).await?;
        let id = ledger.identity().id.to_string();
        ensure!(first.ledger.as_ref() == Some(&id) && second.ledger.as_ref() == Some(&id), "{id}");
        Ok(())
    })
}

fn what_differs_is_told(stack: &Stack) -> Result<()> {
    block_on(async {
        let (fixture, _) = Fixture::migrated(&stack.cql).await?;
        fixture.run("ALTER TABLE KEYSPACE_ledger WITH default_time_to_live = 60").await?;
        fixture.run("ALTER TABLE KEYSPACE_ledger DROP price").await?;
        fixture.run("DROP TABLE KEYSPACE_ledger_identity").await?;
        let mut config = fixture.config.clone();
        config.replication.values_mut().for_each(|copies| *copies += 1);
        let report = schema::check(&config).await?;
        let told = report.differences.join("\n");
        for what in ["copies", "ledger.price is missing", "default_time_to_live", "identity"] {
            ensure!(told.contains(what), "{what} is not told: {told}");
        }
        ensure!(report.differences.len() == 4, "{told}");
        let refused = CqlLedger::connect(&config).await.err().context("opened all the same")?;
        ensure!(matches!(refused, cql::Error::Differs { .. }), "{refused}");
        config.replication = BTreeMap::from([("nowhere".to_owned(), 1)]);
        let refused = CqlLedger::connect(&config).await.err().context("opened all the same")?;
        ensure!(matches!(refused, cql::Error::DataCenter { .. }), "{refused}");
        Ok(())
    })
}

fn a_copy_elsewhere_is_not_opened(stack: &Stack) -> Result<()> {
    block_on(async {
        let (fixture, _) = Fixture::migrated(&stack.cql).await?;
        let set = "UPDATE KEYSPACE_ledger_identity SET cluster = 'the original' \
                   WHERE key = 'ledger' IF EXISTS";
        fixture.run(set).await?;
        let refused = CqlLedger::connect(&fixture.config).await.err().context("it was opened")?;
        ensure!(matches!(refused, cql::Error::OtherCluster { .. }), "{refused}");
        let report = schema::migrate(&fixture.config).await?;
        ensure!(report.differences.len() == 1 && report.made.is_empty(), "{report}");
        Ok(())
    })
}

/// Cassandra counts dead cells in the trace of a read; ScyllaDB does not tell, so there it is the
/// unit test of the values alone that forbids null.
fn nothing_becomes_a_tombstone(stack: &Stack) -> Result<()> {
    block_on(async {
        let (fixture, ledger) = Fixture::migrated(&stack.cql).await?;
        if fixture.is_scylla().await? {
            return Ok(());
        }
        let made = making("tombstones", vec![held(0, 1, None), held(1, 1, None)]);
        expect_applied(&ledger, &made).await?;
        let mut seat = held(0, 2, Some(1));
        seat.row.status = Status::Free;
        seat.row.deadline = At(0);
        expect_applied(&ledger, &following(&made, vec![seat])).await?;
        let dead = count_tombstones(&fixture).await?;
        ensure!(dead == 0, "{dead} tombstones");

        // That the count would tell.
        let harm = "UPDATE KEYSPACE_ledger SET buyer = null WHERE event = 'tombstones' AND row = 1";
        fixture.run(harm).await?;
        let dead = count_tombstones(&fixture).await?;
        ensure!(dead == 1, "a tombstone is counted as {dead}");
        Ok(())
    })
}

async fn count_tombstones(fixture: &Fixture) -> Result<u32> {
    let keyspace = &fixture.config.keyspace;
    let mut read =
        Statement::new(format!("SELECT * FROM {keyspace}.ledger WHERE event = 'tombstones'"));
    read.set_tracing(true);
    let answer = fixture.raw.query_unpaged(read, ()).await?;
    let id = answer.tracing_id().context("the read was not traced")?;
    // Traces are written after the answer, line by line.
    for _ in 0..100 {
        let trace = fixture.raw.get_tracing_info(&id).await.map_or(vec![], |trace| trace.events);
        let mut lines = trace.iter().filter_map(|event| event.activity.as_deref());
        if let Some((_, dead)) = lines.find_map(|line| line.split_once(" live rows and ")) {
            let dead = dead.split(' ').next().context("half a line")?;
            return Ok(dead.parse()?);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the trace of a read does not say how many rows were live")
}

fn an_unknown_value_is_corrupt(stack: &Stack) -> Result<()> {
    block_on(async {
        let (fixture, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("corrupt", vec![held(0, 1, None)]);
        expect_applied(&ledger, &made).await?;
        let harms = [
            "UPDATE KEYSPACE_ledger SET status = 9 WHERE event = 'corrupt' AND row = 0 IF EXISTS",
            "UPDATE KEYSPACE_ledger SET buyer = null WHERE event = 'corrupt' AND row = 0 IF EXISTS",
        ];
        for harm in harms {
            fixture.run(harm).await?;
            let read = ledger.read_rows(&made.event).await;
            ensure!(matches!(read, Err(ReadError::Corrupt(_))), "{harm}: {read:?}");
        }
        let harm = "UPDATE KEYSPACE_ledger SET sale_state = 9 WHERE event = 'corrupt' IF term = 11";
        fixture.run(harm).await?;
        let read = ledger.read_fence(&made.event).await;
        ensure!(matches!(read, Err(ReadError::Corrupt(_))), "{harm}: {read:?}");
        Ok(())
    })
}

/// The server hears a batch and its answer is not waited for: nobody knows, until it is sent again.
fn a_lost_answer_is_settled() -> Result<()> {
    let options = CassandraOptions { sync: CommitLogSync::Batch, keep: false };
    let mut cassandra = NativeCassandra::start(options)?;
    block_on(async {
        let (mut fixture, ledger) = Fixture::migrated(cassandra.address()).await?;
        let made = making("lost", vec![]);
        expect_applied(&ledger, &made).await?;
        fixture.config.request_timeout = Duration::from_millis(500);
        let hasty = CqlLedger::connect(&fixture.config).await?;
        let sold = following(&made, vec![held(0, 2, None)]);

        cassandra.suspend()?;
        let unanswered = hasty.commit(&sold).await;
        let unread = hasty.read_fence(&made.event).await;
        cassandra.resume()?;
        ensure!(matches!(unanswered, CommitResult::Unknown(_)), "{unanswered:?}");
        ensure!(matches!(unread, Err(ReadError::Unavailable(_))), "{unread:?}");

        settle(&ledger, &sold).await?;
        expect_rejected(&ledger, &sold, Some(&sold.next)).await?;
        expect_fence(&ledger, &sold).await
    })
}
