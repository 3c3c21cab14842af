//! TCP over links with all that they can do to it.

use duet_sim::link::{CoDel, Corrupt, Discipline, Duplicate, Limit, Pie, Reorder};
use duet_sim::traffic::{Congestion, TcpConfig};
use duet_sim::{Loss, NodeId, Probability, QueueConfig, Record, Time};

use crate::{Path, millis};

/// Loss, packets that fall behind, copies and damage, both ways.
#[test]
fn a_file_arrives_over_a_bad_link() {
    for seed in 1..=10 {
        let mut path = Path::bottleneck(2_000_000, 30_000, millis(60));
        path.seed = seed;
        for link in [&mut path.there, &mut path.back] {
            link.loss = Loss::Independent(Probability::from_ppm(20_000));
            link.reorder = Reorder {
                probability: Probability::from_ppm(20_000),
                extra: millis(30),
                ..Reorder::default()
            };
            link.duplicate = Duplicate {
                probability: Probability::from_ppm(20_000),
                delay: millis(5),
            };
            link.corrupt = Corrupt {
                probability: Probability::from_ppm(20_000),
                ..Corrupt::default()
            };
        }
        let files = [Congestion::NewReno, Congestion::Cubic].map(|congestion| TcpConfig {
            congestion,
            bytes: Some(700_000 + seed),
            ..TcpConfig::default()
        });
        let mut world = path.world(&files);
        world.run_until(Time::from_millis(300_000));
        for n in 0..2 {
            let stats = world.node(NodeId::A).sender(n).stats();
            assert!(stats.finished.is_some(), "seed {seed}: {stats:?}");
            assert_eq!(stats.acknowledged, 700_000 + seed);
            assert!(stats.duplicates_reported > 0);
        }
        let sink = world.node(NodeId::B).sink().stats();
        assert_eq!(
            (sink.delivered, sink.opened, sink.closed),
            (2 * (700_000 + seed), 2, 2)
        );
        assert!(sink.duplicates > 0);
    }
}

/// Fails if anything of a damaged segment counts: a FIN without its payload ends the file too early.
#[test]
fn of_a_damaged_segment_nothing_counts() {
    for seed in 1..=40 {
        let mut path = Path::ideal(millis(20));
        path.seed = seed;
        path.there.corrupt.probability = Probability::from_ppm(300_000);
        let file = TcpConfig {
            bytes: Some(2_000),
            ..TcpConfig::default()
        };
        let mut world = path.world(&[file]);
        world.run_until(Time::from_millis(600_000));
        assert_eq!(world.node(NodeId::A).sender(0).stats().acknowledged, 2_000);
        assert_eq!(world.node(NodeId::B).sink().stats().delivered, 2_000);
    }
}

/// A queue that marks instead of dropping: the window answers to marks alone, and the link stays filled. Fails if the
/// sender does not heed them, for then CoDel's queue grows up to its limit.
#[test]
fn marks_hold_the_queue_down_without_loss() {
    for congestion in [Congestion::NewReno, Congestion::Cubic] {
        let mut path = Path::bottleneck(10_000_000, 0, millis(20));
        path.there.queue = QueueConfig {
            limit: Limit::Packets(1_000),
            discipline: Discipline::CoDel(CoDel {
                ecn: true,
                ..CoDel::default()
            }),
        };
        let config = TcpConfig {
            congestion,
            ecn: true,
            ..TcpConfig::default()
        };
        let mut world = path.world(&[config]);
        let (from, to) = (Time::from_millis(10_000), Time::from_millis(60_000));
        world.run_until(to);
        let stats = world.node(NodeId::A).sender(0).stats();
        assert_eq!(
            (stats.retransmissions, stats.timeouts),
            (0, 0),
            "{congestion}"
        );
        assert!(
            stats.mark_reductions > 20,
            "{congestion}: {}",
            stats.mark_reductions
        );
        assert!(world.node(NodeId::B).sink().stats().marked > 20);
        let share = stats.goodput.rate(from, to) / (1e7 * 1_448.0 / 1_500.0);
        assert!(share > 0.9, "{congestion}: {share}");
        // A product of 25 kB and CoDel's 5 ms of 6 kB; a window of 1000 packets would be 1.5 MB.
        let late = stats.windows.values().iter().filter(|(at, _)| *at > from);
        assert!(late.clone().count() > 100);
        let most = late.map(|(_, w)| w.in_flight).max().unwrap();
        assert!(most < 75_000, "{congestion}: {most}");
    }
}

/// A long TCP flow fills every queue that lets it: 200 packets of 1500 bytes take 240 ms at 10 Mb/s. PIE holds the wait
/// near 15 ms, by drops or by marks, and the link stays filled.
#[test]
fn pie_holds_a_long_flow_near_its_target() {
    for (congestion, ecn) in [
        (Congestion::NewReno, false),
        (Congestion::Cubic, false),
        (Congestion::NewReno, true),
        (Congestion::Cubic, true),
    ] {
        let waits = |discipline: Discipline| {
            let mut path = Path::bottleneck(10_000_000, 0, millis(40));
            let limit = Limit::Packets(200);
            path.there.queue = QueueConfig { limit, discipline };
            let config = TcpConfig {
                congestion,
                ecn,
                ..TcpConfig::default()
            };
            let mut world = path.logged(&[config]);
            let (from, to) = (Time::from_millis(10_000), Time::from_millis(60_000));
            world.run_until(to);
            let stats = world.node(NodeId::A).sender(0).stats();
            let share = stats.goodput.rate(from, to) / (1e7 * 1_448.0 / 1_500.0);
            assert!(share > 0.9, "{congestion} {ecn}: {share}");
            let marked = world.node(NodeId::B).sink().stats().marked;
            let log = world.finish();
            let journeys = log.records().iter().filter_map(|record| match record {
                Record::Packet { journey, .. } => Some(journey),
                _ => None,
            });
            let sent =
                journeys.filter(|j| j.offered > from && j.size > 1_000 && j.started < j.left);
            let waits: Vec<f64> = sent
                .map(|j| j.started.since(j.offered).as_secs_f64() * 1e3)
                .collect();
            (waits.iter().sum::<f64>() / waits.len() as f64, marked)
        };
        let (held, marked) = waits(Discipline::Pie(Pie::default()));
        assert!((8.0..22.0).contains(&held), "{congestion} {ecn}: {held} ms");
        assert_eq!(marked > 10, ecn, "{congestion}: {marked}");
        let (filled, _) = waits(Discipline::DropTail);
        assert!(filled > 100.0, "{congestion} {ecn}: {filled} ms");
    }
}
