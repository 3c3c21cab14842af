//! The explorations, and the mistakes that they find.

use alloc::vec;

use duet_sim::explore::{Faults, Report};

use super::planted::Planted;
use super::{Action, Resume};

fn explore(model: &Resume, states: u64) -> Report<Action> {
    crate::explore::search("resume", model, states)
}

/// A sender, and a receiver that also writes.
fn two() -> Resume {
    Resume {
        users: vec![1, 2],
        writes: vec![(2, 2), (1, 1)],
        shards: 1,
        faults: Faults::NONE,
        windows_close: false,
        planted: Planted::Nothing,
    }
}

const fn faults(drops: u8, timeouts: u8, crashes: u8) -> Faults {
    Faults {
        drops,
        timeouts,
        crashes,
        ..Faults::NONE
    }
}

#[test]
fn a_link_that_breaks_loses_nothing() {
    let model = Resume {
        faults: faults(1, 0, 0),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn links_that_break_twice_lose_nothing() {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        faults: faults(2, 0, 0),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn a_link_that_is_given_up_while_it_works_loses_nothing() {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        faults: faults(0, 2, 0),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn a_crash_leaves_nothing_that_waits() {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        faults: faults(1, 0, 1),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn a_process_that_begins_anew_is_not_shut_out_by_its_own_past() {
    let model = Resume {
        writes: vec![(0, 2), (0, 1)],
        shards: 2,
        faults: faults(0, 1, 1),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn a_window_that_closes_leaves_nothing_that_waits() {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        faults: faults(1, 1, 0),
        windows_close: true,
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn two_shards_lose_nothing() {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        shards: 2,
        faults: faults(1, 1, 0),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

#[test]
fn two_devices_of_a_user_lose_nothing() {
    let model = Resume {
        users: vec![1, 2, 2],
        writes: vec![(1, 2), (0, 1), (0, 1)],
        shards: 2,
        faults: faults(1, 0, 0),
        ..two()
    };
    explore(&model, 1_000_000).check_exhaustive().unwrap();
}

/// More of everything than can be searched in a test's time: as far as `DUET_EXPLORE_STATES` says.
#[test]
fn more_of_everything() {
    let model = Resume {
        users: vec![1, 2, 2],
        writes: vec![(2, 2), (1, 1), (0, 1)],
        shards: 2,
        faults: faults(2, 2, 1),
        windows_close: true,
        planted: Planted::Nothing,
    };
    let report = explore(&model, 3_000);
    assert!(report.counterexamples.is_empty(), "{report}");
}

/// Explores two devices with a mistake, and gives what it broke and how.
fn found(planted: Planted, faults: Faults) -> (&'static str, alloc::string::String) {
    let model = Resume {
        writes: vec![(1, 2), (0, 1)],
        faults,
        planted,
        ..two()
    };
    let report = explore(&model, 1_000_000);
    let found = report.counterexamples.first().expect("a mistake");
    assert!(!found.requirements.is_empty());
    (found.property, found.ascii())
}

#[test]
fn a_token_that_is_void_too_early_is_found() {
    let (property, diagram) = found(Planted::VoidsEarly, faults(1, 0, 0));
    assert_eq!(
        property, "the token that a client has is good for as long as its session lives",
        "{diagram}"
    );
    assert!(
        diagram.contains("|------ 3: RESUME 1 ------>|"),
        "{diagram}"
    );
}

#[test]
fn a_token_that_is_never_void_is_found() {
    let (property, diagram) = found(Planted::VoidsNever, faults(1, 0, 0));
    assert_eq!(property, "a void token is not good", "{diagram}");
    assert!(
        diagram.contains("|------- 3: TEXT 00 ------>|"),
        "{diagram}"
    );
}

#[test]
fn copies_that_are_forgotten_too_early_are_missed() {
    let (property, diagram) = found(Planted::TrimsEarly, faults(1, 0, 0));
    assert_eq!(property, "the counts of the two sides agree", "{diagram}");
    assert!(
        diagram.contains("|------- 1: TEXT 00 ------>|"),
        "{diagram}"
    );
}

#[test]
fn delivered_before_the_receiver_has_acknowledged_is_found() {
    let (property, diagram) = found(Planted::DeliversEarly, faults(0, 0, 0));
    assert_eq!(
        property, "what is said to be delivered was received",
        "{diagram}"
    );
    assert!(
        diagram.contains("|< 1: RESULT 1 delivered --|"),
        "{diagram}"
    );
}

#[test]
fn counting_what_is_not_sequenced_is_found() {
    let (property, diagram) = found(Planted::CountsUnsequenced, faults(0, 0, 0));
    assert_eq!(property, "the counts of the two sides agree", "{diagram}");
    assert!(
        diagram.contains("|<------- 1: ACK 1 --------|"),
        "{diagram}"
    );
}

#[test]
fn sending_again_from_one_too_late_is_found() {
    let (property, diagram) = found(Planted::ResendsOneOff, faults(1, 0, 0));
    assert_eq!(property, "no session ends by lost links alone", "{diagram}");
    assert!(
        diagram.contains("|<----- 3: RESUMED 1 ------|"),
        "{diagram}"
    );
}
