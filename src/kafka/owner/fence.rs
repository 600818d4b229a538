//! Ends the open transaction of an owner that is gone.
//!
//! A dead owner's transaction blocks its successor's position and every reader until the broker
//! gives it up, 10 to 20 seconds later. Initialising a producer under its transactional id aborts
//! it at once. That call returns only after half a second, so nobody waits for it.
//!
//! A living worker fenced by mistake loses one transaction, makes its producer anew and publishes
//! the same entries again: the outbox holds them.

use std::thread;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer as _};

use super::group::Group;
use super::settings;
use crate::ports::log::Topic;

/// How long to try; the broker's own timeout does the same work by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins to fence the holder of `transactional_id`, on a thread of its own.
pub(super) fn begin(group: &Group, transactional_id: &str, why: &'static str) {
    let settings = settings::producer(&group.config, transactional_id);
    let topic = group.topic(Topic::Terms).to_owned();
    let id = transactional_id.to_owned();
    tracing::warn!(transactional_id = id, why, "fencing a former owner's producer");
    let fence = move || {
        let initialised = settings.create::<BaseProducer>().and_then(|producer| {
            settings::connect(&producer, &topic, PATIENCE);
            producer.init_transactions(PATIENCE)
        });
        match initialised {
            Ok(()) => tracing::info!(transactional_id = id, "fenced"),
            Err(error) => tracing::warn!(
                transactional_id = id,
                %error,
                "fencing failed; the broker ends the transaction after its timeout"
            ),
        }
    };
    if let Err(error) = thread::Builder::new().name("kafka-fence".into()).spawn(fence) {
        tracing::error!(%error, "no thread for fencing");
    }
}
