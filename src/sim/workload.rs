//! What a world is asked: everything a request can meet, and all of it soon.
//!
//! Venues are small and crowds are few, so that everything is wanted by several, sold out, given
//! back and sold again within some hundred requests. Each seed draws a mix of its own ([`mix`]) in
//! which whole kinds of requests are absent or many times more frequent: one mix for all seeds
//! would make every world alike, and none in which, say, nobody ever confirms.
//!
//! The workload knows only what the world has told ([`Workload::see`]), as apps do, and acts on
//! what it does not know yet: claims nobody has answered, editions that are old. It knows no
//! clock: who runs it says what time it is, and is told how long to wait for the next request
//! ([`Workload::pause`]), now and then up to the very moment at which a hold lapses.
//!
//! The same seed and the same outcomes at the same times make the same records.

mod amend;
mod hold;
mod mix;
mod pace;
mod record;
mod sale;
mod seats;
mod venue;
mod wish;

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use uuid::Uuid;

use crate::domain::event::SaleState;
use crate::domain::ids::{BuyerId, EventId, HoldId, RequestId};
use crate::domain::limits::ID_WINDOW;
use crate::domain::outcome::Outcome;
use crate::domain::request::{Body, Request};
use crate::domain::time::{At, Millis};
use crate::ports::log::{Header, Seal};
use crate::sim::coverage::point::Kind;

use mix::{Mix, Spoil};
use pace::Pace;
use sale::Sale;
use venue::Size;
use wish::Wish;

/// Records remembered in order to be sent again: more than the window of ids remembers.
const SENT_MAX: usize = 400;

/// What a workload is made for.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Request partitions.
    pub partitions: i32,
    /// When it begins.
    pub start: At,
    /// About how many requests will be asked for: events are planned over their length.
    pub requests: usize,
    /// Whether the first event has the longest names there can be, and is wanted fifty places at a
    /// time: a refusal lists all of them in some 10 kB, and such fill an outbox.
    pub giant: bool,
}

/// A record to be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, but for the signature.
    pub headers: Vec<Header>,
    /// What its signature is worth.
    pub seal: Seal,
    /// Where to.
    pub partition: i32,
}

/// Makes the requests of one world, one after another.
#[derive(Debug)]
pub struct Workload {
    rng: Rng,
    setting: Setting,
    mix: Mix,
    pace: Pace,
    favourite: Favourite,
    crowd: Vec<BuyerId>,
    /// The last one is never defined.
    sales: Vec<Sale>,
    by_event: BTreeMap<EventId, usize>,
    sent: VecDeque<Sent>,
    aim: Option<Aim>,
    now: At,
    asked: usize,
}

/// The event that is wanted most, by so many of a hundred requests; the rest are for all alike.
#[derive(Clone, Copy, Debug)]
struct Favourite {
    sale: usize,
    percent: u32,
}

/// A record that was produced.
#[derive(Debug)]
struct Sent {
    sale: usize,
    id: RequestId,
    ask: Ask,
}

/// A hold about to lapse, to be named by the next request.
#[derive(Clone, Copy, Debug)]
struct Aim {
    sale: usize,
    hold: HoldId,
}

impl Workload {
    /// Draws a mix, the events and the crowd.
    ///
    /// # Panics
    /// When there is no partition.
    #[must_use]
    pub fn new(rng: &mut Rng, setting: &Setting) -> Workload {
        assert!(setting.partitions > 0, "a topic has at least one partition");
        let mut rng = rng.fork();
        let mix = Mix::draw(&mut rng, setting.giant);
        let pace = Pace::draw(&mut rng, setting);
        let events = if setting.giant { 2 } else { rng.usize(1..=6) };
        let size = |rng: &mut Rng, index| match index {
            0 if setting.giant => Size::Giant,
            _ => Size::draw(rng),
        };
        let sizes: Vec<Size> = (0..events).map(|index| size(&mut rng, index)).collect();
        let favourite = Favourite::choose(&mut rng, &sizes);
        let mut sales: Vec<Sale> = sizes
            .iter()
            .enumerate()
            .map(|(index, &size)| {
                let requests = favourite.requests_for(index, events, setting.requests);
                Sale::draw(&mut rng, index, size, requests)
            })
            .collect();
        sales.push(Sale::never_defined(&mut rng, events));
        let by_event =
            sales.iter().enumerate().map(|(index, sale)| (sale.event.clone(), index)).collect();
        let buyers = rng.usize(3..=40);
        let buyer = |index| BuyerId::new(&format!("b{index}")).expect("a name");
        Workload {
            mix,
            pace,
            favourite,
            crowd: (0..buyers).map(buyer).collect(),
            sales,
            by_event,
            sent: VecDeque::new(),
            aim: None,
            now: setting.start,
            asked: 0,
            setting: *setting,
            rng,
        }
    }

    /// The next record, at a time by a clock that is right.
    pub fn next(&mut self, now: At) -> Ask {
        self.now = now;
        self.asked += 1;
        if !self.sent.is_empty() && self.mix.again.hit(&mut self.rng) {
            return self.sent_before().ask.clone();
        }
        let spoil = self.mix.spoil(&mut self.rng);
        let (sale, id) = self.choose(spoil);
        let request = self.request(sale, id);
        let ask = self.record(&request, spoil);
        if ask.value.as_ref().is_none_or(|value| value.len() < 64 * 1024) {
            if self.sent.len() == SENT_MAX {
                self.sent.pop_front();
            }
            self.sent.push_back(Sent { sale, id, ask: ask.clone() });
        }
        ask
    }

    /// Takes in an outcome that became visible, in whatever order they do.
    pub fn see(&mut self, outcome: &Outcome) {
        if let Some(&sale) = self.by_event.get(&outcome.header.event) {
            self.sales[sale].learn(outcome);
        }
    }

    /// Whether the first event's sale is known to be open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.sales[0].stage == Some(SaleState::Open)
    }

    /// How long until the next record: a trickle, a burst, a silence in which holds lapse, or until
    /// just before or after one does.
    pub fn pause(&mut self) -> Millis {
        if let Some((aim, gap)) = self.take_aim() {
            self.aim = Some(aim);
            return gap;
        }
        self.pace.next(&mut self.rng)
    }

    fn take_aim(&mut self) -> Option<(Aim, Millis)> {
        if !self.mix.aim.hit(&mut self.rng) {
            return None;
        }
        let sale = self.rng.usize(..self.sales.len());
        let (lapses, hold) = self.sales[sale].next_lapse(self.now)?;
        let gap = lapses.since(self.now).0 + self.rng.i64(-3..=30);
        Some((Aim { sale, hold }, Millis(gap.max(0))))
    }

    /// A record of before: mostly one of the last few.
    fn sent_before(&mut self) -> &Sent {
        let all = self.sent.len();
        let reach = if self.rng.bool() { all } else { all.min(8) };
        &self.sent[all - 1 - self.rng.usize(..reach)]
    }

    /// Which event is asked, under which id.
    fn choose(&mut self, spoil: Option<Spoil>) -> (usize, RequestId) {
        if !self.sent.is_empty() && self.mix.other_body.hit(&mut self.rng) {
            let sent = self.sent_before();
            return (sent.sale, sent.id);
        }
        let made = self.made_at(spoil);
        let id = self.make_id(made, spoil == Some(Spoil::IdNotSeven));
        let last = self.sales.len() - 1;
        let favoured = self.rng.u32(..100) < self.favourite.percent;
        let sale = match &self.aim {
            Some(aim) => aim.sale,
            None if self.rng.u32(..50) == 0 => last,
            None if favoured => self.favourite.sale,
            None => self.rng.usize(..last),
        };
        (sale, id)
    }

    /// What an id says about when it was made: a little before now, by clocks that are about right.
    fn made_at(&mut self, spoil: Option<Spoil>) -> At {
        let window = ID_WINDOW.0;
        let ago = match spoil {
            Some(Spoil::IdOld) => window + self.rng.i64(1..=30_000),
            Some(Spoil::IdNew) => -window - self.rng.i64(1_000..=10_000),
            Some(Spoil::IdEdge) => {
                let edge = if self.rng.bool() { window } else { -window };
                edge + self.rng.i64(-100..=100)
            }
            Some(_) | None => self.rng.i64(-40..=80),
        };
        self.now.minus(Millis(ago))
    }

    fn make_id(&mut self, made: At, not_seven: bool) -> RequestId {
        let version = if not_seven { 4 } else { 7 };
        let number = u128::from(self.rng.u32(..)) << 24 | self.asked as u128;
        id_at(made, version, number)
    }

    fn request(&mut self, sale: usize, id: RequestId) -> Request {
        let aim = self.aim.take().map(|aim| aim.hold);
        let Workload { rng, mix, crowd, sales, now, .. } = self;
        let sale = &mut sales[sale];
        sale.asked += 1;
        let kind = match aim {
            Some(_) => rng.choice(AIMED).copied().unwrap_or(Kind::Expire),
            None => sale.due(rng, *now).unwrap_or_else(|| {
                let kind = mix.kind(rng);
                sale.or_claim(rng, kind)
            }),
        };
        let event = sale.event.clone();
        let body: Body = Wish { rng, mix, crowd, sale, now: *now, id, aim }.body(kind);
        Request { id, event, body }
    }
}

/// An id of this version that says it was made at a time (RFC 9562, section 5.7).
pub(super) fn id_at(made: At, version: u128, number: u128) -> RequestId {
    let time = u128::from(made.0.max(0).cast_unsigned()) << 80;
    RequestId(Uuid::from_u128(time | version << 76 | 2 << 62 | number))
}

impl Favourite {
    /// What is wanted by the dozen is wanted by most.
    fn choose(rng: &mut Rng, sizes: &[Size]) -> Favourite {
        let of = |wanted| sizes.iter().position(|&size| size == wanted);
        match (of(Size::Giant), of(Size::Crowd)) {
            (Some(sale), _) => Favourite { sale, percent: 90 },
            (None, Some(sale)) => Favourite { sale, percent: 70 },
            (None, None) => Favourite { sale: 0, percent: if rng.bool() { 40 } else { 0 } },
        }
    }

    /// How many of all requests one of the events can expect.
    fn requests_for(self, sale: usize, events: usize, all: usize) -> u32 {
        let favoured = all * self.percent as usize / 100;
        let own = if sale == self.sale { favoured } else { 0 };
        u32::try_from(own + (all - favoured) / events).unwrap_or(u32::MAX)
    }
}

/// What is asked of a hold about to lapse.
const AIMED: &[Kind] = &[
    Kind::Confirm,
    Kind::Extend,
    Kind::Release,
    Kind::Cancel,
    Kind::Exchange,
    Kind::Confirm,
    Kind::Extend,
    Kind::Expire,
    Kind::Claim,
];
