//! Taking parts away, as a shrinker does.

use duet_sim::{Check, FaultKind, Loss, Scenario, Subject};

use super::{BASE, with};

const MORE: &str = r#"
[[flow]]
name = "f0"
kind = "tcp"
from = "alice"
to = "server"
[[flow]]
name = "f1"
kind = "media"
from = "bob"
to = "server"
beside = "alice"
[[flow]]
name = "f2"
kind = "media"
from = "bob"
to = "server"
[[fault]]
id = "split"
kind = "partition"
at = "1 s"
between = [["alice", "bob"], "server"]
[[fault]]
id = "cut"
kind = "outage"
at = "1 s"
link = "uplink"
[[fault]]
id = "phone"
kind = "crash"
at = "1 s"
node = "phone-3"
[[step]]
at = "1 s"
who = "bob"
do = "call"
to = ["alice"]
[[step]]
at = "2 s"
who = "phone-1"
do = "join"
[script]
call = { from = "alice", to = "bob" }
other = { from = "bob" }
[[expect]]
metric = "rate"
of = "f2"
min = 1
[[expect]]
metric = "rate"
of = "phone-3"
min = 1
[[expect]]
metric = "rate"
of = "access-3"
min = 1
[[expect]]
metric = "rate"
of = "alice>home"
min = 1
[[expect]]
invariant = "good"
"#;

/// It still is a scenario: written and read again, nothing changes.
fn sound(scenario: &Scenario) {
    let text = scenario.to_toml();
    let again =
        Scenario::parse(&text, "left.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again, *scenario, "{text}");
}

fn subjects(scenario: &Scenario) -> Vec<Option<String>> {
    let checks = scenario
        .expect
        .iter()
        .map(|expectation| match &expectation.check {
            Check::Metric { of, .. } => scenario.subject(*of),
            Check::Invariant { name } => Some(name.clone()),
        });
    checks.collect()
}

fn flows(scenario: &Scenario) -> Vec<&str> {
    scenario
        .flows
        .iter()
        .map(|flow| flow.name.as_str())
        .collect()
}

fn faults(scenario: &Scenario) -> Vec<&str> {
    scenario
        .faults
        .iter()
        .map(|fault| fault.id.as_str())
        .collect()
}

#[test]
fn a_node_goes_with_all_that_refers_to_it() {
    let mut scenario = with(MORE);
    scenario.remove_node(0);
    sound(&scenario);
    let names: Vec<_> = scenario
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["bob", "server", "home", "phone-1", "phone-2", "phone-3"]
    );
    assert_eq!(scenario.links.len(), 5);
    assert_eq!(flows(&scenario), ["f2"]);
    assert_eq!(faults(&scenario), ["split", "phone"]);
    let split = FaultKind::Partition {
        from: vec![0],
        to: vec![1],
        both: true,
        lasts: None,
    };
    assert_eq!(scenario.faults[0].kind, split);
    let steps: Vec<_> = scenario
        .steps
        .iter()
        .map(|step| scenario.node_name(step.who))
        .collect();
    assert_eq!(steps, ["phone-1"]);
    assert_eq!(scenario.script.keys().collect::<Vec<_>>(), ["other"]);
    let left = ["f2", "phone-3", "access-3", "good"].map(|name| Some(name.to_owned()));
    assert_eq!(subjects(&scenario), left);
    assert_eq!(scenario.nodes[2].outside(), Some(1));
}

#[test]
fn a_nat_goes_with_its_outside() {
    let mut scenario = with(MORE);
    scenario.remove_node(2);
    sound(&scenario);
    let names: Vec<_> = scenario
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["alice", "bob", "phone-1", "phone-2", "phone-3"]);
    assert!(scenario.links.is_empty() && scenario.flows.is_empty());
    assert_eq!(faults(&scenario), ["phone"]);

    let mut scenario = with(MORE);
    let link = scenario
        .links
        .iter()
        .position(|link| link.from == 3)
        .unwrap();
    scenario.remove_link(link);
    sound(&scenario);
    assert_eq!(scenario.node("home"), None);
    assert_eq!(scenario.node("server"), Some(2));
}

#[test]
fn a_chain_of_nats_falls_whole() {
    let chain = "[[node]]\nname = \"cpe\"\nrole = \"nat\"\n[[link]]\nfrom = \"cpe\"\nto = \"home\"\n[[link]]\nfrom = \"phone-1\"\nto = \"cpe\"";
    let mut scenario = with(chain);
    scenario.remove_node(2);
    sound(&scenario);
    assert_eq!((scenario.node("home"), scenario.node("cpe")), (None, None));
}

#[test]
fn a_link_goes_with_its_faults() {
    let mut scenario = with(MORE);
    scenario.remove_link(0);
    sound(&scenario);
    assert_eq!(faults(&scenario), ["split", "phone"]);
    let left = ["f2", "phone-3", "access-3", "good"].map(|name| Some(name.to_owned()));
    assert_eq!(subjects(&scenario), left);
    assert_eq!(scenario.nodes.len(), 7);
}

#[test]
fn a_flow_goes_with_what_is_expected_of_it() {
    let mut scenario = with(MORE);
    scenario.remove_flow(0);
    sound(&scenario);
    assert_eq!(flows(&scenario), ["f1", "f2"]);
    assert!(matches!(
        scenario.expect[0].check,
        Check::Metric {
            of: Subject::Flow(1),
            ..
        }
    ));
    scenario.remove_flow(1);
    sound(&scenario);
    assert_eq!(scenario.expect.len(), 4);
}

#[test]
fn single_parts_go_alone_and_indices_past_the_end_are_nothing() {
    let mut scenario = with(MORE);
    scenario.remove_fault(1);
    scenario.remove_step(0);
    scenario.remove_expectation(4);
    sound(&scenario);
    assert_eq!(faults(&scenario), ["split", "phone"]);
    assert_eq!((scenario.steps.len(), scenario.expect.len()), (1, 4));
    let before = scenario.clone();
    scenario.remove_fault(9);
    scenario.remove_step(9);
    scenario.remove_expectation(9);
    scenario.remove_flow(9);
    scenario.remove_link(99);
    scenario.remove_node(99);
    assert_eq!(scenario, before);
}

#[test]
fn everything_can_go_in_any_order() {
    let whole = Scenario::parse(&format!("{BASE}{MORE}"), "all.toml").unwrap();
    for first in 0..whole.nodes.len() {
        let mut scenario = whole.clone();
        scenario.remove_node(first);
        while scenario.nodes.len() > 1 {
            sound(&scenario);
            scenario.remove_node(first % scenario.nodes.len());
        }
        sound(&scenario);
    }
}

/// The last step of a shrinker: what was lost at random, named.
#[test]
fn losses_become_explicit() {
    let mut scenario = with(
        "[[link]]\nfrom = \"alice\"\nto = \"bob\"\nloss = \"5 %\"\nback = { air_loss = \"5 %\" }",
    );
    scenario.set_losses(0, 1, [3, 17].into(), Default::default());
    scenario.set_losses(1, 0, Default::default(), [9].into());
    let link = scenario.links.last().unwrap();
    let back = link.back.as_ref().unwrap();
    assert_eq!(
        (&link.config.loss, &link.config.air_loss),
        (&Loss::List([3, 17].into()), &Loss::None)
    );
    assert_eq!(
        (&back.loss, &back.air_loss),
        (&Loss::None, &Loss::List([9].into()))
    );
    sound(&scenario);
    let before = scenario.clone();
    scenario.set_losses(0, 2, [1].into(), Default::default());
    assert_eq!(scenario, before);
}

/// A flow that has lost its way, or all that took time on it, goes with what it has lost.
#[test]
fn a_flow_goes_with_its_way() {
    let flow = "[[flow]]\nname = \"bulk\"\nkind = \"tcp\"\nfrom = \"x\"\nto = \"y\"\n";
    let nodes =
        "[[node]]\nname = \"x\"\nrole = \"host\"\n[[node]]\nname = \"y\"\nrole = \"host\"\n";
    let air = "[[medium]]\nname = \"air\"\noverhead = \"1 ms\"\n";
    let link = "[[link]]\nname = \"last\"\nfrom = \"x\"\nto = \"y\"\nmedium = \"air\"\n";
    let mut scenario = with(&[flow, nodes, air, link].concat());
    let mut gone = scenario.clone();
    gone.remove_medium(0);
    assert_eq!(flows(&gone), [""; 0]);
    sound(&gone);
    scenario.remove_link(scenario.links.len() - 1);
    assert_eq!(flows(&scenario), [""; 0]);
    sound(&scenario);
}
