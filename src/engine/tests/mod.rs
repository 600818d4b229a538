//! The engine against a scripted log and ledger.

mod found;
mod repeat;
mod rules;
mod traps;
mod world;
