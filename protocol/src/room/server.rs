//! A room as its owner keeps it: members, streams and subscriptions, told as a snapshot and numbered deltas.

mod entry;
#[cfg(test)]
mod inspect;
mod lobby;
mod moderation;
mod streams;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::channel::{Expected, Parcel, Receipt};
use crate::code::Code;
use crate::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::room::{Change, Delta, Member, Options, Presence, Role, RoomDelta};
use crate::seed::Random;
use crate::server::envelope::{Admission, Letter, Outbox, Owner};
use crate::service::DecisionId;
use crate::service::mirror::Told;
use crate::time::Instant;
use crate::wire::{Params, Text, Within};

pub(crate) use entry::Entry;
use entry::{Candidate, RoomTicket};
use lobby::Waiter;
pub(crate) use moderation::{Asker, Order, Settings, Verb};
pub(crate) use streams::Publication;

/// What a room is to be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Creation {
    /// Its name; empty for one that is known by its id alone.
    pub(crate) name: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) capacity: usize,
    pub(crate) options: Options,
    pub(crate) governed: Governed,
}

/// Who is a room's first moderator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Governed {
    /// Whoever enters first: the room exists because of its JOIN.
    ByFirst,
    /// This user, inside or not.
    By(UserId),
    /// Nobody but the service.
    ByService,
}

/// How far a room's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    /// It waits for the service's decision on those who would enter first.
    Fresh,
    /// It was created, and nobody has entered it; until then.
    Reserved(Instant),
    /// Someone is inside.
    Lived,
    /// It is over.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Inside {
    user: UserId,
    /// The number of the change by which it entered: the lower, the longer it has been here.
    since: u64,
    name: String,
    presence: Presence,
}

impl Inside {
    fn member(&self, session: SessionId, role: Role) -> Member<'_> {
        Member {
            session,
            user: self.user,
            presence: self.presence,
            role,
            name: Text::cut(&self.name),
        }
    }
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Room {
    id: RoomId,
    name: String,
    epoch: u64,
    number: u64,
    posts: u64,
    secret: Vec<u8>,
    capacity: usize,
    options: Options,
    life: Life,
    /// Whether who enters an empty room becomes its moderator.
    first_moderates: bool,
    /// The call that the room was reserved for, and whom it admits.
    call: Option<(CallId, Vec<Admission>)>,
    /// The users who are moderators, inside or not.
    moderators: BTreeSet<UserId>,
    /// Users who are kept out, and until when, where not for as long as the room lives.
    bans: BTreeMap<UserId, Option<Instant>>,
    /// Tickets by their hash.
    tickets: BTreeMap<[u8; 32], RoomTicket>,
    members: BTreeMap<SessionId, Inside>,
    streams: BTreeMap<(SessionId, StreamNumber), Publication>,
    /// Subscriber, publisher, stream.
    subscriptions: BTreeSet<(SessionId, SessionId, StreamNumber)>,
    /// The same by stream: publisher, stream, subscriber.
    subscribers: BTreeSet<(SessionId, StreamNumber, SessionId)>,
    /// Those about whom the service is asked.
    deciding: BTreeMap<DecisionId, Candidate>,
    /// Those whom a moderator has to let in.
    lobby: BTreeMap<SessionId, Waiter>,
    knocks: u64,
}

/// What a room needs beyond the letter.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) random: &'a mut Random,
    pub(crate) out: &'a mut Outbox,
}

impl Room {
    /// A room that is asked for, or created.
    pub(crate) fn new(id: RoomId, epoch: u64, creation: Creation, now: Instant) -> Self {
        let first_moderates = creation.governed == Governed::ByFirst;
        let moderators = match creation.governed {
            Governed::By(user) => BTreeSet::from([user]),
            Governed::ByFirst | Governed::ByService => BTreeSet::new(),
        };
        Self {
            id,
            name: creation.name,
            epoch,
            number: 0,
            posts: 0,
            secret: creation.secret,
            capacity: creation.capacity,
            options: creation.options,
            life: match first_moderates {
                true => Life::Fresh,
                false => Life::Reserved(now.after(limits::EMPTY_ROOM)),
            },
            first_moderates,
            call: None,
            moderators,
            bans: BTreeMap::new(),
            tickets: BTreeMap::new(),
            members: BTreeMap::new(),
            streams: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            subscribers: BTreeSet::new(),
            deciding: BTreeMap::new(),
            lobby: BTreeMap::new(),
            knocks: 0,
        }
    }

    /// A room of two, for a call.
    pub(crate) fn for_call(
        id: RoomId,
        epoch: u64,
        call: CallId,
        admitted: Vec<Admission>,
        now: Instant,
    ) -> Self {
        let creation = Creation {
            name: String::new(),
            secret: Vec::new(),
            capacity: 2,
            options: Options::NONE,
            governed: Governed::ByFirst,
        };
        let mut room = Self::new(id, epoch, creation, now);
        room.first_moderates = false;
        room.call = Some((call, admitted));
        room
    }

    /// Whether nothing is left to own.
    pub(crate) fn is_over(&self) -> bool {
        self.life == Life::Over
    }

    /// The next instant at which [`Room::wake`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let reserved = match self.life {
            Life::Reserved(until) => Some(until),
            Life::Fresh | Life::Lived | Life::Over => None,
        };
        let waiters = self.lobby.values().map(|waiter| waiter.until);
        waiters.chain(reserved).min()
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outbox) {
        //= ROOM-015
        if matches!(self.life, Life::Reserved(until) if until <= now) {
            return self.close(Code::ROOM_CLOSED, out);
        }
        self.expire_waiters(now, out);
    }

    fn me(&self) -> Owner {
        Owner::Room(self.id)
    }

    pub(crate) fn receive(&mut self, letter: Letter, cx: &mut Surroundings<'_>) {
        match letter {
            Letter::Enter(entry) => self.enter(entry, cx.now, cx.out),
            Letter::Decided { id, decision } => self.decided(id, decision, cx.now, cx.out),
            Letter::Order(order) => self.order(order, cx),
            Letter::Leave {
                session,
                request,
                code,
            } => self.leave_asked(session, request, code, cx.out),
            Letter::CloseRoom { code } => self.close(code, cx.out),
            letter => self.receive_from_member(letter, cx.out),
        }
        self.end_if_empty(cx.out);
    }

    fn receive_from_member(&mut self, letter: Letter, out: &mut Outbox) {
        match letter {
            Letter::Suspended { session } => {
                self.presence(session, Presence::Suspended, Change::Suspend, out);
            }
            Letter::Resumed { session } => {
                self.presence(session, Presence::Here, Change::Resume, out);
            }
            Letter::Parcel {
                parcel, receipt, ..
            } => self.post(&parcel, receipt, out),
            Letter::Report { session, frame } => self.report(session, &frame, out),
            Letter::Publish {
                session,
                request,
                publication,
            } => {
                if let Err(code) = self.publish(session, request, publication, out) {
                    out.outcome(self.me(), session, request, code);
                }
            }
            Letter::Opened {
                session,
                stream,
                request,
            } => self.opened(session, stream, request, out),
            Letter::Unpublish {
                session,
                request,
                stream,
            } => {
                let code = match self.unpublish(session, stream, out) {
                    true => Code::DELIVERED,
                    false => Code::NO_SUCH_STREAM,
                };
                out.outcome(self.me(), session, request, code);
            }
            Letter::Subscribe {
                session,
                request,
                publisher,
                stream,
            } => {
                if let Err(code) = self.subscribe(session, request, publisher, stream, out) {
                    out.outcome(self.me(), session, request, code);
                }
            }
            Letter::Unsubscribe {
                session,
                request,
                publisher,
                stream,
            } => {
                let code = match self.unsubscribe(session, publisher, stream, out) {
                    true => Code::DELIVERED,
                    false => Code::NO_SUCH_STREAM,
                };
                out.outcome(self.me(), session, request, code);
            }
            _ => debug_assert!(false, "not for a room: {letter:?}"),
        }
    }

    /// Numbers a change to a member and tells everyone of it, but the one that thereby enters or leaves.
    fn delta(&mut self, session: SessionId, change: Change, code: Code, out: &mut Outbox) {
        let Some(inside) = self.members.get(&session) else {
            return;
        };
        //= ROOM-005
        self.number = self.number.saturating_add(1);
        let (room, epoch, number) = (self.id, self.epoch, self.number);
        let member = inside.member(session, self.role(inside.user));
        let frame = Delta {
            room,
            epoch,
            number,
            change,
            code,
            member,
            params: Params::NONE,
        }
        .encode();
        self.tell_others(session, &frame, out);
        if matches!(change, Change::Suspend | Change::Resume | Change::Update) {
            out.frame(self.me(), session, frame);
        }
    }

    /// Numbers a change of the settings and tells everyone of it.
    fn settings_delta(&mut self, out: &mut Outbox) {
        //= ROOM-018
        self.number = self.number.saturating_add(1);
        let frame = RoomDelta {
            room: self.id,
            epoch: self.epoch,
            number: self.number,
            capacity: Within::clamp(self.capacity as u32),
            options: self.options,
            params: Params::NONE,
        }
        .encode();
        for session in self.members.keys() {
            out.frame(self.me(), *session, frame.clone());
        }
    }

    fn role(&self, user: UserId) -> Role {
        match self.moderators.contains(&user) {
            true => Role::Moderator,
            false => Role::Member,
        }
    }

    fn sessions_of(&self, user: UserId) -> Vec<SessionId> {
        let own = self.members.iter().filter(|(_, one)| one.user == user);
        own.map(|(session, _)| *session).collect()
    }

    fn tell_others(&self, except: SessionId, frame: &Bytes, out: &mut Outbox) {
        for session in self.members.keys().filter(|session| **session != except) {
            out.frame(self.me(), *session, frame.clone());
        }
    }

    fn presence(
        &mut self,
        session: SessionId,
        presence: Presence,
        change: Change,
        out: &mut Outbox,
    ) {
        if let Some(inside) = self.members.get_mut(&session)
            && inside.presence != presence
        {
            inside.presence = presence;
            //= ROOM-009
            self.delta(session, change, Code::NONE, out);
        }
    }

    /// A session leaves, or is over; where it only waits to enter, it does so no longer.
    fn leave_asked(
        &mut self,
        session: SessionId,
        request: Option<RequestId>,
        code: Code,
        out: &mut Outbox,
    ) {
        let withdrew = self.withdraw_entry(session, out);
        let left = self.put_out(session, code, Code::NONE, out);
        if let Some(request) = request {
            let code = match withdrew || left {
                true => Code::DELIVERED,
                false => Code::NOT_IN_ROOM,
            };
            out.outcome(self.me(), session, request, code);
        }
    }

    /// Takes a member out: the others are told `code`, its session `told` where that is something.
    fn put_out(&mut self, session: SessionId, code: Code, told: Code, out: &mut Outbox) -> bool {
        let Some(user) = self.members.get(&session).map(|inside| inside.user) else {
            return false;
        };
        self.withdraw(session, out);
        self.delta(session, Change::Leave, code, out);
        self.members.remove(&session);
        let room = self.id;
        out.tell(
            self.me(),
            Told::MemberOut {
                room,
                session,
                code,
            },
        );
        let over = Letter::RoomOver {
            room: self.id,
            code: told,
        };
        out.send(self.me(), Owner::Session(session), over);
        self.succeed(user, out);
        // A session that is over tells the call by itself, and how it ended.
        if let Some((call, _)) = &self.call
            && code != Code::SESSION_ENDED
        {
            //= CALL-019
            out.send(
                self.me(),
                Owner::Call(*call),
                Letter::PartyOut { session, code },
            );
        }
        true
    }

    /// A room that everyone has left is over, and its name is free.
    fn end_if_empty(&mut self, out: &mut Outbox) {
        let is_over = match self.life {
            _ if self.call.is_some() => false,
            Life::Fresh => self.deciding.is_empty(),
            Life::Lived => self.members.is_empty(),
            Life::Reserved(_) | Life::Over => false,
        };
        if !is_over {
            return;
        }
        let candidates = core::mem::take(&mut self.deciding);
        self.close(Code::ROOM_CLOSED, out);
        // Who asked for a name, and not for this room, is given the room that has the name from now on.
        for Candidate { entry, .. } in candidates.into_values() {
            if entry.room_name.is_empty() {
                let code = Code::NO_SUCH_ROOM;
                out.outcome(self.me(), entry.session, entry.request, code);
            } else {
                out.send(self.me(), Owner::Directory, Letter::Enter(entry));
            }
        }
    }

    /// Everyone is out, for this reason.
    fn close(&mut self, code: Code, out: &mut Outbox) {
        if self.life == Life::Over {
            return;
        }
        for session in self.members.keys().copied().collect::<Vec<_>>() {
            self.withdraw(session, out);
            let room = self.id;
            out.tell(
                self.me(),
                Told::MemberOut {
                    room,
                    session,
                    code,
                },
            );
            let over = Letter::RoomOver {
                room: self.id,
                code,
            };
            out.send(self.me(), Owner::Session(session), over);
        }
        for (_, Candidate { entry, .. }) in core::mem::take(&mut self.deciding) {
            out.outcome(self.me(), entry.session, entry.request, code);
        }
        for (session, waiter) in core::mem::take(&mut self.lobby) {
            out.outcome(self.me(), session, waiter.entry.request, code);
        }
        self.members.clear();
        self.life = Life::Over;
        let room = self.id;
        out.tell(self.me(), Told::RoomClosed { room, code });
        if self.call.take().is_none() {
            let gone = Letter::RoomGone {
                room: self.id,
                name: core::mem::take(&mut self.name),
            };
            out.send(self.me(), Owner::Directory, gone);
        }
    }

    /// Passes on how a member's media goes; nothing counts it, and it may be lost.
    fn report(&self, from: SessionId, frame: &Bytes, out: &mut Outbox) {
        //= MEDIA-038
        if !self.members.contains_key(&from) {
            return;
        }
        for session in self.members.keys().filter(|session| **session != from) {
            let letter = Letter::Aside {
                frame: frame.clone(),
            };
            out.send(self.me(), Owner::Session(*session), letter);
        }
    }

    fn post(&mut self, parcel: &Parcel, receipt: Receipt, out: &mut Outbox) {
        let (me, sender) = (self.me(), receipt.owner());
        let others: Vec<SessionId> = self
            .members
            .keys()
            .copied()
            .filter(|session| *session != receipt.session)
            .collect();
        //= CHAN-009
        let refusal = if !receipt.is_service() && !self.members.contains_key(&receipt.session) {
            Some(Code::NOT_IN_ROOM)
        } else if others.is_empty() {
            Some(Code::UNREACHABLE)
        } else {
            None
        };
        if let Some(code) = refusal {
            return out.undeliverable(me, receipt, code);
        }
        self.posts = self.posts.saturating_add(1);
        let frame = parcel.frame(self.posts);
        let expected = Expected {
            count: others.len(),
            each: true,
            number: self.posts,
        };
        out.send(me, sender, Letter::Expect { receipt, expected });
        for session in others {
            let letter = Letter::ParcelFrame {
                frame: frame.clone(),
                receipt,
            };
            out.send(me, Owner::Session(session), letter);
        }
    }
}
