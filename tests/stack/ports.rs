//! Free ports for servers that must keep theirs over a restart.
//!
//! Asking the system for port 0 is the wrong way here: such a port lies in the range that outgoing
//! connections draw from, so while a killed server is down a reconnecting client can take its port,
//! even connect to itself on it. These lie below that range.

use std::net::TcpListener;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A loopback port that was free a moment ago and that this process hands out once.
pub(super) fn free_port() -> Result<u16> {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(super::random_u64() >> 1));
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(COUNT);
        let port = FIRST + u16::try_from(step)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port from {FIRST} to {}", FIRST + COUNT - 1)
}
