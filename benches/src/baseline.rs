//! The committed baseline: instructions an operation, case by case. More than 2 % above it is a regression.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::measure::Figure;
use crate::report::Outcome;

/// What a case may take of its baseline.
const AT_MOST: f64 = 1.02;

/// What the names of our rows begin with; peers are held to nothing.
const OWN: &str = "duet ";

const COMMITTED: &str = include_str!("../baseline.txt");

/// Every case of ours beside what it took when the baseline was saved. One that the baseline or the run lacks counts as
/// missed; without valgrind nothing is compared.
pub(crate) fn outcomes(figures: &[Figure]) -> Vec<Outcome> {
    if figures.iter().any(|figure| figure.instructions.is_none()) {
        return Vec::new();
    }
    let committed: BTreeMap<&str, f64> = COMMITTED
        .lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect();
    let own = figures.iter().filter(|figure| figure.name.starts_with(OWN));
    let counted: BTreeMap<&str, f64> = own
        .filter_map(|figure| Some((figure.name, figure.instructions?)))
        .collect();
    let names: BTreeSet<&str> = committed.keys().chain(counted.keys()).copied().collect();
    let outcome = |name: &str| Outcome {
        case: name.to_owned(),
        what: "instructions, of the committed baseline's".to_owned(),
        at_most: AT_MOST,
        is: match (counted.get(name), committed.get(name)) {
            (Some(counted), Some(committed)) => counted / committed,
            _ => f64::INFINITY,
        },
    };
    names.into_iter().map(outcome).collect()
}

/// Writes what was counted.
pub(crate) fn save(figures: &[Figure]) -> std::io::Result<()> {
    let own = figures.iter().filter(|figure| figure.name.starts_with(OWN));
    let lines =
        own.filter_map(|figure| Some(format!("{}\t{:.1}\n", figure.name, figure.instructions?)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.txt");
    std::fs::write(path, lines.collect::<String>())
}
