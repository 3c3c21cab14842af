//! Scenario files: what this driver runs, and what it refuses before it begins.

use duet::faults::{Course, run};
use duet_sim::Scenario;

/// The server is started anew, and one of forty-one clients is cut off for a while.
const RUNS: &str = r#"name = "restart"
duration = "150 s"

[[node]]
name = "server"
role = "server"
[[node]]
name = "alice"
role = "client"
[[node]]
name = "crowd"
role = "client"
count = 40

[[link]]
from = "alice"
to = "server"
delay = "10 ms"
[[link]]
from = "crowd"
to = "server"
delay = "50 ms"

[[step]]
at = "0 s"
who = "alice"
do = "login"
[[step]]
at = "0 s"
who = "crowd"
do = "login"
apart = "20 ms"
[[step]]
at = "2 s"
who = ["alice", "crowd"]
do = "join"
room = "lobby"
apart = "20 ms"
[[step]]
at = "4 s"
who = "alice"
do = "send"
room = "lobby"
count = 20
every = "1 s"
[[step]]
at = "6 s"
who = "crowd-1"
do = "call"
to = "crowd-2"

[[fault]]
kind = "crash"
at = "10 s"
node = "server"
restart_after = "2 s"
[[fault]]
kind = "partition"
at = "50 s"
between = ["crowd-3", "server"]
for = "25 s"

[[expect]]
metric = "session.begun"
min = 82
[[expect]]
metric = "session.resumed"
min = 1
[[expect]]
metric = "message.received"
min = 240
[[expect]]
invariant = "message.once"
[[expect]]
invariant = "room.agreement"
"#;

#[test]
fn a_scenario_is_run_and_judged() {
    let scenario = Scenario::parse(RUNS, "restart.toml").expect("a sound scenario");
    let course = Course::of(&scenario).expect("nothing that turmoil lacks");
    let names: Vec<&str> = course.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "host of crowd-3",
            "host of alice",
            "host of crowd-1",
            "host of crowd-27"
        ],
        "those to whom nothing happens alone share a host"
    );
    let run = run(&course).expect("it runs");
    assert_eq!(run.breaches, []);
    for verdict in scenario.judge(&run) {
        assert!(verdict.held(), "{}", verdict.message);
    }
}

/// What is said of [`RUNS`] with one text in it replaced by another.
fn refusal(before: &str, after: &str) -> String {
    assert!(RUNS.contains(before), "{before}");
    let text = RUNS.replacen(before, after, 1);
    let scenario = Scenario::parse(&text, "restart.toml").expect("a sound scenario");
    match Course::of(&scenario) {
        Err(error) => error.to_string().lines().next().unwrap_or_default().into(),
        Ok(_) => panic!("not refused: {after}"),
    }
}

#[test]
fn what_turmoil_lacks_is_refused() {
    let link = "delay = \"10 ms\"";
    let fault =
        "kind = \"partition\"\nat = \"50 s\"\nbetween = [\"crowd-3\", \"server\"]\nfor = \"25 s\"";
    let cases = [
        (
            link,
            "delay = \"10 ms\"\nrate = \"1 Mb/s\"",
            "the turmoil driver has no `rate` of links, and `alice<>server` needs it",
        ),
        (
            link,
            "delay = \"10 ms\"\nloss = \"1 %\"",
            "the turmoil driver has no `loss` of links, and `alice<>server` needs it",
        ),
        (
            link,
            "delay = \"10 ms\"\njitter = \"1 ms\"",
            "the turmoil driver has no `jitter` of links, and `alice<>server` needs it",
        ),
        (
            link,
            "delay = \"10 ms\"\nback = { delay = \"20 ms\" }",
            "the turmoil driver has no link whose directions differ, and `alice<>server` needs it",
        ),
        (
            link,
            "delay = \"12 ms\"",
            "the turmoil driver has delays of whole 5ms, and no other",
        ),
        (
            "[[fault]]",
            "[[node]]\nname = \"home\"\nrole = \"nat\"\noutside = \"server\"\n[[link]]\nfrom = \"home\"\nto = \"server\"\ndelay = \"10 ms\"\n[[fault]]",
            "the turmoil driver has no node of role `nat`, and `home` needs it",
        ),
        (
            "[[fault]]",
            "[[flow]]\nkind = \"cbr\"\nfrom = \"alice\"\nto = \"server\"\nrate = \"1 Mb/s\"\n[[fault]]",
            "the turmoil driver has no flow of kind `cbr`, and `cbr-1` needs it",
        ),
        (
            "[[fault]]",
            "[media]\nrepair = true\n[[fault]]",
            "the turmoil driver has no use for `[media]`, and `restart` needs it",
        ),
        (
            fault,
            "kind = \"handover\"\nat = \"50 s\"\nnode = \"alice\"\noutage = \"1 s\"",
            "the turmoil driver has no fault of kind `handover`, and `fault-2` needs it",
        ),
        (
            "for = \"25 s\"",
            "",
            "the turmoil driver has partitions that end only: for how long?",
        ),
        (
            "[\"crowd-3\", \"server\"]",
            "[\"crowd-3\", \"alice\"]",
            "the turmoil driver has partitions between clients and the server only",
        ),
        (
            "restart_after = \"2 s\"",
            "",
            "the turmoil driver has crashes with `restart_after` only",
        ),
        (
            "duration = \"150 s\"",
            "duration = \"100 s\"",
            "it ends less than 60s after the last that happens, at 75s: until then nothing is settled",
        ),
        (
            "session.begun",
            "queue.delay.p95",
            "the turmoil driver does not judge `queue.delay.p95`, or not of this",
        ),
        (
            "to = \"crowd-2\"",
            "to = \"crowd-2\"\nlength = \"3 s\"",
            "the turmoil driver has calls without `length` only",
        ),
        (
            "\"login\"",
            "\"sleep\"",
            "nobody can `sleep`; there is login, logout, join, leave, send, data, call, hang-up",
        ),
        (
            "room = \"lobby\"",
            "rom = \"lobby\"",
            "`join` takes room, and no `rom`",
        ),
        (
            "to = \"crowd-2\"",
            "to = \"dave\"",
            "no client is called `dave`; there is alice, crowd-1, crowd-2, crowd-3, crowd-4, crowd-5, crowd-6, crowd-7, …",
        ),
        (
            "who = \"crowd-1\"",
            "who = \"server\"",
            "only a client follows a script",
        ),
    ];
    for (before, after, expected) in cases {
        assert_eq!(refusal(before, after), format!("error: {expected}"));
    }
}
