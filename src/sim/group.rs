//! The group's coordinator: members, generations, who has which partition.
//!
//! The classic protocol with static members. A member that is new, or leaves, or is silent for too
//! long, makes the group rebalance: all members give up what they have and join again, those that
//! do not are thrown out, and the next generation begins. A member that comes back under its
//! instance id in time takes its predecessor's place without any of that: the generation stays,
//! only the member id is new, and the predecessor is fenced by it alone.

use std::collections::BTreeMap;

/// Who a worker is in the group, as captured when it was assigned its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) instance: String,
    pub(super) member: u32,
    pub(super) generation: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    id: u32,
    /// Whether it has joined the generation that is being made.
    joined: bool,
    partitions: Vec<i32>,
}

/// What a member is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) membership: Membership,
    pub(super) partitions: Vec<i32>,
}

/// What joining, leaving or being thrown out comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing for anybody.
    Nothing,
    /// A rebalance has begun: every member is to give up what it has and join again.
    Rebalance,
    /// A member has taken the place of its predecessor.
    Replaced(Assigned),
    /// The next generation has begun.
    Generation(Vec<Assigned>),
}

/// The coordinator's memory of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    partitions: i32,
    generation: i32,
    members: BTreeMap<String, Member>,
    rebalancing: bool,
    next_member: u32,
}

impl Group {
    pub(super) fn new(partitions: i32) -> Group {
        let members = BTreeMap::new();
        Group { partitions, generation: 0, members, rebalancing: false, next_member: 0 }
    }

    /// The declared number of request partitions.
    pub(super) fn partitions(&self) -> i32 {
        self.partitions
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether offsets in a transaction are taken from this member. While a rebalance is going on
    /// they still are: the generation has not changed yet.
    pub(super) fn admits(&self, who: &Membership) -> bool {
        who.generation == self.generation && self.knows(&who.instance, who.member)
    }

    pub(super) fn knows(&self, instance: &str, member: u32) -> bool {
        self.members.get(instance).is_some_and(|found| found.id == member)
    }

    pub(super) fn has_instance(&self, instance: &str) -> bool {
        self.members.contains_key(instance)
    }

    #[cfg(test)]
    pub(super) fn is_rebalancing(&self) -> bool {
        self.rebalancing
    }

    /// A new process joins under its instance id. Answers its member id.
    pub(super) fn join(&mut self, instance: &str) -> (u32, Turn) {
        self.next_member += 1;
        let id = self.next_member;
        let generation = self.generation;
        if let Some(member) = self.members.get_mut(instance) {
            member.id = id;
            member.joined = true;
            if self.rebalancing {
                return (id, self.complete());
            }
            let membership = Membership { instance: instance.to_owned(), member: id, generation };
            let partitions = member.partitions.clone();
            return (id, Turn::Replaced(Assigned { membership, partitions }));
        }
        let member = Member { id, joined: true, partitions: vec![] };
        self.members.insert(instance.to_owned(), member);
        (id, self.begin(Some(instance)))
    }

    /// A member joins the generation that is being made.
    pub(super) fn rejoin(&mut self, instance: &str, member: u32) -> Turn {
        match self.members.get_mut(instance) {
            Some(found) if found.id == member && self.rebalancing => {
                found.joined = true;
                self.complete()
            }
            // It has missed a generation, or none has begun: it is told where it stands.
            Some(found) if found.id == member => {
                let (instance, generation) = (instance.to_owned(), self.generation);
                let membership = Membership { instance, member, generation };
                Turn::Replaced(Assigned { membership, partitions: found.partitions.clone() })
            }
            Some(_) | None => Turn::Nothing,
        }
    }

    /// A member is silent for too long, or leaves.
    pub(super) fn remove(&mut self, instance: &str, member: u32) -> Turn {
        if !self.knows(instance, member) {
            return Turn::Nothing;
        }
        self.members.remove(instance);
        self.begin(None)
    }

    /// An operator, or a change of the subscription, makes the group rebalance.
    pub(super) fn shake(&mut self) -> Turn {
        if self.rebalancing { Turn::Nothing } else { self.begin(None) }
    }

    /// Whoever has not joined in time is thrown out.
    pub(super) fn close_joining(&mut self, generation: i32) -> Turn {
        if !self.rebalancing || self.generation != generation {
            return Turn::Nothing;
        }
        self.members.retain(|_, member| member.joined);
        self.complete()
    }

    fn begin(&mut self, joined: Option<&str>) -> Turn {
        if !self.rebalancing {
            self.rebalancing = true;
            for (instance, member) in &mut self.members {
                member.joined = joined == Some(instance);
            }
        }
        match self.complete() {
            Turn::Nothing => Turn::Rebalance,
            turn @ (Turn::Generation(_) | Turn::Rebalance | Turn::Replaced(_)) => turn,
        }
    }

    fn complete(&mut self) -> Turn {
        if !self.members.values().all(|member| member.joined) {
            return Turn::Nothing;
        }
        self.rebalancing = false;
        self.generation += 1;
        let members = i32::try_from(self.members.len()).expect("a group is small");
        let mut assigned = vec![];
        let mut next = 0;
        for (index, (instance, member)) in (0..).zip(&mut self.members) {
            // Range assignment: the first members get one more where it does not come out even.
            let more = i32::from(index < self.partitions % members);
            let share = self.partitions / members + more;
            member.partitions = (next..next + share).collect();
            next += share;
            let membership = Membership {
                instance: instance.clone(),
                member: member.id,
                generation: self.generation,
            };
            assigned.push(Assigned { membership, partitions: member.partitions.clone() });
        }
        Turn::Generation(assigned)
    }
}
