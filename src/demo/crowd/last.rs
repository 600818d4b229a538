//! The last round: when the house is quiet and places are left, those come back who may have more.

use std::time::Duration;

use super::buyer::Temper;
use super::pick::Leftovers;
use super::{Crowd, Step};

/// Rounds in a row that may end with as many places left as they began with.
const ROUNDS_IN_VAIN_MAX: u32 = 3;

/// How far the returning has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastRound {
    /// Places left when the present round began.
    left: Option<u32>,
    in_vain: u32,
    over: bool,
}

impl LastRound {
    pub(super) fn is_over(&self) -> bool {
        self.over
    }
}

impl Crowd {
    /// Hands out what is left by the map, which is exact now: first to those who have nothing, then
    /// to all who may have more. It is over when nothing is left or nobody may.
    pub(super) fn begin_last_round(&mut self, now: Duration) {
        let left = self.map.counts().free;
        let gained = self.last.left.is_none_or(|before| left < before);
        self.last.in_vain = if gained { 0 } else { self.last.in_vain + 1 };
        self.last.left = Some(left);
        let mut lots = Leftovers::of(&self.map);
        let mut steps = vec![];
        let with_nothing = |index: &usize| self.buyers[*index].has == 0;
        let all = 0..self.buyers.len();
        let order = all.clone().filter(with_nothing).chain(all.filter(|i| !with_nothing(i)));
        for index in order {
            let buyer = &self.buyers[index];
            let may = buyer.may_add();
            let most = if buyer.has == 0 && !buyer.returned { may.min(buyer.wants) } else { may };
            if most == 0 {
                continue;
            }
            let Some(lines) = lots.take(most) else { break };
            steps.push((index, lines));
        }
        self.last.over = steps.is_empty() || self.last.in_vain >= ROUNDS_IN_VAIN_MAX;
        if self.last.over {
            return;
        }
        let pause = Duration::from_secs(1) / self.plan.rate.max(1);
        for (due, (index, lines)) in (0..).zip(steps) {
            let buyer = &mut self.buyers[index];
            self.tally.returned += u64::from(!buyer.returned);
            buyer.returned = true;
            buyer.temper = Temper::Pays;
            buyer.tries = 2;
            let index = u32::try_from(index).expect("buyers are counted in 32 bits");
            self.plan_step(now + pause * due, Step::Take(index, lines));
        }
    }
}
