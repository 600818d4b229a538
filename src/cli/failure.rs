//! Why a verb did not do what it was asked to, and the exit status that says so.

use std::fmt;
use std::io;

use crate::kafka::cluster;
use crate::ports::ledger::ReadError;
use crate::ports::log::{self, ErrorKind};
use crate::{config, cql};

/// Something was found, or refused below.
const FOUND: u8 = 1;
/// The command line or the configuration is wrong.
const USAGE: u8 = 2;
/// A server was not reached, or did not answer in time.
const UNREACHABLE: u8 = 3;

/// The end of a verb that could not go on.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit status.
    pub(super) status: u8,
    error: anyhow::Error,
}

impl Failure {
    /// The command line or the configuration does not go with what is asked.
    pub(super) fn usage(sentence: impl Into<String>) -> Failure {
        Failure { status: USAGE, error: anyhow::Error::msg(sentence.into()) }
    }

    /// What is asked for is not there.
    pub(super) fn absent(sentence: impl Into<String>) -> Failure {
        Failure { status: FOUND, error: anyhow::Error::msg(sentence.into()) }
    }

    /// Whoever was asked said no.
    pub(super) fn declined() -> Failure {
        Failure { status: FOUND, error: anyhow::Error::msg("nothing has been done") }
    }

    /// No answer came.
    pub(super) fn unanswered(sentence: impl Into<String>) -> Failure {
        Failure { status: UNREACHABLE, error: anyhow::Error::msg(sentence.into()) }
    }

    /// Whether whoever reads our output has gone.
    pub(super) fn is_broken_pipe(&self) -> bool {
        let error = self.error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The whole chain, once, on one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Failure {
        Failure { status: USAGE, error: error.into() }
    }
}

impl From<cluster::Error> for Failure {
    fn from(error: cluster::Error) -> Failure {
        Failure { status: status_of_kafka(&error), error: error.into() }
    }
}

impl From<log::Error> for Failure {
    fn from(error: log::Error) -> Failure {
        Failure { status: status_of_log(&error), error: error.into() }
    }
}

impl From<cql::Error> for Failure {
    fn from(error: cql::Error) -> Failure {
        Failure { status: status_of_ledger(&error), error: error.into() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { status: FOUND, error: error.into() }
    }
}

/// What ends a worker or an audit: a server that does not answer, or something found.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        let read = |error: &ReadError| match error {
            ReadError::Unavailable(_) => UNREACHABLE,
            ReadError::Corrupt(_) => FOUND,
        };
        let log = error.downcast_ref().map(status_of_log);
        let kafka = || error.downcast_ref().map(status_of_kafka);
        let ledger = || error.downcast_ref().map(status_of_ledger);
        let status = log.or_else(kafka).or_else(ledger);
        let status = status.or_else(|| error.downcast_ref().map(read));
        Failure { status: status.unwrap_or(FOUND), error }
    }
}

const fn status_of_log(error: &log::Error) -> u8 {
    match error.kind {
        ErrorKind::Settings => USAGE,
        ErrorKind::Unreachable | ErrorKind::Unknown | ErrorKind::Stalled => UNREACHABLE,
        ErrorKind::Failed => FOUND,
    }
}

const fn status_of_kafka(error: &cluster::Error) -> u8 {
    match error {
        cluster::Error::Settings(_) => USAGE,
        cluster::Error::Unreachable { .. }
        | cluster::Error::Unknown { .. }
        | cluster::Error::Stalled { .. } => UNREACHABLE,
        cluster::Error::MissingTopic(_)
        | cluster::Error::Forbidden { .. }
        | cluster::Error::Refused { .. }
        | cluster::Error::Unreadable { .. } => FOUND,
    }
}

const fn status_of_ledger(error: &cql::Error) -> u8 {
    match error {
        cql::Error::Config(_) => USAGE,
        cql::Error::Unreachable { .. } => UNREACHABLE,
        cql::Error::DataCenter { .. }
        | cql::Error::NoKeyspace { .. }
        | cql::Error::Differs { .. }
        | cql::Error::NoIdentity { .. }
        | cql::Error::OtherCluster { .. }
        | cql::Error::Statement { .. } => FOUND,
    }
}
