//! Logging in, by one of the policies; losing a link and coming back, or not.

use std::collections::VecDeque;

use duet_protocol::code::Code;
use duet_protocol::error::Initiator;
use duet_protocol::server::Duplicates;

use super::client::{Ask, Asked, Client, News, Request};
use super::{Detour, World};
use crate::reference::op::{Device, Mood, Op, Person};
use crate::reference::seen::{Channel, Seen, Session, Tag};

/// How long a session waits for its link.
const WINDOW: u64 = 30_000;

/// A session at the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Live {
    /// Since when it has no link.
    pub(super) away: Option<u64>,
    /// What it is told once it has one.
    pub(super) held: VecDeque<News>,
    /// What it shows of itself, and which of its user's statements this was.
    pub(super) shows: Option<(Mood, u64)>,
    /// How many messages were sent to it.
    pub(super) count: u64,
}

impl Live {
    pub(super) fn until(&self) -> Option<u64> {
        self.away.map(|since| since + WINDOW)
    }
}

impl World {
    /// Whether a session has a link.
    pub(super) fn is_here(&self, session: Session) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|live| live.away.is_none())
    }

    /// A user's sessions, in the order in which this run goes through them.
    pub(super) fn sessions_of(&self, person: Person) -> Vec<Session> {
        let all = self.sessions.keys().copied();
        let mut own: Vec<Session> = all.filter(|(device, _)| device.owner() == person).collect();
        if self.chance.reversed {
            own.reverse();
        }
        own
    }

    /// A login comes to the server.
    pub(super) fn attempt(&mut self, device: Device) {
        let all = self.sessions_of(device.owner());
        let (own, others): (Vec<Session>, Vec<Session>) =
            all.into_iter().partition(|(by, _)| *by == device);
        if self.policy == Duplicates::FirstWins && !others.is_empty() {
            return self.dismissed(device, Code::ALREADY_LOGGED_IN, false);
        }
        let client = self.client(device);
        client.sessions += 1;
        let session = (device, client.sessions);
        client.session = Some(session);
        let rooms = core::mem::take(&mut client.rooms);
        let mood = client.mood;
        self.sessions.insert(session, Live::default());
        self.say(device, Channel::Session, Seen::LoggedIn(session));
        // One device has one session, whatever the policy.
        let newest = self.policy == Duplicates::NewestWins;
        let replaced = own.into_iter().chain(others.into_iter().filter(|_| newest));
        for session in replaced.collect::<Vec<_>>() {
            self.end(session, Code::REPLACED);
        }
        if let Some(mood) = mood {
            self.by_itself(device, Ask::Show(mood));
        }
        for wish in rooms.into_values() {
            self.by_itself(device, Ask::Join(wish));
        }
    }

    /// The server ends a session, or learns that it is over.
    pub(super) fn end(&mut self, session: Session, code: Code) {
        let Some(live) = self.sessions.remove(&session) else {
            return;
        };
        self.leaves_calls(session, code);
        self.leaves_rooms(session);
        self.parcels.retain(|parcel| parcel.from != session);
        if self.sessions_of(session.0.owner()).is_empty() {
            self.forget_account(session.0.owner());
        }
        let knows = self.clients[session.0.0].session == Some(session);
        if knows && live.away.is_none() {
            self.dismissed(session.0, code, false);
        }
        self.settle_parcels();
    }

    /// A device learns that its session is over; where it returns, it keeps in mind the rooms that it was in.
    fn dismissed(&mut self, device: Device, code: Code, returning: bool) {
        let client = self.client(device);
        let rooms = core::mem::take(&mut client.rooms);
        let before = core::mem::take(client);
        *client = Client {
            wants: returning,
            cut: before.cut,
            sessions: before.sessions,
            mood: before.mood,
            rooms: if returning { rooms } else { Default::default() },
            given_up: before.given_up,
            calls: before.calls,
            own: before.own,
            ..Client::default()
        };
        for tag in before.unanswered {
            let seen = Seen::Answer(Code::UNDETERMINED, 0);
            self.say(device, Channel::Request(tag), seen);
        }
        for call in before
            .call
            .map(|held| held.call)
            .into_iter()
            .chain(before.crossed)
        {
            let (code, by, glare) = (Code::LOST, Initiator::Network, None);
            self.say(device, Channel::Call(call), Seen::Ended { code, by, glare });
        }
        self.say(
            device,
            Channel::Session,
            Seen::LoggedOut { code, returning },
        );
    }

    /// An application logs out; the server hears of it where there is a link.
    pub(super) fn log_out(&mut self, device: Device, tag: Tag) -> Option<Request> {
        let session = self.clients[device.0].session;
        let is_up = self.is_up(device);
        self.dismissed(device, Code::LOGOUT, false);
        let (asked, ask) = (Asked::By(tag), Ask::Op(Op::LogOut(device)));
        Some(Request {
            device,
            session: session.filter(|_| is_up)?,
            asked,
            ask,
        })
    }

    /// The link beneath a session breaks.
    pub(super) fn lose_link(&mut self, device: Device) {
        let Some(session) = self.clients[device.0]
            .session
            .filter(|_| self.is_up(device))
        else {
            return;
        };
        self.say(device, Channel::Session, Seen::Suspended);
        self.goes_away(session);
    }

    fn goes_away(&mut self, session: Session) {
        let now = self.now;
        if let Some(live) = self.sessions.get_mut(&session) {
            live.away = Some(now);
            self.shows_in_rooms(session, true);
        }
    }

    /// A link is made again within the time for it.
    pub(super) fn regain_link(&mut self, device: Device) {
        let Some(session) = self.clients[device.0].session else {
            return;
        };
        let Some(live) = self
            .sessions
            .get_mut(&session)
            .filter(|live| live.away.is_some())
        else {
            return;
        };
        live.away = None;
        let held = core::mem::take(&mut live.held);
        self.say(device, Channel::Session, Seen::Resumed);
        for news in held {
            self.hear(device, news);
        }
        self.shows_in_rooms(session, false);
        self.settle_parcels();
        let client = self.client(device);
        client.kept_back.clear();
        let mut requests: Vec<Request> = core::mem::take(&mut client.outbox).into();
        match self.chance.detour {
            Detour::InOrder => {}
            Detour::First => requests.sort_by_key(|request| !request.takes_a_detour()),
            Detour::Last => requests.sort_by_key(Request::takes_a_detour),
        }
        for request in requests {
            self.serve(request);
        }
    }

    pub(super) fn cut(&mut self, device: Device) {
        self.lose_link(device);
        self.client(device).cut = true;
    }

    pub(super) fn mend(&mut self, device: Device) {
        let client = self.client(device);
        if !core::mem::take(&mut client.cut) || !client.wants {
            return;
        }
        let session = client.session;
        match session {
            Some(session) if self.sessions.contains_key(&session) => self.regain_link(device),
            Some(_) => {
                self.dismissed(device, Code::RESUME_REFUSED, true);
                self.attempt(device);
            }
            None => self.attempt(device),
        }
    }

    /// Another process of the device begins, and knows nothing.
    pub(super) fn restart(&mut self, device: Device) {
        let client = self.client(device);
        if client.cut {
            return;
        }
        let before = core::mem::take(client);
        *client = Client {
            wants: true,
            sessions: before.sessions,
            calls: before.calls,
            own: before.own,
            ..Client::default()
        };
        if let Some(session) = before.session {
            self.goes_away(session);
        }
        self.attempt(device);
    }

    pub(super) fn expire_sessions(&mut self) {
        let now = self.now;
        let late = |live: &Live| live.until().is_some_and(|until| until <= now);
        let late: Vec<Session> = self
            .sessions
            .iter()
            .filter(|(_, live)| late(live))
            .map(|(id, _)| *id)
            .collect();
        for session in late {
            self.end(session, Code::DEAD_LINK);
        }
    }
}
