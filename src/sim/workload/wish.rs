//! What one request asks: the kinds that operators ask, and who asks the others.

use fastrand::Rng;

use super::mix::Mix;
use super::sale::Sale;
use crate::domain::ids::{BuyerId, EventId, HoldId, RequestId};
use crate::domain::layout::Definition;
use crate::domain::request::{Administration, Block, Body, Define, Unblock};
use crate::domain::time::At;
use crate::sim::coverage::point::Kind;

/// All that a wish is drawn from.
pub(super) struct Wish<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) mix: &'a Mix,
    pub(super) crowd: &'a [BuyerId],
    pub(super) sale: &'a mut Sale,
    pub(super) now: At,
    /// The id of the request to be.
    pub(super) id: RequestId,
    /// A hold that is to be named, if one is.
    pub(super) aim: Option<HoldId>,
}

impl Wish<'_> {
    pub(super) fn body(mut self, kind: Kind) -> Body {
        match kind {
            Kind::Define => self.define(),
            Kind::Amend => self.amend(),
            Kind::Open => Body::Open(self.administration()),
            Kind::Pause => Body::Pause(self.administration()),
            Kind::Close => Body::Close(self.administration()),
            Kind::CallOff => {
                let mut ask = self.administration();
                if !self.sale.may_be_called_off() {
                    ask.edition = self.sale.edition + 1;
                }
                Body::CallOff(ask)
            }
            Kind::Block => {
                let Administration { edition, actor } = self.administration();
                let reason = self.reason();
                let places = self.places_to_block();
                Body::Block(Block { edition, actor, reason, places })
            }
            Kind::Unblock => {
                let Administration { edition, actor } = self.administration();
                let places = self.places_to_unblock();
                Body::Unblock(Unblock { edition, actor, places })
            }
            Kind::Claim => self.claim(),
            Kind::Confirm => self.confirm(),
            Kind::Extend => self.extend(),
            Kind::Release => self.release(),
            Kind::Cancel => self.cancel(),
            Kind::Exchange => self.exchange(),
            Kind::Expire => Body::Expire,
        }
    }

    pub(super) fn one_in(&mut self, bound: u32) -> bool {
        self.rng.u32(..bound) == 0
    }

    pub(super) fn somebody(&mut self) -> BuyerId {
        self.crowd[self.rng.usize(..self.crowd.len())].clone()
    }

    /// What a block is for.
    pub(super) fn reason(&mut self) -> String {
        let reason = match self.rng.u32(..40) {
            0 => "",
            1..20 => "press",
            _ => "house",
        };
        reason.into()
    }

    pub(super) fn administration(&mut self) -> Administration {
        let wrong = match self.mix.wrong_edition.hit(self.rng) {
            true if self.rng.bool() => -1,
            true => 1,
            false => 0,
        };
        let actor = if self.one_in(80) { "ops\n" } else { "ops" };
        Administration { edition: self.sale.edition + wrong, actor: actor.into() }
    }

    fn define(&mut self) -> Body {
        let other = self.one_in(4);
        let venue = if other { &self.sale.other } else { &self.sale.venue };
        let mut definition = venue.definition().clone();
        if self.mix.odd.hit(self.rng) || self.sale.stage.is_none() && self.one_in(8) {
            break_definition(self.rng, &mut definition);
        } else if other {
            self.sale.other_asked.push(self.id);
        }
        Body::Define(Box::new(Define { definition, actor: "ops".into() }))
    }
}

fn break_definition(rng: &mut Rng, definition: &mut Definition) {
    match rng.u32(..4) {
        0 => definition.sections.clear(),
        1 => definition.currency = "eur".into(),
        2 => definition.tiers.truncate(0),
        _ => definition.event = EventId::new("another").expect("a name"),
    }
}
