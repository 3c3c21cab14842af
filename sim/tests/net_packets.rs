//! Whole IP packets as datagrams, and back: what is read of them, and that what is written into them keeps their
//! checksums right. The sums are computed here from nothing, over the whole packet (RFC 1071).

#[path = "common/packets.rs"]
mod packets;

use bytes::BytesMut;
use duet_sim::net::{Datagram, Ecn, endpoints};
use duet_sim::{Packet as _, Stream};

use packets::{ICMP, TCP, UDP, assert_right, icmp, packet, query};

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

/// A query has its identifier for a port, on the side of who asks, and what is written there keeps the checksum right.
#[test]
fn the_identifier_of_a_query_is_the_port_of_who_asks() {
    let mut draws = Stream::new(1, "queries");
    for round in 0..20_000 {
        let (kind, is_reply) = [(8, false), (0, true), (13, false), (14, true)][round % 4];
        let [before, after] = [(); 2].map(|()| draws.below(1 << 16) as u16);
        let payload: Vec<u8> = (0..draws.below(8))
            .map(|_| draws.below(256) as u8)
            .collect();
        let whole = query("10.0.0.1", "10.0.0.2", kind, before, &payload);
        assert_right(&whole);
        let mut datagram = Datagram::of_packet(whole.clone()).expect("a packet");
        let ports = |datagram: &Datagram| match is_reply {
            true => (datagram.destination.port(), datagram.source.port()),
            false => (datagram.source.port(), datagram.destination.port()),
        };
        assert_eq!((ports(&datagram), datagram.class), ((before, 0), "icmp"));
        assert_eq!(datagram.clone().into_packet(), Some(whole));
        match is_reply {
            true => datagram.destination.set_port(after),
            false => datagram.source.set_port(after),
        }
        datagram.source.set_ip([192, 0, 2, 9].into());
        let sent = datagram.into_packet().expect("a packet");
        assert_right(&sent);
        assert_eq!(sent[24..26], after.to_be_bytes());
        let read = Datagram::of_packet(sent).expect("a packet");
        assert_eq!(ports(&read), (after, 0));
    }
}

/// Only queries have one: in other messages these bytes are something else.
#[test]
fn other_icmp_has_no_identifier() {
    for kind in (0..=255).filter(|kind| ![0, 8, 13, 14].contains(kind)) {
        let whole = icmp("10.0.0.1", "10.0.0.2", [kind, 0], [1, 2, 3, 4], &[0; 28]);
        let mut datagram = Datagram::of_packet(whole.clone()).expect("a packet");
        assert_eq!(
            (datagram.source.port(), datagram.destination.port()),
            (0, 0)
        );
        datagram.source.set_port(77);
        datagram.destination.set_port(78);
        assert_eq!(datagram.into_packet(), Some(whole));
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
