//! Holds what a cluster has against what is declared. Pure: a survey in, findings out.

use std::collections::BTreeMap;
use std::fmt;

use super::declaration::{self, Declaration, Partitions, Timestamps};
use crate::domain::limits::HOLD_TIME_MAX;
use crate::kafka::cluster::Cluster;
use crate::ports::log::Topic;

/// What a cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many brokers.
    pub brokers: usize,
    /// Which of our topics.
    pub topics: BTreeMap<Topic, Existing>,
}

/// A topic as the cluster has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// Its partitions.
    pub partitions: i32,
    /// The fewest replicas of any of them.
    pub replicas: usize,
    /// Its settings by their Kafka names, the brokers' defaults among them.
    pub settings: BTreeMap<String, String>,
}

/// Something that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// On which topic.
    pub topic: Topic,
    /// What is wrong and what to do, in a sentence.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// What differs, in the order of the topics.
#[must_use]
pub fn compare(cluster: &Cluster, survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![];
    for topic in Topic::ALL {
        let comparison =
            Comparison { declared: declaration::of(topic), name: cluster.topic(topic), cluster };
        let sentences = match survey.topics.get(&topic) {
            None => vec![format!(
                "{} is missing: create it with `holdfast topics apply`",
                comparison.name
            )],
            Some(existing) => comparison.sentences(existing, survey.brokers),
        };
        findings.extend(sentences.into_iter().map(|sentence| Finding { topic, sentence }));
    }
    findings
}

struct Comparison<'a> {
    declared: &'static Declaration,
    name: String,
    cluster: &'a Cluster,
}

impl Comparison<'_> {
    fn sentences(&self, existing: &Existing, brokers: usize) -> Vec<String> {
        let setting = |name: &str| existing.settings.get(name).map_or("", String::as_str);
        [
            self.partitions(existing.partitions),
            self.replicas(existing.replicas, brokers),
            self.timestamps(setting("message.timestamp.type")),
            self.cleanup(setting("cleanup.policy")),
            self.retention(setting("retention.ms")),
            self.retention_bytes(setting("retention.bytes")),
            self.size(setting("max.message.bytes")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn partitions(&self, found: i32) -> Option<String> {
        let (name, declared) = (&self.name, self.declared.partition_count(self.cluster));
        if found == declared {
            return None;
        }
        let remedy = match self.declared.file.partitions {
            Partitions::Count(_) => "make it anew before the first sale".to_owned(),
            Partitions::Requests(_) if found > declared => format!(
                "what lies in partitions from {declared} on is not answered; stop whoever writes \
                 there, and leave the rest as it is"
            ),
            Partitions::Requests(_) => {
                "correct `partitions` in [deployment] if it was changed, or make the topic anew \
                 before the first sale"
                    .to_owned()
            }
        };
        Some(format!(
            "{name} has {found} partitions and {declared} are declared: counts are never changed in \
             place, since keys would move; {remedy}"
        ))
    }

    fn replicas(&self, found: usize, brokers: usize) -> Option<String> {
        (found < 2 && brokers > 1).then(|| {
            format!(
                "{} has one replica on a cluster of {brokers} brokers, so that one of them can lose \
                 the sale: give it more with kafka-reassign-partitions",
                self.name
            )
        })
    }

    fn timestamps(&self, found: &str) -> Option<String> {
        // Where nothing rests on the stamp, either will do.
        let rests_on_it = self.declared.file.timestamps == Timestamps::LogAppendTime;
        (rests_on_it && found != self.declared.timestamp_type()).then(|| {
            format!(
                "{} takes the time of a record from its producer ({found}), whose clock would then \
                 end holds: {}",
                self.name,
                self.alter("message.timestamp.type=LogAppendTime")
            )
        })
    }

    fn cleanup(&self, found: &str) -> Option<String> {
        let policy = self.declared.cleanup_policy();
        (found != policy).then(|| {
            let loss = match policy {
                "compact" => "it would forget what is still true",
                _ => "it would lose records that prove the sale",
            };
            let remedy = self.alter(&format!("cleanup.policy={policy}"));
            format!("{} has cleanup.policy {found}, so that {loss}: {remedy}", self.name)
        })
    }

    fn retention(&self, found: &str) -> Option<String> {
        let wanted = self.declared.retention_ms(self.cluster)?.max(HOLD_TIME_MAX.0);
        let found_ms: i64 = found.parse().ok()?;
        // -1 keeps everything.
        ((0..wanted).contains(&found_ms)).then(|| {
            format!(
                "{} keeps records for {found_ms} ms, less than the audit period or the longest hold \
                 of {wanted} ms: {}",
                self.name,
                self.alter(&format!("retention.ms={wanted}"))
            )
        })
    }

    fn retention_bytes(&self, found: &str) -> Option<String> {
        self.declared.retention_ms(self.cluster)?;
        let bytes: i64 = found.parse().ok()?;
        (bytes >= 0).then(|| {
            format!(
                "{} deletes records beyond {bytes} bytes a partition, whatever their age: {}",
                self.name,
                self.alter("retention.bytes=-1")
            )
        })
    }

    fn size(&self, found: &str) -> Option<String> {
        let wanted = self.declared.file.max_message_bytes;
        let bytes: usize = found.parse().ok()?;
        (bytes < wanted).then(|| {
            format!(
                "{} takes batches of {bytes} bytes and we produce up to {wanted}, which would be \
                 refused for ever: {}",
                self.name,
                self.alter(&format!("max.message.bytes={wanted}"))
            )
        })
    }

    fn alter(&self, setting: &str) -> String {
        format!(
            "run kafka-configs --bootstrap-server {} --alter --entity-type topics --entity-name {} \
             --add-config {setting}",
            self.cluster.bootstrap, self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            bootstrap: "127.0.0.1:9092".into(),
            prefix: "test.".into(),
            partitions: 12,
            group: "holdfast-owners".into(),
            audit_period: Duration::from_secs(30 * 86_400),
            settings: BTreeMap::new(),
        }
    }

    fn as_declared(topic: Topic) -> Existing {
        let declared = declaration::of(topic);
        let settings = declared.settings(&cluster()).into_iter();
        Existing {
            partitions: declared.partition_count(&cluster()),
            replicas: 1,
            settings: settings.map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    /// The findings after one setting of one topic was changed by a foreign hand.
    fn after(topic: Topic, change: impl FnOnce(&mut Existing)) -> Vec<String> {
        let topics = Topic::ALL.into_iter().map(|topic| (topic, as_declared(topic)));
        let mut survey = Survey { brokers: 1, topics: topics.collect() };
        survey.topics.entry(topic).and_modify(change);
        compare(&cluster(), &survey).into_iter().map(|finding| finding.sentence).collect()
    }

    fn check_setting(topic: Topic, name: &str, value: &str, says: &str) {
        let found = after(topic, |one| {
            one.settings.insert(name.into(), value.into());
        });
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert!(found[0].contains(says), "{}", found[0]);
    }

    #[test]
    fn what_is_as_declared_has_no_findings() {
        assert_eq!(after(Topic::Held, |_| {}), Vec::<String>::new());
    }

    #[test]
    fn an_empty_cluster_misses_every_topic() {
        let found = compare(&cluster(), &Survey::default());
        assert_eq!(found.len(), Topic::ALL.len());
        assert_eq!(
            found[0].sentence,
            "test.booking.requests is missing: create it with `holdfast topics apply`"
        );
    }

    #[test]
    fn settings_that_break_a_promise_are_found() {
        let (requests, catalog) = (Topic::Requests, Topic::Catalog);
        check_setting(requests, "message.timestamp.type", "CreateTime", "from its producer");
        check_setting(Topic::Held, "retention.ms", "60000", "retention.ms=2592000000");
        check_setting(Topic::Held, "retention.bytes", "1000000", "retention.bytes=-1");
        check_setting(catalog, "cleanup.policy", "compact,delete", "cleanup.policy=compact");
        check_setting(requests, "cleanup.policy", "compact", "prove the sale");
        check_setting(Topic::Held, "max.message.bytes", "262144", "max.message.bytes=1114112");
    }

    #[test]
    fn more_than_is_needed_is_no_finding() {
        let unbounded = |one: &mut Existing| {
            one.settings.insert("retention.ms".into(), "-1".into());
            one.settings.insert("max.message.bytes".into(), "10485760".into());
            one.settings.insert("message.timestamp.type".into(), "LogAppendTime".into());
        };
        assert_eq!(after(Topic::Booked, unbounded), Vec::<String>::new());
    }

    #[test]
    fn partitions_added_behind_our_back_are_reported_and_left_alone() {
        let found = after(Topic::Requests, |one| one.partitions = 16);
        assert!(found[0].contains("has 16 partitions and 12 are declared"), "{}", found[0]);
        assert!(found[0].contains("from 12 on is not answered"), "{}", found[0]);
    }

    #[test]
    fn one_replica_is_a_finding_only_where_there_could_be_more() {
        let topics = Topic::ALL.into_iter().map(|topic| (topic, as_declared(topic)));
        let survey = Survey { brokers: 3, topics: topics.collect() };
        assert_eq!(compare(&cluster(), &survey).len(), Topic::ALL.len());
    }
}
