//! Time as the log tells it.
//!
//! Two types, both whole milliseconds: [`At`] is a point, [`Millis`] a length. The core is handed
//! its times; only `ports::clock` may ask the machine.

use std::fmt;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl At {
    /// The point `length` later.
    #[must_use]
    pub const fn plus(self, length: Millis) -> At {
        At(self.0.saturating_add(length.0))
    }

    /// The point `length` earlier.
    #[must_use]
    pub const fn minus(self, length: Millis) -> At {
        At(self.0.saturating_sub(length.0))
    }

    /// How long after `earlier` this is; negative when it is before.
    #[must_use]
    pub const fn since(self, earlier: At) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
