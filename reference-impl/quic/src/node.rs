//! A driver as a node of the simulator's world.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use duet_protocol::io::Core;
use duet_protocol::time::Instant;
use duet_sim::{Node, NodeId, Packet, Time};
use quinn_proto::EcnCodepoint;

use crate::driver::{Datagram, Driver};

/// The port on which every simulated endpoint has its socket.
const PORT: u16 = 4433;

/// The address of node 0 is the one after this.
const NETWORK: u32 = u32::from_be_bytes([10, 0, 0, 0]);

/// IPv4 and UDP headers, without options.
const HEADERS: usize = 20 + 8;

/// A node's UDP address: 10.0.0.1:4433 for node 0, and so on.
pub fn address_of(node: NodeId) -> SocketAddr {
    let host = u32::try_from(node.0).unwrap_or(u32::MAX);
    let ip = Ipv4Addr::from_bits(NETWORK.saturating_add(host).saturating_add(1));
    SocketAddr::from((ip, PORT))
}

/// The node with a UDP address, if it can be one.
pub fn node_of(address: SocketAddr) -> Option<NodeId> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let host = address.ip().to_bits().checked_sub(NETWORK)?;
    let node = usize::try_from(host.checked_sub(1)?).ok()?;
    Some(NodeId(node))
}

/// The driver's time at an instant of the world, whole microseconds.
fn core_time(now: Time) -> Instant {
    Instant::from_micros(now.as_micros())
}

/// A UDP datagram in the simulator.
#[derive(Clone, Debug)]
pub struct UdpPacket {
    /// Its payload.
    pub bytes: BytesMut,
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
}

impl Packet for UdpPacket {
    fn size(&self) -> usize {
        self.bytes.len() + HEADERS
    }

    /// By the form of QUIC's header (RFC 9000 §17): long during the handshake, short after it.
    fn class(&self) -> &'static str {
        match self.bytes.first() {
            Some(first) if first & 0x80 != 0 => "quic-long",
            _ => "quic-short",
        }
    }
}

/// A driver with the operations of a [`Node`], and a node itself where nothing more is wanted.
///
/// An application that keeps more than a driver in its node, such as a media clock, delegates to these. The driver's
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

impl<C: Core> Node for SimEndpoint<C> {
    type Packet = UdpPacket;

    fn deadline(&self) -> Option<Time> {
        let (at, _) = self.driver.deadline()?;
        Some(Time::from_micros(at.as_micros()))
    }

    fn wake(&mut self, now: Time) {
        self.driver.wake(core_time(now));
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: UdpPacket) {
        let now = core_time(now);
        let datagram = Datagram {
            remote: address_of(from),
            bytes: packet.bytes,
            ecn: packet.ecn,
            at: now,
        };
        self.driver.receive(now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, UdpPacket)> {
        let now = core_time(now);
        loop {
            let transmit = self.driver.transmit(now)?;
            // An address outside the simulated network leads nowhere.
            if let Some(to) = node_of(transmit.remote) {
                let packet = UdpPacket {
                    bytes: transmit.bytes,
                    ecn: transmit.ecn,
                };
                return Some((to, packet));
            }
        }
    }
}
