//! The demo: a crowd storms one event until the house is sold out and quiet, and then the sale is
//! audited from the topics and held against the ledger.
//!
//! Everything is real but the people: requests are records, owners and the expiry worker are those
//! of `holdfast run`, and the verdict is that of `holdfast audit verify`. The demo keeps a picture
//! of its own, made of what its reader was told; it must come to the same counts as the auditor's.
//!
//! One event lies in one partition and has one owner, so this is the case that more machines do not
//! make faster: a single hot event.
//!
//! # Invariant
//! A run ends by itself. The crowd does ([`crowd`]); an answer that stays out ends the run after
//! half a minute, and a run that crawls ends at its bound.

pub mod crowd;
pub mod latency;
pub mod progress;
mod sale;
mod stage;
pub mod summary;
mod traffic;
pub mod venue;

use std::path::PathBuf;

pub use self::sale::Screen;
pub use self::stage::Servers;

use self::crowd::Plan;
use self::sale::{Sale, Sold};
use self::stage::Stage;
use self::summary::Summary;
use self::venue::{EVENT, Venue};
use crate::app::Workers;
use crate::app::audit::{Scope, verify_scope};
use crate::config::Role;
use crate::domain::ids::EventId;
use crate::domain::time::Millis;

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Places of the house, one of [`venue::SEATS`].
    pub seats: u32,
    /// Who comes, and how.
    pub plan: Plan,
    /// What it runs on.
    pub on: On,
}

/// What a demo runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// The embedded log and ledger: in a folder that is removed, or within one that is kept.
    Embedded(Option<PathBuf>),
    /// Real servers.
    Servers(Servers),
}

/// Runs the demo.
///
/// # Errors
/// When log or ledger do not do what they should, or the run does not end within its bounds. What
/// is wrong with the sale is no error.
pub fn run(options: &Options, screen: &mut dyn Screen) -> anyhow::Result<Summary> {
    let mut stage = match &options.on {
        On::Servers(servers) => Stage::on_servers(servers)?,
        On::Embedded(keep) => Stage::embedded(keep.as_deref())?,
    };
    screen.say(&format!(
        "log: {}; ledger: {}; this does not show {}",
        stage.log, stage.ledger, stage.not_shown
    ));
    let event = EventId::new(EVENT).expect("a name");
    let partition = stage.backend.log.partition(event.as_str().as_bytes());
    let roles = [Role::Booking, Role::Expiry];
    let workers = Workers::start(&stage.config, &stage.backend, &roles, 1)?;
    let sold = sell(options, &stage, &workers, screen);
    // Where a worker failed, what the crowd missed is only what followed from it.
    let sold = workers.stop().and(sold);
    let scope = Scope { partitions: vec![partition], ledger: true };
    let judged = sold.and_then(|sold| {
        let report = verify_scope(&stage.backend, &scope, |step| screen.say(step))?;
        Ok(Summary::new(options, &stage, sold, report))
    });
    match judged {
        Ok(summary) if summary.is_clean() => Ok(summary),
        Ok(mut summary) => {
            summary.kept = stage.keep();
            Ok(summary)
        }
        Err(error) => Err(error.context(stage.keep().unwrap_or_default())),
    }
}

fn sell(
    options: &Options,
    stage: &Stage,
    workers: &Workers,
    screen: &mut dyn Screen,
) -> anyhow::Result<Sold> {
    let keys = stage.config.seal_keys().map_err(anyhow::Error::msg)?;
    let ttl = Millis(i64::try_from(options.plan.ttl.as_millis())?);
    let venue = Venue::new(options.seats, ttl);
    let sale = Sale::open(&*stage.backend.log, &keys, &venue, options.plan)?;
    sale.run(screen, || workers.are_running())
}
