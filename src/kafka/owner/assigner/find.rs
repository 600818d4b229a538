//! What a partition holds: its edges, its inventory, its window of ids.

use std::collections::{BTreeMap, VecDeque};

use rdkafka::message::Message as _;

use super::Assigner;
use crate::domain::ids::Partition;
use crate::domain::limits::ID_READ_BACK;
use crate::domain::time::{At, Millis};
use crate::kafka::owner::readers::{Isolation, Piece, ReadError, raw};
use crate::kafka::owner::transactor::Stored;
use crate::ports::log::{Assignment, Known, LastRecord, Position, RawRecord, Topic};
use crate::wire::inventory;

/// Read back beyond the memory of ids, against append times that are a little out of order.
const SLACK: Millis = Millis(1_000);

/// Ends of a partition's logs, asked for after its position was stable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges {
    pub(super) log_start: i64,
    pub(super) log_end: i64,
    pub(super) inventory_start: i64,
    pub(super) inventory_end: i64,
    pub(super) outcomes_exist: bool,
}

impl Assigner {
    /// The edges of all these partitions, with two questions.
    pub(super) fn edges(&self, partitions: &[Partition]) -> Result<Vec<Edges>, ReadError> {
        let all = |topics: &[Topic]| -> Vec<(String, i32)> {
            let of = |partition: &Partition| {
                let number = partition.0;
                topics
                    .iter()
                    .map(move |topic| (self.topic(*topic).to_owned(), number))
                    .collect::<Vec<_>>()
            };
            partitions.iter().flat_map(of).collect()
        };
        let ours = [Topic::Requests, Topic::Inventory];
        let everything = [&ours[..], &Topic::OUTCOMES[..]].concat();
        let starts = self.readers.starts(&all(&ours))?;
        let ends = self.readers.ends(&all(&everything))?;
        let (starts, ends) = (starts.chunks(ours.len()), ends.chunks(everything.len()));
        Ok(starts.zip(ends).map(|(start, end)| edges(start, end)).collect())
    }

    /// Completes an assignment whose term has been taken.
    pub(super) fn find(
        &self,
        mut assignment: Assignment,
        stored: &Stored,
        edges: &Edges,
        over: &dyn Fn() -> bool,
    ) -> Result<Assignment, ReadError> {
        let last = LastRecord::from_metadata(&stored.metadata);
        assignment.committed = stored.offset.map(|offset| Position { offset, last });
        assignment.log_start = edges.log_start;
        assignment.log_end = edges.log_end;
        assignment.outcomes_exist = edges.outcomes_exist;
        assignment.inventory = self.inventory(assignment.partition, edges, over)?;
        assignment.read_back = self.read_back(&assignment, over)?;
        Ok(assignment)
    }

    /// The last inventory record of each event.
    fn inventory(
        &self,
        partition: Partition,
        edges: &Edges,
        over: &dyn Fn() -> bool,
    ) -> Result<Vec<Known>, ReadError> {
        let topic = self.topic(Topic::Inventory);
        let mut last = BTreeMap::<Vec<u8>, (i64, Option<Vec<u8>>)>::new();
        let (from, to) = (edges.inventory_start, edges.inventory_end);
        let piece = Piece { topic, partition: partition.0, from, to };
        self.readers.read(Isolation::Committed, piece, over, &mut |message| {
            let value = message.payload().map(<[u8]>::to_vec);
            last.insert(message.key().unwrap_or_default().to_vec(), (message.offset(), value));
        })?;
        let kept = last.into_values().filter_map(|(offset, value)| Some((offset, value?)));
        kept.map(|(offset, value)| {
            let known = inventory::decode(&value).map(|inventory| inventory.known());
            known.map_err(|why| ReadError::Broken {
                topic: topic.to_owned(),
                partition: partition.0,
                at: offset,
                why: why.to_string(),
            })
        })
        .collect()
    }

    /// The records before the position whose ids are still remembered, and the last one in any
    /// case.
    fn read_back(
        &self,
        assignment: &Assignment,
        over: &dyn Fn() -> bool,
    ) -> Result<Vec<RawRecord>, ReadError> {
        let Some(position) = &assignment.committed else { return Ok(Vec::new()) };
        // Beyond the end there is nothing that could be read, and the engine refuses the partition.
        if position.offset > assignment.log_end {
            return Ok(Vec::new());
        }
        let topic = self.topic(Topic::Requests);
        let partition = assignment.partition.0;
        let from = match position.last {
            Some(last) => {
                let since = last.highest.minus(ID_READ_BACK).minus(SLACK);
                let first = self.readers.first_at(topic, partition, since)?;
                first.unwrap_or(position.offset).min(last.offset)
            }
            // An offset set by hand says nothing of times; the window is found by reading.
            None => assignment.log_start,
        };
        let from = from.max(assignment.log_start);
        let piece = Piece { topic, partition, from, to: position.offset };
        let mut window = Window::default();
        let epoch = assignment.epoch;
        let mut each = |message: &rdkafka::message::BorrowedMessage<'_>| {
            window.push(raw(message, epoch));
        };
        self.readers.read(Isolation::Committed, piece, over, &mut each)?;
        Ok(window.records.into())
    }
}

fn edges(start: &[i64], end: &[i64]) -> Edges {
    Edges {
        log_start: start[0],
        inventory_start: start[1],
        log_end: end[0],
        inventory_end: end[1],
        outcomes_exist: end[2..].iter().any(|end| *end > 0),
    }
}

/// The last stretch of records as long as ids are remembered; always has the last one.
#[derive(Default)]
struct Window {
    records: VecDeque<RawRecord>,
    highest: At,
}

impl Window {
    fn push(&mut self, record: RawRecord) {
        self.highest = self.highest.max(record.appended);
        self.records.push_back(record);
        let since = self.highest.minus(ID_READ_BACK).minus(SLACK);
        while self.records.len() > 1
            && self.records.front().is_some_and(|first| first.appended < since)
        {
            self.records.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(offset: i64, at: i64) -> RawRecord {
        RawRecord { offset, appended: At(at), ..RawRecord::default() }
    }

    #[test]
    fn the_window_keeps_what_ids_are_remembered_for() {
        let mut window = Window::default();
        window.push(appended(0, 1_000));
        window.push(appended(1, 2_000));
        window.push(appended(2, 1_500));
        window.push(appended(3, 2_000 + ID_READ_BACK.0 + SLACK.0));
        let kept: Vec<_> = window.records.iter().map(|record| record.offset).collect();
        assert_eq!(kept, [1, 2, 3]);
    }

    #[test]
    fn the_window_keeps_the_last_record_however_old() {
        let mut window = Window::default();
        window.push(appended(0, 100_000_000));
        window.push(appended(1, 5));
        assert_eq!(window.records.len(), 2);
        window.push(appended(2, 6));
        assert_eq!(window.records.back().map(|record| record.offset), Some(2));
    }

    #[test]
    fn only_outcomes_count_as_outcomes() {
        assert!(!edges(&[3, 4], &[10, 20, 0, 0]).outcomes_exist);
        assert!(edges(&[3, 4], &[10, 20, 0, 1]).outcomes_exist);
    }
}
