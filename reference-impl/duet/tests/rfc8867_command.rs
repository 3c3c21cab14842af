//! `duet simulate rfc8867` as a person types it.

mod common;

use serde_json::Value;

use common::{Folder, assert_failure, duet, text};

fn run(arguments: &[&str]) -> std::process::Output {
    let mut command = duet();
    command.args(["simulate", "rfc8867"]).args(arguments);
    command.output().expect("it runs")
}

/// One of the shortest.
const SHORT: [&str; 4] = ["--case", "loss/1%", "--controller", "fixed"];

#[test]
fn a_table_that_fits_a_terminal() {
    let output = run(&SHORT);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let rows = table.lines().filter(|line| line.starts_with("  fixed "));
    assert_eq!(rows.count(), 2, "a row and a total:\n{table}");
    assert!(
        table.contains("loss/1%  Random loss without congestion"),
        "{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 120),
        "{table}"
    );
}

#[test]
fn a_line_of_json_for_each_run_and_equal_seeds_agree() {
    let lines = |seeds: &str| -> Vec<Value> {
        let output = run(&[&SHORT[..], &["--json", "--seeds", seeds]].concat());
        let lines = text(&output.stdout);
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect()
    };
    let both = lines("1..2");
    assert_eq!(both.len(), 2);
    assert_eq!(both[0]["case"], "loss");
    assert_eq!(both[0]["variant"], "1%");
    assert_ne!(both[0]["log_hash"], both[1]["log_hash"]);
    assert!(both[0]["measures"]["media_rate"].as_f64().expect("a rate") > 900.0);
    assert!(both[0]["measures"]["converge_start"].is_f64());
    assert_eq!(lines("2"), both[1..]);
    let output = run(&[&SHORT[..], &["--json", "--video", "trace"]].concat());
    let traced: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&both[0]["video"], &traced["video"]),
        (&"statistical".into(), &"trace".into())
    );
    assert_ne!(traced["log_hash"], both[0]["log_hash"]);
    // A fixed rate never comes down to what there is.
    let narrow = ["--controller", "fixed", "--case", "5.1/rate-50ms", "--json"];
    let narrow: Value = serde_json::from_slice(&run(&narrow).stdout).expect("JSON");
    assert_eq!(narrow["measures"].get("converge_down"), Some(&Value::Null));
}

#[test]
fn a_report_with_plots() {
    let folder = Folder::new("rfc8867-report");
    let output = run(&[&SHORT[..], &["--report", &folder.file("out")]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.file(&format!("out/{name}")));
    let html = read("report.html").expect("a page");
    assert!(html.contains("Random loss without congestion"));
    assert!(
        html.matches("<svg").count() >= 4,
        "rate, queue, loss, delay"
    );
    let page: Value = serde_json::from_str(&read("report.json").expect("its data")).expect("JSON");
    assert!(
        page["sections"]
            .as_array()
            .is_some_and(|sections| sections.len() == 2)
    );
    assert_eq!(read("runs.jsonl").expect("the runs").lines().count(), 1);
}

#[test]
fn who_misses_a_band_fails_when_checked_and_only_then() {
    let output = run(&[&SHORT[..], &["--check", "fixed"]].concat());
    assert_failure(&output, 1, "fixed misses 1: loss/1% utilisation_sent");
    let folder = Folder::new("rfc8867-bands");
    let bands = folder.file("bands.toml");
    let band = "[[band]]\nmetric = \"loss\"\ncases = [\"loss/1%\"]\nmin = 0.2\nmax = 3.0\nwhy = \"a test\"\n";
    std::fs::write(&bands, band).expect("a file");
    let output = run(&[&SHORT[..], &["--check", "fixed", "--bands", &bands]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn wrong_arguments_say_what_there_is() {
    assert_failure(&run(&["--case", "5.9"]), 2, "there is no case 5.9");
    assert_failure(
        &run(&["--controller", "nobody"]),
        2,
        "there is no controller nobody",
    );
    let check = [&SHORT[..], &["--check", "cubic"]].concat();
    assert_failure(
        &run(&check),
        2,
        "--check cubic: that controller does not run",
    );
    let missing = ["--bands", "/nowhere/bands.toml"];
    assert_failure(
        &run(&[&SHORT[..], &missing].concat()),
        2,
        "cannot read /nowhere/bands.toml",
    );
    let list = text(&run(&["--list"]).stdout);
    for name in [
        "5.8",
        "6.2/5.6/queue-1000ms-newreno",
        "policer",
        "newreno",
        "utilisation_worst",
    ] {
        assert!(list.contains(name), "{list}");
    }
}

/// What the help says that a campaign takes is what the list adds up to.
#[test]
fn the_help_counts_the_seconds_of_the_list() {
    let help = text(&run(&["--help"]).stdout);
    let list = text(&run(&["--list"]).stdout);
    let cases = list.lines().skip(1).take_while(|line| !line.is_empty());
    let cases: Vec<(&str, u32)> = cases
        .map(|line| {
            let mut words = line.split_whitespace();
            let case = words.next().expect("a name");
            (
                case,
                words.next().expect("seconds").parse().expect("seconds"),
            )
        })
        .collect();
    for (family, said) in [
        ("", "8,390 virtual seconds"),
        ("6.2/", "2,280 are the cases of section 5"),
        ("fq-codel/", "1,285 the first variant of each with FQ-CoDel"),
        ("pie/", "1,285 with PIE"),
    ] {
        let of = cases.iter().filter(|(case, _)| case.starts_with(family));
        let sum: u32 = of.map(|(_, seconds)| seconds).sum();
        let number = said.split(' ').next().expect("a number").replace(',', "");
        assert_eq!(number, sum.to_string(), "{family}");
        assert!(help.contains(said), "{help}");
    }
}
