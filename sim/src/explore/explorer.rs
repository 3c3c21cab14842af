//! How an exploration is asked for.

use core::fmt;
use core::ops::ControlFlow;

use super::bounds::{Bounds, Progress};
use super::breadth::BreadthFirst;
use super::model::Model;
use super::report::Report;
use super::walk::{RandomWalks, Walks};

/// An exploration of a model that is about to begin.
///
/// ```text
/// let report = Explorer::new(&model).depth(12).breadth_first();
/// report.check_exhaustive()?;
/// ```
pub struct Explorer<'a, M: Model> {
    pub(super) model: &'a M,
    pub(super) bounds: Bounds,
    pub(super) keep_going: bool,
    pub(super) audit: bool,
    progress: Option<Box<Callback<'a>>>,
}

type Callback<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + 'a;

/// Transitions between two calls of the progress callback.
const INTERVAL: u64 = 4096;

impl<'a, M: Model> Explorer<'a, M> {
    /// An exploration within the default [`Bounds`] that ends at the first counterexample.
    pub fn new(model: &'a M) -> Explorer<'a, M> {
        Explorer {
            model,
            bounds: Bounds::default(),
            keep_going: false,
            audit: false,
            progress: None,
        }
    }

    /// Bounds the steps from an initial state.
    pub fn depth(mut self, steps: u32) -> Explorer<'a, M> {
        self.bounds.depth = Some(steps);
        self
    }

    /// Bounds the number of distinct states.
    pub fn states(mut self, states: u64) -> Explorer<'a, M> {
        self.bounds.states = Some(states);
        self
    }

    /// Bounds the memory, in bytes.
    pub fn memory(mut self, bytes: u64) -> Explorer<'a, M> {
        self.bounds.memory = Some(bytes);
        self
    }

    /// Replaces all bounds.
    pub fn bounds(mut self, bounds: Bounds) -> Explorer<'a, M> {
        self.bounds = bounds;
        self
    }

    /// Goes on after a counterexample, to find one for each property.
    pub fn keep_going(mut self) -> Explorer<'a, M> {
        self.keep_going = true;
        self
    }

    /// Checks in each state that [`Model::canonical`] is sound: that the canonical form is its own canonical form, has the
    /// same properties, and has the same successors but for symmetry. Costs more than the symmetry saves; for tests, at
    /// small bounds. Breadth-first only.
    pub fn audit_symmetry(mut self) -> Explorer<'a, M> {
        self.audit = true;
        self
    }

    /// Calls back every few thousand transitions, which can cancel; the caller has the clock that makes rates of counts.
    pub fn on_progress(
        mut self,
        callback: impl FnMut(&Progress) -> ControlFlow<()> + 'a,
    ) -> Explorer<'a, M> {
        self.progress = Some(Box::new(callback));
        self
    }

    /// Searches all states, the nearest first, so that each counterexample is as short as can be.
    ///
    /// # Panics
    ///
    /// If the model has no initial state, or does not repeat itself.
    pub fn breadth_first(self) -> Report<M::Action> {
        BreadthFirst::new(self).run()
    }

    /// Takes random walks, for depths that no exhaustive search reaches; counterexamples are shrunk.
    ///
    /// # Panics
    ///
    /// If the model has no initial state.
    pub fn random_walks(self, walks: &Walks) -> Report<M::Action> {
        RandomWalks::new(self, walks).run()
    }

    /// Whether it is time to call back.
    pub(super) fn is_due(&self, transitions: u64) -> bool {
        self.progress.is_some() && transitions.is_multiple_of(INTERVAL)
    }

    /// Calls back; whether to go on.
    pub(super) fn goes_on(&mut self, progress: &Progress) -> bool {
        let callback = self.progress.as_mut();
        callback.is_none_or(|callback| callback(progress).is_continue())
    }
}

impl<M: Model> fmt::Debug for Explorer<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explorer")
            .field("bounds", &self.bounds)
            .field("keep_going", &self.keep_going)
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}
