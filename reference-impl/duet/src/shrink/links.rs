//! Links that only pass packets on, and no boxes between them.

use std::collections::BTreeSet;
use std::time::Duration;

use duet_sim::net::{FirewallConfig, NatConfig};
use duet_sim::{
    FaultKind, Jitter, LinkConfig, LinkRef, LinkSpec, Loss, QueueConfig, Role, Scenario,
};

use super::Shrinker;

/// Clients, by name, that have no way to the server and back, whatever is done to the network. One that loses its way
/// cannot be logged in, and would fail for no other reason than that.
pub(super) fn stranded(scenario: &Scenario) -> BTreeSet<String> {
    let ways = scenario.links.iter().flat_map(LinkSpec::directions);
    let ways: Vec<(usize, usize)> = ways.map(|(from, to, _)| (from, to)).collect();
    let reached = |forth: bool| {
        let servers = scenario.nodes.iter().enumerate();
        let servers = servers.filter(|(_, node)| node.role == Role::Server);
        let mut reached: BTreeSet<usize> = servers.map(|(index, _)| index).collect();
        let mut todo: Vec<usize> = reached.iter().copied().collect();
        while let Some(node) = todo.pop() {
            for (from, to) in &ways {
                let (here, there) = if forth { (from, to) } else { (to, from) };
                if *here == node && reached.insert(*there) {
                    todo.push(*there);
                }
            }
        }
        reached
    };
    let (to, from) = (reached(true), reached(false));
    let nodes = scenario.nodes.iter().enumerate();
    nodes
        .filter(|(index, node)| {
            node.role == Role::Client && !(to.contains(index) && from.contains(index))
        })
        .map(|(_, node)| node.name.clone())
        .collect()
}

/// Takes routers, NATs and firewalls away whose neighbours can be joined.
pub(super) fn bypass(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    let mut node = shrinker.best.nodes.len();
    while node > 0 {
        node -= 1;
        let Some(own) = shrinker.best.nodes.get(node) else {
            continue;
        };
        if own.role.is_edge() {
            continue;
        }
        for neighbour in neighbours(&shrinker.best, node) {
            let joined = join(&shrinker.best, node, neighbour);
            if joined.is_some_and(|joined| shrinker.keep_by_luck(&joined)) {
                changed = true;
                break;
            }
        }
    }
    changed
}

fn neighbours(scenario: &Scenario, node: usize) -> Vec<usize> {
    let links = scenario.links.iter();
    let all = links.filter_map(|link| match (link.from, link.to) {
        (from, to) if from == node => Some(to),
        (from, to) if to == node => Some(from),
        _ => None,
    });
    all.collect()
}

/// The scenario without a node, whose other neighbours have their links to one of them instead.
fn join(scenario: &Scenario, node: usize, to: usize) -> Option<Scenario> {
    let mut joined = scenario.clone();
    let moved = |end: &mut usize| {
        if *end == node {
            *end = to;
        }
    };
    let between =
        |link: &LinkRef| (link.from, link.to) == (node, to) || (link.from, link.to) == (to, node);
    for link in &mut joined.links {
        if !between(&link.reference()) {
            moved(&mut link.from);
            moved(&mut link.to);
        }
    }
    for fault in &mut joined.faults {
        if let FaultKind::Outage { link, .. }
        | FaultKind::Link { link, .. }
        | FaultKind::Drop { link, .. } = &mut fault.kind
            && !between(link)
        {
            moved(&mut link.from);
            moved(&mut link.to);
        }
    }
    for own in &mut joined.nodes {
        let outside = own.nat.as_mut().map(|nat| &mut nat.outside);
        outside.into_iter().for_each(moved);
        let outside = own.firewall.as_mut().map(|firewall| &mut firewall.outside);
        outside.into_iter().for_each(moved);
    }
    let ways = joined.links.iter().flat_map(LinkSpec::directions);
    let ways: Vec<(usize, usize)> = ways.map(|(from, to, _)| (from, to)).collect();
    let once: BTreeSet<_> = ways.iter().collect();
    if once.len() < ways.len() {
        return None;
    }
    joined.remove_node(node);
    Some(joined)
}

/// Puts links, NATs and firewalls back to what they are by default, as far as that goes.
pub(super) fn simplify(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    // All at once, and then one by one.
    let mut candidate = shrinker.best.clone();
    for link in &mut candidate.links {
        link.config = LinkConfig::default();
        link.back = link.back.as_ref().map(|_| LinkConfig::default());
        link.medium = None;
    }
    candidate.mediums.clear();
    changed |= shrinker.keep_by_luck(&candidate);
    for index in 0..shrinker.best.links.len() {
        changed |= one_link(shrinker, index);
    }
    for index in 0..shrinker.best.nodes.len() {
        let mut candidate = shrinker.best.clone();
        let own = &mut candidate.nodes[index];
        if let Some(nat) = &mut own.nat {
            (nat.config, nat.addresses) = (NatConfig::default(), 1);
        }
        if let Some(firewall) = &mut own.firewall {
            firewall.config = FirewallConfig::default();
        }
        changed |= shrinker.keep(candidate);
    }
    changed
}

/// What a link may do less.
const LESS: &[fn(&mut LinkConfig)] = &[
    |config| *config = LinkConfig::default(),
    |config| {
        *config = LinkConfig {
            delay: config.delay,
            ..LinkConfig::default()
        };
    },
    |config| {
        config.loss = Loss::None;
        config.air_loss = Loss::None;
    },
    |config| config.corrupt = LinkConfig::default().corrupt,
    |config| config.duplicate = LinkConfig::default().duplicate,
    |config| config.reorder = LinkConfig::default().reorder,
    |config| config.jitter = Jitter::default(),
    |config| {
        config.policer = None;
        config.ecn = LinkConfig::default().ecn;
        config.mtu = None;
    },
    |config| {
        config.rates.clear();
        config.trace = None;
        config.on_off = None;
    },
    |config| {
        (config.rate, config.reference) = (None, None);
        config.rates.clear();
        config.queue = QueueConfig::default();
    },
    |config| config.outages.clear(),
    |config| {
        config.delay = Duration::ZERO;
        config.delays.clear();
    },
    |config| config.delay = config.delay.min(Duration::from_millis(10)),
];

fn one_link(shrinker: &mut Shrinker<'_>, index: usize) -> bool {
    let mut changed = false;
    for less in LESS {
        for (forth, back) in [(true, true), (true, false), (false, true)] {
            let mut candidate = shrinker.best.clone();
            let link = &mut candidate.links[index];
            if forth {
                less(&mut link.config);
            }
            if let Some(own) = link.back.as_mut().filter(|_| back) {
                less(own);
            }
            changed |= shrinker.keep(candidate);
        }
    }
    // Both directions alike read better.
    let mut candidate = shrinker.best.clone();
    let link = &mut candidate.links[index];
    if link.back.is_some() {
        link.back = Some(link.config.clone());
        changed |= shrinker.keep(candidate);
    }
    changed
}
