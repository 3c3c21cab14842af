//! What a room's moderators, and the service, may do: settings, roles, kick and ban, tickets, close.

use alloc::vec::Vec;
use core::time::Duration;

use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::limits;
use crate::message::room::{Change, Options, Presence, Role, Verdict};
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::server::hash;
use crate::time::Instant;

use super::entry::RoomTicket;
use super::{Room, Surroundings};

/// Who asks for something that not everyone may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    /// Where the answer goes.
    pub(crate) reply_to: Owner,
    pub(crate) request: RequestId,
    /// The user; none where it is the service, which may ask for everything.
    pub(crate) user: Option<UserId>,
}

impl Asker {
    /// What it is told where there is no room that takes orders: who may not know is told that it may not ask.
    pub(crate) const fn no_room(&self) -> Code {
        match self.user {
            //= ROOM-016
            Some(_) => Code::NOT_MODERATOR,
            //= SVC-052
            None => Code::NO_SUCH_ROOM,
        }
    }
}

/// Something that a moderator or the service asks of a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    pub(crate) by: Asker,
    pub(crate) verb: Verb,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    Set(Settings),
    Admit {
        session: SessionId,
        verdict: Verdict,
    },
    Moderate {
        user: UserId,
        role: Role,
    },
    Kick {
        user: UserId,
        ban_ms: u32,
    },
    Unban {
        user: UserId,
    },
    Close {
        code: Code,
    },
    Grant {
        user: UserId,
    },
}

/// The settings that change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    pub(crate) secret: Option<Vec<u8>>,
    pub(crate) capacity: Option<usize>,
    pub(crate) options: Option<Options>,
}

/// A ban for as long as the room lives, as KICK says it.
const FOR_LIFE: u32 = u32::MAX;

impl Room {
    pub(super) fn order(&mut self, order: Order, cx: &mut Surroundings<'_>) {
        let Asker {
            reply_to,
            request,
            user,
        } = order.by;
        let done = match order.verb {
            _ if self.call.is_some() => Err(order.by.no_room()),
            //= ROOM-016
            _ if user.is_some_and(|user| !self.moderators.contains(&user)) => {
                Err(Code::NOT_MODERATOR)
            }
            Verb::Set(settings) => {
                self.set(settings, cx.out);
                Ok(())
            }
            Verb::Admit { session, verdict } => self.judge(session, verdict, cx.out),
            Verb::Moderate { user, role } => self.appoint(user, role, order.by.user, cx.out),
            Verb::Kick { user, .. } if order.by.user == Some(user) => Err(Code::KICK_SELF),
            Verb::Kick { user, ban_ms } => self.kick(user, ban_ms, cx.now, cx.out),
            Verb::Unban { user } => self.unban(user, cx.now),
            Verb::Close { code } => {
                //= ROOM-029
                self.close(code, cx.out);
                Ok(())
            }
            Verb::Grant { user } => match self.grant(user, cx) {
                Ok(letter) => return cx.out.send(self.me(), reply_to, letter(request)),
                Err(code) => Err(code),
            },
        };
        let code = done.err().unwrap_or(Code::DELIVERED);
        let letter = Letter::Outcome { request, code };
        cx.out.send(self.me(), reply_to, letter);
    }

    fn set(&mut self, settings: Settings, out: &mut Outbox) {
        //= ROOM-017
        if let Some(secret) = settings.secret {
            self.secret = secret;
        }
        let before = (self.capacity, self.options);
        self.capacity = settings.capacity.unwrap_or(self.capacity);
        self.options = settings.options.unwrap_or(self.options);
        if (self.capacity, self.options) != before {
            self.settings_delta(out);
        }
        if !self.options.has(Options::LOBBY) {
            let locked = self.options.has(Options::LOCKED);
            self.open_lobby(locked.then_some(Code::ROOM_LOCKED), out);
        }
    }

    /// Where a moderator's last session has left, and no other moderator is here, the longest-standing member follows.
    pub(super) fn succeed(&mut self, left: UserId, out: &mut Outbox) {
        if self.is_moderated() || !self.moderators.contains(&left) {
            return;
        }
        let members = self.members.values();
        let heir = members.min_by_key(|one| (one.presence == Presence::Suspended, one.since));
        if let Some(user) = heir.map(|one| one.user) {
            // Those who are away make room for one who is here.
            while self.moderators.len() >= limits::MAX_MODERATORS {
                self.moderators.pop_first();
            }
            //= ROOM-013
            self.promote(user, out);
        }
    }

    /// Whether a moderator is here.
    fn is_moderated(&self) -> bool {
        let mut members = self.members.values();
        members.any(|one| self.moderators.contains(&one.user))
    }

    fn promote(&mut self, user: UserId, out: &mut Outbox) {
        self.moderators.insert(user);
        self.update(user, out);
        for session in self.sessions_of(user) {
            self.tell_knocks(session, out);
        }
    }

    /// Tells everyone that something about a user's members has changed.
    fn update(&mut self, user: UserId, out: &mut Outbox) {
        for session in self.sessions_of(user) {
            self.delta(session, Change::Update, Code::NONE, out);
        }
    }

    fn appoint(
        &mut self,
        user: UserId,
        role: Role,
        by: Option<UserId>,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        let is_here = !self.sessions_of(user).is_empty();
        //= ROOM-025
        let is_known = is_here || (role == Role::Member && self.moderators.contains(&user));
        if !is_known {
            return Err(Code::NO_SUCH_MEMBER);
        }
        if self.role(user) == role {
            return Ok(());
        }
        if role == Role::Moderator {
            if self.moderators.len() >= limits::MAX_MODERATORS {
                return Err(Code::TOO_MANY);
            }
            self.promote(user, out);
            return Ok(());
        }
        self.moderators.remove(&user);
        let is_left = match is_here {
            true => self.is_moderated(),
            false => !self.moderators.is_empty(),
        };
        if !is_left && by.is_some() {
            self.moderators.insert(user);
            return Err(Code::LAST_MODERATOR);
        }
        self.update(user, out);
        Ok(())
    }

    /// A ban that is over counts no more.
    pub(super) fn is_banned(&self, user: UserId, now: Instant) -> bool {
        let until = self.bans.get(&user);
        until.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    fn kick(
        &mut self,
        user: UserId,
        ban_ms: u32,
        now: Instant,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        let code = match ban_ms {
            0 => Code::KICKED,
            _ => {
                //= ROOM-027
                self.bans
                    .retain(|_, until| until.is_none_or(|until| until > now));
                if self.bans.len() >= limits::MAX_BANS && !self.bans.contains_key(&user) {
                    return Err(Code::TOO_MANY);
                }
                let span = Duration::from_millis(ban_ms.into());
                let until = (ban_ms != FOR_LIFE).then(|| now.after(span));
                self.bans.insert(user, until);
                Code::BANNED
            }
        };
        //= ROOM-026
        let waited = self.dismiss_waiters(user, code, out);
        let sessions = self.sessions_of(user);
        let was_here = waited || !sessions.is_empty();
        for session in sessions {
            self.put_out(session, code, code, out);
        }
        if !was_here && ban_ms == 0 {
            return Err(Code::NO_SUCH_MEMBER);
        }
        self.moderators.remove(&user);
        self.tickets.retain(|_, ticket| ticket.user != user);
        Ok(())
    }

    fn unban(&mut self, user: UserId, now: Instant) -> Result<(), Code> {
        //= ROOM-028
        let was = self.is_banned(user, now);
        self.bans.remove(&user);
        was.then_some(()).ok_or(Code::NOT_BANNED)
    }

    /// A ticket that admits this user once; the letter that carries it, once it is known for which request.
    fn grant(
        &mut self,
        user: UserId,
        cx: &mut Surroundings<'_>,
    ) -> Result<impl FnOnce(RequestId) -> Letter + use<>, Code> {
        //= ROOM-030
        self.tickets.retain(|_, ticket| ticket.expires > cx.now);
        if self.tickets.len() >= limits::MAX_ROOM_TICKETS {
            return Err(Code::TOO_MANY);
        }
        let (room, ticket) = (self.id, cx.random.token());
        let expires = cx.now.after(limits::ROOM_TICKET);
        self.tickets
            .insert(hash(&ticket), RoomTicket { user, expires });
        Ok(move |request| Letter::Granted {
            request,
            room,
            ticket,
        })
    }
}
