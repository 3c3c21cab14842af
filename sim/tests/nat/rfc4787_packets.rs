//! RFC 4787, continued: payloads, ICMP and fragments.

use bytes::BytesMut;

use duet_sim::net::{
    Content, Datagram, Fragment, FragmentPolicy, Icmp, IcmpKind, IcmpPolicy, NatConfig, Protocol,
    Quoted, Refusal, Side,
};

use crate::bench::{ALICE, Bench, OTHER, PEER, PEER_PORT, at, udp};

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

/// The fragments of a packet of `parts` parts.
fn fragments(source: &str, destination: &str, id: u16, parts: usize) -> Vec<Fragment> {
    let (source, destination) = (at(source), at(destination));
    let part = |index| Fragment {
        source: source.ip(),
        destination: destination.ip(),
        protocol: Protocol::Udp,
        id,
        ports: (index == 0).then_some((source.port(), destination.port())),
        offset: index * 1_480,
        length: 1_480,
    };
    (0..parts).map(part).collect()
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
        let parts = fragments(PEER, &external.to_string(), 7, 3);
        let mut offsets = Vec::new();
        for index in order {
            let part = parts[index].clone();
            let leaving = bench.nat.pass_fragment(bench.now, Side::Outside, part);
            for (side, part) in leaving.unwrap_or_default() {
                assert_eq!((side, part.destination), (Side::Inside, at(ALICE).ip()));
                assert_eq!(part.source, at(PEER).ip());
                let ports = (part.offset == 0).then_some((443, 5000));
                assert_eq!(part.ports, ports);
                offsets.push(part.offset / 1_480);
            }
        }
        offsets
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

/// Someone sends fragments whose first never comes (REQ-14a): packets that are whole pass, and fragments in order too.
/// Of the flood only the last 64 are remembered.
#[test]
fn req_14_a_flood_of_fragments_stops_nobody_else() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap();
    let flood = |id| fragments(PEER_PORT, &external.to_string(), id, 2);
    for id in 0..10_000 {
        let part = flood(id).remove(1);
        let leaving = bench.nat.pass_fragment(bench.now, Side::Outside, part);
        assert_eq!(leaving, Ok(Vec::new()));
    }
    assert_eq!(bench.back(PEER, external), Ok(at(ALICE)));
    let mut leaving = |part| {
        let leaving = bench.nat.pass_fragment(bench.now, Side::Outside, part);
        leaving.unwrap().len()
    };
    for part in fragments(PEER, &external.to_string(), 10_000, 3) {
        assert_eq!(leaving(part), 1);
    }
    assert_eq!(leaving(flood(9_999 - 64).remove(0)), 1);
    assert_eq!(leaving(flood(9_999 - 63).remove(0)), 2);
    assert_eq!(leaving(flood(9_999).remove(0)), 2);
}

/// A fragment of a packet that the filter drops is dropped too, and one whose first does not come in time is forgotten.
#[test]
fn req_14_fragments_go_the_way_of_their_first() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap().to_string();
    let stranger = fragments(OTHER, &external, 8, 2);
    for part in stranger {
        let passed = bench.nat.pass_fragment(bench.now, Side::Outside, part);
        assert_eq!(passed, Err(Refusal::NatFiltered));
    }
    let late = fragments(PEER, &external, 9, 2);
    let held = bench
        .nat
        .pass_fragment(bench.now, Side::Outside, late[1].clone());
    assert_eq!(held, Ok(Vec::new()));
    bench.wait_seconds(30);
    let first = bench
        .nat
        .pass_fragment(bench.now, Side::Outside, late[0].clone());
    assert_eq!(first.map(|leaving| leaving.len()), Ok(1));
}
