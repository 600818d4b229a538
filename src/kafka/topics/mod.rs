//! The topics: what they are declared to be, and what a cluster has instead.
//!
//! [`declaration`] reads the files under `topics/`; [`compare`] holds a cluster against them and is
//! pure; this module asks the cluster. Two things are deliberately not done:
//!
//! - Partition counts are never changed in place. A key would move to another partition, and with
//!   it the event to a second owner (K22).
//! - Settings of existing topics are not altered. The only call the client offers replaces all
//!   settings of a topic, the operator's own among them. What differs is named, with the command.

pub mod acl;
pub mod compare;
pub mod declaration;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use self::compare::{Existing, Finding, Survey};
use self::declaration::Declaration;
use super::cluster::{Cluster, Error, PATIENCE};
use crate::ports::clock::ticks;
use crate::ports::log::Topic;

/// How often to look whether a new topic is known.
const LISTED_POLL: Duration = Duration::from_millis(100);

/// What would be done, and what has to be done by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Topics to be created.
    pub missing: Vec<&'static Declaration>,
    /// What differs on topics that exist.
    pub findings: Vec<Finding>,
}

/// Finds out what `apply` would do.
///
/// # Errors
/// When the cluster does not answer.
pub async fn plan(cluster: &Cluster) -> Result<Plan, Error> {
    let survey = survey(cluster, &admin(cluster)?).await?;
    let missing = Topic::ALL.into_iter().filter(|topic| !survey.topics.contains_key(topic));
    let missing = missing.map(declaration::of).collect();
    let mut findings = compare::compare(cluster, &survey);
    findings.retain(|finding| survey.topics.contains_key(&finding.topic));
    Ok(Plan { missing, findings })
}

/// What `apply` did, and what is left to be done by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Topics created.
    pub created: Vec<Topic>,
    /// What differs from the declarations, with all topics there.
    pub findings: Vec<Finding>,
}

/// Creates what is missing and waits until the brokers know it.
///
/// # Errors
/// When the cluster does not answer or refuses a topic; those created before it stay.
pub async fn apply(cluster: &Cluster) -> Result<Applied, Error> {
    let admin = admin(cluster)?;
    let before = listed(cluster, &admin)?;
    let mut created = vec![];
    for topic in Topic::ALL {
        if !before.topics.contains_key(&topic) {
            create(cluster, &admin, declaration::of(topic)).await?;
            created.push(topic);
        }
    }
    await_listed(cluster, &admin).await?;
    let findings = compare::compare(cluster, &survey(cluster, &admin).await?);
    Ok(Applied { created, findings })
}

/// Holds the cluster against the declarations; no finding means that owners may run.
///
/// # Errors
/// When the cluster does not answer.
pub async fn check(cluster: &Cluster) -> Result<Vec<Finding>, Error> {
    let survey = survey(cluster, &admin(cluster)?).await?;
    Ok(compare::compare(cluster, &survey))
}

fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>, Error> {
    cluster.client().create().map_err(|error| Error::Settings(error.to_string()))
}

async fn create(
    cluster: &Cluster,
    admin: &AdminClient<DefaultClientContext>,
    declaration: &Declaration,
) -> Result<(), Error> {
    let name = cluster.topic(declaration.topic);
    let settings = declaration.settings(cluster);
    // -1 leaves the number of replicas to the brokers, who know how many of them there are.
    let partitions = declaration.partition_count(cluster);
    let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(-1));
    for (key, value) in &settings {
        topic = topic.set(key, value);
    }
    let options =
        AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let results = admin.create_topics([&topic], &options).await;
    for result in results.map_err(|error| cluster.error("creating", &name, &error))? {
        match result {
            // Somebody else was faster; what they made is looked at like all the others.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => {
                let why = code.to_string();
                return Err(Error::Refused { doing: "creating", topic: name, why });
            }
        }
    }
    Ok(())
}

/// A topic that was created is known to the controller at once, to the other brokers a little
/// later.
async fn await_listed(
    cluster: &Cluster,
    admin: &AdminClient<DefaultClientContext>,
) -> Result<(), Error> {
    let deadline = ticks() + PATIENCE;
    loop {
        let survey = listed(cluster, admin)?;
        let absent = Topic::ALL.into_iter().find(|topic| !survey.topics.contains_key(topic));
        match absent {
            None => return Ok(()),
            Some(topic) if ticks() > deadline => {
                return Err(Error::MissingTopic(cluster.topic(topic)));
            }
            Some(_) => tokio::time::sleep(LISTED_POLL).await,
        }
    }
}

/// Which topics there are, without their settings.
fn listed(cluster: &Cluster, admin: &AdminClient<DefaultClientContext>) -> Result<Survey, Error> {
    let metadata = cluster.metadata(admin.inner())?;
    let mut survey = Survey { brokers: metadata.brokers().len(), topics: BTreeMap::new() };
    for topic in Topic::ALL {
        let name = cluster.topic(topic);
        let found = metadata.topics().iter().find(|found| found.name() == name);
        if let Some(found) = found.filter(|found| found.error().is_none()) {
            let replicas = found.partitions().iter().map(|one| one.replicas().len()).min();
            let existing = Existing {
                partitions: i32::try_from(found.partitions().len()).unwrap_or(i32::MAX),
                replicas: replicas.unwrap_or(0),
                settings: BTreeMap::new(),
            };
            survey.topics.insert(topic, existing);
        }
    }
    Ok(survey)
}

async fn survey(
    cluster: &Cluster,
    admin: &AdminClient<DefaultClientContext>,
) -> Result<Survey, Error> {
    let mut survey = listed(cluster, admin)?;
    let names: Vec<(Topic, String)> =
        survey.topics.keys().map(|&topic| (topic, cluster.topic(topic))).collect();
    if names.is_empty() {
        return Ok(survey);
    }
    let asked: Vec<_> = names.iter().map(|(_, name)| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let resources = admin.describe_configs(&asked, &options).await;
    for resource in resources.map_err(|error| cluster.error("describing", "the topics", &error))? {
        let resource = resource.map_err(|code| Error::Refused {
            doing: "describing",
            topic: "the topics".into(),
            why: code.to_string(),
        })?;
        let named = names.iter().find(|(_, name)| {
            matches!(&resource.specifier, OwnedResourceSpecifier::Topic(found) if found == name)
        });
        if let Some((topic, _)) = named {
            let settings = resource.entries.into_iter();
            let settings = settings.filter_map(|entry| Some((entry.name, entry.value?)));
            survey.topics.entry(*topic).and_modify(|one| one.settings = settings.collect());
        }
    }
    Ok(survey)
}
