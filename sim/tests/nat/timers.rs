//! When mappings and permissions end.

use std::time::Duration;

use duet_sim::net::{Behaviour, NatConfig, Refresh, Refusal};

use crate::bench::{ALICE, Bench, OTHER, PEER, PEER_PORT, at};

/// The moment itself counts as over.
#[test]
fn a_mapping_ends_to_the_nanosecond() {
    let alive_after = |nanos: i64| {
        let mut bench = Bench::new(&NatConfig::default());
        let external = bench.out(ALICE, PEER).unwrap();
        let span = 300_000_000_000 + nanos;
        bench.wait(Duration::from_nanos(span.unsigned_abs()));
        bench.back(PEER, external)
    };
    assert_eq!(alive_after(-1), Ok(at(ALICE)));
    assert_eq!(alive_after(0), Err(Refusal::NatNoMapping));
}

/// Alice goes on talking to one peer; the other, to whom she has not sent for long, is no longer let in.
#[test]
fn a_permission_ends_before_its_mapping() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap();
    bench.out(ALICE, OTHER).unwrap();
    for _ in 0..4 {
        bench.wait_seconds(100);
        assert_eq!(bench.out(ALICE, PEER), Ok(external));
    }
    assert_eq!(bench.back(OTHER, external), Err(Refusal::NatFiltered));
    assert_eq!(bench.back(PEER, external), Ok(at(ALICE)));
    bench.out(ALICE, OTHER).unwrap();
    assert_eq!(bench.back(OTHER, external), Ok(at(ALICE)));
}

/// The peer answers from another of its ports, as the filter allows, and Alice only listens: the permission is of the
/// address, and holds as long as packets come.
#[test]
fn a_permission_of_an_address_is_kept_alive_from_any_port() {
    let mut bench = Bench::new(&NatConfig::default());
    let external = bench.out(ALICE, PEER).unwrap();
    for _ in 0..4 {
        bench.wait_seconds(200);
        assert_eq!(bench.back(PEER_PORT, external), Ok(at(ALICE)));
    }
    assert_eq!(bench.back(OTHER, external), Err(Refusal::NatFiltered));
}

/// As in Linux: an answer makes the difference between 30 s and 120 s.
#[test]
fn a_peer_that_answers_is_remembered_longer() {
    let config = NatConfig::preset("home").unwrap();
    let mut bench = Bench::new(&config);
    let silent = bench.out("10.0.0.2:5000", PEER).unwrap();
    let talking = bench.out("10.0.0.2:5002", PEER).unwrap();
    bench.wait_seconds(1);
    bench.back(PEER, talking).unwrap();
    bench.wait_seconds(29);
    assert_eq!(bench.back(PEER, silent), Err(Refusal::NatNoMapping));
    bench.wait_seconds(90);
    assert_eq!(bench.back(PEER, talking), Ok(at("10.0.0.2:5002")));
    bench.wait_seconds(120);
    assert_eq!(bench.back(PEER, talking), Err(Refusal::NatNoMapping));
}

/// With inbound refresh only, a host that sends and hears nothing loses its mapping while it is sending, and its next
/// packet comes from another port.
#[test]
fn a_mapping_may_end_under_a_host_that_sends() {
    let mut bench = Bench::new(&NatConfig {
        refresh: Refresh::Inbound,
        ..NatConfig::default()
    });
    let first = bench.out(ALICE, PEER).unwrap();
    bench.wait_seconds(299);
    assert_eq!(bench.out(ALICE, PEER), Ok(first));
    bench.wait_seconds(1);
    assert_ne!(bench.out(ALICE, PEER), Ok(first));
}

/// A port scan from inside: the mapping remembers the last peers and forgets the first.
#[test]
fn a_mapping_remembers_only_so_many_peers() {
    let mut bench = Bench::new(&NatConfig {
        max_peers: 3,
        filtering: Behaviour::AddressAndPortDependent,
        ..NatConfig::default()
    });
    let peer = |port: u16| format!("198.51.100.1:{port}");
    let external = bench.out(ALICE, &peer(1)).unwrap();
    for port in 2..=5 {
        bench.wait_seconds(1);
        bench.out(ALICE, &peer(port)).unwrap();
    }
    let heard = [1, 2, 3, 4, 5].map(|port| bench.back(&peer(port), external).is_ok());
    assert_eq!(heard, [false, false, true, true, true]);
}

/// Nothing is removed before a packet comes, and then everything that has expired is, whoever the packet is of.
#[test]
fn memory_is_given_back() {
    let mut bench = Bench::new(&NatConfig::default());
    for port in 0..1_000 {
        bench
            .out(&format!("10.0.0.2:{}", 5000 + port), PEER)
            .unwrap();
    }
    assert_eq!(bench.nat.mappings(), 1_000);
    bench.wait_seconds(300);
    assert_eq!(bench.nat.mappings(), 1_000);
    bench.out("10.0.0.3:5000", PEER).unwrap();
    assert_eq!(bench.nat.mappings(), 1);
}
