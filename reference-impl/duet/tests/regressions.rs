//! Defects that the swarm found, as scenarios that nothing can be taken from: none of them fails any more.

use std::path::{Path, PathBuf};

use duet::failure::attempt;
use duet_sim::Scenario;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sim/scenarios/regressions");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> (String, Scenario) {
    let text = std::fs::read_to_string(path).expect("a scenario");
    let name = path.display().to_string();
    let scenario = Scenario::parse(&text, &name).unwrap_or_else(|error| panic!("{error}"));
    (text, scenario)
}

#[test]
fn what_failed_once_does_not_fail_again() {
    let mut wrong = Vec::new();
    for path in files() {
        let (outcome, found) = attempt(&read(&path).1).expect("it runs");
        wrong.extend(
            found
                .into_iter()
                .map(|one| format!("{path:?}: {}", one.text)),
        );
        let outcome = outcome.map(|outcome| outcome.tally);
        assert!(wrong.len() > 1 || outcome.is_some_and(|tally| tally.logins > 0));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_file_says_how_it_failed_and_is_as_it_was_written() {
    let files = files();
    assert!(!files.is_empty());
    for path in files {
        let (text, scenario) = read(&path);
        let head: Vec<&str> = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .collect();
        assert!(
            head.len() == 3 && head[0].contains("It failed: "),
            "{path:?}: {head:?}"
        );
        let body = text.split_once("\n\n").map(|(_, body)| body);
        assert_eq!(body, Some(&*scenario.to_toml()), "{path:?}");
    }
}
