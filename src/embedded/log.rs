//! The log in the file, opened in whatever role it is wanted.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::owner::EmbeddedOwner;
use super::reader::{EmbeddedFollower, EmbeddedReader};
use super::store::Store;
use crate::domain::ids::Partition;
use crate::ports::clock;
use crate::ports::log::{
    Delivery, Error, Follower, From, Header, Log, Member, OwnerLog, Pending, Producer, Reader,
    Sink, Topic,
};
use crate::wire::partitioner;

/// The file as a log.
#[derive(Clone)]
pub struct EmbeddedLog {
    store: Arc<Store>,
}

impl EmbeddedLog {
    /// The log of an open file.
    #[must_use]
    pub fn new(store: Arc<Store>) -> EmbeddedLog {
        EmbeddedLog { store }
    }
}

impl Log for EmbeddedLog {
    fn describe(&self) -> String {
        format!("embedded log in {}", self.store.path().display())
    }

    fn name(&self, topic: Topic) -> String {
        topic.name().into()
    }

    fn partitions(&self) -> i32 {
        self.store.partitions()
    }

    fn partition(&self, key: &[u8]) -> Partition {
        Partition(partitioner::partition(key, self.store.partitions()))
    }

    /// The last to begin owns all partitions; an earlier one is told that they are lost.
    fn own(&self, member: Member, sink: Sink) -> Result<Box<dyn OwnerLog>, Error> {
        Ok(Box::new(EmbeddedOwner::start(Arc::clone(&self.store), member, sink)?))
    }

    fn producer(&self) -> Result<Box<dyn Producer>, Error> {
        Ok(Box::new(EmbeddedProducer { store: Arc::clone(&self.store) }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.store))))
    }

    fn follow(&self, from: &[From]) -> Result<Box<dyn Follower>, Error> {
        Ok(Box::new(EmbeddedFollower::open(Arc::clone(&self.store), from)?))
    }
}

struct EmbeddedProducer {
    store: Arc<Store>,
}

impl Producer for EmbeddedProducer {
    fn submit(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Pending, Error> {
        if let Some(error) = self.store.broken() {
            return Err(error.into());
        }
        let partition = Partition(partitioner::partition(key, self.store.partitions()));
        let (report, delivered) = sync_channel(1);
        let (key, value, headers) = (key.to_vec(), value.map(<[u8]>::to_vec), headers.to_vec());
        let place = (Topic::Requests, partition);
        self.store.write(
            move |tables| {
                tables.append(place, clock::now(), Some(&key), value.as_deref(), &headers)
            },
            move |offset| {
                // Nobody waits any more: that is theirs to do.
                let _ = report.try_send(Ok(Delivery { partition, offset }));
            },
        );
        Ok(Pending::new(delivered))
    }
}
