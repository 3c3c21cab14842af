//! A datagram as bytes: IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), TCP (RFC 9293).

use std::net::{IpAddr, Ipv6Addr};

use crate::net::{Content, Datagram, Segment};
use crate::packet::{Ecn, Packet};

const UDP: u8 = 17;
const TCP: u8 = 6;

/// As most systems have it.
const HOPS: u8 = 64;

/// Powers of two by which the windows of a model's TCP are scaled (RFC 7323 §2).
const WINDOW_SHIFT: u8 = 10;

/// The segment size that a SYN announces: an Ethernet's.
const SEGMENT_SIZE: u16 = 1_460;

/// Most bytes of TCP options.
const MAX_OPTIONS: usize = 40;

/// The bytes that there are, and the length of the whole packet. A payload without content counts as zeros, also in the
/// checksum.
pub(super) fn packet(datagram: &Datagram) -> (Vec<u8>, usize) {
    let payload: &[u8] = match &datagram.content {
        Content::Bytes(bytes) => bytes,
        Content::Empty(_) | Content::Tcp(_) => &[],
        Content::Packet(_) => {
            let packet = datagram.clone().into_packet();
            return (packet.unwrap_or_default().to_vec(), datagram.size());
        }
    };
    let ports = [datagram.source.port(), datagram.destination.port()];
    let ports: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    let (protocol, mut transport, checksum_at) = match &datagram.content {
        Content::Tcp(segment) => (TCP, [ports, tcp(segment)].concat(), 16),
        Content::Bytes(_) | Content::Empty(_) | Content::Packet(_) => {
            let len = length(8 + datagram.payload_len()).to_be_bytes();
            (UDP, [&ports, &len[..], &[0, 0], payload].concat(), 6)
        }
    };
    let header_and_payload = match &datagram.content {
        Content::Tcp(segment) => transport.len() + segment.length as usize,
        Content::Bytes(_) | Content::Empty(_) | Content::Packet(_) => 8 + datagram.payload_len(),
    };

    let addresses = match (datagram.source.ip(), datagram.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            [source.octets(), destination.octets()].concat()
        }
        (source, destination) => [six(source).octets(), six(destination).octets()].concat(),
    };
    // The pseudo header; the length is 32 bits wide for IPv6, which sums up alike.
    let inside = (header_and_payload as u32).to_be_bytes();
    let pseudo = sum(&addresses) + sum(&inside) + u64::from(protocol);
    let checksum = match !fold(pseudo + sum(&transport)) {
        // RFC 768: zero means that there is none.
        0 if protocol == UDP => u16::MAX,
        sum => sum,
    };
    if let Some(field) = transport.get_mut(checksum_at..checksum_at + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }

    let ecn = ecn(datagram.ecn);
    let mut bytes = match addresses.len() {
        8 => ipv4(ecn, protocol, header_and_payload, &addresses),
        _ => ipv6(ecn, protocol, header_and_payload, &addresses),
    };
    bytes.extend_from_slice(&transport);
    (bytes, datagram.size())
}

fn ecn(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0b00,
        Ecn::Ect1 => 0b01,
        Ecn::Ect0 => 0b10,
        Ecn::Ce => 0b11,
    }
}

fn six(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// A field of 16 bits, which a model's packet may exceed.
fn length(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn ipv4(ecn: u8, protocol: u8, inside: usize, addresses: &[u8]) -> Vec<u8> {
    let total = length(20 + inside).to_be_bytes();
    let mut header = vec![0x45, ecn];
    header.extend_from_slice(&total);
    // Not fragmented, and not to be: the identification is free (RFC 6864 §4.1).
    header.extend_from_slice(&[0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
    header.extend_from_slice(addresses);
    let checksum = !fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn ipv6(ecn: u8, protocol: u8, inside: usize, addresses: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, ecn << 4, 0, 0];
    header.extend_from_slice(&length(inside).to_be_bytes());
    header.extend_from_slice(&[protocol, HOPS]);
    header.extend_from_slice(addresses);
    header
}

/// A TCP header without its ports.
fn tcp(segment: &Segment) -> Vec<u8> {
    let millis = |nanos: u64| ((nanos / 1_000_000) as u32).to_be_bytes();
    let (own, echoed) = segment.timestamps;
    let timestamps = [&[8, 10], &millis(own)[..], &millis(echoed)].concat();
    let is_syn = segment.has(Segment::SYN);
    let mut options = Vec::new();
    if is_syn {
        let size = SEGMENT_SIZE.to_be_bytes();
        options.extend_from_slice(&[2, 4, size[0], size[1], 4, 2]);
        options.extend_from_slice(&timestamps);
        options.extend_from_slice(&[1, 3, 3, WINDOW_SHIFT]);
    } else {
        options.extend_from_slice(&[1, 1]);
        options.extend_from_slice(&timestamps);
    }
    let blocks = (MAX_OPTIONS - options.len()).saturating_sub(4) / 8;
    let blocks = blocks.min(segment.sacks.len());
    if blocks > 0 {
        options.extend_from_slice(&[1, 1, 5, 2 + 8 * blocks as u8]);
        for &(first, end) in &segment.sacks[..blocks] {
            options.extend_from_slice(&(first as u32).to_be_bytes());
            options.extend_from_slice(&(end as u32).to_be_bytes());
        }
    }
    let acknowledged = match segment.has(Segment::ACK) {
        true => segment.acknowledged as u32,
        false => 0,
    };
    let shift = if is_syn { 0 } else { WINDOW_SHIFT };
    let window = u16::try_from(segment.window >> shift).unwrap_or(u16::MAX);
    let words = (20 + options.len() as u8) / 4;
    [
        &(segment.sequence as u32).to_be_bytes()[..],
        &acknowledged.to_be_bytes(),
        &[words << 4, segment.flags],
        &window.to_be_bytes(),
        &[0; 4],
        &options,
    ]
    .concat()
}

/// The sum of words of 16 bits (RFC 1071). Of what is summed up in parts, only the last may have an odd length.
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2);
    words
        .map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0)))
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}
