//! Random walks and shrinking.

use duet_sim::explore::{Explorer, Faults, Model, Property, Stopped, Walks};

use crate::alternating_bit::AlternatingBit;
use crate::graph::Graph;
use crate::peterson::{Peterson, Symmetry, Variant};

fn reordering() -> AlternatingBit {
    AlternatingBit {
        values: 3,
        capacity: 3,
        faults: Faults {
            drops: Faults::UNLIMITED,
            duplicates: Faults::UNLIMITED,
            reorders: 2,
            ..Faults::NONE
        },
    }
}

const WALKS: Walks = Walks {
    seed: 7,
    count: 2_000,
    steps: 200,
};

#[test]
fn a_walk_finds_the_failure_and_shrinks_it() {
    let model = reordering();
    let report = Explorer::new(&model).random_walks(&WALKS);
    let found = report
        .counterexample("what was received is what was sent, in order")
        .expect("two thousand walks are enough");
    // No action can be left out: without any one of them, the run does not fail or is not possible.
    for n in 0..found.path.actions.len() {
        let mut path = found.path.clone();
        path.actions.remove(n);
        if let Ok(states) = path.replay(&model) {
            let last = states.last().expect("the initial state is one");
            assert!((0..).zip(&last.received).all(|(n, value)| n == *value));
        }
    }
    let shortest = Explorer::new(&model).breadth_first();
    let shortest = shortest.counterexamples[0].path.actions.len();
    assert!((shortest..shortest * 2).contains(&found.path.actions.len()));
    assert!(found.path.replay(&model).is_ok());
}

/// Twelve switches; two of them must not both be on.
struct Switches;

impl Model for Switches {
    type State = [bool; 12];
    type Action = usize;

    fn initial_states(&self) -> Vec<[bool; 12]> {
        vec![[false; 12]]
    }
    fn actions(&self, _state: &[bool; 12], actions: &mut Vec<usize>) {
        actions.extend(0..12);
    }
    fn apply(&self, state: &mut [bool; 12], switch: &usize) {
        state[*switch] = !state[*switch];
    }
    fn kind(&self, _action: &usize) -> &'static str {
        "flip"
    }
    fn properties(&self) -> Vec<Property<Switches>> {
        vec![Property::always(
            "no spark",
            &[],
            |_, state: &[bool; 12]| !(state[3] && state[7]),
        )]
    }
}

#[test]
fn shrinking_leaves_the_steps_that_count() {
    let mut longest = 0;
    for seed in 0..20 {
        let walks = Walks { seed, ..WALKS };
        let report = Explorer::new(&Switches).random_walks(&walks);
        let mut actions = report.counterexamples[0].path.actions.clone();
        actions.sort_unstable();
        assert_eq!(actions, [3, 7]);
        longest = longest.max(report.depth);
    }
    assert!(longest > 20, "there was something to leave out");
}

#[test]
fn a_panic_is_found_and_shrunk() {
    let model = Peterson {
        variant: Variant::Asserting,
        symmetry: Symmetry::None,
    };
    let report = Explorer::new(&model).random_walks(&WALKS);
    assert_eq!(report.counterexamples[0].property, "no panic");
    assert_eq!(report.counterexamples[0].reason, "both are inside");
    assert!(report.counterexamples[0].path.actions.len() >= 6);
}

#[test]
fn walks_claim_nothing_and_repeat_themselves() {
    let model = Peterson {
        variant: Variant::Right,
        symmetry: Symmetry::None,
    };
    let walk = |seed| {
        let walks = Walks { seed, ..WALKS };
        Explorer::new(&model).random_walks(&walks)
    };
    let report = walk(1);
    report.check().unwrap();
    assert_eq!(report.stopped, Stopped::Sampled);
    assert!(report.check_exhaustive().is_err());
    assert!(!report.checked.contains(&"the way out is open"));
    // As many as there are; random walks find them all in a model this small.
    assert_eq!(report.states, Explorer::new(&model).breadth_first().states);
    assert_eq!(report.to_string(), walk(1).to_string());
    // Two walks of one run differ, or the count above would be that of one.
    assert_eq!(report.transitions, 2_000 * 200);
}

#[test]
fn walks_keep_to_their_bounds() {
    let line = Graph::line(100);
    let report = Explorer::new(&line).depth(10).random_walks(&WALKS);
    assert_eq!((report.depth, report.states), (10, 11));
    let report = Explorer::new(&line).states(5).random_walks(&WALKS);
    assert_eq!((report.stopped, report.states), (Stopped::States, 5));
}
