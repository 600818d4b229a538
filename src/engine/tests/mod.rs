//! The engine against a scripted log and ledger.

mod found;
mod repeat;
mod traps;
mod world;
