//! Apps that ask in transactions of their own.
//!
//! Markers lie among the requests then and take offsets, requests of aborted transactions are never
//! handed to anybody, and while one is open nobody reads what comes after its first request. So
//! positions go over gaps, and stop short of the end of the log.
//!
//! What is drawn here is drawn apart: a world without such apps is the same world as if there were
//! none anywhere.

use fastrand::Rng;

use super::{Happening, World};
use crate::sim::broker::{Denied, Request};
use crate::sim::fault::Report;
use crate::sim::net::{Event, MILLI, Micros, pick};

/// Told apart from what the rest of the world is drawn from; and such that the worlds named in
/// `tests/simulation.rs`, which are older, have none.
const APART: u64 = 0x5ca1_ab33;

/// The apps of a world.
pub(super) struct Upstream {
    lot: Rng,
    apps: Vec<App>,
    /// One request in so many is asked in a transaction.
    one_in: u32,
    /// Longest time that a transaction is open. The brokers abort the longest of them.
    open_max: Micros,
    abort_one_in: u32,
}

/// One app.
struct App {
    id: String,
    /// Its producer's epoch; none before it is initialised, and once the brokers have aborted.
    epoch: Option<u32>,
    /// Whether the end of its transaction is planned.
    open: bool,
}

impl Upstream {
    /// A share of the worlds has some. A giant has none: its outbox is to fill in time.
    pub(super) fn draw(seed: u64, giant: bool) -> Upstream {
        let mut lot = Rng::with_seed(seed ^ APART);
        let some = lot.u32(0..5) == 0 && !giant;
        let count = if some { lot.usize(1..=3) } else { 0 };
        let app = |number| App { id: format!("app-{number}"), epoch: None, open: false };
        Upstream {
            apps: (0..count).map(app).collect(),
            one_in: *pick(&mut lot, &[2, 5, 20]),
            open_max: pick(&mut lot, &[5, 50, 500, 4_000, 15_000]) * MILLI,
            abort_one_in: *pick(&mut lot, &[2, 5, 20]),
            lot,
        }
    }

    /// Which app asks the next request in a transaction, if one does.
    fn choose(&mut self) -> Option<usize> {
        let asks = !self.apps.is_empty() && self.lot.u32(0..self.one_in) == 0;
        asks.then(|| self.lot.usize(0..self.apps.len()))
    }
}

impl World {
    /// Appends a request as whoever asks does: on its own, or in a transaction.
    pub(super) fn ask(&mut self, partition: i32, request: Request) {
        let Some(app) = self.upstream.choose() else {
            self.append(partition, request);
            return;
        };
        if !self.append_in_transaction(app, partition, &request) {
            self.append(partition, request);
        }
    }

    /// Whether the brokers took it; they do not while they end the app's last transaction.
    fn append_in_transaction(&mut self, app: usize, partition: i32, request: &Request) -> bool {
        let at = self.leader_clock(partition);
        let (cluster, asking) = (&mut self.servers.cluster, &mut self.upstream.apps[app]);
        if asking.epoch.is_none() {
            match cluster.init(&asking.id) {
                Ok(epoch) => asking.epoch = Some(epoch),
                Err(markers) => self.servers.markers.extend(markers),
            }
        }
        let Some(epoch) = asking.epoch else { return false };
        match cluster.append_in((&asking.id, epoch), partition, at, request.clone()) {
            Ok(offset) => {
                if !std::mem::replace(&mut asking.open, true) {
                    let length = self.upstream.lot.i64(0..=self.upstream.open_max);
                    self.net.after(length, Event::World(Happening::EndAsking(app)));
                }
                self.trace_append(partition, offset);
                true
            }
            Err(denied) => {
                if denied != Denied::Concurrent {
                    asking.epoch = None;
                }
                false
            }
        }
    }

    /// An app ends its transaction, unless the brokers have.
    pub(super) fn end_asking(&mut self, app: usize) {
        let Upstream { lot, apps, abort_one_in, .. } = &mut self.upstream;
        let app = &mut apps[app];
        app.open = false;
        let Some(epoch) = app.epoch else { return };
        let commit = lot.u32(0..*abort_one_in) > 0;
        match self.servers.cluster.end((&app.id, epoch), commit) {
            Ok(markers) => {
                self.servers.markers.extend(markers);
                let committed = Report::RequestsCommitted;
                self.net.report(if commit { committed } else { Report::RequestsAborted });
            }
            Err(_) => {
                app.epoch = None;
                self.net.report(Report::RequestsHung);
            }
        }
        self.trace("requests end", 0, u64::from(commit));
    }
}
