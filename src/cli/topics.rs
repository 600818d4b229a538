//! `holdfast topics`: what the topics are to be, and whether they are.

use clap::Subcommand;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Output, table};
use super::{Ending, wait_for};
use crate::config::Config;
use crate::kafka::Cluster;
use crate::kafka::topics::compare::Finding;
use crate::kafka::topics::declaration::Declaration;
use crate::kafka::topics::{self, Plan, acl};

/// Plan, create or check the topics
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print what `apply` would create, what differs, and the ACLs each role needs
    #[command(after_help = "Example:\n  holdfast topics plan")]
    Plan,
    /// Create the topics that are missing
    ///
    /// Topics that exist are left as they are: partition counts never change in place, and settings
    /// that differ are named with the command that corrects them.
    #[command(after_help = "Example:\n  holdfast topics apply")]
    Apply,
    /// Hold the topics against what they are to be; exit status 1 when anything differs
    #[command(after_help = "Example:\n  holdfast topics check && holdfast run")]
    Check,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    super::needs_servers(config)?;
    let cluster = config.cluster();
    match verb {
        Verb::Plan => {
            let plan = wait_for(topics::plan(&cluster))??;
            output.data(plan_text(&plan, &cluster), &plan_json(&plan, &cluster))?;
            Ok(Ending::Done)
        }
        Verb::Apply => {
            let applied = wait_for(topics::apply(&cluster))??;
            for &topic in &applied.created {
                let name = cluster.topic(topic);
                output.data(format_args!("created  {name}"), &json!({ "created": name }))?;
            }
            if applied.created.is_empty() {
                output.words("nothing is missing");
            }
            tell(&applied.findings, output)
        }
        Verb::Check => {
            let findings = wait_for(topics::check(&cluster))??;
            if findings.is_empty() {
                output.words("all topics are as they are to be");
            }
            tell(&findings, output)
        }
    }
}

fn tell(findings: &[Finding], output: Output) -> Result<Ending, Failure> {
    for finding in findings {
        output.data(finding, &finding_json(finding))?;
    }
    Ok(if findings.is_empty() { Ending::Done } else { Ending::Found })
}

fn finding_json(finding: &Finding) -> Value {
    json!({ "topic": finding.topic.name(), "finding": finding.sentence })
}

fn plan_text(plan: &Plan, cluster: &Cluster) -> String {
    let row = |declaration: &&Declaration| {
        let settings = declaration.settings(cluster).into_iter();
        let settings = settings.map(|(name, value)| format!("{name}={value}"));
        vec![
            "create".into(),
            cluster.topic(declaration.topic),
            format!("partitions={}", declaration.partition_count(cluster)),
            settings.collect::<Vec<_>>().join(" "),
        ]
    };
    let created: Vec<Vec<String>> = plan.missing.iter().map(row).collect();
    let mut paragraphs = vec![];
    if !created.is_empty() {
        paragraphs.push(table(&created));
    }
    if !plan.findings.is_empty() {
        let differs = plan.findings.iter().map(|finding| format!("differs  {finding}"));
        paragraphs.push(differs.collect::<Vec<_>>().join("\n"));
    }
    let acls = acl::commands(cluster).join("\n");
    paragraphs.push(format!(
        "# What each role may do. Put your principals in place of the roles.\n{acls}"
    ));
    paragraphs.join("\n\n")
}

fn plan_json(plan: &Plan, cluster: &Cluster) -> Value {
    let create = |declaration: &&Declaration| {
        let settings = declaration.settings(cluster).into_iter();
        let settings: serde_json::Map<String, Value> =
            settings.map(|(name, value)| (name.to_owned(), value.into())).collect();
        json!({
            "name": cluster.topic(declaration.topic),
            "partitions": declaration.partition_count(cluster),
            "settings": settings,
        })
    };
    json!({
        "create": plan.missing.iter().map(create).collect::<Vec<_>>(),
        "findings": plan.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "acls": acl::commands(cluster),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::golden;
    use super::*;
    use crate::config::parse;
    use crate::kafka::topics::declaration;
    use crate::ports::log::Topic;

    #[test]
    fn the_plan_for_an_empty_cluster_is_the_golden_one() {
        let text = include_str!("../../docker/holdfast.toml");
        let nothing = |_: &str| None;
        let config = parse(text, Path::new("docker/holdfast.toml"), &nothing).unwrap();
        let cluster = config.cluster();
        let missing = Topic::ALL.into_iter().map(declaration::of).collect();
        let plan = Plan { missing, findings: vec![] };
        golden("topics-plan.txt", &plan_text(&plan, &cluster));
        let json = plan_json(&plan, &cluster);
        assert_eq!(json["create"].as_array().map(Vec::len), Some(Topic::ALL.len()));
    }
}
