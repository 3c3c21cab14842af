//! Who sent what to whom: one lane a vantage point, time downward, long silence cut short.
//!
//! Height does not measure time: a row is as high as its text, and what took longer gets a little more room. Arrows
//! of the same millisecond share rows where they do not touch. The drawing is made in strips.

use super::Drawing;
use super::canvas::{Anchor, Canvas, Coord};
use crate::report::model::{Arrow, Sequence};
use crate::report::text::{cut, duration, esc, put, seconds};

/// Arrows that are drawn.
const MOST: usize = 2_000;
/// Where the first lane is; what is left of it are the times.
const FIRST: f64 = 150.0;
/// Between two lanes.
const BETWEEN: f64 = 350.0;
const HEAD: f64 = 34.0;
const ROW: f64 = 30.0;
/// Room for a silence.
const SILENCE: f64 = 46.0;
/// What is longer is a silence.
const SILENCE_MS: f64 = 1_000.0;
/// Arrows that are no further apart stand beside one another.
const TOGETHER_MS: f64 = 1.0;
/// A strip ends after so many rows.
const STRIP: usize = 12;
/// Widths of a character in the diagram's fixed-width type.
const NAME: f64 = 7.3;
const DETAIL: f64 = 6.4;

/// Arrows of about the same time, each with its row in the group.
struct Group<'a> {
    at_ms: f64,
    arrows: Vec<(usize, &'a Arrow)>,
    rows: usize,
}

/// A piece of the drawing.
pub(super) struct Strip {
    pub canvas: Canvas,
    pub height: f64,
    pub label: String,
}

/// The drawing as one.
pub(super) fn draw(sequence: &Sequence) -> Drawing {
    let label = format!("{} messages in order.", sequence.arrows.len());
    stack(all(sequence), label)
}

/// Strips beneath one another.
pub(super) fn stack(strips: Vec<Strip>, label: String) -> Drawing {
    let width = strips.first().map_or(100.0, |strip| strip.canvas.width);
    let mut canvas = Canvas::new(width);
    let mut height = 0.0;
    for strip in strips {
        let body = strip.canvas.body;
        put!(
            canvas.body,
            "<g transform=\"translate(0 {})\">{body}</g>",
            Coord(height)
        );
        height += strip.height;
    }
    Drawing {
        canvas,
        height,
        label,
    }
}

/// The drawing in strips.
pub(super) fn strips(sequence: &Sequence) -> String {
    let strips = all(sequence).into_iter();
    strips
        .map(|strip| strip.canvas.inline("strip", strip.height, &strip.label))
        .collect()
}

fn all(sequence: &Sequence) -> Vec<Strip> {
    let lanes = sequence.lanes.len();
    let known = |arrow: &&Arrow| arrow.from < lanes && arrow.to < lanes && arrow.at_ms.is_finite();
    let arrows: Vec<&Arrow> = sequence.arrows.iter().filter(known).take(MOST).collect();
    let drawing = Lanes {
        names: &sequence.lanes,
        first: FIRST,
        between: BETWEEN,
    };
    let mut strips = vec![drawing.heads()];
    let mut last: Option<f64> = None;
    let mut strip: Vec<(f64, Group<'_>)> = Vec::new();
    for group in groups(&arrows) {
        let pause = last.map_or(0.0, |last| group.at_ms - last);
        let rows: usize = strip.iter().map(|(_, group)| group.rows).sum();
        if pause > SILENCE_MS || rows + group.rows > STRIP {
            strips.extend(messages(&drawing, &std::mem::take(&mut strip)));
        }
        if pause > SILENCE_MS {
            strips.push(drawing.silence(&format!("{} without signalling", duration(pause))));
        }
        last = Some(group.at_ms);
        strip.push((if pause > SILENCE_MS { 0.0 } else { pause }, group));
    }
    strips.extend(messages(&drawing, &strip));
    strips.push(drawing.heads());
    let left_out = sequence.arrows.len() - arrows.len();
    if left_out > 0 {
        strips.push(drawing.remark(&format!(
            "{left_out} messages are not drawn: too many, or of no lane"
        )));
    }
    strips
}

/// Arrows by time: what follows the first of a group by no more than [`TOGETHER_MS`] belongs to it.
fn groups<'a>(arrows: &[&'a Arrow]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for arrow in arrows {
        match groups.last_mut() {
            Some(group) if arrow.at_ms - group.at_ms <= TOGETHER_MS => {
                let touching = group.arrows.iter().filter(|(_, other)| touch(arrow, other));
                let row = touching.map(|(row, _)| row + 1).max().unwrap_or(0);
                group.rows = group.rows.max(row + 1);
                group.arrows.push((row, arrow));
            }
            _ => groups.push(Group {
                at_ms: arrow.at_ms,
                arrows: vec![(0, arrow)],
                rows: 1,
            }),
        }
    }
    groups
}

/// Whether two arrows would lie upon each other in one row; that both meet a lane at its two sides is no harm.
fn touch(a: &Arrow, b: &Arrow) -> bool {
    let span = |arrow: &Arrow| {
        let (left, right) = (arrow.from.min(arrow.to), arrow.from.max(arrow.to));
        (left, if left == right { right + 1 } else { right })
    };
    let (a, b) = (span(a), span(b));
    a.0 < b.1 && b.0 < a.1
}

/// The lanes of a diagram.
pub(super) struct Lanes<'a> {
    pub names: &'a [String],
    pub first: f64,
    pub between: f64,
}

impl Lanes<'_> {
    pub(super) fn x(&self, lane: usize) -> f64 {
        self.first + lane as f64 * self.between
    }

    pub(super) fn canvas(&self) -> Canvas {
        Canvas::new(self.x(self.names.len().saturating_sub(1)) + 70.0)
    }

    /// The names in boxes.
    pub(super) fn heads(&self) -> Strip {
        let mut canvas = self.canvas();
        for (lane, name) in self.names.iter().enumerate() {
            let x = self.x(lane);
            let half = (name.chars().count().min(16) as f64 * NAME / 2.0 + 14.0).min(68.0);
            let (left, width, colour) = (Coord(x - half), Coord(2.0 * half), lane % 4);
            put!(
                canvas.body,
                "<rect class=\"head l{colour}\" x=\"{left}\" y=\"4\" width=\"{width}\" height=\"26\" rx=\"5\"/>"
            );
            canvas.text("head", Anchor::Start, x, 21.5, &cut(name, 16));
        }
        Strip {
            canvas,
            height: HEAD,
            label: "The lanes".into(),
        }
    }

    pub(super) fn lifelines(&self, canvas: &mut Canvas, class: &str, height: f64) {
        let mut d = String::new();
        for lane in 0..self.names.len() {
            put!(d, "M{} 0V{}", Coord(self.x(lane)), Coord(height));
        }
        if !d.is_empty() {
            canvas.path(class, &d, "");
        }
    }

    /// Time in which nothing is drawn.
    pub(super) fn silence(&self, text: &str) -> Strip {
        let mut canvas = self.canvas();
        self.lifelines(&mut canvas, "lifeline silent", SILENCE);
        let middle = (self.x(0) + self.x(self.names.len().saturating_sub(1))) / 2.0;
        canvas.text("silence", Anchor::Middle, middle, SILENCE / 2.0 + 4.0, text);
        Strip {
            canvas,
            height: SILENCE,
            label: text.into(),
        }
    }

    /// A line of text.
    pub(super) fn remark(&self, text: &str) -> Strip {
        let mut canvas = self.canvas();
        canvas.text("unit", Anchor::Start, 12.0, 18.0, text);
        Strip {
            canvas,
            height: 26.0,
            label: text.into(),
        }
    }

    pub(super) fn name(&self, lane: usize) -> &str {
        self.names.get(lane).map_or("", String::as_str)
    }
}

fn messages(lanes: &Lanes<'_>, groups: &[(f64, Group<'_>)]) -> Option<Strip> {
    let first = groups.first()?.1.at_ms;
    let above = |pause: f64| (pause.max(0.0) / 5.0).min(18.0) + 4.0;
    let height: f64 = groups
        .iter()
        .map(|(pause, group)| above(*pause) + group.rows as f64 * ROW)
        .sum();
    let messages: usize = groups.iter().map(|(_, group)| group.arrows.len()).sum();
    let mut canvas = lanes.canvas();
    lanes.lifelines(&mut canvas, "lifeline", height);
    let mut y = 0.0;
    for (pause, group) in groups {
        y += above(*pause);
        let at = seconds(group.at_ms, 3);
        canvas.text("when", Anchor::End, 92.0, y + ROW - 4.0, &at);
        for (row, one) in &group.arrows {
            arrow(lanes, &mut canvas, y + (row + 1) as f64 * ROW - 8.0, one);
        }
        y += group.rows as f64 * ROW;
    }
    Some(Strip {
        canvas,
        height,
        label: format!("{messages} messages from {} on", seconds(first, 3)),
    })
}

fn arrow(lanes: &Lanes<'_>, canvas: &mut Canvas, y: f64, arrow: &Arrow) {
    let (from, to) = (lanes.x(arrow.from), lanes.x(arrow.to));
    let toward = if to < from { -1.0 } else { 1.0 };
    put!(canvas.body, "<g class=\"l{}\"><title>", arrow.from % 4);
    let way = format!("{} → {}", lanes.name(arrow.from), lanes.name(arrow.to));
    let full = format!(
        "{} {way}: {} {}",
        seconds(arrow.at_ms, 6),
        arrow.name,
        arrow.detail
    );
    put!(canvas.body, "{}</title>", esc(full.trim_end()));
    let (start, line) = (Coord(from), Coord(y));
    if arrow.from == arrow.to {
        let d = format!("M{start} {}h26v10h-20", Coord(y - 6.0));
        canvas.path("shaft", &d, "");
        tip(canvas, from, y + 4.0, -1.0);
        let room = lanes.between - 60.0;
        label(canvas, Anchor::Start, from + 34.0, y + 4.0, arrow, room);
    } else {
        let d = format!("M{start} {line}H{}", Coord(to - toward * 7.0));
        canvas.path("shaft", &d, "");
        put!(
            canvas.body,
            "<circle class=\"tip\" cx=\"{start}\" cy=\"{line}\" r=\"2.5\"/>"
        );
        tip(canvas, to, y, toward);
        // Over several lanes the text stands in the first field, not across a lane.
        let middle = from + toward * lanes.between / 2.0;
        label(
            canvas,
            Anchor::Middle,
            middle,
            y - 6.0,
            arrow,
            lanes.between - 30.0,
        );
    }
    canvas.body.push_str("</g>");
}

fn tip(canvas: &mut Canvas, x: f64, y: f64, toward: f64) {
    let (back, x, y) = (Coord(-9.0 * toward), Coord(x - toward), Coord(y));
    put!(
        canvas.body,
        "<path class=\"tip\" d=\"M{x} {y}l{back} -4.5v9z\"/>"
    );
}

/// A message's name and, as far as there is room, its detail.
pub(super) fn label(canvas: &mut Canvas, anchor: Anchor, x: f64, y: f64, arrow: &Arrow, room: f64) {
    let name = cut(&arrow.name, (room / NAME) as usize);
    let left = room - (name.chars().count() + 1) as f64 * NAME;
    let detail = cut(&arrow.detail, (left / DETAIL).max(0.0) as usize);
    let class = match anchor {
        Anchor::Start => "message",
        Anchor::Middle => "message middle",
        Anchor::End => "message end",
    };
    put!(
        canvas.body,
        "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}",
        Coord(x),
        Coord(y),
        esc(&name)
    );
    if !detail.is_empty() {
        put!(
            canvas.body,
            "<tspan class=\"detail\" dx=\"7\">{}</tspan>",
            esc(&detail)
        );
    }
    canvas.body.push_str("</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(at_ms: f64, from: usize, to: usize) -> Arrow {
        Arrow {
            at_ms,
            from,
            to,
            ..Arrow::default()
        }
    }

    #[test]
    fn arrows_share_a_row_only_side_by_side() {
        let arrows = [
            arrow(1.0, 0, 1),
            arrow(1.2, 2, 1),
            arrow(1.4, 1, 0),
            arrow(1.5, 0, 2),
            arrow(3.0, 0, 1),
        ];
        let refs: Vec<&Arrow> = arrows.iter().collect();
        let groups = groups(&refs);
        let rows = |group: &Group<'_>| group.arrows.iter().map(|(row, _)| *row).collect::<Vec<_>>();
        assert_eq!(
            groups.iter().map(rows).collect::<Vec<_>>(),
            [vec![0, 0, 1, 2], vec![0]]
        );
        assert_eq!(groups[0].rows, 3);
    }

    #[test]
    fn a_silence_stands_between_the_messages_around_it() {
        let named = |at_ms, name: &str| Arrow {
            name: name.into(),
            ..arrow(at_ms, 0, 1)
        };
        let sequence = Sequence {
            lanes: vec!["a".into(), "b".into()],
            arrows: vec![
                named(0.0, "FIRST"),
                named(900.0, "SECOND"),
                named(20_900.0, "THIRD"),
            ],
        };
        let html = strips(&sequence);
        let place = |text: &str| {
            html.find(text)
                .unwrap_or_else(|| panic!("{text} in {html}"))
        };
        let silence = place(">20.00\u{a0}s without signalling<");
        assert!(place(">SECOND<") < silence && silence < place(">THIRD<"));
        assert_eq!(html.matches("without signalling</text>").count(), 1);
    }

    #[test]
    fn lanes_that_are_not_there_are_left_out() {
        let sequence = Sequence {
            lanes: vec!["one".into()],
            arrows: vec![
                arrow(1.0, 0, usize::MAX),
                arrow(f64::NAN, 0, 0),
                arrow(2.0, 0, 0),
            ],
        };
        assert!(strips(&sequence).contains("2 messages are not drawn"));
    }
}
