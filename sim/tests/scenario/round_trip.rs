//! What is written is read as the same scenario.

use duet_sim::Scenario;
use proptest::prelude::*;

use super::{BASE, with};

fn again(scenario: &Scenario) -> Scenario {
    let text = scenario.to_toml();
    Scenario::parse(&text, "written.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// One of everything.
const ALL: &str = r#"
[[node]]
name = "cpe"
role = "nat"
preset = "home"
addresses = 2
ports = 5000
port_timeouts = { 53 = "1.5 s" }
inside = "10.0.0.0/8"
max_per_host = 4
[[node]]
name = "wall"
role = "firewall"
outside = "server"
preset = "only-443"
ports = [443, "1000..2000"]
max_size = "1280 B"
flow_bytes = "1 MB"
[[link]]
from = "cpe"
to = "wall"
rate = "1.5 Mb/s"
queue = "1 MiB"
delay = "1500 us"
jitter = "1 ns"
loss = "0.1 %"
back = { rate = "none", queue = "none", loss = { enter = "1 %", leave = "33.333 %", good = "0 %", bad = "100 %" } }
[[link]]
from = "wall"
to = "server"
to_only = true
outages = [["1 s", "2 s"], ["3.25 s", "1 min"]]
[[flow]]
kind = "cbr"
from = "alice"
to = "server"
rate = "1 Mb/s"
[[flow]]
kind = "cbr"
from = "alice"
to = "server"
schedule = [["1 s", "1 Mb/s"], ["2 s", "stop"]]
[[flow]]
kind = "poisson"
from = "phone"
to = "server"
mean_gap = "1 ms"
stop = "9 s"
[[flow]]
kind = "tcp"
from = "alice"
to = "server"
congestion = "cubic"
bytes = "1 MB"
receiver = { ack_every = 1 }
[[flow]]
kind = "tcp-on-off"
from = "alice"
to = "server"
file = ["1 kB", "2 kB"]
ecn = true
[[flow]]
kind = "media"
from = "alice"
to = "server"
start = "1 s"
controller = { name = "gcc", start = 1.5, layers = [1, 2] }
[[fault]]
kind = "partition"
at = "1 s"
for = "1 s"
between = ["alice", ["bob", "phone"]]
[[fault]]
kind = "partition"
at = "1 s"
from = "alice"
to = "bob"
[[fault]]
kind = "outage"
at = "1 s"
link = "access"
mode = "hold"
[[fault]]
kind = "crash"
at = "1 s"
node = "server"
restart_after = "1 s"
[[fault]]
kind = "handover"
at = "1 s"
node = "alice"
outage = "0 ms"
new_address = true
set = { rate = "none", loss = "none" }
[[fault]]
kind = "handover"
at = "1 s"
node = "alice"
outage = "1 ms"
mode = "burst"
[[fault]]
kind = "nat-flush"
at = "1 s"
node = "cpe"
[[fault]]
kind = "nat-renumber"
at = "1 s"
node = "cpe"
[[fault]]
kind = "link"
at = "1 s"
for = "2 s"
link = "wall>server"
set = { delay = "1 s", outages = [["1 s", "2 s"]] }
[[fault]]
kind = "drop"
link = "uplink"
packets = [1, 17]
[[step]]
at = "1 s"
who = "phone"
do = "join"
apart = "1 ms"
room = "$$5 and \"quotes\" and \\ and \u0007"
"odd key" = { "x.y" = [1, 2.5, true, 1979-05-27], "" = "é" }
[script]
call = { from = "alice", to = "bob" }
[media]
video = { codec = "h264" }
[[expect]]
metric = "a.b"
of = "alice"
window = ["1 s", "2 s"]
min = "0.70*(capacity - 50 kb/s)"
max = 3
[[expect]]
metric = "a"
of = "phone"
window = "static"
max = "80 ms"
[[expect]]
metric = "a"
of = "uplink"
max = -1.5
[[expect]]
metric = "a"
of = "server>phone-2"
max = 1
[[expect]]
metric = "a"
of = "cbr-1"
max = 1
[[expect]]
metric = "a"
max = 1
[[expect]]
invariant = "good"
"#;

#[test]
fn one_of_everything() {
    let scenario = with(ALL);
    assert_eq!(again(&scenario), scenario);
    // The written form is a fixed point: places and presets are gone, nothing else changes.
    assert_eq!(again(&scenario).to_toml(), scenario.to_toml());
}

#[test]
fn what_is_written_is_written_for_people() {
    let text = "name = \"x\"\ndescription = \"$$\"\nduration = \"1.5 s\"\n[[node]]\nname = \"a\"\nrole = \"host\"\ncount = 2\n[[link]]\nfrom = \"a-1\"\nto = \"a-2\"\nrate = \"1500 kb/s\"\nback = { loss = \"2.5 %\" }\n[[fault]]\nkind = \"drop\"\nlink = \"a-1>a-2\"\npackets = [17]\n";
    let scenario = Scenario::parse(text, "x.toml").unwrap();
    assert_eq!(
        scenario.to_toml(),
        r#"name = "x"
description = "$$"
seed = 1
duration = "1.5 s"

[[node]]
name = "a-1"
role = "host"

[[node]]
name = "a-2"
role = "host"

[[link]]
from = "a-1"
to = "a-2"
rate = "1500 kb/s"
back = { loss = "2.5 %" }

[[fault]]
id = "fault-1"
kind = "drop"
link = "a-1>a-2"
packets = [17]
"#
    );
}

#[test]
fn variants_are_written_with_their_values_and_their_seed() {
    let text = format!(
        "{BASE}[matrix]\nd = [\"1 ms\", \"2 ms\"]\n[[link]]\nfrom = \"alice\"\nto = \"bob\"\ndelay = \"$d\"\n"
    );
    let text = text.replace("name = \"base\"", "name = \"base\"\nseed = \"1..2\"");
    let whole = Scenario::parse(&text, "m.toml").unwrap();
    for variant in whole.expand() {
        let read = again(&variant.scenario);
        assert_eq!(read, variant.scenario);
        assert_eq!(read.expand().len(), 1);
        assert_eq!(read.seed, variant.scenario.seed);
    }
}

/// Any text that stands for nothing else.
fn text() -> impl Strategy<Value = String> {
    proptest::string::string_regex("(\\PC|[$\\n\\t\"'\\\\]){0,12}").unwrap()
}

fn value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(toml::Value::from),
        any::<bool>().prop_map(toml::Value::from),
        (-1e9..1e9).prop_map(toml::Value::Float),
        text().prop_map(toml::Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(toml::Value::Array),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|map| toml::Value::Table(map.into_iter().collect())),
        ]
    })
}

/// Forms of a link's keys, each right by itself.
const FORMS: &[(&str, &[&str])] = &[
    (
        "preset",
        &[
            "\"lte\"",
            "\"rfc8867\"",
            "\"policed\"",
            "\"leo\"",
            "\"dsl-aqm\"",
        ],
    ),
    ("mtu", &["\"none\"", "\"1280 B\""]),
    (
        "loss",
        &[
            "\"none\"",
            "\"1 %\"",
            "{ enter = \"1 %\", leave = \"2 %\" }",
            "{ share = \"1 %\", burst = \"9 ms\" }",
            "{ packets = [3] }",
            "{ bitmap = \"01\" }",
        ],
    ),
    (
        "policer",
        &["\"none\"", "{ rate = \"1 Mb/s\", burst = \"9 kB\" }"],
    ),
    (
        "queue",
        &[
            "\"none\"",
            "\"9 kB\"",
            "\"9 ms\"",
            "\"9 packets\"",
            "{ kind = \"codel\" }",
            "{ kind = \"red\", limit = \"9 ms\", of = \"current\" }",
            "{ kind = \"pie\", alpha = 0.25, ecn_below = \"3 %\" }",
        ],
    ),
    ("rate", &["\"none\"", "\"1 Mb/s\"", "\"999 b/s\""]),
    (
        "schedule",
        &[
            "[]",
            "[[\"0 s\", \"1 Mb/s\"]]",
            "[[\"0 s\", \"2 Mb/s\"], [\"1 s\", \"stop\"]]",
            "[[\"1 s\", \"1 Mb/s\"]]",
            "[[\"0 s\", \"stop\"]]",
        ],
    ),
    ("reference", &["\"none\"", "\"1 Mb/s\""]),
    ("opportunities", &["\"none\"", "[1, 2]"]),
    (
        "on_off",
        &["\"none\"", "{ on = \"1 s\", off = { mean = \"1 s\" } }"],
    ),
    ("air_loss", &["\"none\"", "\"3 %\""]),
    ("delay", &["\"0 s\"", "\"3 ms\""]),
    ("delay_schedule", &["[]", "[[\"1 s\", \"2 s\"]]"]),
    (
        "jitter",
        &[
            "\"none\"",
            "\"1 ms\"",
            "{ kind = \"normal\", std = \"1 ms\" }",
            "{ kind = \"none\", reorders = true }",
        ],
    ),
    ("reorder", &["\"none\"", "{ every = 3, extra = \"1 ms\" }"]),
    ("duplicate", &["\"none\"", "{ probability = \"1 %\" }"]),
    ("corrupt", &["\"none\"", "{ corruption = \"garbage\" }"]),
    ("ecn", &["\"none\"", "{ bleach = \"100 %\" }"]),
    ("outages", &["[]", "[[\"1 s\", \"2 s\", \"hold\"]]"]),
];

/// Some of the keys of a link, as lines or as an inline table.
fn keys(picks: &[usize], separator: &str, preset: bool) -> String {
    let forms = FORMS
        .iter()
        .zip(picks)
        .filter(|((key, _), _)| preset || *key != "preset");
    let keys =
        forms.filter_map(|((key, forms), pick)| Some(format!("{key} = {}", forms.get(*pick)?)));
    keys.collect::<Vec<_>>().join(separator)
}

proptest! {
    /// Whatever a link says together with its preset, its way back and the faults that change it: what is accepted
    /// survives.
    #[test]
    fn links_survive_in_all_combinations(
        link in prop::collection::vec(0usize..14, FORMS.len()),
        back in prop::collection::vec(0usize..14, FORMS.len()),
        set in prop::collection::vec(0usize..10, FORMS.len()),
        shared in any::<bool>(),
    ) {
        let medium = if shared { "medium = \"air\"\n" } else { "" };
        let text = format!(
            "{BASE}[[medium]]\nname = \"air\"\n[[link]]\nfrom = \"alice\"\nto = \"bob\"\n{medium}{}\nback = {{ {} }}\n\
             [[fault]]\nkind = \"link\"\nat = \"1 s\"\nlink = \"alice>bob\"\nset = {{ {} }}\n",
            keys(&link, "\n", true), keys(&back, ", ", false), keys(&set, ", ", false),
        );
        if let Ok(scenario) = Scenario::parse(&text, "link.toml") {
            prop_assert_eq!(again(&scenario), scenario);
        }
    }

    /// With any of its lines left out, a file is refused, or read and written.
    #[test]
    fn files_with_lines_left_out_survive(
        left in prop::collection::vec(prop::bool::weighted(0.97), 400),
    ) {
        let lines = ALL.lines().zip(left.iter().cycle()).filter(|(_, left)| **left);
        let text = format!("{BASE}{}", lines.map(|(line, _)| format!("{line}\n")).collect::<String>());
        if let Ok(scenario) = Scenario::parse(&text, "left.toml") {
            prop_assert_eq!(again(&scenario), scenario);
        }
    }

    /// What the simulator does not read survives, whatever it is.
    #[test]
    fn opaque_tables_survive(
        table in prop::collection::btree_map(text(), value(), 0..6),
        name in text(),
        seed in any::<u64>(),
    ) {
        let mut scenario = with("[[step]]\nat = \"1 s\"\nwho = \"bob\"\ndo = \"x\"");
        let mut table: toml::Table = table.into_iter().collect();
        scenario.script = table.clone();
        for own in ["at", "who", "do", "apart", "when"] {
            table.remove(own);
        }
        scenario.steps[0].args = table;
        scenario.steps[0].action = name.clone();
        (scenario.name, scenario.seed) = (name, seed);
        prop_assert_eq!(again(&scenario), scenario);
    }

    /// Numbers survive to the last digit.
    #[test]
    fn quantities_survive(
        delay in 0..=3_600_000_000_000u64,
        rate in 1..=1_000_000_000_000u64,
        queue in any::<u64>(),
        digits in 0..1_000_000_000_000_000_000u64,
        decimals in 0usize..=17,
        at in 0..60_000_000_000u64,
    ) {
        let number = format!("{digits:0width$}", width = decimals + 1);
        let (whole, fraction) = number.split_at(number.len() - decimals);
        let loss = match fraction {
            "" => format!("{whole} %"),
            _ => format!("{whole}.{fraction} %"),
        };
        let loss = if loss.parse::<duet_sim::Probability>().is_ok() { loss } else { "1 %".into() };
        let scenario = with(&format!(
            "[[link]]\nfrom = \"alice\"\nto = \"bob\"\nrate = \"{rate} b/s\"\nqueue = \"{queue} B\"\ndelay = \"{delay} ns\"\nloss = \"{loss}\"\n\
             [[step]]\nat = \"{at} ns\"\nwho = \"bob\"\ndo = \"x\""
        ));
        prop_assert_eq!(again(&scenario), scenario);
    }
}
