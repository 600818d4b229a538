//! What may be asked.

use super::ids::{BuyerId, EventId, HoldId, Reference, RequestId};
use super::layout::{Definition, Layout};
use super::limits::{BLOCK_SEATS_MAX, FULL_NAME_BYTES_MAX, NAME_BYTES_MAX, SEATS_PER_REQUEST_MAX};
use super::refusal::{Code, Refusal};
use super::time::At;

/// A record that asks for a change of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its id, a version 7 UUID; a claim's id becomes the id of the hold.
    pub id: RequestId,
    /// The event it is about; also the key of the record.
    pub event: EventId,
    /// What is asked.
    pub body: Body,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Make the event known, closed to claims at first. Signed.
    Define(Box<Define>),
    /// Give a known event another definition. Signed.
    Amend(Box<Amend>),
    /// Begin or resume the sale. Signed.
    Open(Administration),
    /// End the sale. Signed.
    Close(Administration),
    /// Interrupt the sale. Signed.
    Pause(Administration),
    /// Let the event not take place; final. Signed.
    CallOff(Administration),
    /// Keep places from sale. Signed.
    Block(Block),
    /// Put blocked places on sale. Signed.
    Unblock(Unblock),
    /// Set places aside.
    Claim(Claim),
    /// Turn a hold into a booking.
    Confirm(Confirm),
    /// Move a hold's deadline.
    Extend(Extend),
    /// Give a hold back.
    Release(Release),
    /// Give places of a booking back.
    Cancel(Cancel),
    /// Give places of a booking back and have others for them.
    Exchange(Exchange),
    /// End the holds that have lapsed. Signed; made by the expiry worker.
    Expire,
}

/// The definition of a new event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Define {
    /// What is on sale.
    pub definition: Definition,
    /// Who asks, for the record: up to [`NAME_BYTES_MAX`] bytes without control characters.
    pub actor: String,
}

/// Another definition for an event, on sale or not. Places that are in both keep who has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amend {
    /// The edition of the event the operator had before their eyes.
    pub edition: i64,
    /// Who asks, for the record: up to [`NAME_BYTES_MAX`] bytes without control characters.
    pub actor: String,
    /// What is on sale from now on, the whole of it.
    pub definition: Definition,
}

/// An operator's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administration {
    /// The edition of the event the operator had before their eyes.
    pub edition: i64,
    /// Who asks, for the record: up to [`NAME_BYTES_MAX`] bytes without control characters.
    pub actor: String,
}

/// Places to be kept from sale: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The edition of the event the operator had before their eyes.
    pub edition: i64,
    /// Who asks, for the record: up to [`NAME_BYTES_MAX`] bytes without control characters.
    pub actor: String,
    /// What for, such as `press`: one to [`NAME_BYTES_MAX`] bytes without control characters.
    pub reason: String,
    /// Which, in up to [`BLOCK_SEATS_MAX`] lines; a place that two of them mean counts once.
    pub places: Vec<Target>,
}

/// Blocked places to be put on sale: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unblock {
    /// The edition of the event the operator had before their eyes.
    pub edition: i64,
    /// Who asks, for the record: up to [`NAME_BYTES_MAX`] bytes without control characters.
    pub actor: String,
    /// Which, in up to [`BLOCK_SEATS_MAX`] lines; a place that two of them mean counts once.
    pub places: Vec<Target>,
}

/// One line of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All that a name means: a seat `section/row/seat`, a row `section/row`, a section, or place
    /// `section/n` of general admission.
    Named(String),
    /// So many places of a general-admission section.
    Places {
        /// The section.
        section: String,
        /// How many.
        count: u32,
    },
}

/// A wish for places: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// For whom.
    pub buyer: BuyerId,
    /// What is wanted, in up to [`SEATS_PER_REQUEST_MAX`] lines, which are judged together.
    pub lines: Vec<Line>,
    /// Sum in minor units that the buyer has been shown; a different one is refused.
    pub expected_price: Option<i64>,
    /// Asked by staff: limits do not bind it, and seats it names may be blocked. Signed.
    pub staff_override: bool,
    /// For somebody who needs a wheelchair bay: seats it names may be kept for such.
    pub accessible: bool,
}

/// One line of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A numbered seat by its full name.
    Seat {
        /// `section/row/seat`.
        name: String,
        /// The tier the buyer believes it to be sold in.
        tier: Option<String>,
    },
    /// So many places of a general-admission section.
    Places {
        /// The section.
        section: String,
        /// The tier; the section's first where none is named.
        tier: Option<String>,
        /// How many.
        count: u32,
    },
    /// So many numbered seats next to each other, chosen by the event.
    Best(Best),
}

/// A wish for the best seats there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    /// The section; any where none is named.
    pub section: Option<String>,
    /// The tier; any where none is named.
    pub tier: Option<String>,
    /// Most that a seat may cost, in minor units.
    pub max_price: Option<i64>,
    /// How many.
    pub count: u32,
    /// Whether they may be parted where they cannot be had next to each other.
    pub split: bool,
    /// How many of them are to be wheelchair bays.
    pub bays: u32,
}

/// The end of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Whose hold.
    pub buyer: BuyerId,
    /// Which hold.
    pub hold: HoldId,
    /// The payment it rests on.
    pub reference: Reference,
}

/// A wish for more time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// Whose hold.
    pub buyer: BuyerId,
    /// Which hold.
    pub hold: HoldId,
    /// Until when. A hold is never shortened by it.
    pub deadline: At,
}

/// The end of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose hold.
    pub buyer: BuyerId,
    /// Which hold.
    pub hold: HoldId,
}

/// The end of a booking, or of some of its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Whose booking.
    pub buyer: BuyerId,
    /// The hold it was.
    pub hold: HoldId,
    /// Full names of the places to give back, up to [`SEATS_PER_REQUEST_MAX`], none twice; none at
    /// all means the whole booking.
    pub seats: Vec<String>,
    /// The block they are to go to, all of them, in the same decision (F27): what for, one to
    /// [`NAME_BYTES_MAX`] bytes without control characters. Asked by staff, and signed. Without it
    /// each place goes back where it came from.
    pub block: Option<String>,
}

/// Other places for a booking: all of the exchange or none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Whose booking.
    pub buyer: BuyerId,
    /// The hold it was, and stays.
    pub hold: HoldId,
    /// Full names of the places to give back: one to [`SEATS_PER_REQUEST_MAX`], none twice.
    pub seats: Vec<String>,
    /// What is wanted for them, as in a [`Claim`], seats by name or so many places; no seat that is
    /// given back.
    pub lines: Vec<Line>,
    /// What the buyer has been shown to pay more in minor units, or to get back where it is
    /// negative; another difference is refused. It is the difference and not a total, because it is
    /// what moves: prices booked at are pinned, and a total would change with every other place of
    /// the booking that is given back meanwhile.
    pub expected_difference: Option<i64>,
}

impl Request {
    /// Whether only holders of a signing key may ask this.
    #[must_use]
    pub fn needs_signature(&self) -> bool {
        match &self.body {
            Body::Define(_)
            | Body::Amend(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Block(_)
            | Body::Unblock(_)
            | Body::Expire => true,
            Body::Claim(claim) => claim.staff_override,
            Body::Cancel(cancel) => cancel.block.is_some(),
            Body::Confirm(_) | Body::Extend(_) | Body::Release(_) | Body::Exchange(_) => false,
        }
    }

    /// Whether it goes stale and its id must lie in the window: whatever makes a new promise or
    /// comes from an operator. What settles a promise is answered by the state of the event for
    /// ever.
    #[must_use]
    pub fn goes_stale(&self) -> bool {
        match &self.body {
            Body::Define(_)
            | Body::Amend(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Block(_)
            | Body::Unblock(_)
            | Body::Claim(_)
            | Body::Extend(_)
            | Body::Exchange(_) => true,
            Body::Confirm(_) | Body::Release(_) | Body::Cancel(_) | Body::Expire => false,
        }
    }

    /// The hold it names, where it names one.
    #[must_use]
    pub fn hold(&self) -> Option<HoldId> {
        match &self.body {
            Body::Confirm(confirm) => Some(confirm.hold),
            Body::Extend(extend) => Some(extend.hold),
            Body::Release(release) => Some(release.hold),
            Body::Cancel(cancel) => Some(cancel.hold),
            Body::Exchange(exchange) => Some(exchange.hold),
            Body::Define(_)
            | Body::Amend(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Block(_)
            | Body::Unblock(_)
            | Body::Claim(_)
            | Body::Expire => None,
        }
    }

    /// For whom it is asked, where it is for somebody.
    #[must_use]
    pub fn buyer(&self) -> Option<&BuyerId> {
        match &self.body {
            Body::Claim(claim) => Some(&claim.buyer),
            Body::Confirm(confirm) => Some(&confirm.buyer),
            Body::Extend(extend) => Some(&extend.buyer),
            Body::Release(release) => Some(&release.buyer),
            Body::Cancel(cancel) => Some(&cancel.buyer),
            Body::Exchange(exchange) => Some(&exchange.buyer),
            Body::Define(_)
            | Body::Amend(_)
            | Body::Open(_)
            | Body::Close(_)
            | Body::Pause(_)
            | Body::CallOff(_)
            | Body::Block(_)
            | Body::Unblock(_)
            | Body::Expire => None,
        }
    }

    /// Checks what can be checked without the event. What passes is bounded in all its parts, so
    /// that its answer is.
    ///
    /// # Errors
    /// `bad-request` with a sentence.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.id.made_at().is_none() {
            return bad("the request id is not a version 7 UUID");
        }
        match &self.body {
            Body::Claim(claim) => claim.check(),
            Body::Define(define) => self.check_definition(&define.definition, &define.actor),
            Body::Amend(amend) => self.check_definition(&amend.definition, &amend.actor),
            Body::Open(ask) | Body::Close(ask) | Body::Pause(ask) | Body::CallOff(ask) => {
                check_text("actor", &ask.actor, NAME_BYTES_MAX)
            }
            Body::Block(ask) => {
                check_text("actor", &ask.actor, NAME_BYTES_MAX)?;
                check_reason(&ask.reason)?;
                check_targets(&ask.places)
            }
            Body::Unblock(ask) => {
                check_text("actor", &ask.actor, NAME_BYTES_MAX)?;
                check_targets(&ask.places)
            }
            Body::Cancel(cancel) => cancel.check(),
            Body::Exchange(exchange) => exchange.check(),
            Body::Confirm(_) | Body::Extend(_) | Body::Release(_) | Body::Expire => Ok(()),
        }
    }

    fn check_definition(&self, definition: &Definition, actor: &str) -> Result<(), Refusal> {
        if definition.event != self.event {
            return bad("the definition names another event than its record");
        }
        check_text("actor", actor, NAME_BYTES_MAX)?;
        let compiled = Layout::compile(definition.clone());
        compiled.map_or_else(|error| bad(error.to_string()), |_| Ok(()))
    }
}

fn bad(detail: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::because(Code::BadRequest, detail))
}

/// A text that answers repeat: short enough, and fit for a screen.
fn check_text(what: &str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.len() > bytes_max {
        return bad(format!("the {what} is longer than {bytes_max} bytes"));
    }
    if text.contains(char::is_control) {
        return bad(format!("the {what} has a control character"));
    }
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.is_empty() {
        return bad("the block has no reason");
    }
    check_text("reason", reason, NAME_BYTES_MAX)
}

fn check_targets(places: &[Target]) -> Result<(), Refusal> {
    if places.is_empty() {
        return bad("no places are named");
    }
    if places.len() > BLOCK_SEATS_MAX {
        return bad(format!("places are named in more than {BLOCK_SEATS_MAX} lines"));
    }
    for target in places {
        let (Target::Named(name) | Target::Places { section: name, .. }) = target;
        check_text("place or section of a line", name, FULL_NAME_BYTES_MAX)?;
        if let Target::Places { section, count: 0 } = target {
            return bad(format!("zero places of section {section}"));
        }
    }
    Ok(())
}

/// A name that is there twice.
fn check_twice(mut names: Vec<&str>) -> Result<(), Refusal> {
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => bad(format!("seat {} is named twice", pair[0])),
        None => Ok(()),
    }
}

impl Cancel {
    fn check(&self) -> Result<(), Refusal> {
        check_given_back("cancel", &self.seats)?;
        self.block.as_deref().map_or(Ok(()), check_reason)
    }
}

/// Names of places to give back.
fn check_given_back(by: &str, seats: &[String]) -> Result<(), Refusal> {
    if seats.len() > SEATS_PER_REQUEST_MAX {
        return bad(format!("the {by} names more than {SEATS_PER_REQUEST_MAX} seats"));
    }
    for seat in seats {
        check_text("seat", seat, FULL_NAME_BYTES_MAX)?;
    }
    check_twice(seats.iter().map(String::as_str).collect())
}

impl Exchange {
    fn check(&self) -> Result<(), Refusal> {
        if self.seats.is_empty() {
            return bad("the exchange gives nothing back");
        }
        check_given_back("exchange", &self.seats)?;
        if self.lines.is_empty() {
            return bad("the exchange wants nothing");
        }
        if self.lines.iter().any(|line| matches!(line, Line::Best(_))) {
            return bad("an exchange names its seats: the event chooses for a claim only");
        }
        self.wish().check()?;
        let wanted = self.lines.iter().filter_map(|line| match line {
            Line::Seat { name, .. } => Some(name),
            Line::Places { .. } | Line::Best(_) => None,
        });
        check_twice(self.seats.iter().chain(wanted).map(String::as_str).collect())
    }

    /// What it wants, as a claim would say it.
    #[must_use]
    pub fn wish(&self) -> Claim {
        Claim {
            buyer: self.buyer.clone(),
            lines: self.lines.clone(),
            expected_price: None,
            staff_override: false,
            accessible: false,
        }
    }
}

impl Claim {
    fn check(&self) -> Result<(), Refusal> {
        if self.lines.is_empty() {
            return bad("the claim has no lines");
        }
        if self.lines.len() > SEATS_PER_REQUEST_MAX {
            return bad(format!("the claim has more than {SEATS_PER_REQUEST_MAX} lines"));
        }
        let mut names: Vec<&str> = vec![];
        for line in &self.lines {
            let (place, tier) = match line {
                Line::Seat { name: place, tier } | Line::Places { section: place, tier, .. } => {
                    (Some(place), tier)
                }
                Line::Best(best) => (best.section.as_ref(), &best.tier),
            };
            let place = place.map_or("", String::as_str);
            check_text("seat or section of a line", place, FULL_NAME_BYTES_MAX)?;
            check_text("tier of a line", tier.as_deref().unwrap_or(""), FULL_NAME_BYTES_MAX)?;
            match line {
                Line::Seat { name, .. } => names.push(name),
                Line::Places { section, count: 0, .. } => {
                    return bad(format!("zero places of section {section}"));
                }
                Line::Best(Best { count: 0, .. }) => return bad("zero seats, the best there are"),
                Line::Best(Best { count, bays, .. }) if bays > count => {
                    return bad(format!("{bays} wheelchair bays among {count} seats"));
                }
                Line::Places { .. } | Line::Best(_) => {}
            }
        }
        check_twice(names)
    }

    /// How many places are wanted.
    #[must_use]
    pub fn size(&self) -> u64 {
        let of_line = |line: &Line| match line {
            Line::Seat { .. } => 1,
            Line::Places { count, .. } | Line::Best(Best { count, .. }) => u64::from(*count),
        };
        self.lines.iter().map(of_line).sum()
    }
}

#[cfg(test)]
mod tests;
