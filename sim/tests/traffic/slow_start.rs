//! The first round trips, and the limits that are not the network's.

use std::collections::BTreeMap;

use duet_sim::traffic::TcpConfig;
use duet_sim::{NodeId, Time};

use crate::{Path, millis, segment};

/// Segments with payload that leave in each round trip of 100 ms, the handshake's first.
fn rounds(path: &Path, config: TcpConfig, count: usize) -> Vec<u64> {
    let mut world = path.world(&[config]);
    world.node_mut(NodeId::A).records = true;
    world.run_until(Time::from_millis(count as u64 * 100 - 1));
    let mut rounds = vec![0; count];
    for (at, datagram) in &world.node(NodeId::A).sent {
        let round = (at.as_micros() / 100_000) as usize;
        rounds[round] += u64::from(segment(datagram).length > 0);
    }
    rounds
}

/// Fails if the first window is 4, or if an acknowledgement opens it by all that it acknowledges where one segment
/// is the limit.
#[test]
fn the_window_doubles_per_round_trip_from_ten_segments() {
    let mut path = Path::ideal(millis(100));
    path.sink.ack_every = 1;
    let config = TcpConfig::default();
    assert_eq!(rounds(&path, config, 8), [0, 10, 20, 40, 80, 160, 320, 640]);
    let config = TcpConfig {
        initial_window: 4,
        ..TcpConfig::default()
    };
    assert_eq!(rounds(&path, config, 5), [0, 4, 8, 16, 32]);
}

#[test]
fn with_every_second_acknowledged_it_grows_by_half_or_as_rfc_3465_doubles_it() {
    let path = Path::ideal(millis(100));
    let config = TcpConfig::default();
    // An odd segment is acknowledged after 40 ms, in the same round.
    assert_eq!(rounds(&path, config, 6), [0, 10, 15, 23, 35, 51]);
    let config = TcpConfig {
        slow_start_limit: 2,
        ..TcpConfig::default()
    };
    assert_eq!(rounds(&path, config, 6), [0, 10, 20, 40, 80, 160]);
}

/// Fails if the window grows while the receiver's is the limit: the sender's would be millions.
#[test]
fn the_receivers_window_bounds_what_is_under_way_and_the_senders_does_not_run_ahead() {
    let mut path = Path::ideal(millis(100));
    path.sink.window = 100 * 1_448;
    let mut world = path.world(&[TcpConfig::default()]);
    world.run_until(Time::from_millis(20_000));
    let stats = world.node(NodeId::A).sender(0).stats();
    let windows = stats.windows.values();
    assert!(windows.iter().all(|(_, w)| w.in_flight <= 100 * 1_448));
    assert!(windows.iter().all(|(_, w)| w.window <= 150 * 1_448));
    // A hundred segments per round trip.
    let (from, to) = (Time::from_millis(10_000), Time::from_millis(20_000));
    assert_eq!(stats.goodput.between(from, to), 100 * 100 * 1_448);
}

/// Samples stay bounded and evenly spread, however long the run.
#[test]
fn samples_of_the_window_are_bounded() {
    let mut path = Path::bottleneck(10_000_000, 100_000, millis(20));
    path.sink.ack_every = 1;
    let mut world = path.world(&[TcpConfig::default()]);
    world.run_until(Time::from_millis(60_000));
    let samples = world.node(NodeId::A).sender(0).stats().windows.values();
    assert!((2_000..4_096).contains(&samples.len()), "{}", samples.len());
    let mut per_second = BTreeMap::new();
    for (at, _) in samples {
        *per_second.entry(at.as_micros() / 1_000_000).or_insert(0) += 1;
    }
    let (least, most) = (per_second.values().min(), per_second.values().max());
    assert!(
        per_second.len() == 60 && most.unwrap() < &(least.unwrap() * 2),
        "{per_second:?}"
    );
}
