//! Rates, and how they change.

use core::fmt;
use core::num::NonZeroU64;

use super::alternation::Sojourn;
use crate::time::Time;

/// Bits per second; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// One bit per second.
    pub const MIN: Rate = Rate(NonZeroU64::MIN);

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

/// A change of a link's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStep {
    /// From when on. A packet that is being sent then sends the rest of its bits at the new rate.
    pub at: Time,
    /// The new rate; `None` stops the transmitter until the next change.
    pub rate: Option<Rate>,
}

/// A transmitter that works on and off, beginning on. What is being sent pauses while it is off; an opportunity of a
/// trace is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnOff {
    /// How long it is on each time.
    pub on: Sojourn,
    /// How long it is off each time.
    pub off: Sojourn,
}
