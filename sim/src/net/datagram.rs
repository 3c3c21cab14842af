//! What travels in an IP world.

use std::net::SocketAddr;

use bytes::BytesMut;

use crate::packet::Packet;

/// Bytes of an IPv4 header without options, and of an IPv6 header without extensions.
const IPV4: usize = 20;
const IPV6: usize = 40;

/// Bytes of a UDP header.
const UDP: usize = 8;

/// Bytes of a TCP header with the timestamp option, padded (RFC 7323 §3.2).
const TCP: usize = 20 + 12;

/// The ECN field of an IP header (RFC 3168 §5, RFC 9331 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecn {
    /// `00`: the sender does not take marks.
    #[default]
    NotEct,
    /// `10`: ECT(0), the classic capable transport.
    Ect0,
    /// `01`: ECT(1), a capable transport of the L4S kind.
    Ect1,
    /// `11`: congestion was experienced.
    Ce,
}

impl Ecn {
    /// Whether a queue may mark the packet instead of dropping it.
    pub const fn is_capable(self) -> bool {
        !matches!(self, Ecn::NotEct)
    }
}

/// An IP packet with its UDP or TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From whom.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// The ECN field.
    pub ecn: Ecn,
    /// The kind under which the log counts it: one word, such as `"quic-short"`.
    pub class: &'static str,
    /// What is inside.
    pub content: Content,
}

/// What a datagram carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// UDP, with its payload.
    Bytes(BytesMut),
    /// UDP, with a payload of so many bytes that nobody reads.
    Empty(usize),
    /// TCP.
    Tcp(Segment),
}

/// A TCP segment of a model: numbers and lengths, no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Number of the first byte; 64 bits, so that it never wraps.
    pub sequence: u64,
    /// Bytes of payload.
    pub length: u32,
    /// The next byte that the sender of this segment expects of the other.
    pub acknowledged: u64,
    /// Up to three blocks of later bytes that arrived, first byte and the one after the last (RFC 2018), newest first.
    pub sacks: Vec<(u64, u64)>,
    /// The sender's clock in nanoseconds, and the last one that it heard of the other (RFC 7323).
    pub timestamps: (u64, u64),
    /// Marks of the header: SYN, FIN, ECE, CWR.
    pub flags: u8,
}

impl Datagram {
    /// Bytes of payload, without headers.
    pub fn payload_len(&self) -> usize {
        match &self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Empty(len) => *len,
            Content::Tcp(segment) => segment.length as usize,
        }
    }

    /// Whether it is UDP; else it is TCP.
    pub fn is_udp(&self) -> bool {
        !matches!(self.content, Content::Tcp(_))
    }
}

impl Packet for Datagram {
    fn size(&self) -> usize {
        let ip = if self.destination.is_ipv4() {
            IPV4
        } else {
            IPV6
        };
        let transport = if self.is_udp() { UDP } else { TCP };
        ip + transport + self.payload_len()
    }

    fn class(&self) -> &'static str {
        self.class
    }
}
