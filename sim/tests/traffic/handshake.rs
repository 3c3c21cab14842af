//! Opening, closing, and the size of headers.

use duet_sim::net::Segment;
use duet_sim::traffic::TcpConfig;
use duet_sim::{NodeId, Packet, Time};

use crate::{Path, millis, segment};

fn file(bytes: u64) -> TcpConfig {
    TcpConfig {
        bytes: Some(bytes),
        ..TcpConfig::default()
    }
}

#[test]
fn a_file_takes_the_handshake_and_its_windows() {
    // Ten segments fit the first window: the handshake, and one round trip. 5001 bytes are four segments, the last
    // with 657; ten and a byte take one more round trip.
    let path = Path::ideal(millis(100));
    for (bytes, segments, finished) in [
        (0, 1, 200),
        (1, 1, 200),
        (5_001, 4, 200),
        (14_480, 10, 200),
        (14_481, 11, 300),
    ] {
        let mut world = path.world(&[file(bytes)]);
        world.run_until(Time::from_millis(2_000));
        let stats = world.node(NodeId::A).sender(0).stats();
        assert_eq!(stats.opened, Some(Time::from_millis(100)));
        assert_eq!(stats.finished, Some(Time::from_millis(finished)), "{bytes}");
        assert_eq!((stats.acknowledged, stats.sent), (bytes, bytes));
        assert_eq!((stats.segments, stats.retransmissions), (segments, 0));
        let sink = world.node(NodeId::B).sink().stats();
        assert_eq!((sink.delivered, sink.opened, sink.closed), (bytes, 1, 1));
    }
}

#[test]
fn headers_count_on_the_wire() {
    let path = Path::ideal(millis(100));
    let mut world = path.world(&[file(100_000)]);
    for id in [NodeId::A, NodeId::B] {
        world.node_mut(id).records = true;
    }
    world.node_mut(NodeId::A).lose = crate::numbers(&[3]);
    world.run_until(Time::from_millis(2_000));
    for (_, datagram) in &world.node(NodeId::A).sent {
        let expected = match segment(datagram) {
            s if s.has(Segment::SYN) => 60,
            s => 52 + s.length as usize,
        };
        assert_eq!(datagram.size(), expected);
    }
    let full = world
        .node(NodeId::A)
        .sent
        .iter()
        .map(|(_, d)| d.size())
        .max();
    assert_eq!(full, Some(1_500));
    let acks = world.node(NodeId::B).sent.iter().map(|(_, d)| d);
    // SACK takes four bytes and eight for a block.
    assert!(
        acks.clone()
            .any(|d| segment(d).sacks.len() == 1 && d.size() == 64)
    );
    assert!(
        acks.clone()
            .any(|d| segment(d).sacks.is_empty() && d.size() == 52)
    );
}

/// RFC 5681 §3.1: after a lost SYN the first window is one segment. Fails if it stays ten.
#[test]
fn a_lost_syn_costs_a_second_and_the_first_window() {
    for lost in [NodeId::A, NodeId::B] {
        let path = Path::ideal(millis(100));
        let mut world = path.world(&[file(14_480)]);
        let mut first = true;
        world.node_mut(lost).lose = Box::new(move |_, _| core::mem::take(&mut first));
        world.node_mut(NodeId::A).records = true;
        world.run_until(Time::from_millis(5_000));
        let sent = &world.node(NodeId::A).sent;
        let stats = world.node(NodeId::A).sender(0).stats();
        assert_eq!(stats.timeouts, 1);
        assert_eq!(stats.opened, Some(Time::from_millis(1_100)));
        let burst = sent
            .iter()
            .filter(|(at, _)| *at == Time::from_millis(1_100));
        assert_eq!(burst.count(), 1);
        assert_eq!(world.node(NodeId::B).sink().stats().delivered, 14_480);
    }
}

#[test]
fn a_sender_that_is_stopped_delivers_what_is_under_way_and_closes() {
    let path = Path::bottleneck(2_000_000, 75_000, millis(100));
    let config = TcpConfig {
        start: Time::from_millis(1_000),
        stop: Some(Time::from_millis(9_000)),
        ..TcpConfig::default()
    };
    let mut world = path.world(std::slice::from_ref(&config));
    world.node_mut(NodeId::A).records = true;
    world.run_until(Time::from_millis(20_000));
    let stats = world.node(NodeId::A).sender(0).stats().clone();
    assert_eq!(world.node(NodeId::A).sent[0].0, Time::from_millis(1_000));
    assert!(
        stats
            .finished
            .is_some_and(|at| at > Time::from_millis(9_000))
    );
    assert_eq!(stats.acknowledged + stats.retransmitted, stats.sent);
    assert_eq!(
        world.node(NodeId::B).sink().stats().delivered,
        stats.acknowledged
    );
    let last = world.node(NodeId::A).sent.iter().map(|(_, d)| segment(d));
    assert_eq!(last.filter(|s| s.has(Segment::FIN)).count(), 1);

    // Stopped before it started, it sends nothing.
    let config = TcpConfig {
        stop: Some(Time::from_millis(500)),
        ..config
    };
    let mut world = path.world(&[config]);
    world.run_until(Time::from_millis(5_000));
    assert!(world.node(NodeId::A).sender(0).is_closed());
    assert_eq!(world.log().counts().count(), 0);
}
