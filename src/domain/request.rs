//! What may be asked.

use super::ids::{BuyerId, EventId, HoldId, Reference, RequestId};
use super::layout::{Definition, Layout};
use super::refusal::{Code, Refusal};

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
    /// Begin or resume the sale. Signed.
    Open(Administration),
    /// End the sale. Signed.
    Close(Administration),
    /// Set places aside.
    Claim(Claim),
    /// Turn a hold into a booking.
    Confirm(Confirm),
    /// Give a hold back.
    Release(Release),
    /// End the holds that have lapsed. Signed; made by the expiry worker.
    Expire,
}

/// The definition of a new event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Define {
    /// What is on sale.
    pub definition: Definition,
    /// Who asks, for the record.
    pub actor: String,
}

/// An operator's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administration {
    /// The edition of the event the operator had before their eyes.
    pub edition: i64,
    /// Who asks, for the record.
    pub actor: String,
}

/// A wish for places: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// For whom.
    pub buyer: BuyerId,
    /// What is wanted. The lines are judged together.
    pub lines: Vec<Line>,
    /// Sum in minor units that the buyer has been shown; a different one is refused.
    pub expected_price: Option<i64>,
    /// Asked by staff: limits do not bind it. Signed.
    pub staff_override: bool,
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

/// The end of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Whose hold.
    pub buyer: BuyerId,
    /// Which hold.
    pub hold: HoldId,
}

impl Request {
    /// Whether only holders of a signing key may ask this.
    #[must_use]
    pub fn needs_signature(&self) -> bool {
        match &self.body {
            Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Expire => true,
            Body::Claim(claim) => claim.staff_override,
            Body::Confirm(_) | Body::Release(_) => false,
        }
    }

    /// Whether it goes stale and its id must lie in the window: whatever makes a new promise or
    /// comes from an operator. What settles a promise is answered by the state of the event for ever.
    #[must_use]
    pub fn goes_stale(&self) -> bool {
        match &self.body {
            Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Claim(_) => true,
            Body::Confirm(_) | Body::Release(_) | Body::Expire => false,
        }
    }

    /// For whom it is asked, where it is for somebody.
    #[must_use]
    pub fn buyer(&self) -> Option<&BuyerId> {
        match &self.body {
            Body::Claim(claim) => Some(&claim.buyer),
            Body::Confirm(confirm) => Some(&confirm.buyer),
            Body::Release(release) => Some(&release.buyer),
            Body::Define(_) | Body::Open(_) | Body::Close(_) | Body::Expire => None,
        }
    }

    /// Checks what can be checked without the event.
    ///
    /// # Errors
    /// `bad-request` with a sentence.
    pub fn check(&self) -> Result<(), Refusal> {
        let bad = |detail: &str| Err(Refusal::because(Code::BadRequest, detail));
        if self.id.made_at().is_none() {
            return bad("the request id is not a version 7 UUID");
        }
        match &self.body {
            Body::Claim(claim) => claim.check(),
            Body::Define(define) if define.definition.event != self.event => {
                bad("the definition names another event than its record")
            }
            Body::Define(define) => match Layout::compile(define.definition.clone()) {
                Err(error) => bad(&error.to_string()),
                Ok(_) => Ok(()),
            },
            Body::Open(_) | Body::Close(_) | Body::Confirm(_) | Body::Release(_) | Body::Expire => {
                Ok(())
            }
        }
    }
}

impl Claim {
    fn check(&self) -> Result<(), Refusal> {
        let bad = |detail: String| Err(Refusal::because(Code::BadRequest, detail));
        if self.lines.is_empty() {
            return bad("the claim has no lines".into());
        }
        let mut names: Vec<&str> = vec![];
        for line in &self.lines {
            match line {
                Line::Seat { name, .. } => names.push(name),
                Line::Places { section, count: 0, .. } => {
                    return bad(format!("zero places of section {section}"));
                }
                Line::Places { .. } => {}
            }
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => bad(format!("seat {} is named twice", pair[0])),
            None => Ok(()),
        }
    }

    /// How many places are wanted.
    #[must_use]
    pub fn size(&self) -> u64 {
        let of_line = |line: &Line| match line {
            Line::Seat { .. } => 1,
            Line::Places { count, .. } => u64::from(*count),
        };
        self.lines.iter().map(of_line).sum()
    }
}
