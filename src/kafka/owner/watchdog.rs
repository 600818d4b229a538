//! Ends the process when a transaction call hangs.
//!
//! The client has calls that ignore their timeout (confluentinc/librdkafka#5456). A thread stuck in
//! one cannot be ended, the heartbeats of the process go on, and its partitions stand still for
//! everybody. Ending the process lets the group find a successor.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::kafka::error::Error;
use crate::ports::clock::ticks;

/// Exit status of a process ended here (`EX_SOFTWARE`).
const STATUS: i32 = 70;
/// How often the watchdog looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// Ends this process at once.
pub(super) fn end_process() {
    std::process::exit(STATUS);
}

type UnderWay = Arc<Mutex<Option<(&'static str, Instant)>>>;

/// Tells the watchdog what is under way. The watchdog ends when this is dropped.
pub(super) struct Watch {
    under_way: UnderWay,
    _alive: Sender<()>,
}

impl Watch {
    /// Starts the watchdog: a call longer than `bound` is answered by `end`.
    pub(super) fn start(bound: Duration, end: Arc<dyn Fn() + Send + Sync>) -> Result<Watch, Error> {
        let under_way = UnderWay::default();
        let watched = Arc::clone(&under_way);
        let (alive, ended) = channel::<()>();
        let look = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let call = *watched.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((name, since)) = call
                    && ticks().duration_since(since) > bound
                {
                    tracing::error!(call = name, ?bound, "a Kafka call hangs; ending the process");
                    end();
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("kafka-watchdog".into()).spawn(look);
        spawned.map_err(|source| Error::Thread { purpose: "watchdog", source })?;
        Ok(Watch { under_way, _alive: alive })
    }

    /// Makes a call under the eyes of the watchdog.
    pub(super) fn during<T>(&self, name: &'static str, call: impl FnOnce() -> T) -> T {
        let set = |value| {
            *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = value;
        };
        set(Some((name, ticks())));
        let result = call();
        set(None);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_hangs_ends_the_process() {
        let (ended, seen) = channel();
        let ended = Mutex::new(ended);
        let end = Arc::new(move || ended.lock().unwrap().send(()).unwrap());
        let watch = Watch::start(Duration::from_millis(50), end).unwrap();
        watch.during("short", || ());
        assert!(seen.recv_timeout(2 * INTERVAL).is_err());
        watch.during("long", || seen.recv_timeout(Duration::from_secs(10))).unwrap();
    }
}
