//! What a scenario needs, and how a driver that lacks it says so.

use std::collections::BTreeSet;

use duet_sim::{Need, Role, Scenario};

const PLAIN: &str = r#"name = "plain"
duration = "20 s"

[[node]]
name = "alice"
role = "client"
[[node]]
name = "server"
role = "server"

[[link]]
from = "alice"
to = "server"
delay = "20 ms"
"#;

fn scenario(more: &str) -> Scenario {
    Scenario::parse(&format!("{PLAIN}{more}"), "it.toml").expect("a sound scenario")
}

fn needs(more: &str) -> BTreeSet<Need> {
    let needs = scenario(more).needs();
    needs.into_iter().map(|needed| needed.need).collect()
}

/// What [`PLAIN`] needs.
fn plain() -> BTreeSet<Need> {
    BTreeSet::from([
        Need::Role(Role::Client),
        Need::Role(Role::Server),
        Need::Link("delay"),
    ])
}

/// What is needed beside that.
fn beside(more: &str) -> Vec<Need> {
    needs(more).difference(&plain()).copied().collect()
}

#[test]
fn a_property_is_needed_where_it_is_other_than_that_of_a_perfect_link() {
    assert_eq!(needs(""), plain());
    assert_eq!(
        beside("rate = \"1 Mb/s\"\nqueue = \"64 kB\"\n"),
        [Need::Link("queue"), Need::Link("rate")]
    );
    assert_eq!(beside("rate = \"none\"\nloss = \"none\"\n"), []);
    assert_eq!(beside("jitter = \"1 ms\"\n"), [Need::Link("jitter")]);
}

#[test]
fn a_table_that_the_simulator_does_not_read_is_needed() {
    assert_eq!(
        beside("[media]\n[script]\nx = 1\n"),
        [Need::Table("script")]
    );
}

#[test]
fn directions_that_differ_are_needed() {
    assert_eq!(beside("to_only = true\n"), [Need::Asymmetry]);
    assert_eq!(
        beside("back = { loss = \"1 %\" }\n"),
        [Need::Link("loss"), Need::Asymmetry]
    );
    assert_eq!(beside("back = { delay = \"20 ms\" }\n"), []);
}

#[test]
fn nodes_flows_and_faults_are_needed_by_their_kind() {
    let more = r#"
[[node]]
name = "far"
role = "host"
[[link]]
from = "far"
to = "server"
[[flow]]
kind = "cbr"
from = "far"
to = "server"
rate = "1 Mb/s"
[[fault]]
kind = "crash"
at = "5 s"
node = "server"
[[fault]]
kind = "link"
at = "5 s"
link = "far<>server"
set = { loss = "1 %" }
"#;
    assert_eq!(
        beside(more),
        [
            Need::Role(Role::Host),
            Need::Link("loss"),
            Need::Flow("cbr"),
            Need::Fault("crash"),
            Need::Fault("link"),
        ]
    );
}

/// What is said where a driver has but what [`PLAIN`] needs.
fn refusal(more: &str) -> String {
    match scenario(more).admit("this driver", &plain()) {
        Err(error) => error.to_string(),
        Ok(()) => panic!("admitted: {more}"),
    }
}

#[test]
fn what_is_lacking_is_named_at_its_place() {
    assert_eq!(scenario("").admit("this driver", &plain()), Ok(()));
    assert_eq!(
        refusal("rate = \"1 Mb/s\"\n"),
        "\
error: this driver has no `rate` of links, and `alice<>server` needs it
  --> it.toml:15:8
   |
15 | rate = \"1 Mb/s\"
   |        ^^^^^^^^"
    );
    assert_eq!(
        refusal("back = { loss = \"1 %\" }\n"),
        "\
error: this driver has no `loss` of links, and `alice<>server` needs it
  --> it.toml:15:17
   |
15 | back = { loss = \"1 %\" }
   |                 ^^^^^"
    );
    assert_eq!(
        refusal("[[fault]]\nkind = \"crash\"\nat = \"1 s\"\nnode = \"alice\"\n"),
        "\
error: this driver has no fault of kind `crash`, and `fault-1` needs it
  --> it.toml:16:8
   |
16 | kind = \"crash\"
   |        ^^^^^^^"
    );
}
