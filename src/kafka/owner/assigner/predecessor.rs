//! Who owned a partition before, as `booking.terms` has it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::message::Message as _;

use super::{Assigner, HUNG};
use crate::domain::ids::Partition;
use crate::kafka::owner::fence;
use crate::kafka::owner::group::Generation;
use crate::kafka::owner::readers::{Isolation, Piece, ReadError};
use crate::ports::log::{TermRecord, Topic};
use crate::wire::{DecodeError, term};

/// How long the coordinator may take to say who is in the group.
const ASK: Duration = Duration::from_secs(2);

/// A former owner, by the names its producer and its member go by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Former {
    pub(super) instance_id: String,
    pub(super) transactional_id: String,
}

impl From<&TermRecord> for Former {
    fn from(term: &TermRecord) -> Self {
        Former {
            instance_id: term.instance_id.clone(),
            transactional_id: term.transactional_id.clone(),
        }
    }
}

/// A record of the topic. What cannot be read still says of which partition it is.
struct Entry {
    offset: i64,
    partition: Partition,
    term: Result<TermRecord, DecodeError>,
}

impl Entry {
    /// Its term; an error where it cannot be read: which ledger it names must be known.
    fn readable(self, topic: &str) -> Result<TermRecord, ReadError> {
        self.term.map_err(|why| ReadError::Broken {
            topic: topic.to_owned(),
            partition: 0,
            at: self.offset,
            why: why.to_string(),
        })
    }
}

/// The last committed term of each partition, as far as an offset of the topic.
pub(super) struct LastTerms {
    to: i64,
    pub(super) terms: BTreeMap<Partition, Result<TermRecord, ReadError>>,
}

impl Assigner {
    /// The last owners of these partitions but for ourselves, whether their terms were committed or
    /// not: one that died while taking its term blocks as well.
    pub(super) fn former_owners(
        &self,
        partitions: &[Partition],
        over: &dyn Fn() -> bool,
    ) -> Result<BTreeSet<Former>, ReadError> {
        let topic = self.topic(Topic::Terms);
        let offsets = self.start_of(topic)?..self.end_of(topic)?;
        let terms = self.terms(Isolation::Uncommitted, offsets, over)?;
        let ours = &self.group.config.transactional_id;
        let last = partitions.iter().filter_map(|partition| {
            terms.iter().rfind(|entry| entry.partition == *partition)?.term.as_ref().ok()
        });
        Ok(last.filter(|term| term.transactional_id != *ours).map(Former::from).collect())
    }

    /// Fences those who are no members any more. Who is one is fenced only when it hangs.
    pub(super) fn fence_the_gone(&self, under: &Generation, former: &BTreeSet<Former>) {
        if former.is_empty() {
            return;
        }
        let config = &self.group.config;
        let members = match under.consumer.fetch_group_list(Some(&config.group), ASK) {
            Ok(list) => list
                .groups()
                .iter()
                .flat_map(|group| group.members())
                .map(|member| member.client_id().to_owned())
                .collect::<BTreeSet<_>>(),
            Err(error) => {
                tracing::warn!(%error, "the group does not say who is in it; nobody is fenced yet");
                return;
            }
        };
        for former in former.iter().filter(|former| is_gone(former, &members, &config.instance_id))
        {
            fence::begin(&self.group, &former.transactional_id, "it is no member any more");
        }
    }

    /// The last committed terms as of now.
    pub(super) fn last_terms(&self, over: &dyn Fn() -> bool) -> Result<LastTerms, ReadError> {
        let topic = self.topic(Topic::Terms);
        let offsets = self.start_of(topic)?..self.end_of(topic)?;
        let mut last = LastTerms { to: offsets.end, terms: BTreeMap::new() };
        for entry in self.terms(Isolation::Committed, offsets, over)? {
            last.terms.insert(entry.partition, entry.readable(topic));
        }
        Ok(last)
    }

    /// The last committed term of each partition before the one just taken, where those up to some
    /// offset are known.
    pub(super) fn terms_before(
        &self,
        taken: &[(Partition, i64)],
        last: LastTerms,
        over: &dyn Fn() -> bool,
    ) -> Result<BTreeMap<Partition, Result<TermRecord, ReadError>>, ReadError> {
        let LastTerms { to: from, mut terms } = last;
        let to = taken.iter().map(|(_, term)| term + 1).max().unwrap_or(from);
        for entry in self.terms(Isolation::Committed, from..to, over)? {
            let own = taken.iter().find(|(taken, _)| *taken == entry.partition);
            if own.is_some_and(|(_, own)| entry.offset < *own) {
                terms.insert(entry.partition, entry.readable(self.topic(Topic::Terms)));
            }
        }
        Ok(terms)
    }

    fn start_of(&self, topic: &str) -> Result<i64, ReadError> {
        Ok(self.readers.starts(&[(topic.to_owned(), 0)])?[0])
    }

    fn end_of(&self, topic: &str) -> Result<i64, ReadError> {
        Ok(self.readers.ends(&[(topic.to_owned(), 0)])?[0])
    }

    /// All terms of some offsets. All owners share the one partition, so a foreign transaction left
    /// open in it blocks everybody: whoever wrote the record at the stable end is fenced.
    fn terms(
        &self,
        isolation: Isolation,
        offsets: Range<i64>,
        over: &dyn Fn() -> bool,
    ) -> Result<Vec<Entry>, ReadError> {
        let topic = self.topic(Topic::Terms);
        let piece = Piece { topic, partition: 0, from: offsets.start, to: offsets.end };
        let mut fenced = None;
        let mut blocked = |at: i64, so_far: Duration| {
            if so_far > HUNG && fenced.replace(at) != Some(at) {
                self.fence_writer_of(at, over);
            }
        };
        let mut terms = Vec::new();
        self.readers.read_past(isolation, piece, over, &mut blocked, &mut |message| {
            let (offset, key) = (message.offset(), message.key().unwrap_or_default());
            let number = std::str::from_utf8(key).ok().and_then(|key| key.parse().ok());
            match (number, message.payload()) {
                (Some(number), Some(value)) => {
                    let partition = Partition(number);
                    terms.push(Entry { offset, partition, term: term::decode(value) });
                }
                (Some(_), None) | (None, _) => {
                    tracing::error!(topic, offset, "a record that is no term is passed over");
                }
            }
        })?;
        Ok(terms)
    }

    fn fence_writer_of(&self, offset: i64, over: &dyn Fn() -> bool) {
        let found = self.terms(Isolation::Uncommitted, offset..offset + 1, over);
        let ours = &self.group.config.transactional_id;
        let writer = found.ok().and_then(|terms| terms.into_iter().next());
        let term = writer.and_then(|entry| entry.term.ok());
        if let Some(term) = term.filter(|term| term.transactional_id != *ours) {
            fence::begin(&self.group, &term.transactional_id, "its term transaction hangs");
        }
    }
}

/// Whether a former owner is no member any more. One with our own instance id is ourselves before a
/// restart, under another transactional id.
fn is_gone(former: &Former, members: &BTreeSet<String>, own_instance_id: &str) -> bool {
    former.instance_id == own_instance_id || !members.contains(&former.instance_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_are_spared() {
        let members = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let former = |instance: &str| Former {
            instance_id: instance.to_owned(),
            transactional_id: format!("t-{instance}"),
        };
        assert!(!is_gone(&former("b"), &members, "a"));
        assert!(is_gone(&former("c"), &members, "a"));
        assert!(is_gone(&former("a"), &members, "a"));
    }
}
