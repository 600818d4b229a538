//! What can be wrong with a file people write: one sentence that names the file and the place.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a configuration, or a definition, cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// None was given.
    #[error(
        "no configuration is given: name its file with --config or in HOLDFAST_CONFIG; \
         docker/holdfast.toml is one to begin with"
    )]
    NoFile,
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, has an unknown key, or a value of the wrong type.
    #[error("{}, line {line}: {problem}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        problem: Problem,
    },
    /// A value that cannot work.
    #[error("{}, [{section}]: {sentence}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The section.
        section: &'static str,
        /// Which key, what is wrong, what to do.
        sentence: String,
    },
    /// A definition that no event can be made of.
    #[error("{}: {sentence}", path.display())]
    Definition {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        sentence: String,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A key nobody reads.
    UnknownKey {
        /// The key.
        key: String,
        /// A known one that looks like it.
        nearest: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// Anything else, in the words of the reader of TOML.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnknownKey { key, nearest: Some(nearest), .. } => {
                write!(f, "the key \"{key}\" is not known; \"{nearest}\" is")
            }
            Problem::UnknownKey { key, known, .. } => {
                write!(f, "the key \"{key}\" is not known; known here: {}", known.join(", "))
            }
            Problem::Other(text) => f.write_str(text),
        }
    }
}

impl Error {
    /// Turns what the reader of TOML says into one sentence with its place.
    pub(super) fn toml(path: &Path, text: &str, source: &toml::de::Error) -> Error {
        let start = source.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count();
        Error::Toml { path: path.to_owned(), line, problem: problem(source.message()) }
    }
}

/// Reads serde's sentence: "unknown field `a`, expected one of `b`, `c`".
fn problem(message: &str) -> Problem {
    let message = message.trim_end();
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return Problem::Other(message.replace('\n', " "));
    };
    let mut names = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    let Some(key) = names.next() else {
        return Problem::Other(message.to_owned());
    };
    let known: Vec<String> = names.collect();
    let nearest = known.iter().min_by_key(|name| distance(&key, name));
    let nearest = nearest.filter(|name| distance(&key, name) <= (key.len() / 3).max(2));
    Problem::UnknownKey { nearest: nearest.cloned(), key, known }
}

/// How many letters have to be added, dropped or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("bootstap", "bootstrap"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
