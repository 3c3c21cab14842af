//! Nodes, the links between them, and the course of time.

use std::collections::BTreeMap;

use crate::link::{Fate, Link, LinkConfig};
use crate::log::EventLog;
use crate::node::{Node, NodeId};
use crate::packet::Packet;
use crate::queue::EventQueue;
use crate::time::Time;

/// Steps at one instant after which a world counts as stuck.
const MAX_STEPS_PER_INSTANT: u32 = 10_000;

/// Packets that the nodes may send between two steps before a world counts as stuck.
const MAX_PACKETS_PER_STEP: u32 = 1_000_000;

/// The class of arrivals in the event queue.
const ARRIVAL: u8 = 0;

/// A network in virtual time.
///
/// Time moves only to arrivals and to deadlines that nodes advertise. At one instant, first all arrivals are delivered
/// in order, then the due nodes are woken in the order of their ids, and then all nodes are asked what they transmit,
/// in the order of their ids, until none has more. Equal nodes, links and seeds give equal logs.
#[derive(Debug)]
pub struct World<N: Node> {
    seed: u64,
    now: Time,
    steps: u32,
    nodes: Vec<Named<N>>,
    links: BTreeMap<(NodeId, NodeId), Way<N::Packet>>,
    arrivals: EventQueue<Arrival<N::Packet>>,
    log: EventLog,
}

#[derive(Debug)]
struct Named<N> {
    name: String,
    node: N,
}

#[derive(Debug)]
struct Way<P> {
    name: String,
    link: Link,
    /// Reliable packets that wait for the link to be brought up.
    held: Vec<P>,
}

#[derive(Debug)]
struct Arrival<P> {
    from: NodeId,
    to: NodeId,
    packet: P,
}

impl<N: Node> World<N> {
    /// An empty world at [`Time::ZERO`]. The seed fixes all that is random in it.
    pub fn new(seed: u64) -> World<N> {
        World {
            seed,
            now: Time::ZERO,
            steps: 0,
            nodes: Vec::new(),
            links: BTreeMap::new(),
            arrivals: EventQueue::new(),
            log: EventLog::new(),
        }
    }

    /// A world of two nodes, `"a"` ([`NodeId::A`]) and `"b"` ([`NodeId::B`]), with the same kind of link either way.
    pub fn pair(seed: u64, a: N, b: N, link: LinkConfig) -> World<N> {
        let mut world = World::new(seed);
        let a = world.add_node("a", a);
        let b = world.add_node("b", b);
        world.connect(a, b, link.clone());
        world.connect(b, a, link);
        world
    }

    /// Adds a node.
    ///
    /// # Panics
    ///
    /// If a node of that name exists: names label links and their random streams.
    pub fn add_node(&mut self, name: &str, node: N) -> NodeId {
        assert!(
            self.nodes.iter().all(|other| other.name != name),
            "there are two nodes named {name}"
        );
        let name = name.to_owned();
        self.nodes.push(Named { name, node });
        NodeId(self.nodes.len() - 1)
    }

    /// Adds the link from one node to another: one direction, named `from>to`.
    ///
    /// # Panics
    ///
    /// If either node does not exist, or the link does.
    pub fn connect(&mut self, from: NodeId, to: NodeId, config: LinkConfig) {
        let name = format!("{}>{}", self.name(from), self.name(to));
        assert!(
            !self.links.contains_key(&(from, to)),
            "there are two links {name}"
        );
        let link = Link::new(config, self.seed, &name);
        let held = Vec::new();
        self.links.insert((from, to), Way { name, link, held });
    }

    /// The node with this id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn node(&self, id: NodeId) -> &N {
        &self.nodes[id.0].node
    }

    /// The node with this id, to give it commands. What it transmits in consequence leaves at the next
    /// [`World::flush`] or step, in any case before time moves.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn node_mut(&mut self, id: NodeId) -> &mut N {
        &mut self.nodes[id.0].node
    }

    /// The name of the node with this id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn name(&self, id: NodeId) -> &str {
        &self.nodes[id.0].name
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The log so far.
    pub fn log(&self) -> &EventLog {
        &self.log
    }

    /// Adds a line to the log.
    pub fn note(&mut self, text: &str) {
        self.log.note(self.now, text);
    }

    /// Ends the run and gives its log.
    pub fn finish(self) -> EventLog {
        self.log
    }

    /// Takes one direction of a link down, or up again, and notes it in the log.
    ///
    /// While it is down it drops what it is offered; reliable packets wait and are offered, in order, when it is up.
    ///
    /// # Panics
    ///
    /// If there is no such link.
    pub fn set_down(&mut self, from: NodeId, to: NodeId, down: bool) {
        self.flush();
        let way = self
            .links
            .get_mut(&(from, to))
            .unwrap_or_else(|| panic!("no link leads from node {} to node {}", from.0, to.0));
        way.link.set_down(down);
        let state = if down { "down" } else { "up" };
        self.log.note(self.now, &format!("{} {state}", way.name));
        if !down {
            for packet in core::mem::take(&mut way.held) {
                self.send(from, to, packet);
            }
        }
    }

    /// Asks all nodes, in the order of their ids, for what they transmit, until none has more.
    ///
    /// # Panics
    ///
    /// If a node sends where no link leads, or sends without end.
    pub fn flush(&mut self) {
        let mut sent = 0;
        loop {
            let before = sent;
            for index in 0..self.nodes.len() {
                while let Some((to, packet)) = self.nodes[index].node.transmit(self.now) {
                    sent += 1;
                    assert!(
                        sent <= MAX_PACKETS_PER_STEP,
                        "node {} sends without end at {}",
                        self.nodes[index].name,
                        self.now
                    );
                    self.send(NodeId(index), to, packet);
                }
            }
            if sent == before {
                return;
            }
        }
    }

    /// Moves to the next instant at which anything happens, lets it happen, and says which instant it was; `None` if
    /// nothing will ever happen of itself.
    ///
    /// # Panics
    ///
    /// If time stands still: a node advertises a deadline that has passed 10 000 times at one instant, or packets
    /// go round without delay; further as [`World::flush`].
    pub fn step(&mut self) -> Option<Time> {
        self.flush();
        let next = self.next_at()?;
        if next > self.now {
            self.move_to(next);
        } else {
            self.steps += 1;
            assert!(self.steps <= MAX_STEPS_PER_INSTANT, "{}", self.stuck());
        }
        while let Some((_, arrival)) = self.arrivals.pop_due(self.now) {
            let Arrival { from, to, packet } = arrival;
            self.nodes[to.0].node.receive(self.now, from, packet);
        }
        for Named { node, .. } in &mut self.nodes {
            if node.deadline().is_some_and(|at| at <= self.now) {
                node.wake(self.now);
            }
        }
        self.flush();
        Some(self.now)
    }

    /// Runs all that happens up to and including `end`, then stands at `end`, so that commands can be given there.
    ///
    /// # Panics
    ///
    /// As [`World::step`].
    pub fn run_until(&mut self, end: Time) {
        self.run_while(|_| true, end);
    }

    /// Steps while `condition` holds, at most up to and including `limit`, and says whether it ceased to hold.
    ///
    /// The condition is asked before the first step and after each. If it still holds when there is nothing more to
    /// do until `limit`, the world stands at `limit` and the answer is false: it was awaited in vain.
    ///
    /// # Panics
    ///
    /// As [`World::step`].
    pub fn run_while(
        &mut self,
        mut condition: impl FnMut(&mut World<N>) -> bool,
        limit: Time,
    ) -> bool {
        loop {
            if !condition(self) {
                return true;
            }
            self.flush();
            if self.next_at().is_none_or(|next| next > limit) {
                break;
            }
            self.step();
        }
        if limit > self.now {
            self.move_to(limit);
        }
        false
    }

    /// The next instant at which anything happens; never before now.
    fn next_at(&self) -> Option<Time> {
        let deadlines = self.nodes.iter().filter_map(|named| named.node.deadline());
        let next = deadlines.chain(self.arrivals.next_at()).min()?;
        Some(next.max(self.now))
    }

    fn move_to(&mut self, instant: Time) {
        self.now = instant;
        self.steps = 0;
    }

    fn send(&mut self, from: NodeId, to: NodeId, packet: N::Packet) {
        let Some(way) = self.links.get_mut(&(from, to)) else {
            let to = self.nodes.get(to.0).map_or("nobody", |node| &node.name);
            panic!(
                "node {} sends to {to}, where no link leads",
                self.name(from)
            );
        };
        if way.link.holds(packet.reliable()) {
            way.held.push(packet);
            return;
        }
        let (size, class) = (packet.size(), packet.class());
        let fate = way.link.offer(self.now, size, packet.reliable());
        self.log.packet(self.now, &way.name, class, size, fate);
        if let Fate::Delivered { at } = fate {
            self.arrivals
                .push(at, ARRIVAL, Arrival { from, to, packet });
        }
    }

    /// Why time does not move, for a panic.
    fn stuck(&self) -> String {
        let now = self.now;
        let overdue = |named: &&Named<N>| named.node.deadline().is_some_and(|at| at <= now);
        match self.nodes.iter().find(overdue) {
            Some(named) => format!("node {} does not move past {now}", named.name),
            None => format!("packets go round without delay at {now}"),
        }
    }
}
