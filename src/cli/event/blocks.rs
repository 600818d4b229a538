//! Blocking and unblocking: one request, or several where there are more places than one may name.
//!
//! Each request is all or nothing; several of them are not, together. So they are made one after
//! the other and end with the first that is refused, and how far that was is told.

use std::collections::HashSet;

use clap::Args;
use uuid::Uuid;

use super::super::ask::ask;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::{Ending, arguments, render};
use super::{Common, read_catalog};
use crate::app::Backend;
use crate::config::Config;
use crate::domain::ids::{EventId, RequestId, SeatNumber};
use crate::domain::layout::Layout;
use crate::domain::limits::BLOCK_SEATS_MAX;
use crate::domain::request::{Block, Body, Request, Target, Unblock};

/// Places of an event.
#[derive(Debug, Args)]
pub(in super::super) struct Places {
    /// The event
    #[arg(value_parser = arguments::event)]
    event: EventId,
    /// A section, row or seat, or so many places of a section without numbers
    #[arg(
        value_name = "SECTION[/ROW[/SEAT]]|SECTION=COUNT",
        required = true,
        value_parser = arguments::target
    )]
    targets: Vec<Target>,
    /// The edition this is meant for; the present one where not given
    #[arg(long, value_name = "N")]
    edition: Option<i64>,
    #[command(flatten)]
    common: Common,
}

impl Places {
    pub(super) fn block(
        &self,
        reason: &str,
        config: &Config,
        output: Output,
    ) -> Result<Ending, Failure> {
        let actor = &self.common.actor;
        self.ask_for_all(config, output, |edition, places| {
            Body::Block(Block { edition, actor: actor.clone(), reason: reason.to_owned(), places })
        })
    }

    pub(super) fn unblock(&self, config: &Config, output: Output) -> Result<Ending, Failure> {
        let actor = &self.common.actor;
        self.ask_for_all(config, output, |edition, places| {
            Body::Unblock(Unblock { edition, actor: actor.clone(), places })
        })
    }

    fn ask_for_all(
        &self,
        config: &Config,
        output: Output,
        body: impl Fn(i64, Vec<Target>) -> Body,
    ) -> Result<Ending, Failure> {
        let catalog = read_catalog(&*Backend::open(config)?.log, &self.event)?;
        let edition = self.edition.unwrap_or(catalog.edition);
        let layout = Layout::compile(catalog.definition).map_err(anyhow::Error::from)?;
        let parts = split(&layout, &self.targets);
        let all = parts.len();
        for (done, places) in parts.into_iter().enumerate() {
            let (id, event) = (RequestId(Uuid::now_v7()), self.event.clone());
            let request = Request { id, event, body: body(edition, places) };
            // The owner would refuse it with the same words; here they come at once.
            request.check().map_err(|refusal| Failure::usage(refusal.ground.detail))?;
            match render::answer(&ask(config, &request, self.common.timeout)?, output)? {
                Ending::Done => {}
                Ending::Found => {
                    if all > 1 {
                        output.words(format_args!(
                            "{done} of {all} requests are done, and those after this one have not \
                             been made"
                        ));
                    }
                    return Ok(Ending::Found);
                }
            }
        }
        Ok(Ending::Done)
    }
}

/// The targets as they are where one request may name so many places; else their places, spread
/// over as many requests as it takes. What is not known counts for one, and what is more than there
/// is stays together: its owner refuses it.
fn split(layout: &Layout, targets: &[Target]) -> Vec<Vec<Target>> {
    let mut seen = HashSet::new();
    let mut units: Vec<Target> = vec![];
    let mut size = 0;
    for target in targets {
        match target {
            Target::Named(name) => {
                let meant =
                    meant(layout, name).into_iter().filter(|name| seen.insert(name.clone()));
                units.extend(meant.map(Target::Named));
            }
            Target::Places { count, .. } => {
                size += *count as usize;
                units.push(target.clone());
            }
        }
    }
    size += seen.len();
    // As within one request: names come first, and counts go around them.
    units.sort_by_key(|unit| matches!(unit, Target::Places { .. }));
    if size <= BLOCK_SEATS_MAX || size > layout.seats() as usize {
        return vec![targets.to_vec()];
    }
    let mut parts: Vec<Vec<Target>> = vec![];
    let mut room = 0;
    let mut put = |unit: Target, size: usize| {
        if room < size {
            parts.push(vec![]);
            room = BLOCK_SEATS_MAX;
        }
        room -= size;
        parts.last_mut().expect("there is room in it").push(unit);
    };
    for unit in units {
        match unit {
            Target::Named(_) => put(unit, 1),
            Target::Places { section, count } => {
                let mut left = count as usize;
                while left > 0 {
                    let part = left.min(BLOCK_SEATS_MAX);
                    left -= part;
                    let count = u32::try_from(part).expect("a part of a count");
                    put(Target::Places { section: section.clone(), count }, part);
                }
            }
        }
    }
    parts
}

/// The full names of the places a name means; the name itself where it means none.
fn meant(layout: &Layout, name: &str) -> Vec<String> {
    match layout.named(name) {
        Some(places) => places.map(|number| layout.name(SeatNumber(number))).collect(),
        None => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::definition;
    use crate::domain::layout;

    fn layout() -> Layout {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/theatre.toml");
        let mut definition = definition::load(&file).unwrap();
        definition.sections[2].places = layout::Places::General(3_000);
        Layout::compile(definition).unwrap()
    }

    fn named(name: &str) -> Target {
        Target::Named(name.into())
    }

    fn counted(section: &str, count: u32) -> Target {
        Target::Places { section: section.into(), count }
    }

    fn size(part: &[Target]) -> usize {
        let of = |target: &Target| match target {
            Target::Named(_) => 1,
            Target::Places { count, .. } => *count as usize,
        };
        part.iter().map(of).sum()
    }

    #[test]
    fn what_one_request_may_name_is_asked_as_it_is() {
        let targets = [named("stalls/A"), named("stalls/A/1"), counted("floor", 20), named("moon")];
        assert_eq!(split(&layout(), &targets), [targets.to_vec()]);
        let too_many = [counted("floor", u32::MAX)];
        assert_eq!(
            split(&layout(), &too_many),
            [too_many.to_vec()],
            "that is for its owner to say"
        );
    }

    #[test]
    fn what_is_more_is_spread_over_full_requests_and_no_place_is_asked_twice() {
        let layout = layout();
        let targets = [named("stalls"), named("stalls/A/1"), counted("floor", 2_300)];
        let parts = split(&layout, &targets);
        let (first, count) = layout.span(layout.section("stalls").unwrap());
        let stalls = count as usize;
        assert_eq!(parts.iter().map(|part| size(part)).sum::<usize>(), stalls + 2_300);
        assert!(parts.iter().all(|part| (1..=BLOCK_SEATS_MAX).contains(&size(part))));
        let names: HashSet<String> =
            (first..first + count).map(|n| layout.name(SeatNumber(n))).collect();
        let asked = parts.iter().flatten().filter_map(|target| match target {
            Target::Named(name) => Some(name.clone()),
            Target::Places { .. } => None,
        });
        assert_eq!(asked.collect::<HashSet<_>>(), names);
    }
}
