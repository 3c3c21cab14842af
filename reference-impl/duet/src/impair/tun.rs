//! The bridge between two network namespaces: IP packets of any protocol, whole, over TUN devices.
//!
//! Each namespace stands where one end of the network is, and has its address. So a packet finds its way as any other
//! does, and a NAT on it translates the addresses and ports in its headers. A packet from or to an address that the
//! network does not know, as all of IPv6 is, is carried to the other end as it is; through a NAT it does not come. NATs
//! translate pings, what ICMP errors quote, and fragments, as `duet_sim::net::Nat` says. Hops are not counted: of the
//! network's nodes only a NAT with an `mtu` tells anything by ICMP, and none answers a ping to itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use bytes::BytesMut;
use duet_sim::NodeId;
use duet_sim::net::{Content, Datagram, address_of, endpoints};
use tun_rs::SyncDevice;

use super::namespaces::{Namespace, NamespaceError, dropped};
use super::{Run, Summary};

/// Packets after which one device lets the other have its turn.
const TURN: usize = 256;

/// The largest IP packet.
const MAX_RECEIVE: usize = 64 << 10;

/// What lies behind the devices: the addresses of the network's nodes and of its NATs.
const NETWORKS: &[&str] = &["10.0.0.0/8", "100.64.0.0/10"];

/// The bridge, ready.
pub struct Bridge {
    sides: [Side; 2],
}

struct Side {
    device: SyncDevice,
    node: NodeId,
    // Dropped after the device that is in it.
    namespace: Namespace,
}

impl Bridge {
    /// A bridge between two namespaces, of which each stands at a node of the network. Those that do not exist are made,
    /// and go with the bridge.
    ///
    /// # Errors
    ///
    /// [`NamespaceError`]: it takes root's rights.
    pub fn open(sides: [(&str, NodeId); 2], mtu: u16) -> Result<Self, NamespaceError> {
        let open = |(name, node): (&str, NodeId)| {
            let mut namespace = Namespace::open(name)?;
            let device = namespace.device(mtu, ipv4(node), ipv6(node), NETWORKS)?;
            Ok(Side {
                device,
                node,
                namespace,
            })
        };
        let [one, other] = sides;
        Ok(Self {
            sides: [open(one)?, open(other)?],
        })
    }

    /// What was run to set the namespaces up.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        let commands = self.sides.iter().flat_map(|side| &side.namespace.commands);
        commands.map(String::as_str)
    }

    /// Each namespace's name and addresses.
    pub fn sides(&self) -> [(&str, Ipv4Addr, Ipv6Addr); 2] {
        let side = |side: &'_ Side| (ipv4(side.node), ipv6(side.node));
        let [one, other] = &self.sides;
        [one, other].map(|this| {
            let (four, six) = side(this);
            (this.namespace.name(), four, six)
        })
    }

    /// Carries packets until the run is to end.
    ///
    /// # Errors
    ///
    /// The log cannot be written, or waiting fails.
    pub fn run(self, mut run: Run) -> io::Result<Summary> {
        let mut buffer = vec![0; MAX_RECEIVE];
        loop {
            run.advance();
            for side in &self.sides {
                while let Some((due, datagram)) = run.impairment.take(side.node) {
                    if let Some(packet) = leaving(&run, datagram) {
                        let sent = side.device.send(&packet).map(|_| ());
                        run.sent(due, &sent);
                    }
                }
            }
            let fds = self.sides.each_ref().map(|side| side.device.as_fd());
            let Some(ready) = run.wait(&fds)? else {
                for side in &self.sides {
                    run.overran(dropped(side.namespace.name()).unwrap_or(0));
                }
                return run.finish();
            };
            for index in ready {
                let (side, other) = (&self.sides[index], &self.sides[1 - index]);
                for _ in 0..TURN {
                    let Ok(size) = side.device.recv(&mut buffer) else {
                        break;
                    };
                    run.advance();
                    let packet = BytesMut::from(&buffer[..size]);
                    match entering(&run, packet, side.node, other.node) {
                        Some(datagram) => run.impairment.put(side.node, datagram),
                        None => run.refuse(),
                    }
                }
            }
        }
    }
}

/// A packet with addresses by which the network finds its way.
fn entering(run: &Run, packet: BytesMut, from: NodeId, to: NodeId) -> Option<Datagram> {
    let mut datagram = Datagram::of_packet(packet)?;
    let own = address_of(from);
    if datagram.source.ip() != own {
        datagram.source.set_ip(own);
    }
    if !run.impairment.has(datagram.destination.ip()) {
        datagram.destination.set_ip(address_of(to));
    }
    Some(datagram)
}

/// A packet as it comes out: translated where it has an address of the network's.
fn leaving(run: &Run, mut datagram: Datagram) -> Option<BytesMut> {
    let Content::Packet(packet) = &datagram.content else {
        return None;
    };
    if let Some((source, destination)) = endpoints(packet) {
        if !run.impairment.has(source.ip()) {
            datagram.source = source;
        }
        if !run.impairment.has(destination.ip()) {
            datagram.destination = destination;
        }
    }
    datagram.into_packet()
}

fn ipv4(node: NodeId) -> Ipv4Addr {
    match address_of(node) {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// fd00:d0e7::1 for node 0, and so on.
fn ipv6(node: NodeId) -> Ipv6Addr {
    let node = u32::try_from(node.0).unwrap_or(u32::MAX).saturating_add(1);
    let [high, low] = [node >> 16, node & 0xffff].map(|half| half as u16);
    Ipv6Addr::new(0xfd00, 0xd0e7, 0, 0, 0, 0, high, low)
}
