//! The ledger's contract, held by a real server: the one that all tests share.
//!
//! These are the cases in which the two servers answer in different shapes, or in which an answer
//! is lost; each runs in a keyspace of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::cql::{self, Config, CqlLedger, schema};
use holdfast::domain::event::SaleState;
use holdfast::domain::ids::{BuyerId, EventId, Reference, RequestId, SeatNumber};
use holdfast::domain::limits::{BATCH_ROWS_MAX, OUTBOX_BYTES_MAX};
use holdfast::domain::seat::{Cause, Status, StoredSeat};
use holdfast::domain::time::At;
use holdfast::ports::ledger::{
    Batch, Blob, CommitResult, Conflict, Expected, Fence, GuardedSeat, Ledger as _, OpId, ReadError,
};
use libtest_mimic::Trial;
use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;
use uuid::Uuid;

use crate::stack::{
    self, CassandraOptions, CommitLogSync, NativeCassandra, Stack, block_on, cql_session,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("ledger::migrating_twice_changes_nothing", migrating_twice_changes_nothing),
        stack::trial("ledger::what_differs_is_told", what_differs_is_told),
        stack::trial("ledger::a_copy_elsewhere_is_not_opened", a_copy_elsewhere_is_not_opened),
        stack::trial("ledger::an_event_is_made_once", an_event_is_made_once),
        stack::trial("ledger::a_batch_sent_again_shows_its_id", a_batch_sent_again_shows_its_id),
        stack::trial("ledger::a_stale_fence_is_refused", a_stale_fence_is_refused),
        stack::trial("ledger::a_failed_guard_writes_nothing", a_failed_guard_writes_nothing),
        stack::trial("ledger::a_takeover_keeps_the_outbox", a_takeover_keeps_the_outbox),
        stack::trial("ledger::rows_come_back_as_written", rows_come_back_as_written),
        stack::trial("ledger::of_two_writers_one_wins", of_two_writers_one_wins),
        stack::trial("ledger::nothing_becomes_a_tombstone", nothing_becomes_a_tombstone),
        stack::trial("ledger::the_largest_batch_is_taken", the_largest_batch_is_taken),
        stack::trial("ledger::an_unknown_value_is_corrupt", an_unknown_value_is_corrupt),
        stack::solo_trial("ledger::a_lost_answer_is_settled", a_lost_answer_is_settled),
    ]
}

/// A keyspace of a test's own.
pub(crate) struct Fixture {
    pub(crate) config: Config,
    /// Past our own driver, to look and to do harm.
    raw: Session,
}

impl Fixture {
    async fn at(address: &str) -> Result<Fixture> {
        let raw = cql_session(address).await?;
        let local = raw.query_unpaged("SELECT data_center FROM system.local", ()).await?;
        let (data_center,) = local.into_rows_result()?.single_row::<(String,)>()?;
        let config = Config {
            nodes: vec![address.to_owned()],
            keyspace: stack::unique("ledger"),
            replication: BTreeMap::from([(data_center, 1)]),
            credentials: None,
            request_timeout: Duration::from_secs(10),
        };
        Ok(Fixture { config, raw })
    }

    /// With the tables made and opened.
    pub(crate) async fn migrated(address: &str) -> Result<(Fixture, CqlLedger)> {
        let fixture = Fixture::at(address).await?;
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

/// The batch that makes an event.
pub(crate) fn making(event: &str, seats: Vec<GuardedSeat>) -> Batch {
    Batch {
        event: EventId::new(event).expect("a name"),
        expected: Expected { fence: None },
        next: Fence {
            term: 11,
            revision: 1,
            op_id: OpId(Uuid::now_v7()),
            sequence: 6,
            edition: 3,
            applied_offset: 40,
            published_below: 39,
            decided_at: At(1_790_000_000_000),
            sale: SaleState::NotOpen,
            suspended: String::new(),
        },
        outbox: Blob { changed: 1, bytes: Some(Arc::from(*b"entries")), guard: None },
        definition: Some(Blob { changed: 1, bytes: Some(Arc::from(*b"layout")), guard: None }),
        seats,
    }
}

/// The batch that follows another one: of seats only.
pub(crate) fn following(before: &Batch, seats: Vec<GuardedSeat>) -> Batch {
    let Fence { revision, op_id, sequence, applied_offset, .. } = before.next;
    let mut next = before.next.clone();
    next.revision = revision + 1;
    next.op_id = OpId(Uuid::now_v7());
    next.sequence = sequence + 1;
    next.applied_offset = applied_offset + 1;
    Batch {
        event: before.event.clone(),
        expected: Expected { fence: Some((revision, op_id)) },
        next,
        outbox: Blob {
            changed: before.outbox.changed + 1,
            bytes: Some(Arc::from(*b"more entries")),
            guard: Some(before.outbox.changed),
        },
        definition: None,
        seats,
    }
}

pub(crate) fn held(number: u32, changed: i64, guard: Option<i64>) -> GuardedSeat {
    let row = StoredSeat {
        number: SeatNumber(number),
        status: Status::Held,
        hold: RequestId(Uuid::now_v7()),
        buyer: Some(BuyerId::new("buyer-1").expect("a name")),
        deadline: At(1_790_000_600_000),
        price: 4_500,
        tier: 3,
        reference: None,
        cause: Cause::None,
        offset: 40,
        changed,
        block: None,
    };
    GuardedSeat { row, guard }
}

pub(crate) async fn expect_applied(ledger: &CqlLedger, batch: &Batch) -> Result<()> {
    let result = ledger.commit(batch).await;
    ensure!(result == CommitResult::Applied, "not applied: {result:?}");
    Ok(())
}

async fn expect_rejected(ledger: &CqlLedger, batch: &Batch, fence: Option<&Fence>) -> Result<()> {
    let fence = fence.map(|fence| (fence.revision, fence.op_id));
    let result = ledger.commit(batch).await;
    let wanted = CommitResult::Rejected(Conflict { fence });
    ensure!(result == wanted, "{result:?} and not {wanted:?}");
    Ok(())
}

async fn expect_fence(ledger: &CqlLedger, batch: &Batch) -> Result<()> {
    let read = ledger.read_fence(&batch.event).await?.context("the event is absent")?;
    ensure!(read.fence == batch.next, "{:?} and not {:?}", read.fence, batch.next);
    ensure!(read.outbox_changed == batch.outbox.changed, "changed is {}", read.outbox_changed);
    Ok(())
}

fn migrating_twice_changes_nothing(stack: &Stack) -> Result<()> {
    block_on(async {
        let Fixture { config, .. } = Fixture::at(&stack.cql).await?;
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

fn an_event_is_made_once(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("made-once", vec![]);
        ensure!(ledger.read_fence(&made.event).await?.is_none(), "there before it was made");
        expect_rejected(&ledger, &following(&made, vec![held(0, 2, None)]), None).await?;
        ensure!(ledger.read_fence(&made.event).await?.is_none(), "made by what was refused");
        expect_applied(&ledger, &made).await?;
        expect_rejected(&ledger, &making("made-once", vec![]), Some(&made.next)).await?;
        expect_fence(&ledger, &made).await
    })
}

fn a_batch_sent_again_shows_its_id(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("sent-again", vec![]);
        expect_applied(&ledger, &made).await?;
        expect_rejected(&ledger, &made, Some(&made.next)).await?;
        let sold = following(&made, vec![held(0, 2, None), held(7, 2, None)]);
        expect_applied(&ledger, &sold).await?;
        for _ in 0..3 {
            expect_rejected(&ledger, &sold, Some(&sold.next)).await?;
        }
        expect_fence(&ledger, &sold).await
    })
}

fn a_stale_fence_is_refused(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("stale", vec![]);
        expect_applied(&ledger, &made).await?;
        let next = following(&made, vec![held(0, 2, None)]);
        let mut other_revision = next.clone();
        other_revision.expected.fence = Some((9, made.next.op_id));
        let mut other_batch = next.clone();
        other_batch.expected.fence = Some((1, OpId(Uuid::now_v7())));
        expect_rejected(&ledger, &other_revision, Some(&made.next)).await?;
        expect_rejected(&ledger, &other_batch, Some(&made.next)).await?;
        expect_applied(&ledger, &next).await
    })
}

/// Guards on rows that are there, that are not, and that were freed, with a fence that matches.
fn a_failed_guard_writes_nothing(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("guards", vec![]);
        expect_applied(&ledger, &made).await?;
        let mut freed = held(1, 2, None);
        freed.row.status = Status::Free;
        freed.row.cause = Cause::Expired;
        freed.row.deadline = At(0);
        let sold = following(&made, vec![held(0, 2, None), freed]);
        expect_applied(&ledger, &sold).await?;
        let rows = ledger.read_rows(&made.event).await?;

        let wrong_guards = [
            (0, None),    // there, taken for absent
            (0, Some(1)), // there, changed since
            (1, None),    // freed, taken for absent
            (5, Some(2)), // absent, taken for there
        ];
        for (number, guard) in wrong_guards {
            let wrong = held(number, 3, guard);
            let alone = following(&sold, vec![wrong.clone()]);
            expect_rejected(&ledger, &alone, Some(&sold.next)).await?;
            let in_company = following(&sold, vec![held(1, 3, Some(2)), wrong, held(9, 3, None)]);
            // Each row once: the freed one is not both company and wrong.
            if number != 1 {
                expect_rejected(&ledger, &in_company, Some(&sold.next)).await?;
            }
        }
        let mut outbox = following(&sold, vec![held(9, 3, None)]);
        outbox.outbox.guard = Some(77);
        expect_rejected(&ledger, &outbox, Some(&sold.next)).await?;

        ensure!(ledger.read_rows(&made.event).await? == rows, "a refused batch left something");
        expect_fence(&ledger, &sold).await?;
        let right = vec![held(0, 3, Some(2)), held(1, 3, Some(2)), held(5, 3, None)];
        expect_applied(&ledger, &following(&sold, right)).await
    })
}

fn a_takeover_keeps_the_outbox(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let made = making("takeover", vec![]);
        expect_applied(&ledger, &made).await?;
        let mut takeover = following(&made, vec![]);
        takeover.next.term = 12;
        takeover.next.suspended = "looks wrong".to_owned();
        takeover.outbox.bytes = None;
        expect_applied(&ledger, &takeover).await?;
        expect_fence(&ledger, &takeover).await?;
        let read = ledger.read_fence(&made.event).await?.context("absent")?;
        ensure!(*read.outbox == *b"entries", "the outbox has {:?}", read.outbox);
        let definition = ledger.read_rows(&made.event).await?.definition.context("absent")?;
        ensure!(definition == (1, Arc::from(*b"layout")), "the definition is {definition:?}");
        Ok(())
    })
}

fn rows_come_back_as_written(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        // More than a page, so that pages are put together.
        let mut seats: Vec<GuardedSeat> = (0..6_000).map(|n| held(n, 1, None)).collect();
        seats[1].row.status = Status::Booked;
        seats[1].row.reference = Some(Reference::new("pay:1")?);
        seats[2].row.status = Status::Free;
        seats[2].row.cause = Cause::Released;
        seats[2].row.hold = RequestId::NONE;
        seats[2].row.deadline = At(0);
        seats[3].row.tier = u16::MAX;
        seats[3].row.price = i64::MAX;
        seats[3].row.offset = i64::MAX;
        seats[5_999].row.number = SeatNumber(199_999);
        let made = making("round-trip", seats);
        expect_applied(&ledger, &made).await?;
        let rows = ledger.read_rows(&made.event).await?;
        let written: Vec<StoredSeat> = made.seats.into_iter().map(|seat| seat.row).collect();
        ensure!(rows.seats == written, "seats differ");
        ensure!(rows.definition == Some((1, Arc::from(*b"layout"))), "{:?}", rows.definition);
        let read = ledger.read_fence(&made.event).await?.context("absent")?;
        ensure!(read.fence == made.next && *read.outbox == *b"entries", "{read:?}");
        let nobody = ledger.read_rows(&EventId::new("nobody")?).await?;
        ensure!(nobody.definition.is_none() && nobody.seats.is_empty(), "{nobody:?}");
        Ok(())
    })
}

fn of_two_writers_one_wins(stack: &Stack) -> Result<()> {
    block_on(async {
        let (fixture, first) = Fixture::migrated(&stack.cql).await?;
        let second = CqlLedger::connect(&fixture.config).await?;
        let mut last = making("race", vec![]);
        expect_applied(&first, &last).await?;
        for changed in 2..52 {
            let guard = (changed > 2).then(|| changed - 1);
            let ours = following(&last, vec![held(0, changed, guard)]);
            let theirs = following(&last, vec![held(0, changed, guard)]);
            let results = tokio::join!(first.commit(&ours), second.commit(&theirs));
            last = match results {
                (CommitResult::Applied, CommitResult::Rejected(_)) => ours,
                (CommitResult::Rejected(_), CommitResult::Applied) => theirs,
                other => bail!("both or none: {other:?}"),
            };
            expect_fence(&first, &last).await?;
        }
        let rows = first.read_rows(&last.event).await?;
        ensure!(rows.seats == [last.seats[0].row.clone()], "the loser's row is there");
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

fn the_largest_batch_is_taken(stack: &Stack) -> Result<()> {
    block_on(async {
        let (_, ledger) = Fixture::migrated(&stack.cql).await?;
        let rows = u32::try_from(BATCH_ROWS_MAX)?;
        let mut made = making("largest", (0..rows).map(|n| held(n, 1, None)).collect());
        made.outbox.bytes = Some(vec![7; OUTBOX_BYTES_MAX].into());
        settle(&ledger, &made).await?;
        let again = (0..rows).map(|n| held(n, 2, Some(1))).collect();
        settle(&ledger, &following(&made, again)).await?;
        let seats = ledger.read_rows(&made.event).await?.seats;
        ensure!(seats.len() == BATCH_ROWS_MAX, "{} rows", seats.len());
        ensure!(seats.iter().all(|seat| seat.changed == 2), "not all rows were changed");
        Ok(())
    })
}

/// As an owner does: the same batch until it is settled.
async fn settle(ledger: &CqlLedger, batch: &Batch) -> Result<()> {
    loop {
        match ledger.commit(batch).await {
            CommitResult::Applied => return Ok(()),
            CommitResult::Rejected(Conflict { fence: Some((_, op_id)) })
                if op_id == batch.next.op_id =>
            {
                return Ok(());
            }
            CommitResult::Unknown(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            other @ CommitResult::Rejected(_) => bail!("{other:?}"),
        }
    }
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
