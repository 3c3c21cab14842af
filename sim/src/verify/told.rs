//! What a scenario tells its links: their configurations, and what faults change, when.

use super::{Station, Verifier};
use crate::scenario::{FaultKind, NodeSpec, Scenario, Way};
use crate::time::Time;

impl Verifier {
    /// One that knows the links and shared media of a scenario, and how its faults change them.
    pub fn of(scenario: &Scenario) -> Verifier {
        let name = |node: usize| scenario.nodes.get(node).map_or("", |node| &*node.name);
        let label = |(from, to): Way| format!("{}>{}", name(from), name(to));
        let courses = scenario.courses();
        let mut verifier = Verifier::new();
        for (way, course) in &courses {
            if let Some((_, first)) = course.first() {
                verifier = verifier.link(&label(*way), first);
            }
        }
        for (index, node) in scenario.nodes.iter().enumerate() {
            verifier = verifier.station(&node.name, station(scenario, index, node));
        }
        let later = courses.iter().flat_map(|(way, course)| {
            let later = course.iter().skip(1);
            later.map(move |(at, config)| (*at, *way, config))
        });
        let mut later: Vec<_> = later.collect();
        later.sort_by_key(|(at, ..)| *at);
        for (at, way, config) in later {
            verifier = verifier.change(&label(way), at, config);
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
