//! Two states that take turns in time, whatever the packets do.

use core::time::Duration;

use crate::random::Stream;
use crate::time::{Time, nanos};

/// How long something lasts each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sojourn {
    /// Always the same.
    Fixed(Duration),
    /// Drawn from an exponential distribution of this mean: without memory.
    Exponential(Duration),
}

impl Default for Sojourn {
    fn default() -> Sojourn {
        Sojourn::Fixed(Duration::ZERO)
    }
}

impl Sojourn {
    /// The mean.
    pub const fn mean(self) -> Duration {
        match self {
            Sojourn::Fixed(span) | Sojourn::Exponential(span) => span,
        }
    }

    /// The length for one draw, in nanoseconds; at least one, so that time goes on.
    fn length(self, draw: u64) -> u64 {
        match self {
            Sojourn::Fixed(span) => nanos(span).max(1),
            Sojourn::Exponential(mean) => exponential(draw, nanos(mean)).max(1),
        }
    }
}

/// A number in (0, 1) from the upper 53 bits of a draw.
pub(super) fn unit(draw: u64) -> f64 {
    ((draw >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// An exponential variate of a mean in nanoseconds, rounded; with `libm`, so that it is the same everywhere.
pub(super) fn exponential(draw: u64, mean: u64) -> u64 {
    (-libm::log(unit(draw)) * mean as f64 + 0.5) as u64
}

/// The process: begins in the first state at time zero. Sojourn *n* takes draw *n*, so that the states at all times
/// are fixed from the beginning.
#[derive(Clone, Debug)]
pub(super) struct Alternation {
    lengths: [Sojourn; 2],
    draws: Stream,
    /// When each sojourn ends, as far as was asked.
    ends: Vec<u64>,
}

impl Alternation {
    pub(super) fn new(first: Sojourn, second: Sojourn, draws: Stream) -> Alternation {
        Alternation {
            lengths: [first, second],
            draws,
            ends: Vec::new(),
        }
    }

    /// Whether it is in the second state at `at`, and when that sojourn ends.
    pub(super) fn at(&mut self, at: Time) -> (bool, Time) {
        let at = at.as_nanos();
        while self.ends.last().is_none_or(|end| *end <= at) {
            let number = self.ends.len();
            let begin = self.ends.last().copied().unwrap_or(0);
            let length = self.lengths[number % 2].length(self.draws.at(number as u64));
            self.ends.push(begin.saturating_add(length));
            if begin.saturating_add(length) == u64::MAX {
                break;
            }
        }
        // Mostly the last one, or one shortly before it.
        let mut index = self.ends.len() - 1;
        if index >= 8 && self.ends[index - 8] > at {
            index = self.ends.partition_point(|end| *end <= at);
        } else {
            while index > 0 && self.ends[index - 1] > at {
                index -= 1;
            }
        }
        (index % 2 == 1, Time::from_nanos(self.ends[index]))
    }
}
