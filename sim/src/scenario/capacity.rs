//! What a link can carry, over time: by its rate and its schedule, and by what faults make of it.

use super::course::Way;
use super::{FaultKind, Scenario};
use crate::link::{LinkConfig, OutageMode, Sojourn};
use crate::time::{Time, nanos};

/// Changes of a transmitter that goes on and off, beyond which they are not told one by one.
const MOST_TURNS: u64 = 100_000;

/// What a direction of a link can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Everything, in no time.
    Unlimited,
    /// So many bits per second: of opportunities, their mean; zero while a schedule stops it, while it is off, and while
    /// it is out, unless what leaves it is only kept back ([`OutageMode::Burst`]).
    Rate(u64),
    /// It is on and off at random, or so often that it is not told one by one.
    Unknown,
}

impl Capacity {
    /// Bits per second, where there is a limit that is known.
    pub const fn bits_per_second(self) -> Option<u64> {
        match self {
            Capacity::Rate(rate) => Some(rate),
            Capacity::Unlimited | Capacity::Unknown => None,
        }
    }
}

/// What a direction of a link can carry from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityStep {
    /// From when on.
    pub at: Time,
    /// How much.
    pub capacity: Capacity,
    /// Whether an outage keeps it down, of whatever mode.
    pub is_out: bool,
}

/// What happens to a direction of a link.
enum Event<'s> {
    Down(OutageMode),
    Up(OutageMode),
    Set(&'s LinkConfig),
}

impl Scenario {
    /// The capacity of the direction from one node to another until the end of the run: ascending, the first at zero,
    /// one at each instant at which something happens to the link, even where its capacity stays. Empty if there is no
    /// such direction.
    ///
    /// Partitions are none of a link, and what other links of a medium take of it is not known before a run.
    pub fn capacity(&self, from: usize, to: usize) -> Vec<CapacityStep> {
        let Some(course) = self.courses().remove(&(from, to)) else {
            return Vec::new();
        };
        let end = Time::ZERO.after(self.duration);
        let mut events = self.outages((from, to));
        let changes = course.iter().skip(1);
        events.extend(changes.map(|(at, config)| (*at, Event::Set(config))));
        // Of what happens at once, in the order of the file.
        events.sort_by_key(|(at, _)| *at);
        let mut events = events.into_iter().peekable();
        let (mut config, mut down) = (&course[0].1, Vec::new());
        let (mut now, mut steps) = (Time::ZERO, Vec::new());
        while now < end || steps.is_empty() {
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
                match event {
                    Event::Down(mode) => down.push(mode),
                    Event::Up(mode) => {
                        if let Some(index) = down.iter().rposition(|known| *known == mode) {
                            down.remove(index);
                        }
                    }
                    Event::Set(after) => config = after,
                }
            }
            let until = events.peek().map_or(end, |(at, _)| (*at).min(end));
            let mut edges = edges(config, now, until, end);
            edges.insert(0, now);
            for at in edges {
                steps.push(step(config, down.last().copied(), at, end));
            }
            if until <= now {
                break;
            }
            now = until;
        }
        steps
    }

    fn outages(&self, way: Way) -> Vec<(Time, Event<'static>)> {
        let mut events = Vec::new();
        for fault in &self.faults {
            let at = fault.at;
            match &fault.kind {
                FaultKind::Outage { link, lasts, mode } if link.directions().any(|a| a == way) => {
                    events.push((at, Event::Down(*mode)));
                    events.extend(lasts.map(|lasts| (at.after(lasts), Event::Up(*mode))));
                }
                FaultKind::Handover {
                    node, outage, mode, ..
                } if way.0 == *node || way.1 == *node => {
                    events.push((at, Event::Down(*mode)));
                    events.push((at.after(*outage), Event::Up(*mode)));
                }
                _ => {}
            }
        }
        events
    }
}

/// When the configuration itself changes something, within an interval without its ends.
fn edges(config: &LinkConfig, from: Time, to: Time, end: Time) -> Vec<Time> {
    let mut edges: Vec<Time> = config.rates.iter().map(|step| step.at).collect();
    edges.extend(config.delays.iter().map(|step| step.at));
    for outage in &config.outages {
        edges.extend([outage.from, outage.to]);
    }
    if let Some((on, off)) = turns(config, end) {
        let mut at = from.as_nanos() / (on + off) * (on + off);
        while at < to.as_nanos() {
            edges.extend([
                Time::from_nanos(at),
                Time::from_nanos(at.saturating_add(on)),
            ]);
            at = at.saturating_add(on + off);
        }
    }
    edges.retain(|at| from < *at && *at < to);
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Nanoseconds for which a transmitter is on and off in turn, where that is known and told until the end of the run.
fn turns(config: &LinkConfig, end: Time) -> Option<(u64, u64)> {
    let on_off = config.on_off?;
    match (on_off.on, on_off.off) {
        (Sojourn::Fixed(on), Sojourn::Fixed(off)) => {
            // As the links have it: a microsecond at least.
            let (on, off) = (nanos(on).max(1_000), nanos(off).max(1_000));
            let whole = on.checked_add(off)?;
            (end.as_nanos() / whole < MOST_TURNS).then_some((on, off))
        }
        _ => None,
    }
}

/// The step of a configuration at an instant of a run with this end, under an outage by a fault.
fn step(config: &LinkConfig, down: Option<OutageMode>, at: Time, end: Time) -> CapacityStep {
    let outages = config.outages.iter();
    let outages = outages.filter(|outage| outage.from <= at && at < outage.to);
    let outages: Vec<OutageMode> = outages.map(|outage| outage.mode).chain(down).collect();
    let stops = |mode: &OutageMode| *mode != OutageMode::Burst;
    let on = match (config.on_off, turns(config, end)) {
        (None, _) => Some(true),
        (Some(_), Some((on, off))) => Some(at.as_nanos() % (on + off) < on),
        (Some(_), None) => None,
    };
    let past = config.rates.iter().rfind(|step| step.at <= at);
    let capacity = match (on, past) {
        _ if outages.iter().any(stops) => Capacity::Rate(0),
        (Some(false), _) => Capacity::Rate(0),
        (None, _) => Capacity::Unknown,
        _ if config.trace.is_some() => {
            let mean = config.trace.as_ref().map(|trace| trace.mean_rate());
            Capacity::Rate(mean.map_or(0, |rate| rate.bits_per_second()))
        }
        (_, Some(step)) => Capacity::Rate(step.rate.map_or(0, |rate| rate.bits_per_second())),
        (_, None) => match config.rate {
            Some(rate) => Capacity::Rate(rate.bits_per_second()),
            None => Capacity::Unlimited,
        },
    };
    CapacityStep {
        at,
        capacity,
        is_out: !outages.is_empty(),
    }
}
