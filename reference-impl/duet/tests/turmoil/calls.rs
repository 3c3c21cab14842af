//! Calls, when something happens to one side, or to the server.

use duet::faults::{Fault, Run, SERVER};
use duet::script::Op;

use crate::support::{gathered, sound};

/// Sides that were told that a call is over, and that this is why.
fn ends(run: &Run, code: &str) -> usize {
    let code = format!("code: {code},");
    let told = run
        .log
        .lines()
        .filter(|line| line.contains("is told Ended"));
    told.filter(|line| line.contains(&code)).count()
}

/// A server that is started anew knows of no call: each side is told that it is lost.
#[test]
fn a_call_ends_with_its_server() {
    let mut course = gathered(&["alice", "bob"]);
    course.does(2_000, 0, Op::Call(1, None));
    course.fault(5_000, Fault::Crash(SERVER.into()));
    course.fault(6_000, Fault::Restart(SERVER.into()));
    let run = sound(&mut course);
    assert_eq!((run.tally.calls_started, run.tally.calls_ended), (2, 2));
    assert_eq!(ends(&run, "lost"), 2);
}

/// A silence of eight seconds is no end: the call goes on until somebody hangs up.
#[test]
fn a_call_outlives_a_short_silence() {
    let mut course = gathered(&["alice", "bob"]);
    course.does(2_000, 0, Op::Call(1, None));
    course.fault(5_000, Fault::Cut("bob".into(), SERVER.into()));
    course.fault(13_000, Fault::Mend("bob".into(), SERVER.into()));
    course.does(30_000, 0, Op::HangUp);
    let run = sound(&mut course);
    assert_eq!((run.tally.calls_started, run.tally.calls_ended), (2, 2));
    assert_eq!(ends(&run, "hangup"), 2);
}

/// Bob's process is killed in the middle of it: alice is told in the end. He comes back, and can be called again.
#[test]
fn a_call_ends_for_the_one_who_is_left() {
    let mut course = gathered(&["alice", "bob"]);
    course.does(2_000, 0, Op::Call(1, None));
    course.fault(5_000, Fault::Crash("bob".into()));
    course.fault(6_000, Fault::Restart("bob".into()));
    course.does(6_100, 1, Op::LogIn);
    course.does(90_000, 0, Op::Call(1, None));
    course.does(100_000, 1, Op::HangUp);
    let run = sound(&mut course);
    assert_eq!(run.tally.calls_started, 4);
    assert_eq!(
        run.tally.calls_ended, 3,
        "the killed process is told nothing"
    );
    assert_eq!(ends(&run, "lost"), 1);
}
