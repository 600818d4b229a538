//! A history in the making: who has a server asks it what is asked here, and tells the answers.

use super::adversary::Adversary;
use super::names::describe;
use super::replay::{Disagreement, Replay};
use super::{History, Operation, Step};
use crate::domain::ids::EventId;
use crate::ports::ledger::{Batch, CommitResult, FenceRead, ReadError, RowsRead};
use crate::sim::ledger::Shape;

/// What the server is to be asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// To take this batch.
    Commit(Box<Batch>),
    /// For the fence.
    Fence,
    /// For the rows.
    Rows,
}

/// What the server said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To a batch.
    Commit(CommitResult),
    /// To a read of the fence.
    Fence(Result<Option<FenceRead>, ReadError>),
    /// To a read of the rows.
    Rows(Result<RowsRead, ReadError>),
}

impl Answer {
    /// Whether the server neither did nor refused what it was asked; a history ends there.
    #[must_use]
    pub fn is_none(&self) -> bool {
        match self {
            Answer::Commit(result) => matches!(result, CommitResult::Unknown(_)),
            Answer::Fence(Err(error)) | Answer::Rows(Err(error)) => {
                matches!(error, ReadError::Unavailable(_))
            }
            Answer::Fence(Ok(_)) | Answer::Rows(Ok(_)) => false,
        }
    }
}

/// A history in the making.
#[derive(Debug)]
pub struct Recording {
    event: EventId,
    adversary: Adversary,
    replay: Replay,
    asked: Vec<Operation>,
    history: History,
}

impl Recording {
    /// On an event that is absent from the server.
    #[must_use]
    pub fn new(seed: u64, event: EventId) -> Recording {
        Recording {
            event,
            adversary: Adversary::new(seed),
            replay: Replay::new(Shape::Cassandra),
            asked: vec![],
            history: History { seed, steps: vec![] },
        }
    }

    /// What is to be asked next, all at once; nothing at the end.
    pub fn ask(&mut self) -> Vec<Question> {
        self.asked = self.adversary.next(self.replay.ledger(), self.replay.event());
        for operation in &self.asked {
            self.replay.note(operation);
        }
        let commit = |number: u32| {
            let batch = &self.replay.sent()[&number];
            Question::Commit(Box::new(Batch { event: self.event.clone(), ..batch.clone() }))
        };
        let question = |operation: &Operation| match operation {
            Operation::Send(plan) => commit(plan.number),
            Operation::Again(number) => commit(*number),
            Operation::ReadFence => Question::Fence,
            Operation::ReadRows => Question::Rows,
        };
        self.asked.iter().map(question).collect()
    }

    /// Takes down the answers to what was asked, in the order in which it was asked.
    ///
    /// # Errors
    /// The simulated ledger says otherwise, and can no longer tell what to ask next.
    ///
    /// # Panics
    /// When there are more or fewer answers than questions.
    pub fn tell(&mut self, answers: &[Answer]) -> Result<(), Box<Disagreement>> {
        assert_eq!(answers.len(), self.asked.len(), "an answer to each question");
        let steps = self.asked.drain(..).zip(answers).enumerate();
        let steps = steps.map(|(index, (operation, answer))| Step {
            together: index > 0,
            operation,
            answer: describe(self.replay.sent(), answer),
        });
        let steps: Vec<Step> = steps.collect();
        let explained = self.replay.explain(self.history.seed, &steps);
        self.history.steps.extend(steps);
        explained
    }

    /// What was recorded.
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }
}
