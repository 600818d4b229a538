//! The record of a request, and what can be wrong with it.

use fastrand::Rng;

use super::mix::Spoil;
use super::{Ask, Workload};
use crate::domain::limits::REQUEST_BYTES_MAX;
use crate::domain::request::Request;
use crate::ports::log::{Header, Seal};
use crate::wire::dead_letter::{ATTEMPT_HEADER, ORIGIN_HEADER};
use crate::wire::{partitioner, request};

impl Workload {
    pub(super) fn record(&mut self, asked: &Request, spoil: Option<Spoil>) -> Ask {
        let partitions = self.setting.partitions;
        let key = asked.event.as_str().as_bytes();
        let seal = if asked.needs_signature() { Seal::Valid } else { Seal::Absent };
        let mut ask = Ask {
            key: Some(key.to_vec()),
            value: Some(request::encode(asked)),
            headers: headers(&mut self.rng),
            seal,
            partition: partitioner::partition(key, partitions),
        };
        if let Some(spoil) = spoil {
            self.spoil(&mut ask, spoil);
        }
        ask
    }

    fn spoil(&mut self, ask: &mut Ask, spoil: Spoil) {
        let partitions = self.setting.partitions;
        let rng = &mut self.rng;
        match spoil {
            Spoil::IdOld | Spoil::IdNew | Spoil::IdEdge | Spoil::IdNotSeven => {}
            Spoil::WrongPartition => {
                ask.partition = (ask.partition + rng.i32(0..partitions)) % partitions;
            }
            Spoil::OtherKey => {
                let other = &self.sales[rng.usize(..self.sales.len())].event;
                let key = other.as_str().as_bytes().to_vec();
                // Mostly where the key belongs: elsewhere it lies wrong as well.
                if rng.u32(..4) > 0 {
                    ask.partition = partitioner::partition(&key, partitions);
                }
                ask.key = Some(key);
            }
            Spoil::NoKey => ask.key = None,
            Spoil::BadKey => {
                let keys: [&[u8]; 4] = [b"", b"no event/id", &[0xff, 0xfe], &[b'k'; 200]];
                ask.key = Some(keys[rng.usize(..keys.len())].to_vec());
            }
            Spoil::NoValue => ask.value = None,
            Spoil::Unsigned => ask.seal = Seal::Absent,
            Spoil::BadlySigned => ask.seal = Seal::Invalid,
            Spoil::Cut | Spoil::Flipped | Spoil::Unknown | Spoil::Oversized => {
                spoil_value(rng, ask.value.get_or_insert_default(), spoil);
            }
        }
    }
}

fn spoil_value(rng: &mut Rng, value: &mut Vec<u8>, spoil: Spoil) {
    match spoil {
        Spoil::Cut if rng.bool() => value.truncate(rng.usize(..value.len())),
        Spoil::Cut => value.push(0),
        // Anywhere: in the frame, in a length, or in a name, where it may well decode.
        Spoil::Flipped => {
            let at = rng.usize(..value.len());
            value[at] ^= 1 << rng.u32(..8);
        }
        // The fingerprint lies behind the two bytes of the marker.
        Spoil::Unknown => value[2..10].fill(rng.u8(..)),
        Spoil::Oversized => value.resize(REQUEST_BYTES_MAX + 1, 0),
        Spoil::IdOld
        | Spoil::IdNew
        | Spoil::IdEdge
        | Spoil::IdNotSeven
        | Spoil::WrongPartition
        | Spoil::OtherKey
        | Spoil::NoKey
        | Spoil::BadKey
        | Spoil::NoValue
        | Spoil::Unsigned
        | Spoil::BadlySigned => unreachable!("{spoil:?} is no matter of the value"),
    }
}

/// Headers nobody decides by; what a dead letter makes of them is another matter.
fn headers(rng: &mut Rng) -> Vec<Header> {
    let header = |name: &str, value: Option<&[u8]>| (name.into(), value.map(<[u8]>::to_vec));
    match rng.u32(..60) {
        0 => vec![header("traceparent", None)],
        1 => vec![header(ATTEMPT_HEADER, Some(b"2")), header(ORIGIN_HEADER, Some(b"0/7"))],
        2 => vec![header(ATTEMPT_HEADER, Some(b"many"))],
        3..10 => vec![header("traceparent", Some(b"00-4bf92f3577b34da6-01"))],
        _ => vec![],
    }
}
