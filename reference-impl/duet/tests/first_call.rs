//! The demo's scenario in virtual time, with synthetic media: how much arrives, with repair and without, and that the
//! same seed gives the same bytes.

use std::time::Duration;

use duet::report::StudyRow;
use duet::simulate::{Options, Outcome, run};
use duet::study;
use duet_sim::Scenario;

const FIRST_CALL: &str = include_str!("../../../sim/scenarios/first-call.toml");

/// The scenario with a call of so many seconds.
fn scenario(seconds: u64, repair: bool) -> Scenario {
    let mut scenario =
        Scenario::parse(FIRST_CALL, "first-call.toml").expect("the committed scenario");
    study::set_length(&mut scenario, Duration::from_secs(seconds));
    scenario.media.insert("repair".into(), repair.into());
    scenario
}

fn simulate(seconds: u64, repair: bool, seed: u64) -> Outcome {
    run(&scenario(seconds, repair), &Options::new(seed), |_| {}).expect("a run")
}

#[test]
fn pictures_are_whole_within_250_ms_of_capture_and_repair_is_why() {
    let rows =
        study::repair(&scenario(60, true), Duration::from_secs(60), 1..=5, |_| {}).expect("runs");
    assert_eq!(rows.len(), 5);
    for StudyRow {
        seed,
        pictures,
        with,
        without,
    } in rows
    {
        println!("seed {seed}: {with:.4} with repair, {without:.4} without");
        assert!(pictures > 3_500, "seed {seed}: {pictures} pictures");
        assert!(with >= 0.97, "seed {seed}: {with:.4} with repair");
        assert!(
            with - without >= 0.10,
            "seed {seed}: {with:.4} and {without:.4}"
        );
    }
}

#[test]
fn hanging_up_ends_the_other_side_within_a_round_trip_and_leaves_nothing() {
    let mut scenario = scenario(5, true);
    // A media connection outlives its last use by 30 s.
    scenario.duration = Duration::from_secs(45);
    let outcome = run(&scenario, &Options::new(3), |_| {}).expect("a run");
    let [alice, bob] = &outcome.report.sides[..] else {
        panic!("two sides")
    };
    assert_eq!(
        (alice.reason.as_deref(), bob.reason.as_deref()),
        (Some("hangup"), Some("hangup"))
    );
    let (hung_up, learned) = (alice.ended_ms.unwrap(), bob.ended_ms.unwrap());
    // 60 ms there and back; a lost packet costs one more of QUIC's round trips.
    assert!(learned - hung_up <= 120.0, "{} ms", learned - hung_up);
    assert_eq!(
        (
            outcome.census.calls,
            outcome.census.rooms,
            outcome.census.media
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_killed_process_is_lost_within_25_s_with_media() {
    for seed in 1..=3 {
        let mut scenario = scenario(60, true);
        let mut kill = toml::Table::new();
        kill.insert("who".into(), "bob".into());
        kill.insert("at".into(), "10 s".into());
        scenario.script.insert("kill".into(), kill.into());
        let outcome = run(&scenario, &Options::new(seed), |_| {}).expect("a run");
        let alice = &outcome.report.sides[0];
        assert_eq!(alice.reason.as_deref(), Some("lost"));
        let learned = alice.ended_ms.unwrap() - 10_000.0;
        assert!(
            (20_000.0..=25_000.0).contains(&learned),
            "seed {seed}: {learned} ms"
        );
        assert_eq!((outcome.census.calls, outcome.census.rooms), (0, 0));
    }
}

#[test]
fn a_side_whose_network_is_gone_for_10_s_stays_in_the_call() {
    let mut scenario = scenario(40, true);
    for link in &mut scenario.links {
        if scenario.nodes[link.from].name == "bob" {
            let (from, to) = (
                duet_sim::Time::from_millis(8_000),
                duet_sim::Time::from_millis(18_000),
            );
            link.config.outages.push(duet_sim::Outage::drop(from, to));
        }
    }
    let outcome = run(&scenario, &Options::new(1), |_| {}).expect("a run");
    for side in &outcome.report.sides {
        assert_eq!(side.reason.as_deref(), Some("hangup"), "{}", side.name);
        let last = side
            .pictures
            .iter()
            .rev()
            .find(|picture| picture.delay_ms.is_some());
        let shown = last.expect("pictures").captured_ms;
        assert!(
            shown > 39_000.0,
            "{} saw nothing after {shown} ms",
            side.name
        );
    }
}

/// The event log's hash and the traces' length and content, as one line.
fn fingerprint(seed: u64) -> String {
    let outcome = simulate(5, true, seed);
    let traces: Vec<_> = outcome
        .traces
        .iter()
        .map(|(name, bytes)| (name, duet_hash(bytes)))
        .collect();
    format!("{} {traces:?}", outcome.report.log_hash)
}

/// FNV-1a: enough to tell two traces apart.
fn duet_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_another_process_and_another_seed_does_not() {
    const CHILD: &str = "DUET_FIRST_CALL_CHILD";
    let own = fingerprint(7);
    if std::env::var_os(CHILD).is_some() {
        println!("fingerprint: {own}");
        return;
    }
    let name = "the_same_seed_gives_the_same_bytes_in_another_process_and_another_seed_does_not";
    let child = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("this test again");
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        output.contains(&format!("fingerprint: {own}")),
        "{own}\n{output}"
    );
    assert_ne!(fingerprint(8), own);
}
