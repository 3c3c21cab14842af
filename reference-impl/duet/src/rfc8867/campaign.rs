//! Many runs: every case under every controller with every seed, on several threads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::bands::{Band, Verdict, judge};
use super::measure::{Measures, measure};
use super::network::BuildError;
use super::plan::Run;
use super::run::run;
use super::series::Series;
use crate::flows::controllers::Entry;
use crate::flows::model::Video;
use crate::simulate::MOST_JOBS;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The cases.
    pub runs: Vec<Run>,
    /// The controllers.
    pub controllers: Vec<Entry>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// What is good enough.
    pub bands: Vec<Band>,
    /// Threads.
    pub jobs: usize,
    /// Whether series are kept for plots, of the first seed.
    pub keep_series: bool,
}

/// What became of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The case: `5.1`.
    pub case: String,
    /// Which of its variants.
    pub variant: String,
    /// Where the sizes of pictures came from.
    pub video: Video,
    /// The controller.
    pub controller: String,
    /// The seed.
    pub seed: u64,
    /// The metrics; what never happened is null.
    pub measures: Measures,
    /// What the bands say.
    pub verdicts: Vec<Verdict>,
    /// SHA-256 of the event log, in hex.
    pub log_hash: String,
    /// What plots show.
    #[serde(skip)]
    pub series: Option<Series>,
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Virtual seconds that have passed since the last call.
    pub seconds: u64,
    /// Whether a run ended.
    pub ended: bool,
}

impl Campaign {
    /// Virtual seconds in all.
    pub fn seconds(&self) -> u64 {
        let once: u64 = self.runs.iter().map(|run| u64::from(run.duration)).sum();
        once * self.controllers.len() as u64 * self.seeds.len() as u64
    }

    /// Runs everything. `progress` is told by any thread. The outcomes come in the order of runs, controllers, seeds,
    /// however many threads there are.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: a network cannot be built.
    pub fn go(&self, progress: impl Fn(Progress) + Sync) -> Result<Vec<Outcome>, BuildError> {
        let mut tasks: Vec<(usize, &Run, &Entry, u64)> = Vec::new();
        for run in &self.runs {
            for entry in &self.controllers {
                let seeds = self.seeds.iter();
                tasks.extend(seeds.map(|seed| (0, run, entry, *seed)));
            }
        }
        (0..)
            .zip(&mut tasks)
            .for_each(|(place, task)| task.0 = place);
        // The longest first, so that no thread is left with one at the end.
        tasks.sort_by_key(|(place, run, ..)| (std::cmp::Reverse(run.duration), *place));
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            let jobs = self.jobs.min(MOST_JOBS);
            for _ in 0..jobs.clamp(1, tasks.len().max(1)) {
                scope.spawn(|| {
                    while let Some((place, run, entry, seed)) =
                        tasks.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let outcome = self.one(run, entry, *seed, &progress);
                        done.lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .insert(*place, outcome);
                    }
                });
            }
        });
        let done = done.into_inner();
        done.unwrap_or_else(std::sync::PoisonError::into_inner)
            .into_values()
            .collect()
    }

    fn one(
        &self,
        plan: &Run,
        entry: &Entry,
        seed: u64,
        progress: &(impl Fn(Progress) + Sync),
    ) -> Result<Outcome, BuildError> {
        let second = |_: Duration| {
            progress(Progress {
                seconds: 1,
                ended: false,
            });
        };
        let record = run(plan, entry, seed, second)?;
        let measures = measure(&record);
        let verdicts = judge(&self.bands, plan, entry, &measures);
        progress(Progress {
            seconds: 0,
            ended: true,
        });
        Ok(Outcome {
            case: plan.case.clone(),
            variant: plan.variant.clone(),
            video: plan.video,
            controller: entry.name.into(),
            seed,
            verdicts,
            measures,
            series: (self.keep_series && self.seeds.first() == Some(&seed))
                .then(|| Series::of(&record)),
            log_hash: record.log_hash,
        })
    }
}
