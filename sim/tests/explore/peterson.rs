//! Mutual exclusion for two processes (Peterson, "Myths about the mutual exclusion problem", 1981), right and broken.

use std::borrow::Cow;

use duet_sim::explore::{Model, Property};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Right,
    /// Gives way before it shows that it wants to enter.
    TurnBeforeFlag,
    /// Panics where both are inside.
    Asserting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symmetry {
    None,
    /// The processes change places.
    Swap,
    /// They change places, and it is forgotten whose turn it is.
    Careless,
}

pub(crate) struct Peterson {
    pub(crate) variant: Variant,
    pub(crate) symmetry: Symmetry,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    at: [At; 2],
    flag: [bool; 2],
    turn: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum At {
    Outside,
    Between,
    Waiting,
    Inside,
}

/// The process that takes its next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step(pub(crate) usize);

impl Model for Peterson {
    type State = State;
    type Action = Step;

    fn initial_states(&self) -> Vec<State> {
        let state = |turn| State {
            at: [At::Outside; 2],
            flag: [false; 2],
            turn,
        };
        vec![state(0), state(1)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Step>) {
        for (me, other) in [(0, 1), (1, 0)] {
            let waits = state.at[me] == At::Waiting && state.flag[other] && state.turn == other;
            if !waits {
                actions.push(Step(me));
            }
        }
    }

    fn apply(&self, state: &mut State, Step(me): &Step) {
        let (me, other) = (*me, 1 - *me);
        let flag_first = self.variant == Variant::Right;
        state.at[me] = match state.at[me] {
            At::Outside if flag_first => {
                state.flag[me] = true;
                At::Between
            }
            At::Outside => {
                state.turn = other;
                At::Between
            }
            At::Between if flag_first => {
                state.turn = other;
                At::Waiting
            }
            At::Between => {
                state.flag[me] = true;
                At::Waiting
            }
            At::Waiting => At::Inside,
            At::Inside => {
                state.flag[me] = false;
                At::Outside
            }
        };
        assert!(
            self.variant != Variant::Asserting || state.at != [At::Inside; 2],
            "both are inside"
        );
    }

    fn properties(&self) -> Vec<Property<Peterson>> {
        vec![
            Property::always(
                "at most one is inside",
                &["MUTEX-001"],
                |_, state: &State| state.at != [At::Inside; 2],
            ),
            Property::sometimes("somebody is inside", |_, state: &State| {
                state.at.contains(&At::Inside)
            }),
            Property::always_possible("the way out is open", &[], |_, state: &State| {
                state.at == [At::Outside; 2]
            }),
        ]
    }

    fn canonical<'a>(&self, state: &'a State) -> Cow<'a, State> {
        let mut swapped = state.clone();
        swapped.at.swap(0, 1);
        swapped.flag.swap(0, 1);
        match self.symmetry {
            Symmetry::None => return Cow::Borrowed(state),
            Symmetry::Swap => swapped.turn = 1 - swapped.turn,
            Symmetry::Careless => {}
        }
        match swapped < *state {
            true => Cow::Owned(swapped),
            false => Cow::Borrowed(state),
        }
    }

    fn kind(&self, _action: &Step) -> &'static str {
        "step"
    }

    fn participants(&self) -> Vec<String> {
        vec!["zero".into(), "one".into()]
    }
}
