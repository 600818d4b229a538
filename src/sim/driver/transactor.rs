//! One transaction after another.

use std::rc::Rc;

use super::{Driver, Generation, Job, Taken, Told, next_of};
use crate::domain::ids::Partition;
use crate::domain::rule::Rule;
use crate::engine::Input;
use crate::ports::log::{OutRecord, Publication, Published, Topic};
use crate::sim::broker::{Denied, Place, StoredOffset};
use crate::sim::fault::Report;
use crate::sim::net::{MILLI, Micros, Servers};
use crate::sim::weather::EndFate;

/// How long a call may take before nobody knows what became of it.
const CALL_TIMEOUT: Micros = 2_000 * MILLI;
/// Pause before what is to be asked again is.
const AGAIN: Micros = 10 * MILLI;

/// A term to be taken.
#[derive(Clone, Debug)]
pub(super) struct TermWish {
    pub(super) record: OutRecord,
    pub(super) partition: Partition,
    pub(super) offset: i64,
    pub(super) metadata: String,
}

/// Why a transaction was not committed.
enum Failure {
    /// It can be aborted, and the producer goes on.
    Abortable(String),
    /// Nobody knows what became of it, or the producer is no more: it is made anew.
    Ambiguous(String),
}

/// Records by partition.
type Records = Vec<(Place, Vec<OutRecord>)>;
/// Partition, offset and metadata.
type Offsets = Vec<(i32, i64, String)>;

impl Driver {
    pub(super) async fn transactor(self: Rc<Driver>) {
        self.make_ready().await;
        loop {
            match next_of(&self.jobs).await {
                Job::Publish { publication, under } => {
                    let published = self.make_publication(publication, under).await;
                    self.tell(Told::Engine(Input::Published(published)));
                }
                Job::TakeTerms { under, wishes, answer } => {
                    answer.set(Some(self.make_terms(&under, wishes).await));
                }
                Job::ReadPositions(partitions) => {
                    let stored = self.positions(partitions).await;
                    let told = stored.into_iter().map(|(p, stored)| (p, stored.map(|(o, _)| o)));
                    self.tell(Told::Engine(Input::Positions(told.collect())));
                }
            }
        }
    }

    /// Sees to an initialised producer; whatever an earlier one left open ends with that.
    async fn make_ready(&self) {
        while self.epoch.get().is_none() {
            let id = self.instance.clone();
            let epoch = self.line.ask(move |servers| init(servers, &id)).await;
            self.epoch.set(epoch);
            if epoch.is_none() {
                self.line.sleep(5 * AGAIN).await;
            }
        }
    }

    async fn make_publication(
        &self,
        publication: Publication,
        under: Option<Rc<Generation>>,
    ) -> Published {
        let partitions: Vec<_> = publication.parts.iter().map(|part| part.partition).collect();
        let made = match under {
            Some(under) if partitions.iter().all(|partition| under.has(*partition)) => {
                self.transact(&under, records_of(&publication), offsets_of(&publication)).await
            }
            Some(_) | None => Err("the assignment it was decided under is over".to_owned()),
        };
        match made {
            Ok(_) => Published::Committed,
            Err(why) => {
                let stored = self.positions(partitions).await.into_iter();
                let known = stored.filter_map(|(p, stored)| Some((p, stored?.0)));
                Published::Ended { positions: known.collect(), why }
            }
        }
    }

    async fn make_terms(&self, under: &Rc<Generation>, wishes: Vec<TermWish>) -> Taken {
        let terms = wishes.iter().map(|wish| wish.record.clone()).collect::<Vec<_>>();
        let count = i64::try_from(terms.len()).expect("a worker has few partitions");
        let records = vec![((Topic::Terms, 0), terms)];
        let of = |wish: &TermWish| (wish.partition.0, wish.offset, wish.metadata.clone());
        let named = |_: &&TermWish| Rule::TermNamesThePosition.holds();
        if Rule::TermPositionIsCurrent.holds() {
            self.compare_positions(&wishes).await?;
        }
        let offsets = wishes.iter().filter(named).map(of).collect();
        let first = self.transact(under, records, offsets).await?;
        Ok((first..first + count).collect())
    }

    /// No transaction of ours is under way here: the group's offsets are what terms must name.
    async fn compare_positions(&self, wishes: &[TermWish]) -> Result<(), String> {
        for (partition, stored) in
            self.positions(wishes.iter().map(|wish| wish.partition).collect()).await
        {
            let wished = wishes.iter().find(|wish| wish.partition == partition);
            let stored = stored.map(|(offset, _)| offset);
            if wished.is_some_and(|wish| stored.is_some_and(|stored| stored != wish.offset)) {
                return Err(format!("the group's offset of partition {partition} has moved"));
            }
        }
        Ok(())
    }

    /// Makes one transaction; when it fails, sees to it that it has ended. Answers the offset of
    /// the first record.
    async fn transact(
        &self,
        under: &Rc<Generation>,
        records: Records,
        offsets: Offsets,
    ) -> Result<i64, String> {
        if under.is_over() {
            return Err("the assignment has been revoked".into());
        }
        self.make_ready().await;
        let why = match self.attempt(under, records, offsets).await {
            Ok(first) => return Ok(first),
            Err(Failure::Abortable(why)) => match self.end_transaction(false).await {
                Ok(()) => return Err(why),
                Err(Failure::Abortable(_) | Failure::Ambiguous(_)) => why,
            },
            Err(Failure::Ambiguous(why)) => why,
        };
        if Rule::ProducerIsMadeAnew.holds() {
            self.epoch.set(None);
            self.make_ready().await;
        }
        Err(why)
    }

    async fn attempt(
        &self,
        under: &Rc<Generation>,
        records: Records,
        offsets: Offsets,
    ) -> Result<i64, Failure> {
        let first = self.produce(records).await?;
        if !offsets.is_empty() {
            self.send_offsets(under, offsets).await?;
        }
        self.end_transaction(true).await?;
        Ok(first)
    }

    async fn produce(&self, records: Records) -> Result<i64, Failure> {
        let records = Rc::new(records);
        let (id, epoch) = self.producer()?;
        loop {
            let (id, records) = (id.clone(), Rc::clone(&records));
            let line = self.line.clone();
            let produced = self.line.ask(move |servers| {
                let at = line.net.at();
                let mut first = Err(Denied::Invalid);
                for (place, records) in records.iter() {
                    let offset = servers.cluster.produce((&id, epoch), at, *place, records)?;
                    first = first.or(Ok(offset));
                }
                first
            });
            match produced.await {
                Ok(first) => return Ok(first),
                Err(Denied::Concurrent) => self.line.sleep(AGAIN).await,
                Err(denied) => return Err(Failure::Ambiguous(format!("produce: {denied:?}"))),
            }
        }
    }

    async fn send_offsets(&self, under: &Rc<Generation>, offsets: Offsets) -> Result<(), Failure> {
        let (id, epoch) = self.producer()?;
        // A newer membership would let a cycle through that was begun under an older assignment.
        let newest = self.current().filter(|_| !Rule::MetadataIsCaptured.holds());
        let member = newest.as_ref().unwrap_or(under).membership.clone();
        let in_transaction = Rule::OffsetsInTheTransaction.holds();
        loop {
            let (id, member, offsets) = (id.clone(), member.clone(), offsets.clone());
            let line = self.line.clone();
            let sent = self.line.ask(move |servers| {
                if in_transaction {
                    let at = line.net.at();
                    servers.cluster.send_offsets((&id, epoch), at, &member, &offsets)
                } else {
                    for (partition, offset, metadata) in offsets {
                        servers.cluster.set_offset(partition, Some((offset, metadata)));
                    }
                    Ok(())
                }
            });
            match sent.await {
                Ok(()) => return Ok(()),
                Err(Denied::Concurrent) => self.line.sleep(AGAIN).await,
                Err(Denied::Stale) => {
                    return Err(Failure::Abortable("the generation is over".into()));
                }
                Err(denied @ (Denied::Fenced | Denied::Invalid)) => {
                    return Err(Failure::Ambiguous(format!("offsets: {denied:?}")));
                }
            }
        }
    }

    /// Ends the transaction.
    async fn end_transaction(&self, commit: bool) -> Result<(), Failure> {
        let (id, epoch) = self.producer()?;
        let fate = self.line.net.end_fate();
        let question = {
            let id = id.clone();
            move |servers: &mut Servers| end(servers, (&id, epoch), commit)
        };
        match fate {
            EndFate::Prompt => {}
            EndFate::AnswerLost => self.line.net.report(Report::EndAnswerLost),
            EndFate::Late => self.line.net.report(Report::EndLate),
            EndFate::Lost => self.line.net.report(Report::EndLost),
        }
        let late = match fate {
            EndFate::Prompt => {
                let ended = self.line.ask(question).await;
                let failed = |denied: Denied| Failure::Ambiguous(format!("the end: {denied:?}"));
                return ended.map_err(failed);
            }
            // The client gives up after its timeout. The request may be there by then.
            EndFate::AnswerLost => self.line.net.delay(),
            EndFate::Late => CALL_TIMEOUT + self.line.net.draw(|lot| lot.i64(0..CALL_TIMEOUT)),
            EndFate::Lost => {
                self.line.sleep(CALL_TIMEOUT).await;
                return Err(Failure::Ambiguous("the end timed out".into()));
            }
        };
        self.line.send(late, move |servers| {
            let _ = question(servers);
        });
        self.line.sleep(CALL_TIMEOUT).await;
        Err(Failure::Ambiguous("the end timed out".into()))
    }

    fn producer(&self) -> Result<(String, u32), Failure> {
        let epoch = self.epoch.get();
        let epoch = epoch.ok_or_else(|| Failure::Ambiguous("there is no producer".into()))?;
        Ok((self.instance.clone(), epoch))
    }

    /// The stable positions of those partitions that are assigned now. Empty when the assignment
    /// ends meanwhile.
    pub(super) async fn positions(
        &self,
        partitions: Vec<Partition>,
    ) -> Vec<(Partition, StoredOffset)> {
        let Some(now) = self.current() else { return vec![] };
        let ours: Vec<Partition> = partitions.into_iter().filter(|p| now.has(*p)).collect();
        while !now.is_over() {
            if let Some(stored) = self.look_at_positions(&ours).await {
                return stored;
            }
            self.line.sleep(AGAIN).await;
        }
        vec![]
    }

    /// The positions, once all are stable.
    pub(super) async fn look_at_positions(
        &self,
        partitions: &[Partition],
    ) -> Option<Vec<(Partition, StoredOffset)>> {
        let partitions = partitions.to_vec();
        let stable = Rule::PositionIsStable.holds();
        let look = move |servers: &mut Servers| {
            let one = |partition: Partition| {
                let cluster = &servers.cluster;
                let stored = cluster.stable_offset(partition.0);
                let stored = if stable { stored } else { Some(cluster.offset(partition.0)) };
                stored.map(|stored| (partition, stored))
            };
            partitions.into_iter().map(one).collect()
        };
        self.line.ask(look).await
    }
}

/// Initialises a producer; `None` when it is to be tried again.
pub(super) fn init(servers: &mut Servers, id: &str) -> Option<u32> {
    match servers.cluster.init(id) {
        Ok(epoch) => Some(epoch),
        Err(markers) => {
            servers.markers.extend(markers);
            None
        }
    }
}

fn end(servers: &mut Servers, producer: (&str, u32), commit: bool) -> Result<(), Denied> {
    let markers = servers.cluster.end(producer, commit)?;
    servers.markers.extend(markers);
    Ok(())
}

fn records_of(publication: &Publication) -> Records {
    let mut all: Records = vec![];
    for part in &publication.parts {
        let entries = part.entries.iter().flat_map(|entry| entry.iter());
        for record in entries.chain(&part.inventory) {
            let place = (record.topic, part.partition.0);
            match all.iter_mut().find(|(known, _)| *known == place) {
                Some((_, records)) => records.push(record.clone()),
                None => all.push((place, vec![record.clone()])),
            }
        }
    }
    all
}

fn offsets_of(publication: &Publication) -> Offsets {
    let of = |part: &crate::ports::log::Part| {
        let metadata = part.position.last.map(|last| last.to_metadata()).unwrap_or_default();
        (part.partition.0, part.position.offset, metadata)
    };
    publication.parts.iter().map(of).collect()
}
