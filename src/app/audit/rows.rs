//! Holds the ledger against the models of the topics, event by event.
//!
//! The rows of an event are read between two reads of its fence: where the two differ, or the fence
//! is beyond what was audited, the event is being decided on, and a comparison would find
//! divergences that are none. That ends the audit with a sentence, since an event passed over would
//! count as clean.

use std::collections::HashMap;

use anyhow::{Context as _, bail};

use super::Audited;
use super::progress::Progress;
use crate::app::Backend;
use crate::audit::{Check, EventModel, Finding, ledger};
use crate::domain::ids::EventId;
use crate::domain::layout::Definition;
use crate::ports::ledger::{FenceRead, Ledger, ReadError, RowsRead};
use crate::ports::log::{Reader, Start, Topic};
use crate::wire;
use crate::wire::venue::{Venue, row_name};

/// What is on sale, by the catalog.
type Definitions = HashMap<EventId, Definition>;

/// Compares all events of the partitions.
pub(super) fn compare(
    backend: &Backend,
    log: &mut dyn Reader,
    audited: &[Audited],
    progress: &mut Progress<impl FnMut(&str)>,
) -> anyhow::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ledger = runtime.block_on(backend.ledger())?;
    let mut findings = vec![];
    for part in audited {
        let definitions = read_catalog(log, part)?;
        let events = i64::try_from(part.model.events().count())?;
        progress.begin(format!("ledger of partition {}", part.partition), "events", events);
        for (event, model) in part.model.events() {
            progress.done(1);
            // What strays into a foreign partition is refused there and has nothing in the ledger;
            // the event itself is another partition's.
            if backend.log.partition(event.as_str().as_bytes()) != part.partition
                && model.sequence() == 0
            {
                continue;
            }
            let found = match runtime.block_on(read(&*ledger, event)) {
                Ok(stored) => {
                    let compared = Compared { part, event, model };
                    compared.with(&stored, definitions.get(event))?
                }
                Err(ReadError::Corrupt(why)) => {
                    vec![divergence(part, event, "rows that a release has written", &why)]
                }
                Err(error @ ReadError::Unavailable(_)) => return Err(error.into()),
            };
            findings.extend(found);
        }
    }
    Ok(findings)
}

/// An event as the ledger has it, with its fence before and after the rows.
struct Stored {
    before: Option<FenceRead>,
    rows: RowsRead,
    after: Option<FenceRead>,
}

async fn read(ledger: &dyn Ledger, event: &EventId) -> Result<Stored, ReadError> {
    let before = ledger.read_fence(event).await?;
    let rows = ledger.read_rows(event).await?;
    Ok(Stored { before, rows, after: ledger.read_fence(event).await? })
}

struct Compared<'a> {
    part: &'a Audited,
    event: &'a EventId,
    model: &'a EventModel,
}

impl Compared<'_> {
    fn with(&self, stored: &Stored, catalog: Option<&Definition>) -> anyhow::Result<Vec<Finding>> {
        let Compared { part, event, model } = *self;
        let fence = stored.after.as_ref().map(|read| &read.fence);
        let moved = stored.before.as_ref().map(|read| &read.fence) != fence;
        if moved || fence.is_some_and(|fence| fence.applied_offset >= part.end) {
            bail!(
                "event {event} is being decided on: compare the ledger when nothing has been asked \
                 of the deployment for a while"
            );
        }
        let mut findings = vec![];
        let kept = match &stored.rows.definition {
            Some((_, bytes)) => wire::venue::decode(bytes).map(Some),
            None => Ok(None),
        };
        let numbered = kept.as_ref().ok().cloned().flatten();
        let plain =
            catalog.map(|definition| Venue { definition: definition.clone(), numbering: None });
        match kept {
            Ok(kept) if kept.as_ref().map(|kept| &kept.definition) == catalog => {}
            Ok(_) => findings.push(divergence(part, event, "the catalog's definition", "another")),
            Err(error) => {
                let expected = "the catalog's definition";
                findings.push(divergence(part, event, expected, &error.to_string()));
            }
        }
        let layout = match numbered.or(plain).map(Venue::compile).transpose() {
            Ok(layout) => layout,
            Err(error) => {
                let expected = "a definition that names its places";
                findings.push(divergence(part, event, expected, &error.to_string()));
                return Ok(findings);
            }
        };
        let stands =
            fence.map_or((0, false), |fence| (fence.sequence, !fence.suspended.is_empty()));
        let rows = &stored.rows.seats;
        findings.extend(ledger::compare(event, model, stands, rows, |row| {
            row_name(layout.as_ref(), row)
        }));
        Ok(findings)
    }
}

fn divergence(part: &Audited, event: &EventId, expected: &str, found: &str) -> Finding {
    Finding {
        check: Check::Ledger,
        partition: part.partition,
        offset: part.end - 1,
        topic: "ledger",
        event: Some(event.clone()),
        expected: expected.into(),
        found: found.into(),
    }
}

/// The last definition of each event of the partition.
fn read_catalog(log: &mut dyn Reader, part: &Audited) -> anyhow::Result<Definitions> {
    let mut definitions = Definitions::new();
    let mut unreadable = None;
    log.read_to_end(
        (Topic::Catalog, part.partition, Start::Beginning),
        &mut |record| match record.value.as_deref().map(wire::catalog::decode) {
            Some(Ok(catalog)) => {
                definitions.insert(catalog.event, catalog.definition);
            }
            Some(Err(error)) => unreadable = Some((record.offset, error)),
            None => {}
        },
    )?;
    match unreadable {
        Some((offset, error)) => Err(error).with_context(|| format!("the catalog at {offset}")),
        None => Ok(definitions),
    }
}
