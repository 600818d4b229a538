//! Puts requests on the log: the apps' side of the request topic, for the command line and the
//! expiry worker.
//!
//! The partition is named with every record, so that neither the client's default hash nor the
//! cluster's present number of partitions has a say. The producer is idempotent: a record that the
//! client sends again is not in the log twice. It is not transactional: a request stands for
//! itself.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header as KafkaHeader, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use super::cluster::{Cluster, Error, PATIENCE};
use crate::domain::ids::{EventId, Partition};
use crate::ports::log::{Header, Topic};

/// Where a request lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
}

/// A producer of request records. Cheap to use from several threads, dear to make.
pub struct RequestProducer {
    cluster: Cluster,
    inner: ThreadedProducer<Reports>,
}

impl RequestProducer {
    /// Makes a producer. That no broker answers is found out by the first request.
    ///
    /// # Errors
    /// When the client does not take its settings.
    pub fn new(cluster: &Cluster) -> Result<RequestProducer, Error> {
        let mut config = cluster.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let inner = config.create_with_context(Reports);
        let inner = inner.map_err(|error| Error::Settings(error.to_string()))?;
        Ok(RequestProducer { cluster: cluster.clone(), inner })
    }

    /// Hands a request to the client; the [`Pending`] tells what becomes of it.
    ///
    /// # Errors
    /// When the client does not take it: its queue is full, or the partition is known not to exist.
    pub fn submit(
        &self,
        event: &EventId,
        value: &[u8],
        headers: &[Header],
    ) -> Result<Pending, Error> {
        let topic = self.cluster.topic(Topic::Requests);
        let (report, delivered) = sync_channel(1);
        let mut owned = OwnedHeaders::new_with_capacity(headers.len());
        for (key, value) in headers {
            owned = owned.insert(KafkaHeader { key, value: value.as_ref() });
        }
        let record = BaseRecord::with_opaque_to(&topic, Box::new(report))
            .partition(self.cluster.partition(event).0)
            .key(event.as_str())
            .payload(value)
            .headers(owned);
        match self.inner.send(record) {
            Ok(()) => Ok(Pending { cluster: self.cluster.clone(), delivered }),
            Err((error, _)) => Err(self.cluster.error("writing to", &topic, &error)),
        }
    }
}

/// A request under way.
pub struct Pending {
    cluster: Cluster,
    delivered: Receiver<Report>,
}

impl Pending {
    /// Waits for the brokers' word, for as long as the client goes on trying.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the word did not come, so that the request may be on the log;
    /// another when it is not.
    pub fn wait(self) -> Result<Delivery, Error> {
        self.word(self.delivered.recv().ok())
    }

    /// The brokers' word if it has come, which is told once; `None` while it is to be waited for.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub fn poll(&self) -> Option<Result<Delivery, Error>> {
        match self.delivered.try_recv() {
            Ok(report) => Some(self.word(Some(report))),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(self.word(None)),
        }
    }

    /// What a report says; there is none when the producer was ended before it came.
    fn word(&self, report: Option<Report>) -> Result<Delivery, Error> {
        let topic = self.cluster.topic(Topic::Requests);
        match report {
            Some(Ok(delivery)) => Ok(delivery),
            Some(Err(error)) if may_have_been_written(&error) => {
                Err(Error::Unknown { topic, why: error.to_string() })
            }
            Some(Err(error)) => Err(self.cluster.error("writing to", &topic, &error)),
            None => Err(Error::Unknown { topic, why: "the producer was ended".into() }),
        }
    }
}

type Report = Result<Delivery, KafkaError>;

/// Takes the delivery reports to whoever waits for them.
struct Reports;

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<SyncSender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(message) => {
                Ok(Delivery { partition: Partition(message.partition()), offset: message.offset() })
            }
            Err((error, _)) => Err(error.clone()),
        };
        // Nobody waits any more: the caller has given up, and that is theirs to do.
        let _ = report.try_send(outcome);
    }
}

/// A record that timed out may have been sent, and one that was sent may yet be appended.
fn may_have_been_written(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageTimedOut
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::BrokerTransportFailure
        )
    )
}
