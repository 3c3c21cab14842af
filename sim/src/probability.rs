//! Probabilities in fixed point.

use core::fmt;
use core::str::FromStr;

use crate::units::{Decimal, UnitError};

/// Least digits that a text has too many of, so that a number's shift by 64 bits still fits 128.
const TOO_MANY: u128 = 1_000_000_000_000_000_000;

/// A probability, held as the number of 64-bit draws, out of 2⁶⁴, for which the answer is yes.
///
/// Deciding is one integer comparison, so no float takes part in a run. Read from `"2.5 %"` or from `"0.025"`, both
/// exactly (to 2⁻⁶⁴, rounded down).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability(u64);

impl Probability {
    /// Probability zero.
    pub const NEVER: Probability = Probability(0);

    /// Probability one. 2⁶⁴ does not fit, so the largest threshold stands for it.
    pub const ALWAYS: Probability = Probability(u64::MAX);

    /// A probability in parts per million; more than a million is [`Probability::ALWAYS`].
    pub const fn from_ppm(ppm: u32) -> Probability {
        if ppm >= 1_000_000 {
            return Probability::ALWAYS;
        }
        Probability((((ppm as u128) << 64) / 1_000_000) as u64)
    }

    /// The threshold below which a 64-bit draw means yes; `u64::MAX` means that every draw does.
    pub const fn threshold(self) -> u64 {
        self.0
    }

    /// Whether a uniform 64-bit draw falls within this probability.
    pub const fn covers(self, draw: u64) -> bool {
        draw < self.0 || self.0 == u64::MAX
    }

    /// The shortest percentage that is read as this probability: `2.5 %`. Of one that no text gives, the nearest below.
    pub fn exact(self) -> String {
        if self == Probability::ALWAYS {
            return "100 %".to_owned();
        }
        let mut percent = String::new();
        let mut one: u128 = 1;
        // A text has at most seventeen decimals beside the digit before them.
        for decimals in 0..=17 {
            // The least number of so many decimals that is not below: reading rounds down.
            let digits = (u128::from(self.0) * 100 * one).div_ceil(1 << 64);
            let (whole, fraction) = (digits / one, digits % one);
            percent = match decimals {
                0 => format!("{whole} %"),
                _ => format!("{whole}.{fraction:0decimals$} %"),
            };
            if percent.parse() == Ok(self) {
                break;
            }
            one *= 10;
        }
        percent
    }

    /// The probability as a number from 0 to 1, for reports and for the bounds of tests.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 2f64.powi(64)
    }
}

impl FromStr for Probability {
    type Err = UnitError;

    /// Reads a percentage (`"2.5 %"`) or a fraction (`"0.025"`).
    ///
    /// # Errors
    ///
    /// [`UnitError`] if the text is no number, is negative, or is more than 100 %.
    fn from_str(text: &str) -> Result<Probability, UnitError> {
        let (number, unit) = Decimal::split(text)?;
        let whole = match unit {
            "" => number.one(),
            "%" => number.one().checked_mul(100).ok_or(UnitError::TooLarge)?,
            other => return Err(UnitError::unknown(other, &["%"])),
        };
        if number.digits() > whole {
            return Err(UnitError::AboveOne);
        }
        if number.digits() >= TOO_MANY || number.one() >= TOO_MANY {
            return Err(UnitError::TooFine);
        }
        if number.digits() == whole {
            return Ok(Probability::ALWAYS);
        }
        let threshold = (number.digits() << 64) / whole;
        Ok(Probability(u64::try_from(threshold).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Probability {
    /// A percentage with at most four decimals, rounded: `2.5 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = (u128::from(self.0) * 1_000_000 + (1 << 63)) >> 64;
        let decimals = format!("{:04}", scaled % 10_000);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{} %", scaled / 10_000),
            decimals => write!(f, "{}.{decimals} %", scaled / 10_000),
        }
    }
}
