//! Whole IP packets as datagrams, and back: what is read of them, and that what is written into them keeps their
//! checksums right. The sums are computed here from nothing, over the whole packet (RFC 1071).

use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use duet_sim::net::{Datagram, Ecn, endpoints};
use duet_sim::{Packet as _, Stream};

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The sum of words in one's complement, carried (RFC 1071 §1).
fn sum(bytes: &[u8]) -> u64 {
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
fn covered(source: IpAddr, destination: IpAddr, protocol: u8, inside: &[u8]) -> u64 {
    let length = (inside.len() as u32).to_be_bytes();
    let pseudo = [
        octets(source),
        octets(destination),
        length.to_vec(),
        vec![0, protocol],
    ];
    sum(&[pseudo.concat(), inside.to_vec()].concat())
}

/// A packet with right checksums.
fn packet(from: &str, to: &str, protocol: u8, ecn: u8, payload: &[u8]) -> BytesMut {
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
        _ => ([&[8, 0, 0, 0][..], payload].concat(), 2),
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
    let header = match from {
        SocketAddr::V4(_) => {
            let total = (20 + inside.len() as u16).to_be_bytes();
            let mut header = [
                &[0x45, 0xb8 | ecn][..],
                &total,
                &[7, 7, 0x40, 0, 64, protocol, 0, 0],
            ]
            .concat();
            header.extend([octets(from.ip()), octets(to.ip())].concat());
            let own = !(sum(&header) as u16);
            header[10..12].copy_from_slice(&own.to_be_bytes());
            header
        }
        SocketAddr::V6(_) => {
            let length = (inside.len() as u16).to_be_bytes();
            let mut header = [&[0x60, ecn << 4, 0, 0][..], &length, &[protocol, 64]].concat();
            header.extend([octets(from.ip()), octets(to.ip())].concat());
            header
        }
    };
    BytesMut::from([header, inside].concat().as_slice())
}

/// That all checksums of a packet are right, with what it says of itself.
fn assert_right(packet: &[u8]) {
    let (source, destination) = endpoints(packet).expect("a packet");
    let (protocol, inside) = match packet[0] >> 4 {
        4 => {
            assert_eq!(sum(&packet[..20]), 0xffff, "the header's checksum");
            (packet[9], &packet[20..])
        }
        _ => (packet[6], &packet[40..]),
    };
    match protocol {
        ICMP => assert_eq!(sum(inside), 0xffff),
        UDP if inside[6..8] == [0, 0] => panic!("a checksum became none"),
        _ => {
            let sum = covered(source.ip(), destination.ip(), protocol, inside);
            assert_eq!(sum, 0xffff, "the checksum behind the header");
        }
    }
}

#[test]
fn a_packet_is_read_and_given_back_as_it_was() {
    for (from, to, protocol, class) in [
        ("10.0.0.1:5000", "10.0.0.2:443", UDP, "udp"),
        ("10.0.0.1:5000", "10.0.0.2:443", TCP, "tcp"),
        ("10.0.0.1:0", "10.0.0.2:0", ICMP, "icmp"),
        ("[fd00::1]:5000", "[fd00::2]:443", UDP, "udp"),
        ("[fd00::1]:5000", "[fd00::2]:443", TCP, "tcp"),
        ("10.0.0.1:0", "10.0.0.2:0", 47, "ip"),
    ] {
        for (bits, ecn) in [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce]
            .into_iter()
            .enumerate()
        {
            let whole = packet(from, to, protocol, bits as u8, b"what is in it");
            let datagram = Datagram::of_packet(whole.clone()).expect("a packet");
            assert_eq!(datagram.source, from.parse().expect("an address"));
            assert_eq!(datagram.destination, to.parse().expect("an address"));
            assert_eq!((datagram.ecn, datagram.class), (ecn, class));
            assert_eq!(datagram.size(), whole.len());
            assert_eq!(datagram.into_packet(), Some(whole));
        }
    }
}

#[test]
fn what_was_translated_and_marked_has_right_checksums() {
    let mut draws = Stream::new(1, "packets");
    for round in 0..20_000 {
        let protocol = [UDP, TCP, ICMP][round % 3];
        let port = |draws: &mut Stream| {
            if protocol == ICMP {
                0
            } else {
                draws.below(1 << 16)
            }
        };
        let endpoint = |draws: &mut Stream| {
            let (one, other) = (draws.below(256), draws.below(256));
            format!("10.{one}.0.{other}:{}", port(draws))
        };
        let (from, to) = (endpoint(&mut draws), endpoint(&mut draws));
        let payload: Vec<u8> = (0..draws.below(8))
            .map(|_| draws.below(256) as u8)
            .collect();
        let ecn = draws.below(4) as u8;
        let whole = packet(&from, &to, protocol, ecn, &payload);
        assert_right(&whole);
        let mut datagram = Datagram::of_packet(whole).expect("a packet");
        datagram.source = endpoint(&mut draws).parse().expect("an address");
        datagram.destination = endpoint(&mut draws).parse().expect("an address");
        datagram.set_ecn(Ecn::Ce);
        let (source, destination) = (datagram.source, datagram.destination);
        let after = datagram.into_packet().expect("a packet");
        assert_eq!(endpoints(&after), Some((source, destination)));
        assert_eq!(after[1], 0xb8 | 3, "the rest of the traffic class stays");
        assert_right(&after);
    }
}

#[test]
fn a_translation_of_ipv6_has_a_right_checksum() {
    let whole = packet("[fd00::1]:5000", "[fd00::2]:443", UDP, 2, b"six");
    let mut datagram = Datagram::of_packet(whole).expect("a packet");
    datagram.destination = "[fd00::77]:4433".parse().expect("an address");
    datagram.set_ecn(Ecn::Ce);
    let after = datagram.into_packet().expect("a packet");
    assert_eq!(after[1] >> 4, 3);
    assert_right(&after);
}

#[test]
fn what_has_no_checksum_gets_none() {
    let mut whole = packet("10.0.0.1:1", "10.0.0.2:2", UDP, 0, b"none");
    whole[26..28].copy_from_slice(&[0, 0]);
    let mut datagram = Datagram::of_packet(whole).expect("a packet");
    datagram.source = "10.9.9.9:9".parse().expect("an address");
    let after = datagram.into_packet().expect("a packet");
    assert_eq!(after[26..28], [0, 0]);
}

#[test]
fn a_later_fragment_has_no_ports() {
    let mut whole = packet("10.0.0.1:5000", "10.0.0.2:443", UDP, 0, b"a part");
    whole[7] = 1;
    let payload = whole[20..].to_vec();
    let mut datagram = Datagram::of_packet(whole).expect("a packet");
    assert_eq!(
        (datagram.source.port(), datagram.destination.port()),
        (0, 0)
    );
    datagram.source = "10.0.0.9:77".parse().expect("an address");
    let after = datagram.into_packet().expect("a packet");
    assert_eq!(
        (&after[12..16], &after[20..]),
        (&[10, 0, 0, 9][..], &payload[..])
    );
}

#[test]
fn what_is_cut_off_is_no_packet() {
    for whole in [
        packet("10.0.0.1:5000", "10.0.0.2:443", UDP, 0, b"whole"),
        packet("[fd00::1]:5000", "[fd00::2]:443", TCP, 0, b"whole"),
    ] {
        for length in 0..whole.len() {
            let cut = BytesMut::from(&whole[..length]);
            assert!(Datagram::of_packet(cut).is_none(), "{length}");
        }
    }
    let mut other = packet("10.0.0.1:5000", "10.0.0.2:443", UDP, 0, b"whole");
    other[0] = 0x55;
    assert!(Datagram::of_packet(other).is_none());
}

#[test]
fn a_checksum_does_not_become_none() {
    let whole = packet("10.0.0.1:5000", "10.0.0.2:443", UDP, 0, b"some");
    for port in 0..=u16::MAX {
        let mut datagram = Datagram::of_packet(whole.clone()).expect("a packet");
        datagram.destination.set_port(port);
        assert_right(&datagram.into_packet().expect("a packet"));
    }
}
