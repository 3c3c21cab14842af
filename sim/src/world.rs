//! Nodes, the links between them, and the course of time.

mod media;

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

use crate::link::{Emitted, Fate, Link, LinkConfig, OutageMode, Rate};
use crate::log::{EventLog, LinkId, Record};
use crate::node::{Node, NodeId};
use crate::queue::{EventQueue, Lane};
use crate::time::Time;

use media::SharedMedium;

/// Steps at one instant after which a world counts as stuck.
const MAX_STEPS_PER_INSTANT: u32 = 10_000;

/// Packets that a node may send between two steps before a world counts as stuck.
const MAX_PACKETS_PER_STEP: u32 = 1_000_000;

/// The classes of events: at one instant, what links do comes before arrivals, and turns on shared media come last.
const LINK: u8 = 0;
const ARRIVAL: u8 = 1;
const MEDIUM: u8 = 2;

/// A network in virtual time.
///
/// Time moves only to events of links, to arrivals and to deadlines that nodes advertise. At one instant, first the links'
/// departures happen and all arrivals are delivered in order, then the due nodes are woken in the order of their ids, and then the nodes
/// are asked what they transmit, in the order of their ids, until none has more. Equal nodes, links and seeds give
/// equal logs.
#[derive(Debug)]
pub struct World<N: Node> {
    seed: u64,
    now: Time,
    steps: u32,
    nodes: Vec<Named<N>>,
    ways: Vec<Way<N::Packet>>,
    /// By the nodes that they join.
    links: BTreeMap<(NodeId, NodeId), usize>,
    media: Vec<SharedMedium>,
    events: EventQueue<Event<N::Packet>>,
    /// When nodes want to be woken; an entry that differs from the node's present deadline is void.
    deadlines: BinaryHeap<Reverse<(Time, usize)>>,
    /// Nodes that something happened to: their deadline may have changed, and they may have something to transmit.
    touched: Vec<usize>,
    captured: Option<Vec<Captured<N::Packet>>>,
    log: EventLog,
}

/// A packet as it was offered to a link; see [`World::capture`].
#[derive(Clone, Debug)]
pub struct Captured<P> {
    /// When.
    pub at: Time,
    /// The link.
    pub link: LinkId,
    /// Its number on that link: together they lead to its record in the log.
    pub number: u64,
    /// The packet.
    pub packet: P,
}

#[derive(Debug)]
struct Named<N> {
    name: String,
    node: N,
    deadline: Option<Time>,
    touched: bool,
}

#[derive(Debug)]
struct Way<P> {
    id: LinkId,
    name: String,
    from: NodeId,
    to: NodeId,
    config: LinkConfig,
    /// Packets are on the heap: a link moves each from stage to stage.
    link: Link<Box<P>>,
    /// The shared medium that it sends on, and its place among those that share it.
    medium: Option<(usize, usize)>,
    offered: u64,
    /// The earliest event that is on its way to the link.
    scheduled: Option<Time>,
    /// What is in the air.
    air: Lane,
}

#[derive(Debug)]
enum Event<P> {
    /// A link wants to be woken.
    Link(usize),
    /// A packet arrives over a link.
    Arrival(usize, Box<P>),
    /// A shared medium is free, or wanted.
    Medium(usize),
}

impl<N: Node> World<N> {
    /// An empty world at [`Time::ZERO`]. The seed fixes all that is random in it.
    pub fn new(seed: u64) -> World<N> {
        World {
            seed,
            now: Time::ZERO,
            steps: 0,
            nodes: Vec::new(),
            ways: Vec::new(),
            links: BTreeMap::new(),
            media: Vec::new(),
            events: EventQueue::new(),
            deadlines: BinaryHeap::new(),
            touched: Vec::new(),
            captured: None,
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
        self.nodes.push(Named {
            name,
            node,
            deadline: None,
            touched: false,
        });
        let id = self.nodes.len() - 1;
        self.touch(id);
        NodeId(id)
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
        self.links.insert((from, to), self.ways.len());
        self.ways.push(Way {
            id: self.log.add_link(&name),
            link: Link::new(config.clone(), self.seed, &name),
            config,
            name,
            from,
            to,
            medium: None,
            offered: 0,
            scheduled: None,
            air: self.events.add_lane(),
        });
    }

    /// The links, by name, with what each does by configuration.
    pub fn links(&self) -> impl Iterator<Item = (&str, &LinkConfig)> {
        self.ways.iter().map(|way| (way.name.as_str(), &way.config))
    }

    /// Keeps every packet that is offered to a link from now on.
    pub fn capture(&mut self) {
        self.captured.get_or_insert_default();
    }

    /// What was captured, in the order in which it was offered.
    pub fn captured(&self) -> &[Captured<N::Packet>] {
        self.captured.as_deref().unwrap_or_default()
    }

    /// Keeps sums only in the log from now on; see [`EventLog::keep_counts_only`].
    pub fn keep_counts_only(&mut self) {
        self.log.keep_counts_only();
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
        self.touch(id.0);
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

    /// When the next thing happens, which is never before now; `None` if nothing ever will of itself.
    ///
    /// # Panics
    ///
    /// As [`World::flush`].
    pub fn next_event_at(&mut self) -> Option<Time> {
        self.flush();
        self.next_at()
    }

    /// Takes the log's records so far; see [`EventLog::take_records`].
    pub fn take_records(&mut self) -> Vec<Record> {
        self.log.take_records()
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
        let state = if down { "down" } else { "up" };
        self.change_link(from, to, state, |link, now| link.set_down(now, down));
    }

    /// Begins an outage on one direction of a link that lasts until further notice, or ends it.
    ///
    /// # Panics
    ///
    /// If there is no such link.
    pub fn set_outage(&mut self, from: NodeId, to: NodeId, outage: Option<OutageMode>) {
        let what = match outage {
            None => "up".to_owned(),
            Some(OutageMode::Drop) => "down".to_owned(),
            Some(mode) => format!("down {mode}"),
        };
        self.change_link(from, to, &what, |link, now| link.set_outage(now, outage));
    }

    /// Changes the rate of one direction of a link; `None` sends in no time.
    ///
    /// # Panics
    ///
    /// If there is no such link.
    pub fn set_rate(&mut self, from: NodeId, to: NodeId, rate: Option<Rate>) {
        let what = match rate {
            Some(rate) => format!("rate {rate}"),
            None => "rate none".to_owned(),
        };
        self.change_link(from, to, &what, |link, now| link.set_rate(now, rate));
    }

    /// Changes the propagation delay of one direction of a link.
    ///
    /// # Panics
    ///
    /// If there is no such link.
    pub fn set_delay(&mut self, from: NodeId, to: NodeId, delay: Duration) {
        let what = format!("delay {} ns", delay.as_nanos());
        self.change_link(from, to, &what, |link, now| link.set_delay(now, delay));
    }

    /// Changes one direction of a link, after all that was sent before has been offered to it, and notes `what` in the
    /// log, behind the link's name.
    ///
    /// # Panics
    ///
    /// If there is no such link.
    pub fn change_link(
        &mut self,
        from: NodeId,
        to: NodeId,
        what: &str,
        change: impl FnOnce(&mut Link<Box<N::Packet>>, Time),
    ) {
        self.flush();
        let index = self.way(from, to);
        let way = &mut self.ways[index];
        self.log.note(self.now, &format!("{} {what}", way.name));
        change(&mut way.link, self.now);
        self.occupy(index);
        self.attend(index);
    }

    fn way(&self, from: NodeId, to: NodeId) -> usize {
        match self.links.get(&(from, to)) {
            Some(index) => *index,
            None => panic!("no link leads from node {} to node {}", from.0, to.0),
        }
    }

    /// Asks the nodes to which anything happened, in the order of their ids, for what they transmit, until they have
    /// no more.
    ///
    /// # Panics
    ///
    /// If a node sends where no link leads, or sends without end.
    pub fn flush(&mut self) {
        self.touched.sort_unstable();
        let touched = core::mem::take(&mut self.touched);
        for &index in &touched {
            let mut sent = 0;
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
            let Named { name, node, .. } = &mut self.nodes[index];
            while let Some(dropped) = node.dropped() {
                self.log.dropped(self.now, name, dropped);
            }
            self.nodes[index].touched = false;
            self.read_deadline(index);
        }
        // Kept for its memory only.
        self.touched = touched;
        self.touched.clear();
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
        while let Some((_, event)) = self.events.pop_due(self.now) {
            match event {
                Event::Link(index) => {
                    let way = &mut self.ways[index];
                    if way.scheduled.is_some_and(|at| at <= self.now) {
                        way.scheduled = None;
                    }
                    way.link.wake(self.now);
                    self.occupy(index);
                    self.attend(index);
                }
                Event::Arrival(index, packet) => {
                    let Way { from, to, .. } = self.ways[index];
                    self.nodes[to.0].node.receive(self.now, from, *packet);
                    self.touch(to.0);
                }
                Event::Medium(index) => self.take_turn(index),
            }
        }
        self.wake_due();
        self.flush();
        Some(self.now)
    }

    /// Wakes the nodes whose deadline has come, in the order of their ids.
    fn wake_due(&mut self) {
        for index in core::mem::take(&mut self.touched) {
            self.nodes[index].touched = false;
            self.read_deadline(index);
            // What it wants to transmit is still to be asked for.
            self.touch(index);
        }
        let mut due = Vec::new();
        while let Some(&Reverse((at, index))) = self.deadlines.peek()
            && at <= self.now
        {
            self.deadlines.pop();
            let named = &mut self.nodes[index];
            if named.deadline == Some(at) {
                named.deadline = None;
                due.push(index);
            }
        }
        due.sort_unstable();
        for index in due {
            self.nodes[index].node.wake(self.now);
            self.touch(index);
        }
    }

    fn touch(&mut self, index: usize) {
        if let Some(named) = self.nodes.get_mut(index)
            && !named.touched
        {
            named.touched = true;
            self.touched.push(index);
        }
    }

    /// Asks a node for its deadline.
    fn read_deadline(&mut self, index: usize) {
        let named = &mut self.nodes[index];
        let deadline = named.node.deadline();
        if deadline != named.deadline {
            named.deadline = deadline;
            if let Some(at) = deadline {
                self.deadlines.push(Reverse((at, index)));
            }
        }
    }

    /// Takes what a link emits, and sees to it that the link is woken.
    fn attend(&mut self, index: usize) {
        let way = &mut self.ways[index];
        while let Some(Emitted { journey, packet }) = way.link.poll() {
            self.log.packet(way.id, journey);
            if let (Fate::Delivered { at }, Some(packet)) = (journey.fate, packet) {
                let arrival = Event::Arrival(index, packet);
                self.events.push_in(way.air, at, ARRIVAL, arrival);
            }
        }
        match way.medium {
            Some((medium, _)) => self.attend_medium(medium),
            None => self.schedule(index),
        }
    }

    /// Sees to it that a link is woken.
    fn schedule(&mut self, index: usize) {
        let way = &mut self.ways[index];
        if let Some(at) = way.link.deadline()
            && way.scheduled.is_none_or(|scheduled| at < scheduled)
        {
            way.scheduled = Some(at);
            self.events.push(at, LINK, Event::Link(index));
        }
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
    fn next_at(&mut self) -> Option<Time> {
        while let Some(&Reverse((at, index))) = self.deadlines.peek()
            && self.nodes[index].deadline != Some(at)
        {
            self.deadlines.pop();
        }
        let deadline = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let next = deadline.into_iter().chain(self.events.next_at()).min()?;
        Some(next.max(self.now))
    }

    fn move_to(&mut self, instant: Time) {
        self.now = instant;
        self.steps = 0;
    }

    fn send(&mut self, from: NodeId, to: NodeId, packet: N::Packet) {
        let Some(&index) = self.links.get(&(from, to)) else {
            let to = self.nodes.get(to.0).map_or("nobody", |node| &node.name);
            panic!(
                "node {} sends to {to}, where no link leads",
                self.name(from)
            );
        };
        let way = &mut self.ways[index];
        if let Some(captured) = &mut self.captured {
            captured.push(Captured {
                at: self.now,
                link: way.id,
                number: way.offered,
                packet: packet.clone(),
            });
        }
        way.offered += 1;
        way.link.offer(self.now, Box::new(packet));
        self.attend(index);
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
