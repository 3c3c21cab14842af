//! Plots over time and of delay: one row a question, one panel a side, the same axes in all panels of a row.

use super::figures::{Fate, Figures, TARGET_MS};
use super::{Picture, Report, Side};
use crate::report::svg::{Axis, Plot, round_step};
use crate::report::text::{count, esc, percent, put, quantity};

/// A cross, a dot, a diamond and a ring around the point where the pen is.
const CROSS: &str = "m-3.5-3.5l7 7m0-7l-7 7";
const DOT: &str = "h0";
const DIAMOND: &str = "m0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z";
const RING: &str = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0";

const MISSING: (&str, &str) = ("missing", "not shown");
const DAMAGED: (&str, &str) = ("damaged", "shown with damage");
const LATE: (&str, &str) = ("late", "whole, but after 250 ms");

/// The section's content.
pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    if report.sides.iter().all(|side| side.pictures.is_empty()) {
        out.push_str("<p class=\"empty\">No picture was sent.</p>");
        return out;
    }
    let last = report
        .sides
        .iter()
        .flat_map(|side| &side.pictures)
        .map(|picture| picture.captured_ms);
    let last = last.filter(|at| at.is_finite()).fold(0.0, f64::max);
    let time = Axis::new(0.0, last.max(1.0) / 1_000.0, 8, "s");
    let slowest = report
        .sides
        .iter()
        .flat_map(|side| &side.pictures)
        .filter_map(Picture::delay);
    let slowest = slowest.fold(TARGET_MS * 1.15, f64::max);
    let delay = Axis::new(0.0, slowest, 5, "ms").rounded();

    out.push_str("<h3>From capture to screen</h3><p class=\"how\">Each dot is a picture, at the time of its capture. ");
    put!(out, "{} {} {}</p>", key(MISSING), key(DAMAGED), key(LATE));
    panels(
        &mut out,
        report,
        |_| String::new(),
        |side| delays(side, time, delay),
    );

    quality(&mut out, report, time);

    let width = round_step(time.end() / 60.0).max(1.0);
    let most = report.sides.iter().flat_map(|side| bins(side, time, width));
    let most = most
        .map(|bin| bin.iter().sum::<u32>())
        .max()
        .unwrap_or(0)
        .max(5);
    let per = if width > 1.0 {
        format!("{} seconds", count(width as u64))
    } else {
        "second".into()
    };
    put!(
        out,
        "<h3>Pictures not whole in time, per {per}</h3><p class=\"how\">By the time of capture. "
    );
    put!(
        out,
        "{} {} {}</p>",
        bar_key(MISSING),
        bar_key(DAMAGED),
        bar_key(LATE)
    );
    let pictures = Axis::new(0.0, f64::from(most), 5, "").rounded();
    panels(
        &mut out,
        report,
        |_| String::new(),
        |side| failures(side, time, pictures, width),
    );

    out.push_str(
        "<h3>Distribution of the delay</h3><p class=\"how\">The share of all pictures sent that was on screen, whole, \
         within so much time after capture.</p>",
    );
    panels(
        &mut out,
        report,
        |_| String::new(),
        |side| distribution(side, delay),
    );
    out
}

/// A row: each side's drawing, and what its caption adds.
fn panels(
    out: &mut String,
    report: &Report,
    note: impl Fn(&Side) -> String,
    draw: impl Fn(&Side) -> String,
) {
    out.push_str("<div class=\"panels\">");
    for side in &report.sides {
        let (name, peer) = (esc(&side.name), esc(&side.peer));
        let note = note(side);
        put!(
            out,
            "<figure><figcaption><b>{name}</b>, of {peer}’s pictures{}</figcaption>",
            esc(&note)
        );
        put!(out, "{}</figure>", draw(side));
    }
    out.push_str("</div>");
}

/// A legend's entry: the mark as it is drawn, and what it means.
fn key((class, name): (&str, &str)) -> String {
    let mark = match class {
        "missing" => CROSS,
        "damaged" => DIAMOND,
        _ => RING,
    };
    let icon = "<svg class=\"icon\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">";
    format!(
        "<span class=\"key\">{icon}<path class=\"{class}\" d=\"M6 6{mark}\"/></svg>{name}</span>"
    )
}

fn bar_key((class, name): (&str, &str)) -> String {
    let icon = "<svg class=\"icon\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">";
    let rect = "x=\"1.5\" y=\"1.5\" width=\"9\" height=\"9\"";
    format!("<span class=\"key\">{icon}<rect class=\"bar {class}\" {rect}/></svg>{name}</span>")
}

fn at(picture: &Picture) -> f64 {
    picture.captured_ms / 1_000.0
}

fn with(side: &Side, fate: Fate) -> impl Iterator<Item = &Picture> {
    side.pictures
        .iter()
        .filter(move |picture| picture.fate() == fate)
}

fn delays(side: &Side, time: Axis, delay: Axis) -> String {
    let figures = Figures::of(side, &[]);
    let label = format!(
        "Delay from capture to screen at {}: median {}, 95th percentile {}, {} of {} pictures not shown.",
        side.name,
        quantity(figures.median_ms, 0, "ms"),
        quantity(figures.p95_ms, 0, "ms"),
        figures.sent - figures.shown,
        figures.sent,
    );
    let mut plot = Plot::new(&label, 230.0, true, time, delay);
    plot.level("target", TARGET_MS, "250 ms");
    let point = |picture: &Picture| (at(picture), picture.delay().unwrap_or_default());
    plot.marks("good", DOT, with(side, Fate::Good).map(point));
    plot.marks("late", RING, with(side, Fate::Late).map(point));
    plot.marks("damaged", DIAMOND, with(side, Fate::Damaged).map(point));
    plot.above("missing", CROSS, "none", with(side, Fate::Missing).map(at));
    plot.finish()
}

fn quality(out: &mut String, report: &Report, time: Axis) {
    out.push_str("<h3>Likeness to what was captured</h3>");
    let known = || {
        report
            .sides
            .iter()
            .flat_map(|side| &side.pictures)
            .filter_map(Picture::psnr)
    };
    if known().next().is_none() {
        out.push_str("<p class=\"empty\">Not known: ");
        out.push_str(match report.media.as_str() {
            "synthetic" => {
                "synthetic media has the packets of a codec, and no picture in them.</p>"
            }
            _ => "no picture was compared with its original.</p>",
        });
        return;
    }
    put!(
        out,
        "<p class=\"how\">Luma PSNR of each picture shown; more is better. {}</p>",
        key(DAMAGED)
    );
    let (least, most) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), psnr| {
        (least.min(psnr), most.max(psnr))
    });
    let axis = Axis::new(least - 1.0, most + 1.0, 5, "dB").rounded();
    let note = |side: &Side| {
        let mean = Figures::of(side, &[]).mean_psnr_db;
        mean.map(|mean| format!(": {} on average (dotted)", quantity(Some(mean), 1, "dB")))
            .unwrap_or_default()
    };
    panels(out, report, note, |side| likeness(side, time, axis));
}

fn likeness(side: &Side, time: Axis, axis: Axis) -> String {
    let mean = Figures::of(side, &[]).mean_psnr_db;
    let label = format!(
        "PSNR of the pictures that {} saw: mean {}.",
        side.name,
        quantity(mean, 1, "dB")
    );
    let mut plot = Plot::new(&label, 190.0, false, time, axis);
    let point = |picture: &Picture| Some((at(picture), picture.psnr()?));
    let whole = side
        .pictures
        .iter()
        .filter(|picture| picture.fate() != Fate::Damaged);
    plot.marks("good", DOT, whole.filter_map(point));
    plot.marks(
        "damaged",
        DIAMOND,
        with(side, Fate::Damaged).filter_map(point),
    );
    if let Some(mean) = mean {
        plot.level("mean", mean, "");
    }
    plot.finish()
}

/// Pictures not shown, damaged and late, by the time of their capture in steps of `width` seconds.
fn bins(side: &Side, time: Axis, width: f64) -> Vec<[u32; 3]> {
    let mut bins = vec![[0; 3]; (time.end() / width).ceil().clamp(1.0, 1_000.0) as usize];
    for picture in &side.pictures {
        let kind = match picture.fate() {
            Fate::Missing => 0,
            Fate::Damaged => 1,
            Fate::Late => 2,
            Fate::Good => continue,
        };
        let index = ((at(picture) / width).max(0.0) as usize).min(bins.len() - 1);
        bins[index][kind] += 1;
    }
    bins
}

fn failures(side: &Side, time: Axis, pictures: Axis, width: f64) -> String {
    let bins = bins(side, time, width);
    let sum = |kind: usize| bins.iter().map(|bin| u64::from(bin[kind])).sum::<u64>();
    let label = format!(
        "Pictures that {} did not see whole in time: {} not shown, {} damaged, {} late.",
        side.name,
        sum(0),
        sum(1),
        sum(2),
    );
    let mut plot = Plot::new(&label, 150.0, false, time, pictures);
    for (index, bin) in bins.iter().enumerate() {
        let from = index as f64 * width;
        let until = (from + width).min(time.end());
        let mut height = 0;
        for ((class, name), number) in [MISSING, DAMAGED, LATE].into_iter().zip(bin) {
            if *number > 0 {
                let title = format!("{from} s to {} s: {number} {name}", from + width);
                let y = (f64::from(height), f64::from(height + number));
                plot.bar(&format!("bar {class}"), (from, until), y, &title);
                height += number;
            }
        }
    }
    plot.finish()
}

fn distribution(side: &Side, delay: Axis) -> String {
    let figures = Figures::of(side, &[]);
    let curve = |all: bool| {
        let shown = side.pictures.iter().filter(|picture| all || picture.intact);
        let mut delays: Vec<f64> = shown.filter_map(Picture::delay).collect();
        delays.sort_by(f64::total_cmp);
        let mut points = vec![(0.0, 0.0)];
        for (index, delay) in delays.iter().enumerate() {
            let share = (index + 1) as f64 * 100.0 / side.pictures.len().max(1) as f64;
            match points.last_mut() {
                // One step a tenth of a millisecond is as fine as can be seen.
                Some(last) if delay - last.0 < 0.1 => last.1 = share,
                _ => points.push((*delay, share)),
            }
        }
        let last = points.last().map_or(0.0, |last| last.1);
        points.push((delay.end(), last));
        points
    };
    let share = percent(figures.on_time, 1);
    let label = format!(
        "Distribution of the delay at {}: {share} whole within 250 ms.",
        side.name
    );
    let mut plot = Plot::new(&label, 190.0, false, delay, Axis::new(0.0, 100.0, 5, "%"));
    plot.upright("target", TARGET_MS, "250 ms");
    if figures.damaged > 0 {
        plot.steps("line faint", &curve(true));
    }
    plot.steps("line", &curve(false));
    if let Some(on_time) = figures.on_time {
        plot.marks("dot", RING, std::iter::once((TARGET_MS, on_time * 100.0)));
        plot.tag(TARGET_MS, on_time * 100.0, &share);
    }
    plot.finish()
}
