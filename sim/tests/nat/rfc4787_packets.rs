//! RFC 4787, continued: payloads, ICMP and fragments.

use bytes::BytesMut;

use duet_sim::Packet as _;
use duet_sim::net::{
    Content, Datagram, FragmentPolicy, Icmp, IcmpKind, IcmpPolicy, NatConfig, Quoted, Refusal,
    Side, endpoints,
};

use crate::bench::{ALICE, Bench, OTHER, PEER, PEER_PORT, at, udp};
use crate::packets::{UDP, assert_right, fragments, ip, packet, reassembled, seal};

/// What a STUN client without XOR would see: a NAT that changes payloads makes two ends disagree about them.
#[test]
fn req_10_payloads_are_not_touched() {
    let payload = b"\x00\x0a\x00\x00\x02\x13\x88 tell 10.0.0.2:5000 about 192.0.2.1";
    let arrives = |alg| {
        let mut bench = Bench::new(&NatConfig {
            alg,
            ..NatConfig::default()
        });
        let datagram = Datagram {
            content: Content::Bytes(BytesMut::from(&payload[..])),
            ..udp(at(ALICE), at(PEER))
        };
        let passage = bench.nat.pass(bench.now, Side::Inside, datagram);
        let (_, out) = passage.forwarded().unwrap();
        let Content::Bytes(sent) = out.content.clone() else {
            panic!("it was bytes");
        };
        let answer = Datagram {
            source: out.destination,
            destination: out.source,
            ..out
        };
        let passage = bench.nat.pass(bench.now, Side::Outside, answer);
        let (_, back) = passage.forwarded().unwrap();
        assert!(matches!(back.content, Content::Bytes(_)));
        sent
    };
    assert_eq!(arrives(false), payload[..]);
    let changed = arrives(true);
    assert_eq!(changed[..5], *b"\x00\xc0\x00\x02\x01");
    assert_eq!(changed.len(), payload.len());
}

fn error(source: &str, about: Datagram) -> Icmp {
    Icmp {
        source: source.parse().unwrap(),
        destination: about.source.ip(),
        kind: IcmpKind::Unreachable,
        quoted: Quoted::of(&about),
    }
}

/// A router somewhere says that the peer is unreachable: perhaps for a moment, perhaps it lies. The host inside hears
/// of it (REQ-12b), whoever says it (REQ-12a), and the mapping stays.
#[test]
fn req_12_icmp_ends_no_mapping() {
    let holds = |icmp| {
        let mut bench = Bench::new(&NatConfig {
            icmp,
            ..NatConfig::default()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        let report = error("203.0.113.77", udp(external, at(PEER)));
        let heard = bench.nat.pass_icmp(bench.now, Side::Outside, report);
        let heard = heard.is_ok_and(|(side, icmp)| {
            let expected = Icmp {
                source: "203.0.113.77".parse().unwrap(),
                ..error("203.0.113.77", udp(at(ALICE), at(PEER)))
            };
            side == Side::Inside && icmp == expected
        });
        (heard, bench.back(PEER, external) == Ok(at(ALICE)))
    };
    assert_eq!(holds(IcmpPolicy::Translate), (true, true));
    assert_eq!(holds(IcmpPolicy::Terminate), (true, false));
    assert_eq!(holds(IcmpPolicy::Drop), (false, true));
}

/// An error about a packet that was never sent leads nowhere: not into the network, and to nobody.
#[test]
fn req_12_icmp_about_nothing_is_dropped() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap();
    let about = |source, destination| error("203.0.113.77", udp(source, destination));
    let free = (external.ip(), external.port() ^ 2).into();
    let mut pass = |icmp| bench.nat.pass_icmp(bench.now, Side::Outside, icmp);
    assert_eq!(pass(about(free, at(PEER))), Err(Refusal::NatNoMapping));
    assert_eq!(pass(about(external, at(OTHER))), Err(Refusal::NatFiltered));
}

/// The host inside has closed its socket, and says so to the peer: the peer must not see private addresses.
#[test]
fn req_12_icmp_from_inside_is_translated() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap();
    let report = error("10.0.0.2", udp(at(PEER), at(ALICE)));
    let passed = bench.nat.pass_icmp(bench.now, Side::Inside, report);
    let expected = error(&external.ip().to_string(), udp(at(PEER), external));
    assert_eq!(passed, Ok((Side::Outside, expected)));
}

/// Outside, packets of 1400 bytes fit and not one more. A host that sends larger ones must hear of it, else it sends
/// them into a black hole.
#[test]
fn req_13_too_large_packets_are_reported() {
    let told = |mtu, payload| {
        let mut bench = Bench::new(&NatConfig {
            mtu,
            ..NatConfig::default()
        });
        let large = Datagram {
            content: Content::Empty(payload),
            ..udp(at(ALICE), at(PEER))
        };
        let refusal = bench.nat.pass(bench.now, Side::Inside, large).refusal();
        let icmp = bench.nat.take_icmp();
        assert_eq!(bench.nat.take_icmp(), None, "it is told once");
        (refusal, icmp)
    };
    let report = Icmp {
        source: "192.0.2.1".parse().unwrap(),
        kind: IcmpKind::TooBig { mtu: 1_400 },
        ..error("192.0.2.1", udp(at(ALICE), at(PEER)))
    };
    let headers = 20 + 8;
    assert_eq!(
        told(Some(1_400), 1_401 - headers),
        (Some(Refusal::NatTooBig), Some(report))
    );
    assert_eq!(told(Some(1_400), 1_400 - headers), (None, None));
    assert_eq!(told(None, 1_401 - headers), (None, None), "nobody is told");
}

/// The fragments of a UDP packet of `parts` parts.
fn parts(source: &str, destination: &str, id: u16, parts: usize) -> Vec<BytesMut> {
    let payload: Vec<u8> = (0..parts * 1_480 - 8).map(|byte| byte as u8).collect();
    fragments(&packet(source, destination, UDP, 0, &payload), id, 1_480)
}

/// Which fragment it is.
fn index(part: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([part[6], part[7]]) & 0x1fff) * 8 / 1_480
}

/// Only the first fragment has ports. Those that come before it wait for it; all leave translated.
#[test]
fn req_14_fragments_pass_in_any_order() {
    let passed = |policy, order: [usize; 3]| {
        let mut bench = Bench::new(&NatConfig {
            fragments: policy,
            ..NatConfig::default()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        let parts = parts(PEER, &external.to_string(), 7, 3);
        let mut arrived = Vec::new();
        for index in order {
            let (leaving, refusal) = bench.put(Side::Outside, parts[index].clone());
            assert!(refusal.is_none_or(|cause| cause == Refusal::NatFragment));
            for (side, part) in leaving {
                assert_eq!(side, Side::Inside);
                arrived.push(part);
            }
        }
        if arrived.len() == 3 {
            let whole = reassembled(&arrived);
            assert_right(&whole);
            assert_eq!(endpoints(&whole), Some((at(PEER), at(ALICE))));
        }
        arrived.iter().map(|part| index(part)).collect::<Vec<_>>()
    };
    let any = FragmentPolicy::OutOfOrder;
    assert_eq!(passed(any, [0, 1, 2]), [0, 1, 2]);
    assert_eq!(passed(any, [2, 0, 1]), [0, 2, 1]);
    assert_eq!(passed(any, [2, 1, 0]), [0, 2, 1]);
    let in_order = FragmentPolicy::InOrder;
    assert_eq!(passed(in_order, [0, 1, 2]), [0, 1, 2]);
    assert_eq!(passed(in_order, [2, 0, 1]), [0, 1]);
    assert_eq!(passed(FragmentPolicy::Drop, [0, 1, 2]), [0; 0]);
}

/// From inside as well, where the first one makes the mapping.
#[test]
fn req_14_fragments_go_out() {
    let mut bench = Bench::new(&NatConfig::default());
    let mut left = Vec::new();
    for part in parts(ALICE, PEER, 7, 4).into_iter().rev() {
        let (leaving, refusal) = bench.put(Side::Inside, part);
        assert_eq!(refusal, None);
        left.extend(leaving.into_iter().map(|(side, part)| {
            assert_eq!(side, Side::Outside);
            part
        }));
    }
    let whole = reassembled(&left);
    assert_right(&whole);
    let (source, destination) = endpoints(&whole).unwrap();
    assert_eq!(destination, at(PEER));
    assert_eq!(bench.back(PEER, source), Ok(at(ALICE)));
}

/// Someone sends fragments whose first never comes (REQ-14a): packets that are whole pass, and fragments in order too.
/// Of the flood only the last 64 are remembered, and of large ones not even so many; the others are given up one by one.
#[test]
fn req_14_a_flood_of_fragments_stops_nobody_else() {
    for (size, most) in [(1_480, 64), (65_000 / 8 * 8, 4)] {
        let mut bench = Bench::new(&NatConfig::default());
        let external = bench.out(ALICE, PEER).unwrap();
        let flood = |id| {
            let payload = vec![7; size];
            let whole = packet(PEER_PORT, &external.to_string(), UDP, 0, &payload);
            fragments(&whole, id, size)
        };
        let mut lost = 0;
        for id in 0..1_000 {
            let part = fragmentable_part(size, &external.to_string(), id);
            let (leaving, refusal) = bench.put(Side::Outside, part);
            assert_eq!((leaving.len(), refusal), (0, None));
            while let Some((datagram, cause)) = bench.nat.take_lost() {
                assert_eq!((datagram.size(), cause), (20 + size, Refusal::NatFragment));
                lost += 1;
            }
        }
        assert_eq!(lost, 1_000 - most);
        assert_eq!(bench.back(PEER, external), Ok(at(ALICE)));
        let mut leaving = |part| bench.put(Side::Outside, part).0.len();
        for part in parts(PEER, &external.to_string(), 1_000, 3) {
            assert_eq!(leaving(part), 1);
        }
        let first_held = 1_000 - most as u16;
        for (id, expected) in [(first_held - 1, 1), (first_held, 2), (999, 2)] {
            assert_eq!(
                leaving(flood(id).remove(0)),
                expected,
                "{id} of {size} bytes"
            );
        }
    }
}

/// The second fragment of a packet whose first has as many bytes.
fn fragmentable_part(size: usize, destination: &str, id: u16) -> BytesMut {
    let from = at(PEER_PORT).ip();
    let mut part = ip(from, at(destination).ip(), UDP, 0, &vec![7; size]);
    part[4..6].copy_from_slice(&id.to_be_bytes());
    // Eight bytes after the beginning: where it lies does not matter to a NAT.
    part[6..8].copy_from_slice(&[0, 1]);
    seal(&mut part);
    part
}

/// A fragment of a packet that the filter drops is dropped too, and one whose first does not come in time is forgotten.
#[test]
fn req_14_fragments_go_the_way_of_their_first() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap().to_string();
    for part in parts(OTHER, &external, 8, 2) {
        let passed = bench.through(Side::Outside, part);
        assert_eq!(passed, Err(Refusal::NatFiltered));
    }
    // The other way round it was held, and goes with the first.
    let early = parts(OTHER, &external, 9, 2);
    bench.put(Side::Outside, early[1].clone());
    assert_eq!(
        bench.put(Side::Outside, early[0].clone()),
        (Vec::new(), Some(Refusal::NatFiltered))
    );
    let lost = bench.nat.take_lost().map(|(_, cause)| cause);
    assert_eq!(lost, Some(Refusal::NatFiltered));

    let late = parts(PEER, &external, 10, 2);
    let held = bench.put(Side::Outside, late[1].clone());
    assert_eq!(held, (Vec::new(), None));
    bench.wait_seconds(30);
    let (leaving, _) = bench.put(Side::Outside, late[0].clone());
    assert_eq!(leaving.len(), 1);
    let lost = bench.nat.take_lost().map(|(_, cause)| cause);
    assert_eq!(lost, Some(Refusal::NatFragment));
}
