//! The expiry worker on Kafka.

use std::sync::atomic::AtomicBool;

/// Placeholder until merged.
pub fn run(_: &crate::kafka::Cluster, _: &crate::seal::Keys, stop: &AtomicBool) -> anyhow::Result<()> {
    while !stop.load(std::sync::atomic::Ordering::Acquire) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(())
}
