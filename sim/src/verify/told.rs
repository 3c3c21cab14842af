//! What a scenario tells its links: their configurations, and what faults change, when.

use std::collections::BTreeMap;

use super::{Station, Verifier};
use crate::link::LinkConfig;
use crate::scenario::{FaultKind, LinkChange, NodeSpec, Scenario};
use crate::time::Time;

/// A direction of a link: the nodes that it leads from and to.
type Way = (usize, usize);

impl Verifier {
    /// One that knows the links and shared media of a scenario, and how its faults change them.
    pub fn of(scenario: &Scenario) -> Verifier {
        let name = |node: usize| scenario.nodes.get(node).map_or("", |node| &*node.name);
        let label = |(from, to): Way| format!("{}>{}", name(from), name(to));
        let mut present = configured(scenario);
        let mut verifier = Verifier::new();
        for (way, config) in &present {
            verifier = verifier.link(&label(*way), config);
        }
        for (index, node) in scenario.nodes.iter().enumerate() {
            verifier = verifier.station(&node.name, station(scenario, index, node));
        }
        let mut changes = changes(scenario, &present);
        changes.sort_by_key(|(at, ..)| *at);
        for (at, way, set) in changes {
            if let Some(config) = present.get_mut(&way) {
                set.apply_at(at, config);
                verifier = verifier.change(&label(way), at, config);
            }
        }
        for (index, medium) in scenario.mediums.iter().enumerate() {
            let links = scenario.links.iter();
            let on_it = links.filter(|link| link.medium == Some(index));
            let ways = on_it.flat_map(|link| link.directions());
            let labels: Vec<String> = ways.map(|(from, to, _)| label((from, to))).collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            verifier = verifier.medium(&labels, &medium.config);
        }
        verifier
    }
}

/// What stands at a node.
fn station(scenario: &Scenario, index: usize, node: &NodeSpec) -> Station {
    if let Some(nat) = &node.nat {
        return Station::Nat(nat.config.clone());
    }
    if let Some(firewall) = &node.firewall {
        return Station::Firewall(firewall.config.clone());
    }
    if !node.role.is_edge() {
        return Station::Router;
    }
    let cut_off = scenario
        .faults
        .iter()
        .filter_map(|fault| match &fault.kind {
            FaultKind::Partition {
                from, to, lasts, ..
            } if from.contains(&index) || to.contains(&index) => {
                let until = lasts.map_or(Time::MAX, |lasts| fault.at.after(lasts));
                Some((fault.at, until))
            }
            _ => None,
        });
    Station::Host {
        cut_off: cut_off.collect(),
    }
}

/// What each direction is like at the beginning.
fn configured(scenario: &Scenario) -> BTreeMap<Way, LinkConfig> {
    let ways = scenario.links.iter().flat_map(|link| link.directions());
    let mut configs: BTreeMap<Way, LinkConfig> = ways
        .map(|(from, to, config)| ((from, to), config.clone()))
        .collect();
    for fault in &scenario.faults {
        if let FaultKind::Drop { link, packets } = &fault.kind {
            for way in link.directions() {
                if let Some(config) = configs.get_mut(&way) {
                    config.drop.extend(packets);
                }
            }
        }
    }
    configs
}

/// What faults set, when; of one instant, in the order of the faults.
fn changes(scenario: &Scenario, first: &BTreeMap<Way, LinkConfig>) -> Vec<(Time, Way, LinkChange)> {
    let mut changes = Vec::new();
    for fault in &scenario.faults {
        match &fault.kind {
            FaultKind::Link { link, set, lasts } => {
                for way in link.directions() {
                    changes.push((fault.at, way, set.clone()));
                    if let (Some(lasts), Some(before)) = (lasts, first.get(&way)) {
                        changes.push((fault.at.after(*lasts), way, set.undone(before)));
                    }
                }
            }
            FaultKind::Handover {
                node, outage, set, ..
            } if *set != LinkChange::default() => {
                let at = fault.at.after(*outage);
                let own = first.keys().filter(|(from, to)| from == node || to == node);
                changes.extend(own.map(|way| (at, *way, set.clone())));
            }
            _ => {}
        }
    }
    changes
}
