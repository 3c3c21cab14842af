//! The rate that a transfer is allowed.

use duet_protocol::time::Instant;

/// What may pass at once after a pause, in seconds of the rate as a divisor, and at the least.
const BURST: u64 = 16;
const LEAST_BURST: u64 = 64 << 10;

/// What is waited for once the bucket is empty, so that a stream is not carried byte by byte.
const PORTION: u64 = 16 << 10;

const SECOND: u64 = 1_000_000;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Bytes a second; 0 is no limit.
    rate: u64,
    /// Millionths of bytes that may pass, as of `since`.
    tokens: u64,
    since: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        let rate = u64::from(rate);
        let tokens = Self::most(rate);
        let since = now;
        Self {
            rate,
            tokens,
            since,
        }
    }

    fn most(rate: u64) -> u64 {
        (rate / BURST).max(LEAST_BURST) * SECOND
    }

    /// How many bytes may pass now; where it is none, when to ask again.
    pub(crate) fn allows(&mut self, now: Instant) -> Result<u64, Instant> {
        if self.rate == 0 {
            return Ok(u64::MAX);
        }
        let micros = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        let more = self.rate.saturating_mul(micros);
        self.tokens = self.tokens.saturating_add(more).min(Self::most(self.rate));
        self.since = now;
        match self.tokens / SECOND {
            0 => {
                let wait = (PORTION * SECOND - self.tokens).div_ceil(self.rate);
                Err(now.after(std::time::Duration::from_micros(wait)))
            }
            bytes => Ok(bytes),
        }
    }

    /// So many bytes have passed, at most as many as it allowed.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.tokens = self.tokens.saturating_sub(bytes as u64 * SECOND);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_pass_and_says_when_to_ask_again() {
        let start = Instant::from_micros(5);
        let (mut now, mut passed) = (start, 0);
        let mut bucket = Bucket::new(1_000_000, start);
        while now.since(start) < Duration::from_secs(10) {
            match bucket.allows(now) {
                Ok(bytes) => {
                    let bytes = bytes.min(30_000) as usize;
                    bucket.passed(bytes);
                    passed += bytes;
                }
                Err(again) => {
                    assert!(again > now, "asked to ask at once");
                    now = again;
                }
            }
        }
        let burst = LEAST_BURST as usize;
        assert!(
            (10_000_000..=10_000_000 + burst + 30_000).contains(&passed),
            "{passed} bytes in ten seconds of a million each"
        );
    }

    #[test]
    fn without_a_rate_everything_passes() {
        let now = Instant::from_micros(0);
        let mut bucket = Bucket::new(0, now);
        bucket.passed(usize::MAX >> 24);
        assert_eq!(bucket.allows(now), Ok(u64::MAX));
    }
}
