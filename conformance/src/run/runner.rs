//! Running a suite: several cases at once on one thread, each with its own socket and its own users.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use duet_protocol::io::Purpose;
use duet_sim::Stream;
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::play::{CaseReport, Setting, Verdict, play};
use super::stage::{Stage, Stop, Target};
use crate::case::{Case, Suite};

/// How long the first connection may take.
const REACH: Duration = Duration::from_secs(3);

/// How a suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// What everything random comes from.
    pub seed: u64,
    /// Cases at once.
    pub jobs: usize,
    /// Every wait is so many times longer.
    pub slack: u32,
    /// Accounts with their passwords; without any, actors are guests.
    pub accounts: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            jobs: 16,
            slack: 1,
            accounts: Vec::new(),
        }
    }
}

/// Accounts that a case may need: its actors and a prober.
pub(crate) const ACTORS: usize = 4;

/// What becomes known while a suite runs.
pub enum Progress<'a> {
    /// A case has ended.
    Ended(&'a CaseReport),
}

/// A suite, after its run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What everything random came from.
    pub seed: u64,
    /// The cases that ran, in order of their ids.
    pub cases: Vec<CaseReport>,
    /// How many should have run.
    pub chosen: usize,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// How many cases went so.
    pub fn count(&self, verdict: Verdict) -> usize {
        let cases = self.cases.iter();
        cases.filter(|case| case.verdict == verdict).count()
    }

    /// Whether every case that should have run did, and passed, and there was one.
    pub fn conforms(&self) -> bool {
        !self.cases.is_empty()
            && self.cases.len() == self.chosen
            && self.count(Verdict::Pass) == self.chosen
    }
}

/// Whether the server answers at all: a connection comes about.
///
/// # Errors
///
/// Why not, in one line.
pub async fn reachable(target: &Target, interrupted: watch::Receiver<bool>) -> Result<(), String> {
    let at = target.address;
    let random = Stream::new(0, "reach");
    let mut stage = match Stage::new(target, BTreeSet::new(), random, 1, interrupted) {
        Ok(stage) => stage,
        Err(Stop::Broken(why)) => return Err(why),
        Err(_) => return Err("interrupted".to_owned()),
    };
    let connected = stage
        .connect("harness", Purpose::Control, (0, 0), REACH)
        .await;
    stage.leave().await;
    match connected {
        Ok(()) => Ok(()),
        Err(Stop::Fault(fault)) => Err(format!("no server can be reached at {at}: {}", fault.came)),
        Err(Stop::Broken(why)) => Err(why),
        Err(Stop::Interrupted) => Err("interrupted".to_owned()),
    }
}

/// Runs every case of a suite that judges a server. Must be called within a tokio runtime.
pub async fn run(
    suite: &Suite,
    target: &Target,
    options: &Options,
    interrupted: watch::Receiver<bool>,
    progress: impl FnMut(Progress<'_>) + 'static,
) -> Report {
    let began = Instant::now();
    let suite = suite.filter(|case| !case.judges_service());
    let chosen = suite.cases().len();
    // One service is active at a time, so that cases that play one are played one after the other, beside the rest.
    let (services, others): (VecDeque<Case>, VecDeque<Case>) =
        suite.cases().iter().cloned().partition(Case::plays_service);
    let queues = [others, services].map(|queue| Rc::new(RefCell::new(queue)));
    let done = Rc::new(RefCell::new(Vec::new()));
    let progress = Rc::new(RefCell::new(progress));
    // With accounts, each worker has its own, so that no two cases meet as the same user.
    let jobs = match options.accounts.len() / ACTORS {
        0 => options.jobs,
        sets => options.jobs.min(sets),
    };
    let local = LocalSet::new();
    let jobs = jobs.clamp(1, chosen.max(1));
    for worker in 0..=jobs {
        let queue = queues[usize::from(worker == jobs)].clone();
        let (done, progress) = (done.clone(), progress.clone());
        let (target, options) = (target.clone(), options.clone());
        let interrupted = interrupted.clone();
        local.spawn_local(async move {
            // Who plays the service says by itself who is who.
            let accounts = options.accounts.get(worker * ACTORS..(worker + 1) * ACTORS);
            let accounts = accounts.filter(|_| worker < jobs);
            let setting = Setting {
                accounts: accounts.unwrap_or_default(),
            };
            loop {
                if *interrupted.borrow() {
                    return;
                }
                let Some(case) = queue.borrow_mut().pop_front() else {
                    return;
                };
                let services = case.actors.iter().filter(|actor| actor.service);
                let stage = Stage::new(
                    &target,
                    services.map(|actor| actor.name.clone()).collect(),
                    Stream::new(options.seed, &case.id),
                    options.slack.max(1),
                    interrupted.clone(),
                );
                let report = play(&case, &setting, stage).await;
                (progress.borrow_mut())(Progress::Ended(&report));
                done.borrow_mut().push(report);
            }
        });
    }
    local.await;
    let mut cases = done.take();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    Report {
        seed: options.seed,
        cases,
        chosen,
        took: began.elapsed(),
    }
}
