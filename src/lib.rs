//! Holdfast.
#![allow(missing_docs)]
pub mod domain;
pub mod kafka;
pub mod ports;
pub mod seal;
pub mod wire;
