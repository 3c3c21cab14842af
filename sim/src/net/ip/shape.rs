//! What a box has to know of a packet before it looks at addresses and ports.

use super::{Header, ICMP, READ, TCP, UDP, header};
use crate::net::datagram::{Content, Datagram};

/// What kind of packet a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Shape {
    /// Which fragment it is, if it is one.
    pub(in crate::net) piece: Option<Piece>,
    /// What it says, if it is ICMP.
    pub(in crate::net) message: Message,
}

/// A fragment of an IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Piece {
    /// The packet's identification.
    pub(in crate::net) id: u16,
    /// The number of its protocol.
    pub(in crate::net) protocol: u8,
    /// Whether it is the first, which alone has ports.
    pub(in crate::net) is_first: bool,
}

/// Kinds of ICMP messages (RFC 792), as NATs tell them apart (RFC 5508).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Message {
    /// It is none.
    None,
    /// A question that has an identifier: echo, timestamp.
    Query,
    /// The answer to one.
    Reply,
    /// An error about a packet, which it quotes: destination unreachable, time exceeded, parameter problem.
    Error,
    /// Another, such as a redirect, which is for the next hop only.
    Other,
}

impl Shape {
    /// The shape of a datagram. A model's has none, nor has IPv6. `None` if it is a packet that nobody can read: cut
    /// off, fewer than eight bytes behind the header, or a fragment past the end of the largest packet.
    pub(in crate::net) fn of(datagram: &Datagram) -> Option<Shape> {
        let plain = Shape {
            piece: None,
            message: Message::None,
        };
        let Content::Packet(packet) = &datagram.content else {
            return Some(plain);
        };
        let header = header(packet)?;
        if header.source.is_ipv6() {
            return Some(plain);
        }
        let length = match header.payload {
            Some(at) => header.end - at,
            None => header.end - super::header_length(packet),
        };
        let is_read = matches!(header.protocol, ICMP | TCP | UDP) && header.payload.is_some();
        if is_read && length < READ || header.offset + length > usize::from(u16::MAX) {
            return None;
        }
        let is_first = header.payload.is_some();
        let piece = (!is_first || header.more).then_some(Piece {
            id: header.id,
            protocol: header.protocol,
            is_first,
        });
        Some(Shape {
            piece,
            message: Message::of(packet, &header),
        })
    }
}

impl Message {
    /// What a packet says; nothing, if it is a later fragment.
    pub(super) fn of(packet: &[u8], header: &Header) -> Message {
        let Some(at) = header.payload else {
            return Message::None;
        };
        match (header.protocol, header.source.is_ipv4(), packet.get(at)) {
            (ICMP, true, Some(8 | 13)) => Message::Query,
            (ICMP, true, Some(0 | 14)) => Message::Reply,
            (ICMP, true, Some(3 | 11 | 12)) => Message::Error,
            (ICMP, true, _) => Message::Other,
            _ => Message::None,
        }
    }
}
