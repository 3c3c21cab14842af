//! The signalling as a sequence diagram: one lane a vantage point, time downward, long silence cut short.
//!
//! Height does not measure time: a row is as high as its text, and what took longer gets a little more room. Arrows
//! of the same millisecond share rows where they do not touch. The drawing is cut into strips, which follow one
//! another without a seam on a screen, so that on paper no arrow falls between two sheets.

use super::{Arrow, Report};
use crate::report::svg::Coord;
use crate::report::text::{cut, duration, esc, put, seconds};

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

/// The section's content.
pub(super) fn render(report: &Report) -> String {
    let lanes = report.lanes.len();
    let known = |arrow: &&Arrow| arrow.from < lanes && arrow.to < lanes && arrow.at_ms.is_finite();
    let arrows: Vec<&Arrow> = report.signalling.iter().filter(known).collect();
    let mut out = String::new();
    if arrows.is_empty() {
        out.push_str("<p class=\"empty\">No signalling was recorded.</p>");
        return out;
    }
    let drawing = Ladder {
        lanes: &report.lanes,
    };
    out.push_str("<div class=\"ladder\">");
    drawing.heads(&mut out);
    let mut last: Option<f64> = None;
    let mut strip: Vec<(f64, Group<'_>)> = Vec::new();
    for group in groups(&arrows) {
        let pause = last.map_or(0.0, |last| group.at_ms - last);
        let rows: usize = strip.iter().map(|(_, group)| group.rows).sum();
        if pause > SILENCE_MS || rows + group.rows > STRIP {
            drawing.strip(&mut out, &std::mem::take(&mut strip));
        }
        if pause > SILENCE_MS {
            drawing.silence(&mut out, pause);
        }
        last = Some(group.at_ms);
        strip.push((if pause > SILENCE_MS { 0.0 } else { pause }, group));
    }
    drawing.strip(&mut out, &strip);
    drawing.heads(&mut out);
    out.push_str("</div>");
    let left_out = report.signalling.len() - arrows.len();
    if left_out > 0 {
        put!(
            out,
            "<p class=\"empty\">{left_out} messages belong to no lane and are not drawn.</p>"
        );
    }
    out
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

struct Ladder<'a> {
    lanes: &'a [String],
}

impl Ladder<'_> {
    fn x(&self, lane: usize) -> f64 {
        FIRST + lane as f64 * BETWEEN
    }

    fn width(&self) -> f64 {
        self.x(self.lanes.len().saturating_sub(1)) + 70.0
    }

    fn open(&self, out: &mut String, height: f64, label: &str) {
        let (width, height, label) = (Coord(self.width()), Coord(height), esc(label));
        put!(
            out,
            "<svg class=\"strip\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" "
        );
        put!(out, "role=\"img\" aria-label=\"{label}\">");
    }

    fn heads(&self, out: &mut String) {
        self.open(out, HEAD, "The lanes");
        for (lane, name) in self.lanes.iter().enumerate() {
            let x = self.x(lane);
            let half = (name.chars().count().min(16) as f64 * NAME / 2.0 + 14.0).min(68.0);
            let (left, width, colour) = (Coord(x - half), Coord(2.0 * half), lane % 4);
            put!(
                out,
                "<rect class=\"head lane{colour}\" x=\"{left}\" y=\"4\" width=\"{width}\" height=\"26\" rx=\"5\"/>"
            );
            put!(
                out,
                "<text class=\"head\" x=\"{}\" y=\"21.5\">{}</text>",
                Coord(x),
                esc(&cut(name, 16))
            );
        }
        out.push_str("</svg>");
    }

    fn lifelines(&self, out: &mut String, class: &str, height: f64) {
        put!(out, "<path class=\"{class}\" d=\"");
        for lane in 0..self.lanes.len() {
            put!(out, "M{} 0V{}", Coord(self.x(lane)), Coord(height));
        }
        out.push_str("\"/>");
    }

    fn silence(&self, out: &mut String, pause: f64) {
        let text = format!("{} without signalling", duration(pause));
        self.open(out, SILENCE, &text);
        self.lifelines(out, "lifeline silent", SILENCE);
        let middle = (self.x(0) + self.x(self.lanes.len().saturating_sub(1))) / 2.0;
        let y = Coord(SILENCE / 2.0 + 4.0);
        put!(
            out,
            "<text class=\"silence\" x=\"{}\" y=\"{y}\">{}</text></svg>",
            Coord(middle),
            esc(&text)
        );
    }

    fn strip(&self, out: &mut String, groups: &[(f64, Group<'_>)]) {
        if groups.is_empty() {
            return;
        }
        let above = |pause: f64| (pause.max(0.0) / 5.0).min(18.0) + 4.0;
        let height: f64 = groups
            .iter()
            .map(|(pause, group)| above(*pause) + group.rows as f64 * ROW)
            .sum();
        let messages: usize = groups.iter().map(|(_, group)| group.arrows.len()).sum();
        let first = groups.first().map_or(0.0, |(_, group)| group.at_ms);
        self.open(
            out,
            height,
            &format!("{messages} messages from {} on", seconds(first, 3)),
        );
        self.lifelines(out, "lifeline", height);
        let mut y = 0.0;
        for (pause, group) in groups {
            y += above(*pause);
            put!(
                out,
                "<text class=\"when\" x=\"92\" y=\"{}\">",
                Coord(y + ROW - 4.0)
            );
            put!(out, "{}</text>", seconds(group.at_ms, 3));
            for (row, arrow) in &group.arrows {
                self.arrow(out, y + (row + 1) as f64 * ROW - 8.0, arrow);
            }
            y += group.rows as f64 * ROW;
        }
        out.push_str("</svg>");
    }

    fn arrow(&self, out: &mut String, y: f64, arrow: &Arrow) {
        let (from, to) = (self.x(arrow.from), self.x(arrow.to));
        let toward = if to < from { -1.0 } else { 1.0 };
        put!(out, "<g class=\"lane{}\"><title>", arrow.from % 4);
        let lane = |lane: usize| self.lanes.get(lane).map_or("", String::as_str);
        let way = format!("{} → {}", lane(arrow.from), lane(arrow.to));
        let full = format!(
            "{} {way}: {} {}",
            seconds(arrow.at_ms, 6),
            arrow.name,
            arrow.detail
        );
        put!(out, "{}</title>", esc(full.trim_end()));
        let (start, line) = (Coord(from), Coord(y));
        if arrow.from == arrow.to {
            put!(
                out,
                "<path class=\"shaft\" d=\"M{start} {}h26v10h-20\"/>",
                Coord(y - 6.0)
            );
            self.tip(out, from, y + 4.0, -1.0);
            self.label(out, from + 34.0, y + 4.0, "start", arrow, BETWEEN - 60.0);
        } else {
            put!(
                out,
                "<path class=\"shaft\" d=\"M{start} {line}H{}\"/>",
                Coord(to - toward * 7.0)
            );
            put!(
                out,
                "<circle class=\"tip\" cx=\"{start}\" cy=\"{line}\" r=\"2.5\"/>"
            );
            self.tip(out, to, y, toward);
            // Over several lanes the text stands in the first field, not across a lane.
            let middle = from + toward * BETWEEN / 2.0;
            self.label(out, middle, y - 6.0, "middle", arrow, BETWEEN - 30.0);
        }
        out.push_str("</g>");
    }

    fn tip(&self, out: &mut String, x: f64, y: f64, toward: f64) {
        let (back, x, y) = (Coord(-9.0 * toward), Coord(x - toward), Coord(y));
        put!(out, "<path class=\"tip\" d=\"M{x} {y}l{back} -4.5v9z\"/>");
    }

    fn label(&self, out: &mut String, x: f64, y: f64, anchor: &str, arrow: &Arrow, room: f64) {
        let name = cut(&arrow.name, (room / NAME) as usize);
        let left = room - (name.chars().count() + 1) as f64 * NAME;
        let detail = cut(&arrow.detail, (left / DETAIL).max(0.0) as usize);
        put!(
            out,
            "<text class=\"message {anchor}\" x=\"{}\" y=\"{}\">{}",
            Coord(x),
            Coord(y),
            esc(&name)
        );
        if !detail.is_empty() {
            put!(
                out,
                "<tspan class=\"detail\" dx=\"7\">{}</tspan>",
                esc(&detail)
            );
        }
        out.push_str("</text>");
    }
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
        let signalling = vec![
            named(0.0, "FIRST"),
            named(900.0, "SECOND"),
            named(20_900.0, "THIRD"),
        ];
        let report = Report {
            lanes: vec!["a".into(), "b".into()],
            signalling,
            ..Report::default()
        };
        let html = render(&report);
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
        let signalling = vec![
            arrow(1.0, 0, usize::MAX),
            arrow(f64::NAN, 0, 0),
            arrow(2.0, 0, 0),
        ];
        let report = Report {
            lanes: vec!["one".into()],
            signalling,
            ..Report::default()
        };
        assert!(render(&report).contains("2 messages belong to no lane"));
    }
}
