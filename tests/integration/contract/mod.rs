//! What the design relies on, clause by clause: one suite per port, run against every driver.
//!
//! A clause is a function that is given a driver and knows nothing of which one it is. It passes on
//! the embedded driver, which needs no servers, and on the servers at hand. So that a clause is
//! evidence and not a prop, each has *mutants*: drivers with one fault that breaks just this rule.
//! On them the clause must fail, soon, and with the words that name the fault.
//!
//! What only one server can show (its own shapes, a lost answer, an open transaction) is tested
//! beside these, in the module of that server.

pub(crate) mod ledger;
pub(crate) mod log;

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use holdfast::ports::clock::ticks;
use libtest_mimic::Trial;

use crate::stack::solo_trial;

/// How long a clause may take to find a fault.
const FAULT_FOUND_MAX: Duration = Duration::from_secs(10);

/// A sentence of a contract.
struct Clause<Bench: 'static, Fault: 'static> {
    name: &'static str,
    /// Looks whether the driver on the bench keeps it.
    check: fn(&Bench) -> Result<()>,
    /// Faults that break it, each with words that the failure must have.
    mutants: &'static [(Fault, &'static str)],
}

/// A clause of the function's own name. One without a mutant does not compile.
macro_rules! clause {
    ($module:ident::$name:ident, $($fault:ident => $told:literal),+ $(,)?) => {
        Clause {
            name: stringify!($name),
            check: $module::$name,
            mutants: &[$((Fault::$fault, $told)),+],
        }
    };
}
use clause;

pub(crate) fn trials() -> Vec<Trial> {
    ledger::trials().into_iter().chain(log::trials()).collect()
}

/// The trial that a clause finds all its mutants out.
fn mutant_trial<Bench, Fault: Copy + Debug + Sync>(
    port: &str,
    clause: &'static Clause<Bench, Fault>,
    bench: fn(Fault) -> Result<Bench>,
) -> Trial {
    solo_trial(&format!("contract::{port}::mutant::{}", clause.name), move || {
        for &(fault, told) in clause.mutants {
            let began = ticks();
            let found = (clause.check)(&bench(fault)?);
            let failure = found.err().with_context(|| format!("{fault:?} is not found out"))?;
            let failure = format!("{failure:#}");
            ensure!(failure.contains(told), "{fault:?} fails with other words: {failure}");
            let took = began.elapsed();
            ensure!(took < FAULT_FOUND_MAX, "{fault:?} is found out only after {took:?}");
        }
        Ok(())
    })
}
