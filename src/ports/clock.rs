//! The one place that asks the machine what time it is.
//!
//! # Contract
//! [`now`] is the wall clock; it may step. [`ticks`] never goes back and is only good for lengths.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::At;

/// The wall clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    At(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The monotonic clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub fn ticks() -> Instant {
    Instant::now()
}
