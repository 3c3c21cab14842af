//! ICMP errors (RFC 792): what they say, and the packets that they are.

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use super::datagram::{Content, Datagram};
use super::ip::{self, Header, READ};
use super::protocol::Protocol;
use crate::packet::Ecn;

/// Types of ICMP errors.
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

/// The code of an unreachable destination that says that the packet is too big (RFC 1191).
const TOO_BIG: u8 = 4;

/// Bytes of an ICMP error before what it quotes.
const HEADER: usize = 8;

/// The largest error, in bytes with IP header (RFC 1812 §4.3.2.3).
const MAX_ERROR: usize = 576;

/// An ICMP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Who sends it: any router on the way, or the receiver of the packet.
    pub source: IpAddr,
    /// To whom: the sender of the packet.
    pub destination: IpAddr,
    /// What was wrong.
    pub kind: IcmpKind,
    /// The packet that it is about.
    pub quoted: Quoted,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpKind {
    /// Host or port is unreachable, or not allowed (type 3, all codes but 4).
    Unreachable,
    /// The packet is larger than this many bytes and must not be fragmented (type 3, code 4; RFC 1191).
    TooBig {
        /// The largest packet that fits, in bytes with IP header.
        mtu: usize,
    },
    /// The packet has passed too many hops, or its fragments did not come in time (type 11): what traceroute reads.
    TimeExceeded,
    /// The packet's header has something wrong in it (type 12).
    ParameterProblem,
}

/// What an ICMP error quotes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// UDP, TCP or an ICMP query.
    pub protocol: Protocol,
    /// The packet's source.
    pub source: SocketAddr,
    /// The packet's destination.
    pub destination: SocketAddr,
}

impl Quoted {
    /// What is quoted of a datagram.
    pub fn of(datagram: &Datagram) -> Quoted {
        Quoted {
            protocol: Protocol::of(datagram),
            source: datagram.source,
            destination: datagram.destination,
        }
    }
}

impl Icmp {
    /// The error that a whole packet is. `None` if it is none, if a checksum of the error or of the header that it
    /// quotes is wrong (RFC 5508 REQ-3), if it does not go to who sent what it quotes, or if there is no telling which
    /// flow that was of: a later fragment, another protocol, fewer than eight bytes behind its header.
    pub fn of_packet(datagram: &Datagram) -> Option<Icmp> {
        let Content::Packet(packet) = &datagram.content else {
            return None;
        };
        let (at, end) = place(packet)?;
        let error = packet.get(at..end)?;
        let (head, quote) = error.split_at_checked(HEADER)?;
        let kind = match (head[0], head[1]) {
            (UNREACHABLE, TOO_BIG) => IcmpKind::TooBig {
                mtu: usize::from(ip::word(head, 6)?),
            },
            (UNREACHABLE, _) => IcmpKind::Unreachable,
            (TIME_EXCEEDED, _) => IcmpKind::TimeExceeded,
            (PARAMETER_PROBLEM, _) => IcmpKind::ParameterProblem,
            _ => return None,
        };
        let header = quoted(quote)?;
        let protocol = match header.protocol {
            ip::UDP => Protocol::Udp,
            ip::TCP => Protocol::Tcp,
            ip::ICMP => Protocol::Icmp,
            _ => return None,
        };
        // None of an ICMP error: nobody tells of those.
        let (from, to) = ip::ports(quote, &header)?;
        let head_is_right = ip::sum(quote.get(..header.payload?)?) == u16::MAX;
        let is_for_its_sender = datagram.destination.ip() == header.source;
        if ip::sum(error) != u16::MAX || !head_is_right || !is_for_its_sender {
            return None;
        }
        Some(Icmp {
            source: datagram.source.ip(),
            destination: datagram.destination.ip(),
            kind,
            quoted: Quoted {
                protocol,
                source: SocketAddr::new(header.source, from),
                destination: SocketAddr::new(header.destination, to),
            },
        })
    }

    /// Gives the packet from which it was read the addresses and ports that it has by now, also in the quote, where the
    /// checksums are changed accordingly as far as they are quoted.
    pub(super) fn write(&self, datagram: &mut Datagram) {
        datagram.source.set_ip(self.source);
        datagram.destination.set_ip(self.destination);
        let Content::Packet(packet) = &mut datagram.content else {
            return;
        };
        let Some((at, end)) = place(packet) else {
            return;
        };
        let Some(error) = packet.get_mut(at..end) else {
            return;
        };
        if let Some((_, quote)) = error.split_at_mut_checked(HEADER)
            && let Some(header) = quoted(quote)
        {
            ip::translate(quote, &header, self.quoted.source, self.quoted.destination);
        }
        sign(error);
    }

    /// The packet that tells of this error, with as much of the whole packet that it is about as goes in. `None` if that
    /// is no IPv4 packet.
    pub(super) fn packet(&self, about: &Datagram) -> Option<Datagram> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (self.source, self.destination) else {
            return None;
        };
        let quote = about.clone().into_packet()?;
        let header = ip::header(&quote).filter(|header| header.source.is_ipv4())?;
        let quote = &quote[..header.end.min(MAX_ERROR - ip::IPV4 - HEADER)];
        let (kind, code, mtu) = match self.kind {
            IcmpKind::Unreachable => (UNREACHABLE, 1, 0),
            IcmpKind::TooBig { mtu } => {
                let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                (UNREACHABLE, TOO_BIG, mtu)
            }
            IcmpKind::TimeExceeded => (TIME_EXCEEDED, 0, 0),
            IcmpKind::ParameterProblem => (PARAMETER_PROBLEM, 0, 0),
        };
        let mut error = vec![kind, code, 0, 0, 0, 0];
        error.extend(mtu.to_be_bytes());
        error.extend(quote);
        sign(&mut error);
        let total = (ip::IPV4 + error.len()) as u16;
        let mut packet = BytesMut::with_capacity(usize::from(total));
        // Of the precedence of network control (RFC 1812 §4.3.2.5).
        packet.extend_from_slice(&[0x45, 0xc0]);
        packet.extend_from_slice(&total.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, 64, ip::ICMP, 0, 0]);
        packet.extend_from_slice(&source.octets());
        packet.extend_from_slice(&destination.octets());
        let checksum = !ip::sum(&packet);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend_from_slice(&error);
        Some(Datagram {
            source: SocketAddr::new(self.source, 0),
            destination: SocketAddr::new(self.destination, 0),
            ecn: Ecn::NotEct,
            class: "icmp",
            content: Content::Packet(packet),
        })
    }
}

/// Where in a packet an ICMP message begins and ends.
fn place(packet: &[u8]) -> Option<(usize, usize)> {
    let header = ip::header(packet)?;
    let is_icmp = header.source.is_ipv4() && header.protocol == ip::ICMP;
    Some((header.payload.filter(|_| is_icmp)?, header.end))
}

/// The header of what is quoted, behind which eight bytes are there.
fn quoted(quote: &[u8]) -> Option<Header> {
    let header = ip::header_v4(quote)?;
    (quote.len() >= header.payload? + READ).then_some(header)
}

/// Writes an ICMP message's checksum.
fn sign(message: &mut [u8]) {
    if let Some(field) = message.get_mut(2..4) {
        field.fill(0);
        let checksum = !ip::sum(message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
}
