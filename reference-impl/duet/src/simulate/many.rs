//! Many runs: side by side on threads, each a line of JSON.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use duet_sim::Scenario;
use serde::{Deserialize, Serialize};

use super::{Options, Outcome, SimulateError, audit, run};

/// What one run came to, as a line of JSON says it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RunLine {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The parameters of the matrix, as the file writes them.
    pub parameters: BTreeMap<String, String>,
    /// Whether all expectations and invariants held.
    pub ok: bool,
    /// SHA-256 of the event log, in hex: two runs with the same are the same.
    pub log_hash: String,
    /// What was measured of the whole run, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Expectations that did not hold, and those that were not checked.
    pub unmet: Vec<String>,
    /// Invariants that did not hold.
    pub breaches: Vec<String>,
    /// Steps that could not be done when they were due.
    pub skipped: Vec<String>,
    /// Why there was no run, or media broke down, or the run's event log cannot be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The command that runs it again.
    pub replay: String,
}

impl RunLine {
    /// What came of a scenario's run.
    pub fn new(scenario: &Scenario, outcome: &Outcome) -> RunLine {
        let failure = outcome.report.sides.iter();
        let failure = failure.filter_map(|side| side.failure.clone()).next();
        let failure = audit::tell(&outcome.impossible).or(failure);
        let unmet = outcome.verdicts.iter().filter(|verdict| !verdict.held());
        let unmet: Vec<String> = unmet.map(|verdict| verdict.message.clone()).collect();
        let breaches: Vec<String> = outcome.breaches.iter().map(ToString::to_string).collect();
        let skipped = outcome.skipped.iter();
        RunLine {
            scenario: scenario.name.clone(),
            seed: outcome.report.seed,
            parameters: scenario.parameters().into_iter().collect(),
            ok: unmet.is_empty() && breaches.is_empty() && failure.is_none(),
            log_hash: outcome.report.log_hash.clone(),
            metrics: outcome.measured.iter().cloned().collect(),
            unmet,
            breaches,
            skipped: skipped.map(ToString::to_string).collect(),
            failure,
            replay: String::new(),
        }
    }

    /// A run that was none.
    pub fn failed(scenario: &Scenario, error: &SimulateError) -> RunLine {
        RunLine {
            scenario: scenario.name.clone(),
            seed: scenario.seed,
            parameters: scenario.parameters().into_iter().collect(),
            failure: Some(error.to_string()),
            ..RunLine::default()
        }
    }

    /// All that went wrong, a line each.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        let all = self.unmet.iter().chain(&self.breaches).chain(&self.failure);
        all.map(String::as_str)
    }
}

/// Runs a scenario with its own seed and without traces.
pub fn run_line(scenario: &Scenario, media: super::MediaMode) -> RunLine {
    let options = Options {
        media,
        traces: false,
        ..Options::new(scenario.seed)
    };
    match run(scenario, &options, |_| {}) {
        Ok(outcome) => RunLine::new(scenario, &outcome),
        Err(error) => RunLine::failed(scenario, &error),
    }
}

/// Threads at most, however many are asked for.
pub const MOST_JOBS: usize = 256;

/// As many threads as there are processors.
pub fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Does the same with each item on so many threads; gives the answers in the order of the items. `done` is told of each
/// answer in that order, as soon as it and all before it are there, and says whether to go on.
pub fn in_parallel<T: Sync, R: Send>(
    jobs: NonZeroUsize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(usize, &R) -> bool,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    // No room: whoever is done waits until he is heard, so that nobody runs far ahead of a listener who stops.
    let (sender, answers) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        for started in 0..jobs.get().min(items.len()).min(MOST_JOBS) {
            let (sender, next, stopped, work) = (sender.clone(), &next, &stopped, &work);
            let work = move || {
                while !stopped.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    if sender.send((index, work(item))).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().spawn_scoped(scope, work);
            // The system has no more threads: those that there are do all of it.
            assert!(started > 0 || thread.is_ok(), "no thread can be started");
            if thread.is_err() {
                break;
            }
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut in_order = Vec::new();
        for (index, answer) in answers {
            waiting.insert(index, answer);
            while let Some(answer) = waiting.remove(&in_order.len()) {
                let go_on = done(in_order.len(), &answer);
                in_order.push(answer);
                if !go_on {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        }
        in_order
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let jobs = NonZeroUsize::new(4).expect("not zero");
        let mut seen = Vec::new();
        let squares = in_parallel(
            jobs,
            &items,
            |n| n * n,
            |index, answer| {
                seen.push((index, *answer));
                true
            },
        );
        assert_eq!(squares, items.iter().map(|n| n * n).collect::<Vec<_>>());
        assert!(
            seen.iter()
                .enumerate()
                .all(|(n, (index, answer))| *index == n && *answer == squares[n])
        );
    }

    #[test]
    fn threads_are_no_more_than_anybody_needs() {
        let items: Vec<u64> = (0..1_000).collect();
        let jobs = NonZeroUsize::new(200_000).expect("not zero");
        let most = AtomicUsize::new(0);
        let now = AtomicUsize::new(0);
        let work = |n: &u64| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            now.fetch_sub(1, Ordering::SeqCst);
            *n
        };
        assert_eq!(in_parallel(jobs, &items, work, |_, _| true), items);
        assert!(most.into_inner() <= MOST_JOBS);
    }

    #[test]
    fn whoever_listens_may_stop_it() {
        let items: Vec<u64> = (0..10_000).collect();
        let one = NonZeroUsize::MIN;
        let answers = in_parallel(one, &items, |n| *n, |index, _| index < 5);
        assert!(
            answers.len() >= 6 && answers.len() < items.len(),
            "{}",
            answers.len()
        );
    }
}
