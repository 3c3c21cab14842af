//! What plots with two axes share: legend, grid, ticks, and where a value is.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Coord, fit, width_of};
use crate::report::model::{Colour, Level, Mark, Scale};
use crate::report::text::put;

const TICK: f64 = 11.5;
/// Between two rows of a legend.
const ROW: f64 = 18.0;

/// A cross, a dot, a diamond and a ring around the point where the pen is.
pub(super) fn shape(mark: Mark) -> &'static str {
    match mark {
        Mark::Cross => "m-3.5-3.5l7 7m0-7l-7 7",
        Mark::Dot => "h0",
        Mark::Diamond => "m0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
        Mark::Ring => "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    }
}

/// The class of a mark.
pub(super) fn mark_class(mark: Mark) -> &'static str {
    match mark {
        Mark::Cross => "cross",
        Mark::Dot => "dot",
        Mark::Diamond => "diamond",
        Mark::Ring => "ring",
    }
}

/// The class of a colour; `auto` is the number that [`Colour::Auto`] stands for.
pub(super) fn colour_class(colour: Colour, auto: usize) -> String {
    match colour {
        Colour::Auto => format!("c{}", auto % 8),
        Colour::Number(number) => format!("c{}", number % 8),
        Colour::Capacity => "capacity".into(),
        Colour::Good => "good".into(),
        Colour::Late => "late".into(),
        Colour::Damaged => "damaged".into(),
        Colour::Missing => "missing".into(),
        Colour::Soft => "soft".into(),
    }
}

/// What a legend shows beside a name.
pub(super) enum Sample {
    /// A line of this class.
    Line(String),
    /// A filled rectangle of this class.
    Fill(String),
    /// A filled rectangle beneath a line.
    Area(String),
    /// A mark of this class.
    Mark(String, Mark),
}

/// A legend's entry.
pub(super) struct Key {
    pub sample: Sample,
    pub name: String,
}

/// A plot with two axes, its legend drawn and its grid too.
pub(super) struct Frame {
    pub canvas: Canvas,
    pub x: Axis,
    pub y: Axis,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    /// Where the first row of the band above the plot is.
    pub band: f64,
}

/// How large a plot is.
pub(super) struct Size {
    pub width: f64,
    /// Of the plot alone.
    pub height: f64,
    /// Room to the right of the plot.
    pub right: f64,
    /// Rows of events above the plot.
    pub band: usize,
}

/// Between two rows of events.
pub(super) const EVENTS: f64 = 16.0;

impl Frame {
    /// A frame around values between these ends.
    pub(super) fn new(
        size: Size,
        keys: &[Key],
        x: (&Scale, (f64, f64), bool),
        y: (&Scale, (f64, f64)),
    ) -> Self {
        let mut canvas = Canvas::new(size.width);
        let below = legend(&mut canvas, keys);
        let y = Axis::new(y.0, y.1, size.height / 38.0, true);
        let labels = y.ticks();
        let widest = labels.iter().map(|tick| width_of(&tick.1, TICK));
        let left = widest.fold(24.0, f64::max) + 12.0;
        let room = size.width - size.right - left;
        // As many ticks as have room for their labels.
        let mut ticks = (room / 55.0).floor();
        let x = loop {
            let axis = Axis::new(x.0, x.1, ticks, x.2);
            let labels = axis.ticks();
            let taken: f64 = labels
                .iter()
                .map(|tick| width_of(&tick.1, TICK) + 12.0)
                .sum();
            if taken <= room || ticks <= 1.0 {
                break axis;
            }
            ticks = (ticks * 0.7).floor();
        };
        let mut top = below + 4.0;
        if !y.title.is_empty() {
            top += 12.0;
            let title = fit(&y.title, size.width - 12.0, TICK);
            canvas.text("unit", Anchor::Start, 6.0, top, &title);
        }
        let band = top + 12.0;
        top += 10.0 + size.band as f64 * EVENTS;
        let frame = Self {
            canvas,
            x,
            y,
            left,
            right: size.width - size.right,
            top,
            bottom: top + size.height,
            band,
        };
        frame.with_grid()
    }

    fn with_grid(mut self) -> Self {
        for (value, label) in self.y.ticks() {
            let at = self.py(value);
            self.canvas.line("grid", (self.left, at), (self.right, at));
            self.canvas
                .text("tick", Anchor::End, self.left - 7.0, at + 4.0, &label);
        }
        let ticks = self.x.ticks();
        for (value, label) in &ticks {
            let at = self.px(*value);
            self.canvas
                .line("axis", (at, self.bottom), (at, self.bottom + 4.0));
            // A label at the very end stays within the drawing.
            let half = width_of(label, TICK) / 2.0;
            let at = at.min(self.canvas.width - half - 1.0);
            self.canvas
                .text("tick", Anchor::Middle, at, self.bottom + 17.0, label);
        }
        self.canvas
            .line("axis", (self.left, self.bottom), (self.right, self.bottom));
        if !self.x.title.is_empty() {
            let middle = (self.left + self.right) / 2.0;
            let title = fit(&self.x.title, self.canvas.width - 20.0, TICK);
            self.canvas
                .text("unit", Anchor::Middle, middle, self.bottom + 33.0, &title);
        }
        self
    }

    pub(super) fn px(&self, x: f64) -> f64 {
        self.left + self.x.share(x) * (self.right - self.left)
    }

    pub(super) fn py(&self, y: f64) -> f64 {
        self.bottom - self.y.share(y) * (self.bottom - self.top)
    }

    /// The height of the whole drawing.
    pub(super) fn height(&self) -> f64 {
        self.bottom + if self.x.title.is_empty() { 22.0 } else { 39.0 }
    }

    /// Levels across the plot, each with its name above its left end.
    pub(super) fn levels(&mut self, levels: &[Level]) {
        for level in levels.iter().filter(|level| level.at.is_finite()) {
            let at = self.py(level.at);
            self.canvas.line("level", (self.left, at), (self.right, at));
            if !level.name.is_empty() {
                self.canvas.text(
                    "note",
                    Anchor::Start,
                    self.left + 6.0,
                    at - 5.0,
                    &level.name,
                );
            }
        }
    }

    /// Vertical lines, each with its name beside its upper end, one lower than the other where they would touch.
    pub(super) fn uprights(&mut self, levels: &[Level]) {
        let mut rows: Vec<f64> = Vec::new();
        let mut levels: Vec<&Level> = levels
            .iter()
            .filter(|level| level.at >= self.x.from && level.at <= self.x.to)
            .collect();
        levels.sort_by(|a, b| a.at.total_cmp(&b.at));
        for level in levels {
            let at = self.px(level.at);
            self.canvas.line("level", (at, self.bottom), (at, self.top));
            if level.name.is_empty() {
                continue;
            }
            let name = fit(&level.name, (self.right - self.left) * 0.6, TICK);
            let width = width_of(&name, TICK);
            let right = at + 5.0 + width <= self.right;
            let (begin, end) = if right {
                (at, at + 8.0 + width)
            } else {
                (at - 8.0 - width, at)
            };
            let row = rows.iter().position(|taken| *taken <= begin);
            let row = row.unwrap_or(rows.len());
            if row == rows.len() {
                rows.push(end);
            } else {
                rows[row] = end;
            }
            let y = (self.top + 11.0 + row as f64 * 14.0).min(self.bottom - 4.0);
            let (anchor, x) = if right {
                (Anchor::Start, at + 5.0)
            } else {
                (Anchor::End, at - 5.0)
            };
            self.canvas.text("note", anchor, x, y, &name);
        }
    }
}

/// A legend in as many rows as it needs; where it ends.
fn legend(canvas: &mut Canvas, keys: &[Key]) -> f64 {
    const SAMPLE: f64 = 22.0;
    let (mut x, mut y) = (6.0, 0.0);
    for key in keys {
        let name = fit(&key.name, canvas.width - SAMPLE - 24.0, TICK);
        let width = SAMPLE + 6.0 + width_of(&name, TICK) + 16.0;
        if y == 0.0 || x + width > canvas.width {
            (x, y) = (6.0, y + ROW);
        }
        let middle = y - 4.0;
        match &key.sample {
            Sample::Line(class) => canvas.line(class, (x, middle), (x + SAMPLE, middle)),
            Sample::Fill(class) => {
                canvas.rect(class, (x + 5.0, middle - 5.5), (12.0, 11.0), "");
            }
            Sample::Area(class) => {
                canvas.rect(
                    &format!("area {class}"),
                    (x, middle - 5.0),
                    (SAMPLE, 10.0),
                    "",
                );
                let top = middle - 5.0;
                canvas.line(&format!("curve {class}"), (x, top), (x + SAMPLE, top));
            }
            Sample::Mark(class, mark) => {
                let (x, y, shape) = (Coord(x + SAMPLE / 2.0), Coord(middle), shape(*mark));
                put!(
                    canvas.body,
                    "<path class=\"{class}\" d=\"M{x} {y}{shape}\"/>"
                );
            }
        }
        canvas.text("key", Anchor::Start, x + SAMPLE + 6.0, y, &name);
        x += width;
    }
    y + if keys.is_empty() { 0.0 } else { 4.0 }
}
