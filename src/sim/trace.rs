//! What happened in a world, as one number and, if asked for, in words.

use super::net::{MILLI, Micros, Pid};

/// FNV-1a's offset basis and prime (Fowler, Noll, Vo).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A running hash over all that happened, in order.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(in_words: bool) -> Trace {
        Trace { hash: BASIS, lines: in_words.then(Vec::new) }
    }

    /// The number of a world: its seed keeps worlds from standing in for each other in a sum.
    pub(super) fn hash_of(&self, seed: u64) -> u64 {
        self.hash.wrapping_mul(seed.wrapping_mul(2) | 1)
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }

    pub(super) fn number(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(PRIME).rotate_left(23);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.number(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.number(u64::from(*byte)));
    }

    /// Something happened, in a process, about something.
    pub(super) fn note(&mut self, now: Micros, what: &str, pid: Pid, about: u64) {
        self.number(now.cast_unsigned());
        self.bytes(what.as_bytes());
        self.number(pid as u64);
        self.number(about);
    }

    /// The same in words, made only where they are wanted.
    pub(super) fn say(&mut self, now: Micros, pid: Pid, words: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let (millis, micros) = (now / MILLI, now % MILLI);
            lines.push(format!("{millis:>8}.{micros:03} p{pid:<3} {}", words()));
        }
    }
}
