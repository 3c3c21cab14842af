//! Bursts: counts, gaps and sizes against their distributions.

use duet_sim::Time;
use duet_sim::net::Host;
use duet_sim::traffic::{BurstSizes, Poisson, PoissonConfig};

use crate::{address, bounds::assert_near, millis};

/// Instants and sizes of the bursts of a run.
fn bursts(config: PoissonConfig, seed: u64, end: Time) -> Vec<(Time, u64)> {
    let mut source = Poisson::new(
        config,
        address("10.0.0.1:9"),
        address("10.0.0.2:9"),
        seed,
        "p",
    );
    let mut bursts = Vec::new();
    while let Some(at) = source.deadline().filter(|at| *at < end) {
        source.wake(at);
        let mut size = 0;
        while source.transmit(at).is_some() {
            size += 1;
        }
        bursts.push((at, size));
    }
    assert_eq!(source.bursts(), bursts.len() as u64);
    bursts
}

/// Fails if the gap is uniform from zero to twice the mean (the variance is a third), or if the logarithm has base 2.
#[test]
fn counts_have_the_mean_and_the_variance_of_a_poisson_process() {
    let config = PoissonConfig {
        mean_gap: millis(20),
        mean_packets: 1,
        ..PoissonConfig::default()
    };
    // 50 bursts a second; intervals of a second for 2000 s.
    let n = 2_000.0f64;
    for seed in 1..=8 {
        let mut counts = vec![0.0f64; n as usize];
        for (at, size) in bursts(config.clone(), seed, Time::from_millis(2_000_000)) {
            assert_eq!(size, 1);
            counts[(at.as_micros() / 1_000_000) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (n - 1.0);
        // Standard errors: √(λ/n), and √((λ + 2λ²)/n), since the fourth central moment of Poisson is λ + 3λ².
        assert_near(mean, 50.0, (50.0f64 / n).sqrt(), "mean");
        assert_near(variance, 50.0, (5_050.0f64 / n).sqrt(), "variance");
        // No memory: neighbouring seconds are uncorrelated.
        let pairs = counts.windows(2).map(|w| (w[0] - mean) * (w[1] - mean));
        let correlation = pairs.sum::<f64>() / (n - 1.0) / variance;
        assert_near(correlation, 0.0, 1.0 / n.sqrt(), "correlation");
    }
}

/// Fails if sizes begin at zero, or if the mean is taken for the probability's complement.
#[test]
fn sizes_have_their_mean_and_their_spread() {
    for mean in [2u32, 10, 100] {
        let config = PoissonConfig {
            mean_packets: mean,
            ..PoissonConfig::default()
        };
        let sizes: Vec<f64> = bursts(config, 7, Time::from_millis(2_000_000))
            .iter()
            .map(|(_, size)| *size as f64)
            .collect();
        let n = sizes.len() as f64;
        let m = f64::from(mean);
        // Variance of the geometric distribution from one: (1 − p)/p² with p = 1/m.
        let variance = m * (m - 1.0);
        assert_near(
            sizes.iter().sum::<f64>() / n,
            m,
            (variance / n).sqrt(),
            "size",
        );
        let ones = sizes.iter().filter(|size| **size == 1.0).count() as f64 / n;
        let p = 1.0 / m;
        assert_near(ones, p, (p * (1.0 - p) / n).sqrt(), "bursts of one");
        assert!(sizes.iter().all(|size| *size >= 1.0));
    }
    let config = PoissonConfig {
        mean_packets: 7,
        sizes: BurstSizes::Fixed,
        ..PoissonConfig::default()
    };
    let fixed = bursts(config, 7, Time::from_millis(100_000));
    assert!(fixed.len() > 500 && fixed.iter().all(|(_, size)| *size == 7));
}

#[test]
fn start_and_stop_bound_the_bursts_and_move_no_draw() {
    let config = PoissonConfig {
        start: Time::from_millis(5_000),
        stop: Some(Time::from_millis(9_000)),
        ..PoissonConfig::default()
    };
    let bounded = bursts(config, 3, Time::from_millis(20_000));
    let whole = bursts(PoissonConfig::default(), 3, Time::from_millis(4_000));
    let shifted: Vec<(Time, u64)> = whole
        .iter()
        .map(|(at, size)| (at.after(millis(5_000)), *size))
        .collect();
    assert_eq!(bounded, shifted);
    assert!(bounded.len() > 20);
}

/// Two sources of one run differ, and one source is the same in each run.
#[test]
fn labels_and_seeds_fix_the_draws() {
    let of = |seed, label: &str| {
        let config = PoissonConfig::default();
        let mut p = Poisson::new(
            config,
            address("10.0.0.1:9"),
            address("10.0.0.2:9"),
            seed,
            label,
        );
        let at = p.deadline().unwrap();
        p.wake(at);
        (at, p.deadline())
    };
    assert_eq!(of(1, "a"), of(1, "a"));
    assert_ne!(of(1, "a"), of(1, "b"));
    assert_ne!(of(1, "a"), of(2, "a"));
    // Pinned: the logarithm comes out the same on every platform.
    assert_eq!(of(1, "a").0, PINNED);
}

const PINNED: Time = Time(83_468_609);

#[test]
fn names_are_read_as_they_are_written() {
    for sizes in [BurstSizes::Fixed, BurstSizes::Geometric] {
        assert_eq!(sizes.to_string().parse(), Ok(sizes));
    }
    let error = "normal".parse::<BurstSizes>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown distribution of burst sizes \"normal\": use fixed, geometric"
    );
}
