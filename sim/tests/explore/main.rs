//! The explorer on models whose answers are known.

mod alternating_bit;
mod graph;
mod peterson;
mod philosophers;

mod answers;
mod bounds;
mod network;
mod printing;
mod walks;

use std::collections::{HashSet, VecDeque};

use duet_sim::explore::Model;

/// States, transitions and dead ends, counted without anything of the explorer's but the trait: whole states in a set.
fn brute_force<M: Model>(model: &M) -> (u64, u64, u64) {
    let mut waiting: VecDeque<M::State> = model.initial_states().into();
    let mut seen: HashSet<M::State> = waiting.iter().cloned().collect();
    let (mut transitions, mut ends) = (0, 0);
    while let Some(state) = waiting.pop_front() {
        let mut actions = Vec::new();
        model.actions(&state, &mut actions);
        ends += u64::from(actions.is_empty());
        for action in actions {
            transitions += 1;
            let mut next = state.clone();
            model.apply(&mut next, &action);
            if seen.insert(next.clone()) {
                waiting.push_back(next);
            }
        }
    }
    (seen.len() as u64, transitions, ends)
}
