//! Traces of delivery opportunities.

use core::time::Duration;
use std::sync::Arc;

use thiserror::Error;

use super::Rate;

/// Bytes that one opportunity carries.
pub(super) const OPPORTUNITY: u64 = 1_500;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// When a link could send, as recorded on a real one; the format is that of mahimahi's `mm-link`.
///
/// One line per opportunity to send 1500 bytes, an integer number of milliseconds, never decreasing. The trace repeats:
/// the last line's time is its period. A packet may take several opportunities, and several packets one, as long as
/// they wait; what nobody uses is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opportunities {
    /// Nanoseconds of each opportunity, sorted.
    times: Arc<[u64]>,
}

/// Why a text is no trace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpportunitiesError {
    /// A line that is no number of milliseconds.
    #[error("line {line}: {text:?} is no whole number of milliseconds")]
    NoNumber {
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Time goes back.
    #[error("line {line}: {millis} ms comes after {before} ms; times must not decrease")]
    GoesBack {
        /// The line, from 1.
        line: usize,
        /// What it says.
        millis: u64,
        /// What the line before it says.
        before: u64,
    },
    /// No line at all.
    #[error("a trace needs at least one delivery opportunity")]
    Empty,
    /// All opportunities at zero: the trace would repeat without end at one instant.
    #[error("the last line is the trace's period and must be above 0 ms")]
    NoPeriod,
}

impl Opportunities {
    /// A trace of these milliseconds.
    ///
    /// # Errors
    ///
    /// [`OpportunitiesError`] if there are none, if they decrease, or if the last is zero.
    pub fn new(millis: &[u64]) -> Result<Opportunities, OpportunitiesError> {
        let numbered = millis.iter().enumerate();
        Opportunities::collect(numbered.map(|(index, millis)| Ok((index + 1, *millis))))
    }

    /// Reads a trace file. Empty lines and lines that begin with `#` do not count.
    ///
    /// # Errors
    ///
    /// [`OpportunitiesError`], with the line.
    pub fn parse(text: &str) -> Result<Opportunities, OpportunitiesError> {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        Opportunities::collect(lines.map(|(line, text)| {
            let millis = text.parse().map_err(|_| OpportunitiesError::NoNumber {
                line,
                text: text.to_owned(),
            })?;
            Ok((line, millis))
        }))
    }

    fn collect(
        lines: impl Iterator<Item = Result<(usize, u64), OpportunitiesError>>,
    ) -> Result<Opportunities, OpportunitiesError> {
        let mut times = Vec::new();
        let mut before = 0;
        for line in lines {
            let (line, millis) = line?;
            if millis < before {
                return Err(OpportunitiesError::GoesBack {
                    line,
                    millis,
                    before,
                });
            }
            before = millis;
            let nanos = millis.checked_mul(NANOS_PER_MILLI);
            times.push(nanos.ok_or_else(|| OpportunitiesError::NoNumber {
                line,
                text: millis.to_string(),
            })?);
        }
        match times.last() {
            None => Err(OpportunitiesError::Empty),
            Some(0) => Err(OpportunitiesError::NoPeriod),
            Some(_) => {
                let times = times.into();
                Ok(Opportunities { times })
            }
        }
    }

    /// The number of opportunities before the trace repeats.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// How long it is before it repeats.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period_nanos())
    }

    /// The mean rate of all opportunities together, rounded down; at least one bit per second.
    pub fn mean_rate(&self) -> Rate {
        let bits = self.times.len() as u128 * u128::from(OPPORTUNITY) * 8;
        let rate = bits * 1_000_000_000 / u128::from(self.period_nanos());
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        Rate::new(rate.max(1)).unwrap_or(Rate::MIN)
    }

    /// The milliseconds of the first pass.
    pub fn millis(&self) -> impl Iterator<Item = u64> {
        self.times.iter().map(|nanos| nanos / NANOS_PER_MILLI)
    }

    /// When opportunity `index` is, counted over all repetitions, in nanoseconds.
    pub(super) fn at(&self, index: u64) -> u64 {
        let count = self.times.len() as u64;
        let begin = (index / count).saturating_mul(self.period_nanos());
        begin.saturating_add(self.times[(index % count) as usize])
    }

    /// The index of the first opportunity at or after `at`.
    pub(super) fn first_from(&self, at: u64) -> u64 {
        let period = self.period_nanos();
        let count = self.times.len() as u64;
        // The last opportunity of a pass is at the beginning of the next.
        let pass = at.saturating_sub(1) / period;
        let within = at - pass * period;
        pass.saturating_mul(count) + self.times.partition_point(|time| *time < within) as u64
    }

    fn period_nanos(&self) -> u64 {
        self.times.last().copied().unwrap_or(1)
    }
}
