//! Bounds of statistics.

/// Asserts that `value` is within four standard errors of `expected`.
pub(crate) fn assert_near(value: f64, expected: f64, error: f64, what: &str) {
    let bound = 4.0 * error;
    let off = (value - expected).abs();
    assert!(off < bound, "{what}: {value}, not {expected} ± {bound}");
}

/// Asserts that the ratio of `value` to `expected` is within bounds.
pub(crate) fn assert_ratio(value: f64, expected: f64, bounds: (f64, f64), what: &str) {
    let ratio = value / expected;
    let (least, most) = bounds;
    assert!(
        (least..=most).contains(&ratio),
        "{what}: {value} is {ratio:.3} of {expected}, not {least} to {most}"
    );
}
