//! The servers themselves: that they are what the other tests take them for.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use libtest_mimic::Trial;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use scylla::client::session::Session;
use scylla::value::{CqlValue, Row};

use crate::stack::{
    self, CassandraOptions, CommitLogSync, KafkaOptions, NativeCassandra, NativeKafka, Stack,
    block_on,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("stack_smoke::a_record_sent_is_received", a_record_sent_is_received),
        stack::trial("stack_smoke::a_row_is_inserted_once", a_row_is_inserted_once),
        stack::solo_trial("stack_smoke::kafka_killed_keeps_records", kafka_killed_keeps_records),
        stack::solo_trial("stack_smoke::cassandra_killed_keeps_rows", cassandra_killed_keeps_rows),
    ]
}

fn a_record_sent_is_received(stack: &Stack) -> Result<()> {
    let topic = stack::unique("smoke");
    block_on(create_and_send(&stack.kafka, &topic, "hello"))?;
    expect_first(&stack.kafka, &topic, "hello")
}

fn a_row_is_inserted_once(stack: &Stack) -> Result<()> {
    block_on(async {
        let session = stack.session().await?;
        let keyspace = stack::unique_keyspace(&session, "smoke").await?;
        create_table(&session, &keyspace).await?;
        ensure!(insert_if_absent(&session, &keyspace, 1).await?, "the first insert is not applied");
        ensure!(!insert_if_absent(&session, &keyspace, 1).await?, "the second insert is applied");
        Ok(())
    })
}

fn kafka_killed_keeps_records() -> Result<()> {
    let mut kafka = NativeKafka::start(KafkaOptions::default())?;
    let topic = stack::unique("smoke");
    block_on(create_and_send(kafka.bootstrap(), &topic, "kept"))?;
    kafka.kill9()?;
    ensure!(kafka.pid().is_none(), "there is a pid after the kill");
    kafka.restart()?;
    expect_first(kafka.bootstrap(), &topic, "kept")
}

fn cassandra_killed_keeps_rows() -> Result<()> {
    let mut cassandra =
        NativeCassandra::start(CassandraOptions { sync: CommitLogSync::Batch, keep: false })?;
    let before = cassandra.pid();
    let keyspace = block_on(async {
        let session = stack::cql_session(cassandra.address()).await?;
        let keyspace = stack::unique_keyspace(&session, "smoke").await?;
        create_table(&session, &keyspace).await?;
        ensure!(insert_if_absent(&session, &keyspace, 7).await?, "the insert is not applied");
        Ok(keyspace)
    })?;
    cassandra.suspend()?;
    cassandra.resume()?;
    cassandra.restart()?;
    ensure!(cassandra.pid() != before, "it is the same process");
    block_on(async {
        let session = stack::cql_session(cassandra.address()).await?;
        ensure!(!insert_if_absent(&session, &keyspace, 7).await?, "the row is lost");
        Ok(())
    })
}

async fn create_and_send(bootstrap: &str, topic: &str, value: &str) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true");
    let admin: AdminClient<DefaultClientContext> = config.create().context("an admin client")?;
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    for created in admin.create_topics([&new], &AdminOptions::new()).await? {
        created.map_err(|(topic, code)| anyhow!("creating {topic}: {code}"))?;
    }
    let producer: FutureProducer = config.create().context("a producer")?;
    let record = FutureRecord::to(topic).key("key").payload(value);
    let sent = producer.send(record, Duration::from_secs(30)).await;
    sent.map_err(|(error, _)| error).context("sending the record")?;
    Ok(())
}

fn expect_first(bootstrap: &str, topic: &str, value: &str) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", stack::unique("group"));
    let consumer: BaseConsumer = config.create().context("a consumer")?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&partitions)?;
    let message = stack::until(Duration::from_secs(30), "the record", || {
        Ok(consumer.poll(Duration::from_secs(1)).context("nothing yet")??.detach())
    })?;
    let payload = message.payload().context("the record has no value")?;
    ensure!(payload == value.as_bytes(), "another value: {payload:?}");
    Ok(())
}

async fn create_table(session: &Session, keyspace: &str) -> Result<()> {
    let table = format!("CREATE TABLE {keyspace}.seats (seat int PRIMARY KEY, holder text)");
    session.query_unpaged(table, ()).await.context("creating the table")?;
    Ok(())
}

/// Both servers give one row that begins with `[applied]`; what follows differs.
async fn insert_if_absent(session: &Session, keyspace: &str, seat: i32) -> Result<bool> {
    let insert =
        format!("INSERT INTO {keyspace}.seats (seat, holder) VALUES (?, 'a') IF NOT EXISTS");
    let result = session.query_unpaged(insert, (seat,)).await?.into_rows_result()?;
    let row: Row = result.single_row()?;
    match row.columns.first() {
        Some(Some(CqlValue::Boolean(applied))) => Ok(*applied),
        other => Err(anyhow!("the first column is {other:?}")),
    }
}
