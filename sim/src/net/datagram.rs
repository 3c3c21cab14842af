//! What travels in an IP world.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use crate::link::Corruption;
use crate::net::ip;
use crate::packet::{Ecn, Packet};
use crate::random::Stream;

/// Bytes of an IPv4 header without options, and of an IPv6 header without extensions.
const IPV4: usize = 20;
const IPV6: usize = 40;

/// Bytes of a UDP header.
const UDP: usize = 8;

/// Bytes of a TCP header with the timestamp option, padded (RFC 7323 §3.2).
const TCP: usize = 20 + 12;

/// Bytes of the options that only a SYN has: segment size, window scale, SACK permitted (RFC 9293, RFC 7323, RFC 2018).
const TCP_SYN: usize = 8;

/// Bytes of a SACK option without its blocks, padded, and of each block (RFC 2018 §3).
const TCP_SACK: (usize, usize) = (4, 8);

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
    /// A whole IP packet with all its headers, of whatever protocol: what a device carries.
    Packet(BytesMut),
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
    /// Bytes after `acknowledged` that the sender of this segment has room for.
    pub window: u64,
    /// Up to three blocks of later bytes that arrived, first byte and the one after the last (RFC 2018), newest first.
    /// The first may also be one that arrived twice (D-SACK, RFC 2883): below `acknowledged` or within the second.
    pub sacks: Vec<(u64, u64)>,
    /// The sender's clock in nanoseconds, and the last one that it heard of the other (RFC 7323).
    pub timestamps: (u64, u64),
    /// Marks of the header: [`Segment::SYN`] and the others, or-ed together.
    pub flags: u8,
}

impl Segment {
    /// The last of its sender; takes a sequence number behind the payload (RFC 9293 §3.1, as the other marks).
    pub const FIN: u8 = 0x01;

    /// The first of its sender; takes a sequence number before the payload.
    pub const SYN: u8 = 0x02;

    /// `acknowledged` counts.
    pub const ACK: u8 = 0x10;

    /// A mark arrived, or, in a SYN, readiness for marks (RFC 3168 §6.1).
    pub const ECE: u8 = 0x40;

    /// The window was reduced on account of a mark (RFC 3168 §6.1.2).
    pub const CWR: u8 = 0x80;

    /// Whether it bears all of these flags.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// The sequence number after the last that it takes.
    pub const fn end(&self) -> u64 {
        let marks = self.has(Segment::SYN) as u64 + self.has(Segment::FIN) as u64;
        self.sequence + self.length as u64 + marks
    }

    /// Bytes of its header, options included.
    fn header(&self) -> usize {
        let syn = if self.has(Segment::SYN) { TCP_SYN } else { 0 };
        let sack = match self.sacks.len() {
            0 => 0,
            blocks => TCP_SACK.0 + TCP_SACK.1 * blocks,
        };
        TCP + syn + sack
    }
}

impl Datagram {
    /// Bytes of payload, without headers; of a whole packet all of it.
    pub fn payload_len(&self) -> usize {
        match &self.content {
            Content::Bytes(bytes) => bytes.len(),
            Content::Empty(len) => *len,
            Content::Tcp(segment) => segment.length as usize,
            Content::Packet(packet) => packet.len(),
        }
    }

    /// Whether it is UDP; else it is TCP, or something else in a whole packet.
    pub fn is_udp(&self) -> bool {
        match &self.content {
            Content::Bytes(_) | Content::Empty(_) => true,
            Content::Tcp(_) => false,
            Content::Packet(packet) => ip::protocol(packet) == ip::UDP,
        }
    }
}

impl Packet for Datagram {
    fn size(&self) -> usize {
        let ip = if self.destination.is_ipv4() {
            IPV4
        } else {
            IPV6
        };
        let transport = match &self.content {
            Content::Tcp(segment) => segment.header(),
            Content::Bytes(_) | Content::Empty(_) => UDP,
            Content::Packet(packet) => return packet.len(),
        };
        ip + transport + self.payload_len()
    }

    fn class(&self) -> &'static str {
        self.class
    }

    fn flow(&self) -> u64 {
        let address = |hash: u64, address: &SocketAddr| {
            let hash = match address.ip() {
                IpAddr::V4(ip) => fold(hash, ip.to_bits().into()),
                IpAddr::V6(ip) => {
                    let bits = ip.to_bits();
                    fold(fold(hash, (bits >> 64) as u64), bits as u64)
                }
            };
            fold(hash, address.port().into())
        };
        let hash = fold(0, u64::from(self.is_udp()));
        address(address(hash, &self.source), &self.destination)
    }

    fn ecn(&self) -> Ecn {
        self.ecn
    }

    fn set_ecn(&mut self, ecn: Ecn) {
        self.ecn = ecn;
    }

    /// Damages a UDP payload, or a whole packet wherever it is hit. A TCP segment of a model has no bytes, and its checksum would have it dropped: nothing of
    /// it is left, so that it delivers and acknowledges nothing.
    fn corrupt(&mut self, corruption: Corruption, draws: &mut Stream) {
        match &mut self.content {
            Content::Bytes(bytes) | Content::Packet(bytes) => {
                let left = corruption.apply(bytes, draws);
                bytes.truncate(left);
            }
            Content::Empty(_) => {}
            Content::Tcp(segment) => *segment = Segment::default(),
        }
    }
}

/// One step of a hash: multiply, shift, fold (the finaliser of SplitMix64).
const fn fold(hash: u64, word: u64) -> u64 {
    let word = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 27)
}
