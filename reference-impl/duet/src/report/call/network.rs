//! Charts of the links: rates and capacity, waiting, loss; one panel a direction, the same axes in all of a row.

use super::charts::BARS;
use super::{LinkReport, Report, tables};
use crate::report::draw::round_step;
use crate::report::model::*;
use crate::report::text::{count, percent, quantity};

/// The links: rates and capacity, waiting, loss.
pub(super) fn section(report: &Report) -> Section {
    let how = "Each direction of a link by itself. Sizes hold the UDP and IP headers.";
    let mut section = Section::new("network", "Network", how);
    let (links, idle): (Vec<&LinkReport>, Vec<&LinkReport>) = report
        .links
        .iter()
        .filter(|link| link.timeline.is_some())
        .partition(|link| link.offered > 0);
    if !links.is_empty() {
        section = section.heading("Rate and capacity", rate_how(&links));
        let most = links.iter().map(|link| fastest(link)).fold(0.0, f64::max);
        for link in &links {
            section = section.chart(rate(link, report, most));
        }
        let queues = links.iter().filter(|link| {
            let timeline = link.timeline.as_ref();
            timeline.is_some_and(|t| t.queue_ms.iter().any(|wait| wait.2 > 0.0))
        });
        let queues: Vec<&&LinkReport> = queues.collect();
        if !queues.is_empty() {
            section = section.heading(
                "Delay in the queue",
                "From offer to the beginning of the transmission: the median of each interval, and from the least to the \
                 greatest in it. Where nothing waited there is no chart.",
            );
            let waits = queues.iter().filter_map(|link| link.timeline.as_ref());
            let most = waits
                .flat_map(|t| &t.queue_ms)
                .map(|wait| wait.2)
                .fold(1.0, f64::max);
            for link in queues {
                section = section.chart(queue(link, report, most));
            }
        }
        let (lossy, clean): (Vec<&LinkReport>, Vec<&LinkReport>) =
            links.iter().partition(|link| link.lost_in_all() > 0);
        section = section.heading("Loss by cause", names("No packet was lost on", &clean));
        let bins: Vec<Loss> = lossy.iter().map(|link| losses(link, report)).collect();
        let most = bins.iter().map(Loss::most).fold(1.0, f64::max);
        for (link, loss) in lossy.iter().zip(bins) {
            section = section.chart(lost(link, report, loss, most));
        }
    }
    section = section.heading("In all", names("Nothing went over", &idle));
    tables::links(section, report)
}

/// A sentence about links; none about no links.
fn names(what: &str, links: &[&LinkReport]) -> String {
    let names: Vec<String> = links.iter().map(|link| link.shown_name()).collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!("{what} {}.", names.join(", ")),
    }
}

fn rate_how(links: &[&LinkReport]) -> String {
    let interval = links[0]
        .timeline
        .as_ref()
        .map_or(0.2, |timeline| timeline.interval_s);
    format!(
        "Per {} ms.",
        crate::report::text::fixed(interval * 1_000.0, 0)
    )
}

pub(super) fn duration_scale(report: &Report) -> Scale {
    Scale::new("Time", "s")
        .from(0.0)
        .to(report.duration_ms / 1_000.0)
}

/// What the axis of rates must hold: what was sent, and capacity as long as it does not dwarf that.
fn fastest(link: &LinkReport) -> f64 {
    let Some(timeline) = &link.timeline else {
        return 0.0;
    };
    let rates = timeline.sent.iter().chain(&timeline.received).copied();
    rates.fold(0.0, f64::max)
}

fn outages(lines: &mut Lines, link: &LinkReport) {
    let outages = link.timeline.iter().flat_map(|timeline| &timeline.outages);
    lines.spans.extend(outages.map(|(from, to)| Span {
        name: "link down".into(),
        from: *from,
        to: *to,
    }));
}

fn rate(link: &LinkReport, report: &Report, most: f64) -> Chart {
    let mut lines = Lines::new(
        duration_scale(report),
        Scale::new("Rate", "b/s").from(0.0).to(most),
    );
    outages(&mut lines, link);
    let end = report.duration_ms / 1_000.0;
    if let Some(timeline) = &link.timeline {
        let highest = timeline
            .capacity
            .iter()
            .map(|(_, rate)| *rate)
            .fold(0.0, f64::max);
        // Ten times as much as is ever used says nothing as an area.
        if !timeline.capacity.is_empty() && highest <= most * 10.0 {
            let last = timeline.capacity.last().map(|(_, rate)| (end, *rate));
            let points = timeline.capacity.iter().copied().chain(last);
            let series = Series::new("capacity", Style::Area, points);
            lines.series.push(series.colour(Colour::Capacity));
        }
        for (name, rates, number) in [
            ("sent", &timeline.sent, 1),
            ("received", &timeline.received, 0),
        ] {
            let points = rates.iter().enumerate();
            let points = points.map(|(index, rate)| (timeline.at(index), *rate));
            lines
                .series
                .push(Series::line(name, points).colour(Colour::Number(number)));
        }
    }
    let mean = link.bytes as f64 * 8.0 / report.duration_ms;
    let caption = format!(
        "{} packets, {} on average.",
        count(link.offered),
        quantity(Some(mean), 0, "kb/s")
    );
    Chart::new(
        format!("rate-{}", link.name),
        link.shown_name(),
        caption,
        Plot::Lines(lines),
    )
}

fn queue(link: &LinkReport, report: &Report, most: f64) -> Chart {
    let mut lines = Lines::new(
        duration_scale(report),
        Scale::new("Delay", "ms").from(0.0).to(most),
    );
    outages(&mut lines, link);
    if let Some(timeline) = &link.timeline {
        let waits = timeline.queue_ms.iter().enumerate();
        let points = waits
            .clone()
            .map(|(index, wait)| (timeline.at(index), wait.0));
        let spread = waits.map(|(index, wait)| (timeline.at(index), wait.1, wait.2));
        lines.series.push(
            Series::line("median", points)
                .spread(spread)
                .colour(Colour::Number(0)),
        );
    }
    Chart::new(
        format!("queue-{}", link.name),
        link.shown_name(),
        "",
        Plot::Lines(lines),
    )
}

/// Packets lost by cause, in bars.
struct Loss {
    width: f64,
    causes: Vec<(String, Vec<f64>)>,
}

impl Loss {
    fn most(&self) -> f64 {
        let bins = self.causes.first().map_or(0, |(_, bins)| bins.len());
        let sums = (0..bins).map(|bin| self.causes.iter().map(|(_, bins)| bins[bin]).sum::<f64>());
        sums.fold(0.0, f64::max)
    }
}

fn losses(link: &LinkReport, report: &Report) -> Loss {
    let end = report.duration_ms / 1_000.0;
    let width = round_step(end / BARS).max(0.2);
    let Some(timeline) = &link.timeline else {
        return Loss {
            width,
            causes: Vec::new(),
        };
    };
    let bins = (end / width).ceil().clamp(1.0, 1_000.0) as usize;
    let causes = timeline.lost.iter().map(|(cause, lost)| {
        let mut sums = vec![0.0; bins];
        for (index, lost) in lost.iter().enumerate() {
            let bin = ((timeline.at(index) + timeline.interval_s / 2.0) / width) as usize;
            sums[bin.min(bins - 1)] += f64::from(*lost);
        }
        (cause.replace(['-', '_'], " "), sums)
    });
    Loss {
        width,
        causes: causes.collect(),
    }
}

fn lost(link: &LinkReport, report: &Report, loss: Loss, most: f64) -> Chart {
    let scale = Scale::new("Packets lost", "").from(0.0).to(most);
    let mut lines = Lines::new(duration_scale(report), scale);
    outages(&mut lines, link);
    let width = loss.width;
    for (cause, bins) in loss.causes {
        let points = bins.into_iter().enumerate();
        let points = points.map(|(index, lost)| (index as f64 * width, lost));
        let colour = Colour::Number(cause_number(&cause));
        lines
            .series
            .push(Series::new(cause, Style::Bars { width }, points).colour(colour));
    }
    let caption = format!(
        "{} of {}, {}; per {}.",
        count(link.lost_in_all()),
        count(link.offered),
        percent(link.share_lost(), 2),
        quantity(Some(width), usize::from(width.fract() > 0.0), "s")
    );
    Chart::new(
        format!("loss-{}", link.name),
        link.shown_name(),
        caption,
        Plot::Lines(lines),
    )
}

/// A cause has one colour on all links.
fn cause_number(cause: &str) -> u8 {
    match cause {
        "random loss" => 0,
        "queue full" => 1,
        "burst loss" => 3,
        "down" => 7,
        // FNV-1a, among what is left.
        other => {
            let hash = other.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            [2, 4, 5, 6][hash as usize % 4]
        }
    }
}
