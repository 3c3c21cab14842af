//! Samples of something that changes too often to keep.

use core::time::Duration;

use crate::time::{Time, nanos};

/// Most samples that are kept.
const MOST: usize = 4_096;

/// Values with their instants, at least a spacing apart.
///
/// Bounded: at 4096 samples every second one goes and the spacing doubles. So a run of any length has between 2048 and
/// 4096 of them, evenly spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples<T> {
    spacing: u64,
    values: Vec<(Time, T)>,
}

impl<T> Samples<T> {
    /// No samples; those to come are at least this far apart.
    pub fn new(spacing: Duration) -> Samples<T> {
        Samples {
            spacing: nanos(spacing),
            values: Vec::new(),
        }
    }

    /// Takes a sample, if the one before is old enough.
    pub(super) fn offer(&mut self, at: Time, value: impl FnOnce() -> T) {
        let due = |(last, _): &(Time, T)| at.as_nanos() - last.as_nanos() >= self.spacing;
        if !self.values.last().is_none_or(due) {
            return;
        }
        self.values.push((at, value()));
        if self.values.len() >= MOST {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.spacing = self.spacing.saturating_mul(2).max(1);
        }
    }

    /// The samples, in order of time.
    pub fn values(&self) -> &[(Time, T)] {
        &self.values
    }
}
