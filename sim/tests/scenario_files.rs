//! Scenario files: what is read, and what is said about faults.

use std::time::Duration;

use duet_sim::{Jitter, LinkConfig, Loss, Outage, QueueConfig, Rate, Role, Scenario, Time};
use proptest::prelude::*;

const FIRST_CALL: &str = include_str!("../scenarios/first-call.toml");

/// A scenario in which everything is right; tests put one thing wrong.
const GOOD: &str = r#"name = "good"
seed = 3
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
rate = "2 Mb/s"
queue = "64 kB"
delay = "15 ms"
jitter = "1.5 ms"
loss = { enter = "1 %", leave = "25 %", good = "0 %", bad = "100 %" }
outages = [["5 s", "15 s"]]

[script]
call = { from = "alice", to = ["bob"] }
"#;

/// What is said about [`GOOD`] with one text in it replaced by another.
fn complaint(before: &str, after: &str) -> String {
    assert_eq!(GOOD.matches(before).count(), 1, "{before}");
    let text = GOOD.replace(before, after);
    match Scenario::parse(&text, "bad.toml") {
        Err(error) => format!("{error}\n"),
        Ok(_) => panic!("accepted: {after}"),
    }
}

#[test]
fn the_first_call_reads_as_it_is_described() {
    let scenario = Scenario::parse(FIRST_CALL, "first-call.toml").unwrap();
    assert_eq!(scenario.name, "first-call");
    assert_eq!(scenario.seed, 1);
    assert_eq!(scenario.duration, Duration::from_secs(22));
    let nodes: Vec<_> = scenario
        .nodes
        .iter()
        .map(|n| (n.name.as_str(), n.role))
        .collect();
    assert_eq!(
        nodes,
        [
            ("alice", Role::Client),
            ("server", Role::Server),
            ("bob", Role::Client)
        ]
    );
    let access = LinkConfig {
        rate: Rate::new(2_000_000),
        queue: QueueConfig::bytes(64_000),
        delay: Duration::from_millis(15),
        jitter: Jitter::default(),
        loss: Loss::Independent("2.5 %".parse().unwrap()),
        ..LinkConfig::default()
    };
    let links: Vec<_> = scenario
        .links
        .iter()
        .flat_map(|link| link.directions())
        .collect();
    let ends = [(0, 1), (1, 0), (2, 1), (1, 2)];
    assert_eq!(links, ends.map(|(from, to)| (from, to, &access)));
    assert_eq!(scenario.script["call"]["at"].as_str(), Some("0.5 s"));
    assert_eq!(scenario.media["video"]["width"].as_integer(), Some(640));
    assert!(scenario.expect.is_empty());
}

#[test]
fn every_key_is_read() {
    let scenario = Scenario::parse(GOOD, "good.toml").unwrap();
    let config = LinkConfig {
        rate: Rate::new(2_000_000),
        queue: QueueConfig::bytes(64_000),
        delay: Duration::from_millis(15),
        jitter: Jitter::uniform(Duration::from_micros(1_500)),
        loss: Loss::GilbertElliott {
            enter: "1 %".parse().unwrap(),
            leave: "25 %".parse().unwrap(),
            good: "0 %".parse().unwrap(),
            bad: "100 %".parse().unwrap(),
        },
        outages: vec![Outage::drop(
            Time::from_millis(5_000),
            Time::from_millis(15_000),
        )],
        ..LinkConfig::default()
    };
    assert_eq!(scenario.links[0].config, config);
    assert_eq!(scenario.seed, 3);
    let one_way = GOOD.replace("rate =", "to_only = true\nrate =");
    let scenario = Scenario::parse(&one_way, "good.toml").unwrap();
    assert_eq!(scenario.links[0].back, None);
    assert_eq!(scenario.links[0].directions().count(), 1);
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let text = "name = \"x\"\nduration = \"1 s\"\n[[node]]\nname = \"a\"\nrole = \"host\"\n";
    let scenario = Scenario::parse(text, "x.toml").unwrap();
    assert_eq!((scenario.seed, scenario.description.as_str()), (1, ""));
    assert!(scenario.links.is_empty() && scenario.script.is_empty() && scenario.media.is_empty());
}

macro_rules! complaints {
    ($($test:ident: $before:expr => $after:expr, $expected:expr;)*) => {
        $(
            #[test]
            fn $test() {
                assert_eq!(complaint($before, $after), $expected);
            }
        )*
    };
}

complaints! {
    a_misspelt_key_gets_a_suggestion:
        r#"delay = "15 ms""# => r#"dealy = "15 ms""#,
        r#"error: unknown key `dealy`
  --> bad.toml:17:1
   |
17 | dealy = "15 ms"
   | ^^^^^ did you mean `delay`?
"#;
    two_letters_swapped_are_one_slip:
        r#"to = "server""# => r#"ot = "server""#,
        r#"error: unknown key `ot`
  --> bad.toml:14:1
   |
14 | ot = "server"
   | ^^ did you mean `to`?
"#;
    an_unknown_key_far_from_all_others_gets_the_list:
        r#"leave = "25 %""# => r#"velocity = "25 %""#,
        r#"error: unknown key `velocity`
  --> bad.toml:19:25
   |
19 | loss = { enter = "1 %", velocity = "25 %", good = "0 %", bad = "100 %" }
   |                         ^^^^^^^^ known here: enter, leave, good, bad
"#;
    an_unknown_key_at_the_top_is_refused:
        r#"seed = 3"# => r#"sead = 3"#,
        r#"error: unknown key `sead`
 --> bad.toml:2:1
  |
2 | sead = 3
  | ^^^^ did you mean `seed`?
"#;
    an_unknown_node_gets_a_suggestion:
        r#"to = "server""# => r#"to = "sevrer""#,
        r#"error: there is no node `sevrer`
  --> bad.toml:14:6
   |
14 | to = "sevrer"
   |      ^^^^^^^^ did you mean `server`?
"#;
    a_link_to_itself_is_refused:
        r#"to = "server""# => r#"to = "alice""#,
        r#"error: a link must not lead from a node to itself
  --> bad.toml:14:6
   |
14 | to = "alice"
   |      ^^^^^^^
"#;
    two_nodes_of_one_name_are_refused:
        r#"name = "server""# => r#"name = "alice""#,
        r#"error: there is a node `alice` already
 --> bad.toml:9:8
  |
9 | name = "alice"
  |        ^^^^^^^
"#;
    two_links_of_one_direction_are_refused:
        r#"[script]"# => "[[link]]\nfrom = \"server\"\nto = \"alice\"\n\n[script]",
        r#"error: there is a link from `server` to `alice` already
  --> bad.toml:23:8
   |
23 | from = "server"
   |        ^^^^^^^^ a link has both directions unless `to_only = true`
"#;
    a_missing_unit_is_asked_for:
        r#"delay = "15 ms""# => r#"delay = 15"#,
        r#"error: `delay`: a unit is missing: use ns, us, µs, ms, s, min, h
  --> bad.toml:17:9
   |
17 | delay = 15
   |         ^^ such as "15 ms"
"#;
    an_unknown_unit_gets_the_list:
        r#"rate = "2 Mb/s""# => r#"rate = "2 Mbps""#,
        r#"error: `rate`: unknown unit "Mbps": use b/s, kb/s, Mb/s, Gb/s
  --> bad.toml:15:8
   |
15 | rate = "2 Mbps"
   |        ^^^^^^^^ such as "2 Mb/s"
"#;
    a_negative_number_is_refused:
        r#"delay = "15 ms""# => r#"delay = "-15 ms""#,
        r#"error: `delay`: must not be negative
  --> bad.toml:17:9
   |
17 | delay = "-15 ms"
   |         ^^^^^^^^ such as "15 ms"
"#;
    a_negative_seed_is_refused:
        r#"seed = 3"# => r#"seed = -3"#,
        r#"error: `seed` must not be negative
 --> bad.toml:2:8
  |
2 | seed = -3
  |        ^^
"#;
    a_wrong_type_is_named:
        r#"jitter = "1.5 ms""# => r#"jitter = true"#,
        r#"error: `jitter` must be a string such as "5 ms", not true or false
  --> bad.toml:18:10
   |
18 | jitter = true
   |          ^^^^
"#;
    a_probability_above_one_is_refused:
        r#"enter = "1 %""# => r#"enter = "101 %""#,
        r#"error: `enter`: a probability is at most 100 % (a number without `%` is a fraction, at most 1)
  --> bad.toml:19:18
   |
19 | loss = { enter = "101 %", leave = "25 %", good = "0 %", bad = "100 %" }
   |                  ^^^^^^^ such as "2.5 %"
"#;
    an_outage_that_ends_before_it_begins_is_refused:
        r#"["5 s", "15 s"]"# => r#"["15 s", "5 s"]"#,
        r#"error: an outage must end after it begins
  --> bad.toml:20:12
   |
20 | outages = [["15 s", "5 s"]]
   |            ^^^^^^^^^^^^^^^
"#;
    an_outage_with_one_end_is_refused:
        r#"["5 s", "15 s"]"# => r#"["5 s"]"#,
        r#"error: an outage is a pair: when it begins and when it ends
  --> bad.toml:20:12
   |
20 | outages = [["5 s"]]
   |            ^^^^^^^ such as ["5 s", "15 s"]
"#;
    a_queue_without_a_rate_is_refused:
        "rate = \"2 Mb/s\"\n" => r#""#,
        r#"error: `queue` without `rate` has no effect: nothing ever waits
  --> bad.toml:15:9
   |
15 | queue = "64 kB"
   |         ^^^^^^^
"#;
    a_missing_key_is_named_at_its_table:
        "role = \"server\"\n" => r#""#,
        r#"error: the key `role` is missing
 --> bad.toml:8:1
  |
8 | [[node]]
  | ^^^^^^^^
"#;
    a_missing_key_at_the_top_is_named:
        "duration = \"20 s\"\n" => r#""#,
        r#"error: the key `duration` is missing
 --> bad.toml:1:1
  |
1 | name = "good"
  | ^
"#;
    a_run_of_no_time_is_refused:
        r#"duration = "20 s""# => r#"duration = "0 s""#,
        r#"error: `duration` must not be zero
 --> bad.toml:3:12
  |
3 | duration = "0 s"
  |            ^^^^^
"#;
    a_name_that_would_break_the_log_is_refused:
        r#"name = "server""# => r#"name = "my server""#,
        r#"error: a node's name is made of letters, digits, `-` and `_`
 --> bad.toml:9:8
  |
9 | name = "my server"
  |        ^^^^^^^^^^^
"#;
    what_is_no_toml_is_refused:
        r#"queue = "64 kB""# => r#"queue = 64 kB"#,
        r#"error: string values must be quoted, expected literal string
  --> bad.toml:16:9
   |
16 | queue = 64 kB
   |         ^^^^^
"#;
    an_opaque_table_must_be_a_table:
        "seed = 3" => "seed = 3\nmedia = 3",
        r#"error: `media` must be a table, not a number
 --> bad.toml:3:9
  |
3 | media = 3
  |         ^
"#;
}

/// Those who read the opaque tables can point into them.
#[test]
fn faults_in_opaque_tables_have_a_place_too() {
    let scenario = Scenario::parse(GOOD, "good.toml").unwrap();
    let at = |path: &[&str]| {
        let error = scenario.error_at(path, "there is no node `bob`", None);
        (error.line, error.column, error.width)
    };
    assert_eq!(at(&["script", "call", "to", "0"]), (23, 32, 5));
    assert_eq!(at(&["script", "call", "from"]), (23, 17, 7));
    assert_eq!(at(&["node", "1", "role"]), (10, 8, 8));
    assert_eq!(at(&["script", "call", "at"]), at(&["script", "call"]));
    assert_eq!(at(&[]), (1, 1, 1));
    let error = scenario.error_at(&["script", "call"], "unknown key `call`", Some(&["calls"]));
    assert_eq!(
        error.to_string(),
        "error: unknown key `call`\n  --> good.toml:23:1\n   |\n\
         23 | call = { from = \"alice\", to = [\"bob\"] }\n   | ^^^^ did you mean `calls`?"
    );
}

#[test]
fn the_caret_counts_characters_and_keeps_tabs() {
    let text = "name = \"x\"\nduration = \"1 s\"\n[[node]]\n\t\"näme\" = \"a\"\nrole = \"r\"\n";
    let error = Scenario::parse(text, "x.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: unknown key `näme`\n --> x.toml:4:2\n  |\n4 | \t\"näme\" = \"a\"\n  | \t^^^^^^ did you mean `name`?"
    );
}

proptest! {
    /// Cut anywhere, or with any one character replaced, a file is read or complained about; never a panic, and the
    /// place is in the file.
    #[test]
    fn every_broken_file_gets_an_answer(cut in 0usize..2_000, with in "\\PC|\t|\n|") {
        let text: Vec<char> = GOOD.chars().collect();
        let cut = cut % text.len();
        let head: String = text[..cut].iter().collect();
        let tail: String = text[cut + 1..].iter().collect();
        for text in [head.clone(), format!("{head}{with}{tail}")] {
            if let Err(error) = Scenario::parse(&text, "broken.toml") {
                prop_assert!(error.line >= 1 && error.line <= text.split('\n').count());
                prop_assert!(error.column <= error.source_line.chars().count() + 1);
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
