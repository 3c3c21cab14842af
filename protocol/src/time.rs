//! Time as the core sees it: an input, never a clock that is read.

use core::fmt;
use core::time::Duration;

/// Microseconds since the driver's epoch, an instant that the driver chooses once, before its first call.
///
/// A driver with a `std::time::Instant` keeps the instant at which it started as its epoch and converts both ways:
/// `Instant::from_micros(now.duration_since(epoch).as_micros() as u64)`, and `epoch + Duration::from_micros(at.as_micros())`.
/// Half a million years fit; arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's epoch.
    pub const EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The instant `span` later.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The instant `span` earlier, or the epoch.
    #[must_use]
    pub const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The span since `earlier`; zero if that is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

const fn micros(span: Duration) -> u64 {
    let all = span.as_micros();
    if all > u64::MAX as u128 {
        u64::MAX
    } else {
        all as u64
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}us", self.0)
    }
}

/// The earlier of two deadlines, either of which may be absent.
pub(crate) fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
