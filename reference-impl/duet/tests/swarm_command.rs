//! `duet simulate swarm`, `shrink` and `--twice` as a person types them: what they print, write and exit with. What a swarm does
//! where something fails is shown on a planted defect (`planted.rs`).

mod common;

use std::process::Output;

use serde_json::Value;

use common::{Folder, assert_failure, duet, text};

fn simulate(arguments: &[&str]) -> Output {
    let mut command = duet();
    command.arg("simulate").args(arguments);
    command.output().expect("it runs")
}

/// Somebody who never has a link to the server: that fails, and nothing else can be taken away.
const FAILS: &str = r#"
name = "alone"
duration = "80 s"
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
delay = "30 ms"
[[step]]
at = "1 s"
who = "alice"
do = "join"
room = "hall"
"#;

fn written(folder: &Folder, text: &str) -> String {
    let file = folder.file("scenario.toml");
    std::fs::write(&file, text).expect("written");
    file
}

#[test]
fn a_swarm_in_which_nothing_fails_exits_with_0_and_writes_nothing() {
    let folder = Folder::new("swarm");
    let out = folder.file("found");
    let output = simulate(&["swarm", "--seeds", "1..8", "--jobs", "2", "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.starts_with("8 runs, 0 failed\n"), "{told}");
    assert!(told.contains("Sessions that began"), "{told}");
    assert!(!std::path::Path::new(&out).exists());
}

#[test]
fn a_seed_gives_the_same_line_however_many_run_at_a_time() {
    let lines = |jobs: &str| {
        let output = simulate(&["swarm", "--seeds", "3..6", "--jobs", jobs, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let one = lines("1");
    assert_eq!(one, lines("2"));
    assert_eq!(one.len(), 4);
    let line: Value = serde_json::from_str(&one[0]).expect("JSON");
    assert_eq!(
        (&line["ok"], &line["failures"]),
        (&Value::Bool(true), &Value::Array(Vec::new()))
    );
    assert_eq!(line["log_hash"].as_str().map(str::len), Some(64));
    assert!(line["tally"]["session.begun"].as_u64() > Some(0));
    assert!(line.get("scenario").is_none(), "there is no file");
}

#[test]
fn a_failure_is_made_small_and_written_with_its_story() {
    let folder = Folder::new("shrink");
    let file = written(&folder, FAILS);
    let output = simulate(&["shrink", &file, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        told["failure"],
        "session.return of bob after healing, never in"
    );
    assert_eq!(
        (&told["before"]["steps"], &told["after"]["steps"]),
        (&Value::from(1), &Value::from(0))
    );
    assert_eq!(told["after"]["clients"], 1);
    let small = folder.file("scenario-shrunk.toml");
    assert_eq!(told["scenario"].as_str(), Some(&*small));
    let files: Vec<&str> = told["beside"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert!(
            std::fs::metadata(file).is_ok_and(|file| file.len() > 100),
            "{file}"
        );
    }
    let text_of = std::fs::read_to_string(&small).expect("the scenario");
    assert!(
        text_of.starts_with(
            "# Made of scenario.toml by `duet simulate shrink`. It failed: session.return of bob"
        ),
        "{text_of}"
    );
    // What it says to run again fails as it says.
    let replay = told["replay"].as_str().expect("a command");
    let arguments: Vec<&str> = replay.split(' ').skip(2).collect();
    let again = simulate(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("bob: session.return: it was never logged in"),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn shrink_says_what_is_wrong_with_what_it_is_given() {
    let folder = Folder::new("shrink-wrong");
    let file = written(&folder, FAILS);
    let output = simulate(&["shrink", &file, "--failure", "message.once"]);
    assert_failure(
        &output,
        1,
        "the run does not fail by \"message.once\"; it fails by: session.return of bob",
    );
    let sound = FAILS.replace("name = \"bob\"", "name = \"shed\"").replacen(
        "role = \"client\"\n[[link]]",
        "role = \"host\"\n[[link]]",
        1,
    );
    let sound = written(&folder, &sound);
    let output = simulate(&["shrink", &sound]);
    assert_failure(
        &output,
        1,
        "the run does not fail: there is nothing to look for",
    );
    let output = simulate(&["shrink", "nowhere.toml"]);
    assert_failure(&output, 2, "cannot read nowhere.toml");
    let output = simulate(&["shrink", &file, "--budget", "few"]);
    assert_failure(&output, 2, "few");
}

#[test]
fn swarm_says_what_is_wrong_with_what_it_is_given() {
    assert_failure(&simulate(&["swarm", "--seeds", "9..1"]), 2, "9..1");
    assert_failure(&simulate(&["swarm", "--jobs", "0"]), 2, "0");
}

#[test]
fn a_run_is_compared_with_its_repetition() {
    let folder = Folder::new("twice");
    let file = written(&folder, FAILS);
    let arguments = [&*file, "--twice", "--media", "synthetic"];
    let output = simulate(&arguments);
    let told = text(&output.stdout);
    assert!(told.contains("  the same twice, "), "{told}");
    let output = simulate(&[&arguments[..], &["--json"]].concat());
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["twice"], "same");
    let several = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sim/scenarios/loss-and-delay.toml"
    );
    let output = simulate(&[several, "--twice"]);
    assert_failure(&output, 2, "`--twice` is about one run, and these are 12");
}
