//! Media flows of scenario files: the same flows as in the cases of RFC 8867, with faults, expectations and all else that
//! scenarios have.

use duet::flows::controllers;
use duet::rfc8867::cases;
use duet::rfc8867::measure::measure;
use duet::simulate::{MediaMode, Options, Outcome, SimulateError, inspect, run, run_line};
use duet_sim::{FlowKind, Scenario, ScenarioError};

fn written(text: &str) -> Scenario {
    Scenario::parse(text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(scenario: &Scenario) -> Outcome {
    let run = run(scenario, &Options::new(scenario.seed), |_| {});
    run.unwrap_or_else(|error| panic!("{error}"))
}

fn metric(outcome: &Outcome, name: &str) -> f64 {
    let found = outcome.measured.iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no metric {name}")).1
}

/// A media flow from `a` to `b`, with more keys; more of the link; more of all else.
fn flow(keys: &str, link: &str, more: &str) -> String {
    format!(
        r#"
        name = "flow"
        duration = "20 s"
        [[node]]
        name = "a"
        role = "host"
        [[node]]
        name = "b"
        role = "host"
        [[link]]
        from = "a"
        to = "b"
        delay = "20 ms"
        {link}
        [[flow]]
        name = "talk"
        kind = "media"
        from = "a"
        to = "b"
        {keys}
        {more}
        "#
    )
}

#[test]
fn a_case_of_rfc_8867_is_the_same_run_as_a_scenario() {
    let case = cases::all()
        .into_iter()
        .find(|run| run.id() == "5.6/queue-300ms-cubic");
    let case = case.expect("a case");
    let entry = controllers::named("newreno").expect("a controller");
    let record = duet::rfc8867::run::run(&case, &entry, 1, |_| {}).expect("a network");
    let measures = measure(&record);
    let mut scenario = case.scenario.clone();
    for flow in &mut scenario.flows {
        if let FlowKind::Media(keys) = &mut flow.kind {
            keys.insert("controller".into(), "newreno".into());
        }
    }
    let outcome = outcome(&scenario);
    assert_eq!(outcome.log.hash(), record.log_hash);
    for (metric_of, percent) in [
        ("loss", "loss"),
        ("expired", "expired"),
        ("frames.whole", "frames_whole"),
    ] {
        let share = metric(&outcome, &format!("media-1.{metric_of}"));
        assert!(
            (share * 100.0 - measures[percent]).abs() < 1e-9,
            "{metric_of}: {share} and {} %",
            measures[percent]
        );
    }
    assert!(measures["loss"] > 0.0 && measures["frames_whole"] < 100.0);
    let goodput = metric(&outcome, "media-1.goodput");
    let while_on = goodput * case.scenario.duration.as_secs_f64() / 114.0;
    assert!((while_on / 1e3 / measures["media_rate"] - 1.0).abs() < 0.01);
}

#[test]
fn the_example_holds_under_every_controller() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sim/scenarios/media-flows.toml"
    );
    let text = std::fs::read_to_string(path).expect("a committed scenario");
    let scenario = Scenario::parse(&text, path).expect("a scenario");
    let variants = scenario.expand();
    assert_eq!(variants.len(), 4);
    for variant in variants {
        let line = run_line(&variant.scenario, MediaMode::Synthetic);
        let wrong: Vec<&str> = line.faults().collect();
        assert!(wrong.is_empty(), "{:?}: {wrong:?}", variant.parameters);
    }
}

#[test]
fn a_flow_has_the_controller_that_it_names() {
    let target = |name: &str| {
        let keys = format!("controller = \"{name}\"");
        let outcome = outcome(&written(&flow(&keys, "rate = \"1 Mb/s\"", "")));
        metric(&outcome, "talk.target")
    };
    assert!((target("fixed") - 1e6).abs() < 1.0);
    assert!((target("cubic") - 1e6).abs() > 1e4);
    let unnamed = outcome(&written(&flow("", "rate = \"1 Mb/s\"", "")));
    let named = outcome(&written(&flow(
        "controller = \"newreno\"",
        "rate = \"1 Mb/s\"",
        "",
    )));
    assert_eq!(unnamed.log.hash(), named.log.hash());
}

#[test]
fn metrics_are_of_the_window_and_of_the_path() {
    let text = flow(
        "controller = \"fixed\"\nstart = \"2 s\"\npause = [\"8 s\", \"12 s\"]",
        "loss = \"5 %\"",
        r#"
        [[expect]]
        metric = "goodput"
        of = "talk"
        window = ["8.5 s", "12 s"]
        max = "0 b/s"
        [[expect]]
        metric = "goodput"
        of = "talk"
        window = ["3 s", "8 s"]
        min = "880 kb/s"
        max = "1000 kb/s"
        [[expect]]
        metric = "loss"
        of = "talk"
        min = "3 %"
        max = "7 %"
        [[expect]]
        metric = "delay.p50"
        of = "talk"
        min = "20 ms"
        max = "21 ms"
        [[expect]]
        metric = "frames.whole"
        of = "talk"
        max = "90 %"
        "#,
    );
    let line = run_line(&written(&text), MediaMode::Synthetic);
    let wrong: Vec<&str> = line.faults().collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn faults_hit_media_flows() {
    let clean = outcome(&written(&flow("controller = \"fixed\"", "", "")));
    assert_eq!(metric(&clean, "talk.loss"), 0.0);
    assert_eq!(metric(&clean, "talk.frames.whole"), 1.0);
    let cut = flow(
        "controller = \"fixed\"",
        "",
        "[[fault]]\nkind = \"outage\"\nlink = \"a>b\"\nat = \"5 s\"\nfor = \"1 s\"",
    );
    let cut = outcome(&written(&cut));
    // A second of some seventeen that count.
    let loss = metric(&cut, "talk.loss");
    assert!((0.03..0.08).contains(&loss), "{loss}");
    // Whoever gets another address while it sends goes on over QUIC's migration.
    let moved = flow(
        "controller = \"fixed\"",
        "",
        "[[fault]]\nkind = \"handover\"\nnode = \"a\"\nat = \"5 s\"\noutage = \"100 ms\"\nnew_address = true",
    );
    let moved = outcome(&written(&moved));
    let goodput = metric(&moved, "talk.goodput") / metric(&clean, "talk.goodput");
    assert!(goodput > 0.9, "{goodput}");
}

#[test]
fn pictures_count_while_there_is_no_connection() {
    let cut = flow(
        "controller = \"fixed\"",
        "",
        "[[fault]]\nkind = \"outage\"\nlink = \"a<>b\"\nat = \"4 s\"",
    );
    // Longer, so that QUIC gives the connection up long before the end.
    let cut = outcome(&written(&cut.replace("\"20 s\"", "\"60 s\"")));
    let whole = metric(&cut, "talk.frames.whole");
    // Of 58 s that count, the first four.
    assert!((0.06..0.08).contains(&whole), "{whole}");
    assert!(metric(&cut, "talk.trips") >= 1.0);
}

#[test]
fn marks_are_asked_for_by_flows_that_say_so() {
    let marked = |keys: &str| {
        let link = "rate = \"1 Mb/s\"\nqueue = { kind = \"codel\", ecn = true }";
        let outcome = outcome(&written(&flow(keys, link, "")));
        metric(&outcome, "talk.loss")
    };
    let (asks, does_not) = (
        marked("controller = \"cubic\"\necn = true"),
        marked("controller = \"cubic\""),
    );
    assert!(asks < does_not, "{asks} and {does_not}");
    assert!(asks < 0.002, "{asks}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_runs() {
    let message = |text: &str| -> String {
        let error: ScenarioError = inspect(&written(text)).expect_err("an error");
        error.to_string()
    };
    for (keys, says) in [
        ("controller = \"vegas\"", "no controller is called `vegas`"),
        ("controller = 1", "the name of a controller"),
        ("ecn = \"yes\"", "this is true or false"),
        ("priority = 0", "a priority is a positive number"),
        ("pause = [\"3 s\", \"2 s\"]", "a pause is a pair of times"),
        ("patience = 1", "media flows have no such key"),
    ] {
        let told = message(&flow(keys, "", ""));
        assert!(told.contains(says) && told.contains("test.toml:"), "{told}");
    }
    let crash = "[[fault]]\nkind = \"crash\"\nnode = \"a\"\nat = \"1 s\"";
    assert!(message(&flow("", "", crash)).contains("no program runs on `a`, which is a host"));
    let unknown = "[[expect]]\nmetric = \"target\"\nof = \"noise\"\nmin = \"1 b/s\"";
    let noise =
        "[[flow]]\nname = \"noise\"\nkind = \"cbr\"\nrate = \"1 Mb/s\"\nfrom = \"a\"\nto = \"b\"";
    let told = message(&flow("", "", &format!("{noise}\n{unknown}")));
    assert!(
        told.contains("cross traffic has no metric `target`"),
        "{told}"
    );
    let text = flow("", "", "").replace("role = \"host\"", "role = \"client\"");
    assert!(message(&text).contains("clients and services need a node"));
    let text = flow("", "", "");
    let idle = text.split("[[flow]]").next().expect("a head");
    assert!(message(idle).contains("nothing happens here"));
    let run = run(&written(idle), &Options::new(1), |_| {});
    assert!(matches!(run, Err(SimulateError::Scenario(_))));
}
