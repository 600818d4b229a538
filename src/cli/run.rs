//! `holdfast run`: the workers.

use clap::Args;

use super::Ending;
use super::failure::Failure;
use crate::app;
use crate::config::{Config, Role, check_owners};

/// Run workers until told to stop
#[derive(Debug, Args)]
#[command(
    after_help = "Any number of processes share the work; each needs a name of its own (`instance` in \
                  [worker], or HOLDFAST_INSTANCE). SIGTERM and ctrl-c finish what is decided and hand \
                  the partitions over. With --embedded one process works: a second one takes over, \
                  and the first ends and says so.\n\n\
                  Examples:\n  \
                  holdfast run --config docker/holdfast.toml\n  \
                  HOLDFAST_INSTANCE=owner-2 holdfast run --roles booking --owners 2\n  \
                  holdfast run --embedded house"
)]
pub(super) struct Arguments {
    /// What to do: booking decides requests, expiry wakes lapsed holds
    #[arg(long, value_delimiter = ',', default_value = "booking,expiry")]
    roles: Vec<Role>,
    /// How many owners to run; `owners` in [worker] where not given
    #[arg(long, value_name = "N")]
    owners: Option<usize>,
}

pub(super) fn execute(arguments: &Arguments, config: &Config) -> Result<Ending, Failure> {
    let owners = arguments.owners.unwrap_or(config.worker.owners);
    if config.embedded.is_some() && owners > 1 {
        return Err(Failure::usage(
            "an embedded deployment has one owner, since only one works at a time: leave out \
             --owners, and `owners` in [worker]",
        ));
    }
    check_owners(owners, config.deployment.partitions).map_err(Failure::usage)?;
    app::run(config, &arguments.roles, owners)?;
    Ok(Ending::Done)
}
