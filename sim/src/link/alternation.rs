//! Two states that take turns in time, whatever the packets do.

use core::time::Duration;
use std::collections::VecDeque;

use crate::random::Stream;
use crate::time::{Time, nanos};

/// Nanoseconds of the shortest sojourn.
const SHORTEST: u64 = 1_000;

/// How long something lasts each time; never less than a microsecond.
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

    /// The length for one draw, in nanoseconds; at least a microsecond, so that time goes on.
    fn length(self, draw: u64) -> u64 {
        match self {
            Sojourn::Fixed(span) => nanos(span).max(SHORTEST),
            Sojourn::Exponential(mean) => exponential(draw, nanos(mean)).max(SHORTEST),
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
    /// When each sojourn ends, as far as was asked, without those that are forgotten.
    ends: VecDeque<u64>,
    /// How many are forgotten.
    forgotten: u64,
    /// When the last one that was forgotten ended.
    begin: u64,
}

impl Alternation {
    pub(super) fn new(first: Sojourn, second: Sojourn, draws: Stream) -> Alternation {
        Alternation {
            lengths: [first, second],
            draws,
            ends: VecDeque::new(),
            forgotten: 0,
            begin: 0,
        }
    }

    /// Whether it is in the second state at `at`, and when that sojourn ends.
    pub(super) fn at(&mut self, at: Time) -> (bool, Time) {
        let at = at.as_nanos();
        while self.ends.back().is_none_or(|end| *end <= at) {
            let number = self.forgotten + self.ends.len() as u64;
            let begin = self.ends.back().copied().unwrap_or(self.begin);
            let end = self.end(number, begin);
            self.ends.push_back(end);
            if end == u64::MAX {
                break;
            }
        }
        let last = self.ends.len() - 1;
        let index = match self.ends[0] > at {
            true => 0, // mostly
            false => self.ends.partition_point(|end| *end <= at).min(last),
        };
        let second = (self.forgotten + index as u64) % 2 == 1;
        (second, Time::from_nanos(self.ends[index]))
    }

    /// Forgets what was before `at`: nobody will ask for it. What nobody asked for until then takes no memory.
    pub(super) fn forget(&mut self, at: Time) {
        let at = at.as_nanos();
        loop {
            let end = match self.ends.front() {
                Some(end) => *end,
                None => self.end(self.forgotten, self.begin),
            };
            if end > at || end == u64::MAX {
                return;
            }
            self.ends.pop_front();
            self.forgotten += 1;
            self.begin = end;
        }
    }

    /// When sojourn `number` ends that begins at `begin`.
    fn end(&self, number: u64, begin: u64) -> u64 {
        let length = self.lengths[(number % 2) as usize].length(self.draws.at(number));
        begin.saturating_add(length)
    }
}
