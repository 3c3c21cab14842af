//! Random walks.

use super::bounds::{Progress, Stopped};
use super::checker::{Checker, Finding};
use super::counterexample::Path;
use super::explorer::Explorer;
use super::guard::guard;
use super::model::Model;
use super::report::Report;
use super::run::{Here, Run};
use super::shrink::shrink;
use super::totals::Totals;
use super::visited::{Origin, Seen, Visited, identity};
use crate::random::Stream;

/// How many random walks, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walks {
    /// The same seed gives the same walks.
    pub seed: u64,
    /// The number of walks.
    pub count: u64,
    /// Steps of each at most; a walk ends where nothing is enabled.
    pub steps: u32,
}

/// Walks from an initial state by actions drawn at random: first the kind, then one of that kind, so that the many faults
/// that are possible at any moment do not crowd out progress.
pub(super) struct RandomWalks<'a, M: Model> {
    explorer: Explorer<'a, M>,
    walks: Walks,
    checker: Checker<'a, M>,
    visited: Visited,
    totals: Totals,
    found: Vec<(Finding, Path<M::Action>)>,
}

impl<'a, M: Model> RandomWalks<'a, M> {
    pub(super) fn new(explorer: Explorer<'a, M>, walks: &Walks) -> RandomWalks<'a, M> {
        RandomWalks {
            checker: Checker::new(explorer.model),
            walks: *walks,
            visited: Visited::default(),
            totals: Totals::default(),
            found: Vec::new(),
            explorer,
        }
    }

    pub(super) fn run(mut self) -> Report<M::Action> {
        let Walks { seed, count, steps } = self.walks;
        let walked = (0..count).try_for_each(|walk| self.walk(walk));
        let method = format!("{count} random walks of up to {steps} steps, seed {seed}");
        self.totals.report(
            &self.checker,
            method,
            self.explorer.bounds,
            walked.err().unwrap_or(Stopped::Sampled),
            self.visited.len(),
            self.found,
        )
    }

    fn walk(&mut self, walk: u64) -> Result<(), Stopped> {
        let mut draws = Stream::new(self.walks.seed, &format!("walk {walk}"));
        let mut initial = self.checker.model.initial_states();
        assert!(!initial.is_empty(), "a model has an initial state");
        let position = draws.below(initial.len() as u64) as usize;
        let mut run = Run::begin(&mut self.checker, initial.swap_remove(position));
        let steps = self.explorer.bounds.depth.unwrap_or(u32::MAX);
        for step in 0..=steps.min(self.walks.steps) {
            let new = self.remember(&run.state)?;
            if !new && step > 0 {
                self.totals.duplicates += 1;
            }
            let here = run.enable(&mut self.checker);
            self.keep(position, &run)?;
            match here {
                // A state that is met again is counted once.
                Here::Within { quiescent } => self.totals.quiescent += u64::from(new && quiescent),
                Here::Outside => {
                    self.totals.pruned += u64::from(new);
                    break;
                }
                Here::Panicked => break,
            }
            if run.enabled.is_empty() || step == steps.min(self.walks.steps) {
                break;
            }
            let action = self.choose(&mut draws, &run.enabled);
            self.totals.count(self.checker.model.kind(&action));
            let ran = run.take(&mut self.checker, action);
            self.totals.depth = self.totals.depth.max(step + 1);
            self.keep(position, &run)?;
            self.continues(walk)?;
            if !ran {
                break;
            }
        }
        Ok(())
    }

    fn choose(&self, draws: &mut Stream, enabled: &[M::Action]) -> M::Action {
        let model = self.checker.model;
        let mut kinds: Vec<&'static str> = Vec::new();
        for action in enabled {
            let kind = model.kind(action);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let kind = kinds[draws.below(kinds.len() as u64) as usize];
        let alike = || enabled.iter().filter(|action| model.kind(action) == kind);
        let chosen = alike().nth(draws.below(alike().count() as u64) as usize);
        match chosen {
            Some(action) => action.clone(),
            None => unreachable!("the kind was taken from an enabled action"),
        }
    }

    /// Whether the state is new.
    fn remember(&mut self, state: &M::State) -> Result<bool, Stopped> {
        let model = self.checker.model;
        let key = guard(|| identity(model, state)).unwrap_or_else(|message| {
            self.checker.panicked(message);
            super::fingerprint(state)
        });
        let most = self.explorer.bounds.max_states();
        let seen = self.visited.add(key, Origin::initial(0), most);
        let memory = self.explorer.bounds.memory;
        match seen {
            Seen::Full => Err(Stopped::States),
            Seen::Before(_) => Ok(false),
            Seen::New(_) if memory.is_some_and(|most| self.visited.bytes() > most) => {
                Err(Stopped::Memory)
            }
            Seen::New(_) => {
                if let Err(message) = guard(|| model.measure(state, &mut self.totals.gauges)) {
                    self.checker.panicked(message);
                }
                Ok(true)
            }
        }
    }

    /// Shrinks and keeps what the checker found at the end of the run so far.
    fn keep(&mut self, initial: usize, run: &Run<M>) -> Result<(), Stopped> {
        let mut stops = false;
        for finding in self.checker.take() {
            stops |= finding.broken.is_some();
            let actions = run.taken.clone();
            let path = Path { initial, actions };
            self.found.push(shrink(self.checker.model, finding, path));
        }
        match stops && !self.explorer.keep_going {
            true => Err(Stopped::Counterexample),
            false => Ok(()),
        }
    }

    fn continues(&mut self, walk: u64) -> Result<(), Stopped> {
        if !self.explorer.is_due(self.totals.transitions) {
            return Ok(());
        }
        let progress = Progress {
            states: self.visited.len() as u64,
            transitions: self.totals.transitions,
            depth: self.totals.depth,
            waiting: self.walks.count - walk - 1,
            memory: self.visited.bytes(),
        };
        match self.explorer.goes_on(&progress) {
            true => Ok(()),
            false => Err(Stopped::Cancelled),
        }
    }
}
