//! Figures that stand for many runs, and what differs between two sets of them beyond noise.
//!
//! Nothing here draws from the machine: the same samples give the same figures, to the last digit. Metrics of calls are
//! skewed, bounded and full of ties (a share of pictures stops at 100 %), so that everything goes by ranks.
//!
//! - Unpaired: the Mann–Whitney test. Up to [`EXACT`] samples together its distribution is counted out, ties included;
//!   beyond, it is the normal approximation with corrections for ties and continuity.
//! - Paired, where both sides ran the same seeds: Wilcoxon's signed-rank test, exact and approximate in the same way.
//!   Streams of chance belong to seed and place here, so that a pair shares its losses as far as the variants allow, and
//!   the pairs show differences that the two distributions hide.
//! - Beside it the shift (between the medians; of pairs, the median of the differences) with an interval from 2,000
//!   seeded bootstrap resamples, and Cliff's δ.
//! - Several metrics: Holm's correction.

use duet_sim::Stream;

/// Samples up to which a test's distribution is counted out.
pub const EXACT: usize = 80;

/// Resamples for an interval.
const RESAMPLES: usize = 2_000;

/// The smallest of the sorted values that at least this share of them does not exceed (nearest rank).
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    // A hundredth of a rank absorbs that shares such as 0.95 are not exact.
    let rank = (share * sorted.len() as f64 - 1e-9).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The median of values in any order: the mean of the two in the middle where there are two.
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = finite(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

/// What is finite, sorted.
fn finite(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The 95 % interval of a median, by order statistics: no resampling, no assumption. `None` below six samples, of
/// which no two would do.
pub fn median_interval(values: &[f64]) -> Option<(f64, f64)> {
    let sorted = finite(values);
    let n = sorted.len();
    // The greatest k such that P(Bin(n, ½) < k) ≤ 2.5 %: the interval is from value k to value n + 1 − k.
    let mut term = 0.5_f64;
    for _ in 1..n.min(1_000) {
        term *= 0.5;
    }
    if n > 1_000 {
        let half = libm::sqrt(n as f64) * 0.98;
        let low = (n as f64 / 2.0 - half).floor() as usize;
        return Some((sorted[low.saturating_sub(1)], sorted[(n - low).min(n - 1)]));
    }
    let (mut below, mut k) = (0.0, 0);
    while k < n && below + term <= 0.025 {
        below += term;
        k += 1;
        term *= (n + 1 - k) as f64 / k as f64;
    }
    (k > 0).then(|| (sorted[k - 1], sorted[n - k]))
}

/// How two sets of samples differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Samples with a value on either side; where they were compared in pairs, the number of pairs twice.
    pub samples: (usize, usize),
    /// Whether they were compared in pairs.
    pub paired: bool,
    /// The medians.
    pub medians: (f64, f64),
    /// By how much the second is greater: between the medians; of pairs, the median of the differences.
    pub shift: f64,
    /// The 95 % interval of the shift.
    pub interval: (f64, f64),
    /// Cliff's δ: how much likelier a sample of the second is greater than one of the first, than less; −1 to 1.
    pub delta: f64,
    /// How likely a difference at least as large would be if there were none.
    pub p: f64,
    /// The same after correction for as many metrics as were compared: [`holm`]. At first that is `p`.
    pub adjusted: f64,
}

impl Comparison {
    /// Whether there is more than noise, at 5 %.
    pub fn beyond_noise(&self) -> bool {
        self.adjusted < 0.05
    }
}

/// Values that are no further apart than this part of them are equal: so much is rounding.
const ROUNDING: f64 = 1e-9;

/// The two sets, with one value in the place of all that rounding alone tells apart.
fn settled(a: &[f64], b: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut order: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_finite()).collect();
    order.sort_by(|a, b| all[*a].total_cmp(&all[*b]));
    let mut settled = all.clone();
    let mut same = f64::NAN;
    for at in order {
        let value = all[at];
        if (value - same).abs() <= ROUNDING * value.abs().max(same.abs()) {
            settled[at] = same;
        } else {
            same = value;
        }
    }
    let rest = settled.split_off(a.len());
    (settled, rest)
}

/// Compares two sets of samples; what is not finite counts as not there. `None` where a side has none.
///
/// With fewer than four on each side no difference can be beyond noise at 5 %: the smallest p of 3 and 3 is 0.1.
pub fn compare(a: &[f64], b: &[f64]) -> Option<Comparison> {
    let (a, b) = settled(a, b);
    let (a, b) = (finite(&a), finite(&b));
    let medians = (median(&a)?, median(&b)?);
    let (ranks, ties) = ranks(a.iter().chain(&b).copied());
    let sum: u64 = ranks[..a.len()].iter().sum();
    let p = rank_sum_p(&ranks, a.len(), sum, ties);
    let shift = medians.1 - medians.0;
    let mut stream = Stream::new(0, "report/compare");
    let mut shifts: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (a, b) = (resample(&a, &mut stream), resample(&b, &mut stream));
            median(&b).unwrap_or(0.0) - median(&a).unwrap_or(0.0)
        })
        .collect();
    shifts.sort_by(f64::total_cmp);
    Some(Comparison {
        samples: (a.len(), b.len()),
        paired: false,
        medians,
        shift,
        interval: interval(&shifts, shift),
        delta: delta(&a, &b),
        p,
        adjusted: p,
    })
}

/// Compares samples pair by pair: `a[i]` and `b[i]` are of the same seed. A pair counts if both are finite.
pub fn compare_pairs(a: &[f64], b: &[f64]) -> Option<Comparison> {
    let pairs = a
        .iter()
        .zip(b)
        .filter(|(a, b)| a.is_finite() && b.is_finite());
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.map(|(a, b)| (*a, *b)).unzip();
    let (a, b) = settled(&a, &b);
    let medians = (median(&a)?, median(&b)?);
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
    let p = signed_rank_p(&differences);
    let shift = median(&differences)?;
    let mut stream = Stream::new(0, "report/compare-pairs");
    let mut shifts: Vec<f64> = (0..RESAMPLES)
        .map(|_| median(&resample(&differences, &mut stream)).unwrap_or(0.0))
        .collect();
    shifts.sort_by(f64::total_cmp);
    Some(Comparison {
        samples: (a.len(), b.len()),
        paired: true,
        medians,
        shift,
        interval: interval(&shifts, shift),
        delta: delta(&finite(&a), &finite(&b)),
        p,
        adjusted: p,
    })
}

/// Corrects the p of several comparisons for their number (Holm 1979).
pub fn holm<'a>(comparisons: impl IntoIterator<Item = &'a mut Comparison>) {
    let mut all: Vec<&mut Comparison> = comparisons.into_iter().collect();
    all.sort_by(|a, b| a.p.total_cmp(&b.p));
    let count = all.len();
    let mut least = 0.0_f64;
    for (index, comparison) in all.into_iter().enumerate() {
        least = least.max((comparison.p * (count - index) as f64).min(1.0));
        comparison.adjusted = least;
    }
}

/// The interval that holds 95 % of the resampled shifts, and the shift itself.
fn interval(sorted: &[f64], shift: f64) -> (f64, f64) {
    let at = |share| quantile(sorted, share).unwrap_or(shift);
    (at(0.025).min(shift), at(0.975).max(shift))
}

fn resample(values: &[f64], stream: &mut Stream) -> Vec<f64> {
    let count = values.len();
    (0..count)
        .map(|_| values[stream.below(count as u64) as usize])
        .collect()
}

/// Cliff's δ of sorted samples.
fn delta(a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for b in b {
        let less = a.partition_point(|a| a < b);
        let more = a.len() - a.partition_point(|a| a <= b);
        sum += less as f64 - more as f64;
    }
    sum / (a.len() * b.len()) as f64
}

/// Twice the rank of each value, so that ranks that ties share are whole numbers; and Σ(t³ − t) over the ties.
fn ranks(values: impl Iterator<Item = f64>) -> (Vec<u64>, f64) {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0; values.len()];
    let (mut ties, mut from) = (0.0, 0);
    while from < order.len() {
        let mut to = from + 1;
        while to < order.len() && values[order[to]] == values[order[from]] {
            to += 1;
        }
        let tied = (to - from) as f64;
        ties += tied * tied * tied - tied;
        for index in &order[from..to] {
            ranks[*index] = (from + 1 + to) as u64;
        }
        from = to;
    }
    (ranks, ties)
}

/// The two-sided p of the sum of `n` of the doubled ranks.
fn rank_sum_p(ranks: &[u64], n: usize, sum: u64, ties: f64) -> f64 {
    let count = ranks.len();
    let total: u64 = ranks.iter().sum();
    // Twice the deviation from the mean, in doubled ranks: |2·sum·count − 2·n·total| ⁄ count.
    let off = |sum: u64| (sum as i128 * count as i128 - n as i128 * total as i128).unsigned_abs();
    let seen = off(sum);
    if count <= EXACT {
        // ways[k][s]: ways to choose k of the ranks so that they sum to s.
        let mut ways = vec![vec![0.0_f64; total as usize + 1]; n + 1];
        ways[0][0] = 1.0;
        for (index, rank) in ranks.iter().enumerate() {
            let rank = *rank as usize;
            for k in (1..=n.min(index + 1)).rev() {
                let (fewer, more) = ways.split_at_mut(k);
                let (fewer, more) = (&fewer[k - 1], &mut more[0]);
                for s in rank..=total as usize {
                    more[s] += fewer[s - rank];
                }
            }
        }
        let sums = || ways[n].iter().enumerate();
        let all: f64 = sums().map(|(_, ways)| ways).sum();
        let extreme = sums().filter(|(s, _)| off(*s as u64) >= seen);
        return (extreme.map(|(_, ways)| ways).sum::<f64>() / all).min(1.0);
    }
    let (n, m, all) = (n as f64, (count - n) as f64, count as f64);
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    // In whole ranks, with half a rank for continuity.
    normal_p((seen as f64 / all / 2.0 - 0.5).max(0.0), variance)
}

/// The two-sided p of the signed ranks of these differences; those that are 0 count for neither side.
fn signed_rank_p(differences: &[f64]) -> f64 {
    let differences: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    if differences.is_empty() {
        return 1.0;
    }
    let (ranks, ties) = ranks(differences.iter().map(|difference| difference.abs()));
    let total: u64 = ranks.iter().sum();
    let signed = ranks.iter().zip(&differences);
    let positive: u64 = signed
        .filter(|(_, d)| **d > 0.0)
        .map(|(rank, _)| rank)
        .sum();
    let off = |sum: u64| (2 * sum).abs_diff(total);
    let seen = off(positive);
    if ranks.len() <= EXACT {
        let mut ways = vec![0.0_f64; total as usize + 1];
        ways[0] = 1.0;
        for rank in &ranks {
            for s in (*rank as usize..ways.len()).rev() {
                ways[s] += ways[s - *rank as usize];
            }
        }
        let all: f64 = ways.iter().sum();
        let extreme = ways
            .iter()
            .enumerate()
            .filter(|(s, _)| off(*s as u64) >= seen);
        return (extreme.map(|(_, ways)| ways).sum::<f64>() / all).min(1.0);
    }
    let n = ranks.len() as f64;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    normal_p((seen as f64 / 4.0 - 0.5).max(0.0), variance)
}

/// The two-sided p of a deviation, if it is normal with this variance.
fn normal_p(off: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    libm::erfc(off / libm::sqrt(2.0 * variance)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a}, not {b}");
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&values, 0.5), Some(2.0));
        assert_eq!(quantile(&values, 0.95), Some(4.0));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.95), Some(95.0));
        assert_eq!(quantile(&hundred, 0.07), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&[3.0, f64::NAN, 1.0]), Some(2.0));
    }

    #[test]
    fn apart_as_far_as_can_be() {
        // 5 and 5 without overlap: 2 of the C(10, 5) = 252 ways are as extreme.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        let b = [6.0, 7.0, 8.0, 9.0, 10.0];
        let comparison = compare(&a, &b).expect("samples");
        close(comparison.p, 2.0 / 252.0);
        assert_eq!((comparison.shift, comparison.delta), (5.0, 1.0));
        assert!(comparison.interval.0 > 0.0 && comparison.beyond_noise());
        let back = compare(&b, &a).expect("samples");
        close(back.p, comparison.p);
        assert_eq!((back.shift, back.delta), (-5.0, -1.0));
    }

    /// Delays of 53 ms in both sets, whose means differed in their last bits, were a difference with p below 0.0001.
    #[test]
    fn rounding_is_no_difference() {
        let a: Vec<f64> = (0..20).map(|n| 0.053 + f64::from(n % 3) * 1e-17).collect();
        let b: Vec<f64> = a.iter().map(|value| value + 1.4e-17).collect();
        assert_ne!(a, b);
        for comparison in [compare(&a, &b), compare_pairs(&a, &b)] {
            let comparison = comparison.expect("samples");
            assert_eq!(
                (comparison.p, comparison.shift, comparison.delta),
                (1.0, 0.0, 0.0)
            );
            assert_eq!(comparison.interval, (0.0, 0.0));
        }
        // A nanosecond of a second is one.
        let b: Vec<f64> = a.iter().map(|value| value + 1e-9).collect();
        assert!(compare_pairs(&a, &b).expect("samples").beyond_noise());
    }

    #[test]
    fn known_cases() {
        // U = 4 of 3 × 4: counted by hand, 14 of 35 ways are on either side at least as far from 6.
        let comparison = compare(&[1.0, 3.0, 6.0], &[2.0, 4.0, 5.0, 7.0]).expect("samples");
        let (mut extreme, mut all) = (0, 0);
        for chosen in 0_u32..128 {
            if chosen.count_ones() == 3 {
                let sum: u32 = (0..7)
                    .filter(|bit| chosen >> bit & 1 == 1)
                    .map(|bit| bit + 1)
                    .sum();
                all += 1;
                extreme += i32::from(sum.abs_diff(12) >= 2);
            }
        }
        close(comparison.p, f64::from(extreme) / f64::from(all));
        // Eight pairs, all in one direction: 2 of 256.
        let a: Vec<f64> = (1..=8).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|a| a + 0.25).collect();
        close(compare_pairs(&a, &b).expect("pairs").p, 2.0 / 256.0);
        // Unpaired, the same is nothing.
        assert!(compare(&a, &b).expect("samples").p > 0.5);
    }

    #[test]
    fn nothing_differs_from_itself() {
        for values in [vec![4.0], vec![4.0; 30], (0..200).map(f64::from).collect()] {
            for comparison in [compare(&values, &values), compare_pairs(&values, &values)] {
                let comparison = comparison.expect("samples");
                close(comparison.p, 1.0);
                assert_eq!((comparison.shift, comparison.delta), (0.0, 0.0));
                assert!(!comparison.beyond_noise());
            }
        }
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(compare(&[], &[1.0]), None);
        assert_eq!(compare(&[f64::NAN], &[1.0]), None);
        assert_eq!(compare_pairs(&[f64::NAN, 1.0], &[1.0, f64::INFINITY]), None);
        let comparison = compare(&[1.0, f64::NAN], &[2.0]).expect("samples");
        assert_eq!(comparison.samples, (1, 1));
    }

    #[test]
    fn many_metrics_need_more() {
        let one = compare(&[1.0], &[2.0]).expect("samples");
        let mut all: Vec<Comparison> = [0.01, 0.04, 0.03, 0.005]
            .into_iter()
            .map(|p| Comparison { p, ..one.clone() })
            .collect();
        holm(&mut all);
        let adjusted: Vec<f64> = all
            .iter()
            .map(|one| (one.adjusted * 1e6).round() / 1e6)
            .collect();
        // Holm's own steps: 4 × 0.005, 3 × 0.01, 2 × 0.03, and never less than the one before.
        assert_eq!(adjusted, [0.03, 0.06, 0.06, 0.02]);
    }

    /// Skewed samples with ties, as a delay in whole milliseconds has them.
    fn samples(stream: &mut Stream, count: usize, more: f64) -> Vec<f64> {
        let one = |stream: &mut Stream| {
            let draws = [
                stream.below(1_000),
                stream.below(1_000),
                stream.below(1_000),
            ];
            let least = draws.into_iter().min().unwrap_or(0) as f64;
            (least / 20.0 + more).round()
        };
        (0..count).map(|_| one(stream)).collect()
    }

    /// The share of trials in which two sets of samples differ beyond noise.
    fn found(label: &str, count: usize, more: f64, trials: u32) -> f64 {
        let mut stream = Stream::new(4, label);
        let mut found = 0;
        for _ in 0..trials {
            let (a, b) = (
                samples(&mut stream, count, 0.0),
                samples(&mut stream, count, more),
            );
            let (ranks, ties) = ranks(a.iter().chain(&b).copied());
            let sum = ranks[..count].iter().sum();
            found += u32::from(rank_sum_p(&ranks, count, sum, ties) < 0.05);
        }
        f64::from(found) / f64::from(trials)
    }

    #[test]
    fn noise_is_called_a_difference_in_one_of_twenty_cases_at_most() {
        // 2,000 trials at 5 %: standard error 0.5 %.
        let (exact, approximate) = (
            found("exact", 12, 0.0, 2_000),
            found("approximate", 60, 0.0, 2_000),
        );
        println!("exact {exact}, approximate {approximate}");
        assert!((0.025..=0.065).contains(&exact), "{exact}");
        assert!((0.035..=0.065).contains(&approximate), "{approximate}");
    }

    #[test]
    fn a_difference_is_found() {
        let power = found("power", 30, 8.0, 200);
        println!("power {power}");
        assert!(power > 0.7, "{power}");
    }

    #[test]
    fn the_approximation_meets_the_exact_test() {
        let mut stream = Stream::new(5, "both");
        for _ in 0..20 {
            let (a, b) = (samples(&mut stream, 40, 0.0), samples(&mut stream, 40, 3.0));
            let (ranks, ties) = ranks(a.iter().chain(&b).copied());
            let sum: u64 = ranks[..40].iter().sum();
            let exact = rank_sum_p(&ranks, 40, sum, ties);
            let total: u64 = ranks.iter().sum();
            let off = (sum as f64 * 80.0 - 40.0 * total as f64).abs() / 80.0 / 2.0;
            let variance = 1_600.0 / 12.0 * (81.0 - ties / (80.0 * 79.0));
            let near = normal_p((off - 0.5).max(0.0), variance);
            assert!((exact - near).abs() < 0.01, "{exact} and {near}");
        }
    }

    #[test]
    fn intervals_of_a_median_hold_it_in_nineteen_of_twenty_cases() {
        let mut stream = Stream::new(6, "median");
        let held = (0..2_000).filter(|_| {
            let values: Vec<f64> = (0..25).map(|_| stream.below(1 << 40) as f64).collect();
            let (low, high) = median_interval(&values).expect("enough");
            let middle = (1_u64 << 39) as f64;
            low <= middle && middle <= high
        });
        let held = held.count() as f64 / 2_000.0;
        println!("held {held}");
        assert!((0.94..=0.985).contains(&held), "{held}");
        assert_eq!(median_interval(&[1.0; 5]), None);
        assert_eq!(
            median_interval(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            Some((1.0, 6.0))
        );
    }
}
