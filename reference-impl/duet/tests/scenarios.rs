//! Scenarios run whole: the committed ones do what they expect, faults happen as they say, and equal runs are equal.

use std::time::Duration;

use duet::simulate::{Options, Outcome, run, run_line};
use duet_sim::{Record, Scenario};

fn committed(name: &str) -> Scenario {
    let path = format!(
        "{}/../../sim/scenarios/{name}.toml",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect("a committed scenario");
    Scenario::parse(&text, &path).unwrap_or_else(|error| panic!("{error}"))
}

fn written(text: &str) -> Scenario {
    Scenario::parse(text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(scenario: &Scenario) -> Outcome {
    let run = run(scenario, &Options::new(scenario.seed), |_| {});
    run.unwrap_or_else(|error| panic!("{error}"))
}

/// Each variant of a scenario with its seeds; all that does not hold is told at once.
fn all_hold(scenario: &Scenario, most: usize) {
    let mut wrong = Vec::new();
    for variant in scenario.expand().into_iter().take(most) {
        let line = run_line(&variant.scenario, duet::simulate::MediaMode::Synthetic);
        let faults: Vec<&str> = line
            .faults()
            .chain(line.skipped.iter().map(String::as_str))
            .collect();
        if !faults.is_empty() {
            wrong.push(format!(
                "seed {} {:?}: {faults:?}",
                line.seed, line.parameters
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_call_goes_on_over_a_handover_behind_a_nat() {
    all_hold(&committed("handover"), 5);
}

#[test]
fn a_room_comes_through_its_troubles() {
    all_hold(&committed("room-in-trouble"), 4);
}

#[test]
fn a_sweep_has_a_run_for_each_combination() {
    let sweep = committed("loss-and-delay");
    let variants = sweep.expand();
    assert_eq!(variants.len(), 12);
    let shown = |index: usize| {
        let line = run_line(
            &variants[index].scenario,
            duet::simulate::MediaMode::Synthetic,
        );
        assert!(line.ok, "{line:?}");
        line.metrics["bob.video.on_time"]
    };
    // No loss and the shortest way, most loss and the longest.
    let (best, worst) = (shown(0), shown(11));
    assert!(best > 0.97 && worst < best, "{best} {worst}");
}

const PAIR: &str = r#"
name = "pair"
duration = "20 s"

[[node]]
name = "server"
role = "server"

[[node]]
name = "ada"
role = "client"

[[node]]
name = "bob"
role = "client"

[[link]]
from = "ada"
to = "server"
delay = "20 ms"
loss = "1 %"

[[link]]
from = "bob"
to = "server"
delay = "20 ms"

[[step]]
at = "3 s"
who = ["ada", "bob"]
do = "join"
room = "hall"

[[step]]
at = "5 s"
who = "ada"
do = "send"
room = "hall"
"#;

#[test]
fn a_script_is_followed_and_the_same_seed_gives_the_same_log() {
    let scenario = written(PAIR);
    let (one, other) = (outcome(&scenario), outcome(&scenario));
    assert_eq!(
        (one.tally.logins, one.tally.sent, one.tally.received),
        (2, 1, 1)
    );
    assert!(one.skipped.is_empty() && one.breaches.is_empty());
    assert_eq!(one.log.first_difference(&other.log), None);
    let mut another = scenario.clone();
    another.seed = 2;
    assert!(one.log.first_difference(&outcome(&another).log).is_some());
}

#[test]
fn a_step_that_cannot_be_done_is_told() {
    let text = format!(
        "{PAIR}\n[[step]]\nat = \"7 s\"\nwho = \"bob\"\ndo = \"leave\"\nroom = \"cellar\"\n"
    );
    let outcome = outcome(&written(&text));
    assert_eq!(outcome.skipped.len(), 1);
    assert!(
        outcome.skipped[0].text.contains("not in that room"),
        "{:?}",
        outcome.skipped
    );
}

#[test]
fn a_partition_of_one_direction_stops_that_direction_only() {
    let text = format!(
        "{PAIR}\n[[fault]]\nat = \"10 s\"\nfor = \"3 s\"\nkind = \"partition\"\nfrom = \"ada\"\nto = \"server\"\n"
    );
    let outcome = outcome(&written(&text));
    let during = |at: duet_sim::Time| (10_000..13_000).contains(&(at.as_micros() / 1_000));
    let log = &outcome.log;
    let offered = |name: &str| {
        let packets = log.records().iter().filter(|record| match record {
            Record::Packet { link, journey } => {
                log.link_name(*link) == name && during(journey.offered)
            }
            _ => false,
        });
        packets.count()
    };
    let dropped = log.records().iter().filter(|record| {
        matches!(record, Record::Dropped { at, dropped, .. } if dropped.cause == "partition" && during(*at))
    });
    assert!(dropped.count() > 0, "ada had something to say");
    assert_eq!(offered("ada>server"), 0);
    assert!(offered("server>ada") > 0, "the server still reaches her");
    assert_eq!(outcome.tally.suspended, 0, "three seconds are not noticed");
}

#[test]
fn a_server_that_crashes_is_found_again_by_all() {
    let text = format!(
        "{PAIR}\n[[fault]]\nat = \"8 s\"\nkind = \"crash\"\nnode = \"server\"\nrestart_after = \"1 s\"\n"
    );
    let mut scenario = written(&text);
    scenario.duration = Duration::from_secs(60);
    let outcome = outcome(&scenario);
    assert_eq!(outcome.tally.logins, 4, "twice each: {:?}", outcome.tally);
    assert!(outcome.breaches.is_empty(), "{:?}", outcome.breaches);
}

#[test]
fn listed_packets_are_lost_and_no_others() {
    let text = format!(
        "{}\n[[fault]]\nkind = \"drop\"\nlink = \"ada>server\"\npackets = [3, 17]\n",
        PAIR.replace("loss = \"1 %\"\n", "")
    );
    let outcome = outcome(&written(&text));
    let lost: Vec<(String, u64)> = outcome
        .log
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Packet { link, journey } => match journey.fate {
                duet_sim::Fate::Lost { .. } => {
                    Some((outcome.log.link_name(*link).to_owned(), journey.number))
                }
                duet_sim::Fate::Delivered { .. } => None,
            },
            _ => None,
        })
        .collect();
    let expected = [3, 17].map(|number| ("ada>server".to_owned(), number));
    assert_eq!(lost, expected);
}

#[test]
fn an_expectation_that_does_not_hold_is_named_with_what_was_found() {
    let expect = |metric: &str| {
        written(&format!(
            "{PAIR}\n[[expect]]\nmetric = \"{metric}\"\nmin = 2\n"
        ))
    };
    let line = run_line(
        &expect("message.received"),
        duet::simulate::MediaMode::Synthetic,
    );
    assert!(!line.ok);
    assert_eq!(line.unmet, ["message.received is 1, less than 2"]);
    let line = run_line(
        &expect("message.reveived"),
        duet::simulate::MediaMode::Synthetic,
    );
    let told = line.failure.unwrap_or_default();
    assert!(!line.ok && line.log_hash.is_empty(), "it ran");
    assert!(told.contains("did you mean `message.received`?"), "{told}");
}

#[test]
fn what_a_step_says_wrong_is_shown_at_its_place() {
    let bad = |step: &str| {
        let scenario = written(&format!("{PAIR}\n[[step]]\nat = \"7 s\"\n{step}"));
        match run(&scenario, &Options::new(1), |_| {}) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it ran: {step}"),
        }
    };
    for (step, message) in [
        ("who = \"bob\"\ndo = \"dance\"\n", "nobody can `dance`"),
        ("who = \"bob\"\ndo = \"join\"\n", "`join` needs `room`"),
        (
            "who = \"bob\"\ndo = \"call\"\nto = \"bob\"\n",
            "nobody calls himself",
        ),
        (
            "who = \"bob\"\ndo = \"call\"\nto = \"server\"\n",
            "no client is called `server`; there is ",
        ),
        ("who = \"server\"\ndo = \"logout\"\n", "only a client"),
        (
            "who = \"bob\"\ndo = \"logout\"\nroom = \"hall\"\n",
            "takes no `room`",
        ),
        (
            "who = \"bob\"\ndo = \"send\"\n",
            "one of `room`, `to` and `session`",
        ),
        (
            "who = \"bob\"\ndo = \"send\"\nroom = \"hall\"\nsize = \"17 kB\"\n",
            "at most 16 000",
        ),
    ] {
        let error = bad(step);
        assert!(
            error.contains(message) && error.contains("test.toml:"),
            "{step}: {error}"
        );
    }
}

/// A linked service decides instead of the server: it is killed and another takes over; where none runs, nobody gets in.
#[test]
fn services_decide_and_stand_in_for_each_other() {
    all_hold(&committed("service-in-trouble"), 3);
    let text = include_str!("../../../sim/scenarios/service-in-trouble.toml");
    let without = text
        .replace("at = \"15 s\"", "at = \"0 s\"")
        .replace("at = \"75 s\"", "at = \"0 s\"")
        .replace("restart_after = ", "# ");
    let line = run_line(&written(&without), duet::simulate::MediaMode::Synthetic);
    assert_eq!(line.metrics["session.begun"], 0.0);
}

/// One step may be several messages; each is sent when it is due.
#[test]
fn a_step_repeats_what_it_says() {
    let text = |more: &str| {
        format!(
            r#"
            name = "several"
            duration = "20 s"
            [[node]]
            name = "server"
            role = "server"
            [[node]]
            name = "alice"
            role = "client"
            [[node]]
            name = "bob"
            role = "client"
            [[link]]
            from = "alice"
            to = "server"
            [[link]]
            from = "bob"
            to = "server"
            [[step]]
            at = "2 s"
            who = "alice"
            do = "send"
            to = "bob"
            {more}
            [[step]]
            at = "3 s"
            who = "alice"
            do = "data"
            session = "bob"
            "#
        )
    };
    let several = outcome(&written(&text("count = 7\nevery = \"2 s\"")));
    assert_eq!((several.tally.sent, several.tally.received), (8, 8));
    let cases = [
        ("count = 7", "`every` how long?"),
        (
            "count = 0\nevery = \"1 s\"",
            "this is a whole number, 1 to 100000",
        ),
        ("every = 3", "this is a text, in quotes"),
        (
            "room = \"hall\"",
            "`send` needs one of `room`, `to` and `session`",
        ),
    ];
    for (more, expected) in cases {
        let scenario = written(&text(more));
        let run = run(&scenario, &Options::new(1), |_| {});
        let error = run.err().expect("nobody can do that").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A source whose connections come one after the other goes through its own ports, round and round, and never comes to
/// those of the flow after it: there it would wait for acknowledgements for ever.
#[test]
fn many_short_connections_keep_to_the_ports_of_their_flow() {
    let scenario = written(
        r#"
name = "files"
duration = "60 s"

[[node]]
name = "client"
role = "client"
[[node]]
name = "server"
role = "server"

[[link]]
from = "client"
to = "server"
rate = "20 Mb/s"
delay = "5 ms"

[[flow]]
name = "files"
kind = "tcp-on-off"
from = "client"
to = "server"
file = "10 kB"
mean_idle = "50 ms"
starts_on = true

[[flow]]
name = "beside"
kind = "tcp"
from = "client"
to = "server"
bytes = "1 MB"
start = "1 s"

# 300 of them: more than a flow has ports.
[[expect]]
metric = "bytes"
of = "files"
min = "3 MB"

[[expect]]
metric = "bytes"
of = "beside"
min = "1 MB"
max = "1.01 MB"
"#,
    );
    all_hold(&scenario, 1);
}

/// `sim`'s own test reads them; here they are what can be run.
#[test]
fn the_examples_of_the_page_can_be_run() {
    let page = include_str!("../../../sim/scenarios/README.md");
    let blocks = page.split("```toml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 7);
    for block in blocks {
        for variant in written(block).expand() {
            let inspected = duet::simulate::inspect(&variant.scenario);
            inspected.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
