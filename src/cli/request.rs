//! `holdfast request`: what buyers ask, asked by hand.

use std::time::Duration;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::ask::ask;
use super::failure::Failure;
use super::output::Output;
use super::{Ending, arguments, render};
use crate::config::Config;
use crate::domain::ids::{BuyerId, EventId, Reference, RequestId};
use crate::domain::request::{
    Best, Body, Cancel, Claim, Confirm, Exchange, Extend, Line, Release, Request,
};
use crate::domain::time::{At, Millis};
use crate::ports::clock;

/// Claim, extend, confirm, release, cancel or exchange places, and wait for the answer
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Set places aside for a buyer: all of them, or none
    #[command(after_help = "The answer names the hold, which confirm and release want.\n\n\
                            Examples:\n  \
                            holdfast request claim hamlet-2027-03-14 --buyer ann \
                            --seat stalls/A/1 --seat stalls/A/2\n  \
                            holdfast request claim hamlet-2027-03-14 --buyer bob \\\n    \
                            --places floor=2:student --expected-price 1800\n  \
                            holdfast request claim hamlet-2027-03-14 --buyer cleo \\\n    \
                            --best 4 --in stalls --max-price 4500")]
    Claim {
        #[command(flatten)]
        common: Common,
        /// A numbered seat, with the tier it is believed to be sold in if that matters; repeatable
        #[arg(long = "seat", value_name = "SECTION/ROW/SEAT[=TIER]", value_parser = arguments::seat)]
        seats: Vec<Line>,
        /// So many places of a section without numbers; repeatable
        #[arg(long, value_name = "SECTION=COUNT[:TIER]", value_parser = arguments::places)]
        places: Vec<Line>,
        /// So many numbered seats next to each other, the best there are
        #[arg(long, value_name = "COUNT")]
        best: Option<u32>,
        /// The section of the best seats
        #[arg(long = "in", value_name = "SECTION", requires = "best")]
        section: Option<String>,
        /// The tier of the best seats
        #[arg(long, requires = "best")]
        tier: Option<String>,
        /// Most that one of the best seats may cost, in minor units
        #[arg(long, value_name = "N", requires = "best")]
        max_price: Option<i64>,
        /// The best seats may be parted where they cannot be had next to each other; the bays never
        #[arg(long, requires = "best")]
        split: bool,
        /// How many of the best seats are to be wheelchair bays
        #[arg(long, value_name = "COUNT", requires = "best", default_value_t = 0)]
        bays: u32,
        /// For somebody who needs a wheelchair bay: seats claimed by name may be kept for such
        #[arg(long)]
        accessible: bool,
        /// The sum the buyer was shown, in minor units; any other is refused
        #[arg(long, value_name = "N")]
        expected_price: Option<i64>,
        /// As staff: limits are set aside, and seats claimed by name may be blocked; signed
        #[arg(long)]
        staff_override: bool,
    },
    /// Move the deadline of a hold; never shortens it
    #[command(
        after_help = "How far, the event's extend-max says. What is asked beyond it is refused.\n\n\
                            Examples:\n  \
                            holdfast request extend hamlet-2027-03-14 --buyer ann --for 10m \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71\n  \
                            holdfast request extend hamlet-2027-03-14 --buyer ann \\\n    \
                            --until 2027-03-01T10:20:00Z \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71"
    )]
    Extend {
        #[command(flatten)]
        common: Common,
        /// The hold, as the claim's answer names it
        #[arg(long, value_parser = arguments::hold)]
        hold: RequestId,
        #[command(flatten)]
        deadline: Deadline,
    },
    /// Turn a hold into a booking
    #[command(after_help = "Example:\n  \
                            holdfast request confirm hamlet-2027-03-14 --buyer ann \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71 --reference payment-4711")]
    Confirm {
        #[command(flatten)]
        common: Common,
        /// The hold, as the claim's answer names it
        #[arg(long, value_parser = arguments::hold)]
        hold: RequestId,
        /// The payment it rests on; confirming again with the same one changes nothing
        #[arg(long, value_parser = arguments::reference)]
        reference: Reference,
    },
    /// Give a hold back
    #[command(after_help = "Example:\n  \
                            holdfast request release hamlet-2027-03-14 --buyer ann \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71")]
    Release {
        #[command(flatten)]
        common: Common,
        /// The hold, as the claim's answer names it
        #[arg(long, value_parser = arguments::hold)]
        hold: RequestId,
    },
    /// Give a booking back, or some of its places
    #[command(
        after_help = "The answer says what is to be refunded; to refund it is the app's work.\n\n\
                            Examples:\n  \
                            holdfast request cancel hamlet-2027-03-14 --buyer ann \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71\n  \
                            holdfast request cancel hamlet-2027-03-14 --buyer ann \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71 --seat stalls/A/2\n  \
                            holdfast request cancel hamlet-2027-03-14 --buyer ann \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71 --into-block waiting-list"
    )]
    Cancel {
        #[command(flatten)]
        common: Common,
        /// The hold that was booked, as the claim's answer names it
        #[arg(long, value_parser = arguments::hold)]
        hold: RequestId,
        /// A place to give back, by its full name; repeatable. All of the booking where not given
        #[arg(long = "seat", value_name = "NAME")]
        seats: Vec<String>,
        /// As staff: the places go to a block that is for this, before anybody can claim them;
        /// signed. Otherwise each goes back where it came from
        #[arg(long, value_name = "REASON")]
        into_block: Option<String>,
    },
    /// Give places of a booking back and have others for them: all of it, or nothing
    #[command(
        after_help = "The answer says what the booking cost and costs; to settle the difference is \
                            the app's work.\n\n\
                            Example:\n  \
                            holdfast request exchange hamlet-2027-03-14 --buyer ann \\\n    \
                            --hold 0199c5d2-7f6e-7c3a-8a51-3f2b9d0c4e71 \\\n    \
                            --give-back stalls/A/2 --seat stalls/B/7 --expected-difference -500"
    )]
    Exchange {
        #[command(flatten)]
        common: Common,
        /// The hold that was booked, as the claim's answer names it
        #[arg(long, value_parser = arguments::hold)]
        hold: RequestId,
        /// A place to give back, by its full name; repeatable
        #[arg(long, value_name = "NAME", required = true)]
        give_back: Vec<String>,
        /// A numbered seat wanted, with the tier it is believed to be sold in if that matters;
        /// repeatable
        #[arg(long = "seat", value_name = "SECTION/ROW/SEAT[=TIER]", value_parser = arguments::seat)]
        seats: Vec<Line>,
        /// So many places wanted of a section without numbers; repeatable
        #[arg(long, value_name = "SECTION=COUNT[:TIER]", value_parser = arguments::places)]
        places: Vec<Line>,
        /// What the buyer was shown to pay more, in minor units, or to get back where it is
        /// negative; any other difference is refused
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        expected_difference: Option<i64>,
    },
}

/// Until when: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Deadline {
    /// The new deadline, in UTC
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    until: Option<At>,
    /// The new deadline, as so long from now
    #[arg(long = "for", value_name = "LENGTH", value_parser = arguments::length)]
    length: Option<Duration>,
}

/// What every request of a buyer names.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The event
    #[arg(value_parser = arguments::event)]
    event: EventId,
    /// The buyer: an opaque id, never a name or a mail address
    #[arg(long, value_parser = arguments::buyer)]
    buyer: BuyerId,
    /// How long to wait for the answer
    #[arg(long, default_value = arguments::PATIENCE, value_parser = arguments::length)]
    timeout: Duration,
}

pub(super) fn execute(verb: &Verb, config: &Config, output: Output) -> Result<Ending, Failure> {
    let (common, body) = body_of(verb);
    let id = RequestId(Uuid::now_v7());
    let request = Request { id, event: common.event.clone(), body };
    // The owner would refuse it with the same words; here they come at once.
    request.check().map_err(|refusal| Failure::usage(refusal.ground.detail))?;
    render::answer(&ask(config, &request, common.timeout)?, output)
}

impl Deadline {
    fn at(&self) -> At {
        let length = self.length.unwrap_or_default().as_millis();
        let from_now = || clock::now().plus(Millis(i64::try_from(length).unwrap_or(i64::MAX)));
        self.until.unwrap_or_else(from_now)
    }
}

fn body_of(verb: &Verb) -> (&Common, Body) {
    match verb {
        Verb::Claim {
            common,
            seats,
            places,
            best,
            section,
            tier,
            max_price,
            split,
            bays,
            accessible,
            expected_price,
            staff_override,
        } => {
            let best = best.map(|count| {
                let (section, tier) = (section.clone(), tier.clone());
                let (max_price, split, bays) = (*max_price, *split, *bays);
                Line::Best(Best { section, tier, max_price, count, split, bays })
            });
            let claim = Claim {
                buyer: common.buyer.clone(),
                lines: seats.iter().chain(places).cloned().chain(best).collect(),
                expected_price: *expected_price,
                staff_override: *staff_override,
                accessible: *accessible,
            };
            (common, Body::Claim(claim))
        }
        Verb::Extend { common, hold, deadline } => {
            let (buyer, deadline) = (common.buyer.clone(), deadline.at());
            (common, Body::Extend(Extend { buyer, hold: *hold, deadline }))
        }
        Verb::Confirm { common, hold, reference } => {
            let buyer = common.buyer.clone();
            let confirm = Confirm { buyer, hold: *hold, reference: reference.clone() };
            (common, Body::Confirm(confirm))
        }
        Verb::Release { common, hold } => {
            let release = Release { buyer: common.buyer.clone(), hold: *hold };
            (common, Body::Release(release))
        }
        Verb::Cancel { common, hold, seats, into_block } => {
            let (buyer, seats) = (common.buyer.clone(), seats.clone());
            let block = into_block.clone();
            (common, Body::Cancel(Cancel { buyer, hold: *hold, seats, block }))
        }
        Verb::Exchange { common, hold, give_back, seats, places, expected_difference } => {
            let exchange = Exchange {
                buyer: common.buyer.clone(),
                hold: *hold,
                seats: give_back.clone(),
                lines: seats.iter().chain(places).cloned().collect(),
                expected_difference: *expected_difference,
            };
            (common, Body::Exchange(exchange))
        }
    }
}
