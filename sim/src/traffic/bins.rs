//! Bytes per interval.

use core::time::Duration;

use crate::time::{Time, nanos};

/// Most bins that are kept; at 100 ms they last for almost two hours.
const MOST: usize = 1 << 16;

/// Bytes counted in intervals of equal width, from the beginning of the run.
///
/// Bounded: a run that needs more than 65 536 bins doubles their width and adds neighbours together, so that the total
/// stays exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    width: u64,
    bytes: Vec<u64>,
}

impl Bins {
    /// No bytes, in bins of this width; zero counts as a nanosecond.
    pub fn new(width: Duration) -> Bins {
        Bins {
            width: nanos(width).max(1),
            bytes: Vec::new(),
        }
    }

    /// Counts bytes at an instant.
    pub(super) fn add(&mut self, at: Time, bytes: u64) {
        while at.as_nanos() / self.width >= MOST as u64 {
            self.bytes = self.bytes.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.width = self.width.saturating_mul(2);
        }
        let index = (at.as_nanos() / self.width) as usize;
        if index >= self.bytes.len() {
            self.bytes.resize(index + 1, 0);
        }
        self.bytes[index] += bytes;
    }

    /// The width of a bin.
    pub fn width(&self) -> Duration {
        Duration::from_nanos(self.width)
    }

    /// Bytes of each bin up to the last that has any; bin *n* is the interval from *n* widths to *n* + 1.
    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Bytes of the bins that begin in the given interval; exact if it begins and ends with bins.
    pub fn between(&self, from: Time, to: Time) -> u64 {
        let first = from.as_nanos().div_ceil(self.width);
        let end = to.as_nanos().div_ceil(self.width);
        let count = self.bytes.len() as u64;
        let (first, end) = (first.min(count), end.min(count));
        let bins = self.bytes.get(first as usize..end as usize);
        bins.unwrap_or_default().iter().sum()
    }

    /// Mean rate in bits per second over the bins that begin in the given interval; for reports.
    pub fn rate(&self, from: Time, to: Time) -> f64 {
        let span = to.since(from).as_secs_f64();
        if span == 0.0 {
            return 0.0;
        }
        self.between(from, to) as f64 * 8.0 / span
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.bytes.iter().sum()
    }
}

impl Default for Bins {
    /// Bins of 100 ms.
    fn default() -> Bins {
        Bins::new(Duration::from_millis(100))
    }
}
