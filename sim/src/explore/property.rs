//! What must hold, and what must be reached.

use core::fmt;

use super::model::Model;

/// Whether a property holds, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not; the text says what was found instead and may be empty.
    Broken(String),
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Verdict {
        match holds {
            true => Verdict::Holds,
            false => Verdict::Broken(String::new()),
        }
    }
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Verdict {
        match result {
            Ok(()) => Verdict::Holds,
            Err(reason) => Verdict::Broken(reason),
        }
    }
}

/// A named statement about a model, with the ids of the requirements that it stands for.
///
/// Conditions return `bool`, or `Result<(), String>` where the counterexample should say what was found.
pub struct Property<M: Model> {
    pub(super) name: &'static str,
    pub(super) requirements: &'static [&'static str],
    pub(super) condition: Condition<M>,
}

type OnState<M, V> = Box<dyn Fn(&M, &<M as Model>::State) -> V>;
type OnStep<M> =
    Box<dyn Fn(&M, &<M as Model>::State, &<M as Model>::Action, &<M as Model>::State) -> Verdict>;

pub(super) enum Condition<M: Model> {
    Always(OnState<M, Verdict>),
    Step(OnStep<M>),
    Quiescent(OnState<M, Verdict>),
    AlwaysPossible(OnState<M, bool>),
    Sometimes(OnState<M, bool>),
}

impl<M: Model> Property<M> {
    /// An invariant: holds in every state.
    pub fn always<V: Into<Verdict>>(
        name: &'static str,
        requirements: &'static [&'static str],
        condition: impl Fn(&M, &M::State) -> V + 'static,
    ) -> Property<M> {
        let condition = Box::new(move |model: &M, state: &M::State| condition(model, state).into());
        Property::new(name, requirements, Condition::Always(condition))
    }

    /// Holds of every step: the state before, the action, the state after.
    pub fn step<V: Into<Verdict>>(
        name: &'static str,
        requirements: &'static [&'static str],
        condition: impl Fn(&M, &M::State, &M::Action, &M::State) -> V + 'static,
    ) -> Property<M> {
        let condition = Box::new(
            move |model: &M, before: &M::State, action: &M::Action, after: &M::State| {
                condition(model, before, action, after).into()
            },
        );
        Property::new(name, requirements, Condition::Step(condition))
    }

    /// Holds whenever nothing more has to happen ([`Model::is_quiescent`]): liveness of runs that end.
    pub fn quiescent<V: Into<Verdict>>(
        name: &'static str,
        requirements: &'static [&'static str],
        condition: impl Fn(&M, &M::State) -> V + 'static,
    ) -> Property<M> {
        let condition = Box::new(move |model: &M, state: &M::State| condition(model, state).into());
        Property::new(name, requirements, Condition::Quiescent(condition))
    }

    /// From every state, some run still leads to the goal: nothing is ever stuck, neither at rest nor in a circle.
    ///
    /// Liveness of runs that need not end, such as retransmissions without limit (AG EF in temporal logic). A state whose
    /// successors were not all searched, because of a bound, is taken to reach the goal. Costs 8 bytes per transition. Not
    /// checked by random walks.
    pub fn always_possible(
        name: &'static str,
        requirements: &'static [&'static str],
        goal: impl Fn(&M, &M::State) -> bool + 'static,
    ) -> Property<M> {
        Property::new(
            name,
            requirements,
            Condition::AlwaysPossible(Box::new(goal)),
        )
    }

    /// Holds in at least one state; if none is found, the exploration says little about the rest.
    pub fn sometimes(
        name: &'static str,
        condition: impl Fn(&M, &M::State) -> bool + 'static,
    ) -> Property<M> {
        Property::new(name, &[], Condition::Sometimes(Box::new(condition)))
    }

    /// What the property says.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The ids of the requirements that it stands for.
    pub fn requirements(&self) -> &'static [&'static str] {
        self.requirements
    }

    fn new(
        name: &'static str,
        requirements: &'static [&'static str],
        condition: Condition<M>,
    ) -> Property<M> {
        Property {
            name,
            requirements,
            condition,
        }
    }
}

impl<M: Model> fmt::Debug for Property<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.condition {
            Condition::Always(_) => "always",
            Condition::Step(_) => "step",
            Condition::Quiescent(_) => "quiescent",
            Condition::AlwaysPossible(_) => "always possible",
            Condition::Sometimes(_) => "sometimes",
        };
        write!(f, "{kind}: {}", self.name)
    }
}
