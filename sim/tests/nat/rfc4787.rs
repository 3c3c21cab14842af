//! RFC 4787: each requirement is a statement about a NAT of some configuration. It holds of the default, and of a NAT
//! configured against it, it does not: so each of these tests can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use duet_sim::net::{Allocation, Behaviour, Hairpin, NatConfig, Pooling, Refresh, Refusal, Side};

use crate::bench::{ALICE, BOB, Bench, OTHER, PEER, PEER_PORT, at, udp};

fn standard() -> NatConfig {
    NatConfig::default()
}

/// Alice's application learns its external endpoint from one server, and tells it to peers. That works only if what
/// she sends to the peers comes from the same endpoint.
#[test]
fn req_01_mapping_is_endpoint_independent() {
    let holds = |mapping| {
        let mut bench = Bench::new(&NatConfig {
            mapping,
            ..standard()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        [PEER_PORT, OTHER, PEER].map(|peer| bench.out(ALICE, peer) == Ok(external))
    };
    assert_eq!(holds(Behaviour::EndpointIndependent), [true, true, true]);
    assert_eq!(holds(Behaviour::AddressDependent), [true, false, true]);
    assert_eq!(
        holds(Behaviour::AddressAndPortDependent),
        [false, false, true]
    );
}

/// RTP from one port and RTCP from another: a peer that checks addresses expects both from one.
#[test]
fn req_02_addresses_are_paired() {
    let addresses = |pooling, host| {
        let config = NatConfig {
            pooling,
            ..standard()
        };
        let mut bench = Bench::with_addresses(&config, 4);
        let ports = 5000..5032;
        let external = ports.map(|port| bench.out(&format!("10.0.0.{host}:{port}"), PEER));
        let addresses: BTreeSet<_> = external.map(|external| external.unwrap().ip()).collect();
        addresses
    };
    let mut used = BTreeSet::new();
    for host in 2..34 {
        let addresses = addresses(Pooling::Paired, host);
        assert_eq!(addresses.len(), 1);
        used.extend(addresses);
    }
    assert_eq!(used.len(), 4, "hosts are spread over all addresses");
    assert_eq!(addresses(Pooling::Arbitrary, 2).len(), 4);
}

/// Alice and Bob both send from port 5000 to the same peer. If both came from the same external endpoint, the peer
/// could not tell them apart, and one of them would get the answers of both.
#[test]
fn req_03_ports_are_not_overloaded() {
    let holds = |allocation| {
        let mut bench = Bench::new(&NatConfig {
            allocation,
            ..standard()
        });
        let alice = bench.out(ALICE, PEER).unwrap();
        let bob = bench.out(BOB, PEER).unwrap();
        bench.back(PEER, alice) == Ok(at(ALICE)) && bench.back(PEER, bob) == Ok(at(BOB))
    };
    for allocation in Allocation::ALL {
        let overloads = *allocation == Allocation::PreserveOverload;
        assert_eq!(holds(*allocation), !overloads, "{allocation}");
    }
}

/// Port 500 is trusted by some for being below 1024, and 5000 must not look as if it were.
#[test]
fn req_03_a_port_stays_in_its_class() {
    let holds = |port_class| {
        let mut bench = Bench::new(&NatConfig {
            port_class,
            allocation: Allocation::Sequential,
            ..standard()
        });
        let low = bench.out("10.0.0.2:500", PEER).unwrap().port();
        let high = bench.out("10.0.0.2:5000", PEER).unwrap().port();
        (low < 1024, high >= 1024)
    };
    assert_eq!(holds(true), (true, true));
    assert_eq!(holds(false), (true, false));
}

/// RTP has even ports and RTCP odd ones (RFC 3550 §11).
#[test]
fn req_04_parity_is_preserved() {
    let kept = |parity, allocation| {
        let mut bench = Bench::new(&NatConfig {
            parity,
            allocation,
            ..standard()
        });
        let mut keeps = |port: u16| {
            let inside = format!("10.0.0.{}:{port}", 2 + port % 7);
            bench.out(&inside, PEER).unwrap().port() % 2 == port % 2
        };
        (5000..5032).step_by(3).filter(|port| keeps(*port)).count()
    };
    for allocation in Allocation::ALL {
        assert_eq!(kept(true, *allocation), 11, "{allocation}");
    }
    assert!(kept(false, Allocation::Random) < 11);
}

/// An application that sends something every two minutes can be reached in between.
#[test]
fn req_05_a_mapping_lives_for_two_minutes_at_least() {
    let holds = |config: &NatConfig| {
        let mut bench = Bench::new(config);
        let external = bench.out(ALICE, PEER).unwrap();
        bench.wait(Duration::from_secs(120) - Duration::from_nanos(1));
        bench.back(PEER, external) == Ok(at(ALICE))
    };
    let timeout = |seconds| NatConfig {
        timeout: Duration::from_secs(seconds),
        ..standard()
    };
    assert!(holds(&standard()));
    assert!(holds(&timeout(120)));
    assert!(!holds(&timeout(119)));
    assert!(!holds(&NatConfig {
        unanswered: Some(Duration::from_secs(30)),
        ..standard()
    }));
}

/// A question to port 53 is answered soon or never, so its mapping may go soon (REQ-5a); those to others may not.
#[test]
fn req_05_well_known_ports_may_have_timers_of_their_own() {
    let config = NatConfig {
        port_timeouts: BTreeMap::from([(53, Duration::from_secs(10))]),
        ..standard()
    };
    let mut bench = Bench::new(&config);
    let dns = bench.out("10.0.0.2:6000", "198.51.100.1:53").unwrap();
    let https = bench.out("10.0.0.2:6002", PEER).unwrap();
    bench.wait_seconds(11);
    assert_eq!(
        bench.back("198.51.100.1:53", dns),
        Err(Refusal::NatNoMapping)
    );
    bench.wait_seconds(280);
    assert_eq!(bench.back(PEER, https), Ok(at("10.0.0.2:6002")));
}

/// Five minutes and not less is what the RFC recommends for a start (REQ-5c).
#[test]
fn req_05_the_default_is_five_minutes() {
    assert_eq!(NatConfig::default().timeout, Duration::from_secs(300));
}

/// Keep-alives from inside suffice.
#[test]
fn req_06_outbound_packets_refresh() {
    let holds = |refresh| {
        let mut bench = Bench::new(&NatConfig {
            refresh,
            ..standard()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        for _ in 0..10 {
            bench.wait_seconds(200);
            bench.out(ALICE, PEER).unwrap();
        }
        bench.wait_seconds(200);
        bench.back(PEER, external) == Ok(at(ALICE))
    };
    assert!(holds(Refresh::Outbound));
    assert!(holds(Refresh::Both));
    assert!(!holds(Refresh::Inbound));
}

/// Refreshing by inbound packets is allowed (REQ-6a), but not by such as the filter drops: else anyone could keep a
/// mapping alive for ever, whatever the host inside wants.
#[test]
fn req_06_inbound_packets_may_refresh_if_they_pass() {
    let alive = |refresh, peer| {
        let mut bench = Bench::new(&NatConfig {
            refresh,
            ..standard()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        bench.wait_seconds(200);
        let _ = bench.back(peer, external);
        bench.wait_seconds(200);
        bench.back(PEER, external) == Ok(at(ALICE))
    };
    assert!(alive(Refresh::Both, PEER));
    assert!(alive(Refresh::Inbound, PEER));
    assert!(!alive(Refresh::Outbound, PEER));
    assert!(!alive(Refresh::Both, OTHER));
}

/// The provider gives the NAT an external address out of 10.0.0.0/24, the very network that it has inside (a NAT
/// behind a NAT): hosts outside are reached whatever their numbers.
#[test]
fn req_07_equal_numbers_on_both_sides_do_not_matter() {
    let holds = |inside| {
        let mut bench = Bench::new(&NatConfig {
            inside,
            ..standard()
        });
        let peer = "10.0.0.9:443";
        let external = bench.out(ALICE, peer);
        external.is_ok_and(|external| bench.back(peer, external) == Ok(at(ALICE)))
    };
    assert!(holds(None));
    assert!(!holds(Some((Ipv4Addr::new(10, 0, 0, 0), 24))));
    assert!(holds(Some((Ipv4Addr::new(10, 0, 1, 0), 24))));
}

/// Who may answer: those sent to, their address, or anyone. The RFC recommends one of the latter two; with the first,
/// a peer that answers from another port is not heard. The mapping has no part in it.
#[test]
fn req_08_filtering_is_as_configured_with_every_mapping() {
    let admitted = |mapping, filtering| {
        let mut bench = Bench::new(&NatConfig {
            mapping,
            filtering,
            ..standard()
        });
        let external = bench.out(ALICE, PEER).unwrap();
        [PEER, PEER_PORT, OTHER].map(|peer| match bench.back(peer, external) {
            Ok(inside) => inside == at(ALICE),
            Err(cause) => {
                assert_eq!(cause, Refusal::NatFiltered);
                false
            }
        })
    };
    for mapping in Behaviour::ALL {
        let admitted = |filtering| admitted(*mapping, filtering);
        assert_eq!(admitted(Behaviour::EndpointIndependent), [true, true, true]);
        assert_eq!(admitted(Behaviour::AddressDependent), [true, true, false]);
        assert_eq!(
            admitted(Behaviour::AddressAndPortDependent),
            [true, false, false]
        );
    }
    let default = NatConfig::default();
    assert_eq!(
        admitted(default.mapping, default.filtering)[..2],
        [true, true]
    );
}

/// Alice and Bob do not know that they are behind the same NAT: each knows the other's external endpoint. Both send
/// (the filter wants it), and each hears the other as if it were far away (REQ-9a).
#[test]
fn req_09_hairpinning_with_the_external_source() {
    let heard = |hairpin| {
        let mut bench = Bench::new(&NatConfig {
            hairpin,
            ..standard()
        });
        let alice = bench.out(ALICE, PEER).unwrap();
        let bob = bench.out(BOB, PEER).unwrap();
        let first = bench.pass(Side::Inside, udp(at(ALICE), bob));
        let second = bench.pass(Side::Inside, udp(at(BOB), alice));
        let third = bench.pass(Side::Inside, udp(at(ALICE), bob));
        (alice, bob, [first, second, third])
    };
    let (alice, bob, packets) = heard(Hairpin::External);
    assert_eq!(
        packets,
        [
            Err(Refusal::NatFiltered),
            Ok((Side::Inside, bob, at(ALICE))),
            Ok((Side::Inside, alice, at(BOB))),
        ]
    );
    let (_, _, packets) = heard(Hairpin::Internal);
    assert_eq!(
        packets,
        [
            Err(Refusal::NatFiltered),
            Ok((Side::Inside, at(BOB), at(ALICE))),
            Ok((Side::Inside, at(ALICE), at(BOB))),
        ]
    );
    let (_, _, packets) = heard(Hairpin::Off);
    assert_eq!(packets, [Err(Refusal::NatHairpin); 3]);
}

/// Bob comes second and finds his port taken. He must not get a worse NAT than Alice has.
#[test]
fn req_11_behaviour_does_not_change_under_conflict() {
    let holds = |config: &NatConfig| {
        let mut bench = Bench::new(config);
        [ALICE, BOB].map(|host| {
            let external = bench.out(host, PEER).unwrap();
            let kept = bench.out(host, OTHER) == Ok(external);
            kept && bench.back(PEER_PORT, external) == Ok(at(host))
        })
    };
    let preserving = NatConfig {
        allocation: Allocation::Preserve,
        ..standard()
    };
    assert_eq!(holds(&preserving), [true, true]);
    for (secondary, expected) in [
        (
            (
                Behaviour::AddressAndPortDependent,
                Behaviour::AddressDependent,
            ),
            [true, false],
        ),
        (
            (
                Behaviour::EndpointIndependent,
                Behaviour::AddressAndPortDependent,
            ),
            [true, false],
        ),
        (
            (Behaviour::EndpointIndependent, Behaviour::AddressDependent),
            [true, true],
        ),
    ] {
        let config = NatConfig {
            secondary: Some(secondary),
            ..preserving.clone()
        };
        assert_eq!(holds(&config), expected, "{secondary:?}");
    }
}

/// The same packets at the same times get the same answers, whatever else there is in the world.
#[test]
fn req_11_behaviour_is_deterministic() {
    let run = |seed| {
        let mut bench = Bench::with_addresses(&standard(), 3);
        bench.nat = duet_sim::net::Nat::new(standard(), seed, "nat", crate::bench::addresses(3));
        let mut externals = Vec::new();
        for port in 4000..4100 {
            bench.wait_seconds(7);
            externals.push(bench.out(&format!("10.0.0.{}:{port}", 2 + port % 5), PEER));
        }
        externals
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
