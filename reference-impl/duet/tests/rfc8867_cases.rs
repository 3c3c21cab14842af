//! The cases against the numbers of RFC 8867, written down here a second time, from its tables and not from the scenario
//! files: capacities, delays, queues, jitter, timelines, TCP. Where the RFC contradicts itself, what
//! `sim/scenarios/rfc8867/README.md` says was decided.

use std::collections::BTreeSet;
use std::time::Duration;

use duet::flows::model::Model;
use duet::flows::source::{AUDIO_BYTES, AUDIO_INTERVAL};
use duet::rfc8867::cases::{self, FILES};
use duet::rfc8867::plan::{MediaFlow, Run};
use duet_sim::link::{Discipline, Jitter, LinkConfig, Loss};
use duet_sim::traffic::Congestion;
use duet_sim::{FlowKind, Scenario, Time};

fn run(id: &str) -> Run {
    let found = cases::all().into_iter().find(|run| run.id() == id);
    found.unwrap_or_else(|| panic!("no run {id}"))
}

/// Capacity in Mb/s from each second on.
type Steps = &'static [(u32, f64)];

/// What the RFC says of a bottleneck: its name, the capacity that media may have, and the bytes that its queue holds.
type Narrow = (&'static str, Steps, u64);

/// What it says of a flow: one-way propagation in ms, and from when till when it sends.
type Flow = (u64, &'static [(u32, u32)]);

/// A row: run, seconds, bottlenecks, flows.
type Row = (&'static str, u32, &'static [Narrow], &'static [Flow]);

const ONE: Steps = &[(0, 1.0), (40, 2.5), (60, 0.6), (80, 1.0)];
const TWO: Steps = &[(0, 4.0), (25, 2.0), (50, 3.5), (75, 1.0), (100, 2.0)];
const THERE: Steps = &[(0, 2.0), (20, 1.0), (40, 0.5), (60, 2.0)];
const BACK: Steps = &[(0, 2.0), (35, 0.8), (70, 2.0)];

/// 300 ms at 1, 2, 3.5 and 4 Mb/s.
const Q1: u64 = 37_500;
const Q2: u64 = 75_000;
const Q35: u64 = 131_250;
const Q4: u64 = 150_000;

const TABLE: &[Row] = &[
    (
        "5.1/rate-50ms",
        100,
        &[("A>B", ONE, Q1)],
        &[(50, &[(0, 99)])],
    ),
    (
        "5.1/rate-100ms",
        100,
        &[("A>B", ONE, Q1)],
        &[(100, &[(0, 99)])],
    ),
    (
        "5.1/cbr-50ms",
        100,
        &[("A>B", ONE, Q4)],
        &[(50, &[(0, 99)])],
    ),
    (
        "5.1/cbr-100ms",
        100,
        &[("A>B", ONE, Q4)],
        &[(100, &[(0, 99)])],
    ),
    (
        "5.2/rate-50ms",
        125,
        &[("A>B", TWO, Q2)],
        &[(50, &[(0, 124)]), (50, &[(0, 124)])],
    ),
    (
        "5.2/rate-100ms",
        125,
        &[("A>B", TWO, Q2)],
        &[(100, &[(0, 124)]), (100, &[(0, 124)])],
    ),
    (
        "5.2/cbr-50ms",
        125,
        &[("A>B", TWO, Q4)],
        &[(50, &[(0, 124)]), (50, &[(0, 124)])],
    ),
    (
        "5.2/cbr-100ms",
        125,
        &[("A>B", TWO, Q4)],
        &[(100, &[(0, 124)]), (100, &[(0, 124)])],
    ),
    (
        "5.3/rate",
        100,
        &[("A>B", THERE, Q1), ("B>A", BACK, Q1)],
        &[(50, &[(0, 99)]), (50, &[(0, 99)])],
    ),
    (
        "5.3/cbr",
        100,
        &[("A>B", THERE, Q4), ("B>A", BACK, Q4)],
        &[(50, &[(0, 99)]), (50, &[(0, 99)])],
    ),
    (
        "5.3/reference",
        100,
        &[("A>B", THERE, Q1)],
        &[(50, &[(0, 99)]), (50, &[(0, 99)])],
    ),
    (
        "5.4",
        120,
        &[("A>B", &[(0, 3.5)], Q35)],
        &[(50, &[(0, 119)]), (50, &[(20, 119)]), (50, &[(40, 119)])],
    ),
    (
        "5.5",
        300,
        &[("A>B", &[(0, 4.0)], Q4)],
        &[
            (10, &[(0, 299)]),
            (25, &[(10, 299)]),
            (50, &[(20, 299)]),
            (100, &[(30, 299)]),
            (150, &[(40, 299)]),
        ],
    ),
    (
        "5.6/queue-300ms-newreno",
        120,
        &[("A>B", &[(0, 2.0)], Q2)],
        &[(50, &[(5, 119)])],
    ),
    (
        "5.6/queue-300ms-cubic",
        120,
        &[("A>B", &[(0, 2.0)], Q2)],
        &[(50, &[(5, 119)])],
    ),
    (
        "5.6/queue-1000ms-newreno",
        120,
        &[("A>B", &[(0, 2.0)], 250_000)],
        &[(50, &[(5, 119)])],
    ),
    (
        "5.6/queue-1000ms-cubic",
        120,
        &[("A>B", &[(0, 2.0)], 250_000)],
        &[(50, &[(5, 119)])],
    ),
    (
        "5.7/1-at-a-time",
        300,
        &[("A>B", &[(0, 2.0)], Q2)],
        &[(50, &[(5, 299)]), (50, &[(5, 299)])],
    ),
    (
        "5.7/30-at-a-time",
        300,
        &[("A>B", &[(0, 2.0)], Q2)],
        &[(50, &[(5, 299)]), (50, &[(5, 299)])],
    ),
    (
        "5.8",
        120,
        &[("A>B", &[(0, 3.5)], Q35)],
        &[
            (50, &[(0, 119)]),
            (50, &[(0, 40), (60, 119)]),
            (50, &[(0, 119)]),
        ],
    ),
    (
        "6.1",
        120,
        &[("A>B", &[(0, 3.5)], Q35)],
        &[(50, &[(0, 119)]), (50, &[(20, 119)]), (50, &[(40, 119)])],
    ),
    (
        "6.3",
        300,
        &[
            ("A>B", &[(0, 2.0)], Q2),
            ("B>C", &[(0, 8.0)], 300_000),
            ("C>D", &[(0, 1.5)], 56_250),
        ],
        &[(100, &[(0, 299)]), (40, &[(0, 299)]), (40, &[(0, 299)])],
    ),
    (
        "loss/1%",
        60,
        &[("A>B", &[(0, 3.0)], 112_500)],
        &[(50, &[(0, 59)])],
    ),
    (
        "loss/5%",
        60,
        &[("A>B", &[(0, 3.0)], 112_500)],
        &[(50, &[(0, 59)])],
    ),
    (
        "loss/10%",
        60,
        &[("A>B", &[(0, 3.0)], 112_500)],
        &[(50, &[(0, 59)])],
    ),
    (
        "loss/20%",
        60,
        &[("A>B", &[(0, 3.0)], 112_500)],
        &[(50, &[(0, 59)])],
    ),
    (
        "policer",
        60,
        &[("A>B", &[(0, 0.6)], 0)],
        &[(50, &[(0, 59)])],
    ),
];

/// Whether a run is one of those above with other queues.
fn is_repeated(run: &Run) -> bool {
    ["6.2", "fq-codel", "pie"].contains(&run.case.as_str())
}

/// The link direction between two nodes.
fn way<'a>(scenario: &'a Scenario, from: &str, to: &str) -> &'a LinkConfig {
    let mut ways = scenario.links.iter().flat_map(|link| link.directions());
    let found =
        ways.find(|(a, b, _)| (scenario.node_name(*a), scenario.node_name(*b)) == (from, to));
    found.unwrap_or_else(|| panic!("no link {from}>{to}")).2
}

/// What a flow's packets cross, on the way there or on the way back.
fn path<'a>(scenario: &'a Scenario, flow: &MediaFlow, back: bool) -> Vec<&'a LinkConfig> {
    let routers = ["A", "B", "C", "D"];
    let mut row: Vec<&str> = match flow.from <= flow.to {
        true => routers[flow.from..=flow.to].to_vec(),
        false => routers[flow.to..=flow.from].iter().rev().copied().collect(),
    };
    row.insert(0, scenario.node_name(flow.ends.0));
    row.push(scenario.node_name(flow.ends.1));
    if back {
        row.reverse();
    }
    let steps = row.windows(2);
    steps.map(|step| way(scenario, step[0], step[1])).collect()
}

#[test]
fn capacities_queues_delays_and_timelines() {
    for (id, seconds, narrow, flows) in TABLE {
        let run = run(id);
        assert_eq!(run.duration, *seconds, "{id}");
        let names: Vec<&str> = run
            .narrow
            .iter()
            .map(|narrow| narrow.name.as_str())
            .collect();
        let expected: Vec<&str> = narrow.iter().map(|narrow| narrow.0).collect();
        assert_eq!(names, expected, "{id}");
        for (found, (name, steps, queue)) in run.narrow.iter().zip(*narrow) {
            let bits = |(at, rate): &(u32, f64)| (*at, (rate * 1e6) as u64);
            let steps: Vec<(u32, u64)> = steps.iter().map(bits).collect();
            assert_eq!(found.capacity, steps, "{id} {name}");
            let (from, to) = name.split_once('>').expect("two routers");
            let link = way(&run.scenario, from, to);
            assert_eq!(link.queue_bytes().unwrap_or(0), *queue, "{id} {name}");
            assert_eq!(link.queue.discipline, Discipline::DropTail, "{id} {name}");
        }
        assert_eq!(run.flows.len(), flows.len(), "{id}");
        for (found, (delay, on)) in run.flows.iter().zip(*flows) {
            assert_eq!(found.on, *on, "{id} {}", found.name);
            for back in [false, true] {
                let path = path(&run.scenario, found, back);
                let all: Duration = path.iter().map(|link| link.delay).sum();
                assert_eq!(all.as_millis(), u128::from(*delay), "{id} {}", found.name);
            }
            // §4.1: at most 30 ms from end to end; RFC 8868 §4.5.5.3: |z|, z normal with 5 ms, cut at three deviations.
            let path = path(&run.scenario, found, false);
            let jitter: Vec<_> = path
                .iter()
                .filter(|link| link.jitter != Jitter::default())
                .collect();
            assert_eq!(
                jitter.len(),
                1,
                "{id} {}: the path's jitter, once",
                found.name
            );
            assert_eq!(jitter[0].jitter, Jitter::rfc8868(), "{id}");
            assert!(jitter[0].jitter.longest() <= Duration::from_millis(30));
        }
        assert!(!run.ecn, "{id}");
    }
}

#[test]
fn constant_udp_takes_four_megabits_less_the_capacity() {
    for (id, _, narrow, _) in TABLE
        .iter()
        .filter(|row| row.0.contains("cbr-") || row.0 == "5.3/cbr")
    {
        let run = run(id);
        let cbr: Vec<_> = run
            .scenario
            .flows
            .iter()
            .filter_map(|flow| match &flow.kind {
                FlowKind::Cbr(config) => Some(config),
                _ => None,
            })
            .collect();
        assert_eq!(cbr.len(), narrow.len(), "{id}");
        for (config, (name, steps, _)) in cbr.iter().zip(*narrow) {
            assert_eq!(config.packet_size, 1_500, "RFC 8868 §5.2");
            let taken: Vec<(u64, u64)> = config
                .rates
                .iter()
                .map(|(at, rate)| {
                    let rate = rate.map_or(0, |rate| rate.bits_per_second());
                    (at.as_nanos() / 1_000_000_000, rate)
                })
                .collect();
            let rest =
                |(at, rate): &(u32, f64)| (u64::from(*at), ((4.0 - rate) * 1e6).round() as u64);
            assert_eq!(
                taken,
                steps.iter().map(rest).collect::<Vec<_>>(),
                "{id} {name}"
            );
            let (from, to) = name.split_once('>').expect("two routers");
            let link = way(&run.scenario, from, to);
            assert_eq!(
                link.rate.expect("a rate").bits_per_second(),
                4_000_000,
                "{id}"
            );
            assert!(link.rates.is_empty(), "{id}");
        }
    }
}

#[test]
fn the_way_back_has_no_limit_and_nothing_is_lost_unless_a_case_says_so() {
    for (id, _, narrow, _) in TABLE {
        let run = run(id);
        for (from, to, link) in run.scenario.links.iter().flat_map(|link| link.directions()) {
            let name = format!(
                "{}>{}",
                run.scenario.node_name(from),
                run.scenario.node_name(to)
            );
            let is_narrow = narrow.iter().any(|narrow| narrow.0 == name);
            assert_eq!(
                link.rate.is_some() || link.policer.is_some(),
                is_narrow,
                "{id} {name}"
            );
            let lossy = id.starts_with("loss/") && is_narrow;
            assert_eq!(link.air_loss != Loss::default(), lossy, "{id} {name}");
            let rest = LinkConfig {
                rate: link.rate,
                rates: link.rates.clone(),
                reference: link.reference,
                policer: link.policer,
                queue: link.queue.clone(),
                air_loss: link.air_loss.clone(),
                delay: link.delay,
                jitter: link.jitter.clone(),
                ..LinkConfig::default()
            };
            assert_eq!(*link, rest, "{id} {name} has a stage that the RFC does not");
        }
    }
    for percent in [1, 5, 10, 20] {
        let run = run(&format!("loss/{percent}%"));
        let text = format!("{:?}", way(&run.scenario, "A", "B").air_loss);
        let expected = format!(
            "{:?}",
            Loss::Independent(format!("{percent} %").parse().expect("a share"))
        );
        assert_eq!(text, expected);
    }
    let policer = run("policer");
    let policer = way(&policer.scenario, "A", "B").policer.expect("a policer");
    assert_eq!(
        (policer.rate.bits_per_second(), policer.burst),
        (600_000, 15_000)
    );
}

#[test]
fn tcp_beside_media() {
    for (id, ..) in TABLE {
        let run = run(id);
        let expected = id.starts_with("5.6") || id.starts_with("5.7");
        assert_eq!(run.tcp, expected, "{id}");
        let (mut long, mut on, mut off) = (0, 0, 0);
        for flow in &run.scenario.flows {
            match flow.timed() {
                FlowKind::Tcp(config, _) => {
                    long += 1;
                    assert_eq!(config.bytes, None, "{id}: data without end");
                    assert_eq!(
                        (config.start, config.stop),
                        (Time::ZERO, Some(Time::from_millis(119_000)))
                    );
                    let cubic = id.ends_with("cubic");
                    assert_eq!(config.congestion == Congestion::Cubic, cubic, "{id}");
                }
                FlowKind::TcpOnOff(config, _) => {
                    if config.starts_on {
                        on += 1
                    } else {
                        off += 1
                    }
                    assert_eq!(config.file, 30_000..=50_000, "{id}");
                    assert_eq!(config.mean_idle, Duration::from_secs(10), "{id}");
                    let at_once = if id.contains("/30-") { 30 } else { 1 };
                    assert_eq!(config.connections_per_burst, at_once, "{id}");
                    assert_eq!(config.start, Time::ZERO, "{id}");
                }
                _ => {}
            }
        }
        let counts = match &id[..3] {
            "5.6" => (1, 0, 0),
            "5.7" => (0, 2, 8),
            _ => (0, 0, 0),
        };
        assert_eq!((long, on, off), counts, "{id}");
    }
}

#[test]
fn audio_beside_each_video_and_weights() {
    // §4.3: video of 150 kb/s to 1.5 Mb/s that starts at 150 kb/s; audio of 20 kb/s.
    let model = Model::default();
    assert_eq!((model.range, model.start), ((150_000, 1_500_000), 150_000));
    assert!((10..=30).contains(&model.fps));
    let audio = AUDIO_BYTES as u128 * 8 * 1_000_000_000 / AUDIO_INTERVAL.as_nanos();
    assert_eq!(audio, 20_000);
    for run in cases::all() {
        let weights: Vec<u32> = run.flows.iter().map(|flow| flow.priority).collect();
        let expected = match run.case.as_str() {
            "6.1" => vec![2, 1, 1],
            _ => vec![1; run.flows.len()],
        };
        assert_eq!(weights, expected, "{}", run.id());
    }
}

#[test]
fn other_queues_repeat_section_5() {
    let runs = cases::all();
    let ids: BTreeSet<String> = runs.iter().map(Run::id).collect();
    assert_eq!(ids.len(), runs.len(), "each once");
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.0).collect();
    let own: BTreeSet<String> = runs
        .iter()
        .filter(|run| !is_repeated(run))
        .map(Run::id)
        .collect();
    assert_eq!(
        own.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        rows
    );
    for again in runs.iter().filter(|run| is_repeated(run)) {
        let mut plain = run(&again.variant);
        assert!(plain.case.starts_with('5'));
        assert_eq!(again.ecn, again.case == "6.2");
        for link in plain.queues() {
            link.queue.discipline = match again.case.as_str() {
                "6.2" => Discipline::CoDel(Default::default()),
                "pie" => Discipline::Pie(Default::default()),
                _ => Discipline::FqCoDel(Default::default()),
            };
        }
        assert_eq!(again.scenario, plain.scenario, "{}", again.id());
        assert_eq!((&again.flows, &again.narrow), (&plain.flows, &plain.narrow));
    }
    for (case, count) in [("6.2", 17), ("fq-codel", 8), ("pie", 8)] {
        let found = runs.iter().filter(|run| run.case == case);
        assert_eq!(found.count(), count, "{case}");
        let cases: BTreeSet<&str> = runs
            .iter()
            .filter(|run| run.case == case)
            .map(|run| &run.variant[..3])
            .collect();
        let all = ["5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8"];
        assert_eq!(cases, BTreeSet::from(all), "{case}");
    }
}

#[test]
fn every_file_is_listed_and_its_name_is_its_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sim/scenarios/rfc8867");
    let files = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name());
    let files = files.filter_map(|name| name.into_string().ok());
    let files: BTreeSet<String> = files
        .filter(|name| name.ends_with(".toml") && name != "bands.toml")
        .collect();
    let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, listed);
    for (name, text) in FILES {
        for run in cases::read(name, text) {
            assert_eq!(format!("{}.toml", run.case), **name);
        }
    }
}

#[test]
fn media_flows_say_what_is_wrong_with_them() {
    let (_, text) = FILES
        .iter()
        .find(|(name, _)| *name == "5.8.toml")
        .expect("a file");
    let error = |from: &str, to: &str| {
        assert!(text.contains(from));
        let scenario = Scenario::parse(&text.replace(from, to), "5.8.toml").expect("a scenario");
        Run::of(scenario).expect_err(to).to_string()
    };
    let pause = r#"pause = ["40 s", "60 s"]"#;
    for (to, message) in [
        (r#"pause = ["40 s", "160 s"]"#, "a pause is a pair of times"),
        (r#"pause = "40 s""#, "a pause is a pair of times"),
        ("priority = 0", "a priority is a positive number"),
        ("patience = 1", "media flows have no such key"),
    ] {
        let error = error(pause, to);
        assert!(error.contains(message), "{error}");
        assert!(error.contains("--> 5.8.toml:"), "{error}");
    }
}
