//! A driver as a node of the simulator's world.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use duet_protocol::io::Core;
use duet_protocol::time::Instant;
use duet_sim::net::{self, Content, Ecn, Host};
use duet_sim::{Node, NodeId, Time};
use quinn_proto::EcnCodepoint;

use crate::driver::{Datagram, Door, Driver};

/// The port on which every simulated endpoint has its socket.
const PORT: u16 = 4433;

/// The port of a simulated server's door for services.
pub const SERVICE_PORT: u16 = 4434;

/// A node's UDP address: 10.0.0.1:4433 for node 0, and so on.
pub fn address_of(node: NodeId) -> SocketAddr {
    SocketAddr::new(net::address_of(node), PORT)
}

/// The node with a UDP address, if it can be one.
fn node_of(address: SocketAddr) -> Option<NodeId> {
    let (SocketAddr::V4(address), IpAddr::V4(first)) = (address, net::address_of(NodeId(0))) else {
        return None;
    };
    let node = address.ip().to_bits().checked_sub(first.to_bits())?;
    Some(NodeId(usize::try_from(node).ok()?))
}

/// The driver's time at an instant of the world, whole microseconds.
fn core_time(now: Time) -> Instant {
    Instant::from_micros(now.as_micros())
}

/// The class of a UDP datagram in the log, by the form of QUIC's header (RFC 9000 §17): long during the handshake, short
/// after it.
fn class(payload: &[u8]) -> &'static str {
    match payload.first() {
        Some(first) if first & 0x80 != 0 => "quic-long",
        _ => "quic-short",
    }
}

/// A driver as a [`Host`], at whatever address its station has, and as a [`Node`] where all stand side by side.
///
/// An application that keeps more than a driver in its host, such as a media clock, delegates to these. The driver's
/// epoch is the beginning of the world.
pub struct SimEndpoint<C: Core> {
    /// The driver, for commands and events.
    pub driver: Driver<C>,
}

impl<C: Core> SimEndpoint<C> {
    /// An endpoint around a driver.
    pub fn new(driver: Driver<C>) -> Self {
        Self { driver }
    }

    /// Gives the core a command.
    pub fn command<R>(&mut self, now: Time, command: impl FnOnce(&mut C, Instant) -> R) -> R {
        self.driver.command(core_time(now), command)
    }
}

impl<C: Core> Host for SimEndpoint<C> {
    fn deadline(&self) -> Option<Time> {
        let (at, _) = self.driver.deadline()?;
        Some(Time::from_micros(at.as_micros()))
    }

    fn wake(&mut self, now: Time) {
        self.driver.wake(core_time(now));
    }

    fn receive(&mut self, now: Time, datagram: net::Datagram) {
        let Content::Bytes(bytes) = datagram.content else {
            return;
        };
        let door = match datagram.destination.port() {
            SERVICE_PORT => Door::Services,
            _ => Door::Clients,
        };
        let now = core_time(now);
        let datagram = Datagram {
            remote: datagram.source,
            bytes,
            ecn: from_ecn(datagram.ecn),
            at: now,
        };
        self.driver.receive_by(now, door, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<net::Datagram> {
        let transmit = self.driver.transmit(core_time(now))?;
        let port = match transmit.door {
            Door::Clients => PORT,
            Door::Services => SERVICE_PORT,
        };
        Some(net::Datagram {
            // The station has an address, and puts it in.
            source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            destination: transmit.remote,
            ecn: to_ecn(transmit.ecn),
            class: class(&transmit.bytes),
            content: Content::Bytes(transmit.bytes),
        })
    }
}

fn from_ecn(ecn: Ecn) -> Option<EcnCodepoint> {
    match ecn {
        Ecn::NotEct => None,
        Ecn::Ect0 => Some(EcnCodepoint::Ect0),
        Ecn::Ect1 => Some(EcnCodepoint::Ect1),
        Ecn::Ce => Some(EcnCodepoint::Ce),
    }
}

fn to_ecn(ecn: Option<EcnCodepoint>) -> Ecn {
    match ecn {
        None => Ecn::NotEct,
        Some(EcnCodepoint::Ect0) => Ecn::Ect0,
        Some(EcnCodepoint::Ect1) => Ecn::Ect1,
        Some(EcnCodepoint::Ce) => Ecn::Ce,
    }
}

/// The endpoint's node has the address [`address_of`] it, and so have the nodes that it talks to.
impl<C: Core> Node for SimEndpoint<C> {
    type Packet = net::Datagram;

    fn deadline(&self) -> Option<Time> {
        Host::deadline(self)
    }

    fn wake(&mut self, now: Time) {
        Host::wake(self, now);
    }

    fn receive(&mut self, now: Time, from: NodeId, mut datagram: net::Datagram) {
        datagram.source = address_of(from);
        Host::receive(self, now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, net::Datagram)> {
        loop {
            let datagram = Host::transmit(self, now)?;
            // An address outside the simulated network leads nowhere.
            if let Some(to) = node_of(datagram.destination) {
                return Some((to, datagram));
            }
        }
    }
}
