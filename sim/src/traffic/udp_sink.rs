//! Where UDP ends, and how both ends count it.

use std::net::SocketAddr;

use crate::net::{Content, Datagram, Ecn, Host};
use crate::packet::Packet;
use crate::time::Time;
use crate::traffic::Bins;

/// What one end of UDP traffic has sent or received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpStats {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP and UDP headers included.
    pub bytes: u64,
    /// Packets with the mark of congestion.
    pub marked: u64,
    /// When the first and the last packet went or came.
    pub span: Option<(Time, Time)>,
    /// Bytes in intervals of 100 ms.
    pub bins: Bins,
}

impl UdpStats {
    /// Counts a packet.
    pub(super) fn count(&mut self, now: Time, datagram: &Datagram) {
        let bytes = datagram.size() as u64;
        self.packets += 1;
        self.bytes += bytes;
        self.marked += u64::from(datagram.ecn == Ecn::Ce);
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
        self.bins.add(now, bytes);
    }
}

/// Payload of a UDP packet that has `size` bytes on the wire; zero if the headers alone have more.
pub(super) fn payload(size: u64, destination: SocketAddr) -> usize {
    let bare = Datagram {
        source: destination,
        destination,
        ecn: Ecn::NotEct,
        class: "",
        content: Content::Empty(0),
    };
    usize::try_from(size)
        .unwrap_or(usize::MAX)
        .saturating_sub(bare.size())
}

/// Takes UDP packets in and counts them; answers nothing.
#[derive(Clone, Debug, Default)]
pub struct UdpSink {
    stats: UdpStats,
}

impl UdpSink {
    /// A sink that has received nothing.
    pub fn new() -> UdpSink {
        UdpSink::default()
    }

    /// What it has received.
    pub fn stats(&self) -> &UdpStats {
        &self.stats
    }
}

impl Host for UdpSink {
    fn deadline(&self) -> Option<Time> {
        None
    }

    fn wake(&mut self, _now: Time) {}

    fn receive(&mut self, now: Time, datagram: Datagram) {
        if datagram.is_udp() {
            self.stats.count(now, &datagram);
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        None
    }
}
