//! Wiring: the one place that names concrete clients.

pub mod expiry;
