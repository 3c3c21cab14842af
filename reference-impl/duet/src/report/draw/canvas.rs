//! A drawing in the making, and how it becomes an SVG: within a page, or as a file of its own.

use std::fmt::{self, Display};

use crate::report::text::{esc, put};

/// The style of charts, for the page and for files alike.
pub(in crate::report) const STYLE: &str = include_str!("chart.css");

/// The width of a drawing that takes half of a page, and of one that takes all of it.
pub(super) const HALF: f64 = 540.0;
pub(super) const WHOLE: f64 = 920.0;

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

/// Where a text is held.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn class(self) -> &'static str {
        match self {
            Self::Start => "",
            Self::Middle => " middle",
            Self::End => " end",
        }
    }
}

/// The content of a drawing.
pub(super) struct Canvas {
    pub body: String,
    pub width: f64,
}

impl Canvas {
    pub(super) fn new(width: f64) -> Self {
        Self {
            body: String::new(),
            width,
        }
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, x: f64, y: f64, text: &str) {
        put!(
            self.body,
            "<text class=\"{class}{}\" x=\"{}\" y=\"{}\">{}</text>",
            anchor.class(),
            Coord(x),
            Coord(y),
            esc(text)
        );
    }

    /// A path; its title is told on hovering, if it has one.
    pub(super) fn path(&mut self, class: &str, d: &str, title: &str) {
        if title.is_empty() {
            put!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
        } else {
            let title = esc(title);
            put!(
                self.body,
                "<path class=\"{class}\" d=\"{d}\"><title>{title}</title></path>"
            );
        }
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let d = format!(
            "M{} {}L{} {}",
            Coord(from.0),
            Coord(from.1),
            Coord(to.0),
            Coord(to.1)
        );
        self.path(class, &d, "");
    }

    /// A rectangle; its title is told on hovering, if it has one.
    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), title: &str) {
        put!(
            self.body,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            Coord(at.0),
            Coord(at.1),
            Coord(size.0.max(0.0)),
            Coord(size.1.max(0.0))
        );
        if title.is_empty() {
            self.body.push_str("/>");
        } else {
            put!(self.body, "><title>{}</title></rect>", esc(title));
        }
    }

    /// As part of a page. `label` tells the content to who cannot see it.
    pub(super) fn inline(self, class: &str, height: f64, label: &str) -> String {
        let (width, height) = (Coord(self.width), Coord(height));
        format!(
            "<svg class=\"{class}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{}\">{}</svg>",
            esc(label),
            self.body
        )
    }

    /// As a file: with its own style, its title and what it says above the drawing.
    pub(super) fn file(self, height: f64, title: &str, caption: &str, label: &str) -> String {
        let mut head = Canvas::new(self.width);
        let mut y = 26.0;
        head.text("title", Anchor::Start, 14.0, y, title);
        for line in wrap(caption, self.width - 28.0, 12.0) {
            y += 17.0;
            head.text("caption", Anchor::Start, 14.0, y, &line);
        }
        y += 12.0;
        let (width, full) = (Coord(self.width), Coord(y + height + 6.0));
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        put!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{full}\" viewBox=\"0 0 {width} {full}\" \
             role=\"img\">\n<title>{}</title>\n<desc>{}</desc>\n<style>{}</style>\n",
            esc(title),
            esc(label),
            light()
        );
        put!(
            out,
            "<rect class=\"paper\" width=\"{width}\" height=\"{full}\"/>\n{}\n<g transform=\"translate(0 {})\">{}</g>\n</svg>\n",
            head.body,
            Coord(y),
            self.body
        );
        out
    }
}

/// The style with the colours of light put in: what draws a file need not know of variables.
fn light() -> String {
    let (variables, rules) = STYLE.split_once("/* rules */").unwrap_or(("", STYLE));
    let light = variables.split("@media").next().unwrap_or_default();
    let mut rules = rules.to_owned();
    for declaration in light.split([';', '{', '}']) {
        if let Some((name, value)) = declaration.split_once(':')
            && let Some(name) = name.trim().strip_prefix("--")
        {
            rules = rules.replace(&format!("var(--{name})"), value.trim());
        }
    }
    // Within XML, a style sheet is text like any other.
    esc(&rules)
        .to_string()
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
}

/// An upper estimate of a text's width in the sans-serif faces in use, of which DejaVu and Verdana are the widest.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '\u{a0}' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.41,
        'm' | 'M' | 'W' | 'w' | '%' | '@' => 0.93,
        '0'..='9' | 'a'..='z' => 0.63,
        'A'..='Z' => 0.72,
        c if (c as u32) < 0x2e80 => 0.7,
        _ => 1.05,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// A text that fits this width; the last character is an ellipsis if something was cut.
pub(super) fn fit(text: &str, width: f64, size: f64) -> String {
    if width_of(text, size) <= width {
        return text.into();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width_of(&short, size) + 0.9 * size > width {
            short.pop();
            break;
        }
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// A text in lines of this width, at most twelve.
fn wrap(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line, size) + width_of(word, size) + size * 0.33 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fit(word, width, size)),
        }
    }
    lines.truncate(12);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_finite() {
        let text =
            [1.0, 1.25, -0.04, f64::NAN, f64::INFINITY].map(|value| Coord(value).to_string());
        assert_eq!(text, ["1", "1.3", "0", "0", "0"]);
    }

    #[test]
    fn a_file_knows_no_variable() {
        let style = light();
        assert!(
            !style.contains("var(") && !style.contains("@media"),
            "{style}"
        );
        assert!(style.contains("#"));
    }

    #[test]
    fn texts_fit_their_room() {
        let long = "a name that nobody would give to anything";
        assert!(width_of(&fit(long, 100.0, 12.0), 12.0) <= 100.0);
        assert_eq!(fit("short", 100.0, 12.0), "short");
        assert!(wrap(long, 100.0, 12.0).len() > 2);
        assert_eq!(fit(long, 0.0, 12.0), "…");
    }
}
