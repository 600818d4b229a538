//! One file per topic under `topics/`, compiled in, so that a binary cannot disagree with its
//! files.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::kafka::cluster::Cluster;
use crate::ports::log::Topic;

/// What a topic is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Which topic.
    pub topic: Topic,
    /// What its file says.
    pub file: File,
}

/// A file under `topics/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Name without the deployment's prefix.
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// What the key of a record is.
    pub key: String,
    /// How many partitions.
    pub partitions: Partitions,
    /// What happens to old records.
    pub cleanup: Cleanup,
    /// How long records stay.
    pub retention: Retention,
    /// Who stamps the records.
    pub timestamps: Timestamps,
    /// Bytes of a batch that the topic has to take.
    pub max_message_bytes: usize,
    /// Records on it: files under `schemas/`.
    pub schemas: Vec<String>,
    /// Roles that write it.
    pub producers: Vec<Role>,
    /// Roles that read it.
    pub consumers: Vec<Role>,
}

/// A number of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Partitions {
    /// As many as the request topic, so that an outcome has the partition number of its request.
    Requests(AsRequests),
    /// So many.
    Count(i32),
}

/// The word for "as many as the request topic".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsRequests {
    /// `"requests"`
    Requests,
}

/// What happens to old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cleanup {
    /// They are deleted after the retention.
    Delete,
    /// The last record of each key stays.
    Compact,
}

/// How long records stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// As long as the deployment wants to check its sales.
    AuditPeriod,
    /// Until a newer record of their key comes.
    Forever,
}

/// Who stamps the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timestamps {
    /// Whoever makes them; nothing rests on it.
    CreateTime,
    /// The broker that appends them; deadlines rest on it (K7).
    LogAppendTime,
}

/// Who uses topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The upstream applications that ask for seats.
    App,
    /// People and their tools: `event`, `topics`, `watch`.
    Operator,
    /// The workers that decide.
    Owner,
    /// The workers that wake lapsed holds.
    Expiry,
    /// Those who check the sale.
    Audit,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::App, Role::Operator, Role::Owner, Role::Expiry, Role::Audit];

    /// The role's name in the files and in ACLs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::App => "app",
            Role::Operator => "operator",
            Role::Owner => "owner",
            Role::Expiry => "expiry",
            Role::Audit => "audit",
        }
    }
}

impl Declaration {
    /// The number of partitions on this cluster.
    #[must_use]
    pub fn partition_count(&self, cluster: &Cluster) -> i32 {
        match self.file.partitions {
            Partitions::Requests(AsRequests::Requests) => cluster.partitions,
            Partitions::Count(count) => count,
        }
    }

    /// The settings the topic is created with, by their Kafka names.
    #[must_use]
    pub fn settings(&self, cluster: &Cluster) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("cleanup.policy", self.cleanup_policy().to_owned()),
            ("max.message.bytes", self.file.max_message_bytes.to_string()),
            ("message.timestamp.type", self.timestamp_type().to_owned()),
        ];
        if let Some(retention_ms) = self.retention_ms(cluster) {
            settings.push(("retention.ms", retention_ms.to_string()));
        }
        settings
    }

    /// Kafka's word for what happens to old records.
    #[must_use]
    pub fn cleanup_policy(&self) -> &'static str {
        match self.file.cleanup {
            Cleanup::Delete => "delete",
            Cleanup::Compact => "compact",
        }
    }

    /// Kafka's word for who stamps the records.
    #[must_use]
    pub fn timestamp_type(&self) -> &'static str {
        match self.file.timestamps {
            Timestamps::CreateTime => "CreateTime",
            Timestamps::LogAppendTime => "LogAppendTime",
        }
    }

    /// How long records have to stay, in milliseconds; `None` where age removes none.
    #[must_use]
    pub fn retention_ms(&self, cluster: &Cluster) -> Option<i64> {
        match self.file.retention {
            Retention::AuditPeriod => {
                Some(i64::try_from(cluster.audit_period.as_millis()).unwrap_or(i64::MAX))
            }
            Retention::Forever => None,
        }
    }
}

/// The declaration of a topic.
#[must_use]
pub fn of(topic: Topic) -> &'static Declaration {
    static ALL: LazyLock<Vec<Declaration>> = LazyLock::new(|| Topic::ALL.map(read).into());
    ALL.iter().find(|declaration| declaration.topic == topic).expect("ALL has every topic")
}

fn read(topic: Topic) -> Declaration {
    let file = toml::from_str(text_of(topic)).expect("a test reads every file of topics/");
    Declaration { topic, file }
}

fn text_of(topic: Topic) -> &'static str {
    match topic {
        Topic::Requests => include_str!("../../../topics/booking.requests.toml"),
        Topic::Held => include_str!("../../../topics/booking.held.toml"),
        Topic::Booked => include_str!("../../../topics/booking.booked.toml"),
        Topic::Released => include_str!("../../../topics/booking.released.toml"),
        Topic::Changed => include_str!("../../../topics/booking.changed.toml"),
        Topic::Refused => include_str!("../../../topics/booking.refused.toml"),
        Topic::Catalog => include_str!("../../../topics/booking.catalog.toml"),
        Topic::Inventory => include_str!("../../../topics/booking.inventory.toml"),
        Topic::Terms => include_str!("../../../topics/booking.terms.toml"),
        Topic::DeadLetters => include_str!("../../../topics/booking.dead-letters.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::cluster::RECORD_BYTES_MAX;

    #[test]
    fn every_topic_has_its_file_and_takes_what_we_produce() {
        for topic in Topic::ALL {
            let declaration = of(topic);
            assert_eq!(declaration.file.name, topic.name());
            assert!(declaration.file.max_message_bytes >= RECORD_BYTES_MAX, "{}", topic.name());
            assert!(!declaration.file.producers.is_empty() && !declaration.file.doc.is_empty());
        }
    }

    #[test]
    fn what_deadlines_rest_on_is_stamped_by_the_broker() {
        assert_eq!(of(Topic::Requests).timestamp_type(), "LogAppendTime");
    }

    #[test]
    fn state_topics_are_compacted_and_never_deleted() {
        for topic in [Topic::Catalog, Topic::Inventory, Topic::Terms] {
            assert_eq!(of(topic).file.cleanup, Cleanup::Compact);
            assert_eq!(of(topic).file.retention, Retention::Forever);
        }
        assert_eq!(of(Topic::Terms).file.partitions, Partitions::Count(1));
    }
}
