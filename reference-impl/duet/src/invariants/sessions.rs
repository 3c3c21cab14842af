//! Sessions in their order; requests, each answered once; and the return after a fault.

use std::collections::{BTreeMap, BTreeSet};

use duet_protocol::client::Event;
use duet_protocol::id::RequestId;
use duet_sim::Time;

use super::{ATTEMPTS, Act, Book, Invariant, RETURN, SETTLE};

/// What each client has asked, in the life of its process.
#[derive(Debug)]
pub(super) struct Sessions {
    open: Vec<BTreeMap<RequestId, Time>>,
    answered: Vec<BTreeSet<RequestId>>,
}

impl Sessions {
    pub(super) fn new(count: usize) -> Self {
        Self {
            open: vec![BTreeMap::new(); count],
            answered: vec![BTreeSet::new(); count],
        }
    }

    pub(super) fn did(&mut self, book: &mut Book, now: Time, who: usize, act: Act<'_>) {
        let party = &mut book.parties[who];
        match act {
            Act::LogIn => party.wants = Some(now),
            Act::LogOut => party.wants = None,
            Act::Die => {
                (party.wants, party.session, party.online) = (None, None, None);
                (party.suspended, party.was_in) = (false, false);
                party.lost = None;
                self.open[who].clear();
                self.answered[who].clear();
            }
            Act::Send { request, .. }
            | Act::Join { request, .. }
            | Act::Leave { request, .. }
            | Act::Ask { request } => {
                self.open[who].insert(request, now);
            }
            Act::Invite { .. } | Act::Accept { .. } => {}
        }
    }

    pub(super) fn told(&mut self, book: &mut Book, now: Time, who: usize, event: &Event) {
        let disorder = |book: &mut Book, way: &'static str, text: &str| {
            book.breach_by(Invariant::SessionOrder, way, who, now, text.to_owned());
        };
        match event {
            Event::LoggedIn { user, session, .. } => {
                if book.parties[who].session.is_some() {
                    disorder(book, "begins twice", "logged in while it was logged in");
                }
                book.tally.logins += 1;
                let party = &mut book.parties[who];
                party.was_in = true;
                party.session = Some((*session, *user));
                party.online = Some(now);
                party.suspended = false;
            }
            Event::Suspended => {
                let party = &book.parties[who];
                if party.session.is_none() || party.suspended {
                    disorder(book, "suspended twice", "suspended while it had no link");
                }
                book.tally.suspended += 1;
                let party = &mut book.parties[who];
                (party.suspended, party.online) = (true, None);
                party.lost = Some(now);
            }
            Event::Resumed => {
                if !book.parties[who].suspended {
                    disorder(
                        book,
                        "resumed in vain",
                        "resumed while it was not suspended",
                    );
                }
                book.tally.resumed += 1;
                let party = &mut book.parties[who];
                (party.suspended, party.online) = (false, Some(now));
            }
            Event::LoggedOut { .. } => {
                for (request, at) in std::mem::take(&mut self.open[who]) {
                    let text = format!(
                        "the session is over, and request {} of {} ms was never answered",
                        request.0,
                        at.as_micros() / 1_000
                    );
                    book.breach_by(Invariant::Answered, "at its end", who, now, text);
                }
                let party = &mut book.parties[who];
                (party.session, party.online) = (None, None);
                party.suspended = false;
            }
            Event::Answer { request, .. }
            | Event::Joined { request, .. }
            | Event::Created { request, .. }
            | Event::Granted { request, .. }
            | Event::Found { request, .. } => self.answer(book, now, who, *request),
            _ => {}
        }
    }

    /// What the core asks by itself has numbers that the application was never given.
    fn answer(&mut self, book: &mut Book, now: Time, who: usize, request: RequestId) {
        if self.open[who].remove(&request).is_some() {
            self.answered[who].insert(request);
        } else if self.answered[who].contains(&request) {
            let text = format!("request {} is answered a second time", request.0);
            book.breach_by(Invariant::Answered, "twice", who, now, text);
        }
    }

    pub(super) fn finish(&mut self, book: &mut Book, now: Time, healed: Time) {
        for who in 0..book.parties.len() {
            let party = &book.parties[who];
            let Some(wants) = party.wants else { continue };
            let due = healed.max(wants).after(RETURN);
            let after_loss = party.lost.map(|lost| (lost, lost.after(ATTEMPTS)));
            let (since, what, due) = match after_loss {
                Some((lost, later)) if later > due => (lost, "it lost its link", later),
                _ => (healed, "the last fault", due),
            };
            let (way, text) = match (party.online, party.suspended) {
                _ if now < due => continue,
                (Some(at), _) if at <= due => continue,
                (Some(at), _) => {
                    let after = at.since(since);
                    ("late", format!("it came back {after:?} after {what}"))
                }
                (None, true) => ("suspended", "it is still suspended".to_owned()),
                (None, false) if party.was_in => ("logged out", "it is not logged in".to_owned()),
                (None, false) => ("never in", "it was never logged in".to_owned()),
            };
            book.breach_by(Invariant::Return, way, who, now, text);
        }
        for (who, open) in self.open.iter().enumerate() {
            for (request, at) in open {
                if healed.max(*at).after(SETTLE) <= now {
                    let text = format!(
                        "request {} of {} ms was never answered",
                        request.0,
                        at.as_micros() / 1_000
                    );
                    book.breach(Invariant::Answered, who, now, text);
                }
            }
        }
    }
}
