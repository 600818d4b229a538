//! The group's consumers. Only those that are asked to do something are polled, so that a rebalance
//! stands still until the others are to take part in it.
#![allow(unsafe_code, reason = "the safe client does not tell the generation")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast::ports::clock::ticks;
use holdfast::ports::log::Topic;
use holdfast::sim::broker::history::{Answer, Captured, Life, PARTITIONS};
use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::consumer::{
    BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata, Rebalance,
};

use super::client::{ASK, Place};

/// One turn of polling.
const TURN: Duration = Duration::from_millis(5);
/// Long enough that nobody is thrown out who is not to be.
const SESSION_MS: &str = "6000";

#[derive(Default)]
pub(super) struct Members {
    live: BTreeMap<Life, Member>,
    lives: BTreeMap<char, u32>,
    captured: BTreeMap<Captured, ConsumerGroupMetadata>,
}

type Member = BaseConsumer<Assigned>;

/// Whether anything is assigned, be it no partition.
#[derive(Default)]
struct Assigned(AtomicBool);

impl ClientContext for Assigned {}

impl ConsumerContext for Assigned {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.0.store(matches!(rebalance, Rebalance::Assign(_)), Ordering::Release);
    }
}

impl Members {
    pub(super) fn captured(&self, captured: Captured) -> Result<&ConsumerGroupMetadata> {
        self.captured.get(&captured).context("a membership")
    }

    /// Begins the next consumer under an instance id. Where others are members, it is assigned
    /// something only if it takes a predecessor's place.
    pub(super) fn join(&mut self, place: &Place, name: char) -> Result<Answer> {
        let number = self.lives.entry(name).or_default();
        *number += 1;
        let life = Life { name, number: *number };
        let mut settings = place.settings();
        settings
            .set("client.id", life.to_string())
            .set("group.id", &place.prefix)
            .set("group.instance.id", name.to_string())
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", SESSION_MS)
            .set("heartbeat.interval.ms", "100")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        let member: Member = settings.create_with_context(Assigned::default())?;
        member.subscribe(&[&place.topic(Topic::Requests)])?;
        let alone = self.live.keys().all(|live| live.name == name);
        let until = ticks() + ASK;
        let answer = loop {
            member.poll(TURN);
            if member.context().0.load(Ordering::Acquire) {
                let generation = generation(&member).context("an assignment has a generation")?;
                break Answer::Generation(generation, vec![(life, partitions(&member)?)]);
            }
            if !alone {
                let (state, members) = state(&member, place)?;
                if state == "PreparingRebalance" && has(&members, life) {
                    break Answer::Rebalance;
                }
            }
            ensure!(ticks() < until, "{life} does not join");
        };
        self.live.retain(|live, _| live.name != name);
        self.live.insert(life, member);
        self.capture(&answer)?;
        Ok(answer)
    }

    /// Polls all until they have one generation and share all partitions.
    pub(super) fn settle(&mut self, place: &Place) -> Result<Answer> {
        let until = ticks() + ASK;
        while ticks() < until {
            for member in self.live.values() {
                member.poll(TURN);
            }
            let first = self.live.values().next().context("a member")?;
            if state(first, place)?.0 == "Stable"
                && let Some(answer) = self.settled()?
            {
                self.capture(&answer)?;
                return Ok(answer);
            }
        }
        bail!("the group does not settle")
    }

    fn settled(&self) -> Result<Option<Answer>> {
        let members = self.live.values();
        if !members.clone().all(|member| member.context().0.load(Ordering::Acquire)) {
            return Ok(None);
        }
        let mut generations = members.map(generation);
        let Some(Some(generation)) = generations.next() else { return Ok(None) };
        if !generations.all(|other| other == Some(generation)) {
            return Ok(None);
        }
        let (mut all, mut shared) = (vec![], vec![]);
        for (life, member) in &self.live {
            let partitions = partitions(member)?;
            shared.extend(partitions.clone());
            all.push((*life, partitions));
        }
        shared.sort_unstable();
        let settled = shared.into_iter().eq(0..PARTITIONS);
        Ok(settled.then_some(Answer::Generation(generation, all)))
    }

    pub(super) fn leave(&mut self, place: &Place, life: Life) -> Result<Answer> {
        let member = self.live.remove(&life).context("a member")?;
        member.unsubscribe();
        let answer = self.wait_until_gone(place, life, &member, || drop(member.poll(TURN)))?;
        self.or_settle(place, answer)
    }

    /// What is dropped under an instance id does not say that it leaves.
    pub(super) fn lose(
        &mut self,
        place: &Place,
        life: Life,
        other: &BaseConsumer,
    ) -> Result<Answer> {
        drop(self.live.remove(&life).context("a member")?);
        let answer = self.wait_until_gone(place, life, other, || std::thread::sleep(TURN))?;
        self.or_settle(place, answer)
    }

    /// Waits until the coordinator knows; `None` where the group has settled without it.
    fn wait_until_gone<C: ConsumerContext>(
        &self,
        place: &Place,
        life: Life,
        asked: &BaseConsumer<C>,
        turn: impl Fn(),
    ) -> Result<Option<Answer>> {
        let until = ticks() + ASK;
        loop {
            turn();
            let (state, members) = state(asked, place)?;
            if !has(&members, life) {
                return Ok(match &*state {
                    "Empty" => Some(Answer::Empty),
                    "PreparingRebalance" if !self.live.is_empty() => Some(Answer::Rebalance),
                    _ => None,
                });
            }
            ensure!(ticks() < until, "{life} does not leave");
        }
    }

    /// Who is missing may have been the last that the others waited for.
    fn or_settle(&mut self, place: &Place, answer: Option<Answer>) -> Result<Answer> {
        answer.map_or_else(|| self.settle(place), Ok)
    }

    fn capture(&mut self, answer: &Answer) -> Result<()> {
        let Answer::Generation(generation, members) = answer else { return Ok(()) };
        for (life, _) in members {
            let member = self.live.get(life).context("a member")?;
            let metadata = member.group_metadata().context("its membership")?;
            self.captured.insert(Captured { life: *life, generation: *generation }, metadata);
        }
        Ok(())
    }
}

fn partitions(member: &Member) -> Result<Vec<i32>> {
    let list = member.assignment()?;
    let mut partitions: Vec<i32> =
        list.elements().iter().map(|element| element.partition()).collect();
    partitions.sort_unstable();
    Ok(partitions)
}

/// State of the group, and the ids of its members, which begin with those of their instances. (A
/// member that has taken a predecessor's place is listed under the client id of that one.)
fn state<C: ConsumerContext>(
    asked: &BaseConsumer<C>,
    place: &Place,
) -> Result<(String, Vec<String>)> {
    let list = asked.fetch_group_list(Some(&place.prefix), ASK)?;
    let Some(group) = list.groups().first() else { return Ok(("Empty".to_owned(), vec![])) };
    let members = group.members().iter().map(|member| member.id().to_owned());
    Ok((group.state().to_owned(), members.collect()))
}

fn has(members: &[String], life: Life) -> bool {
    members.iter().any(|id| id.starts_with(&format!("{}-", life.name)))
}

fn generation(member: &Member) -> Option<i32> {
    let client = member.client().native_ptr();
    // SAFETY: the client outlives this call, and the metadata is ours until destroyed.
    unsafe {
        let metadata = c::rd_kafka_consumer_group_metadata(client);
        if metadata.is_null() {
            return None;
        }
        let generation = c::rd_kafka_consumer_group_metadata_generation_id(metadata);
        c::rd_kafka_consumer_group_metadata_destroy(metadata);
        (generation >= 0).then_some(generation)
    }
}
