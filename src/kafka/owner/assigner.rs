//! Finds out all about partitions that have been assigned, in the order the protocol asks for.
//!
//! 1. The membership was captured in the callback.
//! 2. A former owner that is gone is fenced: its open transaction would hide the position.
//! 3. The committed offset M, once no transaction is open over it.
//! 4. The membership again: if it has changed, M may be somebody else's by now.
//! 5. The terms, one transaction for all partitions. The coordinator refuses it unless the
//!    assignment is still valid, so terms rise in the true order of ownership.
//! 6. Only then what the former owner published: previous term, inventory, window. Whatever it
//!    still had under way is over, so nothing can be added to what is read.
//!
//! Two kinds of partitions are refused *before* their term is taken. One without M whose outcomes
//! exist: taking the term commits the log start, and the next owner would take that for a position
//! and answer everything again. One whose last term names another ledger or partition count: our
//! term would name ours, and the next owner with the right ones would be refused for it.

mod find;
mod predecessor;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::consumer::Control;
use super::feeds::first_epoch;
use super::fence;
use super::group::{Generation, Group};
use super::readers::{ReadError, Readers};
use super::transactor::{Job, Stored, TermWish, read_stable};
use crate::domain::ids::Partition;
use crate::domain::outcome::DECISION_VERSION;
use crate::kafka::error::Error;
use crate::kafka::native;
use crate::ports::clock::ticks;
use crate::ports::log::{Assignment, REBASE, TermRecord, Topic};
use crate::wire::term;

/// A member whose transaction stays open for this long counts as hung.
const HUNG: Duration = Duration::from_secs(3);
/// Pause before a takeover that failed begins again; it doubles each time.
const AGAIN: Duration = Duration::from_millis(20);
/// Longest such pause.
const AGAIN_MAX: Duration = Duration::from_secs(2);

/// What the assigner is asked for.
pub(super) enum Work {
    /// All about the partitions of an assignment.
    Assign(Arc<Generation>),
    /// A new term for one of them.
    Retake { under: Arc<Generation>, partition: Partition },
    /// Which of these partitions cannot be read on from these offsets.
    Look(Vec<(Partition, i64)>),
    /// End the thread.
    End,
}

/// What was found out.
pub(super) enum Found {
    /// Everything.
    Ready(Box<Assignment>),
    /// That it cannot be worked on.
    Refused { partition: Partition, sentence: String },
}

/// Starts the thread.
pub(super) fn start(
    group: Arc<Group>,
    jobs: Sender<Job>,
    control: Sender<Control>,
) -> Result<(Sender<Work>, JoinHandle<()>), Error> {
    let readers = Readers::new(&group.config)?;
    let assigner = Assigner { group, jobs, control, readers };
    let (work, todo) = channel();
    let shared = Arc::clone(&assigner.group);
    let thread = shared.spawn("assigner", move || assigner.run(&todo))?;
    Ok((work, thread))
}

struct Assigner {
    group: Arc<Group>,
    jobs: Sender<Job>,
    control: Sender<Control>,
    readers: Readers,
}

/// What a takeover is for.
struct Takeover<'a> {
    under: &'a Arc<Generation>,
    partitions: &'a [Partition],
    /// Begins the epochs of its partitions.
    count: u32,
    retaken: bool,
}

impl Assigner {
    fn run(&self, todo: &Receiver<Work>) {
        while let Ok(work) = todo.recv() {
            match work {
                Work::Assign(under) => {
                    let (partitions, count) = (&under.partitions, under.count);
                    let retaken = false;
                    self.take_over(&Takeover { under: &under, partitions, count, retaken });
                }
                Work::Retake { under, partition } => {
                    let (partitions, count) = (&[partition], self.group.next_count());
                    let retaken = true;
                    self.take_over(&Takeover { under: &under, partitions, count, retaken });
                }
                Work::Look(suspects) => {
                    let broken =
                        suspects.into_iter().filter_map(|(p, offset)| self.look(p, offset));
                    let _ = self.control.send(Control::Looked(broken.collect()));
                }
                Work::End => return,
            }
        }
    }

    fn look(&self, partition: Partition, offset: i64) -> Option<(Partition, String)> {
        let topic = self.topic(Topic::Requests);
        let why = self.readers.why_broken(topic, partition.0, offset)?;
        let sentence = format!(
            "{topic} [{partition}] cannot be read at offset {offset} ({why}): nothing behind it is \
             answered; repair or skip the batch and move the group's offset by hand"
        );
        Some((partition, sentence))
    }

    fn topic(&self, topic: Topic) -> &str {
        self.group.topic(topic)
    }

    fn over(&self, under: &Generation) -> bool {
        under.is_over() || self.group.is_ending()
    }

    /// Whether the member still is who it was in the callback. If not, another callback is on its
    /// way, and with it another takeover.
    fn is_same(&self, under: &Generation) -> bool {
        native::identity(&under.consumer).as_ref() == Some(&under.membership.identity)
    }

    fn take_over(&self, takeover: &Takeover<'_>) {
        let began = ticks();
        let under = takeover.under;
        let mut pause = AGAIN;
        while !takeover.partitions.is_empty() && !self.over(under) {
            match self.attempt(takeover) {
                Ok(found) => {
                    tracing::info!(
                        count = takeover.count,
                        partitions = ?takeover.partitions,
                        took_ms = began.elapsed().as_millis(),
                        "takeover complete"
                    );
                    let begin = Control::Begin { under: Arc::clone(under), found };
                    // The consumer thread ends after this one; when it is ending it does not
                    // listen.
                    let _ = self.control.send(begin);
                    return;
                }
                Err(why) => {
                    tracing::warn!(count = takeover.count, %why, "takeover begins again");
                    thread::sleep(pause);
                    pause = AGAIN_MAX.min(2 * pause);
                }
            }
        }
    }

    fn attempt(&self, takeover: &Takeover<'_>) -> Result<Vec<Found>, ReadError> {
        let under = takeover.under;
        let over = || self.over(under);
        let mut found = Vec::new();
        let stored = self.stable_positions(takeover)?;
        if !self.is_same(under) {
            return Err(ReadError::Over);
        }
        let mut wishes = Vec::new();
        let edges = self.edges(takeover.partitions)?;
        let last = self.last_terms(&over)?;
        for ((partition, stored), edges) in stored.iter().zip(&edges) {
            match self.wish(*partition, stored, edges, last.terms.get(partition)) {
                Ok(wish) => wishes.push(wish),
                Err(sentence) => found.push(Found::Refused { partition: *partition, sentence }),
            }
        }
        let terms = self.take_terms(under, &wishes)?;
        let taken: Vec<_> = wishes.iter().map(|wish| wish.partition).zip(terms).collect();
        tracing::info!(count = takeover.count, ?taken, "terms taken");
        let mut previous = self.terms_before(&taken, last, &over)?;
        // Asked for anew: the former owner's last transaction may have ended since.
        let edges = self.edges(takeover.partitions)?;
        for ((partition, stored), edges) in stored.into_iter().zip(edges) {
            let Some((_, term)) = taken.iter().find(|(taken, _)| *taken == partition) else {
                continue;
            };
            let looked_up = match previous.remove(&partition).transpose() {
                Ok(before) => {
                    let base = self.assignment(takeover, partition, *term, before);
                    self.find(base, &stored, &edges, &over)
                }
                Err(error) => Err(error),
            };
            found.push(match looked_up {
                Ok(assignment) => Found::Ready(Box::new(assignment)),
                Err(error @ ReadError::Broken { .. }) => {
                    Found::Refused { partition, sentence: until_restarted(&error) }
                }
                // These pass, and so the takeover is tried again.
                Err(
                    error @ (ReadError::Over
                    | ReadError::Stalled { .. }
                    | ReadError::Asked { .. }
                    | ReadError::Refused(_)
                    | ReadError::Client(_)),
                ) => return Err(error),
            });
        }
        Ok(found)
    }

    /// The stable position of each partition, with dead and hung predecessors fenced on the way.
    fn stable_positions(
        &self,
        takeover: &Takeover<'_>,
    ) -> Result<Vec<(Partition, Stored)>, ReadError> {
        let under = takeover.under;
        let over = || self.over(under);
        let former = self.former_owners(takeover.partitions, &over)?;
        self.fence_the_gone(under, &former);
        let mut hung = former.into_iter().collect::<Vec<_>>();
        let mut waited = |so_far: Duration| {
            if so_far > HUNG {
                for id in hung.drain(..) {
                    fence::begin(&self.group, &id.transactional_id, "its transaction hangs");
                }
            }
        };
        let topic = self.topic(Topic::Requests);
        let member = &under.consumer;
        read_stable(member, topic, takeover.partitions, &over, &mut waited).ok_or(ReadError::Over)
    }

    fn wish(
        &self,
        partition: Partition,
        stored: &Stored,
        edges: &find::Edges,
        last: Option<&Result<TermRecord, ReadError>>,
    ) -> Result<TermWish, String> {
        if stored.offset.is_none() && edges.outcomes_exist {
            return Err(format!(
                "the group has no offset for partition {partition}, yet outcomes of it exist, so it \
                 has been worked on before: {REBASE}"
            ));
        }
        let own = self.own_term(partition);
        match last {
            Some(Ok(last)) => own.follows(last)?,
            Some(Err(error)) => return Err(until_restarted(error)),
            None => {}
        }
        Ok(TermWish {
            partition,
            record: term::encode(&own),
            offset: stored.offset.unwrap_or(edges.log_start),
            metadata: stored.metadata.clone(),
        })
    }

    fn own_term(&self, partition: Partition) -> TermRecord {
        let config = &self.group.config;
        TermRecord {
            partition,
            transactional_id: config.transactional_id.clone(),
            instance_id: config.instance_id.clone(),
            ledger: config.ledger.id,
            ledger_cluster: config.ledger.cluster.clone(),
            partitions: config.partitions,
            decision_version: DECISION_VERSION,
        }
    }

    /// Takes the terms.
    fn take_terms(
        &self,
        under: &Arc<Generation>,
        wishes: &[TermWish],
    ) -> Result<Vec<i64>, ReadError> {
        if wishes.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, told) = channel();
        let (under, wishes) = (Arc::clone(under), wishes.to_vec());
        let job = Job::TakeTerms { under, wishes, answer };
        // A transactor that is gone drops the other end, which ends the wait as well.
        let _ = self.jobs.send(job);
        match told.recv() {
            Ok(Ok(terms)) => Ok(terms),
            Ok(Err(why)) => Err(ReadError::Refused(why)),
            Err(_) => Err(ReadError::Over),
        }
    }

    fn assignment(
        &self,
        takeover: &Takeover<'_>,
        partition: Partition,
        term: i64,
        previous: Option<TermRecord>,
    ) -> Assignment {
        Assignment {
            partition,
            term,
            committed: None,
            log_start: 0,
            log_end: 0,
            outcomes_exist: false,
            previous,
            own: self.own_term(partition),
            inventory: Vec::new(),
            read_back: Vec::new(),
            epoch: first_epoch(takeover.count),
            retaken: takeover.retaken,
        }
    }
}

fn until_restarted(error: &ReadError) -> String {
    format!("{error}; the owner looks again when it is restarted")
}
