//! What is measured of runs, and whether what is expected of them can fail.

use std::path::{Path, PathBuf};

use duet::report::Report;
use duet::simulate::{Options, Outcome, SimulateError, inspect, run};
use duet_sim::{Outcome as Judged, Scenario};

fn written(text: &str) -> Scenario {
    Scenario::parse(text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn outcome(text: &str) -> Outcome {
    let scenario = written(text);
    let run = run(&scenario, &Options::new(scenario.seed), |_| {});
    run.unwrap_or_else(|error| panic!("{error}"))
}

fn metric(outcome: &Outcome, name: &str) -> Option<f64> {
    let found = outcome.measured.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| *value)
}

/// A flow of 3 Mb/s for 20 s over a link with these keys, and more.
fn stream(link: &str, more: &str) -> String {
    format!(
        r#"
        name = "stream"
        duration = "20 s"
        [[node]]
        name = "s"
        role = "host"
        [[node]]
        name = "r"
        role = "host"
        [[link]]
        name = "l"
        from = "s"
        to = "r"
        queue = "100 ms"
        {link}
        [[flow]]
        name = "background"
        kind = "cbr"
        from = "s"
        to = "r"
        rate = "3 Mb/s"
        {more}
        "#
    )
}

/// A fault that sets a rate sets the capacity: a link of 1 Mb/s that became one of 4 Mb/s was used to 350 %.
#[test]
fn a_link_is_used_by_what_it_has_at_the_time() {
    let more = r#"
        [[fault]]
        kind = "link"
        at = "10 s"
        link = "l"
        set = { rate = "4 Mb/s" }
        [[expect]]
        metric = "utilisation"
        of = "s>r"
        window = ["12 s", "18 s"]
        min = "70 %"
        max = "80 %"
        [[expect]]
        metric = "rate"
        of = "s>r"
        window = "static"
        min = "1.9 Mb/s"
        max = "2.1 Mb/s"
        "#;
    let run = outcome(&stream("rate = \"1 Mb/s\"", more));
    for verdict in &run.verdicts {
        assert!(verdict.held(), "{}", verdict.message);
    }
    assert_eq!(metric(&run, "s>r.capacity"), Some(2.5e6));
    let used = metric(&run, "s>r.utilisation").expect("a utilisation");
    assert!((0.7..0.9).contains(&used), "{used}");
    assert_eq!(steps(&run.report), (vec![(0.0, 1e6), (10.0, 4e6)], vec![]));
}

/// What the chart of a link has: its capacity and when it was down.
type Steps = (Vec<(f64, f64)>, Vec<(f64, f64)>);

fn steps(report: &Report) -> Steps {
    let link = report.links.iter().find(|link| link.name == "s>r");
    let timeline = link.and_then(|link| link.timeline.clone());
    let timeline = timeline.expect("a timeline");
    (timeline.capacity, timeline.outages)
}

#[test]
fn what_is_down_has_no_capacity() {
    let more = r#"
        [[fault]]
        kind = "handover"
        at = "5 s"
        outage = "5 s"
        node = "s"
        set = { rate = "2 Mb/s" }
        [[expect]]
        metric = "utilisation"
        of = "s>r"
        window = ["6 s", "9 s"]
        max = "100 %"
        "#;
    let run = outcome(&stream("rate = \"8 Mb/s\"", more));
    assert_eq!(metric(&run, "s>r.capacity"), Some(3e6));
    // A share of nothing is none.
    assert_eq!(run.verdicts[0].outcome, Judged::NotRun);
    let capacity = vec![(0.0, 8e6), (5.0, 0.0), (10.0, 2e6)];
    assert_eq!(steps(&run.report), (capacity, vec![(5.0, 10.0)]));
    let stops = "schedule = [[\"0 s\", \"1 Mb/s\"], [\"5 s\", \"stop\"]]";
    let run = outcome(&stream(stops, ""));
    assert_eq!(metric(&run, "s>r.capacity"), Some(0.25e6));
}

/// A run whose expectations could not fail is none, whoever starts it.
#[test]
fn what_cannot_fail_is_not_run() {
    for (expectation, told) in [
        (
            "metric = \"goodput\"\nof = \"background\"\nmin = \"3 ms\"",
            "`goodput` is a rate, and this is a time",
        ),
        (
            "metric = \"goodput\"\nof = \"background\"\nmin = \"0.7*capacity\"",
            "cross traffic has no metric `capacity`",
        ),
        (
            "metric = \"loss\"\nof = \"l\"\nmax = 5",
            "`loss` is a share",
        ),
        (
            "metric = \"delay.p95\"\nof = \"l\"\nmax = 80",
            "`delay.p95` is a time, and this is a number without a unit",
        ),
        (
            "metric = \"goodput\"\nof = \"background\"\nmax = 0\nwindow = [\"200 s\", \"210 s\"]",
            "the window begins at 200 s, and the run ends at 20 s",
        ),
        (
            "metric = \"session.begun\"\nmax = 0\nwindow = [\"1 s\", \"2 s\"]",
            "`session.begun` is of the whole run, and has no window",
        ),
    ] {
        let scenario = written(&stream(
            "rate = \"1 Mb/s\"",
            &format!("[[expect]]\n{expectation}"),
        ));
        let error = inspect(&scenario).expect_err(expectation);
        assert!(error.message.contains(told), "{error}");
        let run = run(&scenario, &Options::new(1), |_| {});
        let Err(SimulateError::Scenario(again)) = run else {
            panic!("{expectation}: it was run");
        };
        assert_eq!(again, error);
    }
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push(path),
        }
    }
}

#[test]
fn what_is_committed_can_be_judged() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sim/scenarios");
    let mut all = Vec::new();
    files(&folder, &mut all);
    let mut expectations = 0;
    for path in all {
        let name = path.display().to_string();
        if !name.ends_with(".toml") || name.ends_with("bands.toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let beside = path.parent().expect("a folder").to_owned();
        let mut open = |name: &str| {
            std::fs::read_to_string(beside.join(name)).map_err(|error| error.to_string())
        };
        let scenario = Scenario::parse_with(&text, &name, &mut open);
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        for variant in scenario.expand() {
            expectations += variant.scenario.expect.len();
            inspect(&variant.scenario).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    assert!(expectations > 10, "{expectations}");
    // The page's own examples.
    let page = std::fs::read_to_string(folder.join("README.md")).expect("the page");
    let examples = page.split("```toml\n").skip(1);
    let examples = examples.filter_map(|example| example.split("```").next());
    let mut judged = examples.filter(|example| example.contains("[[expect]]"));
    let example = judged.next().expect("an example");
    inspect(&written(example)).unwrap_or_else(|error| panic!("{error}"));
}

/// A call over links that lose nothing showed 98.8 % of its pictures in time: the last ones were on their way when it
/// was hung up.
#[test]
fn pictures_that_the_end_cuts_off_are_not_late() {
    let call = |length: &str| {
        format!(
            r#"
            name = "call"
            duration = "10 s"
            [[node]]
            name = "alice"
            role = "client"
            [[node]]
            name = "server"
            role = "server"
            [[node]]
            name = "bob"
            role = "client"
            [[link]]
            from = "alice"
            to = "server"
            delay = "20 ms"
            [[link]]
            from = "bob"
            to = "server"
            delay = "20 ms"
            [script]
            call = {{ from = "alice", to = "bob", at = "3 s"{length} }}
            "#
        )
    };
    for length in [", length = \"5 s\"", ""] {
        let run = outcome(&call(length));
        for who in ["alice", "bob"] {
            for name in ["video.on_time", "video.shown"] {
                let value = metric(&run, &format!("{who}.{name}"));
                assert_eq!(value, Some(1.0), "{name} of {who}{length}");
            }
        }
        for side in &run.report.sides {
            assert!((side.on_time(250.0) - 1.0).abs() < 1e-12, "{}", side.name);
            assert!(side.judged().count() + 20 > side.pictures.len());
        }
    }
}

/// A host behind a box, and one outside; flows between them.
fn behind(role: &str, link: &str, more: &str) -> String {
    format!(
        r#"
        name = "behind"
        duration = "20 s"
        [[node]]
        name = "s"
        role = "host"
        [[node]]
        name = "home"
        {role}
        [[node]]
        name = "r"
        role = "host"
        [[link]]
        from = "s"
        to = "home"
        delay = "2 ms"
        [[link]]
        from = "home"
        to = "r"
        rate = "4 Mb/s"
        delay = "20 ms"
        {link}
        {more}
        "#
    )
}

const NAT: &str = "role = \"nat\"\npreset = \"home\"\noutside = \"r\"";

/// What senders know of their flows.
#[test]
fn flows_tell_what_was_lost_and_sent_again() {
    let more = r#"
        [[flow]]
        name = "file"
        kind = "tcp"
        from = "s"
        to = "r"
        bytes = "1 MB"
        start = "1 s"
        [[flow]]
        name = "pages"
        kind = "tcp-on-off"
        from = "s"
        to = "r"
        file = "30 kB"
        mean_idle = "500 ms"
        [[flow]]
        name = "stopped"
        kind = "cbr"
        from = "s"
        to = "r"
        rate = "200 kb/s"
        stop = "15 s"
        [[flow]]
        name = "endless"
        kind = "cbr"
        from = "s"
        to = "r"
        rate = "200 kb/s"
        "#;
    let run = outcome(&behind(NAT, "loss = \"5 %\"\nqueue = \"200 ms\"", more));
    let value = |name: &str| metric(&run, name);
    let near = |name: &str, low: f64, high: f64| {
        let value = metric(&run, name).unwrap_or(f64::NAN);
        assert!((low..high).contains(&value), "{name} is {value}");
    };
    near("file.retransmitted", 0.02, 0.1);
    near("file.rtt", 0.044, 0.3);
    near("file.completion.max", 2.0, 18.0);
    assert_eq!(value("file.completion.mean"), value("file.completion.max"));
    near("pages.files", 5.0, 40.0);
    near("pages.completion.p50", 0.09, 3.0);
    near("pages.retransmitted", 0.01, 0.15);
    near("stopped.loss", 0.02, 0.09);
    // What was on its way at the end is not told from what was lost.
    assert_eq!(value("endless.loss"), None);
    assert_eq!(value("stopped.marked"), Some(0.0));
    // One mapping for each port: a connection for each file.
    let files = value("pages.files").expect("a count");
    near("home.mappings", files + 3.0, files + 5.0);
    assert_eq!(value("home.refused"), Some(0.0));
}

#[test]
fn boxes_tell_what_they_refused() {
    let flow = |from: &str, to: &str| {
        format!(
            "[[flow]]\nname = \"stream\"\nkind = \"cbr\"\nfrom = \"{from}\"\nto = \"{to}\"\nrate = \"200 kb/s\"\nstop = \"15 s\"\n"
        )
    };
    let expect = |metric: &str, bounds: &str| {
        format!("[[expect]]\nmetric = \"{metric}\"\nof = \"home\"\n{bounds}\n")
    };
    let firewall = "role = \"firewall\"\npreset = \"only-443\"\noutside = \"r\"";
    let more = flow("s", "r")
        + &expect("refused", "min = 200")
        + &expect("refused", "max = 0\nwindow = [\"16 s\", \"18 s\"]")
        + &expect("refused.size", "max = 0")
        + "[[expect]]\nmetric = \"loss\"\nof = \"stream\"\nmin = 1\n";
    let run = outcome(&behind(firewall, "", &more));
    for verdict in &run.verdicts {
        assert!(verdict.held(), "{}", verdict.message);
    }
    let all = metric(&run, "home.refused").expect("a count");
    let causes = run.measured.iter();
    let causes = causes.filter(|(name, _)| name.starts_with("home.refused."));
    let sum: f64 = causes.map(|(_, value)| value).sum();
    assert!((all - sum).abs() < 1e-9, "{all} and {sum}");
    // A NAT that gets another address makes another mapping.
    let renumber = "[[fault]]\nkind = \"nat-renumber\"\nat = \"5 s\"\nnode = \"home\"\n";
    let more = flow("s", "r") + renumber + &expect("mappings", "min = 2\nmax = 2");
    let run = outcome(&behind(NAT, "", &more));
    assert!(run.verdicts[0].held(), "{}", run.verdicts[0].message);
    let scenario = written(&behind(
        NAT,
        "",
        &(flow("s", "r") + &expect("video.shown", "min = 1")),
    ));
    let error = inspect(&scenario).expect_err("it has no pictures");
    assert!(
        error
            .message
            .contains("a NAT has no metric `video.shown`; there is mappings"),
        "{error}"
    );
}
