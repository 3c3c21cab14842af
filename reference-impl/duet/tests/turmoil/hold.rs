//! Packets stay where they are for a while, and then all arrive.

use duet::faults::Fault;

use crate::support::{chatter, gathered, sound};

/// Bob's packets, both ways, are held for eight seconds: everything arrives late, in order and once, and the link goes on.
#[test]
fn what_is_held_for_a_while_arrives_late() {
    let mut course = gathered(&["alice", "bob"]);
    chatter(&mut course, 1_000, 20_000, 250);
    course.fault(5_000, Fault::Hold("bob".into()));
    course.fault(13_000, Fault::Release("bob".into()));
    let run = sound(&mut course);
    let tally = run.tally;
    assert_eq!((tally.logins, tally.suspended), (2, 0));
    assert_eq!((tally.delivered, tally.received), (tally.sent, tally.sent));
    assert_eq!(tally.sent, 2 * 76);
}

/// For 25 s: both sides have given the link up when its packets arrive. They change nothing any more; the session is
/// resumed on another link, and nothing is lost or comes twice.
#[test]
fn what_comes_after_its_link_was_given_up_changes_nothing() {
    let mut course = gathered(&["alice", "bob"]);
    chatter(&mut course, 1_000, 15_000, 250);
    course.fault(8_000, Fault::Hold("bob".into()));
    course.fault(33_000, Fault::Release("bob".into()));
    let run = sound(&mut course);
    let tally = run.tally;
    assert_eq!(tally.logins, 2);
    assert_eq!((tally.suspended, tally.resumed), (1, 1));
    assert_eq!((tally.delivered, tally.received), (tally.sent, tally.sent));
}
