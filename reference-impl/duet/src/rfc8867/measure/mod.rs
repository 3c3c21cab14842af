//! The metrics of RFC 8868 §3, and what the bands need, of one run.

mod path;
mod rates;
mod sharing;

use std::collections::BTreeMap;

use duet_sim::Time;

use super::plan::{Bottleneck, MediaFlow};
use super::record::{LinkRecord, Record};
use super::statistics::Bins;
use crate::flows::record::FlowRecord;
use crate::flows::source::AUDIO_INTERVAL;

/// A metric: its name in the bands, its heading in the table, its unit, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// In bands and JSON.
    pub name: &'static str,
    /// In the report.
    pub unit: &'static str,
    /// For people.
    pub about: &'static str,
}

macro_rules! metrics {
    ($($name:literal $unit:literal $about:literal)*) => {
        /// Every metric of a run. One that makes no sense in a case is absent there.
        pub const METRICS: &[Metric] = &[$(Metric { name: $name, unit: $unit, about: $about }),*];
    };
}

metrics! {
    "utilisation" "1" "media on the wire over the capacity (or the most that the sources give), static windows"
    "utilisation_worst" "1" "the same in the worst static window of the worst bottleneck"
    "utilisation_sent" "1" "what the senders put on the wire over the same, static windows"
    "media_rate" "kb/s" "video and audio received, RTP headers included, a flow, while it is on"
    "media_min" "kb/s" "the least of that over any 5 s from 5 s after a flow's start on"
    "sent_rate" "kb/s" "the same, as it left the senders"
    "target_mean" "kb/s" "the controllers' target while a flow is on"
    "converge_start" "s" "from the first start until 70 % of what there is stays received"
    "converge_down" "s" "from a decrease of capacity until no more than it is sent; the longest"
    "converge_up" "s" "from an increase until 70 % of what there is stays received; the longest"
    "queue_p50" "ms" "queueing delay at the worst bottleneck, static windows, median"
    "queue_p95" "ms" "the same, 95th percentile"
    "queue_p99_all" "ms" "queueing delay at the worst bottleneck, all the time, 99th percentile"
    "loss_static" "%" "media packets lost on the way, static windows"
    "loss_decrease" "%" "media packets lost that were sent within 2 s of a decrease; the worst"
    "loss" "%" "media packets lost on the way"
    "expired" "%" "media packets that never left the sender: they waited longer than 400 ms"
    "oscillation" "1" "standard deviation over mean of a flow's rate over 1 s in a static window; the worst"
    "swings" "1/min" "swings of a flow's rate over 500 ms between 75 % and 125 % of its mean, static windows"
    "ratio_1s" "1" "the greatest over the least share of flows at one bottleneck over 1 s, median"
    "ratio_5s" "1" "the same over 5 s, median"
    "ratio_20s" "1" "the same over 20 s, the worst"
    "jain_20s" "1" "Jain's index of the shares at one bottleneck over 20 s, the worst"
    "priority_ratio" "1" "the preferred flow's share over the mean of the others', static windows"
    "resume" "s" "from a flow's resumption until all are within 20 % of their shares before the pause"
    "tcp_share" "1" "TCP's payload over the capacity while media is on"
    "tcp_rate" "kb/s" "TCP's payload while media is on"
    "tcp_variation" "1" "standard deviation over mean of TCP's payload per second"
    "tcp_loss" "%" "bytes that TCP sent again"
    "packet_delay_p50" "ms" "from when QUIC took a packet to its arrival, its wait behind QUIC's window included, median"
    "packet_delay_p95" "ms" "the same, 95th percentile"
    "packet_delay_p99" "ms" "the same, 99th percentile"
    "frame_delay_p50" "ms" "from a picture's capture to the arrival of its last packet, whole pictures, median"
    "frame_delay_p95" "ms" "the same, 95th percentile"
    "frame_delay_p99" "ms" "the same, 99th percentile"
    "frames_whole" "%" "pictures that arrived whole"
    "feedback" "%" "bytes on the wire from receivers over bytes on the wire from senders"
    "feedback_rate" "kb/s" "what a receiver sends"
    "marked" "%" "datagrams that arrived with ECN-CE"
    "trips" "1" "how often a circuit breaker tripped, or a connection died"
}

/// Values by the names of [`METRICS`]. What never happened is infinite.
pub type Measures = BTreeMap<&'static str, f64>;

/// Bins of RFC 8868 §3.1.
pub const BIN: f64 = 0.2;

/// A static window is the last part of an interval in which capacities and flows stay the same; this share.
const STATIC: f64 = 0.6;
/// Shorter intervals have none.
const SHORTEST: f64 = 5.0;
/// Nor is anything static so many seconds after a flow's first start, which takes a careful controller that long.
const GRACE: f64 = 25.0;
/// What is left then must be worth the name.
const LEFT: f64 = 3.0;

/// What the sources of one flow can put on the wire at the most: 1.5 Mb/s of video in packets of 1,040 bytes and the
/// audio, each packet with the headers of hop, QUIC, UDP and IP, about 60 bytes.
const MOST: f64 = 1.5e6 * 1_100.0 / 1_040.0
    + (crate::flows::source::AUDIO_BYTES as f64 + 12.0 + 60.0) * 8e9
        / AUDIO_INTERVAL.as_nanos() as f64;

fn seconds(at: Time) -> f64 {
    at.as_nanos() as f64 / 1e9
}

/// The rate that the audio and video of one flow have, and when.
pub struct FlowSeries {
    /// Datagrams received, b/s on the wire.
    pub received: Bins,
    /// Datagrams sent, b/s on the wire.
    pub sent: Bins,
    /// Media received, b/s of RTP.
    pub media: Bins,
}

impl FlowSeries {
    /// In bins of `width` seconds.
    pub fn new(flow: &FlowRecord, width: f64, duration: f64) -> Self {
        let bits = |wire: &[(Time, u32)]| -> Vec<(f64, f64)> {
            let bits = wire
                .iter()
                .map(|(at, bytes)| (seconds(*at), f64::from(*bytes) * 8.0));
            bits.collect()
        };
        let media = flow.arrivals.iter().filter_map(|(number, at)| {
            let packet = flow.sender.packets.get(*number as usize)?;
            Some((seconds(*at), f64::from(packet.bytes) * 8.0))
        });
        Self {
            received: Bins::new(width, duration, bits(&flow.received)),
            sent: Bins::new(width, duration, bits(&flow.sent)),
            media: Bins::new(width, duration, media),
        }
    }
}

/// A run, seen as metrics need it.
struct View<'a> {
    record: &'a Record,
    duration: f64,
    /// In bins of 200 ms.
    series: Vec<FlowSeries>,
    /// Intervals in which everything stays the same.
    intervals: Vec<(f64, f64)>,
    /// Which packets of each flow arrived.
    arrived: Vec<Vec<Option<Time>>>,
}

/// A bottleneck with what the run says about it.
struct Narrow<'a> {
    link: &'a LinkRecord,
    plan: &'a Bottleneck,
    /// The flows whose media crosses it.
    flows: Vec<usize>,
}

/// Everything there is to know of a run.
pub fn measure(record: &Record) -> Measures {
    let view = View::new(record);
    let mut out = Measures::new();
    view.rates(&mut out);
    view.utilisation(&mut out);
    view.convergence(&mut out);
    view.queues(&mut out);
    view.losses(&mut out);
    view.steadiness(&mut out);
    view.fairness(&mut out);
    view.resumption(&mut out);
    view.tcp(&mut out);
    view.delays(&mut out);
    view.overhead(&mut out);
    debug_assert!(
        out.keys()
            .all(|name| METRICS.iter().any(|m| m.name == *name)),
        "a metric without a row"
    );
    out
}

fn is_on(flow: &MediaFlow, (from, until): (f64, f64)) -> bool {
    let within = |on: &(u32, u32)| f64::from(on.0) <= from && until <= f64::from(on.1);
    flow.on.iter().any(within)
}

impl<'a> View<'a> {
    fn new(record: &'a Record) -> Self {
        let duration = f64::from(record.run.duration);
        let series = record.flows.iter();
        let series = series
            .map(|flow| FlowSeries::new(flow, BIN, duration))
            .collect();
        let arrived = record.flows.iter().map(FlowRecord::arrived);
        Self {
            record,
            duration,
            series,
            intervals: intervals(record),
            arrived: arrived.collect(),
        }
    }

    fn narrow(&self) -> impl Iterator<Item = Narrow<'a>> {
        let run = &self.record.run;
        self.record
            .links
            .iter()
            .zip(&run.narrow)
            .map(|(link, plan)| {
                let flows = run.flows.iter().enumerate();
                let flows = flows.filter(|(_, flow)| plan.is_crossed_by(flow));
                Narrow {
                    link,
                    plan,
                    flows: flows.map(|(index, _)| index).collect(),
                }
            })
    }

    /// The flows of a bottleneck that are on throughout a span.
    fn on(&self, narrow: &Narrow<'_>, span: (f64, f64)) -> Vec<usize> {
        let flows = &self.record.run.flows;
        let on = narrow.flows.iter().copied();
        on.filter(|index| is_on(&flows[*index], span)).collect()
    }

    fn static_windows(&self) -> impl Iterator<Item = (f64, f64)> {
        let intervals = self.intervals.iter().copied();
        intervals.filter_map(|span| self.static_part(span))
    }

    /// The static window of an interval.
    fn static_part(&self, (from, until): (f64, f64)) -> Option<(f64, f64)> {
        if until - from < SHORTEST {
            return None;
        }
        let flows = self.record.run.flows.iter();
        let on = flows.filter(|flow| is_on(flow, (from, until)));
        let settled = on.filter_map(|flow| Some(f64::from(flow.on.first()?.0) + GRACE));
        let start = settled.fold(until - (until - from) * STATIC, f64::max);
        (until - start >= LEFT).then_some((start, until))
    }

    /// What so many flows can have at a bottleneck, in b/s.
    fn available(narrow: &Narrow<'_>, flows: usize, at: f64) -> f64 {
        let most = MOST * flows as f64;
        narrow.plan.capacity_at(at).min(most)
    }
}

/// The intervals between changes of capacity, and starts, pauses and ends of flows.
fn intervals(record: &Record) -> Vec<(f64, f64)> {
    let run = &record.run;
    let changes = run
        .narrow
        .iter()
        .flat_map(|link| link.capacity.iter().map(|(at, _)| *at));
    let flows = run.flows.iter().flat_map(|flow| &flow.on);
    let mut edges: Vec<u32> = changes
        .chain(flows.flat_map(|on| [on.0, on.1]))
        .chain([0, run.duration])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
        .windows(2)
        .map(|pair| (f64::from(pair[0]), f64::from(pair[1])))
        .collect()
}

/// The greater of two values, either of which may be absent.
fn greater(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}
