//! Holdfast.
#![allow(missing_docs)]
pub mod cql;
pub mod domain;
pub mod ports;
