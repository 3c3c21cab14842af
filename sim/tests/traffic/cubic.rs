//! CUBIC's long-run window against RFC 9438 §5.

use duet_sim::traffic::{Congestion, TcpConfig};
use duet_sim::{NodeId, Time};

use crate::{Path, bounds::assert_ratio, every, mean_window, millis};

/// Mean window with every `period`th segment lost, over 15 cycles after five.
fn window(congestion: Congestion, period: u64, rtt: u64) -> f64 {
    let mut path = Path::ideal(millis(rtt));
    path.sink.window = 1 << 30;
    let config = TcpConfig {
        congestion,
        ..TcpConfig::default()
    };
    let mut world = path.world(&[config]);
    world.node_mut(NodeId::A).lose = every(period);
    let rounds = 20.0 * period as f64 / cubic(period, rtt).max(reno(period));
    let end = (rounds * rtt as f64) as u64 / 400 * 400;
    let (from, end) = (Time::from_millis(end / 4), Time::from_millis(end));
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

/// Fails if C is 0.3 or β is 0.6, if K is a cube root of W_max alone, or if the growth is the target's at t and not
/// at t + RTT.
#[test]
fn far_from_reno_the_window_is_that_of_the_cubic_equation() {
    for (period, rtt) in [(1_000, 400), (10_000, 100), (10_000, 400), (50_000, 100)] {
        assert!(cubic(period, rtt) > 1.5 * reno(period));
        let what = format!("p = 1/{period}, {rtt} ms");
        assert_ratio(
            window(Congestion::Cubic, period, rtt),
            cubic(period, rtt),
            (0.8, 1.05),
            &what,
        );
    }
}

/// Fails if α stays 9/17 once W_est has reached the window before the loss, or if W_est is left out.
#[test]
fn in_the_friendly_region_the_window_is_renos() {
    for (period, rtt) in [(400, 20), (1_000, 10), (4_000, 5)] {
        assert!(cubic(period, rtt) < 0.5 * reno(period));
        let what = format!("p = 1/{period}, {rtt} ms");
        let friendly = window(Congestion::Cubic, period, rtt);
        let newreno = window(Congestion::NewReno, period, rtt);
        assert_ratio(friendly, newreno, (0.93, 1.07), &what);
        assert_ratio(
            friendly,
            reno(period),
            (1.0 - 4.0 / reno(period), 1.02),
            &what,
        );
    }
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
