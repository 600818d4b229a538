//! Holdfast.
#![allow(missing_docs)]
pub mod cql;
pub mod domain;
<<<<<<< HEAD
pub mod engine;
=======
pub mod kafka;
>>>>>>> kafka
pub mod ports;
pub mod seal;
pub mod wire;
