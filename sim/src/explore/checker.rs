//! The properties of a model, held against its states and steps.

use super::guard::guard;
use super::model::Model;
use super::property::{Condition, Property, Verdict};

/// Looks at states and steps, and keeps what it finds until it is asked; each property is found once.
pub(super) struct Checker<'m, M: Model> {
    pub(super) model: &'m M,
    properties: Vec<Property<M>>,
    /// By rule: found already.
    settled: Vec<bool>,
    fresh: Vec<Finding>,
}

/// A broken property, or a witness of one that should be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The position of the property; past the last one come those that hold of every model.
    pub(super) rule: usize,
    /// Why it is broken; of a witness, nothing.
    pub(super) broken: Option<String>,
}

/// What holds of every model, after its properties.
const COMMON: [&str; 2] = ["no panic", "the canonical form is sound"];

impl<'m, M: Model> Checker<'m, M> {
    pub(super) fn new(model: &'m M) -> Checker<'m, M> {
        let properties = model.properties();
        Checker {
            model,
            settled: vec![false; properties.len() + COMMON.len()],
            properties,
            fresh: Vec::new(),
        }
    }

    pub(super) fn state(&mut self, state: &M::State) {
        self.look(|model, condition| match condition {
            Condition::Always(holds) => broken(holds(model, state)),
            Condition::Sometimes(reached) => reached(model, state).then_some(None),
            _ => None,
        });
    }

    pub(super) fn step(&mut self, before: &M::State, action: &M::Action, after: &M::State) {
        self.look(|model, condition| match condition {
            Condition::Step(holds) => broken(holds(model, before, action, after)),
            _ => None,
        });
    }

    pub(super) fn quiescent(&mut self, state: &M::State) {
        self.look(|model, condition| match condition {
            Condition::Quiescent(holds) => broken(holds(model, state)),
            _ => None,
        });
    }

    pub(super) fn panicked(&mut self, message: String) {
        self.find(self.properties.len(), Some(message));
    }

    pub(super) fn asymmetric(&mut self, reason: String) {
        self.find(self.properties.len() + 1, Some(reason));
    }

    /// Records a finding that was made elsewhere.
    pub(super) fn find(&mut self, rule: usize, broken: Option<String>) {
        if !self.settled[rule] {
            self.settled[rule] = true;
            self.fresh.push(Finding { rule, broken });
        }
    }

    /// From now on finds this rule and no other, even if it was found before.
    pub(super) fn look_only_for(&mut self, rule: usize) {
        self.settled.fill(true);
        self.settled[rule] = false;
        self.fresh.clear();
    }

    /// Whether there is something to take.
    pub(super) fn has_found(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// What was found since the last time; almost always nothing.
    pub(super) fn take(&mut self) -> Vec<Finding> {
        core::mem::take(&mut self.fresh)
    }

    pub(super) fn properties(&self) -> &[Property<M>] {
        &self.properties
    }

    pub(super) fn name(&self, rule: usize) -> &'static str {
        match self.properties.get(rule) {
            Some(property) => property.name,
            None => COMMON[rule - self.properties.len()],
        }
    }

    pub(super) fn requirements(&self, rule: usize) -> &'static [&'static str] {
        let property = self.properties.get(rule);
        property.map_or(&[], |property| property.requirements)
    }

    /// Whether a rule should be reached, rather than never broken.
    pub(super) fn is_sometimes(&self, rule: usize) -> bool {
        let property = self.properties.get(rule);
        property.is_some_and(|p| matches!(p.condition, Condition::Sometimes(_)))
    }

    pub(super) fn is_settled(&self, rule: usize) -> bool {
        self.settled[rule]
    }

    fn look(&mut self, mut finds: impl FnMut(&M, &Condition<M>) -> Option<Option<String>>) {
        let Checker {
            model,
            properties,
            settled,
            fresh,
        } = self;
        let looked = guard(|| {
            for (rule, property) in properties.iter().enumerate() {
                if settled[rule] {
                    continue;
                }
                if let Some(broken) = finds(model, &property.condition) {
                    settled[rule] = true;
                    fresh.push(Finding { rule, broken });
                }
            }
        });
        if let Err(message) = looked {
            self.panicked(message);
        }
    }
}

fn broken(verdict: Verdict) -> Option<Option<String>> {
    match verdict {
        Verdict::Holds => None,
        Verdict::Broken(reason) => Some(Some(reason)),
    }
}
