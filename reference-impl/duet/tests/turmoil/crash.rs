//! A process is killed, and another is started in its place.

use duet::faults::{Fault, SERVER};

use crate::support::{chatter, count, gathered, sound};

/// While three people talk, the server is killed; another is there two seconds later, and knows nothing of them. They
/// log in anew, and are in their room again, without doing anything. What was under way when it happened is
/// undetermined, and nothing else is.
#[test]
fn a_server_that_is_started_anew_is_found_by_all() {
    let mut course = gathered(&["alice", "bob", "carol"]);
    chatter(&mut course, 1_000, 60_000, 500);
    course.fault(10_003, Fault::Crash(SERVER.into()));
    course.fault(12_000, Fault::Restart(SERVER.into()));
    let run = sound(&mut course);
    println!("{:?}", run.tally);
    assert_eq!(run.tally.logins, 6, "each of the three twice");
    assert_eq!(run.tally.resumed, 0, "there is nothing to resume");
    assert_eq!(count(&run, "resume_refused"), 3);
    assert!(run.tally.undetermined > 0 && run.tally.delivered > 100);
}
