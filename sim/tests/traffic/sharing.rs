//! Bottlenecks: filled, and shared.

use duet_sim::traffic::{Congestion, TcpConfig};
use duet_sim::{Jitter, NodeId, Time};

use crate::{Path, bounds::assert_ratio, millis};

fn with(congestion: Congestion) -> TcpConfig {
    TcpConfig {
        congestion,
        ..TcpConfig::default()
    }
}

/// With a buffer of one bandwidth-delay product the queue never runs empty after a reduction by half: payload is
/// 1448/1500 of the rate. Fails if the window goes to one segment at each loss.
#[test]
fn a_link_with_a_buffer_of_its_product_is_filled() {
    for congestion in [Congestion::NewReno, Congestion::Cubic] {
        for (bits, rtt) in [
            (2_000_000u64, 100u64),
            (10_000_000, 40),
            (20_000_000, 100),
            (50_000_000, 20),
        ] {
            let product = bits / 8 * rtt / 1_000;
            let path = Path::bottleneck(bits, product, millis(rtt));
            let mut world = path.world(&[with(congestion)]);
            let (from, to) = (Time::from_millis(20_000), Time::from_millis(60_000));
            world.run_until(to);
            let rate = world.node(NodeId::B).sink().stats().goodput.rate(from, to);
            let share = rate / (bits as f64 * 1_448.0 / 1_500.0);
            let what = format!("{congestion}, {bits} b/s, {rtt} ms: {share:.3}");
            assert!((0.9..=1.001).contains(&share), "{what}");
            let stats = world.node(NodeId::A).sender(0).stats();
            assert!(stats.fast_recoveries > 0, "{what}: no loss");
        }
    }
}

/// Two flows, the second later, over one bottleneck, share it evenly over three minutes. Fails if a larger window grows
/// faster: by the square of itself.
#[test]
fn two_flows_share_a_bottleneck() {
    for congestion in [Congestion::NewReno, Congestion::Cubic] {
        for (seed, start) in [(1, 3_000), (2, 10_000), (3, 17_300)] {
            let mut path = Path::bottleneck(10_000_000, 50_000, millis(40));
            // A little jitter, or the two may fall into step.
            path.there.jitter = Jitter::uniform(millis(1));
            path.seed = seed;
            let late = TcpConfig {
                start: Time::from_millis(start),
                ..with(congestion)
            };
            let mut world = path.world(&[with(congestion), late]);
            let (from, to) = (Time::from_millis(60_000), Time::from_millis(240_000));
            world.run_until(to);
            let rate = |n| {
                world
                    .node(NodeId::A)
                    .sender(n)
                    .stats()
                    .goodput
                    .rate(from, to)
            };
            let what = format!("{congestion}, second from {start} ms");
            assert_ratio(rate(0), rate(1), (0.8, 1.25), &what);
            let sum = (rate(0) + rate(1)) / 9_653_333.0;
            assert!(sum > 0.95, "{what}: {sum}");
        }
    }
}
