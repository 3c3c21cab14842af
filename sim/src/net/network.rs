//! Hosts, routers and boxes, the links between them, and how datagrams find their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use crate::link::LinkConfig;
use crate::net::firewall::Firewall;
use crate::net::host::Host;
use crate::net::nat::Nat;
use crate::net::station::{Element, Station};
use crate::node::NodeId;
use crate::world::World;

/// The address of node 0 is the one after this; the others follow.
const NETWORK: u32 = u32::from_be_bytes([10, 0, 0, 0]);

/// The first address that a handover gives is the one after this.
const HANDOVERS: u32 = u32::from_be_bytes([10, 128, 0, 0]);

/// The address that a node has at first: 10.0.0.1 for node 0, and so on.
pub fn address_of(node: NodeId) -> IpAddr {
    let host = u32::try_from(node.0).unwrap_or(u32::MAX);
    Ipv4Addr::from_bits(NETWORK.saturating_add(host).saturating_add(1)).into()
}

/// An IP world: [`Station`]s in a [`World`], with routes by the fewest hops.
///
/// After nodes and links have been added, [`Network::reroute`] once; the network does so itself after what it changes.
/// Hosts pass nothing on, and what is inside of a NAT has no route from outside.
#[derive(Debug)]
pub struct Network<H: Host> {
    world: World<Station<H>>,
    /// The neighbours of each node: those that it has a link to.
    neighbours: Vec<Vec<NodeId>>,
    /// The one neighbour by which a host with several goes out and is reached, if it has chosen one.
    uplinks: BTreeMap<NodeId, NodeId>,
    handovers: u32,
    /// Pairs of hosts between which nothing passes from the first to the second.
    blocked: BTreeSet<(NodeId, NodeId)>,
}

impl<H: Host> Network<H> {
    /// A network without nodes. The seed fixes all that is random in it.
    pub fn new(seed: u64) -> Network<H> {
        Network {
            world: World::new(seed),
            neighbours: Vec::new(),
            uplinks: BTreeMap::new(),
            handovers: 0,
            blocked: BTreeSet::new(),
        }
    }

    /// Adds a host, with the address [`address_of`] its node.
    ///
    /// # Panics
    ///
    /// If a node of that name exists; so for the others.
    pub fn add_host(&mut self, name: &str, host: H) -> NodeId {
        self.add(name, Element::Host(host))
    }

    /// Adds a router.
    pub fn add_router(&mut self, name: &str) -> NodeId {
        self.add(name, Element::Router)
    }

    /// Adds a NAT. `outside` is the neighbour outside, which may be added and connected later; its external addresses
    /// are those that it was made with.
    pub fn add_nat(&mut self, name: &str, nat: Nat, outside: NodeId) -> NodeId {
        let addresses = nat.external().iter().copied().map(IpAddr::V4).collect();
        let nat = Box::new(nat);
        let id = self.add(name, Element::Nat { nat, outside });
        self.world.node_mut(id).set_addresses(addresses);
        id
    }

    /// Adds a firewall. `outside` is the neighbour outside, which may be added and connected later.
    pub fn add_firewall(&mut self, name: &str, firewall: Firewall, outside: NodeId) -> NodeId {
        let firewall = Box::new(firewall);
        self.add(name, Element::Firewall { firewall, outside })
    }

    fn add(&mut self, name: &str, element: Element<H>) -> NodeId {
        let addresses = vec![address_of(NodeId(self.neighbours.len()))];
        self.neighbours.push(Vec::new());
        self.world.add_node(name, Station::new(element, addresses))
    }

    /// Adds the link from one node to another: one direction.
    ///
    /// # Panics
    ///
    /// If either node does not exist, or the link does.
    pub fn connect(&mut self, from: NodeId, to: NodeId, config: LinkConfig) {
        self.world.connect(from, to, config);
        self.neighbours[from.0].push(to);
    }

    /// The world, to look at.
    pub fn world(&self) -> &World<Station<H>> {
        &self.world
    }

    /// The world, to run and to change.
    pub fn world_mut(&mut self) -> &mut World<Station<H>> {
        &mut self.world
    }

    /// The world, at the end of the run.
    pub fn into_world(self) -> World<Station<H>> {
        self.world
    }

    /// Whether some station has this address at present.
    pub fn has(&self, address: IpAddr) -> bool {
        let mut nodes = (0..self.neighbours.len()).map(NodeId);
        nodes.any(|node| self.world.node(node).addresses().contains(&address))
    }

    /// The host at a node.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn host(&self, node: NodeId) -> &H {
        match self.world.node(node).host() {
            Some(host) => host,
            None => panic!("node {} is no host", self.world.name(node)),
        }
    }

    /// The host at a node, to give it commands; what it transmits leaves at the next step.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn host_mut(&mut self, node: NodeId) -> &mut H {
        let name = self.world.name(node).to_owned();
        match self.world.node_mut(node).host_mut() {
            Some(host) => host,
            None => panic!("node {name} is no host"),
        }
    }

    /// The NAT at a node, to flush or reboot it.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn nat_mut(&mut self, node: NodeId) -> &mut Nat {
        let name = self.world.name(node).to_owned();
        match self.world.node_mut(node).element_mut() {
            Element::Nat { nat, .. } => nat,
            _ => panic!("node {name} is no NAT"),
        }
    }

    /// Gives a NAT other external addresses; see [`Nat::renumber`].
    ///
    /// # Panics
    ///
    /// If there is none at that node.
    pub fn renumber(&mut self, node: NodeId, external: Vec<Ipv4Addr>) {
        let addresses = external.iter().copied().map(IpAddr::V4).collect();
        self.nat_mut(node).renumber(external);
        self.set_addresses(node, addresses);
    }

    /// Lets a host with several neighbours go out, and be reached, by one of them only.
    pub fn set_uplink(&mut self, host: NodeId, neighbour: NodeId) {
        self.uplinks.insert(host, neighbour);
        self.reroute();
    }

    /// Gives a host an address that nobody has had, by which alone it is reached from now on, and says which. What is
    /// still under way to the old one is lost at the end.
    pub fn readdress(&mut self, host: NodeId) -> IpAddr {
        self.handovers += 1;
        let address = IpAddr::V4(Ipv4Addr::from_bits(HANDOVERS + self.handovers));
        self.set_addresses(host, vec![address]);
        address
    }

    /// Gives a station other addresses, and all others routes to them.
    pub fn set_addresses(&mut self, node: NodeId, addresses: Vec<IpAddr>) {
        let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let note = format!("{} is now {}", self.world.name(node), list.join(", "));
        self.world.note(&note);
        self.world.node_mut(node).set_addresses(addresses);
        let pairs: Vec<(NodeId, NodeId)> = self.blocked.iter().copied().collect();
        for (from, to) in pairs {
            self.read_blocked(from);
            self.read_blocked(to);
        }
        self.reroute();
    }

    /// Lets nothing more pass from one host to another, whatever lies between, or lets it pass again. What is under way
    /// is lost. Of two hosts one has to see the other's own address: between two NATs there is no telling who it is.
    pub fn block(&mut self, from: NodeId, to: NodeId, blocked: bool) {
        match blocked {
            true => self.blocked.insert((from, to)),
            false => self.blocked.remove(&(from, to)),
        };
        for node in [from, to] {
            self.read_blocked(node);
        }
    }

    /// Tells a station whom it does not reach, and who does not reach it.
    fn read_blocked(&mut self, node: NodeId) {
        let addresses = |others: Vec<NodeId>| -> BTreeSet<IpAddr> {
            let others = others.iter().map(|other| self.world.node(*other));
            others
                .flat_map(|other| other.addresses())
                .copied()
                .collect()
        };
        let pairs = self.blocked.iter();
        let to = pairs
            .clone()
            .filter(|(from, _)| *from == node)
            .map(|(_, to)| *to);
        let from = pairs.filter(|(_, to)| *to == node).map(|(from, _)| *from);
        let (to, from) = (addresses(to.collect()), addresses(from.collect()));
        self.world.node_mut(node).set_blocked(to, from);
    }

    /// Finds all routes anew: the fewest hops, and among equals the neighbour that was connected first.
    pub fn reroute(&mut self) {
        self.world.flush();
        let nodes = self.neighbours.len();
        let mut reached_by = vec![Vec::new(); nodes];
        for (from, neighbours) in self.neighbours.iter().enumerate() {
            // Who has a default route needs no other, and passes nothing on.
            if self.default_route(NodeId(from)).is_none() {
                for to in neighbours {
                    reached_by[to.0].push(NodeId(from));
                }
            }
        }
        for node in (0..nodes).map(NodeId) {
            let default = self.default_route(node);
            let routes = self.world.node_mut(node).routes_mut();
            routes.to.clear();
            routes.default = default;
        }
        for target in (0..nodes).map(NodeId) {
            let addresses = self.world.node(target).addresses().to_vec();
            let hops = self.hops_to(target, &reached_by);
            for (from, next) in hops {
                let routes = self.world.node_mut(from).routes_mut();
                for address in &addresses {
                    routes.to.insert(*address, next);
                }
            }
        }
    }

    /// Where all goes that a station has no other route for: a host's only neighbour, or the one that it has chosen.
    fn default_route(&self, node: NodeId) -> Option<NodeId> {
        let Element::Host(_) = self.world.node(node).element() else {
            return None;
        };
        match (self.uplinks.get(&node), self.neighbours[node.0].as_slice()) {
            (Some(uplink), _) => Some(*uplink),
            (None, [only]) => Some(*only),
            (None, _) => None,
        }
    }

    /// The next hop towards a target, from each node that has a way to it and does not know it by default.
    fn hops_to(&self, target: NodeId, reached_by: &[Vec<NodeId>]) -> Vec<(NodeId, NodeId)> {
        let mut seen = vec![false; reached_by.len()];
        seen[target.0] = true;
        let mut hops = Vec::new();
        let mut edge = VecDeque::from([target]);
        while let Some(next) = edge.pop_front() {
            // What lies inside of a NAT is not to be reached from outside; the NAT itself is.
            let hidden = match self.world.node(next).element() {
                Element::Nat { outside, .. } if next != target => Some(*outside),
                _ => None,
            };
            for &from in &reached_by[next.0] {
                let uplink = |host: NodeId| self.uplinks.get(&host);
                let unused = uplink(from).is_some_and(|uplink| *uplink != next)
                    || next == target && uplink(target).is_some_and(|uplink| *uplink != from);
                if seen[from.0] || hidden == Some(from) || unused {
                    continue;
                }
                seen[from.0] = true;
                hops.push((from, next));
                if !matches!(self.world.node(from).element(), Element::Host(_)) {
                    edge.push_back(from);
                }
            }
        }
        hops
    }
}
