//! The lobby of a room: those whom a moderator has to let in, for a time.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::room::{Knock, Knocking, Verdict};
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::time::Instant;
use crate::wire::{Params, Text};

use super::{Entry, Room};

/// A session that waits to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    pub(super) entry: Entry,
    pub(super) until: Instant,
    /// Counts those who have come, so that they can be let in in that order.
    order: u64,
}

impl Room {
    /// Has a session wait, and tells the moderators who are here.
    pub(super) fn wait(&mut self, entry: Entry, now: Instant, out: &mut Outbox) {
        let session = entry.session;
        //= ROOM-024
        if self.lobby.len() >= limits::MAX_WAITING {
            return out.outcome(self.me(), session, entry.request, Code::LOBBY_FULL);
        }
        //= ROOM-019
        let letter = Letter::Waiting {
            room: self.id,
            request: entry.request,
        };
        out.send(self.me(), Owner::Session(session), letter);
        let knock = self.knock(&entry, Knocking::Waiting);
        self.tell_moderators(&knock, out);
        self.knocks = self.knocks.saturating_add(1);
        let waiter = Waiter {
            entry,
            until: now.after(limits::LOBBY),
            order: self.knocks,
        };
        self.lobby.insert(session, waiter);
    }

    fn knock(&self, entry: &Entry, state: Knocking) -> Bytes {
        Knock {
            room: self.id,
            session: entry.session,
            user: entry.user,
            state,
            name: Text::cut(&entry.name),
            params: Params::NONE,
        }
        .encode()
    }

    fn tell_moderators(&self, frame: &Bytes, out: &mut Outbox) {
        //= ROOM-020
        let here = self.members.iter();
        for (session, _) in here.filter(|(_, one)| self.moderators.contains(&one.user)) {
            out.frame(self.me(), *session, frame.clone());
        }
    }

    /// Tells one who has entered, or become a moderator, who waits.
    pub(super) fn tell_knocks(&self, session: SessionId, out: &mut Outbox) {
        let user = self.members.get(&session).map(|inside| inside.user);
        if !user.is_some_and(|user| self.moderators.contains(&user)) {
            return;
        }
        for waiter in self.lobby.values() {
            let frame = self.knock(&waiter.entry, Knocking::Waiting);
            out.frame(self.me(), session, frame);
        }
    }

    /// Takes one who waits out of the lobby; the moderators are told.
    fn take(&mut self, session: SessionId, out: &mut Outbox) -> Option<Entry> {
        let Waiter { entry, .. } = self.lobby.remove(&session)?;
        let knock = self.knock(&entry, Knocking::Gone);
        self.tell_moderators(&knock, out);
        Some(entry)
    }

    /// One who waits will not enter, for this reason; whether it waited.
    pub(super) fn gone(&mut self, session: SessionId, code: Code, out: &mut Outbox) -> bool {
        let entry = self.take(session, out);
        if let Some(entry) = &entry {
            out.outcome(self.me(), session, entry.request, code);
        }
        entry.is_some()
    }

    /// What a moderator says about one who waits.
    pub(super) fn judge(
        &mut self,
        session: SessionId,
        verdict: Verdict,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        //= ROOM-021
        if !self.lobby.contains_key(&session) {
            return Err(Code::NOT_WAITING);
        }
        if verdict == Verdict::Refuse {
            self.gone(session, Code::NOT_ADMITTED, out);
            return Ok(());
        }
        // It goes on waiting: someone may leave.
        if self.members.len() >= self.capacity {
            return Err(Code::ROOM_FULL);
        }
        if let Some(entry) = self.take(session, out) {
            self.admit(entry, out);
        }
        Ok(())
    }

    pub(super) fn expire_waiters(&mut self, now: Instant, out: &mut Outbox) {
        let late = self.lobby.iter().filter(|(_, waiter)| waiter.until <= now);
        for session in late.map(|(session, _)| *session).collect::<Vec<_>>() {
            //= ROOM-022
            self.gone(session, Code::LOBBY_TIMEOUT, out);
        }
    }

    /// The lobby was taken away: those who wait enter in the order in which they came, or learn why not.
    pub(super) fn open_lobby(&mut self, refusal: Option<Code>, out: &mut Outbox) {
        let mut order: Vec<(u64, SessionId)> = self
            .lobby
            .iter()
            .map(|(session, waiter)| (waiter.order, *session))
            .collect();
        order.sort_unstable();
        for (_, session) in order {
            let full = (self.members.len() >= self.capacity).then_some(Code::ROOM_FULL);
            match refusal.or(full) {
                Some(code) => {
                    self.gone(session, code, out);
                }
                None => {
                    if let Some(entry) = self.take(session, out) {
                        self.admit(entry, out);
                    }
                }
            }
        }
    }

    /// None of a user's sessions waits any longer; whether any did.
    pub(super) fn dismiss_waiters(&mut self, user: UserId, code: Code, out: &mut Outbox) -> bool {
        let own = self.lobby.iter();
        let own = own.filter(|(_, waiter)| waiter.entry.user == user);
        let own: Vec<SessionId> = own.map(|(session, _)| *session).collect();
        for session in &own {
            self.gone(*session, code, out);
        }
        !own.is_empty()
    }
}
