//! The scenario's flows: cross traffic, and media under congestion controllers.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Report;
use super::network::duration_scale;
use crate::report::model::*;
use crate::report::number;
use crate::report::text::{UNKNOWN, percent, quantity};

/// A flow.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FlowReport {
    /// Its name.
    pub name: String,
    /// `media`, `tcp` and so on.
    pub kind: String,
    /// The node that it begins at.
    pub from: String,
    /// The node that it leads to.
    pub to: String,
    /// Of media, who decides how much is sent.
    pub controller: Option<String>,
    /// What was measured of the whole run, by the names that expectations use.
    pub metrics: BTreeMap<String, f64>,
    /// The length of an interval, in seconds.
    pub interval_s: f64,
    /// Bits per second of payload that arrived, in each interval.
    #[serde(with = "number::list")]
    pub received: Vec<f64>,
    /// Of media, the controller's target in bits per second, from each of these seconds on.
    #[serde(with = "number::pairs")]
    pub target: Vec<(f64, f64)>,
    /// Of media, each picture: when it was captured, in seconds, and how long after that all of it was there, in
    /// milliseconds.
    #[serde(with = "number::pairs")]
    pub frames: Vec<(f64, f64)>,
}

/// One line for a terminal.
impl fmt::Display for FlowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", title(self), figure(self, "goodput"))?;
        let more = [
            ("loss", "lost"),
            ("expired", "expired in the sender"),
            ("frames.whole", "of the pictures whole"),
            ("frame.delay.p95", "95th percentile of their delay"),
        ];
        for (metric, what) in more {
            if self.metrics.contains_key(metric) {
                write!(f, ", {} {what}", figure(self, metric))?;
            }
        }
        Ok(())
    }
}

/// The flows: rates, the pictures of media, figures.
pub(super) fn section(report: &Report) -> Option<Section> {
    if report.flows.is_empty() {
        return None;
    }
    let how = "Rates are of payload that arrived; of media, RTP with its headers.";
    let mut section = Section::new("flows", "Flows", how).heading("Rate", "");
    let rates = |flow: &FlowReport| flow.received.iter().copied().fold(0.0, f64::max);
    let most = report.flows.iter().map(rates).fold(1.0, f64::max);
    for flow in &report.flows {
        section = section.chart(rate(flow, report, most));
    }
    let media = || report.flows.iter().filter(|flow| !flow.frames.is_empty());
    let delays = media().flat_map(|flow| flow.frames.iter().map(|(_, delay)| *delay));
    let slowest = delays.filter(|delay| delay.is_finite()).fold(1.0, f64::max);
    if media().next().is_some() {
        section = section.heading(
            "From capture to arrival",
            "Each dot is a picture, at its capture; a cross is one of which a packet never arrived.",
        );
    }
    for flow in media() {
        section = section.chart(pictures(flow, report, slowest));
    }
    Some(section.heading("In all", "").table(table(report)))
}

fn title(flow: &FlowReport) -> String {
    let what = match &flow.controller {
        Some(controller) => format!("{} under {controller}", flow.kind),
        None => flow.kind.clone(),
    };
    format!("{} ({what}), {} → {}", flow.name, flow.from, flow.to)
}

fn rate(flow: &FlowReport, report: &Report, most: f64) -> Chart {
    let scale = Scale::new("Rate", "b/s").from(0.0).to(most);
    let mut lines = Lines::new(duration_scale(report), scale);
    let mut caption = format!("{} on average.", figure(flow, "goodput"));
    if !flow.target.is_empty() {
        // A controller that asks for ten times what there is must not press all else to the ground.
        let shown = |(at, rate): (f64, f64)| match rate <= most * 2.0 {
            true => (at, rate),
            false => (at, f64::NAN),
        };
        let points: Vec<(f64, f64)> = flow.target.iter().copied().map(shown).collect();
        let beyond = points.iter().any(|(_, rate)| rate.is_nan());
        let target = Series::line("target", points);
        lines.series.push(target.colour(Colour::Number(1)));
        if beyond {
            let highest = flow
                .target
                .iter()
                .map(|(_, rate)| *rate)
                .fold(0.0, f64::max);
            let highest = quantity(Some(highest / 1e6), 1, "Mb/s");
            caption += &format!(" Gaps in the target: it is beyond the scale, up to {highest}.");
        }
    }
    let received = flow.received.iter().enumerate();
    let received = received.map(|(index, rate)| (index as f64 * flow.interval_s, *rate));
    // One line alone needs no name.
    let name = if flow.target.is_empty() {
        ""
    } else {
        "received"
    };
    lines
        .series
        .push(Series::line(name, received).colour(Colour::Number(0)));
    let id = format!("flow-{}", flow.name);
    Chart::new(id, title(flow), caption, Plot::Lines(lines))
}

fn pictures(flow: &FlowReport, report: &Report, slowest: f64) -> Chart {
    let scale = Scale::new("Delay", "ms").from(0.0).to(slowest);
    let mut lines = Lines::new(duration_scale(report), scale);
    let whole = flow
        .frames
        .iter()
        .copied()
        .filter(|(_, delay)| delay.is_finite());
    let series = Series::new("whole", Style::Marks(Mark::Dot), whole);
    lines.series.push(series.colour(Colour::Good));
    let broken = flow.frames.iter().filter(|(_, delay)| !delay.is_finite());
    lines.events.push(Events {
        name: "not whole".into(),
        mark: Mark::Cross,
        colour: Colour::Missing,
        at: broken.map(|(at, _)| *at).collect(),
    });
    let caption = format!(
        "{} whole; median {}, 95th percentile {}.",
        figure(flow, "frames.whole"),
        figure(flow, "frame.delay.p50"),
        figure(flow, "frame.delay.p95"),
    );
    let id = format!("frames-{}", flow.name);
    Chart::new(id, title(flow), caption, Plot::Lines(lines))
}

/// A metric with its unit.
fn figure(flow: &FlowReport, metric: &str) -> String {
    let value = flow.metrics.get(metric).copied();
    match metric {
        "goodput" | "target" | "rate" => quantity(value.map(|rate| rate / 1e3), 0, "kb/s"),
        "loss" | "expired" | "frames.whole" | "retransmitted" => percent(value, 1),
        metric if metric.contains("delay") => quantity(value.map(|delay| delay * 1e3), 0, "ms"),
        _ => quantity(value, 0, ""),
    }
}

fn table(report: &Report) -> Table {
    const COLUMNS: &[(&str, &str)] = &[
        ("Goodput", "goodput"),
        ("Target", "target"),
        ("Lost", "loss"),
        ("Expired", "expired"),
        ("Packet delay, p95", "delay.p95"),
        ("Pictures whole", "frames.whole"),
        ("Picture delay, p95", "frame.delay.p95"),
    ];
    let measured = |metric: &str| {
        report
            .flows
            .iter()
            .any(|flow| flow.metrics.contains_key(metric))
    };
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(_, metric)| measured(metric))
        .collect();
    let heads = columns.iter().map(|(head, _)| (*head).to_owned());
    let mut table = Table::numbers(std::iter::once("Flow".to_owned()).chain(heads));
    for flow in &report.flows {
        let figures = columns
            .iter()
            .map(|(_, metric)| match flow.metrics.contains_key(*metric) {
                true => figure(flow, metric),
                false => UNKNOWN.to_owned(),
            });
        table.row(std::iter::once(title(flow)).chain(figures));
    }
    table
}
