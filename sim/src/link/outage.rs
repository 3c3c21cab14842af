//! Intervals in which a link is down.

use core::fmt;
use core::str::FromStr;

use crate::time::Time;

/// An interval `[from, to)` in which a link carries nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Outage {
    /// The first instant at which the link is down.
    pub from: Time,
    /// The first instant at which it is up again.
    pub to: Time,
    /// What it does with packets meanwhile.
    pub mode: OutageMode,
}

impl Outage {
    /// An outage in which what is offered is dropped.
    pub const fn drop(from: Time, to: Time) -> Outage {
        let mode = OutageMode::Drop;
        Outage { from, to, mode }
    }
}

/// What a link that is down does with packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutageMode {
    /// What is offered is dropped. What is under way by then still arrives.
    #[default]
    Drop,
    /// The transmitter stops, also in the middle of a packet. Packets wait in the queue, whose limit holds, and leave
    /// at the link's rate when it goes on.
    Hold,
    /// Queue and transmitter go on, but what leaves the transmitter is kept and released at once at the end, as by a
    /// base station that hands over.
    Burst,
}

impl FromStr for OutageMode {
    type Err = String;

    /// Reads `drop`, `hold`, `burst`; the error is what was expected.
    fn from_str(text: &str) -> Result<OutageMode, String> {
        match text {
            "drop" => Ok(OutageMode::Drop),
            "hold" => Ok(OutageMode::Hold),
            "burst" => Ok(OutageMode::Burst),
            _ => Err("drop, hold, or burst".to_owned()),
        }
    }
}

impl fmt::Display for OutageMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OutageMode::Drop => "drop",
            OutageMode::Hold => "hold",
            OutageMode::Burst => "burst",
        })
    }
}

/// When outages begin and end, by mode: sorted, overlapping and adjoining ones of one mode merged, empty ones left out.
///
/// Outages of different modes may overlap, and then each does what it does.
#[derive(Clone, Debug)]
pub(super) struct Outages {
    drops: Intervals,
    holds: Intervals,
    bursts: Intervals,
}

impl Outages {
    pub(super) fn new(outages: &[Outage]) -> Outages {
        let of = |mode| {
            let of_mode = outages.iter().filter(|outage| outage.mode == mode);
            Intervals::new(of_mode.map(|outage| (outage.from, outage.to)).collect())
        };
        Outages {
            drops: of(OutageMode::Drop),
            holds: of(OutageMode::Hold),
            bursts: of(OutageMode::Burst),
        }
    }

    /// When the outage of this mode that covers `now` ends, if one does.
    pub(super) fn end(&self, mode: OutageMode, now: Time) -> Option<Time> {
        match mode {
            OutageMode::Drop => self.drops.end(now),
            OutageMode::Hold => self.holds.end(now),
            OutageMode::Burst => self.bursts.end(now),
        }
    }

    /// Whether there are none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.drops.is_empty() && self.holds.is_empty() && self.bursts.is_empty()
    }

    /// The intervals in which the transmitter stops.
    pub(super) fn holds(&self) -> &Intervals {
        &self.holds
    }
}

/// Disjoint intervals `[from, to)`, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Intervals(Vec<(Time, Time)>);

impl Intervals {
    fn new(mut intervals: Vec<(Time, Time)>) -> Intervals {
        intervals.retain(|(from, to)| from < to);
        intervals.sort();
        let mut merged: Vec<(Time, Time)> = Vec::new();
        for (from, to) in intervals {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        Intervals(merged)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the interval that covers `now` ends, if one does.
    fn end(&self, now: Time) -> Option<Time> {
        if self.0.is_empty() {
            return None;
        }
        let (covered, until) = self.at(now);
        covered.then_some(until)
    }

    /// Whether `at` is covered, and until when that stays so.
    pub(super) fn at(&self, at: Time) -> (bool, Time) {
        let next = self.0.partition_point(|(_, to)| *to <= at);
        match self.0.get(next) {
            Some((from, to)) if *from <= at => (true, *to),
            Some((from, _)) => (false, *from),
            None => (false, Time::MAX),
        }
    }
}
