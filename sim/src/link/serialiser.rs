//! The transmitter of a bottleneck.

use core::fmt;
use core::num::NonZeroU64;

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
#[derive(Clone, Debug)]
pub(super) struct Serialiser {
    rate: Option<Rate>,
    /// When the transmitter falls idle: whole nanoseconds, and what is left over in units of 1/rate ns. Carrying the
    /// rest keeps the long-run rate exact.
    idle: (Time, u128),
}

impl Serialiser {
    pub(super) fn new(rate: Option<Rate>) -> Serialiser {
        let idle = (Time::ZERO, 0);
        Serialiser { rate, idle }
    }

    /// Takes a packet that could be sent from `ready` on, and says when its first bit is sent and when its last,
    /// rounded up to a nanosecond.
    pub(super) fn send(&mut self, ready: Time, size: u64) -> (Time, Time) {
        let Some(rate) = self.rate else {
            return (ready, ready);
        };
        let rate = u128::from(rate.bits_per_second());
        let (start, rest) = self.idle.max((ready, 0));
        let work = u128::from(size) * 8 * NANOS_PER_SECOND + rest;
        let nanos = u128::from(start.as_nanos());
        self.idle = (instant(nanos + work / rate), work % rate);
        (start, instant(nanos + work.div_ceil(rate)))
    }
}

fn instant(nanos: u128) -> Time {
    u64::try_from(nanos).map_or(Time::MAX, Time::from_nanos)
}
