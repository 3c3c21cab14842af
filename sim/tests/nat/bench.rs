//! A NAT on a bench: packets are put in by hand on either side.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use duet_sim::Time;
use duet_sim::net::{Content, Datagram, Ecn, Nat, NatConfig, Refusal, Segment, Side};

/// Two hosts inside, one port each.
pub(crate) const ALICE: &str = "10.0.0.2:5000";
pub(crate) const BOB: &str = "10.0.0.3:5000";

/// A peer outside, another port of it, and another peer.
pub(crate) const PEER: &str = "198.51.100.1:443";
pub(crate) const PEER_PORT: &str = "198.51.100.1:444";
pub(crate) const OTHER: &str = "203.0.113.1:443";

pub(crate) fn at(endpoint: &str) -> SocketAddr {
    endpoint.parse().unwrap()
}

pub(crate) fn udp(source: SocketAddr, destination: SocketAddr) -> Datagram {
    Datagram {
        source,
        destination,
        ecn: Ecn::NotEct,
        class: "test",
        content: Content::Empty(100),
    }
}

pub(crate) fn tcp(source: SocketAddr, destination: SocketAddr, flags: u8) -> Datagram {
    let segment = Segment {
        flags,
        ..Segment::default()
    };
    Datagram {
        content: Content::Tcp(segment),
        ..udp(source, destination)
    }
}

/// `count` external addresses.
pub(crate) fn addresses(count: u8) -> Vec<Ipv4Addr> {
    (1..=count).map(|n| Ipv4Addr::new(192, 0, 2, n)).collect()
}

pub(crate) struct Bench {
    pub(crate) nat: Nat,
    pub(crate) now: Time,
}

impl Bench {
    /// A NAT with one external address.
    pub(crate) fn new(config: &NatConfig) -> Bench {
        Bench::with_addresses(config, 1)
    }

    pub(crate) fn with_addresses(config: &NatConfig, count: u8) -> Bench {
        Bench {
            nat: Nat::new(config.clone(), 1, "nat", addresses(count)),
            now: Time::ZERO,
        }
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    pub(crate) fn wait_seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    /// Sends from inside; gives side, source and destination where it leaves.
    pub(crate) fn pass(
        &mut self,
        side: Side,
        datagram: Datagram,
    ) -> Result<(Side, SocketAddr, SocketAddr), Refusal> {
        let passage = self.nat.pass(self.now, side, datagram);
        match passage.refusal() {
            Some(cause) => Err(cause),
            None => {
                let (side, sent) = passage.forwarded().unwrap();
                Ok((side, sent.source, sent.destination))
            }
        }
    }

    /// Sends a whole packet; gives all packets that leave, each with its side, in order, and why it was dropped if it was.
    pub(crate) fn put(
        &mut self,
        side: Side,
        packet: BytesMut,
    ) -> (Vec<(Side, BytesMut)>, Option<Refusal>) {
        let datagram = Datagram::of_packet(packet).unwrap();
        let passage = self.nat.pass(self.now, side, datagram);
        let refusal = passage.refusal();
        let mut leaving: Vec<_> = passage.forwarded().into_iter().collect();
        leaving.extend(std::iter::from_fn(|| self.nat.take_leaving()));
        let leaving = leaving.into_iter();
        let leaving = leaving.map(|(side, datagram)| (side, datagram.into_packet().unwrap()));
        (leaving.collect(), refusal)
    }

    /// Sends a whole packet that passes as one to the other side.
    pub(crate) fn through(&mut self, side: Side, packet: BytesMut) -> Result<BytesMut, Refusal> {
        let (mut leaving, refusal) = self.put(side, packet);
        match refusal {
            Some(cause) => {
                assert!(leaving.is_empty());
                Err(cause)
            }
            None => {
                assert_eq!(leaving.len(), 1);
                let (other, packet) = leaving.remove(0);
                assert_eq!(other, side.opposite());
                Ok(packet)
            }
        }
    }

    /// Sends UDP from inside to outside; gives the external endpoint.
    pub(crate) fn out(&mut self, inside: &str, peer: &str) -> Result<SocketAddr, Refusal> {
        let (side, source, destination) = self.pass(Side::Inside, udp(at(inside), at(peer)))?;
        assert_eq!((side, destination), (Side::Outside, at(peer)));
        Ok(source)
    }

    /// Sends UDP from outside; gives the internal endpoint that gets it.
    pub(crate) fn back(&mut self, peer: &str, external: SocketAddr) -> Result<SocketAddr, Refusal> {
        let (side, source, destination) = self.pass(Side::Outside, udp(at(peer), external))?;
        assert_eq!((side, source), (Side::Inside, at(peer)));
        Ok(destination)
    }
}
