//! A history in the making: who has brokers asks them what is asked here, and tells the answers.

use super::adversary::Adversary;
use super::{Answer, History, Operation, Step};

/// A history in the making.
#[derive(Debug)]
pub struct Recording {
    adversary: Adversary,
    asked: Option<Operation>,
    history: History,
}

impl Recording {
    /// On topics, ids and a group that nobody has used.
    #[must_use]
    pub fn new(seed: u64) -> Recording {
        let history = History { seed, steps: vec![] };
        Recording { adversary: Adversary::new(seed), asked: None, history }
    }

    /// What is to be asked next; nothing at the end.
    pub fn ask(&mut self) -> Option<Operation> {
        self.asked = self.adversary.next();
        self.asked.clone()
    }

    /// Takes down the answer to what was asked.
    ///
    /// # Panics
    /// When nothing was asked.
    pub fn tell(&mut self, answer: &Answer) {
        let operation = self.asked.take().expect("what is answered was asked");
        self.adversary.hear(&operation, answer);
        self.history.steps.push(Step { operation, answer: answer.to_string() });
    }

    /// What was recorded.
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }
}
