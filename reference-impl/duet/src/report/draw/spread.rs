//! Samples of several variants, one a row: every sample, the middle half of them, the median in figures.

use std::collections::BTreeSet;

use super::Drawing;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Coord, HALF, WHOLE, fit, width_of};
use super::frame::colour_class;
use crate::report::model::{Better, Spread};
use crate::report::stats::quantile;
use crate::report::text::put;
use crate::report::thin::ends;

const TEXT: f64 = 11.5;
const ROW: f64 = 26.0;
/// Rows that are drawn.
const MOST_ROWS: usize = 120;

/// The drawing.
pub(super) fn draw(spread: &Spread, wide: bool) -> Drawing {
    let width = if wide { WHOLE } else { HALF };
    let mut canvas = Canvas::new(width);
    let rows = &spread.rows[..spread.rows.len().min(MOST_ROWS)];
    let sorted: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let mut values: Vec<f64> = row
                .values
                .iter()
                .copied()
                .filter(|v| v.is_finite())
                .collect();
            values.sort_by(f64::total_cmp);
            values
        })
        .collect();
    let names = rows.iter().map(|row| width_of(&row.name, TEXT));
    let left = names.fold(30.0, f64::max).min(width * 0.36) + 14.0;
    let right = width - 78.0;
    let values = sorted.iter().flatten().copied();
    let uprights = spread.uprights.iter().map(|level| level.at);
    let ticks = ((right - left) / 60.0).floor();
    let x = Axis::new(&spread.x, ends(values.chain(uprights)), ticks, true);
    let px = |value: f64| left + x.share(value) * (right - left);
    let named = spread.uprights.iter().any(|level| !level.name.is_empty());
    let top = if named { 34.0 } else { 20.0 };
    let bottom = top + rows.len().max(1) as f64 * ROW + 2.0;
    canvas.text("unit", Anchor::End, width - 6.0, 13.0, "median");
    for (value, label) in x.ticks() {
        let at = px(value);
        canvas.line("grid", (at, top), (at, bottom));
        canvas.line("axis", (at, bottom), (at, bottom + 4.0));
        canvas.text("tick", Anchor::Middle, at, bottom + 17.0, &label);
    }
    canvas.line("axis", (left, bottom), (right, bottom));
    for level in spread.uprights.iter().filter(|level| level.at.is_finite()) {
        let at = px(level.at);
        canvas.line("level", (at, top - 4.0), (at, bottom));
        let name = fit(&level.name, right - left, TEXT);
        let half = width_of(&name, TEXT) / 2.0;
        let middle = at.clamp(left + half, (right - half).max(left + half));
        canvas.text("note", Anchor::Middle, middle, top - 9.0, &name);
    }
    for (index, (row, values)) in rows.iter().zip(&sorted).enumerate() {
        let y = top + (index as f64 + 0.5) * ROW + 1.0;
        let name = fit(&row.name, left - 14.0, TEXT);
        canvas.text("key", Anchor::End, left - 8.0, y + 4.0, &name);
        let class = colour_class(row.colour, 0);
        let median = quantile(values, 0.5);
        let text = median.map_or("–".into(), |median| x.value(median));
        canvas.text("value strong", Anchor::End, width - 6.0, y + 4.0, &text);
        row_of(&mut canvas, values, &class, y, &px);
    }
    let direction = match spread.better {
        Some(Better::High) => " (more is better →)",
        Some(Better::Low) => " (← less is better)",
        None => "",
    };
    let title = format!("{}{direction}", x.title);
    let middle = (left + right) / 2.0;
    canvas.text(
        "unit",
        Anchor::Middle,
        middle,
        bottom + 33.0,
        &fit(&title, width - 20.0, TEXT),
    );
    let mut height = bottom + 39.0;
    if spread.rows.len() > MOST_ROWS {
        height += 16.0;
        let text = format!("{} more rows are not drawn", spread.rows.len() - MOST_ROWS);
        canvas.text("unit", Anchor::Start, 6.0, height - 6.0, &text);
    }
    Drawing {
        canvas,
        height,
        label: label(spread, &sorted),
    }
}

fn row_of(canvas: &mut Canvas, values: &[f64], class: &str, y: f64, px: &dyn Fn(f64) -> f64) {
    let at = |share: f64| quantile(values, share).map(px);
    let (Some(least), Some(low), Some(half), Some(high), Some(most)) =
        (at(0.0), at(0.25), at(0.5), at(0.75), at(1.0))
    else {
        return;
    };
    if values.len() > 1 {
        canvas.line(&format!("whisker {class}"), (least, y), (most, y));
    }
    let places: BTreeSet<i64> = values
        .iter()
        .map(|value| (px(*value) * 2.0).round() as i64)
        .collect();
    let mut d = String::new();
    for place in places {
        put!(d, "M{} {}h0", Coord(place as f64 / 2.0), Coord(y));
    }
    canvas.path(&format!("sample {class}"), &d, "");
    if values.len() > 2 {
        let title = format!("{} samples", values.len());
        canvas.rect(
            &format!("box {class}"),
            (low, y - 7.5),
            (high - low, 15.0),
            &title,
        );
    }
    canvas.line(&format!("median {class}"), (half, y - 8.5), (half, y + 8.5));
}

fn label(spread: &Spread, sorted: &[Vec<f64>]) -> String {
    let mut label = format!("{} of {} variants.", spread.x.label, spread.rows.len());
    for (row, values) in spread.rows.iter().zip(sorted).take(20) {
        match quantile(values, 0.5) {
            Some(median) => put!(
                label,
                " {}: median {median:.4} {}.",
                row.name,
                spread.x.unit
            ),
            None => put!(label, " {}: no values.", row.name),
        }
    }
    label
}
