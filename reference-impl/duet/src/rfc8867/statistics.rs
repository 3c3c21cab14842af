//! Numbers of series: rates in bins, percentiles, spread, fairness, convergence. Nothing here knows of networks.

use serde::Serialize;

/// What describes a set of numbers (RFC 8868 §3.1: minimum, maximum, mean, standard deviation, variance), and some of its
/// distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are; all else is 0 where there is none.
    pub count: usize,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation, of the whole population.
    pub std: f64,
    /// Its square.
    pub variance: f64,
    /// Half are not above.
    pub p50: f64,
    /// 95 % are not above.
    pub p95: f64,
    /// 99 % are not above.
    pub p99: f64,
}

impl Summary {
    /// Of these values.
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let mean = mean(&sorted);
        let variance = sorted.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count as f64;
        Self {
            count,
            min: sorted[0],
            max: sorted[count - 1],
            mean,
            std: variance.sqrt(),
            variance,
            p50: percentile(&sorted, 0.50),
            p95: percentile(&sorted, 0.95),
            p99: percentile(&sorted, 0.99),
        }
    }
}

/// The arithmetic mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The least value that at least this share of the values, sorted upwards, is not above; 0 of nothing.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let index = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(0.0)
}

/// The distribution function at so many points, evenly spread over the shares: (value, share not above).
pub fn distribution(values: &[f64], points: usize) -> Vec<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return Vec::new();
    }
    (0..=points)
        .map(|point| point as f64 / points as f64)
        .map(|share| (percentile(&sorted, share), share))
        .collect()
}

/// Amounts in equal bins of time from 0 on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bins {
    width: f64,
    amounts: Vec<f64>,
}

impl Bins {
    /// Sums (second, amount) into bins of so many seconds, up to `end`; what lies beyond is left out.
    pub fn new(width: f64, end: f64, events: impl IntoIterator<Item = (f64, f64)>) -> Self {
        // A bin that the end cuts off would show a lower rate than there was.
        let count = (end / width + 1e-9).floor() as usize;
        let mut amounts = vec![0.0; count];
        for (at, amount) in events {
            if let Some(bin) = amounts.get_mut((at / width) as usize) {
                *bin += amount;
            }
        }
        Self { width, amounts }
    }

    /// The bins' width in seconds.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Amount a second, per bin.
    pub fn rates(&self) -> Vec<f64> {
        self.amounts.iter().map(|a| a / self.width).collect()
    }

    /// Amount a second, for each bin that lies wholly within a span of seconds.
    pub fn rates_within(&self, from: f64, until: f64) -> Vec<f64> {
        self.amounts[self.range(from, until)]
            .iter()
            .map(|amount| amount / self.width)
            .collect()
    }

    /// The amount within the bins that lie wholly within a span.
    pub fn sum_within(&self, from: f64, until: f64) -> f64 {
        self.amounts[self.range(from, until)].iter().sum()
    }

    fn range(&self, from: f64, until: f64) -> std::ops::Range<usize> {
        let first = (from / self.width - 1e-9).ceil().max(0.0) as usize;
        let end = ((until / self.width + 1e-9).floor() as usize).min(self.amounts.len());
        first.min(end)..end
    }
}

/// Jain's index of fairness, (Σx)² / (n·Σx²): 1 where all are equal, 1/n where one has all.
pub fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares > 0.0 {
        sum * sum / (shares.len() as f64 * squares)
    } else {
        1.0
    }
}

/// The greatest share over the least (RFC 8868 §3 has its bound at 3); infinite where one has nothing.
pub fn fairness_ratio(shares: &[f64]) -> f64 {
    let most = shares.iter().copied().fold(0.0, f64::max);
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    if most > 0.0 { most / least } else { 1.0 }
}

/// Seconds from `from` until the series is within `low..=high` and stays so for `hold` seconds, or up to `until`; none if
/// it never does before `until`. The series has one value a bin of `width` seconds; the answer is the beginning of the
/// first bin that holds.
pub fn convergence(
    values: &[f64],
    width: f64,
    (from, until): (f64, f64),
    (low, high): (f64, f64),
    hold: f64,
) -> Option<f64> {
    let first = (from / width - 1e-9).ceil().max(0.0) as usize;
    let end = ((until / width + 1e-9).floor() as usize).min(values.len());
    let held = (hold / width).round().max(1.0) as usize;
    (first..end).find_map(|start| {
        let stretch = values.get(start..(start + held).min(end))?;
        let inside = stretch.iter().all(|v| (low..=high).contains(v));
        inside.then(|| (start as f64 * width - from).max(0.0))
    })
}

/// The moving mean over so many values up to and including each.
pub fn smooth(values: &[f64], over: usize) -> Vec<f64> {
    (0..values.len())
        .map(|index| mean(&values[(index + 1).saturating_sub(over)..=index]))
        .collect()
}

/// How often a series swings: from above `high` to below `low` or back (RFC 8868's watermarks), in swings; a cycle has two.
pub fn swings(values: &[f64], low: f64, high: f64) -> usize {
    let mut above = None;
    let mut swings = 0;
    for value in values {
        let side = match *value {
            value if value > high => true,
            value if value < low => false,
            _ => continue,
        };
        if above.is_some_and(|above| above != side) {
            swings += 1;
        }
        above = Some(side);
    }
    swings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_by_hand() {
        let summary = Summary::of(&[4.0, 2.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((summary.count, summary.min, summary.max), (8, 2.0, 9.0));
        assert_eq!(
            (summary.mean, summary.std, summary.variance),
            (5.0, 2.0, 4.0)
        );
        assert_eq!((summary.p50, summary.p95, summary.p99), (4.0, 9.0, 9.0));
        assert_eq!(Summary::of(&[]), Summary::default());
    }

    #[test]
    fn percentiles_take_the_least_value_with_enough_below() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.95), 95.0);
        assert_eq!(percentile(&sorted, 0.0), 1.0);
        assert_eq!(percentile(&sorted, 1.0), 100.0);
        let curve = distribution(&[3.0, 1.0, 2.0, 4.0], 4);
        let expected = [(1.0, 0.0), (1.0, 0.25), (2.0, 0.5), (3.0, 0.75), (4.0, 1.0)];
        assert_eq!(curve, expected);
    }

    #[test]
    fn bins_hold_what_lies_within_them() {
        let events = [
            (0.0, 1.0),
            (0.19, 1.0),
            (0.2, 4.0),
            (0.99, 8.0),
            (1.0, 99.0),
        ];
        let bins = Bins::new(0.2, 1.0, events);
        assert_eq!(bins.rates(), [10.0, 20.0, 0.0, 0.0, 40.0]);
        assert_eq!(bins.rates_within(0.1, 0.5), [20.0], "only the whole ones");
        assert_eq!(bins.sum_within(0.2, 1.0), 12.0);
        assert_eq!(bins.rates_within(5.0, 9.0), [0.0; 0]);
    }

    #[test]
    fn fairness_by_hand() {
        assert_eq!(jain(&[1.0, 1.0, 1.0]), 1.0);
        assert_eq!(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25);
        assert!((jain(&[3.0, 1.0]) - 0.8).abs() < 1e-12);
        assert_eq!(fairness_ratio(&[3.0, 1.0, 2.0]), 3.0);
        assert_eq!(fairness_ratio(&[3.0, 0.0]), f64::INFINITY);
        assert_eq!(fairness_ratio(&[0.0, 0.0]), 1.0);
    }

    #[test]
    fn convergence_waits_for_what_stays() {
        // One value a second; in the band at 2 s for one second only, then from 4 s on.
        let values = [9.0, 9.0, 5.0, 9.0, 5.0, 5.0, 5.0];
        let at = |hold| convergence(&values, 1.0, (1.0, 7.0), (4.0, 6.0), hold);
        assert_eq!(at(1.0), Some(1.0));
        assert_eq!(at(2.0), Some(3.0));
        assert_eq!(at(9.0), Some(3.0), "up to the end is enough");
        assert_eq!(convergence(&values, 1.0, (0.0, 2.0), (4.0, 6.0), 1.0), None);
    }

    #[test]
    fn swings_are_counted_between_watermarks() {
        let values = [1.0, 9.0, 5.0, 9.0, 1.0, 5.0, 1.0, 9.0];
        assert_eq!(swings(&values, 2.0, 8.0), 3);
        assert_eq!(smooth(&[2.0, 4.0, 6.0], 2), [2.0, 3.0, 5.0]);
    }
}
