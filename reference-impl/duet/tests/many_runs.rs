//! Several runs and their comparison, as a person types them, in processes of their own.

mod common;

use std::collections::BTreeMap;
use std::process::Output;

use duet::simulate::RunLine;
use serde_json::Value;

use common::{Folder, assert_failure, duet, text};

/// Two clients who log in.
const SMALL: &str = r#"
name = "small"
duration = "3 s"
[[node]]
name = "server"
role = "server"
[[node]]
name = "alice"
role = "client"
[[link]]
from = "alice"
to = "server"
delay = "10 ms"
loss = "5 %"
"#;

fn simulate(arguments: &[&str]) -> Output {
    let output = duet().arg("simulate").args(arguments).output();
    output.expect("duet")
}

/// Runs of a scenario with these parameters, a line each; the metric is a function of the seed.
fn lines(scenario: &str, owd: &str, seeds: u64, value: impl Fn(u64) -> f64) -> String {
    let line = |seed: u64| RunLine {
        scenario: scenario.to_owned(),
        seed,
        parameters: BTreeMap::from([("owd".to_owned(), owd.to_owned())]),
        ok: true,
        metrics: BTreeMap::from([("alice.delay.mean".to_owned(), value(seed))]),
        ..RunLine::default()
    };
    let lines = (1..=seeds).map(|seed| serde_json::to_string(&line(seed)).expect("a line"));
    lines.map(|line| line + "\n").collect()
}

/// Delays of 53 ms in both sets, whose means differed in their last bits, were told as a difference; and the variants of
/// a set were thrown together.
#[test]
fn variants_are_compared_each_with_its_own() {
    let folder = Folder::new("compare");
    let (a, b, page) = (folder.file("a"), folder.file("b"), folder.file("page"));
    let equal = |seed: u64| 0.053 + (seed % 2) as f64 * 7e-18;
    let rounded = |seed: u64| 0.053 + (seed % 2) as f64 * 7e-18 + 1.4e-17;
    let spread = |seed: u64| 0.2 + seed as f64 * 1e-3;
    let before = lines("call", "50 ms", 20, equal) + &lines("call", "100 ms", 20, spread);
    let later = |seed: u64| spread(seed) + 0.05;
    let after = lines("call", "100 ms", 20, later)
        + &lines("call", "50 ms", 20, rounded)
        + &lines("call", "150 ms", 3, spread);
    std::fs::write(&a, before).expect("a file");
    std::fs::write(&b, after).expect("a file");
    let output = simulate(&["compare", &a, &b, "--json", "--report", &page]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect();
    let told: Vec<(&str, bool, bool)> = rows
        .iter()
        .map(|row| {
            (
                row["parameters"]["owd"].as_str().expect("a parameter"),
                row["paired"].as_bool().expect("paired"),
                row["beyond_noise"].as_bool().expect("a verdict"),
            )
        })
        .collect();
    assert_eq!(told, [("100 ms", true, true), ("50 ms", true, false)]);
    assert_eq!(rows[1]["shift"], 0.0);
    assert_eq!(
        text(&output.stderr),
        "only in B: call, owd = 150 ms, 3 runs\n"
    );
    let page = std::fs::read_to_string(format!("{page}/report.html")).expect("a page");
    assert!(page.contains("owd = 50 ms") && page.contains("id=\"comparison-2\""));
    let output = simulate(&["compare", &a, &b]);
    let told = text(&output.stdout);
    assert!(
        told.contains("2 variants, 40 and 40 runs, 2 comparisons, 1 differ"),
        "{told}"
    );
}

#[test]
fn what_has_nothing_in_common_is_not_compared() {
    let folder = Folder::new("compare-others");
    let (a, b) = (folder.file("a"), folder.file("b"));
    std::fs::write(&a, lines("call", "50 ms", 8, |seed| seed as f64)).expect("a file");
    std::fs::write(&b, lines("room", "50 ms", 8, |seed| seed as f64 + 0.5)).expect("a file");
    let output = simulate(&["compare", &a, &b]);
    assert_failure(&output, 2, "the two sets have no variant in common");
    let told = text(&output.stderr);
    assert!(
        told.contains("call, owd = 50 ms") && told.contains("room, owd = 50 ms"),
        "{told}"
    );
    let output = simulate(&["compare", &a, &b, "--across"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(
        told.contains("8 and 8 runs, 1 comparisons, 1 differ"),
        "{told}"
    );
}

/// What was run for hours could not be written in the end.
#[test]
fn what_cannot_be_written_is_found_before_anything_runs() {
    let folder = Folder::new("unwritable");
    let file = folder.file("small.toml");
    std::fs::write(&file, SMALL).expect("a file");
    // Below a file there is no folder.
    let nowhere = format!("{file}/report");
    // So many would take until tomorrow.
    let many = "1..100000";
    let all: &[&[&str]] = &[
        &[&file, "--seeds", many, "--report", &nowhere],
        &[&file, "--seeds", many, "--svg", &nowhere],
        &[&file, "--media", "synthetic", "--report", &nowhere],
        &[&file, "--media", "synthetic", "--pcapng", &nowhere],
        &["rfc8867", "--case", "5.1", "--report", &nowhere],
        &["shrink", &file, "--out", &nowhere],
    ];
    for arguments in all {
        let output = simulate(arguments);
        assert_failure(&output, 2, "cannot write");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_need_not_be_utf_8_and_threads_are_no_more_than_runs() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new("names");
    let name = OsStr::from_bytes(b"n\xffame.toml");
    let path = std::path::Path::new(&folder.file("")).join(name);
    std::fs::write(&path, SMALL).expect("a file");
    let report = folder.file("report");
    let output = duet()
        .arg("simulate")
        .arg(&path)
        .args(["--seeds", "1..3", "--jobs", "20000", "--report", &report])
        .output()
        .expect("duet");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(format!("{report}/report.html")).expect("a page");
    assert!(page.contains("n\u{fffd}ame.toml"));
}

/// What had been run when somebody had seen enough was thrown away.
#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_report_of_what_was_run() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let folder = Folder::new("interrupted");
    let (file, report) = (folder.file("small.toml"), folder.file("report"));
    std::fs::write(&file, SMALL).expect("a file");
    let mut child = duet()
        .args(["simulate", &file, "--seeds", "1..100000", "--json"])
        .args(["--jobs", "1", "--report", &report])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("duet");
    let mut said = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a run");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill").success());
    said.read_to_string(&mut line).expect("the rest");
    let output = child.wait_with_output().expect("its end");
    assert_failure(&output, 130, "stopped after");
    let runs = std::fs::read_to_string(format!("{report}/runs.jsonl")).expect("the runs");
    assert_eq!(runs.lines().count(), line.lines().count());
    assert!(std::fs::exists(format!("{report}/report.html")).expect("a folder"));
}
