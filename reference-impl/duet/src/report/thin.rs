//! Long series made short, so that what cannot be told apart on a screen is not drawn, and no peak is lost.

/// At most so many points: of each stretch of x, the first, the least, the greatest, the last, and one gap if it has
/// one. What has no place on the x axis is dropped.
pub(super) fn points(points: Vec<(f64, f64)>, most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points;
    }
    let (from, to) = ends(points.iter().map(|point| point.0));
    columns(&points, from, to, most / 5)
}

/// The least and the greatest finite value; (0, 0) where there is none.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let finite = values.filter(|value| value.is_finite());
    let (least, most) = finite.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    );
    if least > most {
        (0.0, 0.0)
    } else {
        (least, most)
    }
}

/// At most five points of each of so many columns of equal width.
pub(super) fn columns(
    points: &[(f64, f64)],
    from: f64,
    to: f64,
    columns: usize,
) -> Vec<(f64, f64)> {
    let width = (to - from) / columns.max(1) as f64;
    let column = |x: f64| {
        if width > 0.0 {
            ((x - from) / width) as i64
        } else {
            0
        }
    };
    let mut out = Vec::new();
    let mut keep = Keep::default();
    let mut current = None;
    for (index, (x, y)) in points.iter().enumerate() {
        if !x.is_finite() {
            continue;
        }
        if current != Some(column(*x)) {
            keep.flush(points, &mut out);
            current = Some(column(*x));
        }
        keep.see(points, index, *y);
    }
    keep.flush(points, &mut out);
    out
}

/// Indices of what a column keeps.
#[derive(Default)]
struct Keep {
    first: Option<usize>,
    last: Option<usize>,
    least: Option<usize>,
    most: Option<usize>,
    gap: Option<usize>,
}

impl Keep {
    fn see(&mut self, points: &[(f64, f64)], index: usize, y: f64) {
        if !y.is_finite() {
            self.gap.get_or_insert(index);
            return;
        }
        let value = |index: usize| points[index].1;
        self.first.get_or_insert(index);
        self.last = Some(index);
        if self.least.is_none_or(|least| y < value(least)) {
            self.least = Some(index);
        }
        if self.most.is_none_or(|most| y > value(most)) {
            self.most = Some(index);
        }
    }

    fn flush(&mut self, points: &[(f64, f64)], out: &mut Vec<(f64, f64)>) {
        let kept = std::mem::take(self);
        let mut indices: Vec<usize> = [kept.first, kept.last, kept.least, kept.most, kept.gap]
            .into_iter()
            .flatten()
            .collect();
        indices.sort_unstable();
        indices.dedup();
        out.extend(indices.into_iter().map(|index| points[index]));
    }
}

/// At most so many of the sorted values, evenly chosen by rank, both ends among them.
pub(super) fn quantiles(sorted: Vec<f64>, most: usize) -> Vec<f64> {
    if sorted.len() <= most || most < 2 {
        return sorted;
    }
    let last = sorted.len() - 1;
    (0..most)
        .map(|index| sorted[index * last / (most - 1)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_of_one_point_survives() {
        let mut long: Vec<(f64, f64)> = (0..1_000_000).map(|n| (f64::from(n), 1.0)).collect();
        long[654_321].1 = 99.0;
        long[123_456].1 = -5.0;
        let short = points(long, 4_000);
        assert!(short.len() <= 4_000, "{}", short.len());
        assert!(short.contains(&(654_321.0, 99.0)) && short.contains(&(123_456.0, -5.0)));
        assert_eq!((short[0].0, short[short.len() - 1].0), (0.0, 999_999.0));
        assert!(short.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_gap_stays_one() {
        let long = (0..10_000).map(|n| {
            let gap = (4_000..6_000).contains(&n);
            (f64::from(n), if gap { f64::NAN } else { 2.0 })
        });
        let short = points(long.collect(), 500);
        assert!(short.len() <= 500);
        assert!(
            short
                .iter()
                .any(|(x, y)| y.is_nan() && (4_000.0..6_000.0).contains(x))
        );
    }

    #[test]
    fn nonsense_is_bounded_too() {
        for odd in [f64::NAN, f64::INFINITY, 7.0] {
            let short = points(vec![(odd, odd); 10_000], 1_000);
            assert!(short.len() <= 1_000);
        }
        assert_eq!(
            quantiles((0..9).map(f64::from).collect(), 3),
            [0.0, 4.0, 8.0]
        );
    }
}
