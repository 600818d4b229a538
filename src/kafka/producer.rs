//! Puts requests on the log: the apps' side of the request topic, for the command line and the
//! expiry worker.
//!
//! The partition is named with every record, so that neither the client's default hash nor the
//! cluster's present number of partitions has a say. The producer is idempotent: a record that the
//! client sends again is not in the log twice. It is not transactional: a request stands for
//! itself.

use std::sync::mpsc::{SyncSender, sync_channel};

use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header as KafkaHeader, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};

use super::cluster::{Cluster, Error, PATIENCE};
use crate::domain::ids::Partition;
use crate::ports::log::{self, Delivery, Header, Pending, Producer, Topic};

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
        let inner = config.create_with_context(Reports { cluster: cluster.clone() });
        let inner = inner.map_err(|error| Error::Settings(error.to_string()))?;
        Ok(RequestProducer { cluster: cluster.clone(), inner })
    }
}

impl Producer for RequestProducer {
    fn submit(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Pending, log::Error> {
        let topic = self.cluster.topic(Topic::Requests);
        let (report, delivered) = sync_channel(1);
        let mut owned = OwnedHeaders::new_with_capacity(headers.len());
        for (key, value) in headers {
            owned = owned.insert(KafkaHeader { key, value: value.as_ref() });
        }
        let mut record = BaseRecord::with_opaque_to(&topic, Box::new(report))
            .partition(self.cluster.partition_of(key).0)
            .key(key)
            .headers(owned);
        if let Some(value) = value {
            record = record.payload(value);
        }
        match self.inner.send(record) {
            Ok(()) => Ok(Pending::new(delivered)),
            Err((error, _)) => Err(self.cluster.error("writing to", &topic, &error).into()),
        }
    }
}

type Report = Result<Delivery, log::Error>;

/// Takes the delivery reports to whoever waits for them.
struct Reports {
    cluster: Cluster,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<SyncSender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(message) => {
                Ok(Delivery { partition: Partition(message.partition()), offset: message.offset() })
            }
            Err((error, _)) => Err(self.failure(error)),
        };
        // Nobody waits any more: the caller has given up, and that is theirs to do.
        let _ = report.try_send(outcome);
    }
}

impl Reports {
    fn failure(&self, error: &KafkaError) -> log::Error {
        let topic = self.cluster.topic(Topic::Requests);
        if may_have_been_written(error) {
            return Error::Unknown { topic, why: error.to_string() }.into();
        }
        self.cluster.error("writing to", &topic, error).into()
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
