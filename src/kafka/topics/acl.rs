//! The rights each role needs, as commands of the `kafka-acls` tool.
//!
//! They are printed, not set: who is who on a cluster is its operator's business. The names of the
//! roles stand for principals.

use super::declaration::{self, Role};
use crate::kafka::cluster::Cluster;
use crate::ports::log::Topic;

/// One command per role and right. The buyer field of a claim is as trustworthy as those who may
/// write the request topic.
#[must_use]
pub fn commands(cluster: &Cluster) -> Vec<String> {
    Role::ALL.iter().flat_map(|&role| of_role(cluster, role)).collect()
}

fn of_role(cluster: &Cluster, role: Role) -> Vec<String> {
    let bootstrap = &cluster.bootstrap;
    let command = |rest: String| {
        let principal = role.name();
        format!(
            "kafka-acls --bootstrap-server {bootstrap} --add --allow-principal User:{principal} {rest}"
        )
    };
    let topics = |uses: fn(&declaration::File) -> &Vec<Role>| -> Vec<String> {
        let used = Topic::ALL
            .into_iter()
            .filter(|&topic| uses(&declaration::of(topic).file).contains(&role));
        used.map(|topic| format!("--topic {}", cluster.topic(topic))).collect()
    };
    let mut commands = vec![];
    let writes = topics(|file| &file.producers);
    if !writes.is_empty() {
        commands
            .push(command(format!("--operation Write --operation Describe {}", writes.join(" "))));
    }
    let reads = topics(|file| &file.consumers);
    if !reads.is_empty() {
        commands
            .push(command(format!("--operation Read --operation Describe {}", reads.join(" "))));
    }
    let group = &cluster.group;
    commands.extend(match role {
        // An owner joins the group, reads its offsets, and may have to end a dead owner's
        // transaction.
        Role::Owner => vec![
            command(format!("--operation Read --operation Describe --group {group}")),
            command(format!(
                "--operation Write --operation Describe --transactional-id {group} \
                 --resource-pattern-type prefixed"
            )),
            command(format!("--operation DescribeConfigs {}", every_topic(cluster))),
        ],
        Role::Operator => vec![
            command(format!("--operation Describe --group {group}")),
            command(format!(
                "--operation Create --operation DescribeConfigs --operation AlterConfigs {}",
                every_topic(cluster)
            )),
        ],
        // Readers name the group and never join it.
        Role::App | Role::Expiry | Role::Audit => {
            vec![command(format!("--operation Describe --group {group}"))]
        }
    });
    commands
}

fn every_topic(cluster: &Cluster) -> String {
    format!("--topic {}booking. --resource-pattern-type prefixed", cluster.prefix)
}
