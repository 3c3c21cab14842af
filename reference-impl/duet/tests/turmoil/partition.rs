//! Packets get through in one direction only, or in none.

use duet::faults::{Course, Fault, SERVER};

use crate::support::{chatter, count, gathered, sound};

/// Between a client's host and the server: nothing from the first to the second.
fn cut(course: &mut Course, from: &str, to: &str, begins: u64, ends: u64) {
    course.fault(begins, Fault::Cut(from.into(), to.into()));
    course.fault(ends, Fault::Mend(from.into(), to.into()));
}

/// For eight seconds the server hears nothing of alice. That is no dead link yet: QUIC sends again what was lost, and all
/// that anybody wrote arrives, late, and in order.
#[test]
fn a_short_silence_towards_the_server_costs_nothing() {
    let mut course = gathered(&["alice", "bob", "carol"]);
    chatter(&mut course, 1_000, 30_000, 500);
    cut(&mut course, "alice", SERVER, 5_000, 13_000);
    let run = sound(&mut course);
    let tally = run.tally;
    assert_eq!((tally.logins, tally.suspended), (3, 0));
    assert_eq!((tally.delivered, tally.sent), (174, 174));
    assert_eq!(tally.received, 2 * 174);
}

/// The same in the other direction: bob hears nothing.
#[test]
fn a_short_silence_from_the_server_costs_nothing() {
    let mut course = gathered(&["alice", "bob", "carol"]);
    chatter(&mut course, 1_000, 30_000, 500);
    cut(&mut course, SERVER, "bob", 5_000, 13_000);
    let run = sound(&mut course);
    let tally = run.tally;
    assert_eq!((tally.logins, tally.suspended), (3, 0));
    assert_eq!((tally.delivered, tally.sent), (174, 174));
    assert_eq!(tally.received, 2 * 174);
}

/// For 25 s, longer than a link may be silent, and not as long as a session lives without one: the link is lost, the
/// others see alice suspended, and she resumes. Nothing is lost.
#[test]
fn a_silence_that_costs_the_link_is_resumed_from() {
    for (from, to) in [("alice", SERVER), (SERVER, "alice")] {
        let mut course = gathered(&["alice", "bob", "carol"]);
        chatter(&mut course, 1_000, 10_000, 500);
        cut(&mut course, from, to, 10_000, 35_000);
        chatter(&mut course, 11_000, 20_000, 3_000);
        chatter(&mut course, 60_000, 65_000, 500);
        let run = sound(&mut course);
        let tally = run.tally;
        assert_eq!(tally.logins, 3, "{from} to {to}");
        assert_eq!((tally.suspended, tally.resumed), (1, 1), "{from} to {to}");
        assert_eq!(tally.delivered, tally.sent, "{from} to {to}");
        assert_eq!(tally.received, 2 * tally.sent, "{from} to {to}");
        let seen = count(&run, "change: Suspend,");
        assert_eq!(seen, 3, "bob and carol see it, and alice hears of it");
    }
}

/// For 70 s: the session is over, and the client, which cannot know that, logs in anew once it is told.
#[test]
fn a_silence_that_costs_the_session_ends_in_another() {
    let mut course = gathered(&["alice", "bob", "carol"]);
    chatter(&mut course, 1_000, 5_000, 500);
    cut(&mut course, "alice", SERVER, 10_000, 80_000);
    chatter(&mut course, 115_000, 120_000, 500);
    let run = sound(&mut course);
    assert_eq!(run.tally.logins, 4);
    assert_eq!(run.tally.resumed, 0);
    assert_eq!(count(&run, "resume_refused"), 1);
    assert_eq!(
        count(&run, "change: Leave, code: session_ended"),
        2,
        "bob and carol see her go"
    );
    assert_eq!(run.tally.delivered, run.tally.sent);
}
