//! The nodes of an IP world: hosts, routers, boxes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::log::Dropped;
use crate::net::datagram::Datagram;
use crate::net::firewall::Firewall;
use crate::net::host::Host;
use crate::net::nat::Nat;
use crate::net::passage::{Passage, Refusal, Side};
use crate::node::{Node, NodeId};
use crate::packet::Packet as _;
use crate::time::Time;

/// A node of an IP world: an element, its addresses, and where datagrams go from it.
#[derive(Clone, Debug)]
pub struct Station<H> {
    element: Element<H>,
    addresses: Vec<IpAddr>,
    routes: Routes,
    /// Addresses to which nothing passes from here, and from which nothing is let in.
    blocked: [BTreeSet<IpAddr>; 2],
    outbox: VecDeque<(NodeId, Datagram)>,
    dropped: VecDeque<Dropped>,
}

/// What a station does with datagrams.
#[derive(Clone, Debug)]
pub enum Element<H> {
    /// Ends them.
    Host(H),
    /// Passes them on.
    Router,
    /// Translates them between the inside and what lies beyond one neighbour.
    Nat {
        /// The translator; its external addresses are the station's.
        nat: Box<Nat>,
        /// The neighbour outside; all others are inside.
        outside: NodeId,
    },
    /// Passes on what it does not forbid.
    Firewall {
        /// The rules, and what was opened.
        firewall: Box<Firewall>,
        /// The neighbour outside; all others are inside.
        outside: NodeId,
    },
}

impl<H> Element<H> {
    fn take_leaving(&mut self) -> Option<(Side, Datagram)> {
        match self {
            Element::Host(_) | Element::Router => None,
            Element::Nat { nat, .. } => nat.take_leaving(),
            Element::Firewall { firewall, .. } => firewall.take_leaving(),
        }
    }

    fn take_lost(&mut self) -> Option<(Datagram, Refusal)> {
        match self {
            Element::Host(_) | Element::Router => None,
            Element::Nat { nat, .. } => nat.take_lost(),
            Element::Firewall { firewall, .. } => firewall.take_lost(),
        }
    }
}

/// Where datagrams go next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// By destination.
    pub to: BTreeMap<IpAddr, NodeId>,
    /// For every other destination.
    pub default: Option<NodeId>,
}

impl Routes {
    /// The neighbour to which a datagram for this address goes.
    pub fn next(&self, address: IpAddr) -> Option<NodeId> {
        self.to.get(&address).copied().or(self.default)
    }
}

impl<H> Station<H> {
    /// A station with these addresses, of which the first is the one that it sends from.
    pub fn new(element: Element<H>, addresses: Vec<IpAddr>) -> Station<H> {
        Station {
            element,
            addresses,
            routes: Routes::default(),
            blocked: [BTreeSet::new(), BTreeSet::new()],
            outbox: VecDeque::new(),
            dropped: VecDeque::new(),
        }
    }

    /// Its addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Gives it other addresses: from now on it takes only what is for these, and sends from the first.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.addresses = addresses;
    }

    /// Where datagrams go from it.
    pub fn routes_mut(&mut self) -> &mut Routes {
        &mut self.routes
    }

    /// Lets nothing pass to the first addresses, if a host is here, and nothing in that comes from the second.
    pub fn set_blocked(&mut self, to: BTreeSet<IpAddr>, from: BTreeSet<IpAddr>) {
        self.blocked = [to, from];
    }

    /// What it does with datagrams.
    pub fn element(&self) -> &Element<H> {
        &self.element
    }

    /// The same, to change it.
    pub fn element_mut(&mut self) -> &mut Element<H> {
        &mut self.element
    }

    /// The host here, if there is one.
    pub fn host(&self) -> Option<&H> {
        match &self.element {
            Element::Host(host) => Some(host),
            _ => None,
        }
    }

    /// The host here, to give it commands.
    pub fn host_mut(&mut self) -> Option<&mut H> {
        match &mut self.element {
            Element::Host(host) => Some(host),
            _ => None,
        }
    }

    fn forward(&mut self, datagram: Datagram) {
        match self.routes.next(datagram.destination.ip()) {
            Some(next) => self.outbox.push_back((next, datagram)),
            None => self.drop(&datagram, "no-route"),
        }
    }

    /// Sends a datagram from a box, whose neighbour outside is `outside`.
    fn leave(&mut self, outside: NodeId, side: Side, datagram: Datagram) {
        match side {
            Side::Outside => self.outbox.push_back((outside, datagram)),
            Side::Inside => self.forward(datagram),
        }
    }

    /// Whether a datagram comes to a box from inside and goes to another neighbour inside: to such it is a mere router.
    fn is_local(&self, from: NodeId, datagram: &Datagram) -> bool {
        let (Element::Nat { outside, .. } | Element::Firewall { outside, .. }) = &self.element
        else {
            return false;
        };
        let next = self.routes.next(datagram.destination.ip());
        from != *outside && next.is_some_and(|next| next != *outside)
    }

    fn drop(&mut self, datagram: &Datagram, cause: &'static str) {
        self.dropped.push_back(Dropped {
            class: datagram.class,
            size: datagram.size() as u64,
            cause,
        });
    }
}

impl<H: Host> Node for Station<H> {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        match &self.element {
            Element::Host(host) => host.deadline(),
            _ => None,
        }
    }

    fn wake(&mut self, now: Time) {
        if let Element::Host(host) = &mut self.element {
            host.wake(now);
        }
    }

    fn receive(&mut self, now: Time, from: NodeId, datagram: Datagram) {
        let side = |outside: NodeId| match from == outside {
            true => Side::Outside,
            false => Side::Inside,
        };
        if self.is_local(from, &datagram) {
            return self.forward(datagram);
        }
        let (size, class) = (datagram.size() as u64, datagram.class);
        let (outside, passage) = match &mut self.element {
            Element::Host(host) => {
                if self.blocked[1].contains(&datagram.source.ip()) {
                    self.drop(&datagram, "partition");
                } else if self.addresses.contains(&datagram.destination.ip()) {
                    host.receive(now, datagram);
                } else {
                    // It has had that address before a handover, or somebody guesses.
                    self.drop(&datagram, "wrong-address");
                }
                return;
            }
            Element::Router => return self.forward(datagram),
            Element::Nat { nat, outside } => (*outside, nat.pass(now, side(*outside), datagram)),
            Element::Firewall { firewall, outside } => {
                (*outside, firewall.pass(now, side(*outside), datagram))
            }
        };
        match passage {
            Passage::Forward { side, datagram } => self.leave(outside, side, datagram),
            Passage::Wait => {}
            Passage::Drop { cause } => self.dropped.push_back(Dropped {
                class,
                size,
                cause: cause.name(),
            }),
        }
        while let Some((side, datagram)) = self.element.take_leaving() {
            self.leave(outside, side, datagram);
        }
        while let Some((datagram, cause)) = self.element.take_lost() {
            self.drop(&datagram, cause.name());
        }
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Datagram)> {
        if let Some(next) = self.outbox.pop_front() {
            return Some(next);
        }
        let Element::Host(host) = &mut self.element else {
            return None;
        };
        while let Some(mut datagram) = host.transmit(now) {
            // A host that leaves its address open is bound to all of them.
            if datagram.source.ip().is_unspecified()
                && let Some(address) = self.addresses.first()
            {
                datagram.source = SocketAddr::new(*address, datagram.source.port());
            }
            let cause = match self.routes.next(datagram.destination.ip()) {
                _ if self.blocked[0].contains(&datagram.destination.ip()) => "partition",
                Some(next) => return Some((next, datagram)),
                None => "no-route",
            };
            self.dropped.push_back(Dropped {
                class: datagram.class,
                size: datagram.size() as u64,
                cause,
            });
        }
        None
    }

    fn dropped(&mut self) -> Option<Dropped> {
        self.dropped.pop_front()
    }
}
