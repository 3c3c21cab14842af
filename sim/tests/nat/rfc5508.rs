//! RFC 5508: what NATs do with ICMP that comes as packets.

use bytes::BytesMut;
use std::net::SocketAddr;

use duet_sim::net::{IcmpPolicy, NatConfig, Refusal, Side, endpoints};

use crate::bench::{ALICE, BOB, Bench, OTHER, PEER, at};
use crate::packets::{
    ICMP, TCP, UDP, assert_right, fragmentable, icmp, packet, query, reassembled, seal, sum,
};

const ASK: u8 = 8;
const ANSWER: u8 = 0;

/// The hosts' addresses without their ports.
const ALICE_IP: &str = "10.0.0.2";
const BOB_IP: &str = "10.0.0.3";
const PEER_IP: &str = "198.51.100.1";
const NAT_IP: &str = "192.0.2.1";

/// Somebody between the NAT and the peer.
const HOP: &str = "203.0.113.77";

fn identifier(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[24], packet[25]])
}

/// Two hosts ask with the same identifier, and each gets its own answer.
#[test]
fn req_1_queries_are_mapped_by_their_identifier() {
    for (ask, answer) in [(ASK, ANSWER), (13, 14)] {
        let mut bench = Bench::new(&NatConfig::default());
        let asked = [ALICE_IP, BOB_IP].map(|host| {
            let sent = query(host, PEER_IP, ask, 7, b"abcdefgh odd!");
            let sent = bench.through(Side::Inside, sent).unwrap();
            assert_right(&sent);
            assert_eq!(sent[12..20], [192, 0, 2, 1, 198, 51, 100, 1]);
            assert_eq!(sent[28..], *b"abcdefgh odd!");
            identifier(&sent)
        });
        assert_ne!(asked[0], asked[1]);
        assert_eq!(bench.nat.mappings(), 2);
        for (host, id) in [ALICE_IP, BOB_IP].iter().zip(asked) {
            let reply = query(PEER_IP, NAT_IP, answer, id, b"abcdefgh odd!");
            let heard = bench.through(Side::Outside, reply).unwrap();
            assert_eq!(heard, query(PEER_IP, host, answer, 7, b"abcdefgh odd!"));
        }
        let stranger = query("203.0.113.1", NAT_IP, answer, asked[0], b"");
        let passed = bench.through(Side::Outside, stranger);
        assert_eq!(passed, Err(Refusal::NatFiltered));
        // A UDP port of the same number is another mapping.
        let other = SocketAddr::from(([192, 0, 2, 1], asked[0]));
        assert_eq!(bench.back(PEER, other), Err(Refusal::NatNoMapping));
    }
}

#[test]
fn req_2_a_query_has_a_timer_of_its_own() {
    let answered_after = |config: &NatConfig, seconds| {
        let mut bench = Bench::new(config);
        let sent = query(ALICE_IP, PEER_IP, ASK, 7, b"");
        let id = identifier(&bench.through(Side::Inside, sent).unwrap());
        bench.wait_seconds(seconds);
        let reply = query(PEER_IP, NAT_IP, ANSWER, id, b"");
        bench.through(Side::Outside, reply).map(|_| ())
    };
    let standard = NatConfig::default();
    assert_eq!(answered_after(&standard, 59), Ok(()));
    assert_eq!(
        answered_after(&standard, 60),
        Err(Refusal::NatNoMapping),
        "though UDP has five minutes"
    );
    let home = NatConfig::preset("home").unwrap();
    assert_eq!(answered_after(&home, 29), Ok(()));
    assert_eq!(answered_after(&home, 30), Err(Refusal::NatNoMapping));
}

/// Nobody outside can ask who is inside, nobody inside answers what nobody asked, and redirects are for the next hop.
#[test]
fn what_is_no_query_from_inside_is_dropped() {
    let mut bench = Bench::new(&NatConfig::default());
    let asked = query(PEER_IP, NAT_IP, ASK, 7, b"");
    let passed = bench.through(Side::Outside, asked);
    assert_eq!(passed, Err(Refusal::NatNoMapping));
    for kind in [ANSWER, 4, 5, 9, 10, 200] {
        let sent = query(ALICE_IP, PEER_IP, kind, 7, &[0; 28]);
        let passed = bench.through(Side::Inside, sent);
        assert_eq!(passed, Err(Refusal::NatIcmp), "{kind}");
    }
    assert_eq!(bench.nat.mappings(), 0);
}

/// A packet of each protocol from Alice, and as the peer gets it.
fn sent(bench: &mut Bench, protocol: u8) -> (BytesMut, BytesMut) {
    let before = match protocol {
        ICMP => query(ALICE_IP, PEER_IP, ASK, 7, b"some more payload"),
        _ => packet(ALICE, PEER, protocol, 0, b"some more payload"),
    };
    let after = bench.through(Side::Inside, before.clone()).unwrap();
    (before, after)
}

/// Whoever tells Alice of an error, about whatever she sent, tells it about the packet as she sent it, byte for byte:
/// addresses, ports, checksums. How much of it is quoted does not matter, if it is eight bytes.
#[test]
fn req_4_errors_from_outside_are_translated_with_what_they_quote() {
    for protocol in [UDP, TCP, ICMP] {
        for kind in [[3, 1], [3, 3], [3, 4], [11, 0], [12, 0]] {
            for length in [28, 30, 36, 38, usize::MAX] {
                let mut bench = Bench::new(&NatConfig::default());
                let (before, after) = sent(&mut bench, protocol);
                let quoted = |packet: &[u8]| packet[..length.min(packet.len())].to_vec();
                let rest = [0, 0, 5, 0];
                let told = icmp(HOP, NAT_IP, kind, rest, &quoted(&after));
                let heard = bench.through(Side::Outside, told).unwrap();
                assert_right(&heard);
                let expected = icmp(HOP, ALICE_IP, kind, rest, &quoted(&before));
                assert_eq!(heard, expected, "{protocol} {kind:?} {length}");
            }
        }
    }
}

/// Alice does not know a port, and tells the peer: who gets it does not see her address.
#[test]
fn req_6_errors_from_inside_are_translated_with_what_they_quote() {
    for protocol in [UDP, TCP, ICMP] {
        let mut bench = Bench::new(&NatConfig::default());
        let (_, after) = sent(&mut bench, protocol);
        let (external, _) = endpoints(&after).unwrap();
        let arrived = match protocol {
            ICMP => query(PEER_IP, NAT_IP, ANSWER, external.port(), b"back"),
            _ => packet(PEER, &external.to_string(), protocol, 0, b"back"),
        };
        let heard = bench.through(Side::Outside, arrived.clone()).unwrap();
        let told = icmp(ALICE_IP, PEER_IP, [3, 3], [0; 4], &heard);
        let left = bench.through(Side::Inside, told).unwrap();
        assert_right(&left);
        assert_eq!(left, icmp(NAT_IP, PEER_IP, [3, 3], [0; 4], &arrived));
    }
}

/// Bob tells Alice of an error about what came by way of the NAT itself: both are inside, and know each other only by
/// their endpoints outside.
#[test]
fn req_7_errors_about_hairpinned_packets_come_back() {
    let mut bench = Bench::new(&NatConfig::default());
    let bob = bench.out(BOB, PEER).unwrap();
    let alice = bench.out(ALICE, PEER).unwrap();
    // The filter of each lets the other in.
    let pin = |from: &str, to: SocketAddr| packet(from, &to.to_string(), UDP, 0, b"hello");
    bench.put(Side::Inside, pin(BOB, alice));
    let sent = pin(ALICE, bob);
    let (leaving, refusal) = bench.put(Side::Inside, sent.clone());
    assert_eq!((leaving[0].0, refusal), (Side::Inside, None));
    let heard = &leaving[0].1;
    assert_eq!(endpoints(heard), Some((alice, at(BOB))));
    let told = icmp(BOB_IP, NAT_IP, [3, 3], [0; 4], heard);
    let (leaving, refusal) = bench.put(Side::Inside, told);
    assert_eq!(refusal, None);
    let expected = icmp(NAT_IP, ALICE_IP, [3, 3], [0; 4], &sent);
    assert_eq!(leaving, [(Side::Inside, expected)]);
}

/// An error that is damaged, that quotes too little, or a later fragment, or another protocol, that goes to somebody
/// else than who sent what it quotes, or that is about nothing that was sent.
#[test]
fn req_3_errors_that_are_not_right_are_dropped() {
    let mut bench = Bench::new(&NatConfig::default());
    let (_, after) = sent(&mut bench, UDP);
    let told = |quote: &[u8]| icmp(HOP, NAT_IP, [3, 3], [0; 4], quote);
    let mut pass = |packet| bench.through(Side::Outside, packet);
    for at in 20..after.len() + 28 {
        let mut damaged = told(&after);
        damaged[at] ^= 1;
        // A type that is none, or is a query's, of whose identifier there is no mapping.
        assert!(pass(damaged).is_err(), "{at}");
    }
    for length in 0..28 {
        let passed = pass(told(&after[..length]));
        assert_eq!(passed, Err(Refusal::NatIcmp), "{length}");
    }
    let changed = |change: &dyn Fn(&mut [u8])| {
        let mut quote = after.clone();
        change(&mut quote);
        seal(&mut quote);
        told(&quote)
    };
    let refused = [
        (changed(&|quote| quote[7] = 3), Refusal::NatIcmp),
        (changed(&|quote| quote[9] = 47), Refusal::NatIcmp),
        (changed(&|quote| quote[15] = 9), Refusal::NatIcmp),
        (changed(&|quote| quote[19] = 9), Refusal::NatFiltered),
        (changed(&|quote| quote[20] ^= 0x40), Refusal::NatNoMapping),
        (changed(&|quote| quote[9] = TCP), Refusal::NatNoMapping),
        (
            icmp(HOP, "192.0.2.9", [3, 3], [0; 4], &after),
            Refusal::NatAddress,
        ),
    ];
    for (told, cause) in refused {
        assert_eq!(pass(told), Err(cause));
    }
    // A wrong checksum of the quoted header alone; that of the message is right.
    let mut quote = after.clone();
    quote[10] ^= 1;
    assert_eq!(pass(told(&quote)), Err(Refusal::NatIcmp));
    // An error about an error.
    let error = told(&after);
    let about = icmp(HOP, NAT_IP, [3, 3], [0; 4], &error);
    assert_eq!(pass(about), Err(Refusal::NatIcmp));
    assert!(pass(told(&after)).is_ok());
    assert_eq!(
        bench.back(OTHER, endpoints(&after).unwrap().0),
        Err(Refusal::NatFiltered)
    );
}

#[test]
fn a_quoted_packet_without_a_checksum_gets_none() {
    let mut bench = Bench::new(&NatConfig::default());
    let (_, mut after) = sent(&mut bench, UDP);
    after[26..28].fill(0);
    let told = icmp(HOP, NAT_IP, [3, 3], [0; 4], &after);
    let heard = bench.through(Side::Outside, told).unwrap();
    assert_eq!(heard[20 + 8 + 26..][..2], [0, 0]);
    assert_eq!(sum(&heard[20..]), 0xffff);
}

#[test]
fn a_policy_holds_for_packets_too() {
    for (policy, passes, stays) in [
        (IcmpPolicy::Translate, true, true),
        (IcmpPolicy::Terminate, true, false),
        (IcmpPolicy::Drop, false, true),
    ] {
        let mut bench = Bench::new(&NatConfig {
            icmp: policy,
            ..NatConfig::default()
        });
        let (_, after) = sent(&mut bench, UDP);
        let told = icmp(HOP, NAT_IP, [3, 3], [0; 4], &after);
        let passed = bench.through(Side::Outside, told).is_ok();
        assert_eq!((passed, bench.nat.mappings() == 1), (passes, stays));
        // It is about errors, not about queries.
        let asked = query(ALICE_IP, PEER_IP, ASK, 7, b"");
        assert!(bench.through(Side::Inside, asked).is_ok());
    }
}

/// RFC 4787 REQ-13: who must not have his packets fragmented hears what fits, by a packet that quotes his own; and
/// those of others go in fragments.
#[test]
fn too_large_packets_are_reported_or_fragmented() {
    let mut bench = Bench::new(&NatConfig {
        mtu: Some(1_001),
        ..NatConfig::default()
    });
    let large = packet(ALICE, PEER, UDP, 0, &[7; 2_000]);
    let (leaving, refusal) = bench.put(Side::Inside, large.clone());
    assert_eq!(refusal, Some(Refusal::NatTooBig));
    let [(Side::Inside, told)] = leaving.as_slice() else {
        panic!("{leaving:?}");
    };
    assert_right(told);
    assert_eq!(told.len(), 576);
    assert_eq!(told[12..20], [192, 0, 2, 1, 10, 0, 0, 2]);
    assert_eq!(told[20..22], [3, 4]);
    assert_eq!(told[24..28], [0, 0, 3, 0xe9]);
    assert_eq!(told[28..], large[..548]);
    assert_eq!(bench.nat.mappings(), 0);

    let large = fragmentable(large, 77);
    let (leaving, refusal) = bench.put(Side::Inside, large.clone());
    assert_eq!(refusal, None);
    let left: Vec<BytesMut> = leaving
        .into_iter()
        .map(|(side, part)| {
            assert_eq!(side, Side::Outside);
            assert!(part.len() <= 1_001, "{}", part.len());
            part
        })
        .collect();
    assert_eq!(left.len(), 3);
    let whole = reassembled(&left);
    assert_right(&whole);
    assert_eq!(whole[28..], large[28..]);

    // What comes in fragments that are too large goes in smaller ones.
    let parts = crate::packets::fragments(&large, 78, 1_480);
    let mut left = Vec::new();
    for part in parts.into_iter().rev() {
        left.extend(bench.put(Side::Inside, part).0);
    }
    let left: Vec<BytesMut> = left.into_iter().map(|(_, part)| part).collect();
    assert!(left.iter().all(|part| part.len() <= 1_001));
    let whole = reassembled(&left);
    assert_right(&whole);
    assert_eq!(whole[28..], large[28..]);
}
