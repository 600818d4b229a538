//! Stable positions of the group.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::domain::ids::Partition;
use crate::kafka::owner::consumer::Member;
use crate::ports::clock::ticks;

/// How long one question may take; an open transaction lets it run into that.
const ASK: Duration = Duration::from_millis(500);
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(5);
/// After how long without an answer to say so, again and again.
const LOUD: Duration = Duration::from_secs(5);

/// What the group keeps for a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka::owner) struct Stored {
    /// The committed offset, if there is one.
    pub(in crate::kafka::owner) offset: Option<i64>,
    /// Its metadata text.
    pub(in crate::kafka::owner) metadata: String,
}

/// Reads the committed offsets of all `partitions`, asking until no transaction is open over them.
/// `None` when it is `over` before that. `waited` is told now and then how long it has taken so
/// far.
///
/// The member reads committed, which is why the coordinator refuses to answer as long as one of the
/// offsets is part of an open transaction.
pub(in crate::kafka::owner) fn read_stable(
    member: &Member,
    topic: &str,
    partitions: &[Partition],
    over: &dyn Fn() -> bool,
    waited: &mut dyn FnMut(Duration),
) -> Option<Vec<(Partition, Stored)>> {
    let began = ticks();
    let mut loud = LOUD;
    while !over() {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(topic, partition.0);
        }
        let why = match member.committed_offsets(asked, ASK) {
            Ok(answer) => match stored(&answer) {
                Ok(stored) => return Some(stored),
                Err(error) => error,
            },
            Err(error) => error,
        };
        let elapsed = began.elapsed();
        waited(elapsed);
        if elapsed > loud {
            loud += LOUD;
            tracing::warn!(?partitions, ?elapsed, %why, "no stable position yet");
        }
        std::thread::sleep(PAUSE);
    }
    None
}

fn stored(answer: &TopicPartitionList) -> rdkafka::error::KafkaResult<Vec<(Partition, Stored)>> {
    let mut found = Vec::with_capacity(answer.count());
    for element in answer.elements() {
        element.error()?;
        let offset = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::Invalid
            | Offset::OffsetTail(_) => None,
        };
        let metadata = element.metadata().to_owned();
        found.push((Partition(element.partition()), Stored { offset, metadata }));
    }
    Ok(found)
}
