//! The demo's scenario in virtual time, with synthetic media: how much arrives, with repair and without, and that the
//! same seed gives the same bytes.

use std::time::Duration;

use duet::report::Report;
use duet::simulate::{MediaMode, Outcome, run};
use duet_sim::Scenario;

const FIRST_CALL: &str = include_str!("../../../sim/scenarios/first-call.toml");

/// The scenario with a call of so many seconds.
fn scenario(seconds: u64, repair: bool) -> Scenario {
    let mut scenario =
        Scenario::parse(FIRST_CALL, "first-call.toml").expect("the committed scenario");
    scenario.duration = Duration::from_secs(seconds + 2);
    let call = scenario.script["call"].as_table_mut().expect("a call");
    call.insert("length".into(), format!("{seconds} s").into());
    scenario.media.insert("repair".into(), repair.into());
    scenario
}

fn simulate(seconds: u64, repair: bool, seed: u64) -> Outcome {
    run(
        &scenario(seconds, repair),
        seed,
        MediaMode::Synthetic,
        None,
        |_| {},
    )
    .expect("a run")
}

fn on_time(report: &Report) -> f64 {
    report
        .sides
        .iter()
        .map(|side| side.on_time(250.0))
        .fold(1.0, f64::min)
}

#[test]
fn pictures_are_whole_within_250_ms_of_capture_and_repair_is_why() {
    for seed in 1..=5 {
        let with = simulate(60, true, seed).report;
        let without = simulate(60, false, seed).report;
        for side in with.sides.iter().chain(&without.sides) {
            assert!(
                side.pictures.len() > 1_700,
                "seed {seed}: {} pictures",
                side.pictures.len()
            );
        }
        let (with, without) = (on_time(&with), on_time(&without));
        println!("seed {seed}: {with:.4} with repair, {without:.4} without");
        assert!(with >= 0.97, "seed {seed}: {with:.4} with repair");
        assert!(
            with - without >= 0.10,
            "seed {seed}: {with:.4} and {without:.4}"
        );
    }
}
