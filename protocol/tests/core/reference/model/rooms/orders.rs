//! What members and moderators ask of a room.

use std::collections::BTreeSet;

use duet_protocol::code::Code;

use super::{Chamber, EMPTY_ROOM, Secret, TEN_SECONDS, TICKET};
use crate::reference::model::World;
use crate::reference::model::client::{Asked, Meant};
use crate::reference::op::{Ban, Name, Op, Person, Run};
use crate::reference::seen::{Seen, Session};

impl World {
    /// What is asked of a room beyond entering and leaving it.
    pub(in crate::reference::model) fn order(
        &mut self,
        session: Session,
        asked: Asked,
        op: Op,
        meant: Meant,
    ) {
        if let Op::Create { .. } = op {
            return self.create(session, asked, op, meant.secret);
        }
        let at = self.chambers.iter().position(|one| one.is(meant.room));
        let of_member = matches!(
            op,
            Op::Publish { .. }
                | Op::Unpublish { .. }
                | Op::Subscribe { .. }
                | Op::Unsubscribe { .. }
        );
        let Some(at) = at.filter(|at| of_member || self.chambers[*at].is_moderator(session)) else {
            let code = match of_member {
                true => Code::NOT_IN_ROOM,
                false => Code::NOT_MODERATOR,
            };
            return self.outcome(session, asked, code);
        };
        let done = match of_member {
            true => self.media(at, session, op, meant.session),
            false => self.moderate(at, session, asked, op, meant),
        };
        let code = match done {
            Ok(Done::Granted) => return,
            Ok(Done::Closed) => return self.outcome(session, asked, Code::DELIVERED),
            Ok(Done::Yes) => Code::DELIVERED,
            Err(code) => code,
        };
        self.outcome(session, asked, code);
        self.end_if_empty(at);
    }

    fn create(&mut self, session: Session, asked: Asked, op: Op, secret: Secret) {
        let Op::Create {
            name,
            capacity,
            run,
            ..
        } = op
        else {
            unreachable!("only to create");
        };
        let taken = name != Name(2) && self.chambers.iter().any(|one| one.name == name);
        if taken {
            return self.outcome(session, asked, Code::NAME_TAKEN);
        }
        let chamber = Chamber {
            capacity,
            run,
            reserved: Some(self.now + EMPTY_ROOM),
            orphan: false,
            moderators: BTreeSet::from([session.0.owner()]),
            ..Chamber::new(name, secret)
        };
        self.chambers.push(chamber);
        let room = self.heard_of(self.chambers.len() - 1);
        self.answer(session, asked, Seen::Created(room));
    }

    fn moderate(
        &mut self,
        at: usize,
        session: Session,
        asked: Asked,
        op: Op,
        meant: Meant,
    ) -> Result<Done, Code> {
        let now = self.now;
        match op {
            Op::Set {
                key, capacity, run, ..
            } => self.set(at, key.map(|_| meant.secret), capacity, run),
            Op::Admit { yes, .. } => {
                let lobby = &self.chambers[at].lobby;
                let session = meant.session;
                let waits = lobby.iter().any(|waiter| waiter.session == session);
                match yes {
                    _ if !waits => return Err(Code::NOT_WAITING),
                    false => drop(self.turn_away(at, session, Code::NOT_ADMITTED)),
                    true if self.chambers[at].is_full() => return Err(Code::ROOM_FULL),
                    true => self.let_in(at, session),
                }
            }
            Op::Appoint {
                whom, moderator, ..
            } => self.appoint(at, whom, moderator)?,
            Op::Kick { whom, .. } if whom == session.0.owner() => return Err(Code::KICK_SELF),
            Op::Kick { whom, ban, .. } => self.kick(at, whom, ban)?,
            Op::Unban { whom, .. } => {
                let banned = self.chambers[at].is_banned(whom, now);
                self.chambers[at].bans.remove(&whom);
                return banned.then_some(Done::Yes).ok_or(Code::NOT_BANNED);
            }
            Op::Close { .. } => {
                if self.chance.lingers {
                    self.closed.push(meant.room);
                }
                self.close(at, Code::ROOM_CLOSED);
                return Ok(Done::Closed);
            }
            Op::Grant { name, whom, .. } => {
                self.drawn += 1;
                let ticket = self.drawn;
                self.chambers[at]
                    .tickets
                    .insert(ticket, (whom, now + TICKET));
                self.tickets[name.0] = Some(ticket);
                let room = self.heard_of(at);
                self.answer(session, asked, Seen::Granted(room));
                return Ok(Done::Granted);
            }
            _ => unreachable!("{op:?} is not a moderator's"),
        }
        Ok(Done::Yes)
    }

    fn set(&mut self, at: usize, secret: Option<Secret>, capacity: Option<u8>, run: Option<Run>) {
        let chamber = &mut self.chambers[at];
        let before = (chamber.capacity, chamber.run);
        chamber.secret = secret.unwrap_or(chamber.secret);
        chamber.capacity = capacity.unwrap_or(chamber.capacity);
        chamber.run = run.unwrap_or(chamber.run);
        let (capacity, run) = (chamber.capacity, chamber.run);
        if (capacity, run) != before {
            self.tell_members(at, Seen::RoomSet { capacity, run }, None);
        }
        if run.lobby {
            return;
        }
        for waiter in self.chambers[at].lobby.clone() {
            let session = waiter.session;
            if run.locked {
                self.turn_away(at, session, Code::ROOM_LOCKED);
            } else if self.chambers[at].is_full() {
                self.turn_away(at, session, Code::ROOM_FULL);
            } else {
                self.let_in(at, session);
            }
        }
    }

    fn appoint(&mut self, at: usize, whom: Person, moderator: bool) -> Result<(), Code> {
        let here = !self.inside_of(at, whom).is_empty();
        let chamber = &mut self.chambers[at];
        let is = chamber.moderators.contains(&whom);
        match (moderator, here, is) {
            (true, false, _) | (false, false, false) => Err(Code::NO_SUCH_MEMBER),
            (true, true, true) | (false, true, false) => Ok(()),
            (true, true, false) => {
                self.promote(at, whom);
                Ok(())
            }
            (false, _, true) => {
                chamber.moderators.remove(&whom);
                let left = match here {
                    true => chamber.is_moderated(),
                    false => !chamber.moderators.is_empty(),
                };
                if !left {
                    chamber.moderators.insert(whom);
                    return Err(Code::LAST_MODERATOR);
                }
                self.update(at, whom);
                Ok(())
            }
        }
    }

    fn kick(&mut self, at: usize, whom: Person, ban: Ban) -> Result<(), Code> {
        let now = self.now;
        let code = match ban {
            Ban::No => Code::KICKED,
            Ban::TenSeconds | Ban::ForLife => {
                let until = (ban == Ban::TenSeconds).then_some(now + TEN_SECONDS);
                self.chambers[at].bans.insert(whom, until);
                Code::BANNED
            }
        };
        let mut was_here = false;
        for session in self.sessions_of(whom) {
            was_here |= self.turn_away(at, session, code);
            was_here |= self.put_out(at, session, code, true);
        }
        if !was_here && ban == Ban::No {
            return Err(Code::NO_SUCH_MEMBER);
        }
        let chamber = &mut self.chambers[at];
        chamber.moderators.remove(&whom);
        chamber.tickets.retain(|_, (person, _)| *person != whom);
        Ok(())
    }

    fn media(&mut self, at: usize, session: Session, op: Op, of: Session) -> Result<Done, Code> {
        let chamber = &mut self.chambers[at];
        match op {
            Op::Publish { .. } | Op::Subscribe { .. } if !chamber.has(session) => {
                return Err(Code::NOT_IN_ROOM);
            }
            Op::Publish { stream, .. } => {
                if !chamber.streams.insert((session, stream)) {
                    return Err(Code::STREAM_EXISTS);
                }
                self.stream(at, session, stream, true);
            }
            Op::Unpublish { stream, .. } => {
                if !chamber.streams.remove(&(session, stream)) {
                    return Err(Code::NO_SUCH_STREAM);
                }
                self.stream(at, session, stream, false);
            }
            Op::Subscribe { stream, .. } => {
                if of == session || !chamber.streams.contains(&(of, stream)) {
                    return Err(Code::NO_SUCH_STREAM);
                }
                if !chamber.subscribed.insert((session, of, stream)) {
                    return Err(Code::STREAM_EXISTS);
                }
            }
            Op::Unsubscribe { stream, .. } => {
                if !chamber.subscribed.remove(&(session, of, stream)) {
                    return Err(Code::NO_SUCH_STREAM);
                }
            }
            _ => unreachable!("{op:?} is not about streams"),
        }
        Ok(Done::Yes)
    }
}

/// What became of an order that was carried out.
enum Done {
    Yes,
    /// The answer has been given.
    Granted,
    /// There is no room any more.
    Closed,
}
