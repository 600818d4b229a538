//! Finds out all about partitions that have been assigned, in the order the protocol asks for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::transactor::{TermWish, init};
use super::{Driver, Generation, Job, Ready, Told, Work, next_of};
use crate::domain::ids::Partition;
use crate::domain::limits::ID_READ_BACK;
use crate::domain::outcome::DECISION_VERSION;
use crate::domain::rule::Rule;
use crate::domain::time::Millis;
use crate::engine::arrival::Arrival;
use crate::ports::log::{Assignment, Known, LastRecord, Position, TermRecord, Topic};
use crate::sim::broker::{Cluster, Edges, Stored, StoredOffset};
use crate::sim::net::{MILLI, Micros, Servers, filled};
use crate::wire;

/// A member whose transaction stays open for so long counts as hung.
const HUNG: Micros = 3_000 * MILLI;
/// Pause before a takeover that failed begins again; it doubles each time.
const AGAIN: Micros = 20 * MILLI;
/// Longest such pause.
const AGAIN_MAX: Micros = 2_000 * MILLI;
/// Pause before a question about something that is not there yet.
const LOOK: Micros = 5 * MILLI;
/// Read back beyond the memory of ids, against append times that are a little out of order.
const SLACK: Millis = Millis(1_000);
/// Epochs of one assignment: each rewind takes one.
const EPOCHS: u64 = 1 << 20;

/// What was found out.
pub(in crate::sim) enum Found {
    /// Everything.
    Ready(Ready),
    /// That it cannot be worked on.
    Refused(Partition, String),
}

/// The attempt is over: the assignment is, or something is to be tried again.
struct Failed;

struct Takeover {
    under: Rc<Generation>,
    partitions: Vec<Partition>,
    epoch: u64,
    retaken: bool,
}

impl Driver {
    pub(super) async fn assigner(self: Rc<Driver>) {
        loop {
            let (under, partitions, retaken) = match next_of(&self.work).await {
                Work::Assign(under) => {
                    let partitions = under.partitions.iter().copied().map(Partition).collect();
                    (under, partitions, false)
                }
                Work::Retake { under, partition } => (under, vec![partition], true),
            };
            let epoch = self.next_assignment() * EPOCHS;
            let takeover = Takeover { under, partitions, epoch, retaken };
            let mut pause = AGAIN;
            while !takeover.under.is_over() {
                if let Ok(found) = self.attempt_takeover(&takeover).await {
                    self.tell(Told::Begin(Rc::clone(&takeover.under), found));
                    break;
                }
                self.line.sleep(pause).await;
                pause = AGAIN_MAX.min(2 * pause);
            }
        }
    }

    async fn attempt_takeover(&self, takeover: &Takeover) -> Result<Vec<Found>, Failed> {
        let Takeover { under, partitions, .. } = takeover;
        let mut found = vec![];
        self.fence_the_gone(partitions).await;
        let stored = self.stable(takeover).await?;
        // The membership again: if it has changed, the position may be somebody else's by now.
        if under.is_over() {
            return Err(Failed);
        }
        let end = self.line.ask(|servers| servers.cluster.end_of((Topic::Terms, 0))).await;
        let last = self.terms_before(end, under).await?;
        let edges = self.edges(partitions).await;
        let mut wishes = vec![];
        for ((partition, stored), edges) in stored.iter().zip(&edges) {
            // A term of another ledger, once taken, would keep out those of the right one.
            let before = last.get(partition);
            let follows = before.map(|last| self.own_term(*partition).follows(last));
            if let Some(Err(sentence)) = follows
                && Rule::TermFollowsTheLast.holds()
            {
                found.push(Found::Refused(*partition, sentence));
                continue;
            }
            if stored.is_none() && edges.outcomes_exist {
                let sentence = format!("the group has no offset for partition {partition}");
                found.push(Found::Refused(*partition, sentence));
                continue;
            }
            wishes.push(TermWish {
                partition: *partition,
                record: wire::term::encode(&self.own_term(*partition)),
                offset: stored.as_ref().map_or(edges.log_start, |(offset, _)| *offset),
                metadata: stored.as_ref().map(|(_, text)| text.clone()).unwrap_or_default(),
            });
        }
        if wishes.is_empty() {
            return Ok(found);
        }
        let wished: Vec<Partition> = wishes.iter().map(|wish| wish.partition).collect();
        let terms = self.take_terms(under, wishes).await?;
        let mut previous = self.terms_before(terms[0], under).await?;
        // Asked for anew: the former owner's last transaction may have ended since.
        let edges = self.edges(partitions).await;
        for ((partition, stored), edges) in stored.into_iter().zip(edges) {
            let Some(index) = wished.iter().position(|wished| *wished == partition) else {
                continue;
            };
            let mut assignment = Assignment {
                partition,
                term: terms[index],
                committed: None,
                log_start: edges.log_start,
                log_end: edges.log_end,
                outcomes_exist: edges.outcomes_exist,
                previous: previous.remove(&partition),
                own: self.own_term(partition),
                inventory: vec![],
                read_back: vec![],
                epoch: takeover.epoch,
                retaken: takeover.retaken,
            };
            assignment.committed = stored.map(|(offset, metadata)| Position {
                offset,
                last: LastRecord::from_metadata(&metadata),
            });
            assignment.inventory = self.inventory(partition, edges.inventory_end, under).await?;
            let read_back = self.read_back(&assignment).await;
            found.push(Found::Ready((Box::new(assignment), read_back)));
        }
        Ok(found)
    }

    /// Fences former owners that are no members any more; nobody waits for it.
    async fn fence_the_gone(&self, partitions: &[Partition]) {
        if !Rule::PredecessorIsFenced.holds() {
            return;
        }
        let partitions = partitions.to_vec();
        let former = move |servers: &mut Servers| {
            let mut former = former_owners(&servers.cluster, &partitions);
            former.retain(|instance| !servers.cluster.group.has_instance(instance));
            former
        };
        for id in self.line.ask(former).await {
            self.fence(id);
        }
    }

    /// Makes an end of what a former owner has open, in a producer of its own.
    fn fence(&self, id: String) {
        if id == self.instance {
            return;
        }
        let line = self.line.clone();
        self.begin(async move {
            loop {
                let asked = id.clone();
                if line.ask(move |servers| init(servers, &asked)).await.is_some() {
                    return;
                }
                line.sleep(10 * LOOK).await;
            }
        });
    }

    /// The stable position of each partition, with hung predecessors fenced on the way.
    async fn stable(&self, takeover: &Takeover) -> Result<Vec<(Partition, StoredOffset)>, Failed> {
        let mut hung_at = Some(self.line.net.now() + HUNG);
        loop {
            if let Some(stored) = self.look_at_positions(&takeover.partitions).await {
                return Ok(stored);
            }
            if takeover.under.is_over() {
                return Err(Failed);
            }
            if hung_at.is_some_and(|at| at < self.line.net.now()) {
                hung_at = None;
                let partitions = takeover.partitions.clone();
                let hung =
                    move |servers: &mut Servers| former_owners(&servers.cluster, &partitions);
                for id in self.line.ask(hung).await {
                    self.fence(id);
                }
            }
            self.line.sleep(LOOK).await;
        }
    }

    async fn edges(&self, partitions: &[Partition]) -> Vec<Edges> {
        let partitions = partitions.to_vec();
        let look = move |servers: &mut Servers| {
            partitions.iter().map(|partition| servers.cluster.edges(partition.0)).collect()
        };
        self.line.ask(look).await
    }

    async fn take_terms(
        &self,
        under: &Rc<Generation>,
        wishes: Vec<TermWish>,
    ) -> Result<Vec<i64>, Failed> {
        let slot = Rc::new(Cell::new(None));
        let (under, answer) = (Rc::clone(under), Rc::clone(&slot));
        self.jobs.borrow_mut().push_back(Job::TakeTerms { under, wishes, answer });
        filled(&slot).await.map_err(|_| Failed)
    }

    /// The last committed term of each partition below an offset, once all below it are known.
    async fn terms_before(
        &self,
        term: i64,
        under: &Rc<Generation>,
    ) -> Result<BTreeMap<Partition, TermRecord>, Failed> {
        let mut hung_at = Some(self.line.net.now() + HUNG);
        loop {
            let look = move |servers: &mut Servers| {
                let (cluster, place) = (&servers.cluster, (Topic::Terms, 0));
                let stable = cluster.stable_end(place);
                if stable < term {
                    return Err(writer_at(cluster, stable));
                }
                let before = cluster.committed(place, 0);
                let before = before.take_while(|stored| stored.raw.offset < term);
                Ok(before.filter_map(term_of).map(|term| (term.partition, term)).collect())
            };
            match self.line.ask(look).await {
                Ok(terms) => return Ok(terms),
                Err(_) if under.is_over() => return Err(Failed),
                Err(writer) => {
                    if hung_at.is_some_and(|at| at < self.line.net.now()) {
                        hung_at = None;
                        writer.into_iter().for_each(|id| self.fence(id));
                    }
                    self.line.sleep(LOOK).await;
                }
            }
        }
    }

    /// The last inventory record of each event, once all up to the end may be read.
    async fn inventory(
        &self,
        partition: Partition,
        end: i64,
        under: &Rc<Generation>,
    ) -> Result<Vec<Known>, Failed> {
        loop {
            let look = move |servers: &mut Servers| {
                let place = (Topic::Inventory, partition.0);
                if servers.cluster.stable_end(place) < end {
                    return None;
                }
                let mut last = BTreeMap::new();
                for stored in servers.cluster.committed(place, 0) {
                    last.insert(&stored.raw.key, &stored.raw.value);
                }
                let read = |value: &Vec<u8>| wire::inventory::decode(value).ok();
                let last = last.into_values().flatten().filter_map(read);
                Some(last.map(|inventory| inventory.known()).collect())
            };
            if let Some(known) = self.line.ask(look).await {
                return Ok(known);
            }
            if under.is_over() {
                return Err(Failed);
            }
            self.line.sleep(LOOK).await;
        }
    }

    /// The records before the position whose ids are still remembered, and the last one in any
    /// case.
    async fn read_back(&self, assignment: &Assignment) -> Vec<Arrival> {
        let Some(position) = assignment.committed.clone() else { return vec![] };
        if position.offset > assignment.log_end {
            return vec![];
        }
        let partition = assignment.partition.0;
        let look = move |servers: &mut Servers| {
            let cluster = &servers.cluster;
            let partitions = cluster.group.partitions();
            let since = position.last.map(|last| last.highest.minus(ID_READ_BACK).minus(SLACK));
            let before = |stored: &&Stored| stored.raw.offset < position.offset;
            let records = cluster.committed((Topic::Requests, partition), 0).take_while(before);
            let records: Vec<&Stored> = records.collect();
            let first = since.map_or(0, |since| {
                let old = |stored: &&Stored| stored.raw.appended < since;
                let first = records.iter().position(|stored| !old(stored));
                first.unwrap_or(records.len()).min(records.len().saturating_sub(1))
            });
            let read = |stored: &&Stored| Arrival::read(&stored.raw, stored.seal, partitions);
            records[first..].iter().map(read).collect()
        };
        self.line.ask(look).await
    }

    fn own_term(&self, partition: Partition) -> TermRecord {
        TermRecord {
            partition,
            transactional_id: self.instance.clone(),
            instance_id: self.instance.clone(),
            ledger: uuid::Uuid::nil(),
            ledger_cluster: self.config.ledger.into(),
            partitions: self.config.partitions,
            decision_version: DECISION_VERSION,
        }
    }
}

fn term_of(stored: &Stored) -> Option<TermRecord> {
    wire::term::decode(stored.raw.value.as_deref()?).ok()
}

/// The last owners of these partitions, whether their terms were committed or not: one that died
/// while taking its term blocks as well.
fn former_owners(cluster: &Cluster, partitions: &[Partition]) -> BTreeSet<String> {
    let terms = cluster.uncommitted((Topic::Terms, 0)).filter_map(term_of);
    let mut last = BTreeMap::new();
    for term in terms.filter(|term| partitions.contains(&term.partition)) {
        last.insert(term.partition, term.transactional_id);
    }
    last.into_values().collect()
}

fn writer_at(cluster: &Cluster, offset: i64) -> Option<String> {
    let mut terms = cluster.uncommitted((Topic::Terms, 0));
    let found = terms.find(|stored| stored.raw.offset == offset)?;
    Some(term_of(found)?.transactional_id)
}
