//! Whole IP packets, as devices carry them: IPv4 (RFC 791) and IPv6 (RFC 8200).

mod fragment;
mod shape;
mod sums;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::BytesMut;

use crate::net::datagram::{Content, Datagram};
use crate::packet::Ecn;

pub(super) use fragment::{may_fragment, split};
pub(super) use shape::{Message, Piece, Shape};
use sums::Sums;
pub(super) use sums::sum;

/// Protocol numbers (IANA).
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Bytes of an IPv4 header without options, and of an IPv6 header.
pub(super) const IPV4: usize = 20;
const IPV6: usize = 40;

/// Bytes that are read of what is behind the IP header: all of UDP's header and of an ICMP query's, and TCP's ports. A
/// first fragment has as many at least (RFC 791 §3.2), and so has what an ICMP error quotes (RFC 792).
pub(super) const READ: usize = 8;

/// What is read of a packet's headers.
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    ecn: Ecn,
    pub(super) protocol: u8,
    /// Identification, and where in the whole packet's payload this one's begins; zero in IPv6.
    id: u16,
    pub(super) offset: usize,
    /// Whether more fragments follow.
    more: bool,
    /// Where the payload begins; `None` if this is a later fragment.
    pub(super) payload: Option<usize>,
    /// Where the packet ends: bytes may follow that are not of it.
    pub(super) end: usize,
}

/// The protocol above IP; of IPv6 the first next header. Zero if it is no IP packet.
pub(super) fn protocol(packet: &[u8]) -> u8 {
    header(packet).map_or(0, |header| header.protocol)
}

/// Whether it is an IPv4 packet of ICMP.
pub(super) fn is_icmp(packet: &[u8]) -> bool {
    header(packet).is_some_and(|header| header.source.is_ipv4() && header.protocol == ICMP)
}

/// The headers of a packet; `None` if it is none, or cut off.
pub(super) fn header(packet: &[u8]) -> Option<Header> {
    match packet.first()? >> 4 {
        4 => {
            let total = usize::from(word(packet, 2)?);
            let mut header = header_v4(packet)?;
            let length = header_length(packet);
            if total < length || packet.len() < total {
                return None;
            }
            header.end = total;
            Some(header)
        }
        6 => {
            let fixed: &[u8; IPV6] = packet.first_chunk()?;
            let length = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
            if packet.len() < IPV6 + length {
                return None;
            }
            let address = |at: usize| {
                let bytes: [u8; 16] = std::array::from_fn(|index| fixed[at + index]);
                Ipv6Addr::from(bytes).into()
            };
            Some(Header {
                source: address(8),
                destination: address(24),
                ecn: ecn(fixed[1] >> 4),
                protocol: fixed[6],
                id: 0,
                offset: 0,
                more: false,
                payload: Some(IPV6),
                end: IPV6 + length,
            })
        }
        _ => None,
    }
}

/// The header of an IPv4 packet of which not all needs be there: only the header itself, with its options.
pub(super) fn header_v4(packet: &[u8]) -> Option<Header> {
    let fixed: &[u8; IPV4] = packet.first_chunk()?;
    let length = header_length(packet);
    if fixed[0] >> 4 != 4 || length < IPV4 || packet.len() < length {
        return None;
    }
    let place = u16::from_be_bytes([fixed[6], fixed[7]]);
    let offset = usize::from(place & 0x1fff) * 8;
    let address =
        |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]).into();
    Some(Header {
        source: address(12),
        destination: address(16),
        ecn: ecn(fixed[1]),
        protocol: fixed[9],
        id: u16::from_be_bytes([fixed[4], fixed[5]]),
        offset,
        more: place & MORE != 0,
        payload: (offset == 0).then_some(length),
        end: packet.len(),
    })
}

/// Flags of an IPv4 header, beside the offset.
const MORE: u16 = 0x2000;
const DO_NOT: u16 = 0x4000;

/// Bytes of an IPv4 header, as it says itself.
fn header_length(packet: &[u8]) -> usize {
    packet
        .first()
        .map_or(0, |first| usize::from(first & 0xf) * 4)
}

/// The word of 16 bits at an offset.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

/// The ECN field in the low bits of a traffic class.
const fn ecn(class: u8) -> Ecn {
    match class & 3 {
        0 => Ecn::NotEct,
        1 => Ecn::Ect1,
        2 => Ecn::Ect0,
        _ => Ecn::Ce,
    }
}

const fn bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 => 2,
        Ecn::Ce => 3,
    }
}

impl Datagram {
    /// A whole IP packet, its addresses, ports and ECN field read from it; `None` if it is none, or cut off. Where it has
    /// no ports, as in later fragments, they are zero. An ICMP query (RFC 5508 §3) goes from its identifier as a port to
    /// port 0, and the reply back. Its class is `udp`, `tcp`, `icmp` or `ip`.
    pub fn of_packet(packet: BytesMut) -> Option<Datagram> {
        let header = header(&packet)?;
        let (from, to) = ports(&packet, &header).unwrap_or_default();
        Some(Datagram {
            source: SocketAddr::new(header.source, from),
            destination: SocketAddr::new(header.destination, to),
            ecn: header.ecn,
            class: match header.protocol {
                UDP => "udp",
                TCP => "tcp",
                ICMP | ICMPV6 => "icmp",
                _ => "ip",
            },
            content: Content::Packet(packet),
        })
    }

    /// The whole IP packet that this is, with the ECN field, the addresses and the ports, or the identifier of an ICMP
    /// query, that it has by now in its headers, and their checksums changed accordingly (RFC 1624): those that were wrong stay wrong. `None` if it is none.
    pub fn into_packet(self) -> Option<BytesMut> {
        let Content::Packet(mut packet) = self.content else {
            return None;
        };
        let Some(header) = header(&packet) else {
            // Damaged on the way.
            return Some(packet);
        };
        if header.ecn != self.ecn {
            mark(&mut packet, self.ecn);
        }
        translate(&mut packet, &header, self.source, self.destination);
        Some(packet)
    }
}

/// Writes addresses into a packet's IP header, and ports, or the identifier of an ICMP query, behind it. The checksums
/// are changed accordingly, as far as they are there.
pub(super) fn translate(
    packet: &mut [u8],
    header: &Header,
    source: SocketAddr,
    destination: SocketAddr,
) {
    let (addresses, at) = match (source.ip(), destination.ip(), header.source) {
        (IpAddr::V4(source), IpAddr::V4(destination), IpAddr::V4(_)) => {
            ([source.octets(), destination.octets()].concat(), 12)
        }
        (IpAddr::V6(source), IpAddr::V6(destination), IpAddr::V6(_)) => {
            ([source.octets(), destination.octets()].concat(), 8)
        }
        // Of the other family: it was carried, not translated.
        _ => return,
    };
    let sums = Sums::of(packet, header);
    for (index, word) in addresses.chunks_exact(2).enumerate() {
        sums.write(packet, at + 2 * index, [word[0], word[1]], true);
    }
    let Some(at) = header.payload else {
        return;
    };
    let (source, destination) = (
        source.port().to_be_bytes(),
        destination.port().to_be_bytes(),
    );
    match (header.protocol, Message::of(packet, header)) {
        (TCP | UDP, _) => {
            sums.write(packet, at, source, false);
            sums.write(packet, at + 2, destination, false);
        }
        (_, Message::Query) => sums.write(packet, at + 4, source, false),
        (_, Message::Reply) => sums.write(packet, at + 4, destination, false),
        _ => {}
    }
}

/// The endpoints in a whole IP packet's headers, as [`Datagram::of_packet`] reads them.
pub fn endpoints(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let header = header(packet)?;
    let (from, to) = ports(packet, &header).unwrap_or_default();
    let source = SocketAddr::new(header.source, from);
    Some((source, SocketAddr::new(header.destination, to)))
}

/// Source and destination port, where there are any. The identifier of an ICMP query is the port of the one who asks,
/// and the one who is asked has port 0.
pub(super) fn ports(packet: &[u8], header: &Header) -> Option<(u16, u16)> {
    let at = header.payload?;
    match (header.protocol, Message::of(packet, header)) {
        (TCP | UDP, _) => Some((word(packet, at)?, word(packet, at + 2)?)),
        (_, Message::Query) => Some((word(packet, at + 4)?, 0)),
        (_, Message::Reply) => Some((0, word(packet, at + 4)?)),
        _ => None,
    }
}

/// Writes the ECN field.
fn mark(packet: &mut [u8], ecn: Ecn) {
    let bits = bits(ecn);
    if packet[0] >> 4 == 4 {
        let class = packet[1] & !3 | bits;
        let first = packet[0];
        let sums = Sums {
            ip: Some(10),
            transport: None,
            icmp: false,
            udp: false,
        };
        sums.write(packet, 0, [first, class], true);
    } else {
        packet[1] = packet[1] & !0x30 | bits << 4;
    }
}
