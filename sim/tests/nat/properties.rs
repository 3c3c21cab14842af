//! What holds of every NAT and every sequence of packets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use duet_sim::Time;
use duet_sim::net::{Allocation, Behaviour, Hairpin, NatConfig, Pooling, Protocol, Refresh, Side};
use proptest::prelude::*;

use crate::bench::{Bench, tcp, udp};

/// Few hosts, ports and peers, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Out {
        tcp: bool,
        inside: SocketAddr,
        peer: SocketAddr,
    },
    /// To the external endpoint seen as number `which`.
    Back {
        tcp: bool,
        peer: SocketAddr,
        which: prop::sample::Index,
    },
    Wait(u64),
    Flush,
}

fn inside() -> impl Strategy<Value = SocketAddr> {
    (2u8..5, 5000u16..5004).prop_map(|(host, port)| ([10, 0, 0, host], port).into())
}

fn peer() -> impl Strategy<Value = SocketAddr> {
    (1u8..3, 440u16..442).prop_map(|(host, port)| ([198, 51, 100, host], port).into())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), inside(), peer())
            .prop_map(|(tcp, inside, peer)| Step::Out { tcp, inside, peer }),
        6 => (any::<bool>(), peer(), any::<prop::sample::Index>())
            .prop_map(|(tcp, peer, which)| Step::Back { tcp, peer, which }),
        3 => (0u64..200).prop_map(Step::Wait),
        1 => Just(Step::Flush),
    ]
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn config() -> impl Strategy<Value = NatConfig> {
    let ports = (1u16..2_000, 0u16..12).prop_map(|(first, more)| first..=first + more);
    let behaviours = (one_of(Behaviour::ALL), one_of(Behaviour::ALL));
    let secondary = prop::option::of((one_of(Behaviour::ALL), one_of(Behaviour::ALL)));
    let choices = (
        one_of(Allocation::ALL),
        one_of(Pooling::ALL),
        one_of(Refresh::ALL),
    );
    let limits = (1usize..12, prop::option::of(1usize..4), 1usize..4);
    (
        behaviours,
        secondary,
        choices,
        ports,
        limits,
        any::<[bool; 2]>(),
    )
        .prop_map(
            |((mapping, filtering), secondary, choices, ports, limits, flags)| NatConfig {
                mapping,
                filtering,
                secondary,
                hairpin: Hairpin::External,
                allocation: choices.0,
                pooling: choices.1,
                refresh: choices.2,
                ports,
                max_mappings: limits.0,
                max_per_host: limits.1,
                max_peers: limits.2,
                parity: flags[0],
                port_class: flags[1],
                ..NatConfig::default()
            },
        )
}

/// What an observer who sees all packets believes.
#[derive(Default)]
struct Observer {
    now: Time,
    /// Who used an external endpoint last, and until when at least it is theirs.
    owners: BTreeMap<(Protocol, SocketAddr), (Time, SocketAddr)>,
    /// When who sent to whom last: protocol, inside, external, peer.
    sent: BTreeMap<(Protocol, SocketAddr, SocketAddr, SocketAddr), Time>,
    seen: Vec<SocketAddr>,
}

fn protocol(tcp: bool) -> Protocol {
    if tcp { Protocol::Tcp } else { Protocol::Udp }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// No two hosts share an external endpoint unless ports are overloaded; what is let in is for the one who sent from
    /// that endpoint, and from whom the filter lets in; answers to what was just sent come back; and no more is
    /// remembered than may be.
    #[test]
    fn a_nat_is_true_to_its_configuration(
        config in config(),
        addresses in 1u8..4,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let overloads = config.allocation == Allocation::PreserveOverload;
        let loosest = config.secondary.map_or(config.filtering, |(_, filtering)| filtering.min(config.filtering));
        let mut bench = Bench::with_addresses(&config, addresses);
        let mut observer = Observer::default();
        for step in steps {
            bench.now = observer.now;
            match step {
                Step::Wait(seconds) => observer.now = observer.now.after(Duration::from_secs(seconds)),
                Step::Flush => {
                    bench.nat.flush();
                    observer.owners.clear();
                    observer.sent.clear();
                }
                Step::Out { tcp: is_tcp, inside, peer } => {
                    let packet = if is_tcp { tcp(inside, peer, 0) } else { udp(inside, peer) };
                    if let Ok((side, external, destination)) = bench.pass(Side::Inside, packet) {
                        prop_assert_eq!((side, destination), (Side::Outside, peer));
                        prop_assert!(config.ports.contains(&external.port()));
                        prop_assert!(bench.nat.external().iter().any(|own| external.ip() == *own));
                        let key = (protocol(is_tcp), external);
                        if let Some((until, owner)) = observer.owners.get(&key) {
                            prop_assert!(overloads || *until <= observer.now || *owner == inside,
                                "{} and {} share {}", owner, inside, external);
                        }
                        // The least that any timer gives, and only where this packet starts one for certain.
                        let refreshed = config.refresh != Refresh::Inbound;
                        let least = Duration::from_secs(if is_tcp { 240 } else { 300 });
                        if refreshed {
                            observer.owners.insert(key, (observer.now.after(least), inside));
                        }
                        observer.sent.insert((protocol(is_tcp), inside, external, peer), observer.now);
                        observer.seen.push(external);
                        // An answer at once always finds back.
                        let answer = if is_tcp { tcp(peer, external, 0) } else { udp(peer, external) };
                        let (side, from, to) = bench.pass(Side::Outside, answer).unwrap();
                        prop_assert_eq!((side, from), (Side::Inside, peer));
                        prop_assert!(overloads || to == inside);
                    }
                }
                Step::Back { tcp: is_tcp, peer, which } => {
                    if observer.seen.is_empty() {
                        continue;
                    }
                    let external = observer.seen[which.index(observer.seen.len())];
                    let packet = if is_tcp { tcp(peer, external, 0) } else { udp(peer, external) };
                    if let Ok((side, from, inside)) = bench.pass(Side::Outside, packet) {
                        prop_assert_eq!((side, from), (Side::Inside, peer));
                        let mut permits = observer.sent.keys().filter(|(other, host, used, sent_to)| {
                            *other == protocol(is_tcp) && *host == inside && *used == external
                                && match loosest {
                                    Behaviour::EndpointIndependent => true,
                                    Behaviour::AddressDependent => sent_to.ip() == peer.ip(),
                                    Behaviour::AddressAndPortDependent => *sent_to == peer,
                                }
                        });
                        prop_assert!(permits.next().is_some(), "{} is let in to {}", peer, inside);
                    }
                }
            }
            prop_assert!(bench.nat.mappings() <= config.max_mappings);
        }
    }

    /// Nothing that was never sent to is let in, by any NAT: not even by one that filters nothing.
    #[test]
    fn nothing_comes_in_unasked(config in config(), peers in prop::collection::vec((peer(), 1u16..2_100), 1..50)) {
        let mut bench = Bench::new(&config);
        for (peer, port) in peers {
            let external = (bench.nat.external()[0], port).into();
            prop_assert!(bench.pass(Side::Outside, udp(peer, external)).is_err());
        }
        prop_assert_eq!(bench.nat.mappings(), 0);
    }
}
