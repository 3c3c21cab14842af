//! The committed baseline: instructions an operation, case by case. More than 2 % above it is a regression.

use std::path::Path;

use crate::measure::Figure;
use crate::report::Outcome;

/// What a case may take of its baseline.
const AT_MOST: f64 = 1.02;

const COMMITTED: &str = include_str!("../baseline.txt");

/// The cases of ours that were counted, beside what they took when the baseline was saved.
pub(crate) fn outcomes(figures: &[Figure]) -> Vec<Outcome> {
    let outcome = |line: &str| {
        let (name, count) = line.rsplit_once('\t')?;
        let committed: f64 = count.parse().ok()?;
        let figure = figures.iter().find(|figure| figure.name == name)?;
        Some(Outcome {
            case: figure.name,
            what: "instructions, of the committed baseline's",
            at_most: AT_MOST,
            is: figure.instructions? / committed,
        })
    };
    COMMITTED.lines().filter_map(outcome).collect()
}

/// Writes what was counted; peers are not held to anything.
pub(crate) fn save(figures: &[Figure]) -> std::io::Result<()> {
    let own = figures
        .iter()
        .filter(|figure| figure.name.starts_with("duet "));
    let lines =
        own.filter_map(|figure| Some(format!("{}\t{:.0}\n", figure.name, figure.instructions?)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt");
    std::fs::write(path, lines.collect::<String>())
}
