//! One run of a model, with all its properties looked at on the way.

use super::checker::Checker;
use super::guard::guard;
use super::model::Model;

/// A run so far. What it finds is with the checker.
pub(super) struct Run<M: Model> {
    pub(super) state: M::State,
    /// What is enabled in the state, once [`Run::enable`] has asked.
    pub(super) enabled: Vec<M::Action>,
    pub(super) taken: Vec<M::Action>,
}

/// What [`Run::enable`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    /// Actions may be taken, if any are enabled.
    Within { quiescent: bool },
    /// Outside the model's boundary.
    Outside,
    /// The model panicked.
    Panicked,
}

impl<M: Model> Run<M> {
    pub(super) fn begin(checker: &mut Checker<'_, M>, state: M::State) -> Run<M> {
        checker.state(&state);
        Run {
            state,
            enabled: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Asks what is enabled, and looks at what must hold at rest.
    pub(super) fn enable(&mut self, checker: &mut Checker<'_, M>) -> Here {
        let (model, state, enabled) = (checker.model, &self.state, &mut self.enabled);
        enabled.clear();
        let asked = guard(|| {
            if !model.within(state) {
                return Here::Outside;
            }
            model.actions(state, enabled);
            Here::Within {
                quiescent: model.is_quiescent(state, enabled),
            }
        });
        match asked {
            Ok(here) => {
                if here == (Here::Within { quiescent: true }) {
                    checker.quiescent(state);
                }
                here
            }
            Err(message) => {
                checker.panicked(message);
                Here::Panicked
            }
        }
    }

    /// Takes an enabled action; false if the model panicked.
    pub(super) fn take(&mut self, checker: &mut Checker<'_, M>, action: M::Action) -> bool {
        let model = checker.model;
        let mut next = self.state.clone();
        let applied = guard(|| model.apply(&mut next, &action));
        self.taken.push(action);
        if let Err(message) = applied {
            checker.panicked(message);
            return false;
        }
        if let Some(action) = self.taken.last() {
            checker.step(&self.state, action, &next);
        }
        checker.state(&next);
        self.state = next;
        true
    }
}
