//! Who may enter a room: secret, ban, lock, capacity, the service, and then the lobby. A ticket passes what a moderator
//! would otherwise have to open.

use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::id::{RequestId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::media::State;
use crate::message::room::{Change, Joined, Member, Options, Presence};
use crate::server::envelope::{Letter, Outbox, Owner, Scope};
use crate::server::hash;
use crate::service::mirror::Told;
use crate::service::{Decision, DecisionId, Question};
use crate::time::Instant;
use crate::wire::{List, Params, Text, Within};

use super::{Inside, Life, Room};

/// A session that wants to enter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) request: RequestId,
    /// The room's name, where it was asked for by name.
    pub(crate) room_name: String,
    pub(crate) secret: Vec<u8>,
}

/// A ticket for a room: one user may enter with it, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomTicket {
    pub(super) user: UserId,
    pub(super) expires: Instant,
}

/// A session about which the service is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) entry: Entry,
    /// The ticket that it gave, which nobody else can use meanwhile.
    ticket: Option<([u8; 32], RoomTicket)>,
}

impl Room {
    pub(super) fn enter(&mut self, entry: Entry, now: Instant, out: &mut Outbox) {
        if self.members.contains_key(&entry.session) {
            return self.refuse(&entry, Code::ALREADY_IN_ROOM, out);
        }
        if let Some((_, admitted)) = &mut self.call {
            //= CALL-018
            let own = admitted.iter_mut().find(|who| {
                !who.entered
                    && who.session == entry.session
                    && who.ticket.as_slice() == entry.secret
            });
            return match own {
                Some(who) => {
                    who.entered = true;
                    self.admit(entry, out)
                }
                None => self.refuse(&entry, Code::BAD_SECRET, out),
            };
        }
        let ticket = self.take_ticket(&entry, now);
        //= ROOM-008
        if ticket.is_none() && self.secret != entry.secret {
            return self.refuse(&entry, Code::BAD_SECRET, out);
        }
        let candidate = Candidate { entry, ticket };
        if let Err(code) = self.may_enter(&candidate, now) {
            return self.turn_away(candidate, code, out);
        }
        //= ROOM-007
        let question = Question::Join {
            user: candidate.entry.user,
            room: self.id,
            name: self.name.clone(),
        };
        let id = out.ask(self.me(), question);
        self.deciding.insert(id, candidate);
    }

    /// What may have changed while the service was asked.
    fn may_enter(&self, candidate: &Candidate, now: Instant) -> Result<(), Code> {
        let Entry { session, user, .. } = candidate.entry;
        if self.members.contains_key(&session) {
            return Err(Code::ALREADY_IN_ROOM);
        }
        if self.lobby.contains_key(&session) {
            return Err(Code::ALREADY_WAITING);
        }
        //= ROOM-027
        if self.is_banned(user, now) {
            return Err(Code::BANNED);
        }
        //= ROOM-032
        if self.options.has(Options::LOCKED) && !self.is_expected(candidate) {
            return Err(Code::ROOM_LOCKED);
        }
        //= ROOM-006
        if self.members.len() >= self.capacity {
            return Err(Code::ROOM_FULL);
        }
        Ok(())
    }

    /// Whether it passes where others have to be let in.
    fn is_expected(&self, candidate: &Candidate) -> bool {
        //= ROOM-031
        candidate.ticket.is_some() || self.moderators.contains(&candidate.entry.user)
    }

    fn take_ticket(&mut self, entry: &Entry, now: Instant) -> Option<([u8; 32], RoomTicket)> {
        //= ROOM-031
        let hash = hash(&<[u8; 32]>::try_from(entry.secret.as_slice()).ok()?);
        let ticket = *self.tickets.get(&hash)?;
        if ticket.user != entry.user {
            return None;
        }
        self.tickets.remove(&hash);
        (ticket.expires > now).then_some((hash, ticket))
    }

    fn refuse(&self, entry: &Entry, code: Code, out: &mut Outbox) {
        out.outcome(self.me(), entry.session, entry.request, code);
    }

    /// Refuses, and gives the ticket back: it has not been used.
    fn turn_away(&mut self, candidate: Candidate, code: Code, out: &mut Outbox) {
        if let Some((hash, ticket)) = candidate.ticket
            && code != Code::BANNED
        {
            self.tickets.insert(hash, ticket);
        }
        self.refuse(&candidate.entry, code, out);
    }

    pub(super) fn decided(
        &mut self,
        id: DecisionId,
        decision: Decision,
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(candidate) = self.deciding.remove(&id) else {
            return;
        };
        if let Decision::Deny(code) = decision {
            return self.turn_away(candidate, code, out);
        }
        if let Err(code) = self.may_enter(&candidate, now) {
            return self.turn_away(candidate, code, out);
        }
        if self.options.has(Options::LOBBY) && !self.is_expected(&candidate) {
            self.wait(candidate.entry, now, out);
        } else {
            self.admit(candidate.entry, out);
        }
    }

    /// A session gives up, or is over, before it was in; whether it was about to enter.
    pub(super) fn withdraw_entry(&mut self, session: SessionId, out: &mut Outbox) -> bool {
        //= ROOM-023
        let waited = self.gone(session, Code::WITHDRAWN, out);
        let about = self.deciding.iter();
        let about = about.filter(|(_, candidate)| candidate.entry.session == session);
        let about: Vec<DecisionId> = about.map(|(id, _)| *id).collect();
        let mut any = waited;
        for id in about {
            if let Some(candidate) = self.deciding.remove(&id) {
                self.turn_away(candidate, Code::WITHDRAWN, out);
                any = true;
            }
        }
        any
    }

    /// Lets a session in, whatever it takes to be let in.
    pub(super) fn admit(&mut self, entry: Entry, out: &mut Outbox) {
        let (session, user, request) = (entry.session, entry.user, entry.request);
        //= ROOM-012
        if core::mem::take(&mut self.first_moderates) {
            self.moderators.insert(user);
        }
        self.life = Life::Lived;
        let inside = Inside {
            user,
            since: self.number.saturating_add(1),
            name: entry.name,
            presence: Presence::Here,
        };
        self.members.insert(session, inside);
        out.send(
            self.me(),
            Owner::Session(session),
            Letter::Entered { room: self.id },
        );
        let room = self.id;
        out.tell(
            self.me(),
            Told::MemberIn {
                room,
                session,
                user,
            },
        );
        self.delta(session, Change::Join, Code::NONE, out);
        self.send_snapshot(session, request, out);
        self.tell_knocks(session, out);
        match &self.call {
            Some((call, _)) => out.send(self.me(), Owner::Call(*call), Letter::PartyIn { session }),
            None => {
                let scope = Scope::Room(self.id);
                let request = None;
                let letter = Letter::Ticket { scope, request };
                out.send(self.me(), Owner::Relay(session), letter);
            }
        }
    }

    fn send_snapshot(&self, session: SessionId, request: RequestId, out: &mut Outbox) {
        let members: Vec<Member<'_>> = self
            .members
            .iter()
            .map(|(session, inside)| inside.member(*session, self.role(inside.user)))
            .collect();
        //= ROOM-002
        if let Some(members) = List::new(&members) {
            let joined = Joined {
                request,
                room: self.id,
                epoch: self.epoch,
                number: self.number,
                name: Text::cut(&self.name),
                capacity: Within::clamp(self.capacity as u32),
                options: self.options,
                //= MEDIA-037
                max_streams: limits::MAX_ROOM_STREAMS as u16,
                members,
                params: Params::NONE,
            };
            let frame = joined.encode();
            out.send(
                self.me(),
                Owner::Session(session),
                Letter::Answer { request, frame },
            );
        }
        let open = self.streams.iter().filter(|(_, one)| one.is_open());
        for ((publisher, _), publication) in open {
            let frame = publication.frame(self.id, *publisher, State::Open);
            out.frame(self.me(), session, frame);
        }
    }
}
