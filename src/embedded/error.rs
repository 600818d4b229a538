//! Why the file cannot be worked with.

use std::path::PathBuf;

use thiserror::Error;

use crate::ports::log::{self, ErrorKind};

/// Why the embedded store was not opened, read or written.
#[derive(Debug, Error)]
pub enum Error {
    /// The folder cannot be made or written.
    #[error("folder {path} cannot be used ({source}): name one that this user may write to")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error(
        "{path} cannot be opened ({why}): see that it is this user's, whole and on a local disk"
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// What redb says.
        why: String,
    },
    /// The file was made for something else.
    #[error(
        "{path} was made with {found} partitions, and {declared} are declared: declare {found}"
    )]
    Partitions {
        /// Which.
        path: PathBuf,
        /// What it has.
        found: i32,
        /// What was asked for.
        declared: i32,
    },
    /// The file is of another release.
    #[error("{path} has format {found}, and this release works with {known}: use its own release")]
    Format {
        /// Which.
        path: PathBuf,
        /// What it has.
        found: u64,
        /// What we know.
        known: u64,
    },
    /// Another process works on the file now.
    #[error(
        "another owner has begun to work on {0}: this one ends, since only one works at a time"
    )]
    Superseded(PathBuf),
    /// Reading failed.
    #[error("the embedded store cannot be read ({0}): check the disk, then start again")]
    Read(String),
    /// Writing failed.
    #[error(
        "the embedded store cannot be written ({0}): make room or mend the disk, then start again; \
         what was answered is kept"
    )]
    Write(String),
}

impl From<Error> for log::Error {
    fn from(error: Error) -> log::Error {
        log::Error { kind: ErrorKind::Failed, sentence: error.to_string() }
    }
}
