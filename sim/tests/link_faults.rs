//! What links do to packets besides queueing: loss in time and by lists, policing, MTU, jitter, reordering, duplication,
//! corruption, ECN, changes of delay.

mod drive;

use std::time::Duration;

use drive::{Cell, Run, arrival, assert_near, drive, is_lost, steady};
use duet_sim::link::{
    Bitmap, Classes, Corrupt, Corruption, DelayStep, Duplicate, EcnMangle, JitterModel, OnOff,
    Policer, Reorder, Sojourn, Spikes,
};
use duet_sim::{
    Cause, Ecn, Fate, Jitter, LinkConfig, Loss, Outage, Probability, QueueConfig, Rate, Stream,
    Time,
};
use proptest::prelude::*;

const MILLI: u64 = 1_000_000;

fn percent(text: &str) -> Probability {
    text.parse().unwrap()
}

fn lossy(loss: Loss) -> LinkConfig {
    LinkConfig {
        loss,
        ..LinkConfig::default()
    }
}

// ---- Loss

/// Bad for 30 ms every 300 ms on average: 10 % of the time, whatever the rate of packets.
#[test]
fn bursts_in_time_do_not_change_with_the_packet_rate() {
    let loss = Loss::GilbertElliottTime {
        good_for: Duration::from_millis(270),
        bad_for: Duration::from_millis(30),
        good: Probability::NEVER,
        bad: Probability::ALWAYS,
    };
    let span = 3_000_000 * MILLI; // 3000 s: some 10 000 bursts
    for seed in 1..=3 {
        let lost = |gap: u64| -> Vec<bool> {
            let run = drive(
                &lossy(loss.clone()),
                seed,
                steady(span / gap, gap, Cell::new(100)),
            );
            run.journeys.iter().map(is_lost).collect()
        };
        let (often, seldom) = (lost(MILLI), lost(10 * MILLI));
        // The same instants are lost, whether or not packets are sent between them.
        assert!(often.iter().step_by(10).eq(seldom.iter()));

        let share = often.iter().filter(|lost| **lost).count() as f64 / often.len() as f64;
        // Of n cycles of mean c, the share's standard error is √2 · p (1 − p) / √n.
        assert_near(share, 0.1, 2f64.sqrt() * 0.09 / 100.0, "share of time");
        let bursts = often.windows(2).filter(|w| !w[0] && w[1]).count() as f64;
        let mean = often.iter().filter(|lost| **lost).count() as f64 / bursts;
        // Milliseconds of those bursts that contain one; exponential, so that the excess has no memory.
        let expected = 1.0 / (1.0 - (-1.0f64 / 30.0).exp());
        assert_near(mean, expected, 30.0 / bursts.sqrt(), "mean burst");
    }
}

#[test]
fn bursts_by_their_share_and_length_are_what_they_say() {
    assert_eq!(
        Loss::bursts(Probability::NEVER, Duration::from_millis(9)),
        Loss::None
    );
    let Loss::GilbertElliottTime {
        good_for, bad_for, ..
    } = Loss::bursts(percent("25 %"), Duration::from_millis(100))
    else {
        panic!("no bursts");
    };
    assert_eq!(
        (good_for, bad_for),
        (Duration::from_millis(300), Duration::from_millis(100))
    );
    let run = drive(
        &lossy(Loss::bursts(Probability::ALWAYS, Duration::from_millis(9))),
        1,
        steady(100, MILLI, Cell::new(1)),
    );
    assert_eq!(run.loss(), 1.0);
}

#[test]
fn a_list_loses_exactly_what_it_names() {
    let config = lossy(Loss::List([17, 3, 999].into()));
    let run = drive(&config, 1, steady(100, MILLI, Cell::new(100)));
    assert_eq!(run.lost(Cause::ListedLoss), [3, 17]);
    assert_eq!(run.loss(), 0.02);
}

#[test]
fn a_bitmap_repeats() {
    let bitmap: Bitmap = "001 \n 0\n".parse().unwrap();
    assert_eq!((bitmap.period(), bitmap.to_string().as_str()), (4, "0010"));
    let run = drive(
        &lossy(Loss::Bitmap(bitmap)),
        1,
        steady(12, MILLI, Cell::new(100)),
    );
    assert_eq!(run.lost(Cause::ListedLoss), [2, 6, 10]);
    let error = |text: &str| text.parse::<Bitmap>().unwrap_err().to_string();
    assert_eq!(
        error("01\n0x1"),
        "line 2: 'x' is neither `0` (passes) nor `1` (is lost)"
    );
    assert_eq!(error(" \n"), "a loss pattern needs at least one `0` or `1`");
}

#[test]
fn loss_of_some_classes_spares_the_others_and_moves_no_draw() {
    let inner = Loss::Independent(percent("30 %"));
    let only = Loss::Only {
        classes: Classes(vec!["audio".to_owned(), "quic-*".to_owned()]),
        model: Box::new(inner.clone()),
    };
    let classes = ["audio", "video", "quic-long", "quic"];
    let offers = || (0..4_000).map(|n| (n * MILLI, Cell::new(100).class(classes[n as usize % 4])));
    let all = drive(&lossy(inner), 1, offers());
    let some = drive(&lossy(only), 1, offers());
    let expected = all
        .lost(Cause::RandomLoss)
        .into_iter()
        .filter(|n| n % 2 == 0);
    assert!(expected.eq(some.lost(Cause::RandomLoss)));
}

/// What is lost on the air has taken its time on the link: packets behind it come no earlier.
#[test]
fn loss_on_the_air_comes_after_the_bottleneck() {
    let config = |loss| LinkConfig {
        rate: Rate::new(8_000_000),
        air_loss: loss,
        ..LinkConfig::default()
    };
    let offers = || steady(2_000, 900_000, Cell::new(1_000));
    let clean = drive(&config(Loss::None), 1, offers());
    for loss in [
        Loss::Independent(percent("20 %")),
        Loss::List([5, 6].into()),
        Loss::bursts(percent("10 %"), Duration::from_millis(20)),
        Loss::GilbertElliott {
            enter: percent("5 %"),
            leave: percent("30 %"),
            good: Probability::NEVER,
            bad: Probability::ALWAYS,
        },
    ] {
        let run = drive(&config(loss), 1, offers());
        let causes = [Cause::AirLoss, Cause::AirBurstLoss, Cause::AirListedLoss];
        assert!(causes.iter().any(|cause| !run.lost(*cause).is_empty()));
        for (lossy, clean) in run.journeys.iter().zip(&clean.journeys) {
            assert_eq!((lossy.started, lossy.left), (clean.started, clean.left));
            if let Fate::Lost { cause } = lossy.fate {
                assert!(causes.contains(&cause));
            }
        }
    }
}

// ---- Policer, MTU

fn policed(bits: u64, burst: u64) -> LinkConfig {
    LinkConfig {
        policer: Rate::new(bits).map(|rate| Policer { rate, burst }),
        ..LinkConfig::default()
    }
}

/// 0.6 Mb/s with 15 kB of burst, as in the evaluation's extra case: exactly burst + rate · time gets through.
#[test]
fn a_policer_lets_its_burst_through_and_then_its_rate() {
    let run = drive(
        &policed(600_000, 15_000),
        1,
        steady(100_000, 100_000, Cell::new(1_000)),
    );
    let passed: Vec<_> = run.journeys.iter().filter(|j| !is_lost(j)).collect();
    // 10 s at 75 kB/s, and the burst; at 1 kB granularity.
    assert_eq!(passed.len(), 764);
    assert!(passed.iter().all(|j| arrival(j) == Some(j.offered)));
    let first: Vec<u64> = passed[..17].iter().map(|j| j.number).collect();
    // 15 of the burst, and by then 15 · 0.1 ms have brought a little; the 16th is there once 1000 bytes are.
    assert_eq!(
        first,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 134, 267]
    );
    assert!(run.lost(Cause::Policed).len() > 90_000);
}

proptest! {
    /// Against the definition: what passes in any interval is at most burst + rate · length.
    #[test]
    fn no_interval_passes_more_than_the_policer_allows(
        bits in 1u64..10_000_000,
        burst in 0u64..20_000,
        offers in prop::collection::vec((0u64..3 * MILLI, 0usize..2_000), 1..80),
    ) {
        let mut now = 0;
        let offers: Vec<_> = offers.into_iter().map(|(gap, size)| {
            now += gap;
            (now, Cell::new(size))
        }).collect();
        let run = drive(&policed(bits, burst), 1, offers);
        let passed: Vec<_> = run.journeys.iter().filter(|j| !is_lost(j)).collect();
        for (first, from) in passed.iter().enumerate() {
            let mut bytes = 0u128;
            for to in &passed[first..] {
                bytes += u128::from(to.size);
                let nanos = u128::from(to.offered.as_nanos() - from.offered.as_nanos());
                prop_assert!(bytes * 8_000_000_000 <= u128::from(burst) * 8_000_000_000 + nanos * u128::from(bits));
            }
        }
        // And nothing is dropped that would have been allowed after the longest of all rests.
        if now == 0 {
            let fits = run.journeys.iter().take_while(|j| !is_lost(j)).map(|j| j.size).sum::<u64>();
            prop_assert!(fits <= burst);
        }
    }
}

#[test]
fn what_exceeds_the_mtu_vanishes() {
    let config = LinkConfig {
        mtu: Some(1_280),
        ..LinkConfig::default()
    };
    let run = drive(
        &config,
        1,
        [
            (0, Cell::new(1_280)),
            (0, Cell::new(1_281)),
            (0, Cell::new(5_000).reliable()),
        ],
    );
    assert_eq!(run.lost(Cause::TooBig), [1]);
}

// ---- Jitter

fn extras(jitter: Jitter, count: u64, gap: u64) -> Vec<f64> {
    let config = LinkConfig {
        delay: Duration::from_millis(50),
        jitter,
        ..LinkConfig::default()
    };
    let run = drive(&config, 1, steady(count, gap, Cell::new(100)));
    let extra = run
        .journeys
        .iter()
        .map(|j| arrival(j).unwrap().since(j.offered));
    extra
        .map(|delay| delay.as_nanos() as f64 / 1e6 - 50.0)
        .collect()
}

fn model(model: JitterModel) -> Jitter {
    Jitter {
        model,
        ..Jitter::default()
    }
}

/// The standard normal distribution function, by Simpson's rule: precise enough for shares.
fn phi(x: f64) -> f64 {
    let n = 2_000;
    let h = x / f64::from(n);
    let f = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let sum: f64 = (1..n)
        .map(|k| f(h * f64::from(k)) * if k % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + h / 3.0 * (f(0.0) + sum + f(x))
}

/// RFC 8868 §4.5.5.3, literally: the absolute value of a normal variate of 5 ms, clamped at 15 ms.
#[test]
fn the_recommended_jitter_is_a_folded_clamped_normal_distribution() {
    let extra = extras(Jitter::rfc8868(), 100_000, 100 * MILLI);
    let n = extra.len() as f64;
    for bound in [0.5, 1.0, 2.5, 5.0, 8.0, 12.0, 14.9] {
        let share = extra.iter().filter(|extra| **extra <= bound).count() as f64 / n;
        let expected = 2.0 * phi(bound / 5.0) - 1.0;
        let error = (expected * (1.0 - expected) / n).sqrt();
        assert_near(share, expected, error, &format!("within {bound} ms"));
    }
    assert!(
        extra
            .iter()
            .all(|extra| (-1e-6..=15.000_001).contains(extra))
    );
    assert!(
        extra.iter().any(|extra| *extra > 14.999_999),
        "it is clamped, not cut"
    );
    assert_eq!(Jitter::rfc8868().longest(), Duration::from_millis(15));
}

#[test]
fn normal_jitter_that_is_not_folded_is_shifted() {
    let jitter = model(JitterModel::Normal {
        std: Duration::from_millis(5),
        n_std: 3,
        fold: false,
    });
    assert_eq!(jitter.longest(), Duration::from_millis(30));
    let extra = extras(jitter, 100_000, 100 * MILLI);
    let n = extra.len() as f64;
    assert!(
        extra
            .iter()
            .all(|extra| (-1e-6..=30.000_001).contains(extra))
    );
    let mean = extra.iter().sum::<f64>() / n;
    assert_near(mean, 15.0, 5.0 / n.sqrt(), "mean");
    for z in [-2.0, -1.0, 0.0, 0.5, 1.5] {
        let share = extra
            .iter()
            .filter(|extra| **extra <= 15.0 + 5.0 * z)
            .count() as f64
            / n;
        let expected = phi(z);
        assert_near(
            share,
            expected,
            (expected * (1.0 - expected) / n).sqrt(),
            "share",
        );
    }
}

#[test]
fn pareto_jitter_has_its_tail_and_its_cap() {
    let jitter = model(JitterModel::Pareto {
        scale: Duration::from_millis(2),
        shape_milli: 1_500,
        cap: Duration::from_millis(90),
    });
    let extra = extras(jitter, 100_000, 100 * MILLI);
    let n = extra.len() as f64;
    for x in [0.5, 2.0, 10.0, 50.0] {
        let share = extra.iter().filter(|extra| **extra > x).count() as f64 / n;
        let expected = (1.0 + x / 2.0f64).powf(-1.5);
        assert_near(
            share,
            expected,
            (expected * (1.0 - expected) / n).sqrt(),
            "tail",
        );
    }
    assert!(extra.iter().all(|extra| *extra <= 90.000_001));
    assert!(extra.iter().any(|extra| *extra > 89.999_999));
}

#[test]
fn a_table_gives_its_entries_equally_often() {
    let table = [1, 1, 4, 20].map(Duration::from_millis);
    let extra = extras(model(JitterModel::Table(table.into())), 40_000, 100 * MILLI);
    let count = |wanted: f64| {
        extra
            .iter()
            .filter(|extra| (**extra - wanted).abs() < 1e-6)
            .count() as f64
    };
    assert_eq!(count(1.0) + count(4.0) + count(20.0), 40_000.0);
    assert_near(count(1.0) / 40_000.0, 0.5, 0.0025, "a half");
    assert_near(count(20.0) / 40_000.0, 0.25, 0.0022, "a quarter");
    assert!(
        extras(model(JitterModel::Table([].into())), 9, 1)
            .iter()
            .all(|extra| *extra == 0.0)
    );
}

fn order(run: &Run) -> bool {
    let mut journeys = run.journeys.clone();
    journeys.sort_by_key(|j| j.number);
    journeys
        .windows(2)
        .all(|w| arrival(&w[0]) <= arrival(&w[1]))
}

#[test]
fn jitter_keeps_the_order_unless_it_is_told_not_to() {
    let mut config = LinkConfig {
        jitter: Jitter::rfc8868(),
        ..LinkConfig::default()
    };
    let kept = drive(&config, 1, steady(10_000, MILLI, Cell::new(1_000)));
    assert!(order(&kept));
    config.jitter.reorders = true;
    let loose = drive(&config, 1, steady(10_000, MILLI, Cell::new(1_000)));
    assert!(!order(&loose));
    // In order, j(n) is the latest of all that were drawn up to n.
    let mut latest = Time::ZERO;
    for (kept, loose) in kept.journeys.iter().zip(&loose.journeys) {
        latest = latest.max(arrival(loose).unwrap());
        assert_eq!(arrival(kept), Some(latest));
    }
    let reliable = drive(
        &config,
        1,
        steady(10_000, MILLI, Cell::new(1_000).reliable()),
    );
    assert!(order(&reliable));
}

/// RFC 8868 §4.5.5.2: j(n) ≥ j(n − 1) + serial(n − 1).
#[test]
fn arrivals_that_would_overtake_follow_at_the_bottleneck_rate() {
    let mut config = LinkConfig {
        jitter: Jitter {
            spacing: Rate::new(8_000_000),
            ..Jitter::rfc8868()
        },
        ..LinkConfig::default()
    };
    let spaced = drive(&config, 1, steady(5_000, 2 * MILLI, Cell::new(1_000)));
    config.jitter.spacing = None;
    config.jitter.reorders = true;
    let drawn = drive(&config, 1, steady(5_000, 2 * MILLI, Cell::new(1_000)));
    let mut earliest = Time::ZERO;
    let mut squeezed = 0;
    for (spaced, drawn) in spaced.journeys.iter().zip(&drawn.journeys) {
        let at = arrival(drawn).unwrap().max(earliest);
        squeezed += u32::from(at == earliest);
        assert_eq!(arrival(spaced), Some(at));
        earliest = at.after(Duration::from_millis(1));
    }
    assert!(squeezed > 500);
}

/// Spikes of 200 ms come every second or so: delay jumps to at most 200 ms, and falls at a second per second.
#[test]
fn spikes_stall_and_then_release() {
    let config = LinkConfig {
        delay: Duration::from_millis(20),
        jitter: Jitter {
            spikes: Some(Spikes {
                every: Duration::from_millis(1_000),
                height: Duration::from_millis(200),
            }),
            ..Jitter::default()
        },
        ..LinkConfig::default()
    };
    let run = drive(&config, 1, steady(1_000_000, MILLI, Cell::new(100)));
    let delays: Vec<f64> = run
        .journeys
        .iter()
        .map(|j| arrival(j).unwrap().since(j.offered).as_nanos() as f64 / 1e6 - 20.0)
        .collect();
    assert!(
        delays
            .iter()
            .all(|delay| (-1e-6..=200.000_001).contains(delay))
    );
    for pair in delays.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        // Either it falls by the millisecond that has passed, or a spike begins within that millisecond.
        let falls = (before - 1.0).max(0.0);
        assert!(
            (after - falls).abs() < 1e-5 || (before < 1.0 && after > 198.9),
            "{before} {after}"
        );
    }
    let stalled = delays.iter().filter(|delay| **delay > 0.0).count() as f64 / delays.len() as f64;
    // A sixth of the time, in some 830 cycles.
    assert_near(stalled, 1.0 / 6.0, 0.139 / 830f64.sqrt(), "share of time");
}

// ---- Reordering, duplication, corruption, ECN

#[test]
fn some_packets_fall_behind_and_the_others_keep_their_order() {
    let config = LinkConfig {
        delay: Duration::from_millis(5),
        reorder: Reorder {
            probability: percent("10 %"),
            every: 0,
            extra: Duration::from_micros(2_500),
        },
        ..LinkConfig::default()
    };
    let run = drive(&config, 1, steady(50_000, MILLI, Cell::new(100)));
    let late =
        |j: &duet_sim::Journey| arrival(j) == Some(j.offered.after(Duration::from_micros(7_500)));
    let on_time =
        |j: &duet_sim::Journey| arrival(j) == Some(j.offered.after(Duration::from_millis(5)));
    assert!(run.journeys.iter().all(|j| late(j) != on_time(j)));
    let share = run.journeys.iter().filter(|j| late(j)).count() as f64 / 50_000.0;
    assert_near(share, 0.1, (0.09f64 / 50_000.0).sqrt(), "share");

    let every = LinkConfig {
        reorder: Reorder {
            probability: Probability::NEVER,
            every: 5,
            extra: Duration::from_micros(2_500),
        },
        ..config
    };
    let run = drive(&every, 1, steady(20, MILLI, Cell::new(100)));
    let behind = run.journeys.iter().filter(|j| late(j)).map(|j| j.number);
    assert!(behind.eq([4, 9, 14, 19]));
}

#[test]
fn copies_are_marked_and_come_later() {
    let config = LinkConfig {
        delay: Duration::from_millis(5),
        duplicate: Duplicate {
            probability: percent("20 %"),
            delay: Duration::from_millis(3),
        },
        loss: Loss::Independent(percent("10 %")),
        ..LinkConfig::default()
    };
    let run = drive(&config, 1, steady(50_000, MILLI, Cell::new(100)));
    let copies: Vec<_> = run.journeys.iter().filter(|j| j.copy).collect();
    for copy in &copies {
        let original = arrival(run.journey(copy.number)).expect("only what arrives is copied");
        assert_eq!(
            arrival(copy),
            Some(original.after(Duration::from_millis(3)))
        );
    }
    let delivered = run
        .journeys
        .iter()
        .filter(|j| !j.copy && !is_lost(j))
        .count() as f64;
    assert_near(
        copies.len() as f64 / delivered,
        0.2,
        (0.16 / delivered).sqrt(),
        "share",
    );
    assert_eq!(run.arrived.len() as f64, delivered + copies.len() as f64);
}

#[test]
fn damaged_packets_are_damaged_as_they_should_be() {
    for (corruption, name) in [
        (Corruption::BitFlip, "bit-flip"),
        (Corruption::Truncate, "truncate"),
        (Corruption::Garbage, "garbage"),
    ] {
        assert_eq!(name.parse(), Ok(corruption));
        let config = LinkConfig {
            corrupt: Corrupt {
                probability: percent("25 %"),
                corruption,
            },
            ..LinkConfig::default()
        };
        let cell = Cell {
            payload: vec![0; 64],
            ..Cell::new(100)
        };
        let run = drive(&config, 1, steady(10_000, MILLI, cell.clone()));
        let again = drive(&config, 1, steady(10_000, MILLI, cell));
        assert_eq!(run.arrived, again.arrived);
        let mut damaged = 0;
        let mut kinds = std::collections::BTreeSet::new();
        for (journey, (_, cell)) in run.journeys.iter().zip(&run.arrived) {
            let bits: u32 = cell.payload.iter().map(|byte| byte.count_ones()).sum();
            let whole = bits == 0 && cell.payload.len() == 64;
            assert_eq!(journey.damaged, !whole);
            if whole {
                continue;
            }
            damaged += 1;
            kinds.insert(cell.payload.clone());
            match corruption {
                Corruption::BitFlip => assert_eq!((bits, cell.payload.len()), (1, 64)),
                Corruption::Truncate => assert!(bits == 0 && cell.payload.len() < 64),
                Corruption::Garbage => assert!(bits > 150 && cell.payload.len() == 64),
            }
        }
        assert_near(f64::from(damaged) / 10_000.0, 0.25, 0.0043, name);
        assert!(kinds.len() >= 64, "{} kinds of {name}", kinds.len());
    }
}

#[test]
fn the_ecn_field_is_marked_bleached_or_rewritten() {
    let arriving = |ecn: EcnMangle, with: Ecn| {
        let config = LinkConfig {
            ecn,
            ..LinkConfig::default()
        };
        let run = drive(&config, 1, steady(10_000, MILLI, Cell::new(100).ecn(with)));
        let share = |wanted| {
            let those = run.arrived.iter().filter(|(_, cell)| cell.ecn == wanted);
            those.count() as f64 / 10_000.0
        };
        for (journey, (_, cell)) in run.journeys.iter().zip(&run.arrived) {
            assert_eq!(journey.ecn, cell.ecn);
        }
        [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce].map(share)
    };
    let mark = EcnMangle {
        mark: percent("30 %"),
        ..EcnMangle::default()
    };
    assert_eq!(arriving(mark.clone(), Ecn::NotEct), [1.0, 0.0, 0.0, 0.0]);
    let [none, kept, _, marked] = arriving(mark.clone(), Ecn::Ect0);
    assert_eq!((none, kept + marked), (0.0, 1.0));
    assert_near(marked, 0.3, 0.0046, "marked");
    let bleach = EcnMangle {
        bleach: Probability::ALWAYS,
        ..mark
    };
    assert_eq!(arriving(bleach, Ecn::Ect0), [1.0, 0.0, 0.0, 0.0]);
    let rewrite = EcnMangle {
        ect1_to_ect0: true,
        ..EcnMangle::default()
    };
    assert_eq!(arriving(rewrite.clone(), Ecn::Ect1), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(arriving(rewrite, Ecn::Ce), [0.0, 0.0, 0.0, 1.0]);
}

// ---- Delay

#[test]
fn a_delay_that_falls_reorders_nothing() {
    let config = LinkConfig {
        delay: Duration::from_millis(50),
        delays: vec![
            DelayStep {
                at: Time::from_millis(100),
                delay: Duration::from_millis(20),
            },
            DelayStep {
                at: Time::from_millis(200),
                delay: Duration::from_millis(30),
            },
        ],
        ..LinkConfig::default()
    };
    let run = drive(&config, 1, steady(300, MILLI, Cell::new(100)));
    let at = |number| run.arrival(number).unwrap().as_nanos() / MILLI;
    assert_eq!([at(0), at(99)], [50, 149]);
    assert_eq!([at(100), at(129), at(130)], [149, 149, 150]);
    assert_eq!([at(199), at(200)], [219, 230]);
}

// ---- All together

/// Everything at once, at moderate strength.
fn everything() -> LinkConfig {
    LinkConfig {
        outages: vec![Outage::drop(Time::from_millis(500), Time::from_millis(700))],
        mtu: Some(1_400),
        loss: Loss::GilbertElliott {
            enter: percent("2 %"),
            leave: percent("40 %"),
            good: percent("1 %"),
            bad: percent("60 %"),
        },
        policer: Rate::new(5_000_000).map(|rate| Policer {
            rate,
            burst: 10_000,
        }),
        queue: QueueConfig::bytes(6_000),
        rate: Rate::new(8_000_000),
        on_off: Some(OnOff {
            on: Sojourn::Exponential(Duration::from_millis(90)),
            off: Sojourn::Exponential(Duration::from_millis(5)),
        }),
        air_loss: Loss::bursts(percent("5 %"), Duration::from_millis(10)),
        delay: Duration::from_millis(20),
        jitter: Jitter {
            reorders: true,
            ..Jitter::rfc8868()
        },
        reorder: Reorder {
            probability: percent("5 %"),
            every: 0,
            extra: Duration::from_millis(4),
        },
        duplicate: Duplicate {
            probability: percent("5 %"),
            delay: Duration::from_millis(1),
        },
        corrupt: Corrupt {
            probability: percent("5 %"),
            corruption: Corruption::BitFlip,
        },
        ecn: EcnMangle {
            mark: percent("5 %"),
            bleach: percent("5 %"),
            ect1_to_ect0: true,
        },
        ..LinkConfig::default()
    }
}

/// What the stages decided of one packet, one by one, as far as it got to them: loss, extra delay, ECN, and so on.
#[derive(Clone, Debug, PartialEq)]
struct Decided {
    fate: Option<Cause>,
    /// From the last bit to the arrival.
    flight: Option<Duration>,
    ecn: Ecn,
    damaged: Option<Vec<u8>>,
    copied: bool,
}

fn decided(config: &LinkConfig) -> Vec<Decided> {
    let mut draws = Stream::new(9, "sizes");
    let offers = (0..4_000).map(|n| Cell {
        payload: vec![0; 32],
        ..Cell::new(200 + draws.below(1_300) as usize).ecn([Ecn::Ect0, Ecn::Ect1][n as usize % 2])
    });
    let offers: Vec<_> = offers
        .enumerate()
        .map(|(n, cell)| (n as u64 * MILLI, cell))
        .collect();
    let run = drive(config, 3, offers);
    let mut arrived = run.arrived.iter();
    let mut all: Vec<Option<Decided>> = vec![None; 4_000];
    for journey in &run.journeys {
        let cell = (!is_lost(journey)).then(|| &arrived.next().unwrap().1);
        let entry = &mut all[journey.number as usize];
        if journey.copy {
            entry.as_mut().unwrap().copied = true;
            continue;
        }
        *entry = Some(Decided {
            fate: match journey.fate {
                Fate::Lost { cause } => Some(cause),
                Fate::Delivered { .. } => None,
            },
            flight: arrival(journey).map(|at| at.since(journey.left)),
            ecn: journey.ecn,
            damaged: cell
                .filter(|_| journey.damaged)
                .map(|cell| cell.payload.clone()),
            copied: false,
        });
    }
    all.into_iter().map(Option::unwrap).collect()
}

/// Each fault is removed in turn. Of the packets that arrive in both runs, nothing changes but what that fault did; and
/// of the losses that are drawn, none appears or disappears but those of that fault.
#[test]
fn removing_one_fault_moves_no_other_draw() {
    let base = decided(&everything());
    let drawn = [Cause::RandomLoss, Cause::BurstLoss];
    let without = |remove: fn(&mut LinkConfig)| {
        let mut config = everything();
        remove(&mut config);
        decided(&config)
    };
    let compare =
        |what: &str, remove: fn(&mut LinkConfig), equal: fn(&Decided, &Decided) -> bool| {
            let after = without(remove);
            assert!(base != after, "{what} did nothing");
            let mut both = 0;
            for (n, (before, after)) in base.iter().zip(&after).enumerate() {
                if before.fate.is_none() && after.fate.is_none() {
                    both += 1;
                    assert!(
                        equal(before, after),
                        "without {what}, packet {n}: {before:?}, then {after:?}"
                    );
                }
                let loss = |d: &Decided| d.fate.is_some_and(|cause| drawn.contains(&cause));
                // A loss that was drawn is hidden only by what comes before it.
                let earlier = |d: &Decided| matches!(d.fate, Some(Cause::Down | Cause::TooBig));
                if what != "loss" && loss(before) != loss(after) {
                    assert!(
                        earlier(before) || earlier(after),
                        "without {what}, packet {n}"
                    );
                }
            }
            assert!(both > 1_000, "without {what}: {both} arrive in both");
        };
    let all = |before: &Decided, after: &Decided| before == after;
    compare("outages", |c| c.outages.clear(), all);
    compare("mtu", |c| c.mtu = None, all);
    compare("loss", |c| c.loss = Loss::None, all);
    compare("policer", |c| c.policer = None, all);
    compare("queue", |c| c.queue = QueueConfig::default(), all);
    compare("rate", |c| c.rate = Rate::new(80_000_000), all);
    compare("on/off", |c| c.on_off = None, all);
    compare("air loss", |c| c.air_loss = Loss::None, all);
    compare(
        "jitter",
        |c| c.jitter = Jitter::default(),
        |a, b| (&a.ecn, &a.damaged, a.copied) == (&b.ecn, &b.damaged, b.copied),
    );
    compare(
        "reordering",
        |c| c.reorder = Reorder::default(),
        |a, b| {
            let late = a.flight == b.flight.map(|flight| flight + Duration::from_millis(4));
            (late || a.flight == b.flight)
                && (&a.ecn, &a.damaged, a.copied) == (&b.ecn, &b.damaged, b.copied)
        },
    );
    compare(
        "duplication",
        |c| c.duplicate = Duplicate::default(),
        |a, b| (a.flight, &a.ecn, &a.damaged) == (b.flight, &b.ecn, &b.damaged),
    );
    compare(
        "corruption",
        |c| c.corrupt = Corrupt::default(),
        |a, b| (a.flight, &a.ecn, a.copied) == (b.flight, &b.ecn, b.copied),
    );
    compare(
        "ecn",
        |c| c.ecn = EcnMangle::default(),
        |a, b| (a.flight, &a.damaged, a.copied) == (b.flight, &b.damaged, b.copied),
    );
}
