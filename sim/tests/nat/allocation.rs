//! Which external port a mapping gets (RFC 4787 §4.2), and what happens when there is none.

use duet_sim::net::{Allocation, Behaviour, NatConfig, Pooling, Refusal};

use crate::bench::{ALICE, BOB, Bench, OTHER, PEER, PEER_PORT, at};

/// An allocation with neither parity nor class to mind.
fn plain(allocation: Allocation) -> NatConfig {
    NatConfig {
        allocation,
        parity: false,
        port_class: false,
        ..NatConfig::default()
    }
}

/// The ports that hosts 10.0.0.2, 10.0.0.3 … get, all sending from the same port.
fn ports_of_hosts(bench: &mut Bench, port: u16, count: u8) -> Vec<Result<u16, Refusal>> {
    let inside = |host| format!("10.0.0.{host}:{port}");
    (2..2 + count)
        .map(|host| {
            bench
                .out(&inside(host), PEER)
                .map(|external| external.port())
        })
        .collect()
}

#[test]
fn preserve_keeps_the_port_and_goes_on_to_the_next_free_one() {
    let mut bench = Bench::new(&plain(Allocation::Preserve));
    let ports = ports_of_hosts(&mut bench, 5000, 3);
    assert_eq!(ports, [Ok(5000), Ok(5001), Ok(5002)]);
    let mut bench = Bench::new(&plain(Allocation::Preserve));
    let ports = ports_of_hosts(&mut bench, 65_535, 3);
    assert_eq!(
        ports,
        [Ok(65_535), Ok(1), Ok(2)],
        "it goes round, without 0"
    );
}

#[test]
fn preserve_with_parity_goes_on_in_twos() {
    let config = NatConfig {
        parity: true,
        ..plain(Allocation::Preserve)
    };
    let ports = ports_of_hosts(&mut Bench::new(&config), 5001, 3);
    assert_eq!(ports, [Ok(5001), Ok(5003), Ok(5005)]);
}

#[test]
fn sequential_goes_round_over_what_is_free() {
    let config = NatConfig {
        ports: 2_000..=2_004,
        timeout: std::time::Duration::from_secs(100),
        ..plain(Allocation::Sequential)
    };
    let mut bench = Bench::new(&config);
    let ports = ports_of_hosts(&mut bench, 5000, 3);
    assert_eq!(ports, [Ok(2_000), Ok(2_001), Ok(2_002)]);
    bench.wait_seconds(60);
    assert_eq!(bench.out("10.0.0.3:5000", PEER).unwrap().port(), 2_001);
    bench.wait_seconds(60);
    let ports = ports_of_hosts(&mut bench, 5001, 4);
    assert_eq!(ports, [Ok(2_003), Ok(2_004), Ok(2_000), Ok(2_002)]);
}

/// Chi-squared over 16 ports: 15 degrees of freedom, standard deviation 5.5. The seed is fixed.
#[test]
fn random_takes_every_free_port_as_often_as_another() {
    let config = NatConfig {
        ports: 3_000..=3_019,
        max_mappings: 5,
        ..plain(Allocation::Random)
    };
    let mut bench = Bench::new(&config);
    let mut counts = [0u32; 20];
    let draws = 3_200;
    for _ in 0..draws {
        bench.nat.flush();
        // Four ports are taken, side by side or not; the fifth is any of the others.
        for (host, peer) in [(2, PEER), (3, PEER), (4, PEER), (5, PEER)] {
            bench.out(&format!("10.0.0.{host}:5000"), peer).unwrap();
        }
        let port = bench.out("10.0.0.6:5000", PEER).unwrap().port();
        counts[usize::from(port - 3_000)] += 1;
    }
    let mean = f64::from(draws) / 20.0;
    let chi: f64 = counts
        .iter()
        .map(|count| (f64::from(*count) - mean).powi(2) / mean)
        .sum();
    assert!((4.0..40.0).contains(&chi), "{chi}: {counts:?}");
}

/// RTP from 6000 and RTCP from 6001 stay neighbours, in whichever order they begin, also when others come between.
#[test]
fn contiguous_keeps_neighbours_together() {
    let mut bench = Bench::new(&NatConfig {
        allocation: Allocation::Contiguous,
        ..NatConfig::default()
    });
    let mut port = |inside| bench.out(inside, PEER).unwrap().port();
    let rtp = port("10.0.0.2:6000");
    let odd = port("10.0.0.3:7001");
    let other = port("10.0.0.4:8000");
    assert_eq!((rtp % 2, odd % 2, other % 2), (0, 1, 0));
    assert_eq!(port("10.0.0.2:6001"), rtp + 1);
    assert_eq!(port("10.0.0.3:7000"), odd - 1);
    assert_ne!(port("10.0.0.4:8002"), other + 1);
}

/// With contiguous ports, the neighbour is at the same address, even if addresses are arbitrary.
#[test]
fn contiguous_stays_at_one_address() {
    let config = NatConfig {
        allocation: Allocation::Contiguous,
        pooling: Pooling::Arbitrary,
        ..NatConfig::default()
    };
    let mut bench = Bench::with_addresses(&config, 4);
    for host in 2..20 {
        let rtp = bench.out(&format!("10.0.0.{host}:6000"), PEER).unwrap();
        let rtcp = bench.out(&format!("10.0.0.{host}:6001"), PEER).unwrap();
        assert_eq!((rtcp.ip(), rtcp.port()), (rtp.ip(), rtp.port() + 1));
    }
}

/// Two hosts share an external endpoint. A peer that only one of them sent to is heard by that one; of a peer that both
/// sent to, the younger mapping gets everything, which is why the RFC forbids it.
#[test]
fn overloading_shares_an_endpoint() {
    let mut bench = Bench::new(&NatConfig {
        filtering: Behaviour::AddressAndPortDependent,
        ..plain(Allocation::PreserveOverload)
    });
    let alice = bench.out(ALICE, PEER).unwrap();
    let bob = bench.out(BOB, OTHER).unwrap();
    assert_eq!((alice, alice.port()), (bob, 5000));
    assert_eq!(bench.back(PEER, alice), Ok(at(ALICE)));
    assert_eq!(bench.back(OTHER, alice), Ok(at(BOB)));
    assert_eq!(bench.back(PEER_PORT, alice), Err(Refusal::NatFiltered));
    bench.out(BOB, PEER).unwrap();
    assert_eq!(bench.back(PEER, alice), Ok(at(BOB)));
}

/// Alice has sent to one port of a peer and Bob to another; the filter looks at addresses only. Each hears the port
/// that it sent to.
#[test]
fn overloading_prefers_the_one_who_knows_the_peer() {
    let mut bench = Bench::new(&plain(Allocation::PreserveOverload));
    let shared = bench.out(ALICE, PEER).unwrap();
    assert_eq!(bench.out(BOB, PEER_PORT), Ok(shared));
    assert_eq!(bench.back(PEER, shared), Ok(at(ALICE)));
    assert_eq!(bench.back(PEER_PORT, shared), Ok(at(BOB)));
}

#[test]
fn exhausted_ports_are_a_cause_of_their_own_and_come_back_with_time() {
    for allocation in Allocation::ALL {
        let mut bench = Bench::new(&NatConfig {
            ports: 2_000..=2_002,
            ..plain(*allocation)
        });
        let ports = ports_of_hosts(&mut bench, 5000, 5);
        let exhausted = Err(Refusal::NatPortsExhausted);
        assert_eq!(ports[3..], [exhausted, exhausted], "{allocation}");
        let mut taken: Vec<u16> = ports[..3].iter().map(|port| port.unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, [2_000, 2_001, 2_002], "{allocation}");
        bench.wait_seconds(300);
        assert!(bench.out("10.0.0.6:5000", PEER).is_ok(), "{allocation}");
    }
}

/// Class and parity are kept while they can be, and given up before a packet is.
#[test]
fn parity_and_class_yield_to_need() {
    let mut bench = Bench::new(&NatConfig {
        ports: 1_022..=1_025,
        ..NatConfig::default()
    });
    let ports = ports_of_hosts(&mut bench, 5000, 5);
    assert_eq!(
        ports,
        [
            Ok(1_024),
            Ok(1_025),
            Ok(1_022),
            Ok(1_023),
            Err(Refusal::NatPortsExhausted)
        ]
    );
}

/// A host stays with its address, though others have ports (REQ-2); without pairing it takes them.
#[test]
fn paired_hosts_go_without_rather_than_change_the_address() {
    let granted = |pooling| {
        let config = NatConfig {
            ports: 2_000..=2_001,
            pooling,
            ..plain(Allocation::Sequential)
        };
        let mut bench = Bench::with_addresses(&config, 3);
        let inside = (5000..5010).map(|port| bench.out(&format!("10.0.0.2:{port}"), PEER));
        inside.filter(|external| external.is_ok()).count()
    };
    assert_eq!(granted(Pooling::Paired), 2);
    assert_eq!(granted(Pooling::Arbitrary), 6);
}

/// Alice may be in three conversations and no more, however many ports there are; Bob is not the worse for it.
#[test]
fn one_host_may_have_only_so_many_mappings() {
    let mut bench = Bench::new(&NatConfig {
        max_per_host: Some(3),
        max_mappings: 5,
        ..NatConfig::default()
    });
    let mut open = |inside: &str| bench.out(inside, PEER).map(drop);
    for port in 0..3 {
        assert_eq!(open(&format!("10.0.0.2:{}", 5000 + port)), Ok(()));
    }
    assert_eq!(open("10.0.0.2:5003"), Err(Refusal::NatHostFull));
    assert_eq!(open("10.0.0.2:5002"), Ok(()), "what there is goes on");
    assert_eq!(open("10.0.0.3:5000"), Ok(()));
    assert_eq!(open("10.0.0.4:5000"), Ok(()));
    assert_eq!(open("10.0.0.5:5000"), Err(Refusal::NatFull));
    assert_eq!(bench.nat.mappings(), 5);
    bench.wait_seconds(301);
    assert_eq!(bench.out("10.0.0.2:5003", PEER).map(drop), Ok(()));
    assert_eq!(bench.nat.mappings(), 1);
}
