//! What holds, what does not, and the numbers of states.

use std::collections::BTreeSet;

use duet_sim::explore::{Explorer, Faults, Model, Path, Property, Stopped};
use proptest::prelude::*;

use crate::alternating_bit::AlternatingBit;
use crate::brute_force;
use crate::graph::Graph;
use crate::peterson::{Peterson, Step, Symmetry, Variant};
use crate::philosophers::Philosophers;

const LOSSY: Faults = Faults {
    drops: Faults::UNLIMITED,
    duplicates: Faults::UNLIMITED,
    ..Faults::NONE
};

#[test]
fn the_alternating_bit_holds_where_messages_are_lost_and_duplicated() {
    let model = AlternatingBit {
        values: 3,
        capacity: 3,
        faults: LOSSY,
    };
    let report = Explorer::new(&model).breadth_first();
    // The sender may send again until all is acknowledged, so the one state of rest is the one of success.
    report.check_exhaustive().unwrap();
    let (states, transitions, ends) = brute_force(&model);
    assert_eq!(
        (report.states, report.transitions, report.quiescent),
        (states, transitions, ends)
    );
    assert_eq!(report.transitions, report.duplicates + report.states - 1);
    assert_eq!(report.gauges.maximum("messages in flight"), Some(6));
    assert_eq!(report.open, 0);
}

#[test]
fn the_alternating_bit_fails_where_messages_overtake() {
    let model = AlternatingBit {
        values: 3,
        capacity: 3,
        faults: Faults {
            reorders: 1,
            ..LOSSY
        },
    };
    let report = Explorer::new(&model).keep_going().breadth_first();
    let found = report
        .counterexample("what was received is what was sent, in order")
        .expect("the bit is too short");
    assert_eq!(found.requirements, ["ABP-001"]);
    assert_eq!(found.reason, "received [0, 1, 0]");
    assert!(report.is_exhausted(), "told to go on");

    // Each state of the path follows from the one before, and only the last is wrong.
    let states = found.path.replay(&model).unwrap();
    assert_eq!(states.len(), found.path.actions.len() + 1);
    let wrong = |state: &&crate::alternating_bit::State| state.received == [0, 1, 0];
    assert_eq!(states.iter().filter(wrong).count(), 1);
    assert!(wrong(&states.last().unwrap()));
}

#[test]
fn a_value_that_is_lost_without_retransmission_is_missed_at_rest() {
    /// The same protocol with a sender that sends once.
    struct Once(AlternatingBit);
    impl Model for Once {
        type State = (crate::alternating_bit::State, bool);
        type Action = crate::alternating_bit::Action;
        fn initial_states(&self) -> Vec<Self::State> {
            let states = self.0.initial_states().into_iter();
            states.map(|state| (state, false)).collect()
        }
        fn actions(&self, (state, sent): &Self::State, actions: &mut Vec<Self::Action>) {
            self.0.actions(state, actions);
            actions.retain(|action| !sent || *action != crate::alternating_bit::Action::Send);
        }
        fn apply(&self, (state, sent): &mut Self::State, action: &Self::Action) {
            *sent |= *action == crate::alternating_bit::Action::Send;
            self.0.apply(state, action);
        }
        fn properties(&self) -> Vec<Property<Once>> {
            vec![Property::quiescent(
                "it arrives",
                &[],
                |_, (state, _): &Self::State| !state.received.is_empty(),
            )]
        }
        fn kind(&self, action: &Self::Action) -> &'static str {
            self.0.kind(action)
        }
    }
    let once = |drops| {
        Once(AlternatingBit {
            values: 1,
            capacity: 1,
            faults: Faults {
                drops,
                ..Faults::NONE
            },
        })
    };
    let reliable = Explorer::new(&once(0)).breadth_first();
    reliable.check_exhaustive().unwrap();
    let lossy = Explorer::new(&once(1)).breadth_first();
    assert_eq!(lossy.counterexamples[0].path.actions.len(), 2);
    assert_eq!(lossy.stopped, Stopped::Counterexample);
}

#[test]
fn philosophers_starve_unless_forks_are_taken_in_order() {
    for seats in 2..6 {
        let model = Philosophers {
            seats,
            ordered: false,
        };
        let report = Explorer::new(&model).breadth_first();
        let found = report.counterexample("all have eaten").expect("a deadlock");
        // Everybody holds one fork, and it takes no more than that.
        assert_eq!(found.path.actions.len(), usize::from(seats));

        let model = Philosophers {
            seats,
            ordered: true,
        };
        let report = Explorer::new(&model).breadth_first();
        report.check_exhaustive().unwrap();
        let (states, transitions, ends) = brute_force(&model);
        assert_eq!((report.states, report.transitions), (states, transitions));
        assert_eq!((report.quiescent, ends), (1, 1));
        // Each takes two forks and eats, in whatever order.
        assert_eq!(report.depth, 3 * u32::from(seats));
    }
}

/// Peterson's algorithm written once more, on numbers: how many states can be reached.
fn peterson_by_hand() -> usize {
    let mut seen = BTreeSet::from([(0, 0, 0), (0, 0, 1)]);
    loop {
        let mut next = seen.clone();
        for (zero, one, turn) in &seen {
            match zero {
                0 => next.insert((1, *one, *turn)),
                1 => next.insert((2, *one, 1)),
                2 if *one == 0 || *turn == 0 => next.insert((3, *one, *turn)),
                3 => next.insert((0, *one, *turn)),
                _ => false,
            };
            match one {
                0 => next.insert((*zero, 1, *turn)),
                1 => next.insert((*zero, 2, 0)),
                2 if *zero == 0 || *turn == 1 => next.insert((*zero, 3, *turn)),
                3 => next.insert((*zero, 0, *turn)),
                _ => false,
            };
        }
        if next == seen {
            return seen.len();
        }
        seen = next;
    }
}

#[test]
fn petersons_algorithm_excludes() {
    let model = Peterson {
        variant: Variant::Right,
        symmetry: Symmetry::None,
    };
    let report = Explorer::new(&model).breadth_first();
    report.check_exhaustive().unwrap();
    assert_eq!(report.states, peterson_by_hand() as u64);
}

#[test]
fn the_broken_variant_lets_both_in_after_six_steps() {
    let broken = |variant| Peterson {
        variant,
        symmetry: Symmetry::None,
    };
    let report = Explorer::new(&broken(Variant::TurnBeforeFlag)).breadth_first();
    // Three steps each are the fewest that bring both inside.
    assert_eq!(report.counterexamples[0].property, "at most one is inside");
    assert_eq!(report.counterexamples[0].path.actions.len(), 6);

    // The same, found by an assertion in the model.
    let report = Explorer::new(&broken(Variant::Asserting)).breadth_first();
    assert_eq!(report.counterexamples[0].property, "no panic");
    assert_eq!(report.counterexamples[0].reason, "both are inside");
    // Told to go on, it still gives one counterexample to a rule.
    let model = broken(Variant::Asserting);
    let on = Explorer::new(&model).keep_going().breadth_first();
    assert_eq!(on.counterexamples, report.counterexamples);
    assert_eq!(report.counterexamples[0].path.actions.len(), 6);
}

#[test]
fn a_path_that_the_model_no_longer_allows_says_where() {
    let model = Peterson {
        variant: Variant::Right,
        symmetry: Symmetry::None,
    };
    let actions = [0, 0, 1, 1, 0, 1, 0].map(Step).to_vec();
    // Zero gave way first, so it enters; one has to wait.
    let path = Path {
        initial: 0,
        actions,
    };
    assert_eq!(path.replay(&model).err(), Some(5));
}

#[test]
fn symmetry_halves_the_states_and_keeps_the_answers() {
    let explore = |variant, symmetry| {
        let model = Peterson { variant, symmetry };
        Explorer::new(&model).audit_symmetry().breadth_first()
    };
    let whole = explore(Variant::Right, Symmetry::None);
    let half = explore(Variant::Right, Symmetry::Swap);
    half.check_exhaustive().unwrap();
    // No state is its own mirror image, because the turn is one process's.
    assert_eq!(half.states * 2, whole.states);
    let broken = explore(Variant::TurnBeforeFlag, Symmetry::Swap);
    assert_eq!(broken.counterexamples[0].path.actions.len(), 6);
}

#[test]
fn the_audit_finds_a_canonical_form_that_forgets_something() {
    let model = Peterson {
        variant: Variant::Right,
        symmetry: Symmetry::Careless,
    };
    let report = Explorer::new(&model).audit_symmetry().breadth_first();
    let found = report.counterexample("the canonical form is sound");
    assert_eq!(found.expect("unsound").reason, "the successors differ");
}

proptest! {
    #[test]
    fn on_any_graph_states_distances_and_goals_are_right(
        edges in prop::collection::vec(prop::collection::vec(0usize..12, 0..4), 12),
        bad in prop::collection::vec(0usize..12, 0..3),
        goals in prop::collection::vec(0usize..12, 1..3),
    ) {
        let graph = Graph { edges, bad, goals };
        let report = Explorer::new(&graph).keep_going().breadth_first();
        let distances = graph.distances();
        let closure = graph.closure();
        prop_assert!(report.is_exhausted());
        prop_assert_eq!(report.states as usize, distances.iter().flatten().count());
        let out: usize = (0..12).filter(|n| closure[0][*n]).map(|n| graph.edges[n].len()).sum();
        prop_assert_eq!(report.transitions as usize, out);

        let length = |property| {
            report.counterexample(property).map(|found| found.path.actions.len())
        };
        let nearest_bad = graph.bad.iter().filter_map(|n| distances[*n]).min();
        prop_assert_eq!(length("no bad node"), nearest_bad);
        let reaches = |n: usize| graph.goals.iter().any(|goal| closure[n][*goal]);
        let nearest_stuck = (0..12).filter(|n| !reaches(*n)).filter_map(|n| distances[n]).min();
        prop_assert_eq!(length("a goal"), nearest_stuck);
    }
}
