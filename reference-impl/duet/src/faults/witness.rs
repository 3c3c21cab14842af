//! What is seen of a run: by the invariants, and in a log.

use std::fmt::Write as _;

use duet_protocol::client::Event;
use duet_protocol::id::{SessionId, UserId};
use duet_sim::Time;

use super::course::Course;
use crate::invariants::{Act, Invariants};

/// How often the invariants hear of an event: once, unless a test wants to see that they notice.
pub type Hearing = Box<dyn FnMut(usize, &Event) -> usize>;

/// Whoever sees all.
pub(super) struct Witness {
    pub(super) invariants: Invariants,
    pub(super) log: String,
    names: Vec<String>,
    /// Whom each client is, or last was.
    known: Vec<Option<(UserId, SessionId)>>,
    sent: usize,
    hearing: Hearing,
}

/// The time of the run, on the host that runs at present.
pub(super) fn now() -> Time {
    Time::ZERO.after(turmoil::sim_elapsed().unwrap_or_default())
}

impl Witness {
    pub(super) fn new(course: &Course, hearing: Hearing) -> Self {
        let names: Vec<String> = course.clients().map(|client| client.name.clone()).collect();
        Self {
            invariants: Invariants::new(names.clone()),
            log: String::new(),
            known: vec![None; names.len()],
            names,
            sent: 0,
            hearing,
        }
    }

    /// A line of the log.
    pub(super) fn note(&mut self, at: Time, line: std::fmt::Arguments<'_>) {
        let micros = at.as_micros();
        let _ = writeln!(self.log, "{micros:>10} {line}");
    }

    pub(super) fn did(&mut self, at: Time, who: usize, act: Act<'_>) {
        let name = self.names[who].clone();
        match act {
            Act::Send { request, to, body } => {
                let body = String::from_utf8_lossy(body);
                self.note(at, format_args!("{name} sends {request:?} {to:?} {body}"));
            }
            act => self.note(at, format_args!("{name} does {act:?}")),
        }
        self.invariants.did(at, who, act);
    }

    pub(super) fn told(&mut self, who: usize, event: &Event) {
        let (at, name) = (now(), self.names[who].clone());
        self.note(at, format_args!("{name} is told {event:?}"));
        if let Event::LoggedIn { user, session, .. } = event {
            self.known[who] = Some((*user, *session));
        }
        for _ in 0..(self.hearing)(who, event) {
            self.invariants.told(at, who, event);
        }
    }

    /// Whom the client of this number is, or last was: an application may know from elsewhere.
    pub(super) fn known(&self, who: usize) -> Option<(UserId, SessionId)> {
        self.known[who]
    }

    /// What nobody has sent yet, of so many bytes at least.
    pub(super) fn body(&mut self, who: usize, size: usize) -> String {
        self.sent += 1;
        let body = format!("{} {}", self.names[who], self.sent);
        format!("{body:.<size$}")
    }
}
