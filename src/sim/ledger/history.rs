//! What a real ledger answered, recorded, and held against the simulated one.
//!
//! A history is a sequence of operations on one event, most of them meant to be refused, each with
//! the answer that the server gave. [`Recording`] makes one up as it goes, from a seed and from
//! what the event has come to; [`History::replay`] asks the simulated ledger the same and says
//! where the two do not agree.
//!
//! # As text
//! A line is an operation and its answer, `OPERATION = ANSWER`. One that begins with `+` was sent
//! together with the line before it, so that nobody knows in which order they were taken.
//!
//! | operation | |
//! |---|---|
//! | `send 7 r5 if 4/2 out 8/7 keep def 3/- seats 3:8/5 4-9:8/-` | batch 7, see [`Plan`] |
//! | `again 7` | batch 7 once more, to the byte |
//! | `read fence`, `read rows` | |
//!
//! | answer | |
//! |---|---|
//! | `applied` | |
//! | `refused 5/7` | by the fence of revision 5 that batch 7 wrote |
//! | `refused absent` | |
//! | `7 out 8 of 6` | fence of batch 7, outbox changed at 8, its bytes those of batch 6 |
//! | `def 3 of 7 seats 3-5:7 9:2` | rows 3 to 5 as batch 7 wrote them, row 9 as batch 2 did |
//!
//! Values are named by the batch that wrote them, which is exact: each batch writes values that no
//! other one does ([`Plan::batch`]), a value is named only if it is that one in every column, and
//! another one is spelt out. So a history can be read, and one that fails can be understood.
//!
//! Wrong alternatives: storing the seed alone (a change to how histories are made up would undo all
//! recordings, and nobody could read one); digests of answers (they tell that something differs,
//! not what).
//!
//! # Operations sent together
//! They agree when some order of them explains all their answers. It is looked for by trying them
//! all. There is no more than one state to go on from: batches that were applied are in the order
//! in which their fences name each other.
//!
//! A history in which the server did not know, or did not answer, is not recorded: the simulated
//! ledger always knows.

mod adversary;
mod content;
mod names;
mod plan;
mod recording;
mod replay;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use plan::{Mark, Plan, Run};
pub use recording::{Answer, Question, Recording};
pub use replay::Disagreement;

/// Something done to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A batch is sent for the first time.
    Send(Plan),
    /// The batch of this number is sent once more.
    Again(u32),
    /// The fence is read.
    ReadFence,
    /// The rows are read.
    ReadRows,
}

/// An operation and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether it was sent together with the one before.
    pub together: bool,
    /// What was done.
    pub operation: Operation,
    /// What the server said.
    pub answer: String,
}

/// Operations on one event, with their answers.
pub type History = crate::sim::history::History<Step>;

impl History {
    /// The operations as they were sent: those sent together are in one slice.
    pub fn groups(&self) -> impl Iterator<Item = &[Step]> {
        self.steps.chunk_by(|_, next| next.together)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Step, String> {
        let (together, rest) = line.strip_prefix("+ ").map_or((false, line), |rest| (true, rest));
        let (operation, answer) = rest.split_once(" = ").ok_or("no answer")?;
        let (verb, with) = operation.split_once(' ').ok_or("no operation")?;
        let operation = match (verb, with) {
            ("send", plan) => Operation::Send(Plan::read(plan)?),
            ("again", number) => Operation::Again(number.parse().map_err(|_| "no number")?),
            ("read", "fence") => Operation::ReadFence,
            ("read", "rows") => Operation::ReadRows,
            _ => return Err("no operation".into()),
        };
        Ok(Step { together, operation, answer: answer.to_owned() })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Send(plan) => write!(f, "send {plan}"),
            Operation::Again(number) => write!(f, "again {number}"),
            Operation::ReadFence => f.write_str("read fence"),
            Operation::ReadRows => f.write_str("read rows"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let together = if self.together { "+ " } else { "" };
        write!(f, "{together}{} = {}", self.operation, self.answer)
    }
}
