//! Where a search stops, and that it says so.

use std::ops::ControlFlow;

use duet_sim::explore::{Bounds, Explorer, Faults, Stopped};

use crate::alternating_bit::AlternatingBit;
use crate::graph::Graph;

fn large() -> AlternatingBit {
    AlternatingBit {
        values: 12,
        capacity: 9,
        faults: Faults {
            drops: Faults::UNLIMITED,
            duplicates: Faults::UNLIMITED,
            ..Faults::NONE
        },
    }
}

#[test]
fn depth_stops_only_where_something_is_left() {
    let line = Graph::line(10);
    let report = Explorer::new(&line).depth(8).breadth_first();
    assert_eq!(
        (report.stopped, report.states, report.open),
        (Stopped::Depth, 9, 1)
    );
    assert!(report.check().is_ok());
    assert!(report.check_exhaustive().is_err());
    let report = Explorer::new(&line).depth(9).breadth_first();
    assert_eq!(
        (report.stopped, report.states, report.open),
        (Stopped::Exhausted, 10, 0)
    );
    assert_eq!(report.depth, 9);
}

#[test]
fn states_stop_only_when_there_are_more() {
    let line = Graph::line(10);
    let report = Explorer::new(&line).states(9).breadth_first();
    assert_eq!((report.stopped, report.states), (Stopped::States, 9));
    let report = Explorer::new(&line).states(10).breadth_first();
    assert_eq!((report.stopped, report.states), (Stopped::Exhausted, 10));
}

#[test]
fn memory_stops() {
    let model = large();
    let report = Explorer::new(&model).memory(1 << 20).breadth_first();
    assert_eq!(report.stopped, Stopped::Memory);
    let whole = Explorer::new(&model).breadth_first();
    assert_eq!(whole.stopped, Stopped::Exhausted);
    assert!(report.states < whole.states);
    assert!(report.open > 0);
    assert!(
        report
            .to_string()
            .contains("NOT exhausted: stopped by the bound on memory")
    );
}

#[test]
fn the_callback_sees_progress_and_cancels() {
    let model = large();
    let mut seen = Vec::new();
    let report = Explorer::new(&model)
        .on_progress(|progress| {
            seen.push(*progress);
            match seen.len() {
                3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })
        .breadth_first();
    assert_eq!(report.stopped, Stopped::Cancelled);
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[2].transitions, report.transitions);
    assert_eq!(seen[2].states, report.states);
    assert!(seen[0].states < seen[1].states && seen[0].memory <= seen[1].memory);
}

#[test]
fn a_goal_beyond_the_bound_counts_as_possible() {
    // Three is the goal, and the line ends at nine.
    let line = Graph {
        goals: vec![3],
        ..Graph::line(10)
    };
    let report = Explorer::new(&line).depth(6).breadth_first();
    assert_eq!(report.stopped, Stopped::Depth);
    assert!(report.counterexamples.is_empty(), "{report}");
    let report = Explorer::new(&line).states(6).breadth_first();
    assert!(report.counterexamples.is_empty(), "{report}");
    // A state that still waits when the search stops may lead anywhere, too: here the second of three leads to the goal.
    let fork = Graph {
        edges: vec![vec![1, 2], vec![3], vec![4], vec![0], vec![0]],
        goals: vec![4],
        ..Graph::default()
    };
    let report = Explorer::new(&fork).states(3).breadth_first();
    assert_eq!((report.stopped, report.open), (Stopped::States, 2));
    assert!(report.counterexamples.is_empty(), "{report}");
    // With all of it known, the node after the goal is the first from which there is no way back.
    let report = Explorer::new(&line)
        .bounds(Bounds::default())
        .breadth_first();
    assert_eq!(report.stopped, Stopped::Counterexample);
    assert_eq!(report.counterexamples[0].path.actions, [1, 2, 3, 4]);
}

#[test]
fn what_is_never_reached_or_taken_is_suspicious() {
    let model = AlternatingBit {
        faults: Faults::NONE,
        ..large()
    };
    let report = Explorer::new(&model).depth(0).breadth_first();
    assert_eq!(
        report.suspicions(),
        [
            "never reached: all has arrived",
            "never taken: deliver",
            "never taken: send",
            "no state is quiescent, so what must hold at rest was never looked at",
        ]
    );
    assert!(report.check().is_err());
}
