//! A value for each pair of two parameters, as colour and in figures.

use super::Drawing;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Coord, HALF, WHOLE, fit, width_of};
use crate::report::model::{Better, Heat};
use crate::report::text::{esc, put};
use crate::report::thin::ends;

const TEXT: f64 = 11.5;
/// Rows and columns that are drawn.
const MOST: usize = 100;
/// Shades from one end to the other.
const SHADES: usize = 9;

/// Values that lie within this part of the greatest are shades of nearly one colour: a hundredth more must not look like
/// another world.
const ALIKE: f64 = 0.1;

/// The values between which the shades run.
fn shades(heat: &Heat) -> (f64, f64) {
    let (least, most) = ends(heat.values.iter().copied());
    let width = ALIKE * least.abs().max(most.abs());
    let more = ((width - (most - least)) / 2.0).max(0.0);
    (least - more, most + more)
}

/// The drawing.
pub(super) fn draw(heat: &Heat, wide: bool) -> Drawing {
    let width = if wide { WHOLE } else { HALF };
    let mut canvas = Canvas::new(width);
    let rows = &heat.rows.1[..heat.rows.1.len().min(MOST)];
    let columns = &heat.columns.1[..heat.columns.1.len().min(MOST)];
    let value = |row: usize, column: usize| {
        let place = row * heat.columns.1.len() + column;
        heat.values.get(place).copied().unwrap_or(f64::NAN)
    };
    let axis = Axis::new(&heat.value, shades(heat), 8.0, false);
    let names = rows.iter().map(|name| width_of(name, TEXT));
    let names = names.chain([width_of(&heat.rows.0, TEXT) + 16.0]);
    let left = names.fold(20.0, f64::max).min(width * 0.3) + 14.0;
    let cell =
        ((width - left - 8.0) / columns.len().max(1) as f64).min(if wide { 110.0 } else { 84.0 });
    let tall = if rows.len() > 40 { 14.0 } else { 27.0 };
    // Names of columns stand upright where they are wider than their column.
    let widest = columns
        .iter()
        .map(|name| width_of(name, TEXT))
        .fold(0.0, f64::max);
    let slanted = widest > cell - 6.0;
    let head = if slanted {
        widest.min(110.0) + 8.0
    } else {
        18.0
    };
    let top = 20.0 + head;
    let names = format!("{} →", heat.columns.0);
    let room = width - left;
    canvas.text("unit", Anchor::Start, left, 13.0, &fit(&names, room, TEXT));
    canvas.text(
        "unit",
        Anchor::End,
        left - 8.0,
        top - 6.0,
        &fit(&format!("{} ↓", heat.rows.0), left - 10.0, TEXT),
    );
    for (index, name) in columns.iter().enumerate() {
        let x = left + (index as f64 + 0.5) * cell;
        if slanted {
            let name = fit(name, 110.0, TEXT);
            let (x, y) = (Coord(x + 4.0), Coord(top - 6.0));
            // Every so many, where columns are narrower than a line of text.
            if index % (14.0 / cell).ceil().max(1.0) as usize == 0 {
                put!(
                    canvas.body,
                    "<text class=\"tick\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
                    esc(&name)
                );
            }
        } else {
            canvas.text("tick", Anchor::Middle, x, top - 6.0, name);
        }
    }
    let texts: Vec<String> = heat.values.iter().map(|value| axis.value(*value)).collect();
    let widest = texts
        .iter()
        .map(|text| width_of(text, TEXT))
        .fold(0.0, f64::max);
    let figures = widest <= cell - 4.0 && tall > 20.0;
    for (row, name) in rows.iter().enumerate() {
        let y = top + row as f64 * tall;
        if tall > 13.0 {
            let name = fit(name, left - 14.0, TEXT);
            canvas.text("tick", Anchor::End, left - 8.0, y + tall / 2.0 + 4.0, &name);
        }
        for (column, other) in columns.iter().enumerate() {
            let (x, value) = (left + column as f64 * cell, value(row, column));
            let shade = shade(heat, &axis, value);
            let text = axis.value(value);
            let mut title = format!(
                "{}: {name}, {}: {other}: {text}",
                heat.rows.0, heat.columns.0
            );
            let note = heat.notes.get(row * heat.columns.1.len() + column);
            if let Some(note) = note.filter(|note| !note.is_empty()) {
                put!(title, "; {note}");
            }
            let class = shade.map_or("cell none".into(), |shade| format!("cell h{shade}"));
            canvas.rect(&class, (x, y), (cell, tall), &title);
            if figures {
                let class = match shade {
                    Some(shade) => format!("value {}", ink(shade)),
                    None => "tick".into(),
                };
                canvas.text(
                    &class,
                    Anchor::Middle,
                    x + cell / 2.0,
                    y + tall / 2.0 + 4.0,
                    &text,
                );
            }
        }
    }
    let bottom = top + rows.len() as f64 * tall + 14.0;
    let height = key(&mut canvas, heat, &axis, left, bottom);
    let (known, (least, most)) = (
        heat.values.iter().filter(|value| value.is_finite()).count(),
        ends(heat.values.iter().copied()),
    );
    let label = format!(
        "{} by {} and {}: {known} values from {least:.4} to {most:.4} {}.",
        heat.value.label, heat.rows.0, heat.columns.0, heat.value.unit
    );
    Drawing {
        canvas,
        height,
        label,
    }
}

/// The colours with what they stand for; where the drawing ends.
fn key(canvas: &mut Canvas, heat: &Heat, axis: &Axis, left: f64, y: f64) -> f64 {
    const STEP: f64 = 22.0;
    let (from, to) = (axis.value(axis.from), axis.value(axis.to));
    let x = left + width_of(&from, TEXT) + 8.0;
    canvas.text("tick", Anchor::Start, left, y + 10.0, &from);
    for step in 0..SHADES {
        let value = axis.from + (axis.to - axis.from) * (step as f64 + 0.5) / SHADES as f64;
        if let Some(shade) = shade(heat, axis, value) {
            let at = (x + step as f64 * STEP, y);
            canvas.rect(&format!("cell h{shade}"), at, (STEP, 13.0), "");
        }
    }
    let end = x + SHADES as f64 * STEP + 8.0;
    canvas.text("tick", Anchor::Start, end, y + 10.0, &to);
    let mut title = axis.title.clone();
    match heat.better {
        Some(Better::High) => title += "; more is better (blue)",
        Some(Better::Low) => title += "; less is better (blue)",
        None => {}
    }
    let title = fit(&title, canvas.width - left - 6.0, TEXT);
    canvas.text("unit", Anchor::Start, left, y + 29.0, &title);
    y + 36.0
}

/// The shade of a value, if it has one: from 0, the worst, to 8, the best. Where neither is better, from the middle on.
fn shade(heat: &Heat, axis: &Axis, value: f64) -> Option<usize> {
    if !value.is_finite() {
        return None;
    }
    let share = axis.share(value).clamp(0.0, 1.0);
    let step = |share: f64, steps: usize| ((share * steps as f64) as usize).min(steps - 1);
    Some(match heat.better {
        Some(Better::High) => step(share, SHADES),
        Some(Better::Low) => SHADES - 1 - step(share, SHADES),
        None => SHADES / 2 + step(share, SHADES / 2 + 1),
    })
}

/// Which ink reads on a shade: the pale ends of the scale are the dark ones in the dark, so the style knows.
fn ink(shade: usize) -> String {
    format!("on{shade}")
}
