//! NewReno's long-run window against Mathis et al. 1997 and RFC 5348 §3.1.
//!
//! The equations with a factor b for delayed acknowledgements have b = 1 here, delayed or not: the window grows by the
//! bytes acknowledged.

use duet_sim::traffic::TcpConfig;
use duet_sim::{Loss, NodeId, Probability, Time};

use crate::{Path, bounds::assert_ratio, every, mean_window, millis};

/// Mathis, Semke, Mahdavi and Ott, "The macroscopic behavior of the TCP congestion avoidance algorithm", CCR 27(3),
/// equation 3: with every 1/p-th packet lost the mean window is √(3/2p).
///
/// The equation counts no round trip for recovery and has fractions of segments in flight; the model has one or two
/// rounds without growth in a cycle, and whole segments. That costs at most four segments of the mean.
///
/// Fails, for one, if congestion avoidance counts acknowledgements instead of bytes (0.7 with every second
/// acknowledged), if the threshold is 0.7 of the flight, or if what several acknowledgements of one instant allow is
/// sent only after all of them (0.67: the flight at the loss comes out too small).
#[test]
fn periodic_loss_gives_the_window_of_mathis() {
    let paths = [
        (100, 20),
        (100, 100),
        (400, 50),
        (1_000, 100),
        (4_000, 20),
        (4_000, 200),
    ];
    for (period, rtt) in paths {
        for ack_every in [1, 2] {
            let mut path = Path::ideal(millis(rtt));
            path.sink.ack_every = ack_every;
            let mut world = path.world(&[TcpConfig::default()]);
            world.node_mut(NodeId::A).lose = every(period);
            let window = (1.5 * period as f64).sqrt();
            // Forty cycles of W/2 round trips, W being 4/3 of the mean; the first ten are not counted.
            let cycle = (window * 2.0 / 3.0 * rtt as f64) as u64;
            let (from, end) = (cycle / 10 * 100, cycle * 4 / 10 * 100);
            let (from, end) = (Time::from_millis(from), Time::from_millis(end));
            world.run_until(end);
            let mean = mean_window(&world, millis(rtt), from, end);
            let what = format!("p = 1/{period}, {rtt} ms, acknowledging every {ack_every}");
            assert_ratio(mean, window, (1.0 - 4.0 / window, 1.02), &what);
            let stats = world.node(NodeId::A).sender(0).stats();
            assert_eq!(stats.timeouts, 0, "{what}");
        }
    }
}

/// With independent loss the constant is 1.31 instead of √1.5 = 1.22 where no timeouts and no recovery count (Ott,
/// Kemperman and Mathis 1996): 7 % more. What recovery costs is as above.
#[test]
fn independent_loss_gives_the_window_of_mathis() {
    for (ppm, rtt) in [(10_000, 50), (2_500, 100), (1_000, 20), (250, 50)] {
        for seed in 1..=3 {
            let mut path = Path::ideal(millis(rtt));
            path.seed = seed;
            path.there.loss = Loss::Independent(Probability::from_ppm(ppm));
            let mut world = path.world(&[TcpConfig::default()]);
            let window = (1.5e6 / f64::from(ppm)).sqrt();
            let cycle = (window * 2.0 / 3.0 * rtt as f64) as u64;
            let end = Time::from_millis(cycle * 3 * 100);
            world.run_until(end);
            let mean = mean_window(&world, millis(rtt), Time::from_millis(10_000), end);
            let what = format!("p = {ppm} ppm, {rtt} ms, seed {seed}");
            let least = 1.0 - 3.0 / window - 0.05;
            assert_ratio(mean, window, (least, 1.12), &what);
        }
    }
}

/// RFC 5348 §3.1, with the timeout that the sender has: the round trip and 200 ms.
///
/// Beyond 10 % the equation is pessimistic: it has all segments of a round lost after the first, and the model has
/// SACK. At 20 % the model gets almost twice as much.
///
/// Fails if a timeout leaves the window at the threshold, or comes in a quarter of its time.
#[test]
fn heavy_loss_gives_the_rate_of_padhye() {
    let paths = [
        (10_000, 50),
        (20_000, 100),
        (50_000, 50),
        (50_000, 100),
        (100_000, 100),
        (100_000, 200),
    ];
    for (ppm, rtt) in paths {
        for seed in 1..=3 {
            let mut path = Path::ideal(millis(rtt));
            path.seed = seed;
            path.there.loss = Loss::Independent(Probability::from_ppm(ppm));
            path.sink.ack_every = 1;
            let mut world = path.world(&[TcpConfig::default()]);
            let end = Time::from_millis(600_000);
            world.run_until(end);
            let mean = mean_window(&world, millis(rtt), Time::from_millis(10_000), end);
            let (p, r) = (f64::from(ppm) / 1e6, rtt as f64 / 1e3);
            let timeout = (r + 0.2) * 3.0 * (3.0 * p / 8.0).sqrt() * p * (1.0 + 32.0 * p * p);
            let window = r / (r * (2.0 * p / 3.0).sqrt() + timeout);
            let what = format!("p = {ppm} ppm, {rtt} ms, seed {seed}");
            assert_ratio(mean, window, (0.9, 1.25), &what);
        }
    }
}

/// Where the timer decides, a longer one costs: RFC 6298's second against Linux's 200 ms, at 10 %.
#[test]
fn the_timeouts_floor_is_what_it_is_set_to() {
    let mean = |rto: u64| {
        let mut path = Path::ideal(millis(100));
        path.there.loss = Loss::Independent(Probability::from_ppm(100_000));
        let config = TcpConfig {
            rto_min: millis(rto),
            ..TcpConfig::default()
        };
        let mut world = path.world(&[config]);
        let end = Time::from_millis(600_000);
        world.run_until(end);
        mean_window(&world, millis(100), Time::from_millis(10_000), end)
    };
    let (linux, rfc) = (mean(200), mean(1_000));
    assert!(rfc < 0.85 * linux, "{rfc} and {linux}");
}
