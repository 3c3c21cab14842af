//! A token bucket without a queue: what exceeds it is dropped.

use super::Rate;
use crate::time::Time;

/// A rate that is enforced by dropping, as in mobile plans and guest networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policer {
    /// The long-run rate.
    pub rate: Rate,
    /// Bytes that may pass at once. The bucket begins full. A larger packet never passes.
    pub burst: u64,
}

/// The stage. Tokens count in bit-nanoseconds per second, so that no fraction is lost.
#[derive(Clone, Debug)]
pub(super) struct PolicerStage {
    rate: u128,
    full: u128,
    tokens: u128,
    last: Time,
}

/// Tokens that a byte takes.
const PER_BYTE: u128 = 8_000_000_000;

impl PolicerStage {
    pub(super) fn new(config: Policer) -> PolicerStage {
        let full = u128::from(config.burst) * PER_BYTE;
        PolicerStage {
            rate: u128::from(config.rate.bits_per_second()),
            full,
            tokens: full,
            last: Time::ZERO,
        }
    }

    /// Whether `size` bytes pass at `now`; if so, they take their tokens.
    pub(super) fn passes(&mut self, now: Time, size: u64) -> bool {
        let waited = u128::from(now.as_nanos().saturating_sub(self.last.as_nanos()));
        self.last = self.last.max(now);
        self.tokens = (self.tokens + waited * self.rate).min(self.full);
        match self.tokens.checked_sub(u128::from(size) * PER_BYTE) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }
}
