//! What the driver needs to be told.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Error;

/// Longest keyspace name both servers take.
const KEYSPACE_BYTES_MAX: usize = 48;

/// Where the ledger is and how it is kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port` of some nodes; the others are found through them.
    pub nodes: Vec<String>,
    /// The keyspace: lower case letters, digits and `_`, at most 48, a letter first.
    pub keyspace: String,
    /// Copies by data centre, as the servers name them. All have a say in the level of consistency:
    /// with one data centre a batch is settled within it, with several it crosses between them.
    pub replication: BTreeMap<String, u8>,
    /// Who we are, where the servers ask.
    pub credentials: Option<Credentials>,
    /// How long a request may take before it counts as unanswered. Below the servers' own write
    /// timeout (2 s) slow batches turn out unknown and are sent again; far above it an event waits
    /// that much longer for a node that died.
    pub request_timeout: Duration,
}

/// A user and the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Config {
    /// Checks what goes into the text of statements, where nothing can be bound, and what the
    /// driver would take without a word.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Config(what));
        if self.nodes.is_empty() {
            return wrong("no node is named: name at least one as host:port".into());
        }
        if !is_keyspace_name(&self.keyspace) {
            return wrong(format!(
                "the keyspace {:?} is not usable: take lower case letters, digits and _, a letter \
                 first, at most {KEYSPACE_BYTES_MAX}",
                self.keyspace
            ));
        }
        if self.replication.is_empty() {
            return wrong("no data centre is named: give each one its number of copies".into());
        }
        for (data_center, copies) in &self.replication {
            if data_center.is_empty() || !data_center.bytes().all(is_data_center_byte) {
                return wrong(format!(
                    "the data centre {data_center:?} is not usable: take letters, digits, - _ . :"
                ));
            }
            if *copies == 0 {
                return wrong(format!("{data_center} is to have no copies: leave it out instead"));
            }
        }
        if self.request_timeout.is_zero() {
            return wrong("the request timeout is zero: nothing would ever be answered".into());
        }
        Ok(())
    }

    /// The data centre, when there is exactly one.
    pub(super) fn only_data_center(&self) -> Option<&str> {
        let mut names = self.replication.keys();
        names.next().filter(|_| names.next().is_none()).map(String::as_str)
    }
}

fn is_keyspace_name(name: &str) -> bool {
    name.len() <= KEYSPACE_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_data_center_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            nodes: vec!["127.0.0.1:9042".into()],
            keyspace: "holdfast".into(),
            replication: BTreeMap::from([("datacenter1".into(), 1)]),
            credentials: None,
            request_timeout: Duration::from_secs(2),
        }
    }

    #[test]
    fn only_names_that_need_no_quoting_are_taken() {
        assert!(config().check().is_ok());
        for keyspace in ["", "Holdfast", "9lives", "a b", "a;drop", "a\"b", &"x".repeat(49)] {
            let config = Config { keyspace: keyspace.into(), ..config() };
            assert!(config.check().is_err(), "{keyspace:?}");
        }
        for data_center in ["", "a'b", "a b"] {
            let replication = BTreeMap::from([(data_center.to_owned(), 3)]);
            assert!(Config { replication, ..config() }.check().is_err(), "{data_center:?}");
        }
    }

    #[test]
    fn one_data_centre_is_told_from_several() {
        assert_eq!(config().only_data_center(), Some("datacenter1"));
        let replication = BTreeMap::from([("east".into(), 3), ("west".into(), 3)]);
        assert_eq!(Config { replication, ..config() }.only_data_center(), None);
    }

    #[test]
    fn a_password_is_not_printed() {
        let credentials = Credentials { user: "ann".into(), password: "secret".into() };
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
