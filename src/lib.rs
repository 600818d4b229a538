//! Holdfast sells numbered seats and general-admission places through an onsale spike, and never
//! sells one twice.
//!
//! Apps put **requests** on a Kafka topic, keyed by event. One **owner** per partition decides them
//! in order against a **ledger** (ScyllaDB, lightweight transactions) and publishes **outcomes**:
//! held, booked, released, changed, refused. Holds end by themselves; an expiry worker wakes the
//! events where nobody asks for anything.
//!
//! # The promises, in order of precedence
//!
//! 1. A seat has at most one holder at any point of the log, under every fault: refuse, never
//!    guess.
//! 2. Every request record gets exactly one answer, on its own partition, in the order of requests
//!    per event, for read-committed readers. The answer to bytes that do not decode is one dead
//!    letter.
//! 3. A hold never ends before its deadline by log time, and soon after it.
//! 4. All of it can be checked again from the topics alone, by code that shares no rule with this
//!    one.
//!
//! # How a request travels
//!
//! 1. It reaches the request topic, in the partition that [`wire::partitioner`] gives its event.
//!    The broker's append time becomes its time, for good.
//! 2. [`kafka::owner`] holds the partition under a term: proof, made in a Kafka transaction, that
//!    no later owner has taken it. It hands the record over as bytes, with what [`seal`] says of
//!    its signature.
//! 3. [`engine::arrival`] decodes it by [`wire::request`], clamps its time and asks
//!    [`engine::window`] whether the id was met before.
//! 4. The first record of an event in an assignment makes the [`engine`] take the event over: it
//!    fences earlier owners out of the ledger, reads the rows and holds them against what is
//!    published.
//! 5. [`domain::decide`] makes a decision of request and state: the lapsed holds it ends, one
//!    answer, and the changes behind them. [`domain::change`] applies those to memory at once.
//! 6. All it publishes is encoded ([`wire::outcome`], [`wire::catalog`]) into one entry. Entries go
//!    into the event's outbox ([`wire::outbox`]) together with the changed seats, in one
//!    conditional batch: [`ports::ledger`] says what that promises, [`cql`] keeps it. It applied,
//!    it was rejected, or nobody knows; then the same batch is sent again.
//! 7. A contiguous prefix of settled entries becomes one Kafka transaction with the inventory
//!    ([`wire::inventory`]) and the consumer's position: [`ports::log`] and [`kafka::owner`] again.
//!    From here on the answer is public, and the next batch of the event drops it from the outbox.
//! 8. [`audit`] reads requests and outcomes back and finds what is not as it must be.
//!
//! # The house, in reading order
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the pure heart: ids, layout, requests, outcomes, state, decisions, all limits |
//! | [`wire`] | every record as Avro, and nothing but encoding |
//! | [`ports`] | what logic needs of log, ledger and clock: shapes and contracts |
//! | [`engine`] | the owner as a state machine without IO |
//! | [`expiry`] | the delayed-expiry worker, likewise without IO |
//! | [`audit`] | the independent model that re-checks a sale |
//! | [`seal`] | signatures of who may ask what only operators and our own workers may ask |
//! | [`kafka`] | the log on Kafka |
//! | [`cql`] | the ledger on ScyllaDB, or Cassandra |
//! | [`embedded`] | both in one file, for one machine |
//! | [`config`] | the configuration, one file per section |
//! | [`app`] | wiring: the one place that puts drivers beside logic, starts and drains them |
//! | [`bench`](mod@bench) | workloads and measured baselines |
//! | `sim` | worlds on one thread, from one seed: drivers of the feature `sim` |
//! | [`cli`] | one file per verb; words on stderr, data on stdout |
//!
//! # Who may use whom
//!
//! `domain` <- `wire` <- `ports` <- logic (`engine`, `expiry`, `audit`) and drivers (`seal`,
//! `kafka`, `cql`, `embedded`) <- `app` <- `cli`. Logic sees ports, never drivers; drivers never
//! see logic. Two exceptions: `wire` uses the shapes of [`ports::log`], since what it encodes goes
//! to a topic under a key; and `config` makes what drivers take from what operators write, for
//! `app` and `cli` alone. `rdkafka`, `scylla`, `redb`, `apache-avro` and `clap` each live in one
//! folder. `tests/tidy.rs` checks all of it.
//!
//! # What is always so
//!
//! - One mutator: an event changes by [`EventState::apply`](domain::event::EventState::apply),
//!   live, when read from the ledger and in replay.
//! - What is decided depends on the log and on what each outcome records, not on batches or owners.
//! - The ledger refuses a second sale even if memory were wrong: every batch carries the event's
//!   revision and, for each row, the sequence last seen.
//! - Nothing is published that rests on a change the ledger may not have.
//! - Every bound is named, with its unit, in [`domain::limits`]; every queue has one, and being
//!   full is an ordinary state.
//! - Refusals are ordinary outcomes with frozen codes ([`domain::refusal`]); of all reasons the
//!   lowest code is told.
//!
//! # What never is
//!
//! - Nothing in `domain` or `engine` waits, asks what time it is, draws a number or makes an id.
//! - Nobody but `cql` and `embedded` writes the ledger, and only on behalf of an owner that holds
//!   the term. The expiry worker never does: it asks, like everybody else.
//! - Nobody scans an event to answer a request: the indexes of [`domain::event`] keep it cheap at
//!   200,000 seats.
//! - No record holds personal data: buyers, references and actors are opaque ids of the upstream
//!   app.
//! - No configuration is global, no secret is printed, and no name of a driver appears in logic.
//! - No outcome is taken back. What went wrong is put right by a later one.

pub mod app;
pub mod audit;
pub mod bench;
pub mod cli;
pub mod config;
pub mod cql;
pub mod demo;
pub mod domain;
pub mod embedded;
pub mod engine;
pub mod expiry;
pub mod kafka;
pub mod ports;
pub mod seal;
#[cfg(feature = "sim")]
pub mod sim;
pub mod wire;
