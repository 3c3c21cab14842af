//! The bottleneck: a byte-limited queue in front of a transmitter of fixed rate.

use core::fmt;
use core::num::NonZeroU64;
use std::collections::VecDeque;

use crate::time::Time;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Bits per second; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// A rate in bits per second; `None` for zero, at which no packet would ever leave.
    pub const fn new(bits_per_second: u64) -> Option<Rate> {
        match NonZeroU64::new(bits_per_second) {
            Some(rate) => Some(Rate(rate)),
            None => None,
        }
    }

    /// Bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Rate {
    /// In the largest unit that leaves a whole number: `2 Mb/s`, `1500 kb/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_second();
        for (factor, unit) in [
            (1_000_000_000, "Gb/s"),
            (1_000_000, "Mb/s"),
            (1_000, "kb/s"),
        ] {
            if bits.is_multiple_of(factor) {
                return write!(f, "{} {unit}", bits / factor);
            }
        }
        write!(f, "{bits} b/s")
    }
}

/// The stage: packets leave one after the other, each taking its bits divided by the rate.
///
/// A packet occupies the queue from its arrival until its *departure*, the instant its last bit is sent. What is
/// propagating afterwards is on the wire and occupies nothing.
#[derive(Clone, Debug)]
pub(super) struct Serialiser {
    rate: Option<Rate>,
    limit: Option<u64>,
    /// When the transmitter falls idle: whole nanoseconds, and what is left over in units of 1/rate ns. Carrying the
    /// rest keeps the long-run rate exact.
    idle: (Time, u128),
    /// Departure and size of each packet that has not departed.
    waiting: VecDeque<(Time, u64)>,
    backlog: u64,
}

impl Serialiser {
    pub(super) fn new(rate: Option<Rate>, limit: Option<u64>) -> Serialiser {
        Serialiser {
            rate,
            limit,
            idle: (Time::ZERO, 0),
            waiting: VecDeque::new(),
            backlog: 0,
        }
    }

    /// Bytes that occupy the queue at `now`, the packet being sent included.
    pub(super) fn backlog(&mut self, now: Time) -> u64 {
        while let Some((departure, size)) = self.waiting.front()
            && *departure <= now
        {
            self.backlog -= size;
            self.waiting.pop_front();
        }
        self.backlog
    }

    /// Whether `size` more bytes fit the queue at `now`. Without a rate nothing ever waits, so everything fits.
    pub(super) fn fits(&mut self, now: Time, size: u64) -> bool {
        let backlog = self.backlog(now);
        self.rate.is_none()
            || self
                .limit
                .is_none_or(|limit| backlog.saturating_add(size) <= limit)
    }

    /// Takes a packet in at `now` and says when it departs, rounded up to a nanosecond.
    ///
    /// `now` never goes back from one call to the next.
    pub(super) fn send(&mut self, now: Time, size: u64) -> Time {
        let Some(rate) = self.rate else { return now };
        let rate = u128::from(rate.bits_per_second());
        let (start, rest) = self.idle.max((now, 0));
        let work = u128::from(size) * 8 * NANOS_PER_SECOND + rest;
        let start = u128::from(start.as_nanos());
        self.idle = (instant(start + work / rate), work % rate);
        let departure = instant(start + work.div_ceil(rate));
        self.waiting.push_back((departure, size));
        self.backlog = self.backlog.saturating_add(size);
        departure
    }
}

fn instant(nanos: u128) -> Time {
    u64::try_from(nanos).map_or(Time::MAX, Time::from_nanos)
}
