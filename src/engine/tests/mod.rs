//! The engine against a scripted log and ledger.

mod found;
mod traps;
mod world;
