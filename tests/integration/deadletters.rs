//! Dead letters on a real broker: listed, shown, put back, and counted when they fail again.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::config::definition;
use holdfast::domain::ids::{EventId, RequestId};
use holdfast::domain::request::{Body, Define, Request};
use holdfast::domain::time::At;
use holdfast::kafka::producer::RequestProducer;
use holdfast::ports::log::{Producer as _, RawRecord, Topic};
use holdfast::wire;
use holdfast::wire::dead_letter::{self, DeadLetter, Reason};
use libtest_mimic::Trial;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::deployment::Deployment;
use crate::stack::{Stack, trial};

const EVENT: &str = "hamlet-2027-03-14";
const WAIT: Duration = Duration::from_secs(60);
/// A place at which no request lies.
const ELSEWHERE: i64 = 7_000;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("deadletters::what_is_put_back_is_as_it_was", what_is_put_back_is_as_it_was)]
}

fn what_is_put_back_is_as_it_was(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "deadletters", 1)?;
    let mut owner = deployment.run("owner", "booking")?;
    owner.wait_for_log("partition assigned", 1, WAIT)?;
    let headers = [("trace".to_owned(), None), ("mark".to_owned(), Some(b"yes".to_vec()))];
    let producer = RequestProducer::new(&deployment.config.cluster())?;
    let first = producer.submit(EVENT.as_bytes(), Some(b"\xc3\x01no schema"), &headers)?.wait()?;
    ensure!(first.offset == 0, "{first:?}");
    // An audit waits until all that was asked is answered.
    deployment.must_be_clean()?;

    // It fails again, under the same headers and as the second attempt, and stops there.
    let again = run(&deployment, &["deadletters", "requeue", "0", "0", "--yes"])?;
    ensure!(again.status.code() == Some(1), "{again:?}");
    ensure!(objects(&again)?[0]["kind"] == "dead-letter", "{again:?}");
    let refused = run(&deployment, &["deadletters", "requeue", "0", "1", "--yes"])?;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(1) && words.contains("failed 2 times"), "{words}");
    let unasked = run(&deployment, &["deadletters", "requeue", "0", "0"])?;
    ensure!(unasked.status.code() == Some(2), "nobody is there to be asked: {unasked:?}");

    let listed = objects(&run(&deployment, &["deadletters", "list"])?)?;
    ensure!(listed.len() == 2, "{listed:?}");
    let shown = objects(&run(&deployment, &["deadletters", "show", "0", "1"])?)?;
    ensure!(shown == listed[1..], "{shown:?}");
    let (was, is) = (&listed[0], &shown[0]);
    ensure!(is["attempt"] == 2 && is["origin"] == "0/0" && was["origin"].is_null(), "{is}");
    ensure!(is["reason"] == "unknown-schema" && is["key"] == was["key"], "{is}");
    ensure!(is["value"] == was["value"] && is["value_sha256"] == was["value_sha256"], "{is}");
    let (before, after) = (was["headers"].as_array(), is["headers"].as_array());
    ensure!(before.context("headers")?[..] == after.context("headers")?[..2], "{is}");
    deployment.must_be_clean()?;

    // What the owner can read is decided: the signature is worth what it was worth.
    plant_a_definition(&deployment)?;
    let place = ELSEWHERE.to_string();
    let defined = objects(&run(&deployment, &["deadletters", "requeue", "0", &place, "--yes"])?)?;
    ensure!(defined[0]["kind"] == "defined" && defined[0]["offset"] == 2, "{defined:?}");
    owner.drain()?;
    Ok(())
}

fn run(deployment: &Deployment, words: &[&str]) -> Result<Output> {
    Ok(deployment.command().arg("--json").args(words).output()?)
}

fn objects(output: &Output) -> Result<Vec<Value>> {
    let lines = str::from_utf8(&output.stdout)?.lines();
    lines.map(|line| serde_json::from_str(line).with_context(|| json!(line).to_string())).collect()
}

/// The dead letter of a signed definition that an owner of an older release might have left.
fn plant_a_definition(deployment: &Deployment) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/theatre.toml");
    let define = Define { definition: definition::load(&file)?, actor: "ops".into() };
    let (id, event) = (RequestId(Uuid::now_v7()), EventId::new(EVENT)?);
    let value = wire::request::encode(&Request { id, event, body: Body::Define(Box::new(define)) });
    let cluster = deployment.config.cluster();
    let signed = deployment.keys.sign(&cluster.topic(Topic::Requests), EVENT.as_bytes(), &value);
    let record = RawRecord {
        partition: 0,
        offset: ELSEWHERE,
        appended: At(1_700_000_000_000),
        key: Some(EVENT.into()),
        value: Some(value),
        headers: vec![signed],
        epoch: 0,
    };
    let letter = DeadLetter::from_record(&record, Reason::UnknownSchema, "newer than we are");
    let out = dead_letter::encode(&letter);
    let topic = cluster.topic(Topic::DeadLetters);
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &cluster.bootstrap).create()?;
    let record = BaseRecord::to(&topic).partition(0).key(EVENT).payload(&out.value);
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(producer.flush(WAIT)?)
}
