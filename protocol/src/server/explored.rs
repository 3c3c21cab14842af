//! What an explorer needs of a server's core: copies, equality, and timers that fire when the model says so.

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};

use super::envelope::Owner;
use super::relay::Relay;
use super::timers::Key;
use super::{Conn, Server};
use crate::id::SessionId;
use crate::io::{ConnId, Core, Input};
use crate::seed::{Random, Seed};
use crate::session::server::Session;
use crate::time::Instant;

impl Server {
    /// A copy at `now`, which draws from `seed` on.
    ///
    /// Only a server without media, calls and rooms is copied whole: media sides are those of new sessions.
    pub(crate) fn fork(&self, seed: [u8; 32], now: Instant) -> Self {
        assert!(self.calls.is_empty() && self.rooms.is_empty() && self.services.is_none());
        assert!(self.transfers.census() == 0 && self.streams.is_empty());
        assert!(self.outputs.is_empty() && self.writes.is_empty() && self.ready.is_empty());
        let relays = self.relays.iter().map(|(id, relay)| {
            assert!(relay.conn.is_none(), "media is no part of this");
            (*id, Relay::new(*id, self.config.media.clone(), now))
        });
        Self {
            config: self.config.clone(),
            placement: self.placement,
            random: Random::new(Seed(seed)),
            now,
            unix_epoch: self.unix_epoch,
            conns: self.conns.clone(),
            arriving: self.arriving.clone(),
            sessions: self.sessions.clone(),
            users: self.users.clone(),
            rooms: self.rooms.clone(),
            calls: self.calls.clone(),
            relays: relays.collect(),
            directory: self.directory.clone(),
            services: None,
            tickets: self.tickets.clone(),
            remembered: self.remembered.clone(),
            remembered_ids: self.remembered_ids.clone(),
            asked: self.asked.clone(),
            timers: self.timers.clone(),
            outbox: self.outbox.clone(),
            transfers: Default::default(),
            streams: VecDeque::new(),
            writes: VecDeque::new(),
            outputs: VecDeque::new(),
            ready: self.ready.clone(),
        }
    }

    /// All that decides what the server does next where no time passes.
    pub(crate) fn hash_at<H: Hasher>(&self, now: Instant, hasher: &mut H) {
        self.conns.hash(hasher);
        self.arriving.hash(hasher);
        for session in self.sessions.values() {
            session.timeless(now).hash(hasher);
        }
        self.users.hash(hasher);
        self.directory.hash(hasher);
        self.asked.len().hash(hasher);
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    /// The connections that count as a session's.
    pub(crate) fn links_of(&self, id: SessionId) -> usize {
        let own = |conn: &&Conn| matches!(conn, Conn::Session { session, .. } if *session == id);
        self.conns.values().filter(own).count()
    }

    /// The session whose link this connection is.
    pub(crate) fn session_on(&self, conn: ConnId) -> Option<SessionId> {
        match self.conns.get(&conn) {
            Some(Conn::Session { session, .. }) => Some(*session),
            _ => None,
        }
    }

    /// Changes a session, then lets everything follow that is due.
    pub(crate) fn meddle(&mut self, id: SessionId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(&id) {
            change(session);
            self.timers
                .set(Key::Owner(Owner::Session(id)), Some(self.now));
        }
        self.handle(self.now, Input::Wake);
    }

    /// The same for what needs the outbox.
    pub(crate) fn plant(&mut self, change: impl Fn(&mut Session, &mut super::envelope::Outbox)) {
        for session in self.sessions.values_mut() {
            change(session, &mut self.outbox);
        }
        self.handle(self.now, Input::Wake);
    }
}
