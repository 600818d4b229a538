//! The edge of the log: topics held against their declarations, requests put on, answers read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::domain::ids::{Digest, EventId, Partition, RequestId};
use holdfast::domain::outcome::{Header, Held, Outcome, OutcomeBody, Place, Role};
use holdfast::domain::time::{At, Millis};
use holdfast::kafka::Cluster;
use holdfast::kafka::producer::RequestProducer;
use holdfast::kafka::reader::{KafkaFollower, KafkaReader};
use holdfast::kafka::topics;
use holdfast::ports::log::{
    Error, ErrorKind, Follower as _, LogRecord, Producer as _, Reader as _, Start, Topic,
};
use holdfast::wire;
use libtest_mimic::Trial;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::stack::{self, Stack, block_on};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        stack::trial("edge::topics_applied_are_in_order", topics_applied_are_in_order),
        stack::trial("edge::a_foreign_hand_is_found", a_foreign_hand_is_found),
        stack::trial("edge::a_request_lies_where_its_key_says", a_request_lies_where_its_key_says),
        stack::trial("edge::an_end_is_reached_by_position", an_end_is_reached_by_position),
        stack::trial("edge::an_open_transaction_is_waited_for", an_open_transaction_is_waited_for),
        stack::trial("edge::a_start_outside_the_log_fails", a_start_outside_the_log_fails),
        stack::trial("edge::a_claim_prints_its_answer", a_claim_prints_its_answer),
        stack::trial("edge::bad_input_is_one_sentence", bad_input_is_one_sentence),
    ]
}

const WAIT: Duration = Duration::from_secs(20);

fn cluster(stack: &Stack) -> Cluster {
    Cluster {
        bootstrap: stack.kafka.clone(),
        prefix: format!("{}.", stack::unique("edge")),
        partitions: 2,
        group: stack::unique("edge-owners"),
        audit_period: Duration::from_hours(24),
        settings: BTreeMap::new(),
    }
}

fn applied(stack: &Stack) -> Result<Cluster> {
    let cluster = cluster(stack);
    let applied = block_on(async { Ok(topics::apply(&cluster).await?) })?;
    ensure!(applied.findings.is_empty(), "{:?}", applied.findings);
    Ok(cluster)
}

fn findings(cluster: &Cluster) -> Result<Vec<String>> {
    let findings = block_on(async { Ok(topics::check(cluster).await?) })?;
    Ok(findings.into_iter().map(|finding| finding.sentence).collect())
}

fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", &cluster.bootstrap).create()?)
}

fn topics_applied_are_in_order(stack: &Stack) -> Result<()> {
    let cluster = cluster(stack);
    ensure!(findings(&cluster)?.len() == Topic::ALL.len(), "a new prefix has topics");
    let first = block_on(async { Ok(topics::apply(&cluster).await?) })?;
    ensure!(first.created == Topic::ALL && first.findings.is_empty(), "{first:?}");
    let again = block_on(async { Ok(topics::apply(&cluster).await?) })?;
    ensure!(again.created.is_empty() && again.findings.is_empty(), "{again:?}");
    Ok(())
}

fn a_foreign_hand_is_found(stack: &Stack) -> Result<()> {
    let cluster = cluster(stack);
    let admin = admin(&cluster)?;
    let (requests, held) = (cluster.topic(Topic::Requests), cluster.topic(Topic::Held));
    let options = AdminOptions::new().operation_timeout(Some(WAIT));
    block_on(async {
        let stamped_by_producers = NewTopic::new(&requests, 2, TopicReplication::Fixed(1))
            .set("message.timestamp.type", "CreateTime")
            .set("max.message.bytes", "1114112")
            .set("retention.ms", "-1");
        admin.create_topics([&stamped_by_producers], &options).await?;
        topics::apply(&cluster).await?;
        admin.create_partitions([&NewPartitions::new(&held, 3)], &options).await?;
        Ok(())
    })?;
    let found = findings(&cluster)?;
    ensure!(found.len() == 2, "{found:?}");
    ensure!(found[0].contains("from its producer (CreateTime)"), "{found:?}");
    ensure!(found[1].contains("has 3 partitions and 2 are declared"), "{found:?}");
    Ok(())
}

fn a_request_lies_where_its_key_says(stack: &Stack) -> Result<()> {
    let cluster = applied(stack)?;
    let producer = RequestProducer::new(&cluster)?;
    let header = ("mark".to_owned(), Some(b"yes".to_vec()));
    for name in ["hamlet", "lear", "macbeth"] {
        let event = EventId::new(name)?;
        let delivery = producer
            .submit(name.as_bytes(), Some(b"value"), std::slice::from_ref(&header))?
            .wait()?;
        ensure!(delivery.partition == cluster.partition(&event), "{delivery:?}");
        let from = (Topic::Requests, delivery.partition, Start::Offset(delivery.offset));
        let read = next(&mut KafkaFollower::open(&cluster, &[from])?)?;
        ensure!(read.offset == delivery.offset && read.key == Some(name.into()), "{read:?}");
        ensure!(read.headers == [header.clone()] && read.timestamp.0 > 0, "{read:?}");
    }
    Ok(())
}

fn next(follower: &mut KafkaFollower) -> Result<LogRecord> {
    follower.next(WAIT)?.context("no record came")
}

fn transactional(cluster: &Cluster) -> Result<BaseProducer> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &cluster.bootstrap)
        .set("transactional.id", stack::unique("edge"))
        .create()?;
    producer.init_transactions(WAIT)?;
    Ok(producer)
}

fn send(producer: &BaseProducer, cluster: &Cluster, key: &str, value: &[u8]) -> Result<()> {
    let topic = cluster.topic(Topic::Held);
    let record = BaseRecord::to(&topic).partition(0).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(())
}

fn keys_to_end(cluster: &Cluster, start: Start) -> Result<(Vec<String>, i64)> {
    let mut keys = vec![];
    let from = (Topic::Held, Partition(0), start);
    let end = KafkaReader::open(cluster)?.read_to_end(from, &mut |record| {
        keys.push(String::from_utf8_lossy(&record.key.unwrap_or_default()).into_owned());
    })?;
    Ok((keys, end))
}

fn an_end_is_reached_by_position(stack: &Stack) -> Result<()> {
    let cluster = applied(stack)?;
    ensure!(keys_to_end(&cluster, Start::Beginning)? == (vec![], 0), "an empty log has an end");
    let producer = transactional(&cluster)?;
    for (key, keep) in [("a", true), ("b", false), ("c", true)] {
        producer.begin_transaction()?;
        send(&producer, &cluster, key, b"")?;
        // An abort would otherwise throw away what has not been sent yet, and leave no trace.
        producer.flush(WAIT)?;
        if keep { producer.commit_transaction(WAIT)? } else { producer.abort_transaction(WAIT)? }
    }
    // Three records and three markers; the last two offsets of interest are a record and a marker.
    let all = (vec!["a".to_owned(), "c".to_owned()], 6);
    ensure!(keys_to_end(&cluster, Start::Beginning)? == all, "from the beginning");
    ensure!(keys_to_end(&cluster, Start::Offset(5))? == (vec![], 6), "nothing but a marker");
    ensure!(keys_to_end(&cluster, Start::Offset(6))? == (vec![], 6), "nothing at all");
    Ok(())
}

fn an_open_transaction_is_waited_for(stack: &Stack) -> Result<()> {
    let cluster = applied(stack)?;
    let (open, other) = (transactional(&cluster)?, transactional(&cluster)?);
    open.begin_transaction()?;
    send(&open, &cluster, "early", b"")?;
    open.flush(WAIT)?;
    other.begin_transaction()?;
    send(&other, &cluster, "late", b"")?;
    other.commit_transaction(WAIT)?;
    let reading = cluster.clone();
    let read = thread::spawn(move || keys_to_end(&reading, Start::Beginning));
    thread::sleep(Duration::from_millis(500));
    ensure!(!read.is_finished(), "the committed record above the open transaction was missed");
    open.commit_transaction(WAIT)?;
    let Ok(read) = read.join() else { bail!("the reader panicked") };
    ensure!(read?.0 == ["early", "late"], "both are read");
    Ok(())
}

fn a_start_outside_the_log_fails(stack: &Stack) -> Result<()> {
    let cluster = applied(stack)?;
    let failed = keys_to_end(&cluster, Start::Offset(99));
    let Err(error) = failed else { bail!("offset 99 of an empty log was read: {failed:?}") };
    let failed = error.downcast_ref().is_some_and(|error: &Error| error.kind == ErrorKind::Failed);
    ensure!(failed && error.to_string().contains("cannot be read on"), "{error:#}");
    Ok(())
}

/// A configuration file for the binary; removed with its folder.
fn configured(cluster: &Cluster, more: &str) -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("holdfast.toml");
    let text = format!(
        "[deployment]\ntopic-prefix = \"{}\"\npartitions = {}\naudit-period = \"1day\"\n\
         [kafka]\nbootstrap = \"{}\"\ngroup = \"{}\"\n{more}",
        cluster.prefix, cluster.partitions, cluster.bootstrap, cluster.group
    );
    std::fs::write(&path, text)?;
    Ok((folder, path))
}

fn holdfast(config: &PathBuf, words: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    Ok(command.arg("--config").arg(config).args(words).output()?)
}

/// Grants one claim, as an owner would.
fn grant_one(cluster: &Cluster, follower: &mut KafkaFollower) -> Result<()> {
    let record = next(follower)?;
    let value = record.value.context("a request has a value")?;
    let request = wire::request::decode(&value)?;
    let place = Place { seat: "stalls/A/1".into(), tier: "premium".into(), price: 8_000 };
    let held = Held {
        hold: request.id,
        places: vec![place],
        currency: "EUR".into(),
        deadline: At(1_800_000_000_000),
        staff_override: false,
    };
    let header = Header {
        event: request.event.clone(),
        sequence: 1,
        request: request.id,
        partition: record.partition,
        offset: record.offset,
        role: Role::Answer,
        decided_at: record.timestamp,
        waited: Millis(1),
        buyer: request.buyer().cloned(),
        digest: Digest::default(),
    };
    let answer = Outcome { header: header.clone(), body: OutcomeBody::Held(held) };
    // An answer to another request, and a derived one, are not the answer.
    let mut other = answer.clone();
    other.header.offset += 1;
    let derived = Outcome { header: Header { role: Role::Derived, ..header }, ..answer.clone() };
    let topic = cluster.topic(Topic::Held);
    let producer = transactional(cluster)?;
    producer.begin_transaction()?;
    for outcome in [&other, &derived, &answer] {
        let out = wire::outcome::encode(outcome);
        let key = out.key.unwrap_or_default();
        let record = BaseRecord::to(&topic).partition(record.partition.0);
        let record = record.key(&key).payload(&out.value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.commit_transaction(WAIT)?)
}

fn a_claim_prints_its_answer(stack: &Stack) -> Result<()> {
    let cluster = applied(stack)?;
    let (_folder, config) = configured(&cluster, "")?;
    let partition = cluster.partition(&EventId::new("hamlet")?);
    let from = [(Topic::Requests, partition, Start::Beginning)];
    let mut follower = KafkaFollower::open(&cluster, &from)?;
    let granting = cluster.clone();
    let owner = thread::spawn(move || grant_one(&granting, &mut follower));
    let words = ["request", "claim", "hamlet", "--buyer", "ann", "--seat", "stalls/A/1", "--json"];
    let output = holdfast(&config, &words)?;
    let Ok(granted) = owner.join() else { bail!("the owner panicked") };
    granted?;
    ensure!(output.status.code() == Some(0), "{output:?}");
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let expected = serde_json::json!("held");
    ensure!(printed["kind"] == expected && printed["role"] == "answer", "{printed}");
    ensure!(printed["hold"] == printed["request"], "{printed}");
    ensure!(printed["hold"] != RequestId::NONE.to_string(), "{printed}");
    let words =
        ["request", "claim", "hamlet", "--buyer", "ann", "--seat", "stalls/A/1", "--timeout", "1s"];
    let unanswered = holdfast(&config, &words)?;
    ensure!(unanswered.status.code() == Some(3), "{unanswered:?}");
    Ok(())
}

fn bad_input_is_one_sentence(stack: &Stack) -> Result<()> {
    let cluster = cluster(stack);
    let (_folder, config) = configured(&cluster, "")?;
    let expect = |output: &Output, status: i32, part: &str| {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(status), "{words}");
        ensure!(words.contains(part) && words.lines().count() == 1, "{words}");
        ensure!(output.stdout.is_empty(), "words belong to stderr");
        Ok(())
    };
    let words = ["request", "claim", "hamlet", "--buyer", "ann", "--seat", "stalls/A/1"];
    expect(&holdfast(&config, &words)?, 1, "see `holdfast topics check`")?;
    let nowhere = Cluster { bootstrap: "127.0.0.1:1".into(), ..cluster.clone() };
    let (_folder, config) = configured(&nowhere, "")?;
    expect(&holdfast(&config, &["topics", "check"])?, 3, "no Kafka broker answers at 127.0.0.1:1")?;
    let (_folder, config) = configured(&cluster, "botstrap = \"x\"\n")?;
    expect(&holdfast(&config, &["topics", "check"])?, 2, "the key \"botstrap\" is not known")
}
