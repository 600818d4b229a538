//! The engine against a scripted log and ledger.

mod traps;
mod world;
