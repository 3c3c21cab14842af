//! Distributions that come out the same on every platform.

use core::time::Duration;

use crate::time::nanos;

/// The draw as a number between zero and one, both excluded: the middle of one of 2⁵³ equal parts.
fn open_unit(draw: u64) -> f64 {
    ((draw >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// An exponentially distributed span, by inversion: −ln(u) · mean. From 0 to about 37 means.
pub(super) fn exponential(draw: u64, mean: Duration) -> Duration {
    let nanos = -libm::log(open_unit(draw)) * nanos(mean) as f64;
    Duration::from_nanos(nanos as u64)
}

/// A geometrically distributed count from one upwards, by inversion: 1 + ⌊ln(u) / ln(1 − 1/mean)⌋.
pub(super) fn geometric(draw: u64, mean: u32) -> u32 {
    if mean <= 1 {
        return 1;
    }
    let failures = libm::log(open_unit(draw)) / libm::log(1.0 - 1.0 / f64::from(mean));
    1 + failures as u32
}
