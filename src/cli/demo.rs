//! `holdfast demo`: an onsale from its opening to its audit.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedI64ValueParser;

use super::failure::Failure;
use super::output::Output;
use super::{Ending, arguments};
use crate::demo::crowd::Plan;
use crate::demo::progress::{self, Colour, Snapshot};
use crate::demo::{self, On, Options, Screen, Servers};

/// Sell one hot event out to a crowd, and audit the sale
///
/// Puts an event on sale and sends a crowd: buyers claim, abandon, confirm, release, cancel, send
/// things twice and ask for what is gone, until the house is sold out and quiet. Then the sale is
/// audited from its topics and held against the ledger. It runs on an embedded log and ledger in a
/// folder of its own, which is removed, or made within that of --embedded and kept; or on servers,
/// with topics and a keyspace of its own, which are kept. The same seed brings the same people.
/// Exit status 1 when the verdict is not clean.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                        holdfast demo\n  \
                        holdfast demo --seats 2000 --buyers 5000 --headless --json | jq .verdict\n  \
                        holdfast demo --kafka 127.0.0.1:9092 --cql 127.0.0.1:9042")]
pub(super) struct Arguments {
    /// Places of the house
    #[arg(long, default_value_t = 20_000, value_parser = whole(100..=200_000))]
    seats: u32,
    /// Buyers who come
    #[arg(long, default_value_t = 50_000, value_parser = whole(1..=1_000_000))]
    buyers: u32,
    /// Buyers who come in a second; fewer where the log is slower
    #[arg(long, default_value_t = 4_000, value_parser = whole(1..=100_000))]
    rate: u32,
    /// How long a hold lasts, from 1s to 1m
    #[arg(long, default_value = "3s", value_parser = ttl)]
    ttl: Duration,
    /// Where all chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A plain line a second instead of a screen; so it is anyway where there is no terminal
    #[arg(long)]
    headless: bool,
    /// A Kafka broker to run on instead, with topics of its own
    #[arg(long, value_name = "HOST:PORT", requires = "cql")]
    kafka: Option<String>,
    /// A node of ScyllaDB or Cassandra to run on instead, with a keyspace of its own
    #[arg(long, value_name = "HOST:PORT", requires = "kafka")]
    cql: Option<String>,
}

fn whole(range: std::ops::RangeInclusive<i64>) -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(range)
}

fn ttl(text: &str) -> Result<Duration, String> {
    let length = arguments::length(text)?;
    let bounds = Duration::from_secs(1)..=Duration::from_mins(1);
    if bounds.contains(&length) { Ok(length) } else { Err("take from 1s to 1m".into()) }
}

/// `embedded` is the folder of `--embedded`, if there is one.
pub(super) fn execute(
    arguments: &Arguments,
    embedded: Option<PathBuf>,
    output: Output,
) -> Result<Ending, Failure> {
    let Arguments { seats, buyers, rate, ttl, seed, headless, kafka, cql } = arguments;
    let on = match (kafka.clone(), cql.clone()) {
        (Some(kafka), Some(cql)) => On::Servers(Servers { kafka, cql }),
        (_, _) => On::Embedded(embedded),
    };
    let plan = Plan { buyers: *buyers, rate: *rate, ttl: *ttl, seed: *seed };
    let options = Options { seats: *seats, plan, on };
    let summary = if *headless || !io::stderr().is_terminal() {
        demo::run(&options, &mut Lines { output, next: Duration::ZERO })?
    } else {
        let colour = match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Colour::Plain,
            Some(_) | None => Colour::Ansi,
        };
        demo::run(&options, &mut Block { output, colour, height: 0 })?
    };
    output.data(&summary, &summary.json())?;
    Ok(if summary.is_clean() { Ending::Done } else { Ending::Found })
}

/// A line a second.
struct Lines {
    output: Output,
    next: Duration,
}

impl Screen for Lines {
    fn say(&mut self, sentence: &str) {
        self.output.words(sentence);
    }

    fn draw(&mut self, now: &Snapshot) {
        if now.elapsed >= self.next || now.phase == progress::QUIET {
            self.next = now.elapsed + Duration::from_secs(1);
            self.output.words(progress::line(now));
        }
    }
}

/// A block that is drawn over itself.
struct Block {
    output: Output,
    colour: Colour,
    /// Lines of the block as it stands on the screen.
    height: usize,
}

impl Screen for Block {
    fn say(&mut self, sentence: &str) {
        self.output.words(sentence);
        self.height = 0;
    }

    fn draw(&mut self, now: &Snapshot) {
        let lines = progress::block(now, self.colour);
        let mut text = String::new();
        if self.height > 0 {
            text = format!("\x1b[{}A", self.height);
        }
        for line in &lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        self.height = lines.len();
        // There is nobody to tell that stderr is gone.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
