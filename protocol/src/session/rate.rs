//! How often something may be asked.

use core::time::Duration;

use crate::time::Instant;

/// A token bucket: so many at once, then one each so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rate {
    /// The instant at which the bucket would be full again.
    full_at: Instant,
    each: Duration,
    burst: u32,
}

impl Rate {
    pub(crate) const fn new(now: Instant, each: Duration, burst: usize) -> Self {
        Self {
            full_at: now,
            each,
            burst: burst as u32,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now).after(self.each);
        let allowed = full_at.since(now) <= self.each.saturating_mul(self.burst);
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}
