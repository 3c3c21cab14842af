//! A small plot: linear axes, a grid, and marks, as inline SVG. Colours and strokes are classes of the style sheet.
//!
//! There is no library behind it: the report is one file without a script, and what it draws is simple.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use super::text::{esc, fixed, put};

/// A coordinate or a length with at most one decimal; what is not finite becomes 0.
pub(super) struct Coord(pub f64);

impl Display for Coord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = if self.0.is_finite() {
            (self.0.clamp(-1e6, 1e6) * 10.0).round() as i64
        } else {
            0
        };
        if tenths % 10 == 0 {
            write!(f, "{}", tenths / 10)
        } else {
            write!(f, "{:.1}", tenths as f64 / 10.0)
        }
    }
}

/// What an axis spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    step: f64,
    unit: &'static str,
}

impl Axis {
    /// An axis that holds both values, with about so many ticks at round numbers; the last tick bears the unit.
    pub(super) fn new(from: f64, to: f64, ticks: u32, unit: &'static str) -> Self {
        let from = if from.is_finite() { from } else { 0.0 };
        let to = if to.is_finite() && to > from {
            to
        } else {
            from + 1.0
        };
        let step = round_step((to - from) / f64::from(ticks.max(1)));
        Self {
            from,
            to,
            step,
            unit,
        }
    }

    /// Both ends moved outward to a tick.
    pub(super) fn rounded(self) -> Self {
        let from = (self.from / self.step).floor() * self.step;
        Self {
            from,
            to: (self.to / self.step).ceil() * self.step,
            ..self
        }
    }

    /// Its end.
    pub(super) fn end(self) -> f64 {
        self.to
    }

    fn ticks(self) -> Vec<f64> {
        let first = (self.from / self.step).ceil();
        let count = ((self.to / self.step).floor() - first).clamp(0.0, 50.0) as u32;
        (0..=count)
            .map(|index| (first + f64::from(index)) * self.step)
            .collect()
    }

    fn decimals(self) -> usize {
        (-self.step.log10().floor()).clamp(0.0, 6.0) as usize
    }
}

/// The next of 1, 2, 5, 10, 20 … that is not less.
pub(super) fn round_step(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| least <= factor * power * 1.000_001);
    factor.unwrap_or(10.0) * power
}

const WIDTH: f64 = 540.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
const AXIS: f64 = 22.0;
/// Room above the plot, for pictures that have no value.
const BAND: f64 = 24.0;

/// A plot in the making.
pub(super) struct Plot {
    body: String,
    x: Axis,
    y: Axis,
    top: f64,
    bottom: f64,
}

impl Plot {
    /// An empty plot with its grid. `label` tells its content to who cannot see it; `band` asks for room above.
    pub(super) fn new(label: &str, height: f64, band: bool, x: Axis, y: Axis) -> Self {
        let top = if band { BAND + 6.0 } else { 10.0 };
        let mut plot = Self {
            body: String::new(),
            x,
            y,
            top,
            bottom: height - AXIS,
        };
        let (width, label) = (Coord(WIDTH), esc(label));
        let height = Coord(height);
        put!(
            plot.body,
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">"
        );
        plot.grid();
        plot
    }

    fn grid(&mut self) {
        let (left, right) = (Coord(LEFT), Coord(WIDTH - RIGHT));
        let (y, x) = (self.y.ticks(), self.x.ticks());
        for (index, value) in y.iter().enumerate() {
            let at = self.py(*value);
            let unit = if index + 1 == y.len() {
                self.y.unit
            } else {
                ""
            };
            put!(
                self.body,
                "<path class=\"grid\" d=\"M{left} {}H{right}\"/>",
                Coord(at)
            );
            self.text(
                "tick end",
                LEFT - 6.0,
                at + 4.0,
                &label(*value, self.y, unit),
            );
        }
        for (index, value) in x.iter().enumerate() {
            let at = self.px(*value);
            let unit = if index + 1 == x.len() {
                self.x.unit
            } else {
                ""
            };
            put!(
                self.body,
                "<path class=\"axis\" d=\"M{} {}v4\"/>",
                Coord(at),
                Coord(self.bottom)
            );
            // A label at the very end stays within the drawing.
            let class = if at > WIDTH - RIGHT - 8.0 {
                "tick end"
            } else {
                "tick middle"
            };
            let at = if class == "tick end" { WIDTH - 2.0 } else { at };
            self.text(class, at, self.bottom + 17.0, &label(*value, self.x, unit));
        }
        put!(
            self.body,
            "<path class=\"axis\" d=\"M{left} {}H{right}\"/>",
            Coord(self.bottom)
        );
    }

    fn px(&self, x: f64) -> f64 {
        LEFT + (x - self.x.from) / (self.x.to - self.x.from) * (WIDTH - RIGHT - LEFT)
    }

    fn py(&self, y: f64) -> f64 {
        self.bottom - (y - self.y.from) / (self.y.to - self.y.from) * (self.bottom - self.top)
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        put!(
            self.body,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            Coord(x),
            Coord(y),
            esc(text)
        );
    }

    /// Points, each as this mark around it; those that fall on one another are drawn once.
    pub(super) fn marks(
        &mut self,
        class: &str,
        mark: &str,
        points: impl Iterator<Item = (f64, f64)>,
    ) {
        let finite = points.filter(|(x, y)| x.is_finite() && y.is_finite());
        let halves = |value: f64| (value * 2.0).round() as i64;
        let places: BTreeSet<(i64, i64)> = finite
            .map(|(x, y)| (halves(self.px(x)), halves(self.py(y))))
            .collect();
        self.places(class, mark, &places);
    }

    /// Marks in the band above the plot.
    pub(super) fn above(
        &mut self,
        class: &str,
        mark: &str,
        name: &str,
        points: impl Iterator<Item = f64>,
    ) {
        let height = (BAND - 8.0).round() as i64;
        let finite = points.filter(|x| x.is_finite());
        let places: BTreeSet<(i64, i64)> = finite
            .map(|x| ((self.px(x) * 2.0).round() as i64, height))
            .collect();
        self.text("tick end", LEFT - 6.0, height as f64 / 2.0 + 4.0, name);
        self.places(class, mark, &places);
    }

    fn places(&mut self, class: &str, mark: &str, places: &BTreeSet<(i64, i64)>) {
        if places.is_empty() {
            return;
        }
        put!(self.body, "<path class=\"{class}\" d=\"");
        for (x, y) in places {
            put!(
                self.body,
                "M{} {}{mark}",
                Coord(*x as f64 / 2.0),
                Coord(*y as f64 / 2.0)
            );
        }
        put!(self.body, "\"/>");
    }

    /// A level across the plot, with its name above its left end.
    pub(super) fn level(&mut self, class: &str, y: f64, name: &str) {
        let at = self.py(y);
        let d = format!("M{} {}H{}", Coord(LEFT), Coord(at), Coord(WIDTH - RIGHT));
        put!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
        if !name.is_empty() {
            self.text("note", LEFT + 6.0, at - 5.0, name);
        }
    }

    /// A vertical line at a value of x, with a name beside its upper end.
    pub(super) fn upright(&mut self, class: &str, x: f64, name: &str) {
        let at = self.px(x);
        let d = format!("M{} {}V{}", Coord(at), Coord(self.bottom), Coord(self.top));
        put!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
        self.text("note", at + 6.0, self.bottom - 8.0, name);
    }

    /// A note beside a point, below and to the right of it.
    pub(super) fn tag(&mut self, x: f64, y: f64, text: &str) {
        let (x, y) = (self.px(x) + 8.0, self.py(y) + 16.0);
        self.text("note strong", x, y, text);
    }

    /// A bar between two values of each axis; the title is told on hovering.
    pub(super) fn bar(&mut self, class: &str, x: (f64, f64), y: (f64, f64), title: &str) {
        let (left, right) = (self.px(x.0), self.px(x.1));
        let (bottom, top) = (self.py(y.0), self.py(y.1));
        let gap = if right - left > 5.0 { 1.5 } else { 0.5 };
        let width = Coord((right - left - gap).max(1.0));
        let (x, y, height) = (
            Coord(left + gap / 2.0),
            Coord(top),
            Coord((bottom - top).max(0.0)),
        );
        put!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">"
        );
        put!(self.body, "<title>{}</title></rect>", esc(title));
    }

    /// A line that rises in steps, through these points in order.
    pub(super) fn steps(&mut self, class: &str, points: &[(f64, f64)]) {
        let Some((first, rest)) = points.split_first() else {
            return;
        };
        put!(
            self.body,
            "<path class=\"{class}\" d=\"M{} {}",
            Coord(self.px(first.0)),
            Coord(self.py(first.1))
        );
        for (x, y) in rest {
            put!(self.body, "H{}V{}", Coord(self.px(*x)), Coord(self.py(*y)));
        }
        put!(self.body, "\"/>");
    }

    /// The drawing.
    pub(super) fn finish(mut self) -> String {
        self.body.push_str("</svg>");
        self.body
    }
}

fn label(value: f64, axis: Axis, unit: &str) -> String {
    let number = fixed(value, axis.decimals());
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        let steps = [0.9, 1.0, 1.1, 3.0, 6.0, 37.0, f64::NAN, 0.0].map(round_step);
        assert_eq!(steps, [1.0, 1.0, 2.0, 5.0, 10.0, 50.0, 1.0, 1.0]);
    }

    #[test]
    fn an_axis_of_nonsense_has_ticks() {
        for (from, to) in [
            (f64::NAN, f64::NAN),
            (0.0, f64::INFINITY),
            (5.0, 5.0),
            (3.0, -1e300),
            (0.0, 1e300),
        ] {
            let ticks = Axis::new(from, to, 5, "s").rounded().ticks();
            assert!((1..60).contains(&ticks.len()), "{from} {to}: {ticks:?}");
            assert!(ticks.iter().all(|tick| tick.is_finite()));
        }
    }

    #[test]
    fn coordinates_are_short_and_finite() {
        let text =
            [1.0, 1.25, -0.04, f64::NAN, f64::INFINITY].map(|value| Coord(value).to_string());
        assert_eq!(text, ["1", "1.3", "0", "0", "0"]);
    }
}
