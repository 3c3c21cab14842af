//! Courses that the tests share, and how a run is judged.

use std::time::Duration;

use duet::faults::{Course, Run, run};
use duet::invariants::SETTLE;
use duet::script::{Kind, Op, To};

/// From a client to the server.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// Clients on hosts of their own, logged in and in one room.
pub(crate) fn gathered(clients: &[&str]) -> Course {
    let mut course = Course::new(1, LATENCY, clients.iter().copied());
    for who in 0..clients.len() {
        course.does(10 * who as u64, who, Op::LogIn);
        course.does(500 + 10 * who as u64, who, Op::Join("lobby".into()));
    }
    course
}

/// Each client writes to the room, every so many milliseconds.
pub(crate) fn chatter(course: &mut Course, from: u64, to: u64, every: usize) {
    let clients = course.clients().count();
    for (turn, at) in (from..to).step_by(every).enumerate() {
        let kind = [Kind::Text, Kind::Data][turn % 2];
        for who in 0..clients {
            course.does(at, who, Op::Send(kind, To::Room("lobby".into()), 0));
        }
    }
}

/// Runs until everything is settled; nothing may be broken.
pub(crate) fn sound(course: &mut Course) -> Run {
    let run = settled(course);
    let breaches: Vec<String> = run.breaches.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{breaches:#?}\n{}", run.log);
    run
}

/// Runs until everything is settled.
pub(crate) fn settled(course: &mut Course) -> Run {
    let last = course.steps.iter().map(|step| step.at).max();
    course.length = last.unwrap_or_default() + SETTLE + Duration::from_secs(1);
    run(course).expect("a course that can be run")
}

/// How many lines of the log have this in them.
pub(crate) fn count(run: &Run, part: &str) -> usize {
    run.log.lines().filter(|line| line.contains(part)).count()
}
