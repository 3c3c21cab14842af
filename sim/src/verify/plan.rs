//! What a link was to do, when: its configuration and the commands that the log notes, as intervals and integrals.

use core::time::Duration;

use super::row::Note;
use crate::link::{Discipline, JitterModel, LinkConfig, OutageMode};
use crate::probability::Probability;
use crate::units::parse_rate;

/// Bytes that a delivery opportunity carries.
const OPPORTUNITY: u128 = 1_500;

/// How fast bits leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    Unlimited,
    Bits(u64),
    Stopped,
    /// By the opportunities of the trace of this number.
    Trace(usize),
}

/// An interval of an outage, `[from, to)`. By command its edges are uncertain: what happens at the same instant may have
/// happened before the command or after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Down {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) commanded: bool,
}

/// A time in which a link was to do the same, edges included: what happens at the instant of a change may have happened
/// before it or after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase<'a> {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) config: &'a LinkConfig,
    /// The most by which a delay varies then, without what order does.
    varies: u64,
}

/// By when a packet arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// At the latest, if nothing before holds it back.
    pub(super) latest: u64,
    /// Whether it need not come behind the one before it, unless it is reliable.
    pub(super) loose: bool,
    /// The slowest rate, in bits per second, of which its own bits keep the next one in order away.
    slowest: Option<u64>,
}

impl Arrival {
    /// How long the next one in order has to wait for one of so many bytes, at most.
    pub(super) fn holds_back(&self, size: u64) -> u64 {
        let work = u128::from(size) * 8_000_000_000;
        self.slowest.map_or(0, |rate| {
            u64::try_from(work.div_ceil(rate.into())).unwrap_or(u64::MAX)
        })
    }
}

pub(super) struct Plan<'a> {
    pub(super) name: &'a str,
    /// What it was to do, in the order of time and without gaps.
    pub(super) phases: Vec<Phase<'a>>,
    pub(super) shared: bool,
    /// From when on which speed.
    speeds: Vec<(u64, Speed)>,
    /// From when on which delay, at least and at most.
    delays: Vec<(u64, u64, u64)>,
    pub(super) drops: Vec<Down>,
    holds: Vec<Down>,
    bursts: Vec<Down>,
    /// Nanoseconds of the first pass of each trace.
    traces: Vec<Vec<u64>>,
    /// From when on nothing is known of what the link is to do.
    pub(super) unknown_from: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        name: &'a str,
        configs: &'a [(u64, LinkConfig)],
        notes: &[Note<'_>],
        shared: bool,
    ) -> Plan<'a> {
        let begins = configs.iter().map(|(from, _)| *from);
        let ends = begins.skip(1).chain([u64::MAX]);
        let phases = configs.iter().zip(ends);
        let phases = phases.map(|((from, config), to)| Phase {
            from: *from,
            to,
            config,
            varies: varies(config),
        });
        let mut plan = Plan {
            name,
            phases: phases.collect(),
            shared,
            speeds: Vec::new(),
            delays: Vec::new(),
            drops: Vec::new(),
            holds: Vec::new(),
            bursts: Vec::new(),
            traces: Vec::new(),
            unknown_from: u64::MAX,
        };
        for phase in plan.phases.clone() {
            plan.read_speeds(phase);
            plan.read_delays(phase);
        }
        for mode in [OutageMode::Drop, OutageMode::Hold, OutageMode::Burst] {
            let downs = outages(&plan.phases, mode);
            plan.outages_of(mode).extend(downs);
        }
        let mut down: Option<(OutageMode, u64)> = None;
        for note in notes {
            let rest = note.text.strip_prefix(name);
            if let Some(command) = rest.and_then(|rest| rest.strip_prefix(' ')) {
                plan.command(note.at, command, &mut down);
            }
        }
        plan.end_outage(&mut down, u64::MAX);
        plan
    }

    fn read_speeds(&mut self, phase: Phase<'_>) {
        let Phase {
            from, to, config, ..
        } = phase;
        if let Some(trace) = &config.trace {
            let millis = trace.millis().map(|millis| millis * 1_000_000);
            self.speeds.push((from, Speed::Trace(self.traces.len())));
            self.traces.push(millis.collect());
            return;
        }
        let first = config.rate.map(|rate| rate.bits_per_second());
        let mut speed = first.map_or(Speed::Unlimited, Speed::Bits);
        let mut steps = config.rates.clone();
        steps.sort_by_key(|step| step.at);
        let mut later = Vec::new();
        for step in steps {
            let at = step.at.as_nanos();
            let bits = step.rate.map(|rate| rate.bits_per_second());
            let changed = bits.map_or(Speed::Stopped, Speed::Bits);
            match at {
                _ if at <= from => speed = changed,
                _ if at < to => later.push((at, changed)),
                _ => {}
            }
        }
        self.speeds.push((from, speed));
        self.speeds.extend(later);
    }

    fn read_delays(&mut self, phase: Phase<'_>) {
        let Phase {
            from, to, config, ..
        } = phase;
        let mut delay = config.delay.as_nanos() as u64;
        let mut steps = config.delays.clone();
        steps.sort_by_key(|step| step.at);
        let mut later = Vec::new();
        for step in steps {
            let (at, changed) = (step.at.as_nanos(), step.delay.as_nanos() as u64);
            match at {
                _ if at <= from => delay = changed,
                _ if at < to => later.push((at, changed, changed)),
                _ => {}
            }
        }
        // At the instant of the change, either; of several at one instant, any.
        let before = self.delays.last().copied();
        let same = self.delays.iter().filter(|(at, ..)| *at >= from).copied();
        let own = before.into_iter().chain(same);
        let (least, most) = own.fold((delay, delay), |(least, most), (_, a, b)| {
            (least.min(a), most.max(b))
        });
        self.delays.retain(|(at, ..)| *at <= from);
        self.delays.push((from, least, most));
        self.delays.push((from.saturating_add(1), delay, delay));
        self.delays.extend(later);
    }

    /// The phases that an interval touches, edges included.
    pub(super) fn during(&self, from: u64, to: u64) -> impl Iterator<Item = &'a LinkConfig> {
        let phases = self.phases.iter();
        let touched = phases.filter(move |phase| phase.from <= to && from <= phase.to);
        touched.map(|phase| phase.config)
    }

    /// Whether in all phases a configuration has something.
    pub(super) fn always(&self, has: impl Fn(&LinkConfig) -> bool) -> bool {
        self.phases.iter().all(|phase| has(phase.config))
    }

    fn outages_of(&mut self, mode: OutageMode) -> &mut Vec<Down> {
        match mode {
            OutageMode::Drop => &mut self.drops,
            OutageMode::Hold => &mut self.holds,
            OutageMode::Burst => &mut self.bursts,
        }
    }

    fn command(&mut self, at: u64, command: &str, down: &mut Option<(OutageMode, u64)>) {
        let mode = match command {
            "down" => Some(OutageMode::Drop),
            "down hold" => Some(OutageMode::Hold),
            "down burst" => Some(OutageMode::Burst),
            _ => None,
        };
        if let Some(mode) = mode {
            self.end_outage(down, at);
            *down = Some((mode, at));
        } else if command == "up" {
            self.end_outage(down, at);
        } else if let Some(rate) = command.strip_prefix("rate ") {
            let speed = match (rate, parse_rate(rate)) {
                ("none", _) => Speed::Unlimited,
                (_, Ok(rate)) => Speed::Bits(rate.bits_per_second()),
                _ => return self.unknown_from = self.unknown_from.min(at),
            };
            if !matches!(self.speed(at), Speed::Trace(_)) {
                self.speeds.retain(|(from, _)| *from < at || *from == 0);
                self.speeds.push((at, speed));
            }
        } else if let Some(delay) = command.strip_prefix("delay ") {
            let nanos = delay
                .strip_suffix(" ns")
                .and_then(|nanos| nanos.parse().ok());
            let Some(nanos) = nanos else {
                return self.unknown_from = self.unknown_from.min(at);
            };
            let before = self.delay(at);
            self.delays.retain(|(from, ..)| *from <= at);
            // What left at the same instant had the old one.
            self.delays.push((at, before.0, before.1.max(nanos)));
            self.delays.push((at + 1, nanos, nanos));
        } else if !self.phases.iter().skip(1).any(|phase| phase.from == at) {
            self.unknown_from = self.unknown_from.min(at);
        }
    }

    fn end_outage(&mut self, down: &mut Option<(OutageMode, u64)>, to: u64) {
        let Some((mode, from)) = down.take() else {
            return;
        };
        let commanded = true;
        let down = Down {
            from,
            to,
            commanded,
        };
        self.outages_of(mode).push(down);
    }

    /// Whether nothing ever waits: all is sent in no time.
    pub(super) fn is_unlimited(&self) -> bool {
        !self.shared
            && self.always(|config| config.on_off.is_none())
            && self.holds.is_empty()
            && self
                .speeds
                .iter()
                .all(|(_, speed)| *speed == Speed::Unlimited)
    }

    /// Whether packets leave in the order in which they came.
    pub(super) fn is_fifo(&self) -> bool {
        self.always(|config| !matches!(config.queue.discipline, Discipline::FqCoDel(_)))
    }

    /// The speed at an instant, pauses left aside.
    pub(super) fn speed(&self, at: u64) -> Speed {
        let begun = self.speeds.iter().rev().find(|(from, _)| *from <= at);
        begun.map_or(Speed::Unlimited, |(_, speed)| *speed)
    }

    /// How long a packet takes that leaves at `at`, at least and at most, without what varies.
    fn delay(&self, at: u64) -> (u64, u64) {
        let begun = self.delays.iter().rev().find(|(from, ..)| *from <= at);
        begun.map_or((0, 0), |(_, least, most)| (*least, *most))
    }

    /// When what left the transmitter at `left` goes on, at the earliest and at the latest: then, or at the end of the
    /// outage that keeps it.
    pub(super) fn released(&self, left: u64) -> (u64, u64) {
        if self.bursts.is_empty() {
            return (left, left);
        }
        let keeps = |down: &Down, at, edge: bool| {
            let begun = down.from < at || (down.from == at && (edge || !down.commanded));
            begun && at < down.to
        };
        let end = |edge| {
            let mut at = left;
            // The end of one may lie in another.
            while let Some(down) = self.bursts.iter().find(|down| keeps(down, at, edge)) {
                at = down.to;
            }
            at
        };
        (end(false), end(true))
    }

    /// When what left the transmitter at `left` arrives, at the earliest.
    pub(super) fn arrives(&self, left: u64) -> u64 {
        let (from, late) = self.released(left);
        let at = |from: u64| from.saturating_add(self.delay(from).0);
        at(from).min(at(late))
    }

    /// By when what left the transmitter at `left` arrives.
    pub(super) fn arrival(&self, left: u64) -> Arrival {
        let (from, late) = self.released(left);
        let most = match from == late {
            true => self.delay(late).1,
            // Between them, any.
            false => {
                let between = self.delays.iter();
                let between = between.filter(|(at, ..)| from < *at && *at <= late);
                let most = between.map(|(.., most)| *most).max();
                most.unwrap_or_default().max(self.delay(from).1)
            }
        };
        let mut arrival = Arrival {
            latest: 0,
            loose: true,
            slowest: None,
        };
        let mut varies = 0;
        let touched = |phase: &&Phase<'_>| phase.from <= late && left <= phase.to;
        for phase in self.phases.iter().filter(touched) {
            let jitter = &phase.config.jitter;
            varies = varies.max(phase.varies);
            arrival.loose &= jitter.reorders;
            if let Some(rate) = jitter.spacing {
                let rate = rate.bits_per_second();
                arrival.slowest = Some(arrival.slowest.map_or(rate, |other| other.min(rate)));
            }
        }
        arrival.latest = late.saturating_add(most).saturating_add(varies);
        arrival
    }

    /// When a packet enters the queue that was offered at `offered`; a reliable one waits out outages that drop.
    pub(super) fn enters(&self, offered: u64, reliable: bool) -> u64 {
        let mut at = offered;
        while reliable && let Some(down) = self.drops.iter().find(|d| d.from <= at && at < d.to) {
            at = down.to;
        }
        at
    }

    /// The work that can be done from one instant to another, in bits times a thousand million; `None` is without
    /// bound.
    pub(super) fn capacity(&self, from: u64, to: u64) -> Option<u128> {
        let mut sum = 0;
        for (index, (begin, speed)) in self.speeds.iter().enumerate() {
            let end = self.speeds.get(index + 1).map_or(u64::MAX, |next| next.0);
            let (a, b) = (from.max(*begin), to.min(end));
            // At the very end of a piece, an opportunity may still be used.
            let over = a == b
                && a == end
                && *begin < end
                && from != to
                && !matches!(speed, Speed::Trace(_));
            if a > b || over {
                continue;
            }
            match speed {
                Speed::Stopped => {}
                Speed::Unlimited => return None,
                Speed::Trace(number) => {
                    let trace = self.traces.get(*number)?;
                    sum += self.opportunities(trace, a, b) * OPPORTUNITY * 8_000_000_000;
                }
                Speed::Bits(rate) => {
                    let held = self.held(a, b);
                    sum += u128::from(b - a).saturating_sub(held) * u128::from(*rate);
                }
            }
        }
        Some(sum)
    }

    /// Whether it is certain when the transmitter works.
    pub(super) fn is_certain(&self) -> bool {
        let traced = !self.traces.is_empty();
        let commanded = self.holds.iter().any(|down| down.commanded);
        !self.shared
            && self.always(|config| config.on_off.is_none())
            && !(traced && (commanded || self.phases.len() > 1))
    }

    /// The bits per second of one that always works, at one rate or in no time (`None`), and lets go of what it has sent.
    pub(super) fn steady(&self) -> Option<Option<u64>> {
        let always = self.holds.is_empty()
            && self.bursts.is_empty()
            && self.unknown_from == u64::MAX
            && self.always(|config| config.on_off.is_none());
        match self.speeds.as_slice() {
            [(_, Speed::Bits(rate))] if always => Some(Some(*rate)),
            [(_, Speed::Unlimited)] if always => Some(None),
            _ => None,
        }
    }

    /// Whether it sends by opportunities.
    pub(super) fn is_traced(&self) -> bool {
        !self.traces.is_empty()
    }

    /// The work that is done before `left`, a nanosecond less, if there is enough of it from `from` on; without bound, the
    /// most that there is. Only where [`Plan::is_certain`].
    pub(super) fn done(&self, from: u64, left: u64) -> u128 {
        let mut sum = 0u128;
        for (index, (begin, speed)) in self.speeds.iter().enumerate() {
            let end = self.speeds.get(index + 1).map_or(u64::MAX, |next| next.0);
            let a = from.max(*begin);
            let (b, before) = (left.min(end), left.saturating_sub(1).min(end));
            match speed {
                Speed::Trace(number) if a < b => {
                    let trace = self.traces.get(*number).map_or(&[][..], Vec::as_slice);
                    sum += self.opportunities(trace, a, b - 1) * OPPORTUNITY * 8_000_000_000;
                }
                Speed::Bits(rate) if a < before => {
                    let worked = u128::from(before - a).saturating_sub(self.held(a, before));
                    sum += worked * u128::from(*rate);
                }
                Speed::Unlimited if a < before && self.held(a, before) < (before - a).into() => {
                    return u128::MAX;
                }
                _ => {}
            }
        }
        sum
    }

    /// Nanoseconds of an interval in which the transmitter is stopped by outages; overlaps count once.
    fn held(&self, from: u64, to: u64) -> u128 {
        if self.holds.is_empty() {
            return 0;
        }
        let mut cuts: Vec<(u64, u64)> = self
            .holds
            .iter()
            .map(|down| (down.from.max(from), down.to.min(to)))
            .filter(|(a, b)| a < b)
            .collect();
        cuts.sort_unstable();
        let mut sum = 0;
        let mut done = from;
        for (a, b) in cuts {
            let a = a.max(done);
            if a < b {
                sum += u128::from(b - a);
                done = b;
            }
        }
        sum
    }

    /// Opportunities from one instant to another, both included, except where an outage stops the transmitter.
    fn opportunities(&self, trace: &[u64], from: u64, to: u64) -> u128 {
        let period = trace.last().copied().unwrap_or(1).max(1);
        let before = |at: u64| {
            // How many are at instants less than `at`.
            let whole = u128::from(at / period) * trace.len() as u128;
            let within = at % period;
            whole + trace.iter().filter(|time| **time < within).count() as u128
                // The last of a pass is at the beginning of the next, in which it does not count.
                - if within == 0 && at > 0 {
                    trace.iter().filter(|time| **time == period).count() as u128
                } else {
                    0
                }
        };
        let mut sum = before(to.saturating_add(1)) - before(from);
        let mut done = from;
        let mut holds = self.holds.clone();
        holds.sort_by_key(|down| down.from);
        for down in holds.iter().filter(|down| !down.commanded) {
            let (a, b) = (down.from.max(done), down.to.min(to.saturating_add(1)));
            if a < b {
                sum -= before(b) - before(a);
                done = b;
            }
        }
        sum
    }
}

/// The most by which a link's delay varies: its jitter, a spell in which it stalls, and how far a packet falls behind.
fn varies(config: &LinkConfig) -> u64 {
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    let spikes = config.jitter.spikes.as_ref();
    // A spell lasts a microsecond at least.
    let spell = spikes.map_or(0, |spikes| nanos(spikes.height).max(1_000));
    let reorder = &config.reorder;
    let behind = match reorder.every > 0 || reorder.probability != Probability::NEVER {
        true => nanos(reorder.extra),
        false => 0,
    };
    let model = nanos(longest(&config.jitter.model));
    model.saturating_add(spell).saturating_add(behind)
}

/// The longest delay that a distribution has.
fn longest(model: &JitterModel) -> Duration {
    match model {
        JitterModel::None => Duration::ZERO,
        JitterModel::Uniform(max) | JitterModel::Pareto { cap: max, .. } => *max,
        JitterModel::Normal { std, n_std, fold } => {
            let sides = if *fold { 1 } else { 2 };
            std.saturating_mul(n_std.saturating_mul(sides))
        }
        JitterModel::Table(table) => table.iter().max().copied().unwrap_or_default(),
    }
}

/// The outages of one mode. Of a phase with others than before, those count that it has then, cut off at its edges.
fn outages(phases: &[Phase<'_>], mode: OutageMode) -> Vec<Down> {
    let same = |a: &Phase<'_>, b: &Phase<'_>| a.config.outages == b.config.outages;
    let mut all = Vec::new();
    for run in phases.chunk_by(same) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let outages = first.config.outages.iter();
        let of_mode = outages.filter(|outage| outage.mode == mode);
        let downs = of_mode.map(|outage| Down {
            from: outage.from.as_nanos(),
            to: outage.to.as_nanos(),
            commanded: false,
        });
        for down in join(downs.filter(|down| down.from < down.to).collect()) {
            let (from, to) = (down.from.max(first.from), down.to.min(last.to));
            let commanded = (from, to) != (down.from, down.to);
            if from < to {
                all.push(Down {
                    from,
                    to,
                    commanded,
                });
            }
        }
    }
    all
}

/// Merges intervals that overlap or adjoin.
fn join(mut downs: Vec<Down>) -> Vec<Down> {
    downs.sort_by_key(|down| (down.from, down.to));
    let mut joined: Vec<Down> = Vec::new();
    for down in downs {
        match joined.last_mut() {
            Some(last) if down.from <= last.to => last.to = last.to.max(down.to),
            _ => joined.push(down),
        }
    }
    joined
}
