//! Files with idle times between: RFC 8868 §5.1.

use std::time::Duration;

use duet_sim::traffic::{OnOff, OnOffConfig, OnOffStats, TcpSink, TcpSinkConfig, Traffic};
use duet_sim::{LinkConfig, Loss, NodeId, Probability, Time, World};

use crate::{Point, bounds::assert_near, millis, sender_address, sink_address};

fn world(sources: &[OnOffConfig], link: LinkConfig) -> World<Point> {
    let hosts = sources.iter().enumerate().map(|(n, config)| {
        let source = sender_address(n);
        let label = format!("short{n}");
        let source_host = OnOff::new(config.clone(), source, sink_address(), 1, &label);
        (source, Traffic::from(source_host))
    });
    let sink = TcpSink::new(TcpSinkConfig::default());
    let mut world = World::pair(
        1,
        Point::new(hosts.collect(), NodeId::B),
        Point::new(vec![(sink_address(), sink.into())], NodeId::A),
        link,
    );
    world.keep_counts_only();
    world
}

fn stats(world: &World<Point>, n: usize) -> &OnOffStats {
    match &world.node(NodeId::A).hosts[n].1 {
        Traffic::OnOff(source) => source.stats(),
        other => panic!("{other:?} is no source"),
    }
}

fn far() -> LinkConfig {
    LinkConfig {
        delay: millis(50),
        ..LinkConfig::default()
    }
}

/// Fails if the idle time counts from the beginning of a file, which takes 0.4 s, or if files are drawn from 0 to 50 kB.
#[test]
fn files_and_idle_times_have_their_distributions() {
    let world = {
        let config = OnOffConfig {
            mean_idle: Duration::from_secs(1),
            ..OnOffConfig::default()
        };
        let mut world = world(&[config], far());
        world.run_until(Time::from_millis(5_000_000));
        world
    };
    let of = stats(&world, 0);
    let n = of.transfers.len() as f64;
    assert!(n > 3_000.0);
    let sizes: Vec<f64> = of.transfers.iter().map(|t| t.bytes as f64).collect();
    assert!(sizes.iter().all(|s| (30_000.0..=50_000.0).contains(s)));
    let spread = 20_000.0 / 12f64.sqrt();
    assert_near(
        sizes.iter().sum::<f64>() / n,
        40_000.0,
        spread / n.sqrt(),
        "file",
    );
    assert!(sizes.iter().any(|s| *s < 30_100.0) && sizes.iter().any(|s| *s > 49_900.0));
    let idle: Vec<f64> = of
        .transfers
        .windows(2)
        .map(|w| w[1].begun.since(w[0].finished).as_secs_f64())
        .collect();
    let mean = idle.iter().sum::<f64>() / idle.len() as f64;
    assert_near(mean, 1.0, 1.0 / n.sqrt(), "idle time");
    // The median of an exponential distribution is ln 2 of its mean; four standard errors of a share of one half.
    let below = idle.iter().filter(|t| **t < 2f64.ln()).count() as f64 / n;
    assert_near(below, 0.5, 0.5 / n.sqrt(), "median");
    // Twenty to thirty-five segments: the handshake and three round trips, of 100 ms.
    for transfer in &of.transfers {
        let took = transfer.finished.since(transfer.begun);
        assert!(took >= millis(300) && took <= millis(500), "{took:?}");
    }
    let sink = world.node(NodeId::B).sink().stats();
    assert_eq!(sink.opened, of.begun);
    assert_eq!(sink.goodput.total(), sink.delivered);
    assert_eq!(of.goodput.total(), of.acknowledged);
}

/// RFC 8867 §5.7: ten sources with the ten seconds of RFC 8868, of which two begin with a file.
#[test]
fn some_start_on_and_some_off() {
    let sources: Vec<OnOffConfig> = (0..10)
        .map(|n| OnOffConfig {
            starts_on: n < 2,
            start: Time::from_millis(1_000),
            stop: Some(Time::from_millis(200_000)),
            ..OnOffConfig::default()
        })
        .collect();
    let mut world = world(&sources, far());
    world.run_until(Time::from_millis(300_000));
    let first = |n| stats(&world, n).transfers[0].begun;
    assert!((0..2).all(|n| first(n) == Time::from_millis(1_000)));
    assert!((2..10).all(|n| first(n) > Time::from_millis(1_000)));
    // No two draw the same.
    let mut firsts: Vec<Time> = (1..10).map(first).collect();
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), 9);
    for n in 0..10 {
        let of = stats(&world, n);
        assert_eq!(of.begun, of.finished);
        let transfers = &of.transfers;
        assert!(
            transfers
                .iter()
                .all(|t| t.begun < Time::from_millis(200_000))
        );
    }
    let finished: u64 = (0..10).map(|n| stats(&world, n).finished).sum();
    assert_eq!(world.node(NodeId::B).sink().stats().closed, finished);
    assert!((150..250).contains(&finished), "{finished}");
}

/// A burst of thirty lasts until the last file is done; ports go round; loss delays and breaks nothing.
#[test]
fn bursts_of_connections_end_with_the_last() {
    let config = OnOffConfig {
        connections_per_burst: 30,
        starts_on: true,
        mean_idle: millis(100),
        ..OnOffConfig::default()
    };
    let link = LinkConfig {
        loss: Loss::Independent(Probability::from_ppm(30_000)),
        ..far()
    };
    let mut world = world(&[config], link);
    world.run_until(Time::from_millis(120_000));
    let of = stats(&world, 0);
    assert!(of.finished > 1_000, "{}", of.finished);
    for burst in of.transfers.chunks_exact(30) {
        assert!(burst.iter().all(|t| t.begun == burst[0].begun));
    }
    assert_eq!(
        of.acknowledged,
        of.transfers.iter().map(|t| t.bytes).sum::<u64>()
    );
    assert!(of.retransmitted > 0 && of.timeouts > 0 && of.fast_recoveries > 0);
    assert_eq!(of.sent, of.acknowledged + of.retransmitted);
}

/// `starts_on` moves no draw: the file sizes are the same, and the idle times from the second on.
#[test]
fn the_flag_moves_no_draw() {
    let transfers = |starts_on| {
        let config = OnOffConfig {
            starts_on,
            ..OnOffConfig::default()
        };
        let mut world = world(&[config], far());
        world.run_until(Time::from_millis(200_000));
        let sizes: Vec<u64> = stats(&world, 0).transfers.iter().map(|t| t.bytes).collect();
        sizes
    };
    let (on, off) = (transfers(true), transfers(false));
    let common = on.len().min(off.len());
    assert!(common > 5);
    assert_eq!(on[..common], off[..common]);
}
