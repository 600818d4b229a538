//! The partition of a key: Kafka's murmur2 over the *declared* number of partitions.
//!
//! Asking the cluster for the number would be wrong: once somebody adds partitions, a key would lie
//! in two of them and one event would have two owners (K22). Leaving the choice to the client would
//! be wrong as well: librdkafka's default is another hash than that of the Java client (K32).

/// The partition of `key` among `count` partitions, as the Java client chooses it.
///
/// # Panics
/// When `count` is not positive: a declared count is checked where it is read.
#[must_use]
pub fn partition(key: &[u8], count: i32) -> i32 {
    assert!(count > 0, "a topic has at least one partition");
    // Kafka's `toPositive` clears the sign bit; the absolute value would be another partition.
    (murmur2(key) & i32::MAX) % count
}

/// MurmurHash2, 32 bits, as in `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    #[allow(clippy::cast_possible_truncation, reason = "Java's length is 32 bits, a key far below")]
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the Java client's own `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_are_those_of_the_java_client() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    /// From librdkafka's own `unittest_murmur2`, which has them from the Java client.
    #[test]
    fn short_and_empty_keys_hash_as_elsewhere() {
        let vectors: [(&str, u32); 4] = [
            ("kafka", 0xd067_cf64),
            ("giberish123456789", 0x8f55_2b0c),
            ("1234", 0x9fc9_7b14),
            ("", 0x106e_08d9),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()).cast_unsigned(), hash, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_falls_where_java_puts_it() {
        assert_eq!(partition(b"21", 12), (-973_932_308_i32 & 0x7fff_ffff) % 12);
        assert_eq!(partition(b"foobar", 1), 0);
    }
}
