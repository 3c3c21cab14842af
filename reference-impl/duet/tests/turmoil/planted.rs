//! The invariants notice: what applications are told is falsified on its way to them, as if the program had done it.

use std::time::Duration;

use duet::faults::{Course, Fault, SERVER, run_heard};
use duet::invariants::{Invariant, SETTLE};
use duet::script::Op;
use duet_protocol::client::Event;
use duet_protocol::message::room::Change;

use crate::support::{chatter, gathered};

/// Two people, a call, a link that is lost and resumed.
fn course() -> Course {
    let mut course = gathered(&["alice", "bob"]);
    chatter(&mut course, 1_000, 4_000, 500);
    course.does(2_000, 0, Op::Call(1, None));
    course.does(5_000, 0, Op::HangUp);
    course.does(6_000, 0, Op::Leave("lobby".into()));
    course.fault(10_000, Fault::Cut("alice".into(), SERVER.into()));
    course.fault(35_000, Fault::Mend("alice".into(), SERVER.into()));
    course.length = Duration::from_secs(36) + SETTLE;
    course
}

/// What is noticed when the first event like this is heard so many times.
fn noticed(times: usize, like: impl Fn(usize, &Event) -> bool + 'static) -> Vec<Invariant> {
    let mut done = false;
    let hearing = move |who, event: &Event| match !done && like(who, event) {
        true => {
            done = true;
            times
        }
        false => 1,
    };
    let run = run_heard(&course(), Box::new(hearing)).expect("a course that can be run");
    let mut invariants: Vec<Invariant> = run.breaches.iter().map(|one| one.invariant).collect();
    invariants.dedup();
    invariants
}

#[test]
fn nothing_is_noticed_where_nothing_is_planted() {
    assert_eq!(noticed(1, |_, _| true), []);
}

#[test]
fn chan_004_a_text_that_is_said_to_be_delivered_and_was_dropped() {
    let text = |_, event: &Event| matches!(event, Event::Text { .. });
    assert_eq!(noticed(0, text), [Invariant::MessageResult]);
}

#[test]
fn ses_024_a_text_that_comes_twice() {
    let text = |_, event: &Event| matches!(event, Event::Text { .. });
    assert_eq!(noticed(2, text), [Invariant::MessageOnce]);
}

#[test]
fn ses_016_an_answer_that_never_comes_or_comes_twice() {
    let answer = |_, event: &Event| matches!(event, Event::Answer { number: 3, .. });
    assert_eq!(noticed(0, answer), [Invariant::Answered]);
    assert_eq!(noticed(2, answer), [Invariant::Answered]);
}

#[test]
fn call_019_a_call_that_ends_for_one_side() {
    let ended = |who, event: &Event| who == 1 && matches!(event, Event::Ended { .. });
    assert_eq!(noticed(0, ended), [Invariant::CallEnd]);
    assert_eq!(noticed(2, ended), [Invariant::CallEnd]);
}

#[test]
fn room_005_a_member_that_is_not_seen_to_leave() {
    let left = |who, event: &Event| {
        let leaves = matches!(
            event,
            Event::Member {
                change: Change::Leave,
                ..
            }
        );
        who == 1 && leaves
    };
    assert_eq!(noticed(0, left), [Invariant::RoomAgreement]);
}

#[test]
fn ses_009_a_client_that_does_not_come_back() {
    let resumed = |_, event: &Event| matches!(event, Event::Resumed);
    assert_eq!(noticed(0, resumed), [Invariant::Return]);
}
