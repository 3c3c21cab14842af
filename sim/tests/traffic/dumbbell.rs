//! All kinds of traffic over one bottleneck between routers, as RFC 8867's test cases have it.

use std::net::SocketAddr;

use duet_sim::net::{Network, address_of};
use duet_sim::traffic::{
    Cbr, CbrConfig, Congestion, OnOff, OnOffConfig, Poisson, PoissonConfig, TcpConfig, TcpSender,
    TcpSink, TcpSinkConfig, Traffic, UdpSink,
};
use duet_sim::{LinkConfig, NodeId, QueueConfig, Rate, Time};

use crate::millis;

const SOURCES: usize = 5;

/// Source `n` is node 2 + n, and its sink node 7 + n.
fn network(seed: u64) -> Network<Traffic> {
    let mut network = Network::new(seed);
    let routers = [network.add_router("a"), network.add_router("b")];
    let bottleneck = LinkConfig {
        rate: Rate::new(4_000_000),
        queue: QueueConfig::bytes(150_000),
        delay: millis(50),
        ..LinkConfig::default()
    };
    let back = LinkConfig {
        delay: millis(50),
        ..LinkConfig::default()
    };
    network.connect(routers[0], routers[1], bottleneck);
    network.connect(routers[1], routers[0], back);

    let at = |node: usize| SocketAddr::new(address_of(NodeId(node)), 5_000);
    let stop = Some(Time::from_millis(60_000));
    let rate = Rate::new(1_000_000).unwrap();
    let ends = |n: usize| (at(2 + n), at(2 + SOURCES + n));
    let tcp = |n: usize, congestion| -> Traffic {
        let config = TcpConfig {
            congestion,
            stop,
            ..TcpConfig::default()
        };
        TcpSender::new(config, ends(n).0, ends(n).1).into()
    };
    let cbr = CbrConfig {
        stop,
        ..CbrConfig::constant(rate)
    };
    let bursts = PoissonConfig {
        mean_gap: millis(200),
        mean_packets: 5,
        stop,
        ..PoissonConfig::default()
    };
    let files = OnOffConfig {
        mean_idle: millis(1_000),
        starts_on: true,
        stop,
        ..OnOffConfig::default()
    };
    let sources: [Traffic; SOURCES] = [
        tcp(0, Congestion::NewReno),
        tcp(1, Congestion::Cubic),
        OnOff::new(files, ends(2).0, ends(2).1, seed, "files").into(),
        Cbr::new(cbr, ends(3).0, ends(3).1).into(),
        Poisson::new(bursts, ends(4).0, ends(4).1, seed, "bursts").into(),
    ];
    let access = LinkConfig::default;
    for (n, source) in sources.into_iter().enumerate() {
        let node = network.add_host(&format!("source{n}"), source);
        network.connect(node, routers[0], access());
        network.connect(routers[0], node, access());
    }
    for n in 0..SOURCES {
        let sink = if n < 3 {
            TcpSink::new(TcpSinkConfig::default()).into()
        } else {
            Traffic::from(UdpSink::new())
        };
        let node = network.add_host(&format!("sink{n}"), sink);
        network.connect(node, routers[1], access());
        network.connect(routers[1], node, access());
    }
    network.reroute();
    network
}

/// Bytes that the sinks have, payload for TCP and packets for UDP.
fn received(network: &Network<Traffic>) -> Vec<u64> {
    let of = |n| match network.host(NodeId(2 + SOURCES + n)) {
        Traffic::TcpSink(sink) => sink.stats().delivered,
        Traffic::UdpSink(sink) => sink.stats().bytes,
        other => panic!("{other:?} is no sink"),
    };
    (0..SOURCES).map(of).collect()
}

#[test]
fn every_kind_gets_through_and_together_they_fill_the_bottleneck() {
    let mut network = network(1);
    network.world_mut().run_until(Time::from_millis(60_000));
    let bytes = received(&network);
    assert!(bytes.iter().all(|bytes| *bytes > 500_000), "{bytes:?}");
    let payload = bytes[..3].iter().sum::<u64>() * 1_500 / 1_448;
    let share = (payload + bytes[3] + bytes[4]) as f64 / (4e6 / 8.0 * 60.0);
    assert!((0.95..=1.0).contains(&share), "{share}");

    // Afterwards all connections finish what they have begun, and what was sent has arrived.
    network.world_mut().run_until(Time::from_millis(120_000));
    let bytes = received(&network);
    for (n, delivered) in bytes[..2].iter().enumerate() {
        let Traffic::Tcp(sender) = network.host(NodeId(2 + n)) else {
            panic!("no sender");
        };
        assert!(sender.is_closed());
        assert_eq!(sender.stats().acknowledged, *delivered);
    }
    let Traffic::OnOff(files) = network.host(NodeId(4)) else {
        panic!("no files");
    };
    assert_eq!(files.stats().acknowledged, bytes[2]);
    assert_eq!(files.stats().begun, files.stats().finished);
}

#[test]
fn equal_seeds_give_equal_runs() {
    let hash = |seed| {
        let mut network = network(seed);
        network.world_mut().run_until(Time::from_millis(5_000));
        network.into_world().finish().hash()
    };
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}
