//! A deployment of its own for each test.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow};
use holdfast::kafka::Cluster;
use holdfast::ports::log::Topic;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::stack;

/// Topics under a prefix, and the group that works on them.
pub(super) struct Deployment {
    pub(super) bootstrap: String,
    pub(super) prefix: String,
    pub(super) group: String,
    pub(super) declared: i32,
}

impl Deployment {
    pub(super) fn create(bootstrap: &str, partitions: i32) -> Result<Self> {
        let prefix = format!("{}.", stack::unique("log"));
        let names: Vec<_> = Topic::ALL.map(|topic| format!("{prefix}{}", topic.name())).into();
        let topics = names.iter().zip(Topic::ALL).map(|(name, topic)| {
            let count = if topic == Topic::Terms { 1 } else { partitions };
            let new = NewTopic::new(name, count, TopicReplication::Fixed(1));
            match topic {
                Topic::Requests => new.set("message.timestamp.type", "LogAppendTime"),
                Topic::Catalog | Topic::Inventory | Topic::Terms => {
                    new.set("cleanup.policy", "compact")
                }
                Topic::Held
                | Topic::Booked
                | Topic::Released
                | Topic::Changed
                | Topic::Refused
                | Topic::DeadLetters => new,
            }
        });
        let topics: Vec<_> = topics.collect();
        let admin = admin(bootstrap)?;
        let created = stack::block_on(async {
            Ok(admin.create_topics(&topics, &AdminOptions::new()).await?)
        })?;
        for topic in created {
            topic.map_err(|(topic, code)| anyhow!("creating {topic}: {code}"))?;
        }
        let group = format!("{prefix}owners");
        Ok(Deployment { bootstrap: bootstrap.to_owned(), prefix, group, declared: partitions })
    }

    /// Where that is.
    pub(super) fn cluster(&self) -> Cluster {
        Cluster {
            bootstrap: self.bootstrap.clone(),
            prefix: self.prefix.clone(),
            partitions: self.declared,
            group: self.group.clone(),
            audit_period: Duration::from_hours(24),
            settings: BTreeMap::new(),
        }
    }

    /// Puts requests on a partition, in one batch or a few.
    pub(super) fn request(&self, partition: i32, count: usize) -> Result<()> {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.idempotence", "true")
            .create()?;
        let topic = format!("{}booking.requests", self.prefix);
        for n in 0..count {
            let (value, n) = (format!("request {n}"), n.to_string());
            let headers = OwnedHeaders::new()
                .insert(Header { key: "n", value: Some(&n) })
                .insert(Header::<&str> { key: "empty", value: None });
            let record = BaseRecord::to(&topic).partition(partition).key("cup").payload(&value);
            producer.send(record.headers(headers)).map_err(|(error, _)| error)?;
        }
        Ok(producer.flush(Duration::from_secs(30))?)
    }

    /// Moves the start of a request partition's log.
    pub(super) fn delete_requests_before(&self, partition: i32, offset: i64) -> Result<()> {
        let topic = format!("{}booking.requests", self.prefix);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
        let admin = admin(&self.bootstrap)?;
        stack::block_on(async { Ok(admin.delete_records(&list, &AdminOptions::new()).await?) })?;
        Ok(())
    }

    pub(super) fn delete_group(&self) -> Result<()> {
        let admin = admin(&self.bootstrap)?;
        let deleted = stack::block_on(async {
            Ok(admin.delete_groups(&[&self.group], &AdminOptions::new()).await?)
        })?;
        for group in deleted {
            group.map_err(|(group, code)| anyhow!("deleting {group}: {code}"))?;
        }
        Ok(())
    }
}

fn admin(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new().set("bootstrap.servers", bootstrap).create()?)
}
