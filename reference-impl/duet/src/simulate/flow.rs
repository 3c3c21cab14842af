//! What is measured of a flow.

use std::time::Duration;

use duet_sim::Time;
use duet_sim::traffic::{Bins, Traffic};

use super::measure::{spans, summary, within};
use crate::flows::FlowEnd;
use crate::flows::record::{FlowRecord, Frame, ON_ITS_WAY};
use crate::report::FlowReport;
use crate::report::traffic::interval;

/// The metrics of cross traffic.
pub(super) const TRAFFIC: &[&str] = &["goodput", "bytes"];

/// The metrics of a media flow.
pub(super) const MEDIA: &[&str] = &[
    "goodput",
    "bytes",
    "rate",
    "target",
    "loss",
    "expired",
    "delay.mean",
    "delay.p50",
    "delay.p95",
    "delay.p99",
    "delay.max",
    "frames.whole",
    "frame.delay.mean",
    "frame.delay.p50",
    "frame.delay.p95",
    "frame.delay.p99",
    "frame.delay.max",
    "trips",
];

/// A flow of a run.
pub(super) struct FlowMeasured {
    pub(super) name: String,
    what: What,
}

enum What {
    /// Payload that arrived.
    Traffic(Bins),
    Media(Media),
}

struct Media {
    record: FlowRecord,
    /// When each packet arrived.
    arrived: Vec<Option<Time>>,
    frames: Vec<Frame>,
    /// Until when what left has arrived by the end, or never will.
    certain: Time,
}

impl FlowMeasured {
    /// By its ends, at the end of the run.
    pub(super) fn new(
        name: &str,
        source: Option<&FlowEnd>,
        sink: Option<&FlowEnd>,
        end: Time,
    ) -> Self {
        let media = source.and_then(FlowEnd::media);
        let what = match (media.zip(sink.and_then(FlowEnd::media)), sink) {
            (Some((sender, receiver)), _) => {
                let record = FlowRecord::of(sender, receiver);
                let arrived = record.arrived();
                What::Media(Media {
                    frames: record.frames(&arrived),
                    arrived,
                    record,
                    certain: Time::ZERO.after(end.since(Time::ZERO).saturating_sub(ON_ITS_WAY)),
                })
            }
            (None, sink) => What::Traffic(match sink.and_then(FlowEnd::traffic) {
                Some(Traffic::UdpSink(sink)) => sink.stats().bins.clone(),
                Some(Traffic::TcpSink(sink)) => sink.stats().goodput.clone(),
                _ => Bins::new(Duration::from_millis(100)),
            }),
        };
        Self {
            name: name.to_owned(),
            what,
        }
    }

    /// Rates and pictures over time, until the end of the run.
    pub(super) fn over_time(&self, end: Time) -> FlowReport {
        let width = interval(end.as_nanos().max(1));
        let bins = end.as_nanos().div_ceil(width).max(1);
        let received = (0..bins).map(|bin| {
            let from = Time::from_nanos(bin * width);
            let to = Time::from_nanos((bin + 1) * width).min(end);
            self.value("goodput", &[(from, to)])
                .unwrap_or_default()
                .round()
        });
        let mut report = FlowReport {
            interval_s: width as f64 / 1e9,
            received: received.collect(),
            ..FlowReport::default()
        };
        if let What::Media(media) = &self.what {
            let seconds = |at: Time| at.as_nanos() as f64 / 1e9;
            let targets = media.record.sender.targets.iter();
            report.target = targets
                .map(|(at, rate)| (seconds(*at), *rate as f64))
                .collect();
            let certain = |frame: &&Frame| frame.captured < media.certain;
            let frames = media.frames.iter().filter(certain).map(|frame| {
                let delay = frame
                    .whole
                    .map(|at| at.since(frame.captured).as_secs_f64() * 1e3);
                (seconds(frame.captured), delay.unwrap_or(f64::NAN))
            });
            report.frames = frames.collect();
        }
        report
    }

    /// The metrics that it has.
    pub(super) fn metrics(&self) -> &'static [&'static str] {
        match self.what {
            What::Traffic(_) => TRAFFIC,
            What::Media(_) => MEDIA,
        }
    }

    /// A metric over intervals: bits per second, bytes, seconds, shares. None of nothing.
    pub(super) fn value(&self, metric: &str, intervals: &[(Time, Time)]) -> Option<f64> {
        if intervals.is_empty() {
            return None;
        }
        match (&self.what, metric) {
            (what, "bytes") => Some(what.bytes(intervals) as f64),
            (what, "goodput") => Some(what.bytes(intervals) as f64 * 8.0 / spans(intervals)),
            (What::Media(media), metric) => media.value(metric, intervals),
            (What::Traffic(_), _) => None,
        }
    }
}

impl What {
    /// Payload that arrived: RTP packets of media, headers included.
    fn bytes(&self, intervals: &[(Time, Time)]) -> u64 {
        match self {
            Self::Traffic(bins) => {
                let bytes = intervals.iter().map(|(from, to)| bins.between(*from, *to));
                bytes.sum()
            }
            Self::Media(media) => {
                let packets = media.record.sender.packets.iter().zip(&media.arrived);
                let arrived = packets.filter(|(_, at)| at.is_some_and(|at| within(intervals, at)));
                arrived.map(|(packet, _)| u64::from(packet.bytes)).sum()
            }
        }
    }
}

/// The share of those for which something holds; none of none.
fn share(all: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut count, mut holds) = (0_u64, 0_u64);
    for one in all {
        count += 1;
        holds += u64::from(one);
    }
    (count > 0).then(|| holds as f64 / count as f64)
}

impl Media {
    fn value(&self, metric: &str, intervals: &[(Time, Time)]) -> Option<f64> {
        let inside = |at: Time| within(intervals, at);
        let certain = |at: Time| inside(at) && at < self.certain;
        let packets = || self.record.sender.packets.iter().zip(&self.arrived);
        let frames = || self.frames.iter().filter(|frame| certain(frame.captured));
        match metric {
            "rate" => {
                let wire = self.record.received.iter().filter(|(at, _)| inside(*at));
                let bytes: u64 = wire.map(|(_, bytes)| u64::from(*bytes)).sum();
                Some(bytes as f64 * 8.0 / spans(intervals))
            }
            "target" => {
                let targets = self.record.sender.targets.iter();
                let targets = targets.filter(|(at, _)| inside(*at));
                summary(targets.map(|(_, rate)| *rate as f64).collect(), "mean")
            }
            "loss" => share(packets().filter_map(|(packet, arrived)| {
                let left = packet.left.filter(|left| certain(*left));
                left.map(|_| arrived.is_none())
            })),
            "expired" => {
                let due = packets().filter(|(packet, _)| certain(packet.captured));
                share(due.map(|(packet, _)| packet.left.is_none()))
            }
            "frames.whole" => share(frames().map(|frame| frame.whole.is_some())),
            "trips" => {
                let trips = self.record.sender.trips.iter();
                Some(trips.filter(|(at, _)| inside(*at)).count() as f64)
            }
            metric => {
                let (of_what, which) = metric.rsplit_once('.')?;
                let values = match of_what {
                    "delay" => packets()
                        .filter_map(|(packet, arrived)| {
                            let left = packet.left.filter(|left| inside(*left))?;
                            Some((*arrived)?.since(left).as_secs_f64())
                        })
                        .collect(),
                    "frame.delay" => frames()
                        .filter_map(|frame| Some(frame.whole?.since(frame.captured).as_secs_f64()))
                        .collect(),
                    _ => return None,
                };
                summary(values, which)
            }
        }
    }
}
