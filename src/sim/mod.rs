//! The simulator: whole worlds of workers, brokers, ledgers and clocks on one thread, in virtual
//! time, from one seed.

pub mod coverage;
pub mod workload;
