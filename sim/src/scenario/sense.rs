//! What each table may say by itself, and makes no sense in the whole: what never happens, and what never ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::course::Way;
use super::{Fault, FaultKind, FlowKind, FlowSpec, Role, Scenario, ScenarioError};
use crate::link::LinkConfig;
use crate::time::Time;
use crate::units::show_duration;

impl Scenario {
    /// Refuses what never happens (flows that lead nowhere; flows, faults and steps after the end) and what never ends
    /// (TCP where nothing takes time).
    pub(super) fn make_sense(&self) -> Result<(), ScenarioError> {
        self.begin_in_time()?;
        let paths = Paths::new(self);
        self.flows
            .iter()
            .try_for_each(|flow| self.check_flow(flow, &paths))
    }

    /// The flows that lead nowhere, or would never end, by their indices.
    pub(super) fn senseless_flows(&self) -> BTreeSet<usize> {
        let paths = Paths::new(self);
        let flows = self.flows.iter().enumerate();
        let wrong = flows.filter(|(_, flow)| self.check_flow(flow, &paths).is_err());
        wrong.map(|(index, _)| index).collect()
    }

    fn check_flow(&self, flow: &FlowSpec, paths: &Paths<'_>) -> Result<(), ScenarioError> {
        let lost = |from, to, back| {
            let (from, to) = (self.node_name(from), self.node_name(to));
            let message = format!("no way leads {back}from `{from}` to `{to}`");
            let error = self.error_in(flow.place, &["to"], message, None);
            error.with_help("what hosts and NATs have behind them is not passed on")
        };
        let (from, to) = (flow.from, flow.to);
        let forth = paths.path(from, to).ok_or_else(|| lost(from, to, ""))?;
        if !matches!(flow.kind, FlowKind::Tcp(..) | FlowKind::TcpOnOff(..)) {
            return Ok(());
        }
        let back = paths.back(&forth).ok_or_else(|| lost(to, from, "back "))?;
        let mut ways = forth.windows(2).chain(back.windows(2));
        match ways.any(|way| self.takes_time((way[0], way[1]), flow)) {
            true => Ok(()),
            false => Err(self.endless(flow, (forth[0], forth[1]))),
        }
    }

    /// Refuses what begins after the end.
    fn begin_in_time(&self) -> Result<(), ScenarioError> {
        let end = Time::ZERO.after(self.duration);
        let late = |place, key: &str, what: String| {
            let message = format!("{what} begins at the end of the run or after it");
            let error = self.error_in(place, &[key], message, None);
            Err(error.with_help(format!("it ends at {}", show_duration(self.duration))))
        };
        if let Some(flow) = self.flows.iter().find(|flow| flow.start >= end) {
            return late(flow.place, "start", format!("`{}`", flow.name));
        }
        let timed = |fault: &&Fault| !matches!(fault.kind, FaultKind::Drop { .. });
        let mut faults = self.faults.iter().filter(timed);
        if let Some(fault) = faults.find(|fault| fault.at >= end) {
            return late(fault.place, "at", format!("`{}`", fault.id));
        }
        if let Some(step) = self.steps.iter().find(|step| step.at >= end) {
            let path = step.place.path();
            let own = self.steps.iter().filter(|own| own.place.path() == path);
            let key = match own.map(|own| own.at).min() {
                Some(first) if first < end => "apart",
                _ => "at",
            };
            let what = format!("`{}` of `{}`", step.action, self.node_name(step.who));
            return late(step.place, key, what);
        }
        Ok(())
    }

    /// Whether a packet on this direction of a link takes time as long as a flow lasts, whatever faults set.
    fn takes_time(&self, way: Way, flow: &FlowSpec) -> bool {
        let link = self.links.iter().find_map(|link| {
            let mut ways = link.directions();
            let (_, _, config) = ways.find(|(from, to, _)| (*from, *to) == way)?;
            Some((link, config))
        });
        let Some((link, config)) = link else {
            return false;
        };
        let overhead = link.medium.and_then(|medium| self.mediums.get(medium));
        if overhead.is_some_and(|medium| !medium.config.overhead.is_zero()) {
            return true;
        }
        // What the link is like while the flow lasts: as it is at its start, and as it is from each change on.
        let course = self.course(way, config);
        let ended = |index: usize| {
            course
                .get(index + 1)
                .is_some_and(|(at, _)| *at <= flow.start)
        };
        let during = course
            .iter()
            .enumerate()
            .filter(|(index, _)| !ended(*index));
        let mut during = during.map(|(_, (at, config))| (flow.start.max(*at), config));
        during.all(|(from, config)| always_takes_time(config, from))
    }

    fn endless(&self, flow: &FlowSpec, way: Way) -> ScenarioError {
        let link = self.links.iter().find(|link| {
            let mut ways = link.directions();
            ways.any(|(from, to, _)| (from, to) == way)
        });
        let message = format!(
            "`{}` is TCP, and nothing on its way takes time: it would send without end at one instant",
            flow.name
        );
        let place = link.map_or(flow.place, |link| link.place);
        let error = self.error_in(place, &["from"], message, None);
        error.with_help("give this link a `rate` or a `delay`")
    }
}

/// Whether a packet takes time on a link at any time from `start` on.
fn always_takes_time(config: &LinkConfig, start: Time) -> bool {
    let before = config.delays.iter().rev().find(|step| step.at <= start);
    let first = before.map_or(config.delay, |step| step.delay);
    let later = config.delays.iter().filter(|step| step.at > start);
    if !first.is_zero() && later.into_iter().all(|step| !step.delay.is_zero()) {
        return true;
    }
    // Once there is a rate, there is one for ever: what a schedule has is a rate, or a stop.
    let begun = config.rates.iter().any(|step| step.at <= start);
    config.trace.is_some() || config.rate.is_some() || begun
}

/// Ways by the fewest hops, as packets take them.
struct Paths<'s> {
    scenario: &'s Scenario,
    /// For each node, those with a link to it, in the order of the file.
    reached_by: Vec<Vec<usize>>,
}

impl<'s> Paths<'s> {
    fn new(scenario: &'s Scenario) -> Paths<'s> {
        let mut reached_by = vec![Vec::new(); scenario.nodes.len()];
        let ways = scenario.links.iter().flat_map(|link| link.directions());
        for (from, to, _) in ways {
            if let Some(list) = reached_by.get_mut(to) {
                list.push(from);
            }
        }
        Paths {
            scenario,
            reached_by,
        }
    }

    fn role(&self, node: usize) -> Option<Role> {
        self.scenario.nodes.get(node).map(|node| node.role)
    }

    /// The neighbour outside of a NAT.
    fn outside(&self, node: usize) -> Option<usize> {
        let nat = self.scenario.nodes.get(node)?.nat.as_ref()?;
        Some(nat.outside)
    }

    /// The nodes on the way, both ends among them. What is inside of a NAT is not to be reached from outside.
    fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut next: BTreeMap<usize, usize> = BTreeMap::from([(to, to)]);
        let mut edge = VecDeque::from([to]);
        while let Some(node) = edge.pop_front() {
            if node == from {
                let hop = |node: &usize| (*node != to).then(|| next.get(node).copied()).flatten();
                return Some(core::iter::successors(Some(from), hop).collect());
            }
            let hidden = self.outside(node).filter(|_| node != to);
            let edges = self.role(node).is_some_and(Role::is_edge);
            if edges && node != to {
                continue;
            }
            for before in self.reached_by.get(node).into_iter().flatten() {
                if hidden != Some(*before) && !next.contains_key(before) {
                    next.insert(*before, node);
                    edge.push_back(*before);
                }
            }
        }
        None
    }

    /// The way of answers: to the NATs that a path goes out by, one after the other, and to its beginning.
    fn back(&self, forth: &[usize]) -> Option<Vec<usize>> {
        let (first, last) = (forth.first()?, forth.last()?);
        let goes_out = |pair: &&[usize]| self.outside(pair[0]) == Some(pair[1]);
        let nats = forth.windows(2).filter(goes_out).map(|pair| pair[0]);
        let seen: Vec<usize> = core::iter::once(*first).chain(nats).collect();
        let mut back = vec![*last];
        for node in seen.into_iter().rev() {
            let from = *back.last()?;
            back.extend(self.path(from, node)?.into_iter().skip(1));
        }
        Some(back)
    }
}
