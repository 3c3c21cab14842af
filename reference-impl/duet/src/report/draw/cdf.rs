//! Distributions: the share of samples that are not greater.

use super::Drawing;
use super::canvas::{Coord, HALF, WHOLE};
use super::frame::{Frame, Key, Sample, Size, colour_class};
use crate::report::model::{Cdf, Curve, Scale};
use crate::report::text::put;
use crate::report::thin::ends;

/// The drawing.
pub(super) fn draw(cdf: &Cdf, wide: bool) -> Drawing {
    let classes: Vec<String> = classes(&cdf.curves);
    let keys: Vec<Key> = cdf
        .curves
        .iter()
        .zip(&classes)
        .filter(|_| cdf.curves.len() > 1)
        .map(|(curve, class)| Key {
            sample: Sample::Line(format!("curve {class}")),
            name: curve.name.clone(),
        })
        .collect();
    let size = Size {
        width: if wide { WHOLE } else { HALF },
        height: if wide { 250.0 } else { 190.0 },
        right: 16.0,
        band: 0,
    };
    let values = cdf
        .curves
        .iter()
        .flat_map(|curve| curve.values.iter().copied());
    let uprights = cdf.uprights.iter().map(|level| level.at);
    let share = Scale::new("Share", "%").from(0.0).to(100.0);
    let x = (&cdf.x, ends(values.chain(uprights)), true);
    let mut frame = Frame::new(size, &keys, x, (&share, (0.0, 100.0)));
    for (curve, class) in cdf.curves.iter().zip(&classes) {
        draw_curve(&mut frame, curve, class);
    }
    frame.uprights(&cdf.uprights);
    let height = frame.height();
    Drawing {
        canvas: frame.canvas,
        height,
        label: label(cdf),
    }
}

/// Colours, and dashes beside them: distributions are smooth enough for both, and paper may have no colour.
fn classes(curves: &[Curve]) -> Vec<String> {
    let class = |(index, curve): (usize, &Curve)| {
        let class = colour_class(curve.colour, index);
        match index % 5 {
            0 => class,
            dash => format!("{class} dash{dash}"),
        }
    };
    curves.iter().enumerate().map(class).collect()
}

fn draw_curve(frame: &mut Frame, curve: &Curve, class: &str) {
    let values: Vec<f64> = curve
        .values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    if values.is_empty() {
        return;
    }
    // The values may be quantiles of many more samples.
    let share = |rank: usize| (rank + 1) as f64 / values.len() as f64 * curve.share_known() * 100.0;
    let mut d = format!("M{} {}", Coord(frame.px(values[0])), Coord(frame.bottom));
    let mut drawn = f64::NEG_INFINITY;
    for (rank, value) in values.iter().enumerate() {
        let x = frame.px(*value);
        // Steps that one cannot tell apart are one.
        if x - drawn < 0.4 && rank + 1 < values.len() {
            continue;
        }
        // Up to here, those before it.
        if rank > 0 {
            put!(d, "V{}", Coord(frame.py(share(rank - 1))));
        }
        put!(d, "H{}", Coord(x));
        drawn = x;
    }
    put!(d, "V{}", Coord(frame.py(share(values.len() - 1))));
    put!(d, "H{}", Coord(frame.right));
    frame
        .canvas
        .path(&format!("curve {class}"), &d, &title(curve));
}

fn title(curve: &Curve) -> String {
    match (curve.quantile(0.5), curve.quantile(0.95)) {
        (Some(half), Some(most)) => format!("{}: median {half:.4}, 95 % {most:.4}", curve.name),
        (Some(half), None) => format!("{}: median {half:.4}", curve.name),
        _ => curve.name.clone(),
    }
}

fn label(cdf: &Cdf) -> String {
    let mut label = format!("Distribution of {}.", cdf.x.label.to_lowercase());
    for curve in cdf.curves.iter().take(12) {
        put!(label, " {} {}.", title(curve), cdf.x.unit);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Colour;

    #[test]
    fn what_has_no_value_counts() {
        let curve = Curve::new("a", [3.0, 1.0, 2.0, f64::NAN]);
        assert_eq!((curve.of, curve.known), (4, 3));
        assert_eq!(curve.quantile(0.5), Some(2.0));
        assert_eq!(curve.quantile(0.95), None);
        let auto = Curve::default();
        assert_eq!(auto.colour, Colour::Auto);
        assert_eq!(auto.quantile(0.5), None);
    }
}
