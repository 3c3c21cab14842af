//! Ranges of seeds.

use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;

use thiserror::Error;

/// Most seeds in a range.
const MAX_SEEDS: u64 = 100_000;

/// Seeds from one to another, both included: `7` or `1..200`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(RangeInclusive<u64>);

/// Why a text names no seeds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SeedsError {
    /// No whole number, or none that fits 64 bits.
    #[error("seeds are whole numbers: one, or the first and the last, such as `1..200`")]
    NoNumber,
    /// The last is before the first.
    #[error("the last seed is before the first")]
    Backwards,
    /// More than a hundred thousand.
    #[error("more than {MAX_SEEDS} seeds")]
    TooMany,
}

impl Seeds {
    /// One seed.
    pub const fn one(seed: u64) -> Seeds {
        Seeds(seed..=seed)
    }

    /// The first of them.
    pub const fn first(&self) -> u64 {
        *self.0.start()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<> {
        self.0.clone()
    }
}

impl FromStr for Seeds {
    type Err = SeedsError;

    /// Reads `7` or `1..200`.
    ///
    /// # Errors
    ///
    /// [`SeedsError`] if these are no numbers, in the wrong order, or too many.
    fn from_str(text: &str) -> Result<Seeds, SeedsError> {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| SeedsError::NoNumber);
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(text)?, number(text)?),
        };
        match last.checked_sub(first) {
            None => Err(SeedsError::Backwards),
            Some(span) if span >= MAX_SEEDS => Err(SeedsError::TooMany),
            Some(_) => Ok(Seeds(first..=last)),
        }
    }
}

impl fmt::Display for Seeds {
    /// As it is read: `7`, `1..200`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}..{last}"),
        }
    }
}
