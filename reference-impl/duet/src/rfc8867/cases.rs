//! The test cases of RFC 8867, each variant a run of its own, and what stands beside them: the scenario files of
//! `sim/scenarios/rfc8867/`, and what the RFC asks for by a reference to these.
//!
//! How the RFC's own contradictions are decided is told in `README.md` there.

use std::sync::OnceLock;

use duet_sim::link::{CoDel, Discipline, FqCoDel, Pie};
use duet_sim::{Scenario, Seeds};

use super::plan::Run;

macro_rules! files {
    ($($name:literal),*) => {
        /// Every file, its name and its text, in the order of the table.
        pub const FILES: &[(&str, &str)] = &[$((
            concat!($name, ".toml"),
            include_str!(concat!("../../../../sim/scenarios/rfc8867/", $name, ".toml")),
        )),*];
    };
}

files!(
    "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "6.1", "6.3", "loss", "policer"
);

/// The runs of a file: one for each combination of its parameters.
///
/// # Panics
///
/// If it is no scenario, or has a media flow that makes no sense. Those of [`FILES`] are and do.
pub fn read(name: &str, text: &str) -> Vec<Run> {
    let scenario = Scenario::parse(text, name).unwrap_or_else(|error| panic!("{error}"));
    let variants = scenario.expand_over(&Seeds::one(1)).into_iter();
    let run = |scenario| Run::of(scenario).unwrap_or_else(|error| panic!("{error}"));
    variants.map(|variant| run(variant.scenario)).collect()
}

/// What is encouraged beside a case, or a reading of it at its hardest: not run once more with other queues.
const BESIDE: &[&str] = &["cubic", "30-at-a-time"];

/// RFC 8867 §6.2: the cases of §5 again, with bottlenecks that mark (CoDel, RFC 8289).
fn marked(files: &[Run]) -> Vec<Run> {
    let basic = files.iter().filter(|run| run.case.starts_with('5'));
    let basic = basic.filter(|run| BESIDE.iter().all(|beside| !run.variant.ends_with(beside)));
    let marked = basic.map(|run| {
        let mut run = again(run, "6.2", &Discipline::CoDel(CoDel::default()));
        run.ecn = true;
        run
    });
    marked.collect()
}

/// The first variant of each case of §5 with what RFC 8867 §4.1 encourages beside drop-tail: FQ-CoDel (RFC 8290), or PIE
/// (RFC 8033).
fn managed(files: &[Run], case: &str, discipline: &Discipline) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for run in files.iter().filter(|run| run.case.starts_with('5')) {
        let is_later = |other: &Run| other.variant.split('/').next() == Some(&run.case);
        if !runs.iter().any(is_later) {
            runs.push(again(run, case, discipline));
        }
    }
    runs
}

/// A run as a variant of another case, with another discipline at every queue.
fn again(run: &Run, case: &str, discipline: &Discipline) -> Run {
    let mut run = run.clone();
    run.variant = run.id();
    run.case = case.to_owned();
    for link in run.queues() {
        link.queue.discipline = discipline.clone();
    }
    run
}

/// Everything, in the order of the table.
pub fn all() -> Vec<Run> {
    static ALL: OnceLock<Vec<Run>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let files = FILES.iter().flat_map(|(name, text)| read(name, text));
        let mut runs: Vec<Run> = files.collect();
        let marked = marked(&runs);
        let fair = Discipline::FqCoDel(FqCoDel::default());
        let fair = managed(&runs, "fq-codel", &fair);
        let pie = managed(&runs, "pie", &Discipline::Pie(Pie::default()));
        let place = |runs: &[Run], case: &str| runs.iter().position(|run| run.case == case);
        let at = place(&runs, "6.3").unwrap_or(runs.len());
        runs.splice(at..at, marked);
        let at = place(&runs, "loss").unwrap_or(runs.len());
        runs.splice(at..at, fair.into_iter().chain(pie));
        runs
    });
    all.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> Run {
        let found = all().into_iter().find(|run| run.id() == id);
        found.unwrap_or_else(|| panic!("no run {id}"))
    }

    #[test]
    fn cases_are_meant_by_name_family_and_variant() {
        let variant = run("5.1/rate-50ms");
        assert!(
            ["5", "5.1", "5.1/rate-50ms"]
                .iter()
                .all(|w| variant.is_meant(w))
        );
        assert!(
            !["5.", "5.10", "1", "6.2", "5.1/rate"]
                .iter()
                .any(|w| variant.is_meant(w))
        );
        assert!(run("6.2/5.1/rate-50ms").is_meant("6.2/5.1"));
    }
}
