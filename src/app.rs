//! Wiring: placeholder until the workers are wired.

/// Runs the given roles until the process is told to stop.
///
/// # Errors
/// Always, until the workers are wired.
pub fn run(_: &crate::config::Config, _: &[crate::config::Role], _: usize) -> anyhow::Result<()> {
    anyhow::bail!("the workers are not wired yet")
}
