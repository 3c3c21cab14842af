//! Dining philosophers: locks taken in two phases, with and without an order among them (Dijkstra, EWD 310).

use duet_sim::explore::{Model, Property};

pub(crate) struct Philosophers {
    pub(crate) seats: u8,
    /// Each takes the fork with the lower number first; otherwise the left one.
    pub(crate) ordered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// By seat: how many steps are done, of first fork, second fork, eat and put both down.
    done: Vec<u8>,
    /// By fork: who holds it.
    held: Vec<Option<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Take { seat: u8, fork: u8 },
    Eat { seat: u8 },
}

impl Philosophers {
    fn forks(&self, seat: u8) -> [u8; 2] {
        let (left, right) = (seat, (seat + 1) % self.seats);
        match self.ordered {
            true => [left.min(right), left.max(right)],
            false => [left, right],
        }
    }
}

impl Model for Philosophers {
    type State = State;
    type Action = Action;

    fn initial_states(&self) -> Vec<State> {
        vec![State {
            done: vec![0; self.seats.into()],
            held: vec![None; self.seats.into()],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for seat in 0..self.seats {
            let done = usize::from(state.done[usize::from(seat)]);
            match self.forks(seat).get(done) {
                Some(fork) if state.held[usize::from(*fork)].is_none() => {
                    actions.push(Action::Take { seat, fork: *fork });
                }
                None if done == 2 => actions.push(Action::Eat { seat }),
                _ => {}
            }
        }
    }

    fn apply(&self, state: &mut State, action: &Action) {
        match *action {
            Action::Take { seat, fork } => {
                state.held[usize::from(fork)] = Some(seat);
                state.done[usize::from(seat)] += 1;
            }
            Action::Eat { seat } => {
                for fork in self.forks(seat) {
                    state.held[usize::from(fork)] = None;
                }
                state.done[usize::from(seat)] = 3;
            }
        }
    }

    fn properties(&self) -> Vec<Property<Philosophers>> {
        vec![
            Property::quiescent("all have eaten", &[], |_, state: &State| {
                state.done.iter().all(|done| *done == 3)
            }),
            Property::sometimes("somebody eats", |_, state: &State| state.done.contains(&3)),
        ]
    }

    fn kind(&self, action: &Action) -> &'static str {
        match action {
            Action::Take { .. } => "take",
            Action::Eat { .. } => "eat",
        }
    }
}
