//! How late packets leave.

use std::time::Duration;

/// Steps of each power of two: a quantile is at most a sixteenth too high.
const STEPS: u32 = 16;

/// A histogram of spans, of a fixed size.
#[derive(Clone, Debug)]
pub struct Lateness {
    counts: Vec<u64>,
    samples: u64,
    max: u64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            counts: vec![0; (u64::BITS * STEPS) as usize],
            samples: 0,
            max: 0,
        }
    }
}

impl Lateness {
    /// Counts a span.
    pub fn record(&mut self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.samples += 1;
        self.max = self.max.max(nanos);
    }

    /// How many were counted.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// The longest; zero if there is none.
    pub const fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The span that this share of them, of a thousand, does not exceed; zero if there is none.
    pub fn per_mille(&self, share: u64) -> Duration {
        let rank = (self.samples * share).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(last(bucket).min(self.max));
            }
        }
        Duration::ZERO
    }
}

/// Below [`STEPS`] a bucket is a nanosecond; above, each power of two has as many as that.
fn bucket(nanos: u64) -> usize {
    if nanos < u64::from(STEPS) {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEPS.ilog2();
    (shift * STEPS) as usize + (nanos >> shift) as usize
}

/// The longest span in a bucket.
fn last(bucket: usize) -> u64 {
    let steps = STEPS as usize;
    if bucket < 2 * steps {
        return bucket as u64;
    }
    let shift = (bucket / steps - 1) as u32;
    let step = (bucket % steps + steps) as u128;
    u64::try_from(((step + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_is_in_the_bucket_that_ends_first_after_it() {
        let spans = (0..64).flat_map(|shift| [1u64 << shift, (1u64 << shift) - 1, 3u64 << shift]);
        for span in (0..200).chain(spans).chain([u64::MAX]) {
            let bucket = bucket(span);
            assert!(last(bucket) >= span, "{span}");
            assert!(bucket == 0 || last(bucket - 1) < span, "{span}");
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.per_mille(500), Duration::ZERO);
        for micros in 1..=1_000 {
            lateness.record(Duration::from_micros(micros));
        }
        for share in [1, 10, 500, 990, 1_000] {
            let (exact, told) = (Duration::from_micros(share), lateness.per_mille(share));
            assert!(
                exact <= told && told <= exact * 17 / 16,
                "{share}: {told:?}"
            );
        }
        assert_eq!(lateness.max(), Duration::from_micros(1_000));
    }
}
