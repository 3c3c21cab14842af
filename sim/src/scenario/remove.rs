//! Taking parts of a scenario away, with all that refers to them. What is left is a scenario again.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::expect::{Check, Subject};
use super::fault::FaultKind;
use super::link::{LinkRef, tidy};
use super::{FlowKind, FlowSpec, NodeSpec, Scenario};
use crate::link::Loss;

impl Scenario {
    /// Takes a fault away. Indices past the end change nothing, here and below.
    pub fn remove_fault(&mut self, index: usize) {
        remove(&mut self.faults, index);
    }

    /// Takes a step away.
    pub fn remove_step(&mut self, index: usize) {
        remove(&mut self.steps, index);
    }

    /// Takes an expectation away.
    pub fn remove_expectation(&mut self, index: usize) {
        remove(&mut self.expect, index);
    }

    /// Takes a medium away; its links are no longer shared.
    pub fn remove_medium(&mut self, index: usize) {
        if index >= self.mediums.len() {
            return;
        }
        remove(&mut self.mediums, index);
        for link in &mut self.links {
            link.medium = link.medium.filter(|medium| *medium != index);
            link.medium = link
                .medium
                .map(|medium| medium - usize::from(medium > index));
            let shared = link.medium.is_some();
            link.config = tidy(core::mem::take(&mut link.config), shared);
            link.back = link.back.take().map(|back| tidy(back, shared));
        }
        self.remove_senseless();
    }

    /// Lets a direction of a link lose just these packets, by their numbers, instead of what its models say: before the
    /// queue, and on the air.
    pub fn set_losses(
        &mut self,
        from: usize,
        to: usize,
        losses: BTreeSet<u64>,
        air_losses: BTreeSet<u64>,
    ) {
        let list = |packets: BTreeSet<u64>| match packets.is_empty() {
            true => Loss::None,
            false => Loss::List(packets),
        };
        for link in &mut self.links {
            let config = match &mut link.back {
                _ if (link.from, link.to) == (from, to) => &mut link.config,
                Some(back) if (link.to, link.from) == (from, to) => back,
                _ => continue,
            };
            (config.loss, config.air_loss) = (list(losses), list(air_losses));
            return;
        }
    }

    /// Takes a flow away, and what is expected of it.
    pub fn remove_flow(&mut self, index: usize) {
        self.remove_flows(|gone, _| gone == index);
    }

    /// Takes a link away, both directions, with the faults that it has and what is expected of it. A NAT or firewall that
    /// has its outside there goes too.
    pub fn remove_link(&mut self, index: usize) {
        if index >= self.links.len() {
            return;
        }
        remove(&mut self.links, index);
        let ways: BTreeSet<(usize, usize)> = self
            .links
            .iter()
            .flat_map(|link| link.directions().map(|(from, to, _)| (from, to)))
            .collect();
        let there = |link: LinkRef| link.directions().all(|way| ways.contains(&way));
        self.faults
            .retain(|fault| fault.kind.link().is_none_or(there));
        self.expect
            .retain_mut(|expectation| match &expectation.check {
                Check::Metric {
                    of: Subject::Link(link),
                    ..
                } => there(*link),
                _ => true,
            });
        let boxes = self.nodes.iter().enumerate();
        let lost = boxes.filter(|(index, node)| {
            node.outside().is_some_and(|outside| {
                !ways.contains(&(*index, outside)) && !ways.contains(&(outside, *index))
            })
        });
        let lost = lost.map(|(index, _)| index).collect();
        self.remove_nodes(lost);
        self.remove_senseless();
    }

    /// Takes a node away, with its links and whatever refers to it: flows, faults, steps, expectations, entries of the
    /// script, and arguments of steps and flows that name it. NATs and firewalls that have it outside go too.
    pub fn remove_node(&mut self, index: usize) {
        if index < self.nodes.len() {
            self.remove_nodes(BTreeSet::from([index]));
            self.remove_senseless();
        }
    }

    /// Takes the flows away that have lost their way, or all that took time on it.
    fn remove_senseless(&mut self) {
        let senseless = self.senseless_flows();
        self.remove_flows(|index, _| senseless.contains(&index));
    }

    fn remove_nodes(&mut self, mut gone: BTreeSet<usize>) {
        loop {
            let nodes = self.nodes.iter().enumerate();
            let outside_gone =
                |node: &NodeSpec| node.outside().is_some_and(|node| gone.contains(&node));
            let boxes = nodes.filter(|(index, node)| !gone.contains(index) && outside_gone(node));
            let boxes: Vec<usize> = boxes.map(|(index, _)| index).collect();
            if boxes.is_empty() {
                break;
            }
            gone.extend(boxes);
        }
        if gone.is_empty() {
            return;
        }
        let names: BTreeSet<String> = gone
            .iter()
            .map(|index| self.node_name(*index).to_owned())
            .collect();
        self.remove_flows(|_, flow| {
            gone.contains(&flow.from)
                || gone.contains(&flow.to)
                || matches!(&flow.kind, FlowKind::Media(settings) if names_any(settings, &names))
        });
        let now = |index: usize| {
            let before = gone.range(..index).count();
            (!gone.contains(&index)).then_some(index - before)
        };
        let mut index = 0;
        self.nodes.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        for node in &mut self.nodes {
            if let Some(outside) = node.outside_mut() {
                *outside = now(*outside).unwrap_or_default();
            }
        }
        let both = |from: &mut usize, to: &mut usize| match (now(*from), now(*to)) {
            (Some(a), Some(b)) => {
                (*from, *to) = (a, b);
                true
            }
            _ => false,
        };
        self.links
            .retain_mut(|link| both(&mut link.from, &mut link.to));
        self.flows
            .retain_mut(|flow| both(&mut flow.from, &mut flow.to));
        self.faults.retain_mut(|fault| match &mut fault.kind {
            FaultKind::Partition { from, to, .. } => {
                for side in [&mut *from, &mut *to] {
                    *side = side.iter().filter_map(|node| now(*node)).collect();
                }
                !from.is_empty() && !to.is_empty()
            }
            FaultKind::Outage { link, .. }
            | FaultKind::Link { link, .. }
            | FaultKind::Drop { link, .. } => both(&mut link.from, &mut link.to),
            FaultKind::Crash { node, .. }
            | FaultKind::Handover { node, .. }
            | FaultKind::NatFlush { node }
            | FaultKind::NatRenumber { node } => follow(node, &now),
        });
        self.steps
            .retain_mut(|step| follow(&mut step.who, &now) && !names_any(&step.args, &names));
        self.script.retain(|_, value| !mentions(value, &names));
        self.expect
            .retain_mut(|expectation| match &mut expectation.check {
                Check::Metric { of, .. } => match of {
                    Subject::Node(node) => follow(node, &now),
                    Subject::Link(link) => both(&mut link.from, &mut link.to),
                    Subject::Run | Subject::Flow(_) => true,
                },
                Check::Invariant { .. } => true,
            });
    }

    /// Takes the flows away that are meant, and what is expected of them.
    fn remove_flows(&mut self, mut meant: impl FnMut(usize, &FlowSpec) -> bool) {
        let flows = self.flows.iter().enumerate();
        let gone: BTreeSet<usize> = flows
            .filter(|(index, flow)| meant(*index, flow))
            .map(|(index, _)| index)
            .collect();
        let mut index = 0;
        self.flows.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        self.expect
            .retain_mut(|expectation| match &mut expectation.check {
                Check::Metric {
                    of: Subject::Flow(flow),
                    ..
                } => {
                    let there = !gone.contains(flow);
                    *flow -= gone.range(..*flow).count();
                    there
                }
                _ => true,
            });
    }
}

/// Follows a node to where it is now; says whether it is still there.
fn follow(node: &mut usize, now: &impl Fn(usize) -> Option<usize>) -> bool {
    match now(*node) {
        Some(index) => {
            *node = index;
            true
        }
        None => false,
    }
}

fn remove<T>(parts: &mut Vec<T>, index: usize) {
    if index < parts.len() {
        parts.remove(index);
    }
}

fn names_any(table: &Table, names: &BTreeSet<String>) -> bool {
    table.values().any(|value| mentions(value, names))
}

/// Whether a value is one of these names, at any depth.
fn mentions(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => names.contains(text),
        Value::Array(array) => array.iter().any(|value| mentions(value, names)),
        Value::Table(table) => names_any(table, names),
        _ => false,
    }
}
