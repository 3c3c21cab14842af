//! What is measured of a flow.

use std::time::Duration;

use duet_sim::traffic::{Bins, Traffic, UdpStats};
use duet_sim::{FlowKind, FlowSpec, Time};

use super::measure::{spans, summary, within};
use crate::flows::FlowEnd;
use crate::flows::record::{FlowRecord, Frame, ON_ITS_WAY};
use crate::report::FlowReport;
use crate::report::traffic::interval;

/// The metrics of UDP traffic.
pub(super) const UDP: &[&str] = &["goodput", "bytes", "loss", "marked"];

/// The metrics of TCP: one connection, or many.
pub(super) const TCP: &[&str] = &[
    "goodput",
    "bytes",
    "marked",
    "retransmitted",
    "timeouts",
    "rtt",
    "completion.mean",
    "completion.p50",
    "completion.p95",
    "completion.p99",
    "completion.max",
];
pub(super) const ON_OFF: &[&str] = &[
    "goodput",
    "bytes",
    "marked",
    "retransmitted",
    "timeouts",
    "files",
    "completion.mean",
    "completion.p50",
    "completion.p95",
    "completion.p99",
    "completion.max",
];

/// Those that are of the whole run, because their ends keep no more.
pub(super) const WHOLE: &[&str] = &[
    "loss",
    "marked",
    "retransmitted",
    "timeouts",
    "rtt",
    "files",
];

/// The metrics of a scenario's flow.
pub(super) fn metrics_of(kind: &FlowKind) -> &'static [&'static str] {
    match kind {
        FlowKind::Media(_) => MEDIA,
        FlowKind::Cbr(_) | FlowKind::Poisson(_) => UDP,
        FlowKind::Tcp(..) => TCP,
        FlowKind::TcpOnOff(..) => ON_OFF,
    }
}

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
    metrics: &'static [&'static str],
    what: What,
}

enum What {
    Traffic(Cross),
    Media(Media),
}

/// Cross traffic: what its ends counted of the whole run, where they did.
#[derive(Default)]
struct Cross {
    /// What arrived.
    arrived: Bins,
    /// Packets that never arrived, as a share.
    loss: Option<f64>,
    /// Packets that came with a mark, as a share.
    marked: Option<f64>,
    /// Bytes that were sent again, as a share of all that were sent.
    retransmitted: Option<f64>,
    timeouts: Option<u64>,
    rtt: Option<Duration>,
    files: Option<u64>,
    /// When each file began to be sent, and how long it took.
    completions: Vec<(Time, Duration)>,
}

impl Cross {
    /// By its ends; `copies` is whether a link may bring a packet twice.
    fn new(source: Option<&Traffic>, sink: Option<&Traffic>, certain: Time, copies: bool) -> Self {
        let part = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        let mut cross = Self::default();
        let sent = match source {
            Some(Traffic::Cbr(cbr)) => Some(cbr.stats()),
            Some(Traffic::Poisson(poisson)) => Some(poisson.stats()),
            Some(Traffic::Tcp(tcp)) => {
                let stats = tcp.stats();
                cross.retransmitted = part(stats.retransmitted, stats.sent);
                cross.timeouts = Some(stats.timeouts);
                cross.rtt = stats.rtt;
                None
            }
            Some(Traffic::OnOff(source)) => {
                let stats = source.stats();
                cross.retransmitted = part(stats.retransmitted, stats.sent);
                cross.timeouts = Some(stats.timeouts);
                cross.files = Some(stats.finished);
                let files = stats.transfers.iter();
                cross.completions = files
                    .map(|file| (file.begun, file.finished.since(file.begun)))
                    .collect();
                None
            }
            _ => None,
        };
        match sink {
            Some(Traffic::UdpSink(sink)) => {
                let came = sink.stats();
                cross.arrived = came.bins.clone();
                cross.marked = part(came.marked, came.packets);
                // Nobody numbers the packets: what is on its way, and copies, would be taken for others.
                let over = |sent: &&UdpStats| sent.span.is_some_and(|(_, last)| last < certain);
                let sent = sent.filter(over).filter(|_| !copies);
                cross.loss = sent
                    .and_then(|sent| part(sent.packets.saturating_sub(came.packets), sent.packets));
            }
            Some(Traffic::TcpSink(sink)) => {
                let came = sink.stats();
                cross.arrived = came.goodput.clone();
                cross.marked = part(came.marked, came.segments);
            }
            _ => {}
        }
        cross
    }

    fn value(&self, metric: &str, intervals: &[(Time, Time)]) -> Option<f64> {
        let count = |count: u64| count as f64;
        match metric {
            "loss" => self.loss,
            "marked" => self.marked,
            "retransmitted" => self.retransmitted,
            "timeouts" => self.timeouts.map(count),
            "rtt" => self.rtt.map(|rtt| rtt.as_secs_f64()),
            "files" => self.files.map(count),
            metric => {
                let ("completion", which) = metric.rsplit_once('.')? else {
                    return None;
                };
                let files = self.completions.iter();
                let files = files.filter(|(begun, _)| within(intervals, *begun));
                summary(files.map(|(_, took)| took.as_secs_f64()).collect(), which)
            }
        }
    }
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
    /// By its ends, at the end of the run; `copies` is whether a link may bring a packet twice.
    pub(super) fn new(
        flow: &FlowSpec,
        source: Option<&FlowEnd>,
        sink: Option<&FlowEnd>,
        end: Time,
        copies: bool,
    ) -> Self {
        let certain = Time::ZERO.after(end.since(Time::ZERO).saturating_sub(ON_ITS_WAY));
        let media = source.and_then(FlowEnd::media);
        let what = match (media.zip(sink.and_then(FlowEnd::media)), sink) {
            (Some((sender, receiver)), _) => {
                let record = FlowRecord::of(sender, receiver);
                let arrived = record.arrived();
                What::Media(Media {
                    frames: record.frames(&arrived),
                    arrived,
                    record,
                    certain,
                })
            }
            (None, sink) => {
                let source = source.and_then(FlowEnd::traffic);
                let mut cross =
                    Cross::new(source, sink.and_then(FlowEnd::traffic), certain, copies);
                // One connection that sends so many bytes is one file.
                if let Some(Traffic::Tcp(tcp)) = source {
                    let took = tcp.stats().finished.map(|at| at.since(flow.start));
                    cross
                        .completions
                        .extend(took.map(|took| (flow.start, took)));
                }
                What::Traffic(cross)
            }
        };
        Self {
            name: flow.name.clone(),
            metrics: metrics_of(&flow.kind),
            what,
        }
    }

    /// Rates and pictures over time, until the end of the run.
    pub(super) fn over_time(&self, end: Time) -> FlowReport {
        let width = interval(end.as_nanos().max(1));
        let bins = end.as_nanos().div_ceil(width).max(1);
        let bytes = self.what.bytes_each(width, bins, end);
        let received = (0..bins).zip(bytes).map(|(bin, bytes)| {
            // The last interval may be cut by the end of the run.
            let lasts = width.min(end.as_nanos().max(1) - bin * width);
            (bytes as f64 * 8e9 / lasts as f64).round()
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
        self.metrics
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
            (What::Traffic(cross), metric) => cross.value(metric, intervals),
        }
    }
}

impl What {
    /// Payload that arrived: RTP packets of media, headers included.
    fn bytes(&self, intervals: &[(Time, Time)]) -> u64 {
        match self {
            Self::Traffic(cross) => {
                let bins = &cross.arrived;
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

    /// The same in each of so many intervals of so many nanoseconds from the beginning on.
    fn bytes_each(&self, width: u64, count: u64, end: Time) -> Vec<u64> {
        let mut bytes = vec![0; count as usize];
        match self {
            Self::Traffic(cross) => {
                for (bin, bytes) in (0..).zip(&mut bytes) {
                    let from = Time::from_nanos(bin * width);
                    let to = Time::from_nanos((bin + 1) * width).min(end);
                    *bytes = cross.arrived.between(from, to);
                }
            }
            Self::Media(media) => {
                for (packet, arrived) in media.record.sender.packets.iter().zip(&media.arrived) {
                    let bin = arrived.map(|at| (at.as_nanos() / width) as usize);
                    if let Some(bytes) = bin.and_then(|bin| bytes.get_mut(bin)) {
                        *bytes += u64::from(packet.bytes);
                    }
                }
            }
        }
        bytes
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
