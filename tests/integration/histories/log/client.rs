//! Asks real brokers, through the client that the owner uses.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use holdfast::ports::clock::ticks;
use holdfast::ports::log::Topic;
use holdfast::sim::broker::history::{Answer, Life, Offset, Operation, PARTITIONS, PLACES};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{self, TopicPartitionList};
use rdkafka::{ClientConfig, ClientContext};

use super::members::Members;
use crate::stack;

/// How long one question may take.
pub(super) const ASK: Duration = Duration::from_secs(30);
/// After how long a position that is not answered counts as unstable, when asked for twice.
const UNSTABLE: Duration = Duration::from_millis(250);

/// Where records and group of one history are.
pub(super) struct Place {
    pub(super) bootstrap: String,
    pub(super) prefix: String,
}

impl Place {
    pub(super) fn topic(&self, topic: Topic) -> String {
        format!("{}.{}", self.prefix, topic.name())
    }

    pub(super) fn settings(&self) -> ClientConfig {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", &self.bootstrap)
            .set("retry.backoff.ms", "5")
            .set("retry.backoff.max.ms", "50");
        settings
    }
}

/// All clients of one history.
pub(super) struct Client {
    place: Place,
    producers: BTreeMap<Life, Transactional>,
    plain: BaseProducer<Reports>,
    committed: BaseConsumer,
    uncommitted: BaseConsumer,
    members: Members,
}

struct Transactional {
    native: BaseProducer<Reports>,
    begun: bool,
}

/// What became of records, in order.
#[derive(Default)]
struct Reports(Mutex<Vec<Report>>);

type Report = Result<i64, RDKafkaErrorCode>;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    }
}

impl Client {
    /// Makes the topics.
    pub(super) fn new(bootstrap: &str, prefix: &str) -> Result<Client> {
        let place = Place { bootstrap: bootstrap.to_owned(), prefix: prefix.to_owned() };
        create_topics(&place)?;
        let reader = |isolation: &str| {
            let mut settings = place.settings();
            settings
                .set("group.id", prefix)
                .set("isolation.level", isolation)
                .set("enable.auto.commit", "false")
                .set("enable.partition.eof", "true")
                .set("fetch.wait.max.ms", "2")
                .create()
        };
        let client = Client {
            producers: BTreeMap::new(),
            plain: place.settings().create_with_context(Reports::default())?,
            committed: reader("read_committed")?,
            uncommitted: reader("read_uncommitted")?,
            members: Members::default(),
            place,
        };
        client.warm_up()?;
        Ok(client)
    }

    /// Topics just made are not at once known to whom they are asked of, and a group's coordinator
    /// is looked for when it is needed first.
    fn warm_up(&self) -> Result<()> {
        for reader in [&self.committed, &self.uncommitted] {
            for place in PLACES {
                patiently(|| self.edge(reader, place))?;
            }
            patiently(|| self.position(reader, 0, ASK)?.context("nothing is open yet"))?;
        }
        Ok(())
    }

    pub(super) fn ask(&mut self, operation: &Operation) -> Result<Answer> {
        match operation {
            Operation::Init(name) => self.init(*name),
            Operation::Produce(life, place, numbers) => self.produce(*life, *place, numbers),
            Operation::Offsets(life, partition, offset, captured) => {
                let offsets = self.offsets(*partition, *offset)?;
                let producer = transactional(&mut self.producers, *life)?;
                let member = self.members.captured(*captured)?;
                answer(producer, producer.send_offsets_to_transaction(&offsets, member, ASK))
            }
            Operation::End(life, commit) => self.end(*life, *commit),
            Operation::Append(partition, number) => {
                let topic = self.place.topic(Topic::Requests);
                let report = append(&self.plain, (&topic, *partition), &[*number])?.remove(0);
                Ok(Answer::At(report.map_err(|code| anyhow!("a request: {code}"))?))
            }
            Operation::Join(name) => self.members.join(&self.place, *name),
            Operation::Settle => self.members.settle(&self.place),
            Operation::Leave(life) => self.members.leave(&self.place, *life),
            Operation::Lose(life) => self.members.lose(&self.place, *life, &self.uncommitted),
            Operation::EndOf(place) => Ok(Answer::Offset(self.edge(&self.uncommitted, *place)?)),
            Operation::StableEnd(place) => Ok(Answer::Offset(self.edge(&self.committed, *place)?)),
            Operation::Read(place) => self.read(*place),
            Operation::Position(partition) => {
                self.position(&self.uncommitted, *partition, ASK)?.context("it is always told")
            }
            Operation::StablePosition(partition) => {
                let stable = || self.position(&self.committed, *partition, UNSTABLE);
                // The first time a slow machine may be to blame.
                let told = stable()?.map_or_else(stable, |told| Ok(Some(told)))?;
                Ok(told.unwrap_or(Answer::Unstable))
            }
        }
    }

    fn init(&mut self, name: char) -> Result<Answer> {
        let before = self.producers.keys().filter(|life| life.name == name);
        let life = Life { name, number: before.map(|life| life.number).max().unwrap_or(0) + 1 };
        let mut settings = self.place.settings();
        settings
            .set("transactional.id", format!("{}.{name}", self.place.prefix))
            .set("transaction.timeout.ms", "60000")
            .set("linger.ms", "0");
        let native: BaseProducer<Reports> = settings.create_with_context(Reports::default())?;
        // Without a connection it would wait for half a second before it looks for one.
        native.client().fetch_metadata(Some(&self.place.topic(Topic::Held)), ASK)?;
        native.init_transactions(ASK)?;
        self.producers.insert(life, Transactional { native, begun: false });
        Ok(Answer::Done)
    }

    fn produce(&mut self, life: Life, place: (Topic, i32), numbers: &[u32]) -> Result<Answer> {
        let topic = self.place.topic(place.0);
        let producer = transactional(&mut self.producers, life)?;
        let reports = append(producer, (&topic, place.1), numbers)?;
        if let [Ok(first), rest @ ..] = &*reports
            && rest.iter().all(Result::is_ok)
        {
            return Ok(Answer::At(*first));
        }
        let fatal = producer.client().fatal_error().map(|(code, _)| code);
        let codes: Vec<RDKafkaErrorCode> =
            reports.into_iter().filter_map(Result::err).chain(fatal).collect();
        ensure!(codes.iter().any(|code| is_fence(*code)), "records were refused: {codes:?}");
        Ok(Answer::Fenced)
    }

    fn end(&mut self, life: Life, commit: bool) -> Result<Answer> {
        let producer = self.producers.get_mut(&life).context("a producer")?;
        ensure!(producer.begun, "{life} has no transaction");
        let ended = match commit {
            true => producer.native.commit_transaction(ASK),
            false => producer.native.abort_transaction(ASK),
        };
        producer.begun = false;
        answer(&producer.native, ended)
    }

    fn offsets(&self, partition: i32, offset: Offset) -> Result<TopicPartitionList> {
        let list = self.request_partition(partition);
        for mut element in list.elements() {
            element.set_offset(topic_partition_list::Offset::Offset(offset.offset))?;
            element.set_metadata(offset.number.to_string());
        }
        Ok(list)
    }

    fn request_partition(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.place.topic(Topic::Requests), partition);
        list
    }

    fn edge(&self, reader: &BaseConsumer, (topic, partition): (Topic, i32)) -> Result<i64> {
        let mut list = TopicPartitionList::new();
        let end = topic_partition_list::Offset::End;
        list.add_partition_offset(&self.place.topic(topic), partition, end)?;
        let answer = reader.offsets_for_times(list, ASK)?;
        let element = answer.elements().into_iter().next().context("a partition")?;
        element.error()?;
        element.offset().to_raw().context("an offset")
    }

    /// Up to where the client says that there is no more to be read.
    fn read(&self, (topic, partition): (Topic, i32)) -> Result<Answer> {
        let (reader, mut list) = (&self.committed, TopicPartitionList::new());
        let start = topic_partition_list::Offset::Offset(0);
        list.add_partition_offset(&self.place.topic(topic), partition, start)?;
        reader.assign(&list)?;
        let until = ticks() + ASK;
        let mut records = vec![];
        while ticks() < until {
            match reader.poll(Duration::from_millis(20)) {
                Some(Ok(message)) => {
                    let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
                    records.push((message.offset(), text.parse()?));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    reader.unassign()?;
                    return Ok(Answer::Records(records));
                }
                Some(Err(error)) => return Err(error.into()),
                None => {}
            }
        }
        bail!("no end of {topic:?} {partition}")
    }

    /// `None` where the brokers do not say.
    fn position(
        &self,
        reader: &BaseConsumer,
        partition: i32,
        timeout: Duration,
    ) -> Result<Option<Answer>> {
        let told = match reader.committed_offsets(self.request_partition(partition), timeout) {
            Ok(told) => told,
            Err(error) if is_unstable(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let element = told.elements().into_iter().next().context("a partition")?;
        match element.error() {
            Err(error) if is_unstable(&error) => return Ok(None),
            error => error?,
        }
        // Where there is none the offset is below zero.
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0);
        let stored = offset.map(|offset| {
            let number = element.metadata().parse().context("metadata of ours")?;
            anyhow::Ok((offset, number))
        });
        let stored = stored.transpose()?;
        Ok(Some(Answer::Position(stored)))
    }
}

fn create_topics(place: &Place) -> Result<()> {
    let topics = [(Topic::Requests, PARTITIONS), (Topic::Held, PARTITIONS), (Topic::Terms, 1)];
    let names = topics.map(|(topic, count)| (place.topic(topic), count));
    let wanted = names
        .each_ref()
        .map(|(name, count)| NewTopic::new(name, *count, TopicReplication::Fixed(1)));
    let admin: AdminClient<DefaultClientContext> = place.settings().create()?;
    let created =
        stack::block_on(async { Ok(admin.create_topics(&wanted, &AdminOptions::new()).await?) })?;
    created.into_iter().try_for_each(|topic| {
        topic.map(drop).map_err(|(topic, code)| anyhow!("creating {topic}: {code}"))
    })
}

/// Asks again until there is an answer.
fn patiently<T>(ask: impl Fn() -> Result<T>) -> Result<T> {
    let until = ticks() + ASK;
    loop {
        match ask() {
            Err(_) if ticks() < until => std::thread::sleep(Duration::from_millis(10)),
            told => return told,
        }
    }
}

/// The producer, in a transaction.
fn transactional(
    producers: &mut BTreeMap<Life, Transactional>,
    life: Life,
) -> Result<&BaseProducer<Reports>> {
    let producer = producers.get_mut(&life).context("a producer")?;
    if !producer.begun {
        producer.native.begin_transaction()?;
        producer.begun = true;
    }
    Ok(&producer.native)
}

/// Appends records and waits for what becomes of them.
fn append(
    producer: &BaseProducer<Reports>,
    (topic, partition): (&str, i32),
    numbers: &[u32],
) -> Result<Vec<Report>> {
    let context = producer.context();
    let reports = || context.0.lock().unwrap_or_else(PoisonError::into_inner);
    reports().clear();
    let mut refused = vec![];
    for number in numbers {
        let value = number.to_string();
        let record = BaseRecord::<(), str>::to(topic).partition(partition).payload(&value);
        if let Err((error, _)) = producer.send(record) {
            refused.push(Err(error.rdkafka_error_code().context("a code")?));
        }
    }
    let until = ticks() + ASK;
    while ticks() < until {
        producer.poll(Duration::from_millis(1));
        let reported = reports().clone();
        if reported.len() + refused.len() == numbers.len() {
            return Ok([reported, refused].concat());
        }
    }
    bail!("no report of records {numbers:?}")
}

/// What a transaction call comes to.
fn answer(producer: &BaseProducer<Reports>, called: Result<(), KafkaError>) -> Result<Answer> {
    let Err(error) = called else { return Ok(Answer::Done) };
    let code = error.rdkafka_error_code();
    let fatal = producer.client().fatal_error().map(|(code, _)| code);
    if code.into_iter().chain(fatal).any(is_fence) {
        return Ok(Answer::Fenced);
    }
    match code {
        Some(
            RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::FencedInstanceId,
        ) => Ok(Answer::Stale),
        _ => Err(error.into()),
    }
}

/// Whether it says that a newer producer has the id.
fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

fn is_unstable(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::UnstableOffsetCommit | RDKafkaErrorCode::OperationTimedOut)
    )
}
