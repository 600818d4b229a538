//! A histogram of latencies: counts in buckets that widen with the length, so that a quantile is
//! exact to three per cent however many there are.

use std::time::Duration;

/// Buckets for each doubling of the length.
const PER_DOUBLING: u64 = 32;
/// Enough for some 19 hours; what is longer counts as that.
const BUCKETS: usize = 1_024;

/// Counts of latencies by length.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Takes in one latency.
    pub fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros).min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    /// The length within which this share of all lies, in milliseconds; `None` without any.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count"
        )]
        let rank = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        #[allow(clippy::cast_precision_loss, reason = "microseconds of a day fit")]
        found.map(|index| least_of(index + 1) as f64 / 1_000.0)
    }
}

/// Lengths up to [`PER_DOUBLING`] microseconds have buckets of their own; from there on the five
/// bits after the highest one choose.
fn bucket(micros: u64) -> usize {
    let Some(shift) = micros.max(1).ilog2().checked_sub(PER_DOUBLING.ilog2()) else {
        return usize::try_from(micros).expect("less than a doubling");
    };
    let index = PER_DOUBLING * u64::from(shift) + (micros >> shift);
    usize::try_from(index).expect("64 doublings of buckets")
}

/// The least length of a bucket, in microseconds.
fn least_of(index: usize) -> u64 {
    let index = index as u64;
    let shift = (index / PER_DOUBLING).saturating_sub(1);
    (index - PER_DOUBLING * shift) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another() {
        for micros in [0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 1_000, 999_999, 3_600_000_000] {
            let index = bucket(micros);
            assert!(least_of(index) <= micros && micros < least_of(index + 1), "{micros}");
        }
        assert!((1..500).all(|index| bucket(least_of(index)) == index));
    }

    #[test]
    fn quantiles_are_right_to_three_per_cent() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        (1..=10_000).for_each(|micros| histogram.add(Duration::from_micros(micros)));
        for (share, exact) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            let found = histogram.quantile_ms(share).unwrap();
            assert!((exact..=exact * 1.04).contains(&found), "{share}: {found}");
        }
        histogram.add(Duration::MAX);
        assert!(histogram.quantile_ms(1.0).unwrap() > 60_000.0);
    }
}
