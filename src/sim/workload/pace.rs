//! When requests come: a trickle, bursts, and silences in which holds lapse, some right after a
//! burst.

use fastrand::Rng;

use super::Setting;
use crate::domain::time::Millis;

#[derive(Debug)]
pub(super) struct Pace {
    /// Milliseconds between two requests of the trickle, on average.
    gap: i64,
    /// A burst begins after one in so many requests.
    bursts: u32,
    /// A silence follows one in so many requests, and thirty in so many bursts.
    silences: u32,
    /// Longest silence, in milliseconds.
    silence_max: i64,
    /// Requests left of the burst.
    burst: u32,
}

impl Pace {
    pub(super) fn draw(rng: &mut Rng, setting: &Setting) -> Pace {
        if setting.giant {
            return Pace { gap: 10, bursts: 20, silences: 2_000, silence_max: 25_000, burst: 0 };
        }
        let requests = i64::try_from(setting.requests.max(1)).unwrap_or(i64::MAX);
        let silence_max = if rng.u32(..3) == 0 { 45_000 } else { 8_000 };
        Pace {
            gap: (rng.i64(20_000..200_000) / requests).max(1),
            bursts: rng.u32(20..200),
            silences: rng.u32(60..400),
            silence_max,
            burst: 0,
        }
    }

    pub(super) fn next(&mut self, rng: &mut Rng) -> Millis {
        if self.burst > 0 {
            self.burst -= 1;
            let silence = self.burst == 0 && rng.u32(..self.silences) < 30;
            return Millis(rng.i64(if silence { 1_000..=self.silence_max } else { 0..=2 }));
        }
        if rng.u32(..self.bursts) == 0 {
            self.burst = rng.u32(5..80);
        }
        Millis(match rng.u32(..self.silences) {
            0 => rng.i64(1_000..=self.silence_max),
            _ => rng.i64(0..=2 * self.gap),
        })
    }
}
