//! A batch in a few words.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::content;
use crate::domain::ids::{EventId, RowNumber};
use crate::ports::ledger::{Batch, Blob, Expected, GuardedSeat, OpId};

/// What a batch expects and where it writes. What it writes there follows from its number.
///
/// As text `7 r5 if 4/2 out 8/7 keep def 3/- seats 3:8/5 4-9:8/-`: batch 7 moves the fence to
/// revision 5 if it is at revision 4 of batch 2. The outbox changes at 8 if it changed last at 7,
/// and keeps its bytes; a definition is written with `changed` 3 if there is none; then places,
/// one or a run of them, likewise. What must be absent is `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Names the batch, and all that it writes.
    pub number: u32,
    /// The revision it moves the event to.
    pub revision: i64,
    /// Revision and batch it must find; `None` where the event must be absent.
    pub expected: Option<(i64, u32)>,
    /// The outbox row.
    pub outbox: Mark,
    /// The definition row, if it is written.
    pub definition: Option<Mark>,
    /// Seat rows, in the order of their statements.
    pub seats: Vec<Run>,
}

/// What becomes of a blob row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its `changed` from now on.
    pub changed: i64,
    /// Its `changed` until now.
    pub guard: Option<i64>,
    /// Whether it keeps its bytes.
    pub keep: bool,
}

/// Seat rows side by side that are written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Number of the first place.
    pub first: u32,
    /// Number of the last place.
    pub last: u32,
    /// Their `changed` from now on.
    pub changed: i64,
    /// Their `changed` until now.
    pub guard: Option<i64>,
}

impl Plan {
    /// The batch itself, on this event.
    #[must_use]
    pub fn batch(&self, event: &EventId) -> Batch {
        let number = self.number;
        let blob = |mark: Mark, kind: u8| Blob {
            changed: mark.changed,
            bytes: (!mark.keep).then(|| content::bytes(number, kind)),
            guard: mark.guard,
        };
        let seats = self.seats.iter().flat_map(|run| {
            (run.first..=run.last).map(|place| GuardedSeat {
                row: content::seat(number, RowNumber(place), run.changed),
                guard: run.guard,
            })
        });
        Batch {
            event: event.clone(),
            expected: Expected {
                fence: self.expected.map(|(revision, number)| (revision, op_id(number))),
            },
            next: content::fence(number, self.revision),
            outbox: blob(self.outbox, content::OUTBOX),
            definition: self.definition.map(|mark| blob(mark, content::DEFINITION)),
            seats: seats.collect(),
        }
    }

    /// A plan of its text.
    ///
    /// # Errors
    /// Says which part is missing or not what it should be.
    pub fn read(text: &str) -> Result<Plan, String> {
        let mut words = text.split(' ').peekable();
        let mut next = |what: &str| words.next().ok_or_else(|| format!("no {what}"));
        let number = read(next("number")?)?;
        let revision = next("revision")?.strip_prefix('r').ok_or("no revision")?;
        let revision = read(revision)?;
        if next("condition")? != "if" {
            return Err("no condition".into());
        }
        let expected = match next("condition")? {
            "-" => None,
            fence => {
                let (revision, number) = fence.split_once('/').ok_or("half a fence")?;
                Some((read(revision)?, read(number)?))
            }
        };
        if next("outbox")? != "out" {
            return Err("no outbox".into());
        }
        let outbox = read_mark(&mut words)?;
        let definition = words.next_if_eq(&"def").map(|_| read_mark(&mut words)).transpose()?;
        let seats = match words.next() {
            None => vec![],
            Some("seats") => words.map(read_run).collect::<Result<_, _>>()?,
            Some(_) => return Err("words that are no part of a batch".into()),
        };
        Ok(Plan { number, revision, expected, outbox, definition, seats })
    }
}

/// The id of the batch of a number.
pub(super) fn op_id(number: u32) -> OpId {
    OpId(Uuid::from_u128(u128::from(number)))
}

fn read<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn read_mark<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> Result<Mark, String> {
    let (changed, guard) = read_guarded(words.next().ok_or("a row without a guard")?)?;
    Ok(Mark { changed, guard, keep: words.next_if_eq(&"keep").is_some() })
}

fn read_run(word: &str) -> Result<Run, String> {
    let (places, guarded) = word.split_once(':').ok_or("a place without a guard")?;
    let (first, last) = places.split_once('-').unwrap_or((places, places));
    let (changed, guard) = read_guarded(guarded)?;
    Ok(Run { first: read(first)?, last: read(last)?, changed, guard })
}

fn read_guarded(word: &str) -> Result<(i64, Option<i64>), String> {
    let (changed, guard) = word.split_once('/').ok_or("a row without a guard")?;
    let guard = (guard != "-").then(|| read(guard)).transpose()?;
    Ok((read(changed)?, guard))
}

/// What must be found, or `-`.
struct Guard(Option<i64>);

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("-"),
            Some(changed) => write!(f, "{changed}"),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keep = if self.keep { " keep" } else { "" };
        write!(f, "{}/{}{keep}", self.changed, Guard(self.guard))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Places(self.first, self.last))?;
        write!(f, ":{}/{}", self.changed, Guard(self.guard))
    }
}

/// One place, or a run of them.
pub(super) struct Places(pub(super) u32, pub(super) u32);

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Places(first, last) = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} r{} if ", self.number, self.revision)?;
        match self.expected {
            None => f.write_str("-")?,
            Some((revision, number)) => write!(f, "{revision}/{number}")?,
        }
        write!(f, " out {}", self.outbox)?;
        if let Some(definition) = self.definition {
            write!(f, " def {definition}")?;
        }
        if !self.seats.is_empty() {
            f.write_str(" seats")?;
        }
        self.seats.iter().try_for_each(|run| write!(f, " {run}"))
    }
}
