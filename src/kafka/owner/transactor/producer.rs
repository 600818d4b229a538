//! The transactional producer and how it is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use crate::kafka::owner::{OwnerConfig, settings};
use crate::ports::clock::ticks;
use crate::ports::log::OutRecord;

/// One turn of waiting for deliveries. The client's own flush waits in steps of 100 ms, whatever
/// has happened meanwhile, which costs a transaction 100 ms.
const TURN: Duration = Duration::from_millis(1);

/// Keeps the offsets of marked records. The mark is one above the index; 0 is no mark.
#[derive(Default)]
pub(super) struct Reports {
    offsets: Mutex<Vec<Option<i64>>>,
}

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "producer");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let Some(index) = mark.checked_sub(1) else { return };
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(message), Some(slot)) = (result, offsets.get_mut(index)) {
            *slot = Some(message.offset());
        }
    }
}

/// A record and where it goes.
pub(super) struct Out<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) record: &'a OutRecord,
}

/// The producer.
pub(super) struct Transactional {
    pub(super) native: BaseProducer<Reports>,
    /// Whether it was ever asked to initialise.
    pub(super) used: bool,
}

impl Transactional {
    pub(super) fn create(config: &OwnerConfig) -> KafkaResult<Self> {
        let settings: ClientConfig = settings::producer(config, &config.transactional_id);
        let native = settings.create_with_context(Reports::default())?;
        Ok(Transactional { native, used: false })
    }

    /// Serves what is ready.
    pub(super) fn poll(&self) {
        self.native.poll(Duration::ZERO);
    }

    /// Hands a record over, waiting while the client's queue is full.
    pub(super) fn send(&self, out: &Out<'_>, mark: usize, timeout: Duration) -> KafkaResult<()> {
        let began = ticks();
        let mut record = base_record(out, mark);
        loop {
            match self.native.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || began.elapsed() > timeout {
                        return Err(error);
                    }
                    record = back;
                    self.native.poll(TURN);
                }
            }
        }
    }

    /// Waits until every record sent so far has been delivered or refused.
    pub(super) fn flush(&self, timeout: Duration) -> KafkaResult<()> {
        let began = ticks();
        loop {
            match self.native.flush(TURN) {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > timeout => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Aborts the transaction. The client waits for delivery reports that nobody serves but us, so
    /// another thread does.
    pub(super) fn abort(&self, timeout: Duration) -> KafkaResult<()> {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    self.native.poll(TURN);
                }
            });
            let aborted = self.native.abort_transaction(timeout);
            ended.store(true, Ordering::Release);
            aborted
        })
    }

    /// Forgets earlier offsets and makes room for those of `count` marked records.
    pub(super) fn expect_offsets(&self, count: usize) {
        *self.offsets() = vec![None; count];
    }

    /// The offsets of all marked records, once all of them were delivered.
    pub(super) fn take_offsets(&self) -> Option<Vec<i64>> {
        std::mem::take(&mut *self.offsets()).into_iter().collect()
    }

    fn offsets(&self) -> std::sync::MutexGuard<'_, Vec<Option<i64>>> {
        let context = self.native.client().context();
        context.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn base_record<'a>(out: &Out<'a>, mark: usize) -> BaseRecord<'a, [u8], [u8], usize> {
    let record = BaseRecord::with_opaque_to(out.topic, mark)
        .partition(out.partition)
        .payload(out.record.value.as_slice());
    let record = match &out.record.key {
        Some(key) => record.key(key.as_slice()),
        None => record,
    };
    if out.record.headers.is_empty() {
        return record;
    }
    let empty = OwnedHeaders::new_with_capacity(out.record.headers.len());
    record.headers(out.record.headers.iter().fold(empty, |headers, (key, value)| {
        headers.insert(Header { key, value: value.as_deref() })
    }))
}
