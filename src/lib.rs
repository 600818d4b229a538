//! Holdfast.
#![allow(missing_docs)]
pub mod cql;
pub mod domain;
pub mod engine;
pub mod ports;
pub mod seal;
pub mod wire;
