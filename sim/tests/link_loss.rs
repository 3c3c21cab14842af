//! Random loss, jitter, and the independence of the stages' draws.
//!
//! Seeds are fixed, so that a statistical bound either holds for good or shows a defect; it cannot fail by chance.

mod common;

use std::time::Duration;

use common::Alone;
use duet_sim::{
    Cause, Fate, Jitter, LinkConfig, Loss, Outage, Probability, QueueConfig, Rate, Time,
};
use proptest::prelude::*;

fn percent(text: &str) -> Probability {
    text.parse().unwrap()
}

fn lossy(loss: Loss) -> LinkConfig {
    LinkConfig {
        loss,
        ..LinkConfig::default()
    }
}

/// The fates of `n` packets, offered one per millisecond.
fn fates(config: LinkConfig, seed: u64, n: u64) -> Vec<Fate> {
    let mut link = Alone::new(config, seed, "a>b");
    (0..n)
        .map(|n| link.offer(Time::from_millis(n), 1_000, false))
        .collect()
}

fn causes(config: LinkConfig, seed: u64, n: u64) -> Vec<Option<Cause>> {
    fates(config, seed, n)
        .into_iter()
        .map(|fate| match fate {
            Fate::Delivered { .. } => None,
            Fate::Lost { cause } => Some(cause),
        })
        .collect()
}

/// Asserts that `share` is within four standard errors of `expected`.
fn assert_near(share: f64, expected: f64, error: f64, what: &str) {
    assert!(
        (share - expected).abs() < 4.0 * error,
        "{what}: {share}, not {expected} ± {}",
        4.0 * error
    );
}

#[test]
fn independent_loss_has_its_rate_and_no_memory() {
    let n = 200_000;
    for seed in 1..=5 {
        let lost = causes(lossy(Loss::Independent(percent("2.5 %"))), seed, n);
        let losses = lost.iter().flatten().count() as f64;
        let p: f64 = 0.025;
        assert_near(
            losses / n as f64,
            p,
            (p * (1.0 - p) / n as f64).sqrt(),
            "loss",
        );
        // After a loss, the next packet is lost no more often than any other.
        let pairs = lost
            .windows(2)
            .filter(|w| w[0].is_some() && w[1].is_some())
            .count() as f64;
        assert_near(
            pairs / losses,
            p,
            (p * (1.0 - p) / losses).sqrt(),
            "loss after loss",
        );
        assert!(
            lost.iter()
                .flatten()
                .all(|cause| *cause == Cause::RandomLoss)
        );
    }
}

#[test]
fn no_loss_loses_nothing_and_certain_loss_all() {
    assert!(
        causes(lossy(Loss::None), 1, 10_000)
            .iter()
            .all(Option::is_none)
    );
    let all = Loss::Independent(Probability::ALWAYS);
    assert!(causes(lossy(all), 1, 10_000).iter().all(Option::is_some));
}

/// p = 1 %, r = 25 %, everything lost in the bad state: stationary loss p / (p + r) = 3.85 %, bursts of 1 / r = 4.
#[test]
fn gilbert_elliott_has_its_stationary_loss_and_mean_burst_length() {
    let (p, r): (f64, f64) = (0.01, 0.25);
    let loss = Loss::GilbertElliott {
        enter: percent("1 %"),
        leave: percent("25 %"),
        good: Probability::NEVER,
        bad: Probability::ALWAYS,
    };
    let n = 400_000;
    for seed in 1..=5 {
        let lost = causes(lossy(loss.clone()), seed, n);
        assert_eq!(lost[0], None, "the chain begins in the good state");
        assert!(
            lost.iter()
                .flatten()
                .all(|cause| *cause == Cause::BurstLoss)
        );
        let losses = lost.iter().flatten().count() as f64;
        let bursts = lost
            .windows(2)
            .filter(|w| w[0].is_none() && w[1].is_some())
            .count() as f64;

        let stationary = p / (p + r);
        // The variance of a two-state chain's mean is that of a coin, times (1 + λ) / (1 − λ) with λ = 1 − p − r.
        let memory = (2.0 - p - r) / (p + r);
        let error = (stationary * (1.0 - stationary) / n as f64 * memory).sqrt();
        assert_near(losses / n as f64, stationary, error, "stationary loss");
        // Burst lengths are geometric: mean 1/r, variance (1 − r) / r².
        assert_near(
            losses / bursts,
            1.0 / r,
            ((1.0 - r) / r / r / bursts).sqrt(),
            "burst length",
        );
    }
}

#[test]
fn gilbert_elliott_names_the_state_in_which_a_packet_was_lost() {
    let loss = Loss::GilbertElliott {
        enter: percent("10 %"),
        leave: percent("10 %"),
        good: percent("5 %"),
        bad: percent("40 %"),
    };
    let n = 400_000;
    let lost = causes(lossy(loss), 1, n);
    let share =
        |wanted| lost.iter().filter(|cause| **cause == Some(wanted)).count() as f64 / n as f64;
    // Half of all packets meet each state.
    assert!((share(Cause::RandomLoss) - 0.025).abs() < 0.002);
    assert!((share(Cause::BurstLoss) - 0.2).abs() < 0.01);
}

/// The chain moves on draws of its own: one that stays good loses the packets that independent loss would.
#[test]
fn gilbert_elliott_draws_fates_and_moves_separately() {
    let stays_good = Loss::GilbertElliott {
        enter: Probability::NEVER,
        leave: Probability::ALWAYS,
        good: percent("20 %"),
        bad: Probability::ALWAYS,
    };
    let independent = Loss::Independent(percent("20 %"));
    assert_eq!(
        causes(lossy(stays_good), 1, 1_000),
        causes(lossy(independent), 1, 1_000)
    );
}

#[test]
fn jitter_is_uniform_up_to_its_bound_and_keeps_the_order() {
    let config = LinkConfig {
        delay: Duration::from_millis(10),
        jitter: Jitter::uniform(Duration::from_millis(1)),
        ..LinkConfig::default()
    };
    // One packet per millisecond can never be overtaken, so the extra delay is what was drawn.
    let extra: Vec<f64> = fates(config, 1, 100_000)
        .into_iter()
        .zip(0..)
        .map(|(fate, n)| match fate {
            Fate::Delivered { at } => at.as_millis_f64() - n as f64 - 10.0,
            Fate::Lost { cause } => panic!("lost: {cause}"),
        })
        .collect();
    assert!(
        extra
            .iter()
            .all(|extra| (-1e-6..=1.000_001).contains(extra))
    );
    let count = extra.len() as f64;
    let mean = extra.iter().sum::<f64>() / count;
    assert_near(mean, 0.5, (1.0 / 12.0 / count).sqrt(), "mean");
    for tenth in 0..10 {
        let cell = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
        let share = extra.iter().filter(|extra| cell.contains(extra)).count() as f64 / count;
        assert_near(share, 0.1, (0.09 / count).sqrt(), "share of a tenth");
    }
}

#[test]
fn directions_and_seeds_lose_different_packets() {
    let config = lossy(Loss::Independent(percent("50 %")));
    let run = |seed, name| {
        let mut link = Alone::new(config.clone(), seed, name);
        [(); 64].map(|()| link.offer(Time::ZERO, 1, false))
    };
    assert_eq!(run(1, "a>b"), run(1, "a>b"));
    assert_ne!(run(1, "a>b"), run(1, "b>a"));
    assert_ne!(run(1, "a>b"), run(2, "a>b"));
}

/// Each fault is removed in turn; what the other stages do to a packet that reaches them stays the same.
#[test]
fn removing_one_fault_moves_no_other_draw() {
    let n = 5_000;
    let full = LinkConfig {
        rate: None,
        queue: QueueConfig::default(),
        delay: Duration::from_millis(5),
        jitter: Jitter::uniform(Duration::from_micros(900)),
        loss: Loss::Independent(percent("20 %")),
        outages: vec![Outage::drop(
            Time::from_millis(1_000),
            Time::from_millis(2_000),
        )],
        ..LinkConfig::default()
    };
    let base = fates(full.clone(), 1, n);
    let is_down = |fate: &Fate| *fate == Fate::Lost { cause: Cause::Down };
    let is_lost = |fate: &Fate| {
        *fate
            == Fate::Lost {
                cause: Cause::RandomLoss,
            }
    };

    let without_outage = fates(
        LinkConfig {
            outages: Vec::new(),
            ..full.clone()
        },
        1,
        n,
    );
    assert_eq!(base.iter().filter(|fate| is_down(fate)).count(), 1_000);
    for (before, after) in base.iter().zip(&without_outage) {
        assert!(is_down(before) || before == after);
    }

    // Jitter stays below the spacing of the packets, so a packet's arrival is its own draw and nobody else's.
    let without_loss = fates(
        LinkConfig {
            loss: Loss::None,
            ..full.clone()
        },
        1,
        n,
    );
    assert!(base.iter().any(is_lost));
    for (before, after) in base.iter().zip(&without_loss) {
        assert!(is_lost(before) || before == after);
    }

    let without_jitter = fates(
        LinkConfig {
            jitter: Jitter::default(),
            ..full
        },
        1,
        n,
    );
    assert_ne!(base, without_jitter);
    for (before, after) in base.iter().zip(&without_jitter) {
        assert_eq!(
            matches!(before, Fate::Lost { .. }),
            matches!(after, Fate::Lost { .. })
        );
    }
}

/// A full queue drops packets after their loss was drawn: loss stays where it was.
#[test]
fn a_full_queue_moves_no_loss() {
    let loss = Loss::Independent(percent("10 %"));
    let narrow = LinkConfig {
        rate: Rate::new(4_000_000), // half of what is offered
        queue: QueueConfig::bytes(3_000),
        loss: loss.clone(),
        ..LinkConfig::default()
    };
    let wide = causes(lossy(loss), 1, 5_000);
    let narrow = causes(narrow, 1, 5_000);
    assert!(narrow.contains(&Some(Cause::QueueFull)));
    let random = |cause: &Option<Cause>| *cause == Some(Cause::RandomLoss);
    for (wide, narrow) in wide.iter().zip(&narrow) {
        assert_eq!(random(wide), random(narrow));
    }
}

#[test]
fn reliable_packets_are_not_lost_but_take_their_draws() {
    let config = lossy(Loss::Independent(percent("50 %")));
    let mut plain = Alone::new(config.clone(), 1, "a>b");
    let mut mixed = Alone::new(config, 1, "a>b");
    for n in 0..1_000 {
        let reliable = n % 3 == 0;
        let expected = plain.offer(Time::ZERO, 1, false);
        let fate = mixed.offer(Time::ZERO, 1, reliable);
        if reliable {
            assert_eq!(fate, Fate::Delivered { at: Time::ZERO });
        } else {
            assert_eq!(fate, expected);
        }
    }
}

fn any_link() -> impl Strategy<Value = LinkConfig> {
    let probability = || (0u32..=1_000_000).prop_map(Probability::from_ppm);
    let loss = prop_oneof![
        Just(Loss::None),
        probability().prop_map(Loss::Independent),
        [probability(), probability(), probability(), probability()].prop_map(
            |[enter, leave, good, bad]| Loss::GilbertElliott {
                enter,
                leave,
                good,
                bad
            }
        ),
    ];
    let outage = (0u64..500, 0u64..500)
        .prop_map(|(from, to)| Outage::drop(Time::from_millis(from), Time::from_millis(to)));
    (
        prop::option::of(1_000u64..100_000_000),
        prop::option::of(0u64..50_000),
        0u64..200_000,
        0u64..200_000,
        loss,
        prop::collection::vec(outage, 0..4),
    )
        .prop_map(|(rate, queue, delay, jitter, loss, outages)| LinkConfig {
            rate: rate.and_then(Rate::new),
            queue: queue.into(),
            delay: Duration::from_micros(delay),
            jitter: Jitter::uniform(Duration::from_micros(jitter)),
            loss,
            outages,
            ..LinkConfig::default()
        })
}

proptest! {
    /// Whatever the link: order is kept, nothing arrives before its bits and the delay have passed, nothing but a
    /// fault of the configuration loses anything, and reliable packets always arrive.
    #[test]
    fn every_link_keeps_order_and_time_and_blames_the_right_stage(
        config in any_link(),
        seed: u64,
        offers in prop::collection::vec((0u64..20_000, 0usize..3_000, any::<bool>()), 1..150),
    ) {
        let mut link = Alone::new(config.clone(), seed, "a>b");
        let mut now = Time::ZERO;
        let mut last = Time::ZERO;
        for (gap, size, reliable) in offers {
            now = now.after(Duration::from_micros(gap));
            let down = config.outages.iter().any(|outage| outage.from <= now && now < outage.to);
            match link.offer(now, size, reliable) {
                Fate::Delivered { at } => {
                    let sending = config.rate.map_or(0, |rate| {
                        (size as u128 * 8_000_000_000 / u128::from(rate.bits_per_second())) as u64
                    });
                    prop_assert!(at >= last);
                    prop_assert!(at >= now.after(config.delay + Duration::from_nanos(sending)));
                    prop_assert!(!down || reliable);
                    last = at;
                }
                Fate::Lost { cause } => {
                    prop_assert!(!reliable);
                    prop_assert_eq!(down, cause == Cause::Down);
                    match cause {
                        Cause::RandomLoss => prop_assert!(config.loss != Loss::None),
                        Cause::BurstLoss => {
                            let bursty = matches!(config.loss, Loss::GilbertElliott { .. });
                            prop_assert!(bursty);
                        },
                        Cause::QueueFull => {
                            prop_assert!(config.rate.is_some() && config.queue != QueueConfig::default());
                        }
                        Cause::Down => {}
                        other => prop_assert!(false, "{other}"),
                    }
                }
            }
        }
    }
}
