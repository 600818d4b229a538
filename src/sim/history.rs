//! Recorded histories as text: what was asked of a server, step by step, and what it answered.
//!
//! A history begins with a line that names the seed it was made up from; each step is a line. What
//! a step looks like is for whoever records it to say:
//! [`ledger::history`](super::ledger::history) and [`broker::history`](super::broker::history).

use std::fmt;
use std::str::FromStr;

/// Steps in order, with their answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<Step> {
    /// What it was made up from.
    pub seed: u64,
    /// What was asked, in order.
    pub steps: Vec<Step>,
}

impl<Step: FromStr<Err = String>> History<Step> {
    /// All histories of a text; lines that begin with `#` say something about it.
    ///
    /// # Errors
    /// Names the line that is none of a history.
    pub fn read_all(text: &str) -> Result<Vec<History<Step>>, String> {
        let mut histories: Vec<History<Step>> = vec![];
        for (number, line) in (1..).zip(text.lines()) {
            let wrong = |what: &str| format!("line {number}: {what}: {line:?}");
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(seed) = line.strip_prefix("history ") {
                let seed = seed.parse().map_err(|_| wrong("this is no seed"))?;
                histories.push(History { seed, steps: vec![] });
                continue;
            }
            let history = histories.last_mut().ok_or_else(|| wrong("a step of no history"))?;
            history.steps.push(line.parse().map_err(|what: String| wrong(&what))?);
        }
        Ok(histories)
    }
}

impl<Step: fmt::Display> fmt::Display for History<Step> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "history {}", self.seed)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
