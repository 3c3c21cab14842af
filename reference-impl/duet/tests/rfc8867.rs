//! The test cases of RFC 8867, shortened: controllers find their place, networks are what the cases say, equal seeds give
//! equal runs. The whole matrix is `duet simulate rfc8867`.

use std::time::Duration;

use duet::flows::controllers::{self, Entry, Governor};
use duet::rfc8867::bands::{self, Judgement};
use duet::rfc8867::campaign::Campaign;
use duet::rfc8867::cases;
use duet::rfc8867::measure::{Measures, measure};
use duet::rfc8867::plan::Run;
use duet::rfc8867::record::Record;
use duet::rfc8867::run::run;
use duet_protocol::media::{Controller, ControllerFactory, PacketReport};
use duet_protocol::time::Instant;
use duet_sim::link::{Rate, RateStep};
use duet_sim::{FlowKind, Time};

/// A case cut down to `seconds`, its changes of capacity brought forward to the third part of that.
fn short(id: &str, seconds: u32) -> Run {
    let found = cases::all().into_iter().find(|run| run.id() == id);
    let run = found.unwrap_or_else(|| panic!("no case {id}"));
    again(&run, seconds, |plan| {
        let step = |index: u64| Time::from_millis(index * 1_000 * u64::from(seconds) / 3);
        for link in plan.queues() {
            (1..)
                .zip(&mut link.rates)
                .for_each(|(index, change)| change.at = step(index));
        }
        let mut media = 0;
        for flow in &mut plan.scenario.flows {
            match &mut flow.kind {
                FlowKind::Media(keys) => {
                    keys.clear();
                    (flow.start, flow.stop) = (Time::from_millis(media * 1_000), None);
                    media += 1;
                }
                FlowKind::Cbr(config) => {
                    (0..)
                        .zip(&mut config.rates)
                        .for_each(|(index, change)| change.0 = step(index));
                }
                _ => {}
            }
        }
    })
}

/// A run of which the scenario has been changed.
fn again(run: &Run, seconds: u32, change: impl FnOnce(&mut Run)) -> Run {
    let mut plan = run.clone();
    change(&mut plan);
    plan.scenario.duration = Duration::from_secs(seconds.into());
    let read = Run::of(plan.scenario).expect("a run");
    Run {
        case: plan.case,
        variant: plan.variant,
        ecn: plan.ecn,
        ..read
    }
}

/// The same with these rates of the first narrow link from these seconds on, in kb/s.
fn with_rates(run: &Run, rates: &[(u64, u64)]) -> Run {
    again(run, run.duration, |plan| {
        let link = plan.queues().next().expect("a queue");
        let steps = rates.iter().map(|(at, kilobits)| RateStep {
            at: Time::from_millis(at * 1_000),
            rate: Rate::new(kilobits * 1_000),
        });
        link.rate = Rate::new(rates[0].1 * 1_000);
        link.rates = steps.skip(1).collect();
    })
}

/// The same with constant bit rate UDP of so many kb/s.
fn with_udp(run: &Run, kilobits: u64) -> Run {
    again(run, run.duration, |plan| {
        for flow in &mut plan.scenario.flows {
            if let FlowKind::Cbr(config) = &mut flow.kind {
                config.rates = vec![(Time::ZERO, Rate::new(kilobits * 1_000))];
            }
        }
    })
}

fn entry(name: &str) -> Entry {
    controllers::named(name).unwrap_or_else(|| panic!("no controller {name}"))
}

fn go(plan: &Run, controller: &str) -> (Record, Measures) {
    let record = run(plan, &entry(controller), 1, |_| {}).expect("a network");
    let measures = measure(&record);
    (record, measures)
}

#[test]
fn every_controller_finds_its_place_and_repeats_itself() {
    let plan = short("5.1/rate-50ms", 12);
    let mut hashes = std::collections::BTreeSet::new();
    for entry in controllers::all() {
        let (first, measures) = go(&plan, entry.name);
        let (second, _) = go(&plan, entry.name);
        assert_eq!(first.log_hash, second.log_hash, "{} differs", entry.name);
        assert!(hashes.insert(first.log_hash), "{} is another", entry.name);
        let rate = measures["media_rate"];
        assert!(
            (150.0..1_600.0).contains(&rate),
            "{}: {rate} kb/s",
            entry.name
        );
        assert!(measures["target_mean"] > 150.0, "{}", entry.name);
        assert!(measures["feedback_rate"] > 5.0, "{}", entry.name);
        assert!(measures["packet_delay_p50"] >= 50.0, "{}", entry.name);
    }
    let other = run(&plan, &entry("cubic"), 2, |_| {}).expect("a network");
    assert!(hashes.insert(other.log_hash), "another seed is another run");
}

#[test]
fn a_window_of_quic_follows_the_capacity_and_a_fixed_rate_does_not() {
    let plan = with_rates(&short("5.1/rate-50ms", 30), &[(0, 1_000), (15, 500)]);
    let (_, cubic) = go(&plan, "cubic");
    let (_, fixed) = go(&plan, "fixed");
    assert!(cubic["converge_down"] < 10.0, "{}", cubic["converge_down"]);
    assert_eq!(fixed["converge_down"], f64::INFINITY);
    assert!(fixed["loss_static"] > 30.0, "{}", fixed["loss_static"]);
    assert!(cubic["loss_static"] < 5.0, "{}", cubic["loss_static"]);
}

#[test]
fn constant_udp_leaves_what_the_case_says() {
    let plan = short("5.1/cbr-50ms", 30);
    let (_, by_udp) = go(&with_udp(&plan, 3_500), "fixed");
    let (_, free) = go(&with_udp(&plan, 1_500), "fixed");
    assert!(free["loss"] < 0.1, "{}", free["loss"]);
    // At a full queue losses are shared: media has 1.1 of 4.6 Mb/s that are offered to 4.
    assert!(by_udp["loss"] > 5.0, "{}", by_udp["loss"]);
    // 150,000 bytes at 4 Mb/s.
    assert!(
        (250.0..=300.0).contains(&by_udp["queue_p95"]),
        "{}",
        by_udp["queue_p95"]
    );
}

#[test]
fn a_congested_way_back_is_narrow_and_the_reference_is_not() {
    let names = |id: &str| -> Vec<String> {
        let (record, _) = go(&short(id, 6), "fixed");
        assert_eq!(record.links.len(), record.run.narrow.len());
        record
            .run
            .narrow
            .into_iter()
            .map(|narrow| narrow.name)
            .collect()
    };
    assert_eq!(names("5.3/rate"), ["A>B", "B>A"]);
    assert_eq!(names("5.3/reference"), ["A>B"]);
    assert_eq!(names("6.3"), ["A>B", "B>C", "C>D"]);
}

#[test]
fn marks_reach_who_heeds_them() {
    let plan = short("6.2/5.1/rate-50ms", 48);
    let (_, cubic) = go(&plan, "cubic");
    assert!(cubic["marked"] > 0.0);
    assert!(cubic["loss_static"] < 1.0, "marked, not dropped");
    let (_, fixed) = go(&plan, "fixed");
    assert_eq!(fixed["marked"], 0.0);
    let (_, unmarked) = go(&short("5.1/rate-50ms", 48), "cubic");
    assert_eq!(unmarked["marked"], 0.0);
    assert!(
        cubic["queue_p95"] < unmarked["queue_p95"],
        "{} {}",
        cubic["queue_p95"],
        unmarked["queue_p95"]
    );
}

#[test]
fn tcp_takes_its_part() {
    let (_, long) = go(&short("5.6/queue-300ms-newreno", 20), "fixed");
    assert!(
        (0.2..0.8).contains(&long["tcp_share"]),
        "{}",
        long["tcp_share"]
    );
    let (record, short) = go(&short("5.7/1-at-a-time", 30), "fixed");
    let files = record.tcp.expect("TCP").delivered;
    let bytes: u64 = files.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
    assert!((60_000..5_000_000).contains(&bytes), "{bytes}");
    assert!(short["tcp_share"] > 0.0);
}

/// A hop once forgot transmissions after a second. Behind a queue of one second every report came too late, and the
/// circuit breaker took the path for dead although all arrived.
#[test]
fn a_queue_of_a_second_is_no_dead_path() {
    let plan = short("5.6/queue-1000ms-newreno", 30);
    let (record, measures) = go(&plan, "fixed");
    assert!(measures["packet_delay_p95"] > 1_000.0, "the queue fills");
    assert_eq!(record.flows[0].sender.trips, []);
}

#[test]
fn random_loss_and_policing_are_what_they_say() {
    let (_, lossy) = go(&short("loss/10%", 20), "fixed");
    assert!((8.0..12.0).contains(&lossy["loss"]), "{}", lossy["loss"]);
    assert!(lossy["queue_p99_all"] < 30.0, "there is no congestion");
    let (_, policed) = go(&short("policer", 20), "fixed");
    // 1.1 Mb/s on the wire against 0.6; the small packets of audio find their tokens more often.
    assert!(
        (28.0..43.0).contains(&policed["loss"]),
        "{}",
        policed["loss"]
    );
    assert_eq!(policed["queue_p99_all"], 0.0, "there is no queue");
}

#[test]
fn a_campaign_comes_in_order_however_many_threads_it_has() {
    let campaign = |jobs| Campaign {
        runs: vec![short("loss/1%", 4), short("5.1/rate-50ms", 6)],
        controllers: vec![entry("fixed"), entry("newreno")],
        seeds: vec![1, 2],
        bands: bands::parse(bands::FILE).expect("the built-in bands"),
        jobs,
        keep_series: false,
    };
    let hashes = |jobs| -> Vec<_> {
        let outcomes = campaign(jobs).go(|_| {}).expect("networks");
        let key = |outcome: duet::rfc8867::campaign::Outcome| {
            (
                outcome.case,
                outcome.controller,
                outcome.seed,
                outcome.log_hash,
            )
        };
        outcomes.into_iter().map(key).collect()
    };
    let alone = hashes(1);
    assert_eq!(alone, hashes(3));
    let order: Vec<_> = alone.iter().map(|key| (&*key.0, &*key.1, key.2)).collect();
    assert_eq!(order[0], ("loss", "fixed", 1));
    assert_eq!(order[3], ("loss", "newreno", 2));
    assert_eq!(order[4], ("5.1", "fixed", 1));
}

/// A controller as a later one may be: it has a weight, halves at a mark at most once in half a second, and else grows.
#[derive(Debug)]
struct Marked {
    weight: u64,
    rate: u64,
    cut: Option<Instant>,
}

impl Marked {
    fn factory(weight: u32) -> ControllerFactory {
        let weight = u64::from(weight);
        std::sync::Arc::new(move || {
            Box::new(Self {
                weight,
                rate: 300_000 * weight,
                cut: None,
            })
        })
    }
}

impl Controller for Marked {
    fn on_sent(&mut self, _now: Instant, _bytes: usize) {}

    fn on_feedback(&mut self, now: Instant, reports: &[PacketReport], _rtt: Duration) {
        let rested = |cut: Instant| now.since(cut) >= Duration::from_millis(500);
        if !reports.iter().any(|report| report.ce) {
            self.rate += 1_000 * self.weight;
        } else if self.cut.is_none_or(rested) {
            self.rate = self.rate / 4 * 3;
            self.cut = Some(now);
        }
    }

    fn target_bitrate(&self) -> u64 {
        self.rate
    }

    fn pacing_rate(&self) -> u64 {
        self.rate * 3 / 2
    }

    fn window(&self) -> usize {
        usize::MAX
    }
}

const LATER: Entry = Entry {
    name: "later",
    about: "a controller of a test",
    governor: Governor::Media(Marked::factory),
    ecn: true,
    priority: true,
};

/// What judges a metric of a run says of this controller.
fn judgement(plan: &Run, entry: &Entry, measures: &Measures, metric: &str) -> Judgement {
    let bands = bands::parse(bands::FILE).expect("the built-in bands");
    let verdicts = bands::judge(&bands, plan, entry, measures);
    let found = verdicts
        .into_iter()
        .find(|verdict| verdict.metric == metric);
    found.expect("a band").judgement
}

#[test]
fn a_controller_of_the_media_plane_hears_of_marks() {
    let plan = short("6.2/5.1/rate-50ms", 60);
    let deaf = Entry {
        ecn: false,
        ..LATER
    };
    let go = |entry: &Entry| measure(&run(&plan, entry, 1, |_| {}).expect("a network"));
    let (heeds, ignores) = (go(&LATER), go(&deaf));
    assert!(heeds["marked"] > 0.0 && ignores["marked"] == 0.0);
    assert!(heeds["loss_static"] < 0.1, "{}", heeds["loss_static"]);
    assert!(ignores["loss_static"] > 5.0, "{}", ignores["loss_static"]);
    assert!(heeds["queue_p95"] < ignores["queue_p95"]);
    assert_eq!(
        judgement(&plan, &LATER, &heeds, "loss_static"),
        Judgement::Pass
    );
    assert_eq!(
        judgement(&plan, &deaf, &ignores, "loss_static"),
        Judgement::NotApplicable
    );
}

#[test]
fn a_controller_of_the_media_plane_is_told_its_weight() {
    // Behind queues that mark, so that this simple controller shares at all.
    let mut plan = short("6.1", 120);
    plan.ecn = true;
    for link in plan.queues() {
        link.queue.discipline = duet_sim::link::Discipline::CoDel(Default::default());
    }
    for preferred in [0, 2] {
        for (index, flow) in plan.scenario.flows.iter_mut().enumerate() {
            if let FlowKind::Media(keys) = &mut flow.kind {
                let weight = if index == preferred { 2 } else { 1 };
                keys.insert("priority".into(), toml::Value::Integer(weight));
            }
        }
        plan.flows = Run::of(plan.scenario.clone()).expect("a run").flows;
        // Which flow's packets are marked is chance: one seed says little.
        let ratios = [1, 2, 3].map(|seed| {
            let measures = measure(&run(&plan, &LATER, seed, |_| {}).expect("a network"));
            let said = judgement(&plan, &LATER, &measures, "priority_ratio");
            assert_ne!(said, Judgement::NotApplicable);
            measures["priority_ratio"]
        });
        // Twice the others' share is more than its video has, and the others take the rest.
        let mean = ratios.iter().sum::<f64>() / 3.0;
        assert!((1.3..2.4).contains(&mean), "{ratios:?}");
    }
    let (_, cubic) = go(&plan, "cubic");
    assert_eq!(
        judgement(&plan, &entry("cubic"), &cubic, "priority_ratio"),
        Judgement::NotApplicable
    );
}
