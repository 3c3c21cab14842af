//! What the event log says of each link over time: rates, waiting, loss.
//!
//! Rates are per 200 ms (RFC 8868 §4.1 counts so), or per as much more as a long run needs to be read.

use std::collections::BTreeMap;

use duet_sim::{EventLog, Fate, Record};
use serde::{Deserialize, Serialize};

use super::model::{Arrow, Ladder, Note};
use super::number;

/// Intervals that a run is cut into at most.
const MOST_BINS: u64 = 600;
const NANOS: f64 = 1e9;

/// One packet on one link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet<'a> {
    /// `from>to`.
    pub link: &'a str,
    /// Bytes, headers included.
    pub size: u64,
    /// When it was offered, in nanoseconds since the run began.
    pub offered: u64,
    /// When the bottleneck began to send it, if it did, and that is known.
    pub start: Option<u64>,
    /// What became of it.
    pub end: End<'a>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End<'a> {
    /// It arrived, at this nanosecond.
    Arrived(u64),
    /// It was lost, for this reason.
    Lost(&'a str),
}

/// The packets of a log whose fate is certain.
pub fn packets(log: &EventLog) -> impl Iterator<Item = Packet<'_>> {
    log.records().iter().filter_map(|record| {
        let Record::Packet { link, journey } = record else {
            return None;
        };
        let (start, end) = match journey.fate {
            Fate::Delivered { at } => (
                Some(journey.started.as_nanos()),
                End::Arrived(at.as_nanos()),
            ),
            Fate::Lost { cause } => (None, End::Lost(cause.name())),
        };
        Some(Packet {
            link: log.link_name(*link),
            size: journey.size,
            offered: journey.offered.as_nanos(),
            start,
            end,
        })
    })
}

/// The packets that were offered between two nanoseconds, over links between these nodes, as a ladder, with the notes of
/// that time in the first lane.
pub fn ladder(log: &EventLog, lanes: &[String], from: u64, to: u64) -> Ladder {
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let lane = |name: &str| lanes.iter().position(|lane| lane == name);
    let mut ladder = Ladder {
        lanes: lanes.to_vec(),
        ..Ladder::default()
    };
    for record in log.records() {
        match record {
            Record::Packet { link, journey }
                if (from..to).contains(&journey.offered.as_nanos()) =>
            {
                let ends = log.link_name(*link).split_once('>');
                let ends = ends.and_then(|(from, to)| Some((lane(from)?, lane(to)?)));
                let Some((from, to)) = ends else {
                    continue;
                };
                let (arrives_ms, lost) = match journey.fate {
                    Fate::Delivered { at } => (Some(millis(at.as_nanos())), None),
                    Fate::Lost { cause } => (None, Some(cause.name().to_owned())),
                };
                ladder.packets.push(Arrow {
                    at_ms: millis(journey.offered.as_nanos()),
                    from,
                    to,
                    name: journey.class.into(),
                    detail: format!("{} B", journey.size),
                    arrives_ms,
                    lost,
                });
            }
            Record::Note { at, text } if (from..to).contains(&at.as_nanos()) => {
                ladder.notes.push(Note {
                    at_ms: millis(at.as_nanos()),
                    lane: 0,
                    text: text.to_string(),
                });
            }
            _ => {}
        }
    }
    // The log is in the order in which fates became certain.
    ladder.packets.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    ladder
}

/// One link direction over time. All lists have an entry for each interval.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Timeline {
    /// The length of an interval, in seconds.
    pub interval_s: f64,
    /// Bits per second that were offered.
    #[serde(with = "number::list")]
    pub sent: Vec<f64>,
    /// Bits per second that arrived.
    #[serde(with = "number::list")]
    pub received: Vec<f64>,
    /// Milliseconds from offer to the beginning of the transmission: the median, the least and the greatest; by the time of
    /// the offer. Empty where the log does not say.
    #[serde(with = "number::triples")]
    pub queue_ms: Vec<(f64, f64, f64)>,
    /// Packets lost, by cause.
    pub lost: BTreeMap<String, Vec<u32>>,
    /// The bottleneck's rate in bits per second, from each of these seconds on; empty where there is none.
    #[serde(with = "number::pairs")]
    pub capacity: Vec<(f64, f64)>,
    /// When the link was down, in seconds.
    #[serde(with = "number::pairs")]
    pub outages: Vec<(f64, f64)>,
}

/// The interval for a run of so many nanoseconds: 200 ms, or the next round one that gives no more than 600.
pub(crate) fn interval(end: u64) -> u64 {
    let least = end.div_ceil(MOST_BINS);
    let steps = [
        200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 300_000, 3_600_000,
    ];
    let nanos = steps.into_iter().map(|millis: u64| millis * 1_000_000);
    let mut fitting = nanos.filter(|nanos| *nanos >= least);
    fitting.next().unwrap_or(least)
}

/// Each link's timeline, from the packets in any order and the length of the run in nanoseconds.
pub fn timelines<'a>(
    packets: impl IntoIterator<Item = Packet<'a>>,
    end: u64,
) -> BTreeMap<String, Timeline> {
    let interval = interval(end.max(1));
    let bins = (end.max(1).div_ceil(interval) as usize).max(1);
    let bin = |at: u64| ((at / interval) as usize).min(bins - 1);
    let mut links: BTreeMap<&str, Bins> = BTreeMap::new();
    for packet in packets {
        let link = links.entry(packet.link).or_insert_with(|| Bins::new(bins));
        let offered = bin(packet.offered);
        link.sent[offered] += packet.size;
        if let Some(start) = packet.start {
            link.waits[offered].push(start.saturating_sub(packet.offered));
        }
        match packet.end {
            // What arrives after the end has not been seen to arrive.
            End::Arrived(at) if at <= end => link.received[bin(at)] += packet.size,
            End::Arrived(_) => {}
            End::Lost(cause) => {
                let lost = link.lost.entry(cause).or_insert_with(|| vec![0; bins]);
                lost[offered] += 1;
            }
        }
    }
    // The last interval may be cut by the end of the run.
    let length = |index: usize| interval.min(end.max(1) - index as u64 * interval) as f64 / NANOS;
    let timeline = |bins: Bins<'_>| {
        let rate = |bytes: &[u64]| {
            let rates = bytes.iter().enumerate();
            rates
                .map(|(index, bytes)| (*bytes as f64 * 8.0 / length(index)).round())
                .collect()
        };
        Timeline {
            interval_s: interval as f64 / NANOS,
            sent: rate(&bins.sent),
            received: rate(&bins.received),
            queue_ms: waits(bins.waits),
            lost: bins
                .lost
                .into_iter()
                .map(|(cause, lost)| (cause.to_owned(), lost))
                .collect(),
            capacity: Vec::new(),
            outages: Vec::new(),
        }
    };
    let named = links.into_iter();
    named
        .map(|(name, bins)| (name.to_owned(), timeline(bins)))
        .collect()
}

struct Bins<'a> {
    sent: Vec<u64>,
    received: Vec<u64>,
    waits: Vec<Vec<u64>>,
    lost: BTreeMap<&'a str, Vec<u32>>,
}

impl Bins<'_> {
    fn new(bins: usize) -> Self {
        Self {
            sent: vec![0; bins],
            received: vec![0; bins],
            waits: vec![Vec::new(); bins],
            lost: BTreeMap::new(),
        }
    }
}

fn waits(bins: Vec<Vec<u64>>) -> Vec<(f64, f64, f64)> {
    if bins.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    let millis = |nanos: &u64| (*nanos as f64 / 1e4).round() / 100.0;
    let of = |mut waits: Vec<u64>| {
        waits.sort_unstable();
        match (
            waits.first(),
            waits.get(waits.len().saturating_sub(1) / 2),
            waits.last(),
        ) {
            (Some(least), Some(median), Some(most)) => {
                (millis(median), millis(least), millis(most))
            }
            _ => (f64::NAN, f64::NAN, f64::NAN),
        }
    };
    bins.into_iter().map(of).collect()
}

impl Timeline {
    /// The beginning of an interval, in seconds.
    pub fn at(&self, index: usize) -> f64 {
        index as f64 * self.interval_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn packets_count_where_they_were_offered_and_where_they_arrived() {
        let packet = |offered, start, end| Packet {
            link: "a>b",
            size: 2_500,
            offered,
            start,
            end,
        };
        let packets = [
            packet(0, Some(0), End::Arrived(SECOND / 10)),
            packet(
                SECOND / 10,
                Some(SECOND / 10 + 7_000_000),
                End::Arrived(SECOND / 2),
            ),
            packet(SECOND / 10, None, End::Lost("queue-full")),
            packet(SECOND - 1, None, End::Arrived(2 * SECOND)),
        ];
        let all = timelines(packets, SECOND);
        let link = &all["a>b"];
        assert_eq!(link.interval_s, 0.2);
        assert_eq!(link.sent, [300_000.0, 0.0, 0.0, 0.0, 100_000.0]);
        assert_eq!(link.received, [100_000.0, 0.0, 100_000.0, 0.0, 0.0]);
        assert_eq!(link.lost["queue-full"], [1, 0, 0, 0, 0]);
        assert_eq!(link.queue_ms[0], (0.0, 0.0, 7.0));
        assert!(link.queue_ms[4].0.is_nan());
    }

    #[test]
    fn a_run_that_ends_within_an_interval_is_not_diluted() {
        let packet = Packet {
            link: "a>b",
            size: 125,
            offered: SECOND,
            start: None,
            end: End::Arrived(SECOND),
        };
        let all = timelines([packet], SECOND + SECOND / 10);
        assert_eq!(all["a>b"].sent[5], 10_000.0);
    }

    #[test]
    fn long_runs_have_wider_intervals() {
        assert_eq!(interval(100 * SECOND), SECOND / 5);
        assert_eq!(interval(300 * SECOND), SECOND / 2);
        assert_eq!(interval(3_600 * SECOND), 10 * SECOND);
        assert!(timelines([], 0).is_empty());
    }
}
