//! A user's people as the server keeps them: the list, what is known of each contact, and what this user shows of
//! itself.
//!
//! Two users never share state. Each tells the other with [`Letter::Presence`], in the order of one path; who hears of
//! somebody that is no contact takes no notice. So an envelope that is on its way while someone is blocked, removed or
//! gone changes nothing, and of two that come online together each hears the other at least once.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::directory::{self, Availability, ContactEntry, Relation};
use crate::server::directory::found;
use crate::server::envelope::{Letter, Outbox, Owner, Seek};
use crate::service::{Contact, Decision, DecisionId, Question};
use crate::session::Rate;
use crate::time::Instant;
use crate::wire::{List, Params, Text};

/// What someone shows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Status {
    availability: Availability,
    text: String,
    /// Microseconds since 1970-01-01 UTC.
    since: u64,
}

impl Status {
    const OFFLINE: Self = Self {
        availability: Availability::Offline,
        text: String::new(),
        since: 0,
    };

    fn is_offline(&self) -> bool {
        self.availability == Availability::Offline
    }

    fn frame(&self, user: UserId) -> Letter {
        let presence = directory::Presence {
            user,
            availability: self.availability,
            text: Text::cut(&self.text),
            since: self.since,
            params: Params::NONE,
        };
        Letter::PresenceFrame {
            about: user,
            frame: presence.encode(),
        }
    }
}

/// What one session said of its user's presence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stated {
    availability: Availability,
    /// Of two sessions that say the same, the later one's text counts.
    order: u64,
    text: String,
}

/// Someone on the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    relation: Relation,
    name: String,
    /// What is known of it; of who is no contact, nothing.
    status: Status,
    /// From when on it may know since when this user is there. Who is blocked and unblocked so learns of no time
    /// before that.
    shown_from: u64,
}

/// A change of the list, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Change {
    session: SessionId,
    request: RequestId,
    entry: Contact,
}

/// What a user's machine is given beside its letters.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) unix_micros: u64,
    pub(crate) out: &'a mut Outbox,
}

/// The people of one user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct People {
    me: UserId,
    sessions: BTreeMap<SessionId, Stated>,
    stated: u64,
    /// What the contacts are told.
    status: Status,
    list: BTreeMap<UserId, Entry>,
    /// One after the other: the service and this machine see them in the same order.
    changes: VecDeque<Change>,
    asked: Option<DecisionId>,
    contact_rate: Rate,
    presence_rate: Rate,
}

impl People {
    pub(crate) const fn new(me: UserId) -> Self {
        let start = Instant::EPOCH;
        Self {
            me,
            sessions: BTreeMap::new(),
            stated: 0,
            status: Status::OFFLINE,
            list: BTreeMap::new(),
            changes: VecDeque::new(),
            asked: None,
            contact_rate: Rate::new(start, limits::CONTACT_EACH, limits::CONTACT_BURST),
            presence_rate: Rate::new(start, limits::PRESENCE_EACH, limits::PRESENCE_BURST),
        }
    }

    /// Whether the service still decides on a change of the list.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether this user has blocked another: then it looks offline to it.
    pub(crate) fn blocks(&self, user: UserId) -> bool {
        self.relation(user) == Relation::Blocked
    }

    fn relation(&self, user: UserId) -> Relation {
        self.list
            .get(&user)
            .map_or(Relation::None, |entry| entry.relation)
    }

    fn owner(&self) -> Owner {
        Owner::User(self.me)
    }

    fn tell(&self, letter: impl Fn() -> Letter, out: &mut Outbox) {
        for session in self.sessions.keys() {
            out.send(self.owner(), Owner::Session(*session), letter());
        }
    }

    /// A session begins. The list that came with the first one's login counts until the last one ends: it has every
    /// change since, and a later login's list may not.
    pub(crate) fn attach(
        &mut self,
        session: SessionId,
        contacts: Vec<Contact>,
        cx: &mut Surroundings<'_>,
    ) {
        let first = self.sessions.is_empty();
        let stated = Stated {
            availability: Availability::Offline,
            order: 0,
            text: String::new(),
        };
        if self.sessions.insert(session, stated).is_some() {
            return;
        }
        if first {
            self.adopt(contacts);
        }
        let entries: Vec<ContactEntry<'_>> = self
            .list
            .iter()
            .map(|(user, entry)| listed(*user, entry.relation, &entry.name))
            .collect();
        //= DIR-012
        if let Some(entries) = List::new(&entries) {
            let params = Params::NONE;
            let frame = directory::Contacts { entries, params }.encode();
            cx.out.frame(self.owner(), session, frame);
        }
        if first {
            return self.announce(true, cx.out);
        }
        //= DIR-022
        let known = self.list.iter().map(|(user, entry)| (*user, &entry.status));
        for (user, status) in known.chain([(self.me, &self.status)]) {
            if !status.is_offline() {
                cx.out
                    .send(self.owner(), Owner::Session(session), status.frame(user));
            }
        }
    }

    /// Takes over the service's list.
    fn adopt(&mut self, contacts: Vec<Contact>) {
        self.list.clear();
        for Contact {
            user,
            relation,
            name,
        } in contacts
        {
            if relation == Relation::None || user == self.me || user == UserId(0) {
                continue;
            }
            if self.list.len() >= limits::MAX_CONTACTS && !self.list.contains_key(&user) {
                continue;
            }
            let entry = Entry {
                relation,
                name: cut(&name),
                status: Status::OFFLINE,
                shown_from: 0,
            };
            self.list.insert(user, entry);
        }
    }

    /// A session ends.
    pub(crate) fn detach(&mut self, session: SessionId, cx: &mut Surroundings<'_>) {
        if self.sessions.remove(&session).is_none() {
            return;
        }
        //= DIR-025
        self.refresh(cx);
        if self.sessions.is_empty() {
            for entry in self.list.values_mut() {
                entry.status = Status::OFFLINE;
            }
        }
    }

    pub(crate) fn receive(&mut self, letter: Letter, cx: &mut Surroundings<'_>) {
        match letter {
            Letter::SetContact {
                session,
                request,
                entry,
            } => self.set_contact(session, request, entry, cx),
            Letter::SetPresence {
                session,
                request,
                availability,
                text,
            } => self.set_presence(session, request, availability, text, cx),
            Letter::Presence {
                user,
                status,
                reply,
            } => self.hear(user, status, reply, cx.out),
            Letter::Decided { id, decision } => self.decided(id, decision, cx),
            Letter::Seek(seek) => self.seek(seek, cx.out),
            _ => debug_assert!(false, "not for a user: {letter:?}"),
        }
    }

    fn seek(&self, seek: Seek, out: &mut Outbox) {
        if self.sessions.is_empty() {
            return out.send(self.owner(), Owner::Directory, Letter::Absent(seek));
        }
        if !seek.policy.finds(self.relation(seek.asker)) {
            //= DIR-005
            return out.send(self.owner(), Owner::Directory, Letter::Hidden(seek));
        }
        let request = seek.request;
        let frame = found(request, self.me, &seek.name);
        let letter = Letter::Answer { request, frame };
        out.send(self.owner(), Owner::Session(seek.session), letter);
    }

    fn set_contact(
        &mut self,
        session: SessionId,
        request: RequestId,
        entry: Contact,
        cx: &mut Surroundings<'_>,
    ) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        if let Some(code) = self.refusal(entry.user, cx.now) {
            return cx.out.outcome(self.owner(), session, request, code);
        }
        let change = Change {
            session,
            request,
            entry,
        };
        self.changes.push_back(change);
        self.ask_next(cx.out);
    }

    /// Why an entry about this user is not even asked about.
    fn refusal(&mut self, user: UserId, now: Instant) -> Option<Code> {
        //= DIR-011
        if user == self.me {
            return Some(Code::OWN_USER);
        }
        if user == UserId(0) {
            return Some(Code::NOT_FOUND);
        }
        //= DIR-015
        if !self.contact_rate.take(now) {
            return Some(Code::RATE_LIMITED);
        }
        (self.changes.len() >= limits::MAX_CONTACT_CHANGES).then_some(Code::TOO_MANY)
    }

    /// Asks the service about the change whose turn it is.
    fn ask_next(&mut self, out: &mut Outbox) {
        while self.asked.is_none()
            && let Some(Change {
                session,
                request,
                entry,
            }) = self.changes.front()
        {
            let is_new = !self.list.contains_key(&entry.user);
            //= DIR-011
            if is_new && entry.relation != Relation::None && self.list.len() >= limits::MAX_CONTACTS
            {
                out.outcome(self.owner(), *session, *request, Code::CONTACTS_FULL);
                self.changes.pop_front();
                continue;
            }
            let (user, entry) = (self.me, entry.clone());
            self.asked = Some(out.ask(self.owner(), Question::Contact { user, entry }));
        }
    }

    fn decided(&mut self, id: DecisionId, decision: Decision, cx: &mut Surroundings<'_>) {
        if self.asked != Some(id) {
            return;
        }
        self.asked = None;
        if let Some(Change {
            session,
            request,
            entry,
        }) = self.changes.pop_front()
        {
            //= DIR-010
            let code = match decision {
                Decision::Allow | Decision::User { .. } => {
                    self.apply(entry, cx);
                    Code::DELIVERED
                }
                Decision::Deny(code) => code,
            };
            cx.out.outcome(self.owner(), session, request, code);
        }
        self.ask_next(cx.out);
    }

    /// The service keeps the change: the sessions are told, and so is the other user where it has to see this one come
    /// or go.
    fn apply(&mut self, to_be: Contact, cx: &mut Surroundings<'_>) {
        let Contact {
            user,
            relation,
            name,
        } = to_be;
        let name = cut(&name);
        let before = match relation {
            Relation::None => self.list.remove(&user),
            Relation::Contact | Relation::Blocked => {
                let kept = self.list.get(&user).filter(|old| old.relation == relation);
                let (status, shown_from) = kept.map_or((Status::OFFLINE, cx.unix_micros), |old| {
                    (old.status.clone(), old.shown_from)
                });
                let entry = Entry {
                    relation,
                    name: name.clone(),
                    status,
                    shown_from,
                };
                self.list.insert(user, entry)
            }
        };
        let was = before
            .as_ref()
            .map_or(Relation::None, |entry| entry.relation);
        let was_called = before.map_or_else(String::new, |entry| entry.name);
        let (is_contact, was_contact) = (relation == Relation::Contact, was == Relation::Contact);
        if was != relation || (relation != Relation::None && was_called != name) {
            //= DIR-013
            let frame = directory::Contact {
                entry: listed(user, relation, &name),
                params: Params::NONE,
            }
            .encode();
            let letter = || Letter::ContactFrame {
                about: user,
                is_contact,
                frame: frame.clone(),
            };
            self.tell(letter, cx.out);
        }
        //= DIR-024
        if was_contact && !is_contact && !self.status.is_offline() {
            let status = Status {
                since: cx.unix_micros,
                ..Status::OFFLINE
            };
            self.show(user, status, false, cx.out);
        } else if is_contact
            && !was_contact
            && !self.sessions.is_empty()
            && let Some(entry) = self.list.get(&user)
        {
            self.show(user, self.as_seen_by(entry), true, cx.out);
        }
    }

    fn set_presence(
        &mut self,
        session: SessionId,
        request: RequestId,
        availability: Availability,
        text: String,
        cx: &mut Surroundings<'_>,
    ) {
        self.stated = self.stated.saturating_add(1);
        let order = self.stated;
        let Some(stated) = self.sessions.get_mut(&session) else {
            return;
        };
        let stated = core::mem::replace(
            stated,
            Stated {
                availability,
                order,
                text,
            },
        );
        //= DIR-026
        if self.is_changed() && !self.presence_rate.take(cx.now) {
            self.sessions.insert(session, stated);
            let code = Code::RATE_LIMITED;
            return cx.out.outcome(self.owner(), session, request, code);
        }
        self.refresh(cx);
        cx.out
            .outcome(self.owner(), session, request, Code::DELIVERED);
    }

    /// What the sessions' statements make of the user's: the most available counts.
    fn stated(&self) -> (Availability, &str) {
        let best = self
            .sessions
            .values()
            .max_by_key(|stated| (stated.availability, stated.order));
        //= DIR-020
        match best {
            Some(stated) if stated.availability != Availability::Offline => {
                (stated.availability, &stated.text)
            }
            // A text would tell that someone is there.
            _ => (Availability::Offline, ""),
        }
    }

    fn is_changed(&self) -> bool {
        self.stated() != (self.status.availability, self.status.text.as_str())
    }

    /// Tells everyone concerned, where the user's presence is not what it was.
    fn refresh(&mut self, cx: &mut Surroundings<'_>) {
        if !self.is_changed() {
            return;
        }
        let (availability, text) = self.stated();
        let since = if availability == self.status.availability {
            self.status.since
        } else {
            cx.unix_micros
        };
        let text = String::from(text);
        self.status = Status {
            availability,
            text,
            since,
        };
        self.announce(false, cx.out);
        //= DIR-022
        self.tell(|| self.status.frame(self.me), cx.out);
    }

    /// Tells the contacts, and no one else.
    fn announce(&self, reply: bool, out: &mut Outbox) {
        //= DIR-021
        for (user, entry) in &self.list {
            if entry.relation == Relation::Contact {
                self.show(*user, self.as_seen_by(entry), reply, out);
            }
        }
    }

    fn as_seen_by(&self, entry: &Entry) -> Status {
        let mut status = self.status.clone();
        //= DIR-023
        status.since = status.since.max(entry.shown_from);
        status
    }

    fn show(&self, to: UserId, status: Status, reply: bool, out: &mut Outbox) {
        let letter = Letter::Presence {
            user: self.me,
            status,
            reply,
        };
        out.send(self.owner(), Owner::User(to), letter);
    }

    /// Another user tells of itself.
    fn hear(&mut self, user: UserId, status: Status, reply: bool, out: &mut Outbox) {
        if self.sessions.is_empty() {
            return;
        }
        //= DIR-021
        let Some(entry) = self
            .list
            .get_mut(&user)
            .filter(|entry| entry.relation == Relation::Contact)
        else {
            return;
        };
        let is_news = entry.status != status && !(entry.status.is_offline() && status.is_offline());
        if is_news {
            entry.status = status.clone();
        }
        let own = if reply && !self.status.is_offline() {
            self.list.get(&user).map(|entry| self.as_seen_by(entry))
        } else {
            None
        };
        if is_news {
            self.tell(|| status.frame(user), out);
        }
        if let Some(own) = own {
            self.show(user, own, false, out);
        }
    }
}

fn listed(user: UserId, relation: Relation, name: &str) -> ContactEntry<'_> {
    ContactEntry {
        user,
        relation,
        name: Text::cut(name),
    }
}

fn cut(name: &str) -> String {
    String::from(Text::<64>::cut(name).as_str())
}
