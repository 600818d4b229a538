//! What logic needs of the world: shapes and contracts, no drivers.
//!
//! A driver implements what is described here; the engine and its scripted twins in tests rely on
//! nothing else. Each module states its contract in its head.

pub mod clock;
pub mod ledger;
pub mod log;
