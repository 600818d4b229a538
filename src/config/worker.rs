//! `[worker]`: who this process is among its peers.

use std::fs;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::ids::check_name;

/// Who this process is among its peers, and how much it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Worker {
    /// The name of this process: unique among all of the deployment and the same after a restart,
    /// so that it gets its partitions back at once. Two of one name throw each other out. Also
    /// `HOLDFAST_INSTANCE`. Default: the host's name.
    pub instance: String,
    /// Owners this process runs, each of which decides for a share of the partitions. Too few: one
    /// core decides for all. More than cores, or than partitions: they only wait. Default: 1.
    pub owners: usize,
}

impl Default for Worker {
    fn default() -> Self {
        Worker { instance: String::new(), owners: 1 }
    }
}

impl Worker {
    pub(super) fn name_instance(&mut self, environment: &dyn Fn(&str) -> Option<String>) {
        if self.instance.is_empty() {
            let host = environment("HOSTNAME")
                .or_else(|| fs::read_to_string("/proc/sys/kernel/hostname").ok());
            self.instance = host.unwrap_or_default().trim().to_owned();
        }
    }

    pub(super) fn check(&self, partitions: i32) -> Result<(), String> {
        if let Err(problem) = check_name(&self.instance) {
            return Err(format!(
                "instance {:?} {problem}: name this process in a word of its own",
                self.instance
            ));
        }
        check_owners(self.owners, partitions)
    }
}

/// Checks a number of owners.
///
/// # Errors
/// A sentence when it cannot work.
pub fn check_owners(owners: usize, partitions: i32) -> Result<(), String> {
    let most = usize::try_from(partitions).unwrap_or(0);
    if (1..=most).contains(&owners) {
        return Ok(());
    }
    Err(format!("owners is {owners}: take from 1 to the number of partitions, {most}"))
}

/// What a process can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Decides requests: the owners.
    Booking,
    /// Wakes lapsed holds.
    Expiry,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 2] = [Role::Booking, Role::Expiry];

    /// The role's name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Booking => "booking",
            Role::Expiry => "expiry",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let known = || Role::ALL.map(Role::name).join(", ");
        Role::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("roles are {}", known()))
    }
}
