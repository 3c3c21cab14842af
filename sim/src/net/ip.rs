//! Whole IP packets, as devices carry them: IPv4 (RFC 791) and IPv6 (RFC 8200).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::BytesMut;

use crate::net::datagram::{Content, Datagram};
use crate::packet::Ecn;

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Bytes of an IPv4 header without options, and of an IPv6 header.
const IPV4: usize = 20;
const IPV6: usize = 40;

/// What is read of a packet's headers.
struct Header {
    source: IpAddr,
    destination: IpAddr,
    ecn: Ecn,
    protocol: u8,
    /// Where the payload begins; `None` if this is a later fragment.
    payload: Option<usize>,
}

/// The protocol above IP; of IPv6 the first next header. Zero if it is no IP packet.
pub(super) fn protocol(packet: &[u8]) -> u8 {
    header(packet).map_or(0, |header| header.protocol)
}

fn header(packet: &[u8]) -> Option<Header> {
    match packet.first()? >> 4 {
        4 => {
            let fixed: &[u8; IPV4] = packet.first_chunk()?;
            let length = usize::from(fixed[0] & 0xf) * 4;
            let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
            if length < IPV4 || total < length || packet.len() < total {
                return None;
            }
            let offset = u16::from_be_bytes([fixed[6], fixed[7]]) & 0x1fff;
            let address = |at: usize| {
                Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]).into()
            };
            Some(Header {
                source: address(12),
                destination: address(16),
                ecn: ecn(fixed[1]),
                protocol: fixed[9],
                payload: (offset == 0).then_some(length),
            })
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
                payload: Some(IPV6),
            })
        }
        _ => None,
    }
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
    /// no ports, as in ICMP and in later fragments, they are zero. Its class is `udp`, `tcp`, `icmp` or `ip`.
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

    /// The whole IP packet that this is, with the ECN field, the addresses and the ports that it has by now in its
    /// headers, and their checksums changed accordingly (RFC 1624): those that were wrong stay wrong. `None` if it is none.
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
        let (addresses, at) = match (self.source.ip(), self.destination.ip(), header.source) {
            (IpAddr::V4(source), IpAddr::V4(destination), IpAddr::V4(_)) => {
                ([source.octets(), destination.octets()].concat(), 12)
            }
            (IpAddr::V6(source), IpAddr::V6(destination), IpAddr::V6(_)) => {
                ([source.octets(), destination.octets()].concat(), 8)
            }
            // Of the other family: it was carried, not translated.
            _ => return Some(packet),
        };
        let sums = Sums::of(&packet, &header);
        for (index, word) in addresses.chunks_exact(2).enumerate() {
            sums.write(&mut packet, at + 2 * index, [word[0], word[1]], true);
        }
        if let (TCP | UDP, Some(at)) = (header.protocol, header.payload) {
            let ports = [self.source.port(), self.destination.port()];
            for (index, port) in ports.into_iter().enumerate() {
                sums.write(&mut packet, at + 2 * index, port.to_be_bytes(), false);
            }
        }
        Some(packet)
    }
}

/// The endpoints in a whole IP packet's headers, as [`Datagram::of_packet`] reads them.
pub fn endpoints(packet: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let header = header(packet)?;
    let (from, to) = ports(packet, &header).unwrap_or_default();
    let source = SocketAddr::new(header.source, from);
    Some((source, SocketAddr::new(header.destination, to)))
}

/// Source and destination port, where there are any.
fn ports(packet: &[u8], header: &Header) -> Option<(u16, u16)> {
    let (TCP | UDP) = header.protocol else {
        return None;
    };
    let ports: &[u8; 4] = packet.get(header.payload?..)?.first_chunk()?;
    let pair = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Some((pair(0), pair(2)))
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
            udp: false,
        };
        sums.write(packet, 0, [first, class], true);
    } else {
        packet[1] = packet[1] & !0x30 | bits << 4;
    }
}

/// Where a packet's checksums are.
struct Sums {
    /// That of an IPv4 header.
    ip: Option<usize>,
    /// That of UDP or TCP, which covers the addresses as well.
    transport: Option<usize>,
    /// Whether it is UDP's, where zero means that there is none (RFC 768).
    udp: bool,
}

impl Sums {
    fn of(packet: &[u8], header: &Header) -> Sums {
        let field = match (header.protocol, header.payload) {
            (TCP, Some(at)) => Some(at + 16),
            (UDP, Some(at)) if packet.get(at + 6..at + 8) != Some(&[0, 0]) => Some(at + 6),
            _ => None,
        };
        Sums {
            ip: header.source.is_ipv4().then_some(10),
            transport: field.filter(|at| packet.len() >= at + 2),
            udp: header.protocol == UDP,
        }
    }

    /// Writes a word of two bytes, which lies in the IP header or behind it, and corrects the sums that cover it.
    fn write(&self, packet: &mut [u8], at: usize, word: [u8; 2], in_ip: bool) {
        let Some(field) = packet.get_mut(at..at + 2) else {
            return;
        };
        let before = u16::from_be_bytes([field[0], field[1]]);
        field.copy_from_slice(&word);
        let after = u16::from_be_bytes(word);
        for (sum, never_zero) in [
            (self.ip.filter(|_| in_ip), false),
            (self.transport, self.udp),
        ] {
            if let Some(at) = sum
                && let Some(field) = packet.get_mut(at..at + 2)
            {
                let sum = updated(u16::from_be_bytes([field[0], field[1]]), before, after);
                let sum = if sum == 0 && never_zero {
                    u16::MAX
                } else {
                    sum
                };
                field.copy_from_slice(&sum.to_be_bytes());
            }
        }
    }
}

/// An Internet checksum after one of the words that it covers has changed (RFC 1624 §3, equation 3).
const fn updated(sum: u16, before: u16, after: u16) -> u16 {
    let mut total = !sum as u32 + !before as u32 + after as u32;
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}
