//! Delay variation that never reorders.

use core::time::Duration;

use crate::random::Stream;
use crate::time::{Time, nanos};

/// The stage: adds a span drawn uniformly from zero to `max`, then holds the packet back behind the one before it.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    max: u64,
    stream: Stream,
    last: Time,
}

impl Jitter {
    pub(super) fn new(max: Duration, seed: u64, link: &str) -> Jitter {
        Jitter {
            max: nanos(max),
            stream: Stream::new(seed, &format!("{link}/jitter")),
            last: Time::ZERO,
        }
    }

    /// Draws one packet's extra delay; zero to `max`, both included.
    pub(super) fn draw(&mut self) -> Duration {
        Duration::from_nanos(self.stream.below(self.max.saturating_add(1)))
    }

    /// When a packet arrives that would arrive at `at` if it were alone.
    pub(super) fn order(&mut self, at: Time) -> Time {
        self.last = self.last.max(at);
        self.last
    }
}
