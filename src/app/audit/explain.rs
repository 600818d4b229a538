//! Tells the story of one request, or of one place, from the topics.
//!
//! It judges nothing: what the outcomes say is what happened. Who else had a place is followed
//! along the way, so that a refusal can name the rival's hold with its buyer, and what became of
//! it.
//!
//! # Invariants
//! - Memory does not grow with the log: places in live holds and bookings are kept, and of each
//!   place whose it was last; a story has at most [`TURNS_MAX`] parts and says how many more there
//!   are.

mod followed;
mod story;

use super::Backend;
use super::progress::Progress;
use super::side_by_side::{SideBySide, Span, Step};
use crate::domain::ids::{BuyerId, EventId, HoldId, Partition, RequestId};
use crate::domain::outcome::Outcome;
use crate::domain::refusal::Code;
use crate::domain::seat::Cause;
use crate::domain::time::At;
use crate::ports::log::Topic;

/// Parts of one story: records of an id, holders of a place. Of more the last ones are told.
pub const TURNS_MAX: usize = 1_000;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Every record with this id.
    Request(RequestId),
    /// A place of an event, by its full name.
    Seat(EventId, String),
}

/// A moment on the log: the offset of the request that caused it, and log time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Offset of the request.
    pub offset: i64,
    /// When it was decided.
    pub at: At,
}

/// What became of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is live, as far as the topics tell.
    Held {
        /// When it ends by itself, but for the grace.
        deadline: At,
    },
    /// It became a booking.
    Booked(Moment),
    /// It left its places, or the place in question.
    Left(Moment, Cause),
}

/// A hold, as whoever asks about it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub hold: HoldId,
    /// Whose it is.
    pub buyer: BuyerId,
    /// Its claim.
    pub claimed: Moment,
    /// What became of it.
    pub fate: Fate,
}

/// A record of a request and what it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Its partition.
    pub partition: Partition,
    /// Its offset.
    pub offset: i64,
    /// When it was appended.
    pub appended: At,
    /// Its event.
    pub event: EventId,
    /// For whom it was asked.
    pub buyer: Option<BuyerId>,
    /// What was asked, in one word.
    pub kind: &'static str,
    /// Its answer last, what else it caused before that; none where nobody has answered.
    pub outcomes: Vec<Outcome>,
    /// Who had the places that a refusal lists, and what became of that.
    pub rivals: Vec<(String, Holder)>,
    /// The hold that it made or named, where that is known.
    pub own: Option<Holder>,
}

impl Asking {
    /// The code it was refused with.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.outcomes.last().and_then(Outcome::code)
    }
}

/// Somebody who had a place, or a block it was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub who: Who,
    /// Since when.
    pub from: Moment,
    /// When it was paid for.
    pub booked: Option<Moment>,
    /// Until when, and why no longer.
    pub to: Option<(Moment, Cause)>,
}

/// Who may have a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A hold of a buyer.
    Hold(HoldId, BuyerId),
    /// Nobody: it was kept from sale for this reason.
    Block(String),
}

/// A story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Story {
    /// All records of an id, in their order.
    Request(Vec<Asking>),
    /// All who had a place, in their order.
    Seat(Vec<Turn>),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The story, as far as it has room.
    pub story: Story,
    /// Parts that were left out before it.
    pub left_out: u64,
}

impl Explained {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.story {
            Story::Request(askings) => askings.is_empty(),
            Story::Seat(turns) => turns.is_empty(),
        }
    }
}

/// Reads partitions until something is found to tell. Answers that are not there yet are not waited
/// for.
///
/// # Errors
/// When the log cannot be read.
pub fn explain(
    backend: &Backend,
    partitions: &[Partition],
    question: &Question,
    tell: impl FnMut(&str),
) -> anyhow::Result<Explained> {
    let mut progress = Progress::new(tell);
    let mut log = SideBySide::open(&*backend.log)?;
    let mut teller = story::Teller::new(question.clone());
    for &partition in partitions {
        let span = Span { partition, end: log.asked().end(Topic::Requests, partition)? };
        progress.begin(format!("partition {partition}"), "offsets", span.end);
        log.read(&span, &mut |step| {
            if let Step::Request(record) = &step {
                progress.at(record.offset + 1);
            }
            teller.take(partition, step);
            Ok(())
        })?;
        if !teller.is_empty() {
            break;
        }
        teller = story::Teller::new(question.clone());
    }
    Ok(teller.finish())
}
