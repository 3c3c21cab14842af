//! A token bucket in integers.

use crate::time::Instant;

/// One bit, in the bucket's unit: a rate in bits a second, times microseconds.
const BIT: u64 = 1_000_000;

/// A token bucket: `rate` bits a second, bursts of at most so many bytes. It starts full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    rate: u64,
    capacity: u64,
    level: u64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(now: Instant, rate: u64, burst: usize) -> Self {
        let capacity = cost(burst);
        Self {
            rate,
            capacity,
            level: capacity,
            at: now,
        }
    }

    /// Changes the rate from `now` on.
    pub fn set_rate(&mut self, now: Instant, rate: u64) {
        self.refill(now);
        self.rate = rate;
    }

    /// Takes the tokens for `bytes`, if they are there. What is larger than a burst takes a full bucket.
    pub fn take(&mut self, now: Instant, bytes: usize) -> bool {
        self.refill(now);
        let cost = cost(bytes).min(self.capacity);
        match self.level.checked_sub(cost) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }

    /// When [`Bucket::take`] of so many bytes succeeds; never at a rate of 0.
    pub fn ready_at(&self, bytes: usize) -> Option<Instant> {
        let missing = cost(bytes).min(self.capacity).saturating_sub(self.level);
        let wait = missing
            .checked_add(self.rate.saturating_sub(1))?
            .checked_div(self.rate)?;
        Some(self.at.after(core::time::Duration::from_micros(wait)))
    }

    fn refill(&mut self, now: Instant) {
        let micros = now.as_micros().saturating_sub(self.at.as_micros());
        let gained = micros.saturating_mul(self.rate);
        self.level = self.level.saturating_add(gained).min(self.capacity);
        self.at = self.at.max(now);
    }
}

const fn cost(bytes: usize) -> u64 {
    (bytes as u64).saturating_mul(8).saturating_mul(BIT)
}
