//! `[[expect]]`: what is read, and how a run is judged.

use std::collections::BTreeMap;

use duet_sim::{
    Bound, Check, LinkRef, Measurable, Metrics, Outcome, Scenario, Subject, Time, Unit, Window,
};

use super::{complaint, with};

fn checks(more: &str) -> Vec<Check> {
    let flow = "[[flow]]\nname = \"bulk\"\nkind = \"tcp\"\nfrom = \"alice\"\nto = \"server\"\n";
    with(&format!("{flow}{more}"))
        .expect
        .into_iter()
        .map(|expectation| expectation.check)
        .collect()
}

#[test]
fn subjects_windows_and_bounds() {
    let checks = checks(
        r#"
[[expect]]
metric = "video.goodput"
of = "phone"
window = ["16 s", "39 s"]
min = "0.70*capacity"
[[expect]]
metric = "queue.delay.p95"
of = "alice>home"
window = "static"
max = "80 ms"
[[expect]]
metric = "rate"
of = "bulk"
min = 3
max = 4.5
[[expect]]
metric = "rate"
of = "uplink"
max = 1
[[expect]]
invariant = "room.total_order"
"#,
    );
    let subjects: Vec<_> = checks
        .iter()
        .filter_map(|check| match check {
            Check::Metric { of, window, .. } => Some((*of, *window)),
            Check::Invariant { .. } => None,
        })
        .collect();
    let span = Window::Span(Time::from_millis(16_000), Time::from_millis(39_000));
    let link = |both| {
        Subject::Link(LinkRef {
            from: 0,
            to: 3,
            both,
        })
    };
    assert_eq!(
        subjects,
        [
            (Subject::Node(4), span),
            (Subject::Node(5), span),
            (Subject::Node(6), span),
            (link(false), Window::Static),
            (Subject::Flow(0), Window::Whole),
            (link(true), Window::Whole),
        ]
    );
    assert!(
        matches!(&checks[4], Check::Metric { min: Some(min), max: Some(max), .. } if min.text() == "3" && max.text() == "4.5")
    );
    assert_eq!(
        checks[6],
        Check::Invariant {
            name: "room.total_order".into()
        }
    );
}

/// Values by name; `capacity` is of all subjects alike.
struct Table(BTreeMap<&'static str, f64>);

impl Metrics for Table {
    fn value(&self, metric: &str, _: Subject, _: Window) -> Option<f64> {
        self.0.get(metric).copied()
    }

    fn unit(&self, metric: &str) -> Unit {
        match metric {
            "rate" | "capacity" => Unit::BitsPerSecond,
            _ => Unit::Plain,
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }

    fn invariant(&self, name: &str) -> Option<Result<(), String>> {
        match name {
            "good" => Some(Ok(())),
            "bad" => Some(Err("bob saw 2 before 1".into())),
            _ => None,
        }
    }
}

fn judge(expectation: &str) -> (Outcome, String) {
    let values = [
        ("rate", 650e3),
        ("capacity", 1e6),
        ("delay", 0.0805),
        ("loss", 0.004),
        ("zero", 0.0),
        ("nan", f64::NAN),
    ];
    let scenario: Scenario = with(&format!("[[expect]]\n{expectation}"));
    let verdicts = scenario.judge(&Table(values.into()));
    let [verdict] = verdicts.as_slice() else {
        panic!("{verdicts:?}")
    };
    assert_eq!(verdict.held(), verdict.outcome == Outcome::Held);
    (verdict.outcome, verdict.message.clone())
}

#[test]
fn verdicts_say_what_was_found() {
    let cases = [
        (
            "metric = \"rate\"\nmin = \"0.65*capacity\"",
            Outcome::Held,
            "rate is 650 kb/s, at least 650 kb/s (0.65*capacity)",
        ),
        (
            "metric = \"rate\"\nof = \"bob\"\nwindow = [\"16 s\", \"39.5 s\"]\nmin = \"0.70*capacity\"",
            Outcome::Below,
            "rate of bob from 16 s to 39.5 s is 650 kb/s, less than 700 kb/s (0.70*capacity)",
        ),
        (
            "metric = \"delay\"\nof = \"alice>home\"\nwindow = \"static\"\nmax = \"80 ms\"",
            Outcome::Above,
            "delay of alice>home while nothing changes is 80.5 ms, more than 80 ms",
        ),
        (
            "metric = \"delay\"\nof = \"uplink\"\nmin = \"1 ms\"\nmax = \"80.5 ms\"",
            Outcome::Held,
            "delay of uplink is 80.5 ms, at least 1 ms and at most 80.5 ms",
        ),
        (
            "metric = \"loss\"\nmax = \"0.5 %\"",
            Outcome::Held,
            "loss is 0.4 %, at most 0.5 %",
        ),
        (
            "metric = \"loss\"\nmax = \"-(0.5 %)\"",
            Outcome::Above,
            "loss is 0.4 %, more than -0.5 %",
        ),
        (
            "metric = \"rat\"\nmax = 1",
            Outcome::NotRun,
            "rat was not measured: did you mean `rate`?",
        ),
        (
            "metric = \"rate\"\nof = \"bob\"\nmax = \"2*capcity\"",
            Outcome::NotRun,
            "capcity of bob was not measured: did you mean `capacity`?",
        ),
        (
            "metric = \"rate\"\nmax = \"capacity/zero\"",
            Outcome::NotRun,
            "rate is 650 kb/s, and `capacity/zero` has no value",
        ),
        (
            "metric = \"nan\"\nmax = 1",
            Outcome::NotRun,
            "nan was not measured",
        ),
        ("invariant = \"good\"", Outcome::Held, "good held"),
        (
            "invariant = \"bad\"",
            Outcome::Broken,
            "bad was broken: bob saw 2 before 1",
        ),
        (
            "invariant = \"other\"",
            Outcome::NotRun,
            "other was not measured",
        ),
    ];
    for (expectation, outcome, message) in cases {
        assert_eq!(
            judge(expectation),
            (outcome, message.to_owned()),
            "{expectation}"
        );
    }
}

#[test]
fn bounds_are_arithmetic() {
    let held = |text: &str, value: &str| {
        let expectation = format!(
            "metric = \"rate\"\nmin = \"650 kb/s + ({text}) - ({value})\"\nmax = \"650 kb/s + ({text}) - ({value})\""
        );
        assert_eq!(judge(&expectation).0, Outcome::Held, "{text} is {value}");
    };
    for (text, value) in [
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("7-2-1", "4"),
        ("16/4/2", "2"),
        ("-2*-3", "6"),
        ("--2", "2"),
        ("1 s + 500 ms", "1.5 s"),
        ("2*capacity", "2 Mb/s"),
        ("50 %*capacity", "500 kb/s"),
        ("1 min", "60 s"),
        ("1KiB", "1024 B"),
    ] {
        held(text, value);
    }
}

#[test]
fn values_are_shown_as_people_write_them() {
    let shown = [
        (Unit::Plain, 12.345_678, "12.35"),
        (Unit::Plain, 123_456.0, "123456"),
        (Unit::Plain, 0.0, "0"),
        (Unit::Plain, -1.5, "-1.5"),
        (Unit::Seconds, 0.0, "0 s"),
        (Unit::Seconds, 0.08, "80 ms"),
        (Unit::Seconds, 99.0, "99 s"),
        (Unit::Seconds, 2.5e-7, "250 ns"),
        (Unit::BitsPerSecond, 1.25e6, "1.25 Mb/s"),
        (Unit::BitsPerSecond, 0.0, "0 b/s"),
        (Unit::Bytes, 64_000.0, "64 kB"),
        (Unit::Fraction, 0.025, "2.5 %"),
        (Unit::Fraction, 0.000_1, "0.01 %"),
    ];
    for (unit, value, text) in shown {
        assert_eq!(unit.show(value), text);
    }
}

#[test]
fn what_is_wrong_with_expectations() {
    let bad = [
        (
            "min = 1",
            "an expectation needs a `metric` or an `invariant` @ `[[expect]]`",
        ),
        (
            "metric = \"x\"",
            "an expectation needs a `min` or a `max` @ `[[expect]]`",
        ),
        (
            "metric = \"x y\"\nmax = 1",
            "the name of a metric is made of letters, digits, `.` and `_` @ `\"x y\"`",
        ),
        (
            "invariant = \"x\"\nmax = 1",
            "unknown key `max` @ `max` ? known here: invariant",
        ),
        (
            "metric = \"x\"\nmaks = 1",
            "unknown key `maks` @ `maks` ? did you mean `max`?",
        ),
        (
            "metric = \"x\"\nmax = 1\nof = \"upling\"",
            "there is no node, flow or link `upling` @ `\"upling\"` ? did you mean `uplink`?",
        ),
        (
            "metric = \"x\"\nmax = 1\nof = \"alice>bob\"",
            "there is no link from `alice` to `bob` @ `\"alice>bob\"`",
        ),
        (
            "metric = \"x\"\nmax = 1\nwindow = \"sttaic\"",
            "there is no window `sttaic` @ `\"sttaic\"` ? did you mean `static`?",
        ),
        (
            "metric = \"x\"\nmax = 1\nwindow = [\"1 s\"]",
            "a window is a pair: when it begins and when it ends @ `[\"1 s\"]` ? such as [\"16 s\", \"39 s\"]",
        ),
        (
            "metric = \"x\"\nmax = 1\nwindow = [\"2 s\", \"1 s\"]",
            "a window must end after it begins @ `[\"2 s\", \"1 s\"]`",
        ),
        (
            "metric = \"x\"\nmax = true",
            "`max` must be a number, or a string such as \"0.70*capacity\", not true or false @ `true`",
        ),
        (
            "metric = \"x\"\nmax = \"\"",
            "a number or the name of a metric is missing here @ `\"`",
        ),
        (
            "metric = \"x\"\nmax = \"1 +\"",
            "a number or the name of a metric is missing here @ `\"`",
        ),
        (
            "metric = \"x\"\nmax = \"(1 + 2\"",
            "a `)` is missing @ `\"`",
        ),
        (
            "metric = \"x\"\nmax = \"80 mss\"",
            "this is no unit: use Gb/s, Mb/s, kb/s, b/s, KiB, MiB, MB, kB, B, min, ms, us, µs, ns, s, h, % @ `mss`",
        ),
        (
            "metric = \"x\"\nmax = \"1.2.3 s\"",
            "`1.2.3` is no number @ `1.2.3`",
        ),
        (
            "metric = \"x\"\nmax = \"2 capacity\"",
            "this is no unit: use Gb/s, Mb/s, kb/s, b/s, KiB, MiB, MB, kB, B, min, ms, us, µs, ns, s, h, % @ `capacity`",
        ),
        (
            "metric = \"x\"\nmax = \"capacity 2\"",
            "an operator `+ - * /` is missing before this @ `2`",
        ),
    ];
    for (expectation, expected) in bad {
        assert_eq!(
            complaint(&format!("[[expect]]\n{expectation}")),
            expected,
            "{expectation}"
        );
    }
    assert_eq!(
        complaint("[expect]"),
        "`expect` is an array of tables @ `expect` ? write `[[expect]]`"
    );
}

#[test]
fn no_expression_exhausts_the_stack() {
    for deep in [
        "(".repeat(100_000),
        "-".repeat(100_000),
        "1+".repeat(100_000),
    ] {
        assert!(deep.parse::<Bound>().is_err());
    }
}

/// Metrics of one unit each; a run has a count more, which has no windows.
struct Units;

impl Measurable for Units {
    fn unit(&self, metric: &str, of: Subject) -> Option<Unit> {
        match metric {
            "rate" | "capacity" => Some(Unit::BitsPerSecond),
            "delay" => Some(Unit::Seconds),
            "loss" => Some(Unit::Fraction),
            "bytes" => Some(Unit::Bytes),
            "count" | "other" if of == Subject::Run => Some(Unit::Plain),
            _ => None,
        }
    }

    fn metrics(&self, _: Subject) -> (&'static str, Vec<&'static str>) {
        ("it", vec!["rate", "capacity"])
    }

    fn has_windows(&self, metric: &str, _: Subject) -> bool {
        metric != "count"
    }
}

/// What is said of an expectation before anything runs; nothing where all is well.
fn refused(expectation: &str) -> Option<String> {
    let scenario: Scenario = with(&format!("[[expect]]\n{expectation}"));
    let checked = scenario.check_expectations(&Units);
    checked.err().map(|error| super::brief(&error))
}

/// Expectations that could not fail, or not be judged, whatever came of the run: `goodput` of at least 3 ms held, and so
/// did a loss of half the packets that was to be at most 1 Mb/s.
#[test]
fn what_cannot_fail_is_refused() {
    let sum = "@ `\"1 Mb/s + 3\"`";
    let cases = [
        (
            "metric = \"rate\"\nmin = \"3 ms\"",
            "`rate` is a rate, and this is a time @ `\"3 ms\"` ? write it with its unit, such as \"2 Mb/s\"",
        ),
        (
            "metric = \"loss\"\nmax = \"1 Mb/s\"",
            "`loss` is a share, and this is a rate @ `\"1 Mb/s\"` ? write it as \"5 %\" or 0.05",
        ),
        (
            "metric = \"loss\"\nmax = 5",
            "`loss` is a share, and this is a number without a unit @ `5` ? write it as \"5 %\" or 0.05",
        ),
        (
            "metric = \"delay\"\nmax = 80",
            "`delay` is a time, and this is a number without a unit @ `80` ? write it with its unit, such as \"80 ms\"",
        ),
        (
            "metric = \"count\"\nmax = \"5 %\"",
            "`count` is a plain number, and this is a share @ `\"5 %\"` ? write a number",
        ),
        (
            "metric = \"rate\"\nmin = \"0.7*capacty\"",
            "it has no metric `capacty`; there is rate, capacity @ `\"0.7*capacty\"` ? did you mean `capacity`?",
        ),
        (
            "metric = \"rate\"\nof = \"uplink\"\nmin = \"count * 1 b/s\"",
            "it has no metric `count`; there is rate, capacity @ `\"count * 1 b/s\"`",
        ),
        (
            "metric = \"rat\"\nmin = \"1 b/s\"",
            "it has no metric `rat`; there is rate, capacity @ `\"rat\"` ? did you mean `rate`?",
        ),
        (
            "metric = \"rate\"\nmin = \"rate/0\"",
            "this divides by zero @ `\"rate/0\"`",
        ),
        (
            "metric = \"rate\"\nmin = \"rate/(2 - 2)\"",
            "this divides by zero @ `\"rate/(2 - 2)\"`",
        ),
        (
            "metric = \"rate\"\nmin = \"rate*capacity\"",
            "a rate and a rate are joined by `*`, which has no meaning @ `\"rate*capacity\"`",
        ),
        (
            "metric = \"rate\"\nmin = \"capacity*delay\"",
            "a rate and a time are joined by `*`, which has no meaning @ `\"capacity*delay\"`",
        ),
        (
            "metric = \"rate\"\nmin = \"capacity/rate\"",
            "`rate` is a rate, and this is a share @ `\"capacity/rate\"` ? write it with its unit, such as \"2 Mb/s\"",
        ),
        (
            "metric = \"rate\"\nmin = \"1 Mb/s + 3\"",
            &format!(
                "a rate and a number without a unit are joined by `+`, which has no meaning {sum}"
            ),
        ),
        (
            "metric = \"rate\"\nmin = \"2 Mb/s\"\nmax = \"1 Mb/s\"",
            "nothing is at least 2 Mb/s and at most 1 Mb/s @ `\"2 Mb/s\"`",
        ),
        (
            "metric = \"rate\"\nmax = 0\nwindow = [\"200 s\", \"210 s\"]",
            "the window begins at 200 s, and the run ends at 60 s @ `[\"200 s\", \"210 s\"]`",
        ),
        (
            "metric = \"rate\"\nmax = 0\nwindow = [\"50 s\", \"60.5 s\"]",
            "the window ends at 60.5 s, and the run ends at 60 s @ `[\"50 s\", \"60.5 s\"]`",
        ),
        (
            "metric = \"count\"\nmax = 0\nwindow = [\"1 s\", \"2 s\"]",
            "`count` is of the whole run, and has no window @ `[\"1 s\", \"2 s\"]`",
        ),
    ];
    for (expectation, expected) in cases {
        let told = refused(expectation);
        assert_eq!(told.as_deref(), Some(expected), "{expectation}");
    }
}

#[test]
fn bounds_of_the_right_unit_are_taken() {
    for expectation in [
        "metric = \"rate\"\nmin = \"0.7*capacity\"",
        "metric = \"rate\"\nmin = \"capacity/4 + 50 kb/s\"",
        "metric = \"rate\"\nmin = \"-(1 - loss)*capacity\"",
        "metric = \"rate\"\nmax = 0",
        "metric = \"rate\"\nmax = \"rate/capacity*rate\"\nwindow = [\"59 s\", \"60 s\"]",
        "metric = \"loss\"\nmax = 0.05",
        "metric = \"loss\"\nmin = \"5 %\"\nmax = 1",
        "metric = \"loss\"\nmax = \"rate/capacity\"",
        "metric = \"loss\"\nmax = \"1 - rate/capacity\"",
        "metric = \"count\"\nmin = 3\nmax = \"2*other + 1\"",
        "metric = \"bytes\"\nmin = \"64 kB\"",
        "metric = \"delay\"\nmax = \"delay + 5 %*delay\"",
    ] {
        assert_eq!(refused(expectation), None, "{expectation}");
    }
}
