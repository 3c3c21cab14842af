//! Charts of a call: one question a row, one panel a side or link, the same axes in all panels of a row.

use super::figures::{Fate, Figures};
use super::{ON_TIME_MS, Picture, Report, Side};
use crate::report::draw::round_step;
use crate::report::model::*;
use crate::report::text::{count, percent, quantity};

/// Bars over a call at most.
pub(super) const BARS: f64 = 60.0;

/// The pictures: when they came, how they looked, how many.
pub(super) fn pictures(report: &Report) -> Section {
    let mut section = Section::new(
        "pictures",
        "Pictures and sound",
        "Times are those of the capture.",
    );
    if report.sides.iter().all(|side| side.pictures.is_empty()) {
        return section.block(Block::Text("No picture was sent.".into()));
    }
    let time = time(report);
    let all = || report.sides.iter().flat_map(|side| &side.pictures);
    let slowest = all()
        .filter_map(Picture::delay)
        .fold(ON_TIME_MS * 1.15, f64::max);
    section = section.heading(
        "From capture to screen",
        "Each dot is a picture. What was not shown has no delay; it stands above.",
    );
    for side in &report.sides {
        section = section.chart(delays(side, time.clone(), slowest));
    }
    section = section.heading("Likeness to what was captured", "");
    if all().filter_map(Picture::psnr).next().is_none() {
        let why = match report.media.as_str() {
            "synthetic" => {
                "Not known: synthetic media has the packets of a codec, and no picture in them."
            }
            _ => "Not known: no picture was compared with its original.",
        };
        section = section.block(Block::Text(why.into()));
    } else {
        let psnr = all().filter_map(Picture::psnr);
        let (least, most) = psnr.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), psnr| {
            (least.min(psnr), most.max(psnr))
        });
        let scale = Scale::new("Luma PSNR", "dB")
            .from(least - 1.0)
            .to(most + 1.0);
        for side in &report.sides {
            section = section.chart(likeness(side, time.clone(), scale.clone()));
        }
    }
    let width = round_step(time.to.unwrap_or(1.0) / BARS).max(1.0);
    let per = if width > 1.0 {
        format!("{} seconds", count(width as u64))
    } else {
        "second".into()
    };
    section = section.heading(
        format!("What became of the pictures, per {per}"),
        "A freeze is a picture that stood for max(3·a, a + 150 ms), a being the mean of the last 30 durations (W3C, \
         Identifiers for WebRTC's Statistics API).",
    );
    let bins: Vec<Vec<[u32; 4]>> = report
        .sides
        .iter()
        .map(|side| bins(side, &time, width))
        .collect();
    let most = bins.iter().flatten().map(|bin| bin.iter().sum::<u32>());
    let most = most.max().unwrap_or(0).max(5);
    for (side, bins) in report.sides.iter().zip(&bins) {
        let scale = Scale::new("Pictures", "").from(0.0).to(f64::from(most));
        section = section.chart(fates(side, bins, time.clone(), scale, width));
    }
    section = section.heading("Distribution of the delay", "");
    section = section.chart(distribution(report));
    if report
        .sides
        .iter()
        .any(|side| !side.gaps.is_empty() || side.blocks.1 > 0)
    {
        section = section.chart(sound(report, &time));
    }
    section
}

/// Time, the same in all charts of a call.
fn time(report: &Report) -> Scale {
    let pictures = report.sides.iter().flat_map(|side| &side.pictures);
    let last = pictures
        .map(|picture| picture.captured_ms)
        .filter(|at| at.is_finite());
    let last = last.fold(0.0, f64::max);
    Scale::new("Time", "s")
        .from(0.0)
        .to(last.max(1.0) / 1_000.0)
}

/// What a side's charts are called in a file system and above the chart.
fn named(what: &str, side: &Side) -> (String, String) {
    (
        format!("{what}-{}", side.name),
        format!("{}, of {}’s pictures", side.name, side.peer),
    )
}

fn at(picture: &Picture) -> f64 {
    picture.captured_ms / 1_000.0
}

fn with(side: &Side, fate: Fate) -> impl Iterator<Item = &Picture> {
    side.pictures
        .iter()
        .filter(move |picture| picture.fate() == fate)
}

fn delays(side: &Side, time: Scale, slowest: f64) -> Chart {
    let figures = Figures::of(side, &[]);
    let mut lines = Lines::new(time, Scale::new("Delay", "ms").from(0.0).to(slowest));
    let point = |picture: &Picture| (at(picture), picture.delay().unwrap_or(f64::NAN));
    for (name, fate, mark, colour) in [
        ("whole in time", Fate::Good, Mark::Dot, Colour::Good),
        ("whole, but late", Fate::Late, Mark::Ring, Colour::Late),
        ("damaged", Fate::Damaged, Mark::Diamond, Colour::Damaged),
    ] {
        let points = with(side, fate).map(point);
        let series = Series::new(name, Style::Marks(mark), points).colour(colour);
        if !series.points.is_empty() {
            lines.series.push(series);
        }
    }
    lines
        .levels
        .push(Level::new(format!("{ON_TIME_MS} ms"), ON_TIME_MS));
    lines.events.push(Events {
        name: "not shown".into(),
        mark: Mark::Cross,
        colour: Colour::Missing,
        at: with(side, Fate::Missing).map(at).collect(),
    });
    let caption = format!(
        "Median {}, 95th percentile {}, 99th {}; {} of {} not shown.",
        quantity(figures.median_ms, 0, "ms"),
        quantity(figures.p95_ms, 0, "ms"),
        quantity(figures.p99_ms, 0, "ms"),
        count((figures.sent - figures.shown) as u64),
        count(figures.sent as u64),
    );
    let (id, title) = named("delay", side);
    Chart::new(id, title, caption, Plot::Lines(lines))
}

fn likeness(side: &Side, time: Scale, scale: Scale) -> Chart {
    let mean = Figures::of(side, &[]).mean_psnr_db;
    let mut lines = Lines::new(time, scale);
    let point = |picture: &Picture| Some((at(picture), picture.psnr()?));
    let whole = side
        .pictures
        .iter()
        .filter(|picture| picture.fate() != Fate::Damaged);
    let damaged = with(side, Fate::Damaged).filter_map(point);
    let damaged = Series::new("damaged", Style::Marks(Mark::Diamond), damaged);
    // Where there is nothing to tell it from, it needs no name.
    let name = if damaged.points.is_empty() {
        ""
    } else {
        "whole"
    };
    let series = Series::new(name, Style::Marks(Mark::Dot), whole.filter_map(point));
    lines.series.push(series.colour(Colour::Good));
    if !damaged.points.is_empty() {
        lines.series.push(damaged.colour(Colour::Damaged));
    }
    if let Some(mean) = mean {
        lines.levels.push(Level::new("mean", mean));
    }
    let caption = format!(
        "Each dot is a picture; more is better. Mean {}.",
        quantity(mean, 1, "dB")
    );
    let (id, title) = named("psnr", side);
    Chart::new(id, title, caption, Plot::Lines(lines))
}

/// Pictures not shown, damaged, late and good, by the time of their capture in steps of `width` seconds.
fn bins(side: &Side, time: &Scale, width: f64) -> Vec<[u32; 4]> {
    let end = time.to.unwrap_or(1.0);
    let mut bins = vec![[0; 4]; (end / width).ceil().clamp(1.0, 1_000.0) as usize];
    for picture in &side.pictures {
        let kind = match picture.fate() {
            Fate::Missing => 0,
            Fate::Damaged => 1,
            Fate::Late => 2,
            Fate::Good => 3,
        };
        let index = ((at(picture) / width).max(0.0) as usize).min(bins.len() - 1);
        bins[index][kind] += 1;
    }
    bins
}

fn fates(side: &Side, bins: &[[u32; 4]], time: Scale, scale: Scale, width: f64) -> Chart {
    let figures = Figures::of(side, &[]);
    let mut lines = Lines::new(time, scale);
    for (kind, (name, colour)) in [
        ("not shown", Colour::Missing),
        ("damaged", Colour::Damaged),
        ("late", Colour::Late),
        ("whole in time", Colour::Good),
    ]
    .into_iter()
    .enumerate()
    {
        let points = bins.iter().enumerate();
        let points = points.map(|(index, bin)| (index as f64 * width, f64::from(bin[kind])));
        if kind == 3 || bins.iter().any(|bin| bin[kind] > 0) {
            let series = Series::new(name, Style::Bars { width }, points);
            lines.series.push(series.colour(colour));
        }
    }
    let freezes = &figures.smoothness.freezes;
    if !freezes.is_empty() {
        lines.events.push(Events {
            name: "freezes".into(),
            mark: Mark::Diamond,
            colour: Colour::Damaged,
            at: freezes
                .iter()
                .map(|freeze| freeze.from_ms / 1_000.0)
                .collect(),
        });
    }
    let caption = format!(
        "{} of {} whole in time; {} freezes, {} in all.",
        percent(figures.on_time, 1),
        count(figures.sent as u64),
        count(freezes.len() as u64),
        quantity(Some(figures.smoothness.total_ms()), 0, "ms"),
    );
    let (id, title) = named("pictures", side);
    Chart::new(id, title, caption, Plot::Lines(lines))
}

fn distribution(report: &Report) -> Chart {
    let curves = report.sides.iter().map(|side| {
        let whole = |picture: &Picture| {
            let delay = picture.delay().filter(|_| picture.intact);
            delay.unwrap_or(f64::NAN)
        };
        let name = format!("{}, of {}’s pictures", side.name, side.peer);
        Curve::new(name, side.pictures.iter().map(whole))
    });
    let cdf = Cdf {
        x: Scale::new("Delay from capture to screen", "ms")
            .from(0.0)
            .to(ON_TIME_MS * 1.2),
        curves: curves.collect(),
        uprights: vec![Level::new(format!("{ON_TIME_MS} ms"), ON_TIME_MS)],
    };
    let caption = "The share of all pictures sent that was on screen, whole, within so much time after capture.";
    Chart::new(
        "delay-distribution",
        "Delay of the pictures",
        caption,
        Plot::Cdf(cdf),
    )
}

fn sound(report: &Report, time: &Scale) -> Chart {
    let end = time.to.unwrap_or(1.0);
    let width = round_step(end / BARS).max(1.0);
    let scale = Scale::new("Blocks missing", "").from(0.0).to(3.0);
    let mut lines = Lines::new(time.clone(), scale);
    let mut missing = Vec::new();
    for side in &report.sides {
        let mut bins = vec![0.0; (end / width).ceil().clamp(1.0, 1_000.0) as usize];
        for (at_ms, lost) in &side.gaps {
            let index = (at_ms / 1_000.0 / width).max(0.0) as usize;
            let last = bins.len() - 1;
            bins[index.min(last)] += f64::from(*lost);
        }
        let lost: u64 = side.gaps.iter().map(|(_, lost)| u64::from(*lost)).sum();
        missing.push(format!(
            "{}: {} blocks in {} gaps",
            side.name,
            count(lost),
            count(side.gaps.len() as u64)
        ));
        let points = bins.into_iter().enumerate();
        let points = points.map(|(index, lost)| (index as f64 * width, lost));
        let name = format!("{} hears {}", side.name, side.peer);
        lines
            .series
            .push(Series::new(name, Style::Bars { width }, points));
    }
    let caption = format!(
        "Sound that was missing when its turn came, by the time of playing. {}.",
        missing.join("; ")
    );
    Chart::new(
        "sound-gaps",
        "Gaps in the sound",
        caption,
        Plot::Lines(lines),
    )
}

/// What was done about loss, on the way from each side to the server.
pub(super) fn repair(report: &Report) -> Option<Section> {
    if report.sides.iter().all(|side| side.repair.is_empty()) {
        return None;
    }
    let how = "Packets of media from each side to the server, per second: those that the server reported missing, those \
               that were sent again, and those that were not, because they would have come too late or the budget for \
               repair was spent.";
    let mut section = Section::new("repair-over-time", "Repair", how);
    let time = time(report);
    let rates: Vec<Vec<(f64, [f64; 3])>> = report.sides.iter().map(rates).collect();
    let most = rates
        .iter()
        .flatten()
        .flat_map(|(_, rates)| *rates)
        .fold(1.0, f64::max);
    for (side, rates) in report.sides.iter().zip(rates) {
        let mut lines = Lines::new(time.clone(), Scale::new("Packets", "/s").from(0.0).to(most));
        for (kind, (name, colour)) in [
            ("reported missing", Colour::Soft),
            ("sent again", Colour::Good),
            ("given up", Colour::Missing),
        ]
        .into_iter()
        .enumerate()
        {
            let points = rates.iter().map(|(at, rates)| (*at, rates[kind]));
            let style = if kind == 0 { Style::Area } else { Style::Steps };
            lines
                .series
                .push(Series::new(name, style, points).colour(colour));
        }
        let last = side
            .repair
            .last()
            .map(|sample| sample.hop.clone())
            .unwrap_or_default();
        let caption = format!(
            "{} sent, {} reported missing, {} sent again, {} given up.",
            count(last.sent),
            count(last.lost),
            count(last.repaired),
            count(last.given_up)
        );
        let id = format!("repair-{}", side.name);
        section = section.chart(Chart::new(
            id,
            format!("{} to the server", side.name),
            caption,
            Plot::Lines(lines),
        ));
    }
    Some(section)
}

/// Missing, sent again and given up, per second, since the sample before.
fn rates(side: &Side) -> Vec<(f64, [f64; 3])> {
    let mut rates: Vec<(f64, [f64; 3])> = Vec::new();
    for pair in side.repair.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let seconds = (b.at_ms - a.at_ms) / 1_000.0;
        if seconds > 0.0 {
            let rate = |a: u64, b: u64| b.saturating_sub(a) as f64 / seconds;
            rates.push((
                a.at_ms / 1_000.0,
                [
                    rate(a.hop.lost, b.hop.lost),
                    rate(a.hop.repaired, b.hop.repaired),
                    rate(a.hop.given_up, b.hop.given_up),
                ],
            ));
        }
    }
    // A step needs an end.
    if let (Some(last), Some((_, rate))) = (side.repair.last(), rates.last()) {
        let last = (last.at_ms / 1_000.0, *rate);
        rates.push(last);
    }
    rates
}
