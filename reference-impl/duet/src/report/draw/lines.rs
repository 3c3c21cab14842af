//! Values over time or over a parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::Drawing;
use super::canvas::{Anchor, Coord, HALF, WHOLE, fit, width_of};
use super::frame::{EVENTS, Frame, Key, Sample, Size, colour_class, mark_class, shape};
use crate::report::model::{Lines, Mark, Series, Style};
use crate::report::text::put;
use crate::report::thin::{columns, ends};

/// Bars of one series that are drawn; beyond them, neighbours are merged into the tallest.
const MOST_BARS: usize = 600;
/// Marks of one series that are drawn, on places of their own.
const MOST_MARKS: usize = 20_000;
const LABEL: f64 = 11.5;

/// The drawing.
pub(super) fn draw(lines: &Lines, wide: bool) -> Drawing {
    let width = if wide { WHOLE } else { HALF };
    let classes = classes(lines);
    let stacks = stacks(lines);
    let direct = direct(lines, wide);
    let longest = direct
        .iter()
        .map(|index| width_of(&lines.series[*index].name, LABEL));
    let right = longest.fold(0.0, f64::max).min(190.0);
    let keys = keys(lines, &classes, &direct);
    let size = Size {
        width,
        height: if wide { 250.0 } else { 190.0 },
        right: if direct.is_empty() {
            14.0
        } else {
            right + 26.0
        },
        band: lines.events.len(),
    };
    let over_time = lines.x.unit == "s";
    let mut frame = Frame::new(
        size,
        &keys,
        (&lines.x, x_ends(lines), !over_time),
        (&lines.y, y_ends(lines, &stacks)),
    );
    spans(&mut frame, lines);
    for (index, series) in lines.series.iter().enumerate() {
        band(&mut frame, series, &classes[index]);
        match series.style {
            Style::Bars { width } => {
                bars(&mut frame, series, &classes[index], &stacks[index], width)
            }
            Style::Marks(mark) => marks(&mut frame, series, &classes[index], mark),
            Style::Line | Style::Dots | Style::Steps | Style::Area => {
                line(&mut frame, series, &classes[index]);
            }
        }
    }
    for (row, events) in lines.events.iter().enumerate() {
        let y = frame.band + row as f64 * EVENTS;
        let class = format!(
            "{} {}",
            mark_class(events.mark),
            colour_class(events.colour, 0)
        );
        let finite = events.at.iter().filter(|at| at.is_finite());
        let places: BTreeSet<(i64, i64)> = finite.map(|at| place((frame.px(*at), y))).collect();
        places_of(&mut frame, &class, events.mark, &places);
    }
    frame.levels(&lines.levels);
    frame.uprights(&lines.uprights);
    labels(&mut frame, lines, &classes, &direct);
    let height = frame.height();
    Drawing {
        canvas: frame.canvas,
        height,
        label: label(lines),
    }
}

/// The class of each series: its colour, and dashes from the ninth on.
fn classes(lines: &Lines) -> Vec<String> {
    let mut auto = 0;
    let class = |series: &Series| {
        let class = colour_class(series.colour, auto);
        if series.colour != crate::report::model::Colour::Auto {
            return class;
        }
        auto += 1;
        match (auto - 1) / 8 % 4 {
            0 => class,
            dash => format!("{class} dash{dash}"),
        }
    };
    lines.series.iter().map(class).collect()
}

fn is_curve(style: Style) -> bool {
    matches!(style, Style::Line | Style::Dots | Style::Steps)
}

/// The series whose names stand at their ends rather than in the legend.
fn direct(lines: &Lines, wide: bool) -> Vec<usize> {
    let curves: Vec<usize> = (0..lines.series.len())
        .filter(|index| {
            is_curve(lines.series[*index].style) && last(&lines.series[*index]).is_some()
        })
        .collect();
    if wide && (2..=12).contains(&curves.len()) {
        curves
    } else {
        Vec::new()
    }
}

fn last(series: &Series) -> Option<(f64, f64)> {
    let mut finite = series.points.iter().rev();
    finite
        .find(|(x, y)| x.is_finite() && y.is_finite())
        .copied()
}

fn keys(lines: &Lines, classes: &[String], direct: &[usize]) -> Vec<Key> {
    let mut keys = Vec::new();
    for (index, series) in lines.series.iter().enumerate() {
        if direct.contains(&index) || series.name.is_empty() {
            continue;
        }
        let class = &classes[index];
        keys.push(Key {
            sample: match series.style {
                Style::Line | Style::Dots | Style::Steps => Sample::Line(format!("curve {class}")),
                Style::Area => Sample::Area(class.clone()),
                Style::Bars { .. } => Sample::Fill(format!("bar {class}")),
                Style::Marks(mark) => Sample::Mark(format!("{} {class}", mark_class(mark)), mark),
            },
            name: series.name.clone(),
        });
    }
    for events in lines.events.iter().filter(|events| !events.at.is_empty()) {
        let class = format!(
            "{} {}",
            mark_class(events.mark),
            colour_class(events.colour, 0)
        );
        keys.push(Key {
            sample: Sample::Mark(class, events.mark),
            name: events.name.clone(),
        });
    }
    let mut names: Vec<&str> = Vec::new();
    for span in &lines.spans {
        if !span.name.is_empty() && !names.contains(&span.name.as_str()) {
            names.push(&span.name);
        }
    }
    keys.extend(names.into_iter().map(|name| Key {
        sample: Sample::Fill("span".into()),
        name: name.into(),
    }));
    keys
}

/// What lies beneath each bar of each series.
fn stacks(lines: &Lines) -> Vec<Vec<f64>> {
    let mut heights: BTreeMap<u64, f64> = BTreeMap::new();
    let series = lines.series.iter().map(|series| match series.style {
        Style::Bars { .. } => {
            let beneath = series.points.iter().map(|(x, y)| {
                let height = heights.entry(x.to_bits()).or_default();
                let beneath = *height;
                *height += y.max(0.0);
                beneath
            });
            beneath.collect()
        }
        _ => Vec::new(),
    });
    series.collect()
}

fn x_ends(lines: &Lines) -> (f64, f64) {
    let points = lines.series.iter().flat_map(|series| {
        let width = match series.style {
            Style::Bars { width } => width,
            _ => 0.0,
        };
        let spread = series.spread.iter().map(|(x, ..)| *x);
        let points = series
            .points
            .iter()
            .flat_map(move |(x, _)| [*x, *x + width]);
        points.chain(spread)
    });
    let events = lines
        .events
        .iter()
        .flat_map(|events| events.at.iter().copied());
    ends(points.chain(events))
}

fn y_ends(lines: &Lines, stacks: &[Vec<f64>]) -> (f64, f64) {
    let points = lines
        .series
        .iter()
        .zip(stacks)
        .flat_map(|(series, beneath)| {
            let zero = match series.style {
                Style::Bars { .. } | Style::Area => Some(0.0),
                _ => None,
            };
            let points = series.points.iter().enumerate();
            let points = points.map(|(index, (_, y))| y + beneath.get(index).unwrap_or(&0.0));
            let spread = series
                .spread
                .iter()
                .flat_map(|(_, low, high)| [*low, *high]);
            points.chain(spread).chain(zero)
        });
    let levels = lines.levels.iter().map(|level| level.at);
    ends(points.chain(levels))
}

fn spans(frame: &mut Frame, lines: &Lines) {
    for span in &lines.spans {
        let from = span.from.max(frame.x.from);
        let to = span.to.min(frame.x.to);
        if from <= to {
            let left = frame.px(from);
            let width = (frame.px(to) - left).max(1.5);
            let size = (width, frame.bottom - frame.top);
            frame
                .canvas
                .rect("span", (left, frame.top), size, &span.name);
        }
    }
}

/// The points in stretches without a gap, thinned to what the plot's columns can show.
fn stretches(frame: &Frame, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let pixels = (frame.right - frame.left) as usize;
    let thinned = if points.len() > 3 * pixels {
        columns(points, frame.x.from, frame.x.to, pixels)
    } else {
        points.to_vec()
    };
    let stretches = thinned.split(|(x, y)| !x.is_finite() || !y.is_finite());
    stretches
        .filter(|stretch| !stretch.is_empty())
        .map(<[_]>::to_vec)
        .collect()
}

fn line(frame: &mut Frame, series: &Series, class: &str) {
    let steps = matches!(series.style, Style::Steps | Style::Area);
    let stretches = stretches(frame, &series.points);
    let mut lone = BTreeSet::new();
    let (mut line, mut area) = (String::new(), String::new());
    for stretch in &stretches {
        let begin = (frame.px(stretch[0].0), frame.py(stretch[0].1));
        let mut d = format!("M{} {}", Coord(begin.0), Coord(begin.1));
        for (x, y) in &stretch[1..] {
            let (x, y) = (Coord(frame.px(*x)), Coord(frame.py(*y)));
            if steps {
                put!(d, "H{x}V{y}");
            } else {
                put!(d, "L{x} {y}");
            }
        }
        if series.style == Style::Area {
            let bottom = Coord(frame.bottom);
            put!(area, "{d}V{bottom}H{}Z", Coord(begin.0));
        }
        if stretch.len() == 1 || series.style == Style::Dots {
            lone.extend(
                stretch
                    .iter()
                    .map(|(x, y)| place((frame.px(*x), frame.py(*y)))),
            );
        }
        if stretch.len() > 1 {
            line += &d;
        }
    }
    if !area.is_empty() {
        frame
            .canvas
            .path(&format!("area {class}"), &area, &series.name);
    }
    if !line.is_empty() {
        frame
            .canvas
            .path(&format!("curve {class}"), &line, &series.name);
    }
    places_of(frame, &format!("dot big {class}"), Mark::Dot, &lone);
}

fn band(frame: &mut Frame, series: &Series, class: &str) {
    let finite = |point: &&(f64, f64, f64)| {
        [point.0, point.1, point.2]
            .iter()
            .all(|value| value.is_finite())
    };
    let mut points: Vec<(f64, f64, f64)> = series.spread.iter().filter(finite).copied().collect();
    let most = (frame.right - frame.left) as usize;
    if points.len() > most {
        let every = points.len().div_ceil(most);
        points = points.into_iter().step_by(every).collect();
    }
    if points.len() < 2 {
        for (x, low, high) in points {
            let x = frame.px(x);
            let (low, high) = (frame.py(low), frame.py(high));
            frame
                .canvas
                .line(&format!("whisker {class}"), (x, low), (x, high));
        }
        return;
    }
    let there = points.iter().map(|(x, _, high)| (*x, *high));
    let back = points.iter().rev().map(|(x, low, _)| (*x, *low));
    let mut d = String::new();
    for (index, (x, y)) in there.chain(back).enumerate() {
        let pen = if index == 0 { 'M' } else { 'L' };
        put!(d, "{pen}{} {}", Coord(frame.px(x)), Coord(frame.py(y)));
    }
    d.push('Z');
    frame
        .canvas
        .path(&format!("band {class}"), &d, &series.name);
}

fn bars(frame: &mut Frame, series: &Series, class: &str, beneath: &[f64], width: f64) {
    let every = series.points.len().div_ceil(MOST_BARS).max(1);
    let all: Vec<(f64, f64, f64)> = series
        .points
        .iter()
        .zip(beneath)
        .map(|((x, y), beneath)| (*x, *y, *beneath))
        .collect();
    for group in all.chunks(every) {
        let tallest = group
            .iter()
            .filter(|(x, y, _)| x.is_finite() && y.is_finite() && *y > 0.0)
            .max_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)));
        let Some((_, y, beneath)) = tallest else {
            continue;
        };
        let from = group[0].0;
        let until = (from + width * group.len() as f64).min(frame.x.to);
        let (left, right) = (frame.px(from), frame.px(until));
        let (bottom, top) = (frame.py(*beneath), frame.py(y + beneath));
        let gap = if right - left > 5.0 { 1.5 } else { 0.3 };
        let size = ((right - left - gap).max(0.8), bottom - top);
        let title = format!(
            "{} to {} {}: {} {}",
            frame.x.value(from),
            frame.x.value(until),
            // The unit of the axis stands at the end of its title.
            frame.x.title.rsplit(", ").next().unwrap_or_default(),
            frame.y.value(*y),
            series.name
        );
        let class = format!("bar {class}");
        frame
            .canvas
            .rect(&class, (left + gap / 2.0, top), size, &title);
    }
}

/// A place in halves of a pixel.
fn place((x, y): (f64, f64)) -> (i64, i64) {
    ((x * 2.0).round() as i64, (y * 2.0).round() as i64)
}

fn marks(frame: &mut Frame, series: &Series, class: &str, mark: Mark) {
    let finite = series
        .points
        .iter()
        .filter(|(x, y)| x.is_finite() && y.is_finite());
    let places: BTreeSet<(i64, i64)> = finite
        .map(|(x, y)| place((frame.px(*x), frame.py(*y))))
        .take(MOST_MARKS)
        .collect();
    places_of(
        frame,
        &format!("{} {class}", mark_class(mark)),
        mark,
        &places,
    );
}

/// Marks of one kind in one path; those that fall on one another are drawn once.
fn places_of(frame: &mut Frame, class: &str, mark: Mark, places: &BTreeSet<(i64, i64)>) {
    if places.is_empty() {
        return;
    }
    let mut d = String::new();
    for (x, y) in places {
        let (x, y) = (Coord(*x as f64 / 2.0), Coord(*y as f64 / 2.0));
        put!(d, "M{x} {y}{}", shape(mark));
    }
    frame.canvas.path(class, &d, "");
}

/// Names at the ends of their curves, moved apart where they would touch.
fn labels(frame: &mut Frame, lines: &Lines, classes: &[String], direct: &[usize]) {
    const APART: f64 = 14.0;
    let mut ends: Vec<(f64, usize, f64)> = direct
        .iter()
        .filter_map(|index| {
            let (_, y) = last(&lines.series[*index])?;
            let y = frame.py(y);
            Some((y, *index, y))
        })
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = ends.len() as f64;
    let (mut least, last_place) = (frame.top + 2.0, frame.bottom - 2.0);
    for (index, end) in ends.iter_mut().enumerate() {
        let after = count - 1.0 - index as f64;
        let most = (last_place - after * APART).max(least);
        end.2 = end.2.clamp(least, most);
        least = end.2 + APART;
    }
    for (y, index, at) in ends {
        let class = format!("leader {}", classes[index]);
        let (from, to) = ((frame.right + 2.0, y), (frame.right + 13.0, at));
        frame.canvas.line(&class, from, to);
        let room = frame.canvas.width - frame.right - 18.0;
        let name = fit(&lines.series[index].name, room, LABEL);
        let x = frame.right + 16.0;
        frame.canvas.text("key", Anchor::Start, x, at + 4.0, &name);
    }
}

/// What the drawing shows, for who cannot see it.
fn label(lines: &Lines) -> String {
    let mut label = format!("{} over {}.", lines.y.label, lines.x.label.to_lowercase());
    for series in lines.series.iter().take(12) {
        let values = series.points.iter().map(|point| point.1);
        let known = values.clone().filter(|value| value.is_finite()).count();
        let (least, most) = ends(values);
        if known == 0 {
            put!(label, " {}: no values.", series.name);
        } else {
            let unit = &lines.y.unit;
            put!(
                label,
                " {}: from {least:.4} to {most:.4} {unit}.",
                series.name
            );
        }
    }
    label
}
