//! `[deployment]`: what all processes of one deployment have in common.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units;
use crate::domain::ids::check_name;
use crate::domain::limits::{HOLD_TIME_MAX, PARTITIONS_MAX};

/// What all processes of one deployment have in common. All must be told the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Deployment {
    /// Its name. Signatures are made for it, so that a record copied from another deployment is
    /// worth nothing here. Default: `holdfast`.
    pub name: String,
    /// Put before every topic name, such as `test.`. Default: nothing.
    pub topic_prefix: String,
    /// Partitions of the request topic and of all that follow it. Never changed once there are
    /// records: keys would move. Too few: no more owners than partitions can work. Too many: each
    /// costs every owner a little in each transaction. Default: 12; at most 128.
    pub partitions: i32,
    /// How long records are kept, so that a sale can be proved exact from the topics. Too short:
    /// what happened before cannot be checked, nor a ledger be rebuilt. Too long: disks. At least
    /// the longest hold, 1 day. Default: 30 days.
    #[serde(with = "units::duration")]
    pub audit_period: Duration,
}

impl Default for Deployment {
    fn default() -> Self {
        Deployment {
            name: "holdfast".into(),
            topic_prefix: String::new(),
            partitions: 12,
            audit_period: Duration::from_hours(30 * 24),
        }
    }
}

impl Deployment {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Err(problem) = check_name(&self.name) {
            return Err(format!("name {:?} {problem}", self.name));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.topic_prefix.len() > 100 || !self.topic_prefix.bytes().all(fits) {
            return Err(format!(
                "topic-prefix {:?} does not fit a topic's name: take at most 100 of A-Z a-z 0-9 . _ -",
                self.topic_prefix
            ));
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Err(format!(
                "partitions is {}: take a number from 1 to {PARTITIONS_MAX}",
                self.partitions
            ));
        }
        let least = Duration::from_millis(HOLD_TIME_MAX.0.unsigned_abs());
        if self.audit_period < least {
            return Err(format!(
                "audit-period is shorter than the longest hold may last: take at least {}",
                humantime::format_duration(least)
            ));
        }
        Ok(())
    }
}
