//! What is measured in a run: for expectations, for the lines of many runs, and for comparisons.

use std::collections::BTreeMap;

use duet_sim::net::{Element, Network};
use duet_sim::{
    CapacityStep, Fate, FaultKind, FlowKind, Journey, Metrics, NodeId, Record, Role, Scenario,
    Subject, Time, Unit, Window,
};

use super::flow::{FlowMeasured, MEDIA, ON_OFF, TCP, UDP};
use super::host::Site;
use super::metrics::{FIREWALL, LINK, NAT, NODE, RUN, counts, is_cause, metrics_of_box, unit};
use crate::flows;
use crate::flows::media::MediaKeys;
use crate::invariants::{Breach, Invariant, Tally};
use crate::report::{FlowReport, ON_TIME_MS, Picture, Side};

/// Of an interval in which nothing happens to links, `window = "static"` leaves out the first two fifths.
const SETTLING: (u32, u32) = (2, 5);

/// The quantiles that there are of every delay, with their names.
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];

/// All that was measured in a run.
pub struct Measured {
    end: Time,
    /// By the nodes that it joins.
    links: BTreeMap<(usize, usize), Line>,
    flows: Vec<FlowMeasured>,
    /// By node.
    sides: BTreeMap<usize, Side>,
    /// What NATs and firewalls did, by node.
    boxes: BTreeMap<usize, Middlebox>,
    names: Vec<String>,
    tally: Tally,
    breaches: Vec<(Invariant, String)>,
}

/// A NAT or a firewall.
struct Middlebox {
    /// Mappings that were made, of a NAT.
    mappings: Option<u64>,
    /// When each packet was refused, and why.
    refused: Vec<(Time, &'static str)>,
}

/// One direction of a link.
struct Line {
    name: String,
    /// What it can carry, and when something happens to it.
    capacity: Vec<CapacityStep>,
    /// In the order in which they left.
    journeys: Vec<Journey>,
}

impl Measured {
    pub(super) fn new(
        scenario: &Scenario,
        network: &Network<Site>,
        sides: &[Side],
        tally: Tally,
        breaches: &[Breach],
    ) -> Measured {
        let names: Vec<String> = scenario
            .nodes
            .iter()
            .map(|node| node.name.clone())
            .collect();
        let mut links = BTreeMap::new();
        let mut by_name = BTreeMap::new();
        for link in &scenario.links {
            for (from, to, _) in link.directions() {
                let name = format!("{}>{}", names[from], names[to]);
                by_name.insert(name.clone(), (from, to));
                let line = Line {
                    name,
                    capacity: scenario.capacity(from, to),
                    journeys: Vec::new(),
                };
                links.insert((from, to), line);
            }
        }
        let mut boxes = BTreeMap::new();
        for (node, spec) in scenario.nodes.iter().enumerate() {
            if matches!(spec.role, Role::Nat | Role::Firewall) {
                let mappings = match network.world().node(NodeId(node)).element() {
                    Element::Nat { nat, .. } => Some(nat.made()),
                    _ => None,
                };
                let refused = Vec::new();
                boxes.insert(node, Middlebox { mappings, refused });
            }
        }
        let log = network.world().log();
        for record in log.records() {
            if let Record::Dropped { at, by, dropped } = record
                && let Some(node) = scenario.node(log.box_name(*by))
                && let Some(own) = boxes.get_mut(&node)
            {
                own.refused.push((*at, dropped.cause));
            }
            if let Record::Packet { link, journey } = record
                && let Some(ends) = by_name.get(log.link_name(*link))
                && let Some(line) = links.get_mut(ends)
            {
                line.journeys.push(*journey);
            }
        }
        let end = network.world().now();
        let copies = copies(scenario);
        let flows = scenario.flows.iter().enumerate();
        let flows = flows.map(|(number, flow)| {
            let at = |node: usize| network.host(NodeId(node)).traffic.at(flows::port(number));
            FlowMeasured::new(flow, at(flow.from), at(flow.to), end, copies)
        });
        let sides = sides.iter().filter_map(|side| {
            let node = scenario.node(&side.name)?;
            Some((node, side.clone()))
        });
        Measured {
            end,
            flows: flows.collect(),
            sides: sides.collect(),
            links,
            boxes,
            names,
            tally,
            breaches: breaches
                .iter()
                .map(|breach| (breach.invariant, breach.to_string()))
                .collect(),
        }
    }

    /// All metrics of the whole run, by name: `alice.video.on_time`, `alice>server.queue.delay.p95`.
    pub fn all(&self) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        let mut put = |subject: &str, of: Subject, metrics: &[&str]| {
            for metric in metrics {
                if let Some(value) = self.value(metric, of, Window::Whole) {
                    let name = match subject {
                        "" => (*metric).to_owned(),
                        subject => format!("{subject}.{metric}"),
                    };
                    all.push((name, value));
                }
            }
        };
        put("", Subject::Run, &[RUN, &counts()].concat());
        for node in self.sides.keys() {
            put(&self.names[*node], Subject::Node(*node), NODE);
        }
        for (node, own) in &self.boxes {
            // What was never refused is not named: there are many causes.
            let all = metrics_of_box(own.mappings.is_some()).iter().copied();
            let seen = all.filter(|metric| match metric.strip_prefix("refused.") {
                Some(cause) => own.refused.iter().any(|(_, known)| is_cause(known, cause)),
                None => true,
            });
            let seen: Vec<&str> = seen.collect();
            put(&self.names[*node], Subject::Node(*node), &seen);
        }
        for (number, flow) in self.flows.iter().enumerate() {
            put(&flow.name, Subject::Flow(number), flow.metrics());
        }
        for ((from, to), line) in &self.links {
            let link = duet_sim::LinkRef {
                from: *from,
                to: *to,
                both: false,
            };
            put(&line.name, Subject::Link(link), LINK);
        }
        all
    }

    /// What reports say of each flow.
    pub(super) fn flow_reports(&self, scenario: &Scenario) -> Vec<FlowReport> {
        let flows = self.flows.iter().zip(&scenario.flows).enumerate();
        let reports = flows.map(|(number, (measured, flow))| {
            let metrics = measured.metrics().iter().filter_map(|metric| {
                let value = self.value(metric, Subject::Flow(number), Window::Whole)?;
                Some(((*metric).to_owned(), value))
            });
            let media = MediaKeys::of(scenario, flow).ok();
            let media = media.filter(|_| matches!(flow.kind, FlowKind::Media(_)));
            FlowReport {
                name: flow.name.clone(),
                kind: flow.kind.to_string(),
                from: self.names[flow.from].clone(),
                to: self.names[flow.to].clone(),
                controller: media.map(|keys| keys.controller.name.to_owned()),
                metrics: metrics.collect(),
                ..measured.over_time(self.end)
            }
        });
        reports.collect()
    }

    /// The intervals of a window, as far as they lie in the run: ascending, none of them empty.
    fn intervals(&self, of: Subject, window: Window) -> Vec<(Time, Time)> {
        let mut intervals = match window {
            Window::Whole => vec![(Time::ZERO, self.end)],
            Window::Span(from, to) => vec![(from, to.min(self.end))],
            Window::Static => {
                let mut edges = vec![Time::ZERO, self.end];
                for line in self.lines(of) {
                    let steps = line.capacity.iter().map(|step| step.at);
                    edges.extend(steps.filter(|at| *at < self.end));
                }
                edges.sort_unstable();
                edges.dedup();
                let pairs = edges.windows(2).map(|pair| (pair[0], pair[1]));
                let (part, of) = SETTLING;
                pairs
                    .map(|(from, to)| (from.after(to.since(from) * part / of), to))
                    .collect()
            }
        };
        intervals.retain(|(from, to)| from < to);
        intervals
    }

    fn lines(&self, of: Subject) -> Vec<&Line> {
        match of {
            Subject::Link(link) => {
                let ways = link.directions();
                ways.filter_map(|way| self.links.get(&way)).collect()
            }
            _ => self.links.values().collect(),
        }
    }

    fn link(&self, metric: &str, of: Subject, window: Window) -> Option<f64> {
        let intervals = self.intervals(of, window);
        let inside = |at: Time| within(&intervals, at);
        let seconds: f64 = spans(&intervals);
        let lines = self.lines(of);
        if lines.is_empty() || intervals.is_empty() {
            return None;
        }
        let journeys = || {
            let journeys = lines.iter().flat_map(|line| &line.journeys);
            journeys.filter(|journey| inside(journey.left))
        };
        let arrived = |journey: &&Journey| matches!(journey.fate, Fate::Delivered { .. });
        match metric {
            "packets" => Some(journeys().count() as f64),
            "rate" => {
                let bytes: u64 = journeys().filter(arrived).map(|journey| journey.size).sum();
                Some(bytes as f64 * 8.0 / seconds)
            }
            "loss" => {
                let lost = journeys().filter(|journey| !arrived(journey)).count();
                let all = journeys().count();
                (all > 0).then(|| lost as f64 / all as f64)
            }
            "capacity" => {
                let rates = lines
                    .iter()
                    .map(|line| capacity(&line.capacity, &intervals));
                rates.sum::<Option<f64>>()
            }
            "utilisation" => {
                let rate = self.link("rate", of, window)?;
                let capacity = self.link("capacity", of, window)?;
                (capacity > 0.0).then(|| rate / capacity)
            }
            _ => {
                let (of_what, which) = metric.rsplit_once('.')?;
                let values: Vec<f64> = match of_what {
                    "queue.delay" => journeys()
                        .filter(arrived)
                        .map(|journey| journey.started.since(journey.offered).as_secs_f64())
                        .collect(),
                    "delay" => journeys()
                        .filter_map(|journey| match journey.fate {
                            Fate::Delivered { at } => Some(at.since(journey.offered).as_secs_f64()),
                            Fate::Lost { .. } => None,
                        })
                        .collect(),
                    _ => return None,
                };
                summary(values, which)
            }
        }
    }

    fn node(&self, metric: &str, node: usize, window: Window) -> Option<f64> {
        let side = self.sides.get(&node)?;
        let intervals = self.intervals(Subject::Run, window);
        if intervals.is_empty() {
            return None;
        }
        let inside = |picture: &&Picture| {
            let at = Time::from_nanos((picture.captured_ms * 1e6) as u64);
            within(&intervals, at)
        };
        let pictures: Vec<&Picture> = side.judged().filter(inside).collect();
        let count = pictures.len() as f64;
        let share = |n: usize| (count > 0.0).then(|| n as f64 / count);
        let delays = || {
            let delays = pictures.iter().filter_map(|picture| picture.delay_ms);
            delays.map(|millis| millis / 1e3).collect()
        };
        match metric {
            "video.sent" => Some(side.pictures.iter().filter(inside).count() as f64),
            "video.shown" => {
                let shown = pictures.iter().filter(|picture| picture.delay_ms.is_some());
                share(shown.count())
            }
            "video.on_time" => {
                let in_time = |delay: f64| delay <= ON_TIME_MS;
                let pictures = pictures
                    .iter()
                    .filter(|picture| picture.intact && picture.delay_ms.is_some_and(in_time));
                share(pictures.count())
            }
            "video.psnr" => {
                let values: Vec<f64> = pictures
                    .iter()
                    .filter_map(|picture| picture.psnr_db)
                    .collect();
                summary(values, "mean")
            }
            "audio.shown" => {
                let (sent, shown) = side.blocks;
                (sent > 0).then(|| shown as f64 / sent as f64)
            }
            "call.duration" => {
                let (from, to) = (side.started_ms?, side.ended_ms?);
                Some((to - from) / 1e3)
            }
            _ => match metric.rsplit_once('.') {
                Some(("video.delay", which)) => summary(delays(), which),
                _ => None,
            },
        }
    }

    fn middlebox(&self, metric: &str, own: &Middlebox, window: Window) -> Option<f64> {
        let intervals = self.intervals(Subject::Run, window);
        let count = |fits: &dyn Fn(&str) -> bool| {
            let refused = own.refused.iter();
            let refused = refused.filter(|(at, cause)| within(&intervals, *at) && fits(cause));
            (!intervals.is_empty()).then(|| refused.count() as f64)
        };
        match metric {
            "mappings" => own.mappings.map(|made| made as f64),
            "refused" => count(&|_| true),
            metric => {
                let cause = metric.strip_prefix("refused.")?;
                count(&|known| is_cause(known, cause))
            }
        }
    }

    fn run(&self, metric: &str) -> Option<f64> {
        match metric {
            "breaches" => Some(self.breaches.len() as f64),
            metric => self.tally.named(metric).map(|count| count as f64),
        }
    }
}

/// Whether a packet may arrive twice: by what a link does from the beginning, or by a fault.
fn copies(scenario: &Scenario) -> bool {
    let none = duet_sim::LinkConfig::default().duplicate;
    let mut ways = scenario.links.iter().flat_map(|link| link.directions());
    ways.any(|(.., config)| config.duplicate != none)
        || scenario.faults.iter().any(|fault| match &fault.kind {
            FaultKind::Link { set, .. } | FaultKind::Handover { set, .. } => {
                set.duplicate.is_some()
            }
            _ => false,
        })
}

impl Metrics for Measured {
    fn value(&self, metric: &str, of: Subject, window: Window) -> Option<f64> {
        match of {
            Subject::Run => self.run(metric).or_else(|| self.link(metric, of, window)),
            Subject::Node(node) => match self.boxes.get(&node) {
                Some(own) => self.middlebox(metric, own, window),
                None => self.node(metric, node, window),
            },
            Subject::Flow(flow) => {
                let intervals = self.intervals(Subject::Run, window);
                self.flows.get(flow)?.value(metric, &intervals)
            }
            Subject::Link(_) => self.link(metric, of, window),
        }
    }

    fn unit(&self, metric: &str) -> Unit {
        unit(metric)
    }

    fn names(&self) -> Vec<String> {
        let flows = [MEDIA, UDP, TCP, ON_OFF].concat();
        let metrics = [RUN, &counts(), NODE, NAT, FIREWALL, &flows, LINK].concat();
        let invariants = Invariant::ALL.iter().map(|(invariant, _)| invariant.name());
        metrics
            .into_iter()
            .chain(invariants)
            .map(str::to_owned)
            .collect()
    }

    fn invariant(&self, name: &str) -> Option<Result<(), String>> {
        let known = Invariant::ALL
            .iter()
            .find(|(known, _)| known.name() == name);
        let (invariant, _) = known?;
        let broken = self.breaches.iter().find(|(broken, _)| broken == invariant);
        Some(match broken {
            Some((_, text)) => Err(text.clone()),
            None => Ok(()),
        })
    }
}

/// Seconds that intervals last together.
pub(super) fn spans(intervals: &[(Time, Time)]) -> f64 {
    let spans = intervals
        .iter()
        .map(|(from, to)| to.since(*from).as_secs_f64());
    spans.sum()
}

/// Whether an instant is in one of the intervals, which are ascending.
pub(super) fn within(intervals: &[(Time, Time)], at: Time) -> bool {
    let next = intervals.partition_point(|(_, to)| *to <= at);
    intervals.get(next).is_some_and(|(from, _)| *from <= at)
}

/// The mean capacity of a link over intervals, in bits per second; none where it has no limit, or one that nobody knows.
fn capacity(steps: &[CapacityStep], intervals: &[(Time, Time)]) -> Option<f64> {
    let (mut bits, mut nanos) = (0_u128, 0_u128);
    for (from, to) in intervals {
        let first = steps.partition_point(|step| step.at <= *from);
        for index in first.saturating_sub(1)..steps.len() {
            let step = steps.get(index)?;
            if step.at >= *to {
                break;
            }
            let end = steps.get(index + 1).map_or(Time::MAX, |next| next.at);
            let lasts = end.min(*to).since(step.at.max(*from)).as_nanos();
            bits += u128::from(step.capacity.bits_per_second()?) * lasts;
            nanos += lasts;
        }
    }
    (nanos > 0).then(|| bits as f64 / nanos as f64)
}

/// The mean, or a quantile: the smallest value that at least so large a share does not exceed. None of no values.
pub(super) fn summary(mut values: Vec<f64>, which: &str) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    if which == "mean" {
        // As distances from the first, so that the mean of equal values is that value.
        let first = *values.first()?;
        let beyond: f64 = values.iter().map(|value| value - first).sum();
        return Some(first + beyond / values.len() as f64);
    }
    let (_, share) = QUANTILES.iter().find(|(name, _)| *name == which)?;
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.clamp(1, values.len()) - 1).copied()
}
