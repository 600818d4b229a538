//! The simulated ledger is asked what the server was asked.

use std::fmt;

use super::names::{Sent, describe};
use super::recording::Answer;
use super::{History, Operation, Step};
use crate::domain::ids::EventId;
use crate::ports::ledger::{Batch, CommitResult};
use crate::sim::ledger::{Shape, SimLedger};

/// How the ledger takes a batch. A test puts one in that makes a mistake.
pub(super) type Commit = fn(&mut SimLedger, &Batch) -> CommitResult;

/// Where a history and the simulated ledger do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The history's seed.
    pub seed: u64,
    /// The steps that no order of them explains, of which there mostly is one.
    pub steps: Vec<Step>,
    /// What the simulated ledger answers to them in the order written.
    pub simulated: Vec<String>,
}

/// A history on its way through a simulated ledger.
#[derive(Debug)]
pub(super) struct Replay {
    ledger: SimLedger,
    event: EventId,
    sent: Sent,
    commit: Commit,
}

impl History {
    /// Asks a simulated ledger all of it.
    ///
    /// # Errors
    /// The first answer that differs.
    ///
    /// # Panics
    /// When it sends again what it never sent: it was not recorded.
    pub fn replay(&self, shape: Shape) -> Result<(), Box<Disagreement>> {
        Replay::new(shape).run(self)
    }
}

impl Replay {
    /// Before the first step.
    pub(super) fn new(shape: Shape) -> Replay {
        Replay::with(shape, SimLedger::commit)
    }

    pub(super) fn with(shape: Shape, commit: Commit) -> Replay {
        let event = EventId::new("history").expect("a name");
        Replay { ledger: SimLedger::new(shape), event, sent: Sent::new(), commit }
    }

    pub(super) fn run(mut self, history: &History) -> Result<(), Box<Disagreement>> {
        history.groups().try_for_each(|group| self.explain(history.seed, group))
    }

    /// Takes the steps that were sent together, in an order that explains their answers.
    pub(super) fn explain(&mut self, seed: u64, steps: &[Step]) -> Result<(), Box<Disagreement>> {
        for step in steps {
            self.note(&step.operation);
        }
        let mut left: Vec<&Step> = steps.iter().collect();
        if self.take_in_some_order(&mut left) {
            return Ok(());
        }
        let simulated = steps.iter().map(|step| self.answer(&step.operation)).collect();
        Err(Box::new(Disagreement { seed, steps: steps.to_vec(), simulated }))
    }

    /// Remembers a batch: what it writes will be named by it.
    pub(super) fn note(&mut self, operation: &Operation) {
        if let Operation::Send(plan) = operation {
            self.sent.insert(plan.number, plan.batch(&self.event));
        }
    }

    /// All batches sent so far.
    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    pub(super) fn ledger(&self) -> &SimLedger {
        &self.ledger
    }

    pub(super) fn event(&self) -> &EventId {
        &self.event
    }

    /// Where no order does, the ledger is as it was.
    fn take_in_some_order(&mut self, left: &mut Vec<&Step>) -> bool {
        if left.is_empty() {
            return true;
        }
        let before = self.ledger.image(&self.event);
        for index in 0..left.len() {
            let step = left.remove(index);
            if self.answer(&step.operation) == step.answer && self.take_in_some_order(left) {
                return true;
            }
            left.insert(index, step);
            self.ledger.restore(&self.event, before.clone());
        }
        false
    }

    fn answer(&mut self, operation: &Operation) -> String {
        let mut commit = |number: u32| {
            let batch = self.sent.get(&number).expect("what is sent again was sent before");
            Answer::Commit((self.commit)(&mut self.ledger, batch))
        };
        let answer = match operation {
            Operation::Send(plan) => commit(plan.number),
            Operation::Again(number) => commit(*number),
            Operation::ReadFence => Answer::Fence(self.ledger.read_fence(&self.event)),
            Operation::ReadRows => Answer::Rows(self.ledger.read_rows(&self.event)),
        };
        describe(&self.sent, &answer)
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "history {} and the simulated ledger do not agree", self.seed)?;
        if self.steps.len() > 1 {
            f.write_str("; no order of what was sent together explains the answers")?;
        }
        for (step, simulated) in self.steps.iter().zip(&self.simulated) {
            write!(f, "\n  {}\n    server:    {}", step.operation, step.answer)?;
            write!(f, "\n    simulated: {simulated}")?;
        }
        Ok(())
    }
}
