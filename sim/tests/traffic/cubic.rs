//! CUBIC's long-run window against RFC 9438 §5.

use duet_sim::traffic::{Congestion, TcpConfig};
use duet_sim::{NodeId, Time};

use crate::{Path, bounds::assert_ratio, every, mean_window, millis, numbers};

/// Mean window with every `period`th segment lost, over 20 cycles after 10.
///
/// One more is lost early, so that slow start ends near the window that is expected: without fast convergence CUBIC takes
/// hundreds of cycles to come down.
fn window(congestion: Congestion, fast_convergence: bool, period: u64, rtt: u64) -> f64 {
    let mut path = Path::ideal(millis(rtt));
    path.sink.window = 1 << 30;
    let config = TcpConfig {
        congestion,
        fast_convergence,
        ..TcpConfig::default()
    };
    let mut world = path.world(&[config]);
    let expected = cubic(period, rtt).max(reno(period));
    let mut early = numbers(&[2 * expected as u64]);
    let mut late = every(period);
    world.node_mut(NodeId::A).lose = Box::new(move |at, d| early(at, d) | late(at, d));
    let cycle = (period as f64 / expected * rtt as f64) as u64;
    let (from, end) = (cycle / 10 * 100, cycle * 3 / 10 * 100);
    let (from, end) = (Time::from_millis(from), Time::from_millis(end));
    world.run_until(end);
    mean_window(&world, millis(rtt), from, end)
}

/// AVG_W_cubic of RFC 9438 §5, equation 6: (C · (3 + β) / (4 · (1 − β)))^¼ · RTT^¾ / p^¾.
fn cubic(period: u64, rtt: u64) -> f64 {
    let constant = 0.4f64 * 3.7 / (4.0 * 0.3);
    constant.powf(0.25) * (rtt as f64 / 1e3 * period as f64).powf(0.75)
}

/// √(3/2p), for Reno and for the Reno-friendly region alike.
fn reno(period: u64) -> f64 {
    (1.5 * period as f64).sqrt()
}

/// The equation has neither a round trip for recovery nor fast convergence. The first costs up to 9 %. The second has
/// W_max forget a little in every cycle, since no two windows are equal, and costs another 10 %; so it is switched off
/// for the comparison, and is compared with itself.
///
/// Fails if C is 0.3 in K or β is 0.6, if K is the cube root of W_max alone, or if the target is that of t and not of
/// t + RTT.
#[test]
fn far_from_reno_the_window_is_that_of_the_cubic_equation() {
    for (period, rtt) in [(1_000, 400), (3_000, 200), (10_000, 100), (10_000, 400)] {
        let equation = cubic(period, rtt);
        assert!(equation > 1.5 * reno(period));
        let what = format!("p = 1/{period}, {rtt} ms");
        let plain = window(Congestion::Cubic, false, period, rtt);
        assert_ratio(plain, equation, (0.9, 1.03), &what);
        let humble = window(Congestion::Cubic, true, period, rtt);
        assert_ratio(humble, plain, (0.85, 0.95), &what);
    }
}

/// Fails if W_est is left out.
#[test]
fn in_the_friendly_region_the_window_is_renos() {
    for (period, rtt) in [(400, 20), (1_000, 10), (4_000, 5)] {
        assert!(cubic(period, rtt) < 0.5 * reno(period));
        let what = format!("p = 1/{period}, {rtt} ms");
        let friendly = window(Congestion::Cubic, true, period, rtt);
        let newreno = window(Congestion::NewReno, true, period, rtt);
        assert_ratio(friendly, newreno, (0.93, 1.07), &what);
        assert_ratio(
            friendly,
            reno(period),
            (1.0 - 4.0 / reno(period), 1.02),
            &what,
        );
    }
}

/// W_est grows by 9/17 of a segment per round trip up to the window before the loss, and by a whole one beyond (§4.3).
/// Fails if α stays what it is, or is one from the beginning.
#[test]
fn the_friendly_window_grows_faster_beyond_the_one_before() {
    let mut path = Path::ideal(millis(4));
    path.sink.ack_every = 1;
    let config = TcpConfig {
        congestion: Congestion::Cubic,
        ..TcpConfig::default()
    };
    let mut world = path.world(&[config]);
    world.node_mut(NodeId::A).lose = numbers(&[200]);
    world.run_until(Time::from_millis(1_000));
    let windows = world.node(NodeId::A).sender(0).stats().windows.values();
    let reduced = windows.iter().filter(|(_, w)| w.threshold != u64::MAX);
    let before = reduced.clone().next().unwrap().1.threshold * 10 / 7;
    let reaches = |window: u64| {
        let mut after = reduced.clone();
        let found = after.find(|(_, w)| w.window >= window).unwrap();
        found.0.as_micros() as f64 / 4_000.0
    };
    // The rounds for ten segments on either side, the round of the change left out.
    let ten = 10 * 1_448;
    let below = reaches(before - 1_448) - reaches(before - 1_448 - ten);
    let above = reaches(before + 1_448 + ten) - reaches(before + 1_448);
    assert!((18.0..=20.0).contains(&below), "{below}");
    assert!((9.0..=11.0).contains(&above), "{above}");
}

#[test]
fn names_are_read_as_they_are_written() {
    for congestion in [Congestion::NewReno, Congestion::Cubic] {
        assert_eq!(congestion.to_string().parse(), Ok(congestion));
    }
    let error = "reno".parse::<Congestion>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown congestion control \"reno\": use newreno, cubic"
    );
}
