//! `holdfast event`: what operators do with an event.

mod blocks;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use self::blocks::Places;
use super::ask::ask;
use super::failure::Failure;
use super::output::{Output, table};
use super::{Ending, arguments, render};
use crate::app::Backend;
use crate::config::{Config, definition};
use crate::domain::ids::{EventId, RequestId};
use crate::domain::request::{Administration, Amend, Body, Define, Request};
use crate::ports::log::{Log, Start, Topic};
use crate::wire::catalog::{self, Catalog};
use crate::wire::inventory::{self, Inventory};

/// Define, amend, open, pause, close or call off an event, block places, and see how it stands
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make an event known, from a file; its sale is not open yet
    #[command(after_help = "The file names the event, its hold time, limits, tiers and sections; \
                            docker/theatre.toml is one to begin with.\n\n\
                            Example:\n  holdfast event define docker/theatre.toml")]
    Define {
        /// The definition (TOML)
        file: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// Give an event another definition, from a file, also while it is on sale
    ///
    /// Places are known again by their names, and whoever has them keeps them at the price they
    /// were taken at. Prices, limits and neighbours bind what is decided afterwards. Refused where
    /// a place that is held or booked would be gone; currency and tiers stay, new tiers come last.
    #[command(after_help = "Example:\n  holdfast event amend docker/theatre.toml")]
    Amend {
        /// The whole definition (TOML)
        file: PathBuf,
        /// The edition this is meant for; the present one where not given
        #[arg(long, value_name = "N")]
        edition: Option<i64>,
        #[command(flatten)]
        common: Common,
    },
    /// Begin the sale
    #[command(after_help = "Example:\n  holdfast event open hamlet-2027-03-14")]
    Open(Sale),
    /// End the sale; holds may still be confirmed
    #[command(after_help = "Example:\n  holdfast event close hamlet-2027-03-14")]
    Close(Sale),
    /// Interrupt the sale: nothing is claimed or extended until it is opened again
    #[command(after_help = "Example:\n  holdfast event pause hamlet-2027-03-14")]
    Pause(Sale),
    /// Say that the event will not take place; final, and it cannot be undone
    ///
    /// Nothing is claimed, extended or confirmed any more. Every booking is to be refunded, which
    /// is the app's work; holds end as ever.
    #[command(after_help = "Example:\n  holdfast event call-off hamlet-2027-03-14 --yes")]
    CallOff {
        #[command(flatten)]
        sale: Sale,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Keep places from sale: all of them, or none
    ///
    /// No claim gets a blocked place but by name and with a staff override; when that hold or
    /// booking ends, the place is blocked again. More than 1000 places are asked for in several
    /// requests, one after the other up to the first that is refused.
    #[command(after_help = "Examples:\n  \
                            holdfast event block hamlet-2027-03-14 stalls/A/1 --reason press\n  \
                            holdfast event block hamlet-2027-03-14 balcony stalls/B floor=20 \\\n    \
                            --reason sponsor --actor box-office")]
    Block {
        #[command(flatten)]
        places: Places,
        /// What for, such as press or house
        #[arg(long)]
        reason: String,
    },
    /// Put blocked places on sale: all of them, or none
    ///
    /// One that is held or booked goes on sale when that ends. More than 1000 places are asked for
    /// in several requests, one after the other up to the first that is refused.
    #[command(after_help = "Example:\n  holdfast event unblock hamlet-2027-03-14 stalls/A floor=5")]
    Unblock(Places),
    /// Print how an event stands, as of its last published decision
    #[command(after_help = "Example:\n  holdfast event status hamlet-2027-03-14 --json")]
    Status {
        /// The event
        #[arg(value_parser = arguments::event)]
        event: EventId,
    },
}

/// A change of the sale.
#[derive(Debug, Args)]
pub(super) struct Sale {
    /// The event
    #[arg(value_parser = arguments::event)]
    event: EventId,
    /// The edition this is meant for; the present one where not given
    #[arg(long, value_name = "N")]
    edition: Option<i64>,
    #[command(flatten)]
    common: Common,
}

/// What all requests of operators have in common.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Who asks, for the record; a function, not a person
    #[arg(long, default_value = "operator")]
    actor: String,
    /// How long to wait for the answer
    #[arg(long, default_value = arguments::PATIENCE, value_parser = arguments::length)]
    timeout: Duration,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    let (event, body, common) = match verb {
        Verb::Define { file, common } => {
            let definition = definition::load(file)?;
            let event = definition.event.clone();
            let define = Define { definition, actor: common.actor.clone() };
            (event, Body::Define(Box::new(define)), common)
        }
        Verb::Amend { file, edition, common } => {
            let definition = definition::load(file)?;
            let event = definition.event.clone();
            let edition = present(&event, *edition, config)?;
            let amend = Amend { edition, actor: common.actor.clone(), definition };
            (event, Body::Amend(Box::new(amend)), common)
        }
        Verb::Open(sale) => {
            (sale.event.clone(), Body::Open(sale.administration(config)?), &sale.common)
        }
        Verb::Close(sale) => {
            (sale.event.clone(), Body::Close(sale.administration(config)?), &sale.common)
        }
        Verb::Pause(sale) => {
            (sale.event.clone(), Body::Pause(sale.administration(config)?), &sale.common)
        }
        Verb::CallOff { sale, yes } => {
            let question = format!("Call off {} for good? This cannot be undone.", sale.event);
            output.consent(*yes, question)?;
            (sale.event.clone(), Body::CallOff(sale.administration(config)?), &sale.common)
        }
        Verb::Block { places, reason } => return places.block(reason, config, output),
        Verb::Unblock(places) => return places.unblock(config, output),
        Verb::Status { event } => return status(event, &*Backend::open(config)?.log, output),
    };
    // The id is made last: reading the catalog takes time, and an id is good for seconds.
    let request = Request { id: RequestId(Uuid::now_v7()), event, body };
    render::answer(&ask(config, &request, common.timeout)?, output)
}

impl Sale {
    fn administration(&self, config: &Config) -> Result<Administration, Failure> {
        let edition = present(&self.event, self.edition, config)?;
        Ok(Administration { edition, actor: self.common.actor.clone() })
    }
}

/// The edition an operator means.
fn present(event: &EventId, edition: Option<i64>, config: &Config) -> Result<i64, Failure> {
    match edition {
        Some(edition) => Ok(edition),
        None => Ok(read_catalog(&*Backend::open(config)?.log, event)?.edition),
    }
}

fn status(event: &EventId, log: &dyn Log, output: Output) -> Result<Ending, Failure> {
    let catalog = read_catalog(log, event)?;
    let inventory = match last_value(log, Topic::Inventory, event)? {
        Some(value) => Some(inventory::decode(&value).map_err(|error| unreadable(event, &error))?),
        None => None,
    };
    output.data(text(&catalog, inventory.as_ref()), &object(&catalog, inventory.as_ref()))?;
    Ok(Ending::Done)
}

fn read_catalog(log: &dyn Log, event: &EventId) -> Result<Catalog, Failure> {
    let value = last_value(log, Topic::Catalog, event)?.ok_or_else(|| {
        Failure::absent(format!(
            "no event {event} is known: define it with `holdfast event define FILE`"
        ))
    })?;
    catalog::decode(&value).map_err(|error| unreadable(event, &error))
}

fn unreadable(event: &EventId, error: &crate::wire::DecodeError) -> Failure {
    Failure::absent(format!("what the topics say of {event} cannot be read: {error}"))
}

/// The last record of the event on a compacted topic.
fn last_value(log: &dyn Log, topic: Topic, event: &EventId) -> Result<Option<Vec<u8>>, Failure> {
    let mut last = None;
    let partition = log.partition(event.as_str().as_bytes());
    log.reader()?.read_to_end((topic, partition, Start::Beginning), &mut |record| {
        if record.key.as_deref() == Some(event.as_str().as_bytes()) {
            last = record.value;
        }
    })?;
    Ok(last)
}

fn text(catalog: &Catalog, inventory: Option<&Inventory>) -> String {
    let mut rows = vec![
        pair("event", &catalog.event),
        pair("sale", &render::sale_name(catalog.sale)),
        pair("edition", &catalog.edition),
    ];
    let Some(inventory) = inventory else { return table(&rows) };
    rows.push(pair("sequence", &inventory.sequence));
    rows.push(pair("as of", &render::time(inventory.at)));
    if inventory.suspended {
        rows.push(pair("suspended", &"yes, until an operator has repaired it"));
    }
    rows.push(pair("live holds", &inventory.live_holds));
    if let Some(deadline) = inventory.earliest_deadline {
        rows.push(pair("first ends", &render::time(deadline)));
    }
    let mut counts =
        vec![["section", "tier", "held", "booked", "blocked", "free"].map(str::to_owned).to_vec()];
    for free in &inventory.free {
        let taken = inventory.counts.iter().filter(|count| count.section == free.section);
        let (held, booked) = taken
            .clone()
            .fold((0, 0), |(held, booked), one| (held + one.held, booked + one.booked));
        let numbers = [held, booked, free.blocked, free.free].map(|number| number.to_string());
        let cells = ["all".to_owned()].into_iter().chain(numbers);
        counts.push([free.section.clone()].into_iter().chain(cells).collect());
        for one in taken {
            let cells =
                [String::new(), one.tier.clone(), one.held.to_string(), one.booked.to_string()];
            counts.push(cells.to_vec());
        }
    }
    format!("{}\n\n{}", table(&rows), table(&counts))
}

fn pair(name: &str, value: &dyn std::fmt::Display) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}

fn object(catalog: &Catalog, inventory: Option<&Inventory>) -> Value {
    let stands = inventory.map(|one| {
        let counts = one.counts.iter().map(|count| {
            json!({
                "section": count.section,
                "tier": count.tier,
                "held": count.held,
                "booked": count.booked,
            })
        });
        let free = one.free.iter().map(
            |free| json!({ "section": free.section, "free": free.free, "blocked": free.blocked }),
        );
        json!({
            "sequence": one.sequence,
            "at_ms": one.at.0,
            "suspended": one.suspended,
            "live_holds": one.live_holds,
            "earliest_deadline_ms": one.earliest_deadline.map(|at| at.0),
            "counts": counts.collect::<Vec<_>>(),
            "free": free.collect::<Vec<_>>(),
        })
    });
    json!({
        "event": catalog.event.as_str(),
        "sale": render::sale_name(catalog.sale),
        "edition": catalog.edition,
        "inventory": stands,
    })
}
