//! The tests on real servers: one binary, one module per subject.
//!
//! A module has `trials()`, which lists its tests by [`stack::trial`] (on the servers that all
//! share) or [`stack::solo_trial`] (on its own, for tests that kill a server). Tests run one after
//! another unless `--test-threads` says otherwise: the servers and the tests share few cores.
//!
//! The last lines of the output say which servers the tests ran on.
#![allow(clippy::print_stdout, reason = "the servers used are part of the test report")]

#[path = "../stack/mod.rs"]
mod stack;

mod audit;
mod contract;
mod deadletters;
mod deployment;
mod edge;
mod embedded;
mod histories;
mod ledger;
mod log;
mod owner;
mod sale;
mod stack_smoke;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    let modules: &[fn() -> Vec<Trial>] = &[
        stack_smoke::trials,
        contract::trials,
        ledger::trials,
        histories::trials,
        log::trials,
        edge::trials,
        embedded::trials,
        sale::trials,
        audit::trials,
        deadletters::trials,
    ];
    let trials = modules.iter().flat_map(|trials| trials()).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    stack::stop(conclusion.has_failed());
    if let Some(servers) = stack::report() {
        println!("{servers}");
    }
    conclusion.exit_code()
}
