//! IP packets built by hand, and checksums summed up from nothing over the whole packet (RFC 1071).
#![allow(dead_code, reason = "every test file uses its own part")]

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;

/// The sum of words in one's complement, carried (RFC 1071 §1).
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2);
    let total: u64 = words
        .map(|word| u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0)))
        .sum();
    (0..4).fold(total, |total, _| (total & 0xffff) + (total >> 16))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The sum over pseudo header and what is behind the IP header: all ones if the checksum in it is right.
pub(crate) fn covered(source: IpAddr, destination: IpAddr, protocol: u8, inside: &[u8]) -> u64 {
    let length = (inside.len() as u32).to_be_bytes();
    let pseudo = [
        octets(source),
        octets(destination),
        length.to_vec(),
        vec![0, protocol],
    ];
    sum(&[pseudo.concat(), inside.to_vec()].concat())
}

/// A packet with right checksums; of ICMP with an echo request without an identifier.
pub(crate) fn packet(from: &str, to: &str, protocol: u8, ecn: u8, payload: &[u8]) -> BytesMut {
    let from: SocketAddr = from.parse().expect("an address");
    let to: SocketAddr = to.parse().expect("an address");
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let (mut inside, field) = match protocol {
        TCP => (
            [
                &ports[..],
                &[0; 8],
                &[0x50, 0x10, 1, 0, 0, 0, 0, 0],
                payload,
            ]
            .concat(),
            16,
        ),
        UDP => {
            let length = (8 + payload.len() as u16).to_be_bytes();
            ([&ports[..], &length, &[0, 0], payload].concat(), 6)
        }
        _ => ([&[8, 0, 0, 0, 0, 0, 0, 0][..], payload].concat(), 2),
    };
    let own = match protocol {
        // Without a pseudo header.
        ICMP => sum(&inside),
        _ => covered(from.ip(), to.ip(), protocol, &inside),
    };
    let own = match !(own as u16) {
        0 if protocol == UDP => u16::MAX,
        own => own,
    };
    inside[field..field + 2].copy_from_slice(&own.to_be_bytes());
    ip(from.ip(), to.ip(), protocol, ecn, &inside)
}

/// An IP packet of what is behind its header; IPv4 with "don't fragment".
pub(crate) fn ip(from: IpAddr, to: IpAddr, protocol: u8, ecn: u8, inside: &[u8]) -> BytesMut {
    let addresses = [octets(from), octets(to)].concat();
    let header = match from {
        IpAddr::V4(_) => {
            let total = (20 + inside.len() as u16).to_be_bytes();
            let mut header = [
                &[0x45, 0xb8 | ecn][..],
                &total,
                &[7, 7, 0x40, 0, 64, protocol, 0, 0],
                &addresses,
            ]
            .concat();
            seal(&mut header);
            header
        }
        IpAddr::V6(_) => {
            let length = (inside.len() as u16).to_be_bytes();
            [
                &[0x60, ecn << 4, 0, 0][..],
                &length,
                &[protocol, 64],
                &addresses,
            ]
            .concat()
        }
    };
    BytesMut::from([&header, inside].concat().as_slice())
}

/// Writes an IPv4 header's checksum.
pub(crate) fn seal(header: &mut [u8]) {
    header[10..12].fill(0);
    let own = !(sum(&header[..20]) as u16);
    header[10..12].copy_from_slice(&own.to_be_bytes());
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// An ICMP message in IPv4, by addresses without ports: type, code, the four bytes after the checksum, and the rest.
pub(crate) fn icmp(from: &str, to: &str, kind: [u8; 2], four: [u8; 4], rest: &[u8]) -> BytesMut {
    let mut inside = [&kind[..], &[0, 0], &four, rest].concat();
    let own = !(sum(&inside) as u16);
    inside[2..4].copy_from_slice(&own.to_be_bytes());
    ip(address(from), address(to), ICMP, 0, &inside)
}

/// An ICMP query or its reply, of these types, with an identifier.
pub(crate) fn query(from: &str, to: &str, kind: u8, id: u16, payload: &[u8]) -> BytesMut {
    let [high, low] = id.to_be_bytes();
    icmp(from, to, [kind, 0], [high, low, 0, 1], payload)
}

/// The packet as an IPv4 packet of this identification that may be fragmented.
pub(crate) fn fragmentable(mut packet: BytesMut, id: u16) -> BytesMut {
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    packet[6..8].fill(0);
    seal(&mut packet);
    packet
}

/// The fragments of an IPv4 packet, with `step` bytes behind the header of each but the last; eight divide it.
pub(crate) fn fragments(packet: &[u8], id: u16, step: usize) -> Vec<BytesMut> {
    let whole = fragmentable(BytesMut::from(packet), id);
    let (head, payload) = whole.split_at(20);
    let count = payload.len().div_ceil(step);
    let parts = payload.chunks(step).enumerate().map(|(index, part)| {
        let more = if index + 1 < count { 0x2000 } else { 0 };
        let place = (index * step / 8) as u16 | more;
        let mut bytes = [head, part].concat();
        bytes[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        bytes[6..8].copy_from_slice(&place.to_be_bytes());
        seal(&mut bytes);
        BytesMut::from(bytes.as_slice())
    });
    parts.collect()
}

/// The packet whose fragments these are, in any order, each with a right header and none missing.
pub(crate) fn reassembled(parts: &[BytesMut]) -> BytesMut {
    let place = |part: &BytesMut| u16::from_be_bytes([part[6], part[7]]);
    let mut parts: Vec<&BytesMut> = parts.iter().collect();
    parts.sort_by_key(|part| place(part) & 0x1fff);
    let mut payload = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        assert_eq!(sum(&part[..20]), 0xffff, "the header's checksum");
        assert_eq!(usize::from(place(part) & 0x1fff) * 8, payload.len());
        assert_eq!(place(part) & 0x2000 != 0, index + 1 < parts.len());
        assert_eq!(
            (&part[4..6], part[9]),
            (&parts[0][4..6], parts[0][9]),
            "one identification, one protocol"
        );
        assert_eq!(part[12..20], parts[0][12..20], "the same addresses");
        payload.extend_from_slice(&part[20..]);
    }
    let from = IpAddr::from(<[u8; 4]>::try_from(&parts[0][12..16]).expect("four bytes"));
    let to = IpAddr::from(<[u8; 4]>::try_from(&parts[0][16..20]).expect("four bytes"));
    ip(from, to, parts[0][9], 0, &payload)
}

/// That all checksums of a packet are right, with what it says of itself. So must be those in a packet that an ICMP
/// error quotes, if all of it is there.
pub(crate) fn assert_right(packet: &[u8]) {
    let (protocol, source, destination, inside) = match packet[0] >> 4 {
        4 => {
            assert_eq!(sum(&packet[..20]), 0xffff, "the header's checksum");
            let address = |at: usize| {
                IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).expect("four bytes"))
            };
            (packet[9], address(12), address(16), &packet[20..])
        }
        _ => {
            let address = |at: usize| {
                IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).expect("bytes"))
            };
            (packet[6], address(8), address(24), &packet[40..])
        }
    };
    match protocol {
        ICMP => {
            assert_eq!(sum(inside), 0xffff, "the checksum of ICMP");
            if matches!(inside[0], 3 | 11 | 12) {
                let quote = &inside[8..];
                assert_eq!(sum(&quote[..20]), 0xffff, "the quoted header's checksum");
                let total = usize::from(u16::from_be_bytes([quote[2], quote[3]]));
                if quote.len() == total {
                    assert_right(quote);
                }
            }
        }
        UDP if inside[6..8] == [0, 0] => panic!("a checksum became none"),
        _ => {
            let sum = covered(source, destination, protocol, inside);
            assert_eq!(sum, 0xffff, "the checksum behind the header");
        }
    }
}
