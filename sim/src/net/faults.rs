//! A scenario's faults, as they happen to its network.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use crate::link::{LinkConfig, OutageMode};
use crate::net::build::external;
use crate::net::host::Host;
use crate::net::network::Network;
use crate::node::NodeId;
use crate::scenario::{Fault, FaultKind, Scenario};
use crate::time::Time;

/// All that goes wrong in a scenario, in the order of time.
#[derive(Clone, Debug)]
pub struct Faults {
    changes: Vec<(Time, Change)>,
    next: usize,
    /// How faults keep each direction of a link down at present; the last one decides.
    down: BTreeMap<(usize, usize), Vec<OutageMode>>,
    /// Numbers the addresses that NATs are given.
    renumbered: BTreeMap<usize, u16>,
}

/// What is to be done to a program, by whoever runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramFault {
    /// Kill what runs on this node.
    Crash(NodeId),
    /// Start it again.
    Restart(NodeId),
}

#[derive(Clone, Debug)]
enum Change {
    Down(Vec<(usize, usize)>, OutageMode),
    Up(Vec<(usize, usize)>, OutageMode),
    Block(Vec<usize>, Vec<usize>),
    Unblock(Vec<usize>, Vec<usize>),
    Configure((usize, usize), Box<LinkConfig>),
    Readdress(usize),
    Flush(usize),
    Renumber(usize),
    Crash(usize),
    Restart(usize),
}

impl Faults {
    /// The faults of a scenario.
    pub fn of(scenario: &Scenario) -> Faults {
        let mut changes = Vec::new();
        for (way, course) in scenario.courses() {
            let later = course.into_iter().skip(1);
            changes
                .extend(later.map(|(at, config)| (at, Change::Configure(way, Box::new(config)))));
        }
        for fault in &scenario.faults {
            plan(scenario, fault, &mut changes);
        }
        // Of what happens at once a link first becomes another, and then comes up.
        changes.sort_by_key(|(at, _)| *at);
        Faults {
            changes,
            next: 0,
            down: BTreeMap::new(),
            renumbered: BTreeMap::new(),
        }
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Time> {
        self.changes.get(self.next).map(|(at, _)| *at)
    }

    /// When the last thing happens; the beginning if nothing does.
    pub fn last_at(&self) -> Time {
        self.changes.last().map_or(Time::ZERO, |(at, _)| *at)
    }

    /// Lets all happen that is due, and says what is to be done to programs, in order.
    pub fn apply<H: Host>(&mut self, network: &mut Network<H>) -> Vec<ProgramFault> {
        let mut programs = Vec::new();
        let now = network.world().now();
        while let Some((at, change)) = self.changes.get(self.next).cloned()
            && at <= now
        {
            self.next += 1;
            self.change(network, change, &mut programs);
        }
        programs
    }

    fn change<H: Host>(
        &mut self,
        network: &mut Network<H>,
        change: Change,
        programs: &mut Vec<ProgramFault>,
    ) {
        match change {
            Change::Down(ways, mode) => {
                for way in ways {
                    let modes = self.down.entry(way).or_default();
                    let before = modes.last().copied();
                    modes.push(mode);
                    if before != Some(mode) {
                        set_outage(network, way, Some(mode));
                    }
                }
            }
            Change::Up(ways, mode) => {
                for way in ways {
                    let modes = self.down.entry(way).or_default();
                    let before = modes.last().copied();
                    if let Some(index) = modes.iter().rposition(|known| *known == mode) {
                        modes.remove(index);
                    }
                    let after = modes.last().copied();
                    if before != after {
                        set_outage(network, way, after);
                    }
                }
            }
            Change::Block(from, to) => block(network, &from, &to, true),
            Change::Unblock(from, to) => block(network, &from, &to, false),
            Change::Configure(way, config) => reconfigure(network, way, &config),
            Change::Readdress(node) => {
                network.readdress(NodeId(node));
            }
            Change::Flush(node) => {
                let name = network.world().name(NodeId(node)).to_owned();
                network
                    .world_mut()
                    .note(&format!("{name} forgets its mappings"));
                network.nat_mut(NodeId(node)).flush();
            }
            Change::Renumber(node) => {
                let times = self.renumbered.entry(node).or_insert(0);
                *times += 1;
                let count = network.world().node(NodeId(node)).addresses().len() as u16;
                // The next addresses of its block that it has not had.
                let all = external(node, count.saturating_mul(*times + 1));
                let fresh = all[all.len() - usize::from(count)..].to_vec();
                network.renumber(NodeId(node), fresh);
            }
            Change::Crash(node) => programs.push(ProgramFault::Crash(NodeId(node))),
            Change::Restart(node) => programs.push(ProgramFault::Restart(NodeId(node))),
        }
    }
}

/// What a fault comes to, and when.
fn plan(scenario: &Scenario, fault: &Fault, changes: &mut Vec<(Time, Change)>) {
    let at = fault.at;
    match &fault.kind {
        FaultKind::Partition {
            from,
            to,
            both,
            lasts,
        } => {
            let mut sides = vec![(from, to)];
            if *both {
                sides.push((to, from));
            }
            for (from, to) in sides {
                changes.push((at, Change::Block(from.clone(), to.clone())));
                if let Some(lasts) = lasts {
                    let end = at.after(*lasts);
                    changes.push((end, Change::Unblock(from.clone(), to.clone())));
                }
            }
        }
        FaultKind::Outage { link, lasts, mode } => {
            let ways: Vec<_> = link.directions().collect();
            changes.push((at, Change::Down(ways.clone(), *mode)));
            if let Some(lasts) = lasts {
                changes.push((at.after(*lasts), Change::Up(ways, *mode)));
            }
        }
        FaultKind::Crash {
            node,
            restart_after,
        } => {
            changes.push((at, Change::Crash(*node)));
            if let Some(after) = restart_after {
                changes.push((at.after(*after), Change::Restart(*node)));
            }
        }
        FaultKind::Handover {
            node,
            outage,
            mode,
            new_address,
            ..
        } => {
            let links = scenario.links.iter();
            let own = links.filter(|link| link.from == *node || link.to == *node);
            let ways: Vec<_> = own.flat_map(|link| link.reference().directions()).collect();
            let end = at.after(*outage);
            changes.push((at, Change::Down(ways.clone(), *mode)));
            if *new_address {
                changes.push((end, Change::Readdress(*node)));
            }
            changes.push((end, Change::Up(ways, *mode)));
        }
        FaultKind::NatFlush { node } => changes.push((at, Change::Flush(*node))),
        FaultKind::NatRenumber { node } => changes.push((at, Change::Renumber(*node))),
        // They are in the links' courses.
        FaultKind::Link { .. } | FaultKind::Drop { .. } => {}
    }
}

fn set_outage<H: Host>(
    network: &mut Network<H>,
    (from, to): (usize, usize),
    outage: Option<OutageMode>,
) {
    let world = network.world_mut();
    world.set_outage(NodeId(from), NodeId(to), outage);
}

fn reconfigure<H: Host>(network: &mut Network<H>, (from, to): (usize, usize), config: &LinkConfig) {
    let mut what = "is now".to_owned();
    let _ = match config.rate {
        Some(rate) => write!(what, " {rate},"),
        None => write!(what, " without a rate,"),
    };
    let _ = write!(what, " {} ms", config.delay.as_secs_f64() * 1e3);
    let world = network.world_mut();
    world.change_link(NodeId(from), NodeId(to), &what, |link, now| {
        link.reconfigure(now, config.clone());
    });
}

/// Lets nothing more pass from some hosts to others, or lets it again.
fn block<H: Host>(network: &mut Network<H>, from: &[usize], to: &[usize], blocked: bool) {
    let names = |network: &Network<H>, nodes: &[usize]| {
        let names: Vec<&str> = nodes
            .iter()
            .map(|node| network.world().name(NodeId(*node)))
            .collect();
        names.join(", ")
    };
    let state = if blocked {
        "nothing passes"
    } else {
        "all passes again"
    };
    let note = format!(
        "{state} from {} to {}",
        names(network, from),
        names(network, to)
    );
    network.world_mut().note(&note);
    for one in from {
        for other in to {
            network.block(NodeId(*one), NodeId(*other), blocked);
        }
    }
}
