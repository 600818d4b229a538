//! Holdfast.
#![allow(missing_docs)]
pub mod app;
pub mod audit;
pub mod bench;
pub mod cli;
pub mod config;
pub mod cql;
pub mod domain;
pub mod engine;
pub mod expiry;
pub mod kafka;
pub mod ports;
pub mod seal;
pub mod wire;
