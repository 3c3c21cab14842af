//! One self-contained HTML file: no request, no script, light and dark, and readable on paper.
//!
//! | to look for | look in |
//! |---|---|
//! | colours, type, print | `style.css` |
//! | numbers that stand for a side | [`figures`](super::figures) |
//! | plots | [`plots`](super::plots), drawn with [`svg`](crate::report::svg) |
//! | the sequence diagram | [`ladder`](super::ladder) |
//! | links, live calls | [`tables`](super::tables) |
//! | a conformance report | [`verdicts`](super::verdicts) |
//! | how text and numbers are written | [`text`](crate::report::text) |

use super::figures::{Figures, on_the_way};
use super::{Extras, Report, Side, StillReport, ladder, plots, tables, verdicts};
use crate::report::text::{UNKNOWN, count, duration, esc, percent, put, quantity, seconds};

const STYLE: &str = include_str!("../style.css");

/// What a browser may load for this page: nothing but what is in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Renders a report. The same report gives the same bytes.
pub fn render(report: &Report, extras: &Extras) -> String {
    let mut sections = vec![
        ("figures", "Key figures", key_figures(report)),
        ("stills", "Sent and seen", stills(report)),
        ("plots", "Over time", plots::render(report)),
        ("links", "Links", links(report)),
        ("signalling", "Signalling", signalling(report)),
    ];
    if !report.study.is_empty() {
        sections.insert(
            3,
            (
                "repair",
                "What repair is worth",
                tables::study(&report.study),
            ),
        );
    }
    if !extras.live.is_empty() {
        let how = "<p class=\"how\">What the two programs said of a call between them over sockets, in real time.</p>";
        sections.push((
            "live",
            "The same call over sockets",
            format!("{how}{}", tables::objects(&extras.live)),
        ));
    }
    if let Some(conformance) = &extras.conformance {
        sections.push(("conformance", "Conformance", verdicts::render(conformance)));
    }
    let mut out = String::new();
    let title = if report.scenario.is_empty() {
        "a run"
    } else {
        &report.scenario
    };
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"
    );
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n");
    put!(
        out,
        "<title>{} – Duet</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        esc(title)
    );
    head(&mut out, report, title, &sections);
    out.push_str("<main>\n");
    for (id, name, content) in &sections {
        put!(
            out,
            "<section id=\"{id}\">\n<h2>{name}</h2>\n{content}\n</section>\n"
        );
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn head(out: &mut String, report: &Report, title: &str, sections: &[(&str, &str, String)]) {
    put!(
        out,
        "<header>\n<p class=\"over\">Duet, report of a run</p>\n<h1>{}</h1>\n",
        esc(title)
    );
    put!(
        out,
        "<p class=\"lead\">{}</p>\n<dl class=\"run\">",
        esc(&report.description)
    );
    put!(out, "<div><dt>Seed</dt><dd>{}</dd></div>", report.seed);
    let media = if report.media.is_empty() {
        UNKNOWN
    } else {
        &report.media
    };
    put!(out, "<div><dt>Media</dt><dd>{}</dd></div>", esc(media));
    put!(
        out,
        "<div><dt>Virtual time</dt><dd>{}</dd></div>",
        seconds(report.duration_ms, 1)
    );
    let hash = if report.log_hash.is_empty() {
        UNKNOWN
    } else {
        &report.log_hash
    };
    put!(
        out,
        "<div class=\"long\"><dt>SHA-256 of the event log</dt><dd><code>{}</code></dd></div>",
        esc(hash)
    );
    put!(
        out,
        "<div class=\"long\"><dt>The same run again</dt><dd><code>{}</code></dd></div>",
        esc(&command(report))
    );
    out.push_str("</dl>\n<nav>");
    for (id, name, _) in sections {
        put!(out, "<a href=\"#{id}\">{name}</a>");
    }
    out.push_str("</nav>\n</header>\n");
}

/// What a shell takes to do the run again.
fn command(report: &Report) -> String {
    let path = quoted(&format!("sim/scenarios/{}.toml", report.scenario));
    format!(
        "duet simulate {path} --seed {} --media {} {}",
        report.seed,
        quoted(&report.media),
        report.options
    )
    .trim_end()
    .to_owned()
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn key_figures(report: &Report) -> String {
    let mut out = String::new();
    if report.sides.is_empty() {
        out.push_str("<p class=\"empty\">No party took part.</p>");
    }
    out.push_str("<div class=\"sides\">");
    for side in &report.sides {
        let (name, peer) = (esc(&side.name), esc(&side.peer));
        put!(out, "<article><h3>{name} <small>sees {peer}</small></h3>");
        if let Some(failure) = &side.failure {
            put!(
                out,
                "<p class=\"failure\"><b>✗ Media broke down:</b> {}</p>",
                esc(failure)
            );
        }
        tiles(&mut out, report, side);
        if let Some(recording) = &side.recording {
            let (path, pictures) = (esc(&recording.path), count(recording.pictures));
            let length = duration(recording.duration_ms);
            put!(
                out,
                "<p class=\"facts\">Recording: <code>{path}</code>, {pictures} pictures, {length}.</p>"
            );
        }
        out.push_str("</article>");
    }
    out.push_str("</div>");
    out
}

fn tile(out: &mut String, class: &str, value: &str, name: &str, note: &str) {
    put!(
        out,
        "<div class=\"tile {class}\"><b>{}</b><span>{}</span>",
        esc(value),
        esc(name)
    );
    if !note.is_empty() {
        put!(out, "<small>{}</small>", esc(note));
    }
    out.push_str("</div>");
}

fn tiles(out: &mut String, report: &Report, side: &Side) {
    let figures = Figures::of(side, &report.links);
    out.push_str("<div class=\"tiles\">");
    let value = percent(figures.on_time, 1);
    tile(
        out,
        "first",
        &value,
        "of the pictures whole within 250 ms",
        "from capture to screen",
    );
    let of = |number: usize, of: usize| percent((of > 0).then(|| number as f64 / of as f64), 1);
    tile(
        out,
        "",
        &count(figures.sent as u64),
        "pictures sent",
        &format!("by {}", side.peer),
    );
    let mut note = of(figures.shown, figures.sent);
    if figures.damaged > 0 {
        note += &format!("; {} damaged", count(figures.damaged as u64));
    }
    if figures.cut_off > 0 {
        note += &format!(
            "; {} on their way at the end",
            count(figures.cut_off as u64)
        );
    }
    tile(
        out,
        "",
        &count(figures.shown as u64),
        "pictures shown",
        &note,
    );
    tile(
        out,
        "",
        &quantity(figures.median_ms, 0, "ms"),
        "median delay",
        "from capture to screen",
    );
    tile(
        out,
        "",
        &quantity(figures.p95_ms, 0, "ms"),
        "95th percentile",
        "of the delay",
    );
    let note = if figures.mean_psnr_db.is_some() {
        "against the original"
    } else {
        "not compared"
    };
    tile(
        out,
        "",
        &quantity(figures.mean_psnr_db, 1, "dB"),
        "mean PSNR",
        note,
    );
    let way = on_the_way(side, &report.links);
    let way: Vec<String> = way
        .iter()
        .map(|link| {
            format!(
                "{} {}",
                link.name.replace('>', " → "),
                percent(link.share_lost(), 1)
            )
        })
        .collect();
    tile(
        out,
        "",
        &percent(figures.loss, 1),
        "lost on the links",
        &way.join(", "),
    );
    let hop = &side.hop;
    if hop.sent == 0 && hop.received == 0 {
        tile(out, "", UNKNOWN, "packets sent again", "not counted");
    } else {
        let note = format!("of {} to the server", count(hop.sent));
        tile(out, "", &count(hop.repaired), "packets sent again", &note);
    }
    let (sent, played) = side.blocks;
    tile(
        out,
        "",
        &count(played),
        "sound blocks",
        &format!("played, of {} sent", count(sent)),
    );
    tile(
        out,
        "",
        side.reason.as_deref().unwrap_or(UNKNOWN),
        "end reason",
        &ended(side),
    );
    out.push_str("</div>");
}

fn ended(side: &Side) -> String {
    match (side.started_ms, side.ended_ms) {
        (Some(from), Some(until)) => format!("after {}", duration(until - from)),
        (None, Some(_)) => "the call never started".into(),
        (Some(_), None) => "the call was still going on".into(),
        (None, None) => "there was no call".into(),
    }
}

fn stills(report: &Report) -> String {
    let mut out = String::new();
    if report.sides.iter().all(|side| side.stills.is_empty()) {
        out.push_str("<p class=\"empty\">No pictures were kept");
        out.push_str(if report.media == "synthetic" {
            ": synthetic media has none.</p>"
        } else {
            ".</p>"
        });
        return out;
    }
    out.push_str("<div class=\"sides\">");
    for side in report.sides.iter().filter(|side| !side.stills.is_empty()) {
        put!(
            out,
            "<article><h3>{} <small>sees {}</small></h3>",
            esc(&side.name),
            esc(&side.peer)
        );
        for still in &side.stills {
            pair(&mut out, side, still);
        }
        out.push_str("</article>");
    }
    out.push_str("</div>");
    out
}

/// A picture as captured beside the same as shown.
fn pair(out: &mut String, side: &Side, still: &StillReport) {
    let picture = side
        .pictures
        .iter()
        .find(|picture| picture.number == still.number);
    out.push_str("<figure class=\"pair\"><div>");
    image(
        out,
        &still.captured,
        &format!("Picture {} as {} captured it", still.number, side.peer),
    );
    image(
        out,
        &still.shown,
        &format!("Picture {} as {} saw it", still.number, side.name),
    );
    put!(
        out,
        "<em>sent by {}</em><em>seen by {}</em></div>",
        esc(&side.peer),
        esc(&side.name)
    );
    put!(out, "<figcaption><b>Picture {}</b>", still.number);
    if let Some(picture) = picture {
        put!(out, ", captured at {}", seconds(picture.captured_ms, 2));
        put!(out, "; PSNR {}", quantity(picture.psnr(), 1, "dB"));
        match picture.delay() {
            Some(delay) => put!(out, ", on screen after {}", quantity(Some(delay), 0, "ms")),
            None => out.push_str(", not shown"),
        }
        if picture.delay().is_some() && !picture.intact {
            out.push_str(", damaged");
        }
    }
    out.push_str("</figcaption></figure>");
}

fn image(out: &mut String, base64: &str, text: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if !base64.is_empty() && base64.bytes().all(plain) {
        put!(
            out,
            "<img alt=\"{}\" src=\"data:image/jpeg;base64,{base64}\">",
            esc(text)
        );
    } else {
        out.push_str("<span class=\"nothing\">no picture</span>");
    }
}

fn links(report: &Report) -> String {
    let how = "Packets offered to each direction of a link, and those that it lost, by cause. Sizes hold the UDP and IP \
               headers.";
    format!("<p class=\"how\">{how}</p>{}", tables::links(report))
}

fn signalling(report: &Report) -> String {
    let how = "Times are those at which a client sent a message or received it. Colour and dot tell who sent it. The \
               height measures no time; arrows of the same millisecond stand side by side.";
    format!("<p class=\"how\">{how}</p>{}", ladder::render(report))
}
