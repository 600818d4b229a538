//! Holdfast.
#![allow(missing_docs)]
pub mod audit;
pub mod domain;
pub mod ports;
