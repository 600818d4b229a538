//! The audit of a deployment on real servers: clean after a sale, and not after a forgery.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::app::Backend;
use holdfast::domain::ids::Partition;
use holdfast::kafka::producer::RequestProducer;
use holdfast::kafka::reader::KafkaReader;
use holdfast::ports::log::{Producer as _, Reader as _, Start, Topic};
use libtest_mimic::Trial;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use scylla::client::session_builder::SessionBuilder;

use crate::deployment::Deployment;
use crate::stack::{Stack, block_on, trial};

const EVENT: &str = "hamlet-2027-03-14";
const WAIT: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("audit::a_sale_is_clean_until_it_is_forged", a_sale_is_clean_until_it_is_forged)]
}

fn a_sale_is_clean_until_it_is_forged(stack: &Stack) -> Result<()> {
    let deployment = Deployment::new(&stack.kafka, &stack.cql, "audit", 1)?;
    let mut owner = deployment.run("owner", "booking")?;
    owner.wait_for_log("partition assigned", 1, WAIT)?;
    let definition = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/theatre.toml");
    let definition = definition.to_str().context("a path in UTF-8")?;
    ensure!(status(&deployment, &["event", "define", definition])? == 0, "not defined");
    ensure!(status(&deployment, &["event", "open", EVENT])? == 0, "not opened");
    let larger = larger_house(definition)?;
    let larger = larger.path().to_str().context("a path in UTF-8")?;
    ensure!(status(&deployment, &["event", "amend", larger])? == 0, "not amended");
    let claim = ["request", "claim", EVENT, "--buyer", "ann", "--seat", "stalls/A/14"];
    ensure!(status(&deployment, &claim)? == 0, "not held");
    // Whoever owns it next knows where the seat's row is.
    owner.drain()?;
    let mut owner = deployment.run("owner", "booking")?;
    owner.wait_for_log("partition assigned", 1, WAIT)?;
    ensure!(status(&deployment, &["event", "amend", definition])? == 1, "dropped what is held");
    let cluster = deployment.config.cluster();
    RequestProducer::new(&cluster)?.submit(EVENT.as_bytes(), Some(b"no request"), &[])?.wait()?;

    let report = deployment.must_be_clean()?;
    ensure!((report.requests, report.answers, report.dead_letters) == (6, 5, 1), "{report}");
    ensure!(status(&deployment, &["audit", "verify", "--all", "--ledger"])? == 0, "not clean");
    owner.drain()?;

    forget_in_the_ledger(&deployment, &stack.cql)?;
    let report = deployment.verify()?;
    ensure!(report.divergences == 3, "sequence, definition and seat are gone:\n{report}");
    repeat_the_hold(&deployment)?;
    let report = holdfast::app::audit::verify(&Backend::open(&deployment.config)?, false)?;
    ensure!(report.duplicated == 1, "the claim has two answers:\n{report}");
    let first = report.first_divergence.as_ref().map(|first| (first.partition, first.offset));
    ensure!(first == Some((Partition(0), 3)), "the claim lies there:\n{report}");
    ensure!(status(&deployment, &["audit", "verify", "--all"])? == 1, "clean all the same");
    Ok(())
}

/// The definition of a house with two seats more in the middle of its numbers.
fn larger_house(definition: &str) -> Result<tempfile::NamedTempFile> {
    let text = std::fs::read_to_string(definition)?;
    let larger = text.replacen("1-6 | 7-12", "1-6 | 7-14", 1);
    ensure!(larger != text, "row A is another one");
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(file.path(), larger)?;
    Ok(file)
}

fn status(deployment: &Deployment, words: &[&str]) -> Result<i32> {
    deployment.command().args(words).status()?.code().context("ended by a signal")
}

fn forget_in_the_ledger(deployment: &Deployment, node: &str) -> Result<()> {
    let keyspace = &deployment.config.ledger.keyspace;
    let statement = format!("DELETE FROM {keyspace}.ledger WHERE event = '{EVENT}'");
    block_on(async {
        let session = SessionBuilder::new().known_node(node).build().await?;
        session.query_unpaged(statement, ()).await?;
        Ok::<(), anyhow::Error>(())
    })
}

/// Puts the hold on its topic once more, as a producer that is no owner could.
fn repeat_the_hold(deployment: &Deployment) -> Result<()> {
    let cluster = deployment.config.cluster();
    let mut held: Vec<u8> = vec![];
    let from = (Topic::Held, Partition(0), Start::Beginning);
    KafkaReader::open(&cluster)?
        .read_to_end(from, &mut |record| held = record.value.unwrap_or_default())?;
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &cluster.bootstrap).create()?;
    let topic = cluster.topic(Topic::Held);
    let record = BaseRecord::to(&topic).partition(0).key(EVENT).payload(&held);
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(producer.flush(WAIT)?)
}
