//! Quantities as people write them: `"2 Mb/s"`, `"15 ms"`, `"64 kB"`.
//!
//! A number, a space if wanted, and a unit. Read in integers: `"0.1 s"` is exactly 100 000 000 ns.

use core::time::Duration;

use thiserror::Error;

use crate::link::Rate;

/// Most digits that a number may have, so that every `u64` of the finest unit has its text, and all products fit.
const MAX_DIGITS: usize = 20;

/// Units of time, in nanoseconds.
const TIME: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of rate, in bits per second; decimal, as everywhere in networking.
const RATE: &[(&str, u64)] = &[
    ("b/s", 1),
    ("kb/s", 1_000),
    ("Mb/s", 1_000_000),
    ("Gb/s", 1_000_000_000),
];

/// Units of size, in bytes.
const SIZE: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("KiB", 1_024),
    ("MiB", 1_048_576),
];

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// No number at the beginning, or one with a second point.
    #[error("{0:?} does not begin with a number")]
    NoNumber(String),
    /// A minus sign.
    #[error("must not be negative")]
    Negative,
    /// A number without its unit.
    #[error("a unit is missing: use {0}")]
    NoUnit(String),
    /// A unit that this kind of quantity does not have.
    #[error("unknown unit {unit:?}: use {expected}")]
    UnknownUnit {
        /// What was written.
        unit: String,
        /// What could have been, ready to print.
        expected: String,
    },
    /// More than the simulator can hold.
    #[error("is too large")]
    TooLarge,
    /// A fraction of the smallest step: a nanosecond, a bit per second, a byte.
    #[error("is finer than the simulator resolves")]
    TooFine,
    /// A probability of more than 100 %.
    #[error("a probability is at most 100 % (a number without `%` is a fraction, at most 1)")]
    AboveOne,
    /// A rate of zero.
    #[error("must not be zero: a link that delivers nothing is an outage")]
    ZeroRate,
}

impl UnitError {
    /// The error for a unit that is missing or not among `expected`.
    pub(crate) fn unknown(unit: &str, expected: &[&str]) -> UnitError {
        let expected = expected.join(", ");
        match unit {
            "" => UnitError::NoUnit(expected),
            unit => UnitError::UnknownUnit {
                unit: unit.to_owned(),
                expected,
            },
        }
    }
}

/// Reads a span of time: `"15 ms"`, `"0.5 s"`.
///
/// # Errors
///
/// [`UnitError`] if the text is no number with a unit of time, or falls outside the simulator's range.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    quantity(text, TIME).map(Duration::from_nanos)
}

/// Reads a rate: `"2 Mb/s"`. The prefixes are decimal, the `b` is a bit.
///
/// # Errors
///
/// [`UnitError`] if the text is no number with a unit of rate, or is zero.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    Rate::new(quantity(text, RATE)?).ok_or(UnitError::ZeroRate)
}

/// Reads a number of bytes: `"64 kB"` is 64 000, `"64 KiB"` is 65 536.
///
/// # Errors
///
/// [`UnitError`] if the text is no number with a unit of size, or is no whole number of bytes.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    quantity(text, SIZE)
}

/// Whether two texts say the same: by the value of a number with a unit (`5%` and `5 %`, `1 s` and `1000 ms`), else by
/// their letters.
pub fn same(a: &str, b: &str) -> bool {
    fn both<T: PartialEq>(a: &str, b: &str, parse: impl Fn(&str) -> Option<T>) -> bool {
        parse(a).is_some_and(|a| Some(a) == parse(b))
    }
    let (a, b) = (a.trim(), b.trim());
    let plain = |text: &str| {
        let (number, unit) = Decimal::split(text).ok()?;
        // In lowest terms: no zero ends the fraction.
        Some((number.digits, number.decimals, unit.to_owned()))
    };
    a == b
        || both(a, b, |text| parse_duration(text).ok())
        || both(a, b, |text| parse_rate(text).ok())
        || both(a, b, |text| parse_size(text).ok())
        || both(a, b, plain)
}

/// A span of time as [`parse_duration`] reads it, exactly, in the largest unit that leaves a number before the point:
/// `15 ms`, `1.5 s`. Past [`u64::MAX`] nanoseconds it is that.
pub fn show_duration(span: Duration) -> String {
    let nanos = crate::time::nanos(span);
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units.into_iter().find(|(factor, _)| nanos >= *factor);
    match (unit, nanos) {
        (_, 0) => "0 s".to_owned(),
        (None, _) => format!("{nanos} ns"),
        (Some((factor, unit)), _) => {
            let decimals = u64::ilog10(factor) as usize;
            let fraction = format!("{:0decimals$}", nanos % factor);
            match fraction.trim_end_matches('0') {
                "" => format!("{} {unit}", nanos / factor),
                fraction => format!("{}.{fraction} {unit}", nanos / factor),
            }
        }
    }
}

/// A number of bytes as [`parse_size`] reads it, exactly, in the largest decimal unit that leaves a whole number.
pub fn show_size(bytes: u64) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.is_multiple_of(1_000_000) => format!("{} MB", bytes / 1_000_000),
        _ if bytes.is_multiple_of(1_000) => format!("{} kB", bytes / 1_000),
        _ => format!("{bytes} B"),
    }
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Result<u64, UnitError> {
    let (number, unit) = Decimal::split(text)?;
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => number.times(*factor),
        None => {
            let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            Err(UnitError::unknown(unit, &names))
        }
    }
}

/// An exact decimal number that is not negative: `digits / one`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    digits: u128,
    decimals: u32,
}

impl Decimal {
    /// Splits a text into its number and what follows it, without the space between.
    pub(crate) fn split(text: &str) -> Result<(Decimal, &str), UnitError> {
        let text = text.trim();
        if text.starts_with('-') {
            return Err(UnitError::Negative);
        }
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(UnitError::NoNumber(text.to_owned()));
        }
        let fraction = fraction.trim_end_matches('0');
        match () {
            () if whole.len() > MAX_DIGITS => return Err(UnitError::TooLarge),
            () if whole.len() + fraction.len() > MAX_DIGITS => return Err(UnitError::TooFine),
            () => {}
        }
        let digits = whole
            .bytes()
            .chain(fraction.bytes())
            .fold(0u128, |digits, byte| digits * 10 + u128::from(byte - b'0'));
        let decimals = fraction.len() as u32;
        Ok((Decimal { digits, decimals }, unit.trim_start()))
    }

    /// The number's digits, without the point.
    pub(crate) fn digits(self) -> u128 {
        self.digits
    }

    /// The value of [`Decimal::digits`] that would stand for one.
    pub(crate) fn one(self) -> u128 {
        10u128.pow(self.decimals)
    }

    /// The number times `factor`, if that is whole and fits.
    pub(crate) fn times(self, factor: u64) -> Result<u64, UnitError> {
        let product = self.digits * u128::from(factor);
        if !product.is_multiple_of(self.one()) {
            return Err(UnitError::TooFine);
        }
        u64::try_from(product / self.one()).map_err(|_| UnitError::TooLarge)
    }
}
