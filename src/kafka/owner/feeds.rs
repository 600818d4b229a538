//! Which partitions are being read, from where, and under which epoch.
//!
//! The client's own idea of a position is never trusted: after a pause, a seek or a rebalance it is
//! set anew from what is kept here. A record is accepted only by a partition that is being read,
//! not below the next offset wanted, and takes its epoch from here, so a record of an older epoch
//! cannot be labelled with a newer one.

use std::collections::BTreeMap;

/// One partition being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Feed {
    /// The epoch of its records.
    pub(super) epoch: u64,
    /// The lowest offset wanted.
    pub(super) next: i64,
    /// Whether the engine wants no more for now.
    pub(super) paused: bool,
    /// Whether the client stands where it should; until then nothing is accepted.
    pub(super) placed: bool,
}

/// All partitions being read.
#[derive(Debug, Default)]
pub(super) struct Feeds(BTreeMap<i32, Feed>);

impl Feeds {
    /// Begins or begins anew with a partition.
    pub(super) fn begin(&mut self, partition: i32, offset: i64, epoch: u64) {
        let feed = Feed { epoch, next: offset, paused: false, placed: false };
        self.0.insert(partition, feed);
    }

    /// Ends all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends one, which cannot be read any further.
    pub(super) fn end(&mut self, partition: i32) {
        self.0.remove(&partition);
    }

    /// Goes on elsewhere under a later epoch. Answers whether it does: the partition may be gone,
    /// or have been assigned anew after the rewind was asked for.
    pub(super) fn rewind(&mut self, partition: i32, offset: i64, epoch: u64) -> bool {
        match self.0.get_mut(&partition) {
            Some(feed) if epoch > feed.epoch => {
                *feed = Feed { epoch, next: offset, paused: feed.paused, placed: false };
                true
            }
            Some(_) | None => false,
        }
    }

    /// Notes a pause or its end. A resumed partition has to be placed: the client has thrown away
    /// what it had fetched. Answers whether anything changed.
    pub(super) fn pause(&mut self, partition: i32, paused: bool) -> bool {
        let Some(feed) = self.0.get_mut(&partition) else { return false };
        let changes = feed.paused != paused;
        feed.paused = paused;
        feed.placed &= !changes;
        changes
    }

    /// Partitions the client has to be placed at, and where.
    pub(super) fn to_place(&self) -> Vec<(i32, i64)> {
        let wanting = self.0.iter().filter(|(_, feed)| !feed.placed && !feed.paused);
        wanting.map(|(partition, feed)| (*partition, feed.next)).collect()
    }

    /// Notes that the client stands where it should.
    pub(super) fn placed(&mut self, partition: i32) {
        if let Some(feed) = self.0.get_mut(&partition) {
            feed.placed = true;
        }
    }

    /// The epoch of a record just read, or `None` when it is not wanted.
    pub(super) fn accept(&mut self, partition: i32, offset: i64) -> Option<u64> {
        let feed = self.0.get_mut(&partition)?;
        if feed.paused || !feed.placed || offset < feed.next {
            return None;
        }
        feed.next = offset + 1;
        Some(feed.epoch)
    }

    /// Whether records of this epoch are still wanted.
    pub(super) fn is_current(&self, partition: i32, epoch: u64) -> bool {
        self.0.get(&partition).is_some_and(|feed| feed.epoch == epoch)
    }

    /// All partitions being read.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, Feed)> {
        self.0.iter().map(|(partition, feed)| (*partition, *feed))
    }
}

/// The first epoch of the `count`th assignment; rewinds count up from it.
pub(super) const fn first_epoch(count: u32) -> u64 {
    (count as u64) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Feeds {
        let mut feeds = Feeds::default();
        feeds.begin(3, 100, first_epoch(2));
        assert_eq!(feeds.accept(3, 100), None);
        feeds.placed(3);
        feeds
    }

    #[test]
    fn records_come_once_and_in_order() {
        let mut feeds = reading();
        assert_eq!(feeds.accept(3, 99), None);
        assert_eq!(feeds.accept(3, 100), Some(first_epoch(2)));
        assert_eq!(feeds.accept(3, 100), None);
        assert_eq!(feeds.accept(3, 107), Some(first_epoch(2)));
        assert_eq!(feeds.accept(4, 0), None);
    }

    #[test]
    fn nothing_is_accepted_between_rewind_and_placement() {
        let mut feeds = reading();
        assert_eq!(feeds.accept(3, 150), Some(first_epoch(2)));
        assert!(feeds.rewind(3, 120, first_epoch(2) + 1));
        assert_eq!(feeds.accept(3, 151), None);
        assert_eq!(feeds.to_place(), [(3, 120)]);
        feeds.placed(3);
        assert_eq!(feeds.accept(3, 120), Some(first_epoch(2) + 1));
        assert!(!feeds.is_current(3, first_epoch(2)));
    }

    #[test]
    fn a_rewind_survives_a_pause() {
        let mut feeds = reading();
        assert!(feeds.pause(3, true));
        assert!(feeds.rewind(3, 120, first_epoch(2) + 1));
        assert!(feeds.to_place().is_empty());
        assert!(feeds.pause(3, false));
        assert_eq!(feeds.to_place(), [(3, 120)]);
        assert!(!feeds.pause(3, false));
    }

    #[test]
    fn an_epoch_never_comes_back() {
        let mut feeds = reading();
        assert!(!feeds.rewind(3, 120, first_epoch(2)));
        assert!(!feeds.rewind(3, 120, first_epoch(1) + 9));
        assert_eq!(feeds.accept(3, 100), Some(first_epoch(2)));
    }
}
