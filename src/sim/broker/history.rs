//! What real brokers answered, recorded, and held against the simulated ones.
//!
//! A history is a sequence of what clients do to a few partitions and one group, much of it meant
//! to be refused, each step with the answer that the brokers gave. [`Recording`] makes one up as it
//! goes, from a seed and from what has come of it; [`History::replay`] asks the simulated brokers
//! the same and says where the two do not agree.
//!
//! # As text
//! A line is an operation and its answer, `OPERATION = ANSWER`. Transactional ids are `x` to `z`,
//! group instances `a` to `c`; `x2` is the second producer under the id `x`, `a2` the second
//! consumer under the instance id `a`, and `a2@5` its membership in generation 5. Each record has a
//! number for its value, and each offset one for its metadata.
//!
//! | operation | |
//! |---|---|
//! | `init x` | the next producer under the id asks until it is initialised |
//! | `produce x1 held/0 4 5` | records 4 and 5, beginning a transaction where none is open |
//! | `offsets x1 0 9:6 by a1@2` | offset 9 of request partition 0 joins the transaction |
//! | `commit x1`, `abort x1` | |
//! | `append 0 7` | a request, outside of transactions |
//! | `join a` | the next consumer under the instance id |
//! | `settle` | all consumers take part in the rebalance that has begun |
//! | `leave a1`, `lose a1` | it says so; it dies, and is thrown out in time |
//! | `end held/0` | where the partition ends, markers and uncommitted records included |
//! | `stable held/0` | how far committed records may be read |
//! | `read held/0` | all committed records, as `offset:number` |
//! | `position 0` | what the group has committed, whatever is open |
//! | `stable position 0` | the same, or `unstable` while a transaction is open over it |
//!
//! # Markers
//! The end of a transaction is answered before its markers are written, one by one, and nobody is
//! told when. So a replay goes on from every state that explains all answers so far, in which any
//! of the markers may have been written before a step that can tell ([`replay`]). Every history
//! ends with a producer initialised under each id, which waits for all markers, and then looks at
//! everything.
//!
//! Not to be seen through the client, and so in no history: an end that arrives late, records that
//! an old producer appends to a partition of its transaction while the marker that ends it is on
//! its way, what becomes of members while partitions are being shared out. Left out because each
//! takes ten seconds: transactions that time out.
//!
//! Wrong alternative: waiting after each end until the markers are there. What makes these brokers
//! hard to write for is the time before that.

mod adversary;
mod recording;
mod replay;
#[cfg(test)]
mod tests;
mod text;

pub use recording::Recording;
pub use replay::Disagreement;

use crate::ports::log::Topic;

/// A producer or a consumer: the how-manieth under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// Transactional id or group instance id.
    pub name: char,
    /// Counts from 1.
    pub number: u32,
}

/// The membership of a consumer as it was in a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Captured {
    /// Whose.
    pub life: Life,
    /// In which generation.
    pub generation: i32,
}

/// An offset and the number in its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The offset.
    pub offset: i64,
    /// What its metadata says.
    pub number: u32,
}

/// Something asked of the brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The next producer of this id is initialised.
    Init(char),
    /// Records are appended in a transaction.
    Produce(Life, (Topic, i32), Vec<u32>),
    /// An offset becomes part of a transaction.
    Offsets(Life, i32, Offset, Captured),
    /// A transaction is committed, or aborted.
    End(Life, bool),
    /// A request is appended.
    Append(i32, u32),
    /// The next consumer of this instance joins the group.
    Join(char),
    /// All consumers take part in a rebalance.
    Settle,
    /// A consumer leaves the group.
    Leave(Life),
    /// A consumer dies, and is thrown out when its session is over.
    Lose(Life),
    /// Where does a partition end?
    EndOf((Topic, i32)),
    /// How far may committed records be read?
    StableEnd((Topic, i32)),
    /// Which committed records are there?
    Read((Topic, i32)),
    /// What has the group for a partition, whatever is open?
    Position(i32),
    /// What has the group for a partition, if nothing is open?
    StablePosition(i32),
}

/// What the brokers said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is done; the first record has this offset.
    At(i64),
    /// A newer producer has the id.
    Fenced,
    /// The membership is not, or no more, of the group.
    Stale,
    /// There is nothing to be ended.
    Invalid,
    /// This generation has begun, and these have these partitions.
    Generation(i32, Vec<(Life, Vec<i32>)>),
    /// The other members are to join again.
    Rebalance,
    /// Nobody is left.
    Empty,
    /// This offset.
    Offset(i64),
    /// Records: offsets and numbers.
    Records(Vec<(i64, u32)>),
    /// The group has this offset, with this number in its metadata; or none.
    Position(Option<(i64, u32)>),
    /// A transaction over the offset is open.
    Unstable,
}

/// An operation and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub operation: Operation,
    /// What the brokers said, as text.
    pub answer: String,
}

/// Operations with their answers.
pub type History = crate::sim::history::History<Step>;

/// Request partitions of every history, and partitions of `booking.held`.
pub const PARTITIONS: i32 = 2;

/// All partitions that a history looks at.
pub const PLACES: [(Topic, i32); 5] = [
    (Topic::Requests, 0),
    (Topic::Requests, 1),
    (Topic::Held, 0),
    (Topic::Held, 1),
    (Topic::Terms, 0),
];
