//! Making scenarios smaller: what may go goes, what the failure needs stays, and one failure does not become another.
//! The runs are made up, so that it is known what is needed.

use std::collections::{BTreeMap, BTreeSet};

use duet::failure::{Failure, Found};
use duet::invariants::{Invariant, Phase};
use duet::shrink::{BUDGET, ShrinkError, Shrunk, Size, Trial, shrink};
use duet::simulate::SimulateError;
use duet_sim::{Check, FaultKind, Loss, Outcome, Scenario, Time};

/// Three people, two of them behind boxes, with much that is beside the point.
const SCENARIO: &str = r#"
name = "much"
seed = 9
duration = "100 s"

[[node]]
name = "server"
role = "server"
[[node]]
name = "home"
role = "nat"
outside = "server"
[[node]]
name = "alice"
role = "client"
[[node]]
name = "bob"
role = "client"
[[node]]
name = "carol"
role = "client"

[[link]]
from = "home"
to = "server"
delay = "20 ms"
rate = "2 Mb/s"
queue = "64 kB"
[[link]]
from = "alice"
to = "home"
loss = "3 %"
jitter = "5 ms"
[[link]]
from = "bob"
to = "home"
[[link]]
from = "carol"
to = "server"
delay = "70 ms"

[[flow]]
kind = "cbr"
from = "carol"
to = "server"
rate = "100 kb/s"

[[fault]]
kind = "outage"
at = "3.217 s"
for = "2.9 s"
link = "alice<>home"
[[fault]]
kind = "crash"
at = "11.43 s"
node = "bob"
restart_after = "7.77 s"
[[fault]]
kind = "drop"
link = "alice>home"
packets = [3, 17, 18, 40]

[[step]]
at = "1.003 s"
who = "alice"
do = "join"
room = "hall"
[[step]]
at = "20.5 s"
who = "alice"
do = "send"
to = "bob"
size = "900 B"
[[step]]
at = "21 s"
who = "carol"
do = "send"
to = "bob"

[[expect]]
metric = "breaches"
max = 0
"#;

fn scenario() -> Scenario {
    Scenario::parse(SCENARIO, "much.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn breach(invariant: Invariant, way: &'static str, who: &str) -> Found {
    let phase = Phase::Healed;
    let who = who.to_owned();
    Found {
        failure: Failure::Breach {
            invariant,
            phase,
            way,
            who,
        },
        at: Some(Time::from_millis(40_000)),
        text: "something is wrong".to_owned(),
    }
}

/// Runs in which this fails.
fn shrunk(
    wanted: &str,
    budget: u64,
    mut fails: impl FnMut(&Scenario) -> Vec<Found>,
) -> Result<Shrunk, ShrinkError> {
    let mut run = |candidate: &Scenario| -> Result<Trial, SimulateError> {
        let lost = match candidate
            .links
            .iter()
            .any(|link| link.config.loss != Loss::None)
        {
            true => BTreeMap::from([(
                (
                    candidate.node("alice").unwrap_or_default(),
                    candidate.node("home").unwrap_or_default(),
                ),
                BTreeSet::from([5, 6, 7, 8]),
            )]),
            false => BTreeMap::new(),
        };
        let found = fails(candidate);
        Ok(Trial { found, lost })
    };
    shrink(&scenario(), wanted, budget, &mut run, &mut |_| {})
}

/// Whether packet `number` is lost between these two.
fn is_dropped(scenario: &Scenario, number: u64) -> bool {
    let drawn = scenario
        .links
        .iter()
        .any(|link| link.config.loss != Loss::None);
    let listed = scenario.faults.iter().any(
        |fault| matches!(&fault.kind, FaultKind::Drop { packets, .. } if packets.contains(&number)),
    );
    drawn || listed
}

#[test]
fn only_what_the_failure_needs_stays() {
    // Alice's message to bob, after his crash.
    let needs = |candidate: &Scenario| {
        let sends = |step: &duet_sim::Step| {
            step.action == "send" && candidate.node_name(step.who) == "alice"
        };
        let crash = |fault: &duet_sim::Fault| matches!(fault.kind, FaultKind::Crash { node, .. } if candidate.node_name(node) == "bob");
        let sent = candidate.steps.iter().find(|step| sends(step));
        let crashed = candidate.faults.iter().find(|fault| crash(fault));
        match (sent, crashed) {
            (Some(sent), Some(crashed)) if sent.at > crashed.at => {
                vec![breach(Invariant::Answered, "", "alice")]
            }
            _ => Vec::new(),
        }
    };
    let shrunk = shrunk("", BUDGET, needs).expect("it fails");
    assert!(!shrunk.exhausted, "{} runs", shrunk.runs);
    let left = Size {
        clients: 2,
        others: 0,
        flows: 0,
        faults: 1,
        drops: 0,
        steps: 1,
    };
    assert_eq!(
        Size::of(&shrunk.scenario),
        left,
        "{}",
        shrunk.scenario.to_toml()
    );
    assert!(shrunk.scenario.expect.is_empty());
    assert_eq!(shrunk.scenario.links.len(), 2);
    let whole = |at: Time| at.as_nanos().is_multiple_of(1_000_000_000);
    let times: Vec<Time> = shrunk.scenario.steps.iter().map(|step| step.at).collect();
    assert!(times.iter().all(|at| whole(*at)), "{times:?}");
    for link in &shrunk.scenario.links {
        assert!(
            link.config == duet_sim::LinkConfig::default(),
            "{}",
            shrunk.scenario.to_toml()
        );
    }
}

/// A client that came back late was made into one that had no link, and never came at all.
#[test]
fn nobody_loses_the_way_to_the_server_and_late_does_not_become_never() {
    let fails = |candidate: &Scenario| {
        let Some(alice) = candidate.node("alice") else {
            return Vec::new();
        };
        let linked = candidate.links.iter().any(|link| link.from == alice);
        let outage = candidate
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::Outage { .. }));
        match (linked, outage) {
            (true, true) => vec![breach(Invariant::Return, "late", "alice")],
            (false, _) => vec![
                breach(Invariant::Return, "late", "alice"),
                breach(Invariant::Return, "never in", "alice"),
            ],
            (true, false) => vec![breach(Invariant::Return, "suspended", "alice")],
        }
    };
    let shrunk = shrunk("session.return", BUDGET, fails).expect("it fails");
    assert_eq!(
        shrunk.failure.to_string(),
        "session.return of alice after healing, late"
    );
    let alice = shrunk.scenario.node("alice").expect("she is needed");
    assert!(shrunk.scenario.links.iter().any(|link| link.from == alice));
    assert_eq!(Size::of(&shrunk.scenario).faults, 1);
    assert_eq!(Size::of(&shrunk.scenario).clients, 1);
}

#[test]
fn losses_at_random_become_the_packets_that_matter() {
    let fails = |candidate: &Scenario| match is_dropped(candidate, 7) {
        true => vec![breach(Invariant::MessageOnce, "", "alice")],
        false => Vec::new(),
    };
    let shrunk = shrunk("", BUDGET, fails).expect("it fails");
    let drops: Vec<&FaultKind> = shrunk
        .scenario
        .faults
        .iter()
        .map(|fault| &fault.kind)
        .collect();
    assert!(
        matches!(drops[..], [FaultKind::Drop { packets, .. }] if packets[..] == [7]),
        "{}",
        shrunk.scenario.to_toml()
    );
    assert!(
        shrunk
            .scenario
            .links
            .iter()
            .all(|link| link.config.loss == Loss::None)
    );
}

/// What a scenario expects, and runs that miss it in this way wherever `misses` says so.
fn missed(expect: &str, misses: impl Fn(&Scenario) -> Option<Outcome>) -> Shrunk {
    let scenario = Scenario::parse(&format!("{SCENARIO}{expect}"), "much.toml");
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let mut run = |candidate: &Scenario| -> Result<Trial, SimulateError> {
        let metric = |one: &&duet_sim::Expectation| matches!(&one.check, Check::Metric { metric, .. } if metric != "breaches");
        let found = candidate.expect.iter().filter(metric);
        let found = found.filter_map(|one| {
            let what = candidate.expected(&one.check);
            let how = misses(candidate)?;
            Some(Found {
                text: format!("{what}: {how:?}"),
                failure: Failure::Unmet { what, how },
                at: None,
            })
        });
        Ok(Trial {
            found: found.collect(),
            ..Trial::default()
        })
    };
    let shrunk = shrink(&scenario, "", BUDGET, &mut run, &mut |_| {});
    shrunk.expect("it fails")
}

/// A goodput that was too little was made into one of no flow, which nobody measured; and one that was too much.
#[test]
fn a_metric_goes_on_being_missed_on_the_same_side() {
    let expect = "[[expect]]\nmetric = \"goodput\"\nmin = \"1 Mb/s\"\nmax = \"2 Mb/s\"\n";
    let shrunk = missed(expect, |candidate| {
        let outage = |fault: &duet_sim::Fault| matches!(fault.kind, FaultKind::Outage { .. });
        Some(match candidate.flows.is_empty() {
            true => Outcome::NotRun,
            false if candidate.faults.iter().any(outage) => Outcome::Below,
            false => Outcome::Above,
        })
    });
    let left = Size::of(&shrunk.scenario);
    assert_eq!((left.flows, left.faults), (1, 1));
    assert_eq!(
        shrunk.failure.to_string(),
        "expectation goodput, at least 1 Mb/s, at most 2 Mb/s: less"
    );
}

/// Pictures that were lost were made into pictures that were late: a delay of 20 ms was rounded to a second.
#[test]
fn delays_do_not_grow() {
    let expect = "[[expect]]\nmetric = \"loss\"\nmax = \"1 %\"\n";
    let most = |candidate: &Scenario| {
        let delays = candidate.links.iter().map(|link| link.config.delay);
        delays.max().unwrap_or_default().as_millis()
    };
    let shrunk = missed(expect, |candidate| {
        let lost = most(candidate) >= 15 && is_dropped(candidate, 3);
        (lost || most(candidate) >= 100).then_some(Outcome::Above)
    });
    let left = &shrunk.scenario;
    assert!(is_dropped(left, 3) && most(left) < 70, "{}", left.to_toml());
}

/// Of two windows of a metric, the first is missed.
#[test]
fn another_window_is_another_expectation() {
    let early = "[[expect]]\nmetric = \"loss\"\nwindow = [\"1 s\", \"2 s\"]\nmax = \"1 %\"\n";
    let late = "[[expect]]\nmetric = \"loss\"\nwindow = [\"3 s\", \"4 s\"]\nmax = \"1 %\"\n";
    let shrunk = missed(&format!("{early}{late}"), |_| Some(Outcome::Above));
    let left: Vec<String> = shrunk
        .scenario
        .expect
        .iter()
        .map(|one| shrunk.scenario.expected(&one.check))
        .collect();
    assert_eq!(left, ["loss from 1 s to 2 s, at most 1 %"]);
    assert_eq!(
        shrunk.failure.to_string(),
        "expectation loss from 1 s to 2 s, at most 1 %: more"
    );
}

/// Real runs: a link that loses too much, which carries a flow.
#[test]
fn a_metric_that_fails_fails_so_to_the_end() {
    let text = r#"
name = "lossy"
seed = 1
duration = "10 s"
[[node]]
name = "s"
role = "host"
[[node]]
name = "r"
role = "host"
[[link]]
from = "s"
to = "r"
rate = "4 Mb/s"
queue = "300 ms"
delay = "50 ms"
loss = "8 %"
[[flow]]
name = "background"
kind = "cbr"
from = "s"
to = "r"
rate = "2 Mb/s"
[[expect]]
metric = "loss"
of = "s>r"
min = "4 %"
max = "6 %"
"#;
    let scenario = Scenario::parse(text, "lossy.toml").unwrap_or_else(|error| panic!("{error}"));
    let shrunk = shrink(&scenario, "", 100, &mut Trial::of, &mut |_| {}).expect("it fails");
    assert_eq!(Size::of(&shrunk.scenario).flows, 1);
    let again = Trial::of(&shrunk.scenario).expect("a run");
    let told = again.found.iter().map(|one| one.failure.to_string());
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["expectation loss of s>r, at least 4 %, at most 6 %: more"]
    );
}

#[test]
fn a_small_budget_is_kept_to() {
    let mut runs = 0;
    let shrunk = shrunk("", 3, |_| {
        runs += 1;
        vec![breach(Invariant::CallEnd, "twice", "bob")]
    });
    let shrunk = shrunk.expect("it fails");
    assert!(shrunk.exhausted);
    assert_eq!((shrunk.runs, runs), (3, 3));
}

#[test]
fn what_does_not_fail_so_is_not_made_smaller() {
    let none = shrunk("", BUDGET, |_| Vec::new());
    assert!(matches!(none, Err(ShrinkError::Passes)));
    let other = shrunk("message", BUDGET, |_| {
        vec![breach(Invariant::CallEnd, "twice", "bob")]
    });
    let text = other.expect_err("it fails otherwise").to_string();
    assert_eq!(
        text,
        "the run does not fail by \"message\"; it fails by: call.end of bob after healing, twice"
    );
}
