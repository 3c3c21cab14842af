//! A room as its owner keeps it: members, streams and subscriptions, told as a snapshot and numbered deltas.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::channel::{Expected, Parcel, Receipt};
use crate::code::Code;
use crate::id::{CallId, RequestId, RoomId, SessionId, StreamNumber, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::media::{Codec, Description, Kind, State, Stream};
use crate::message::room::{Change, Delta, Joined, Member, Options, Presence, Role};
use crate::server::envelope::{Admission, Letter, Outbox, Owner, Scope, StreamKey};
use crate::service::{Decision, DecisionId, Question};
use crate::wire::{List, Opaque, Params, Text, Within};

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

/// A stream that is published, as the publisher described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Publication {
    pub(crate) stream: StreamNumber,
    kind: Kind,
    codec: Codec,
    payload_type: u8,
    clock_rate: u32,
    ssrc: u32,
    max_bitrate: u32,
    useful_ms: u16,
    config: Vec<u8>,
}

impl Publication {
    pub(crate) fn of(d: &Description<'_>) -> Self {
        Self {
            stream: d.stream,
            kind: d.kind,
            codec: d.codec,
            payload_type: d.payload_type,
            clock_rate: d.clock_rate,
            ssrc: d.ssrc,
            max_bitrate: d.max_bitrate,
            useful_ms: d.useful_ms,
            config: d.config.as_bytes().to_vec(),
        }
    }

    fn frame(&self, room: RoomId, session: SessionId, state: State) -> Bytes {
        let description = Description {
            stream: self.stream,
            kind: self.kind,
            codec: self.codec,
            payload_type: self.payload_type,
            clock_rate: self.clock_rate,
            ssrc: self.ssrc,
            max_bitrate: self.max_bitrate,
            useful_ms: self.useful_ms,
            config: Opaque::new(&self.config).unwrap_or_default(),
        };
        Stream {
            room,
            session,
            state,
            description,
            params: Params::NONE,
        }
        .encode()
    }
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
    /// The call that the room was reserved for, and whom it admits.
    call: Option<(CallId, Vec<Admission>)>,
    options: Options,
    /// The users who are moderators, inside or not.
    moderators: BTreeSet<UserId>,
    members: BTreeMap<SessionId, Inside>,
    streams: BTreeMap<(SessionId, StreamNumber), Publication>,
    /// Subscriber, publisher, stream.
    subscriptions: BTreeSet<(SessionId, SessionId, StreamNumber)>,
    waiting: BTreeMap<DecisionId, Entry>,
    closed: bool,
}

impl Room {
    /// A room that anyone may enter who knows the secret of the one who enters first, if the service allows it.
    pub(crate) fn new(id: RoomId, name: String, epoch: u64, secret: Vec<u8>) -> Self {
        Self {
            id,
            name,
            epoch,
            number: 0,
            posts: 0,
            secret,
            capacity: limits::MAX_MEMBERS,
            call: None,
            options: Options::NONE,
            moderators: BTreeSet::new(),
            members: BTreeMap::new(),
            streams: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            waiting: BTreeMap::new(),
            closed: false,
        }
    }

    /// A room of two, for a call.
    pub(crate) fn for_call(id: RoomId, epoch: u64, call: CallId, admitted: Vec<Admission>) -> Self {
        let mut room = Self::new(id, String::new(), epoch, Vec::new());
        room.capacity = 2;
        room.call = Some((call, admitted));
        room
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether nothing is left to own.
    pub(crate) fn is_over(&self) -> bool {
        self.closed || (self.members.is_empty() && self.waiting.is_empty() && self.call.is_none())
    }

    fn me(&self) -> Owner {
        Owner::Room(self.id)
    }

    fn key(&self, stream: StreamNumber) -> StreamKey {
        StreamKey {
            room: self.id,
            stream,
        }
    }

    pub(crate) fn receive(&mut self, letter: Letter, out: &mut Outbox) {
        match letter {
            Letter::Enter(entry) => self.enter(entry, out),
            Letter::Decided { id, decision } => {
                if let Some(entry) = self.waiting.remove(&id) {
                    match decision {
                        Decision::Deny(code) => {
                            out.outcome(self.me(), entry.session, entry.request, code);
                        }
                        Decision::Allow | Decision::User { .. } => self.admit(entry, out),
                    }
                }
            }
            Letter::Leave {
                session,
                request,
                code,
            } => self.leave(session, request, code, out),
            Letter::Suspended { session } => {
                self.presence(session, Presence::Suspended, Change::Suspend, out);
            }
            Letter::Resumed { session } => {
                self.presence(session, Presence::Here, Change::Resume, out);
            }
            Letter::CloseRoom { code } => self.close(code, out),
            Letter::Parcel {
                parcel, receipt, ..
            } => self.post(&parcel, receipt, out),
            Letter::Publish {
                session,
                request,
                publication,
            } => {
                if let Err(code) = self.publish(session, request, publication, out) {
                    out.outcome(self.me(), session, request, code);
                }
            }
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
                let code = if self.subscriptions.remove(&(session, publisher, stream)) {
                    out.send(
                        self.me(),
                        Owner::Relay(session),
                        Letter::CloseOut {
                            publisher,
                            stream: self.key(stream),
                        },
                    );
                    Code::DELIVERED
                } else {
                    Code::NO_SUCH_STREAM
                };
                out.outcome(self.me(), session, request, code);
            }
            _ => debug_assert!(false, "not for a room: {letter:?}"),
        }
    }

    fn enter(&mut self, entry: Entry, out: &mut Outbox) {
        let refusal = if self.members.contains_key(&entry.session) {
            Some(Code::ALREADY_IN_ROOM)
        } else if let Some((_, admitted)) = &self.call {
            //= CALL-018
            let holds_ticket = admitted
                .iter()
                .any(|who| who.session == entry.session && who.ticket.as_slice() == entry.secret);
            if holds_ticket {
                return self.admit(entry, out);
            }
            Some(Code::BAD_SECRET)
        } else if self.secret != entry.secret {
            //= ROOM-008
            Some(Code::BAD_SECRET)
        } else if self.members.len() >= self.capacity {
            //= ROOM-006
            Some(Code::ROOM_FULL)
        } else {
            None
        };
        match refusal {
            Some(code) => out.outcome(self.me(), entry.session, entry.request, code),
            None => {
                //= ROOM-007
                let room = self.id;
                let question = Question::Join {
                    user: entry.user,
                    room,
                    name: self.name.clone(),
                };
                let id = out.ask(self.me(), question);
                self.waiting.insert(id, entry);
            }
        }
    }

    fn admit(&mut self, entry: Entry, out: &mut Outbox) {
        let Entry {
            session,
            user,
            name,
            request,
            ..
        } = entry;
        if self.members.contains_key(&session) {
            return out.outcome(self.me(), session, request, Code::ALREADY_IN_ROOM);
        }
        if self.members.len() >= self.capacity {
            return out.outcome(self.me(), session, request, Code::ROOM_FULL);
        }
        //= ROOM-012
        if self.members.is_empty() && self.call.is_none() {
            self.moderators.insert(user);
        }
        self.members.insert(
            session,
            Inside {
                user,
                since: self.number.saturating_add(1),
                name,
                presence: Presence::Here,
            },
        );
        out.send(
            self.me(),
            Owner::Session(session),
            Letter::Entered { room: self.id },
        );
        self.delta(session, Change::Join, Code::NONE, out);
        let members: Vec<Member<'_>> = self
            .members
            .iter()
            .map(|(session, inside)| inside.member(*session, self.role(inside.user)))
            .collect();
        //= ROOM-002
        if let Some(members) = List::new(&members) {
            let (room, epoch, number) = (self.id, self.epoch, self.number);
            let joined = Joined {
                request,
                room,
                epoch,
                number,
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
        for ((publisher, _), publication) in &self.streams {
            let frame = publication.frame(self.id, *publisher, State::Open);
            out.frame(self.me(), session, frame);
        }
        match &self.call {
            Some((call, _)) => out.send(self.me(), Owner::Call(*call), Letter::PartyIn { session }),
            None => {
                let scope = Scope::Room(self.id);
                out.send(
                    self.me(),
                    Owner::Relay(session),
                    Letter::Ticket {
                        scope,
                        request: None,
                    },
                );
            }
        }
    }

    /// Numbers a change to a member and tells everyone of it, but the one that thereby enters or leaves.
    fn delta(&mut self, session: SessionId, change: Change, code: Code, out: &mut Outbox) {
        //= ROOM-005
        self.number = self.number.saturating_add(1);
        let Some(inside) = self.members.get(&session) else {
            return;
        };
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

    fn role(&self, user: UserId) -> Role {
        match self.moderators.contains(&user) {
            true => Role::Moderator,
            false => Role::Member,
        }
    }

    /// Where a moderator's last session has left, and no other moderator is here, the longest-standing member follows.
    fn succeed(&mut self, left: UserId, out: &mut Outbox) {
        let anyone = self
            .members
            .values()
            .any(|one| self.moderators.contains(&one.user));
        if anyone || !self.moderators.contains(&left) {
            return;
        }
        let members = self.members.values();
        let heir = members.min_by_key(|one| (one.presence == Presence::Suspended, one.since));
        if let Some(user) = heir.map(|one| one.user) {
            //= ROOM-013
            self.moderators.insert(user);
            self.update(user, out);
        }
    }

    /// Tells everyone that something about a user's members has changed.
    fn update(&mut self, user: UserId, out: &mut Outbox) {
        let own = self.members.iter().filter(|(_, one)| one.user == user);
        for session in own.map(|(session, _)| *session).collect::<Vec<_>>() {
            self.delta(session, Change::Update, Code::NONE, out);
        }
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
        if let Some(inside) = self.members.get_mut(&session) {
            inside.presence = presence;
            //= ROOM-009
            self.delta(session, change, Code::NONE, out);
        }
    }

    fn leave(
        &mut self,
        session: SessionId,
        request: Option<RequestId>,
        code: Code,
        out: &mut Outbox,
    ) {
        let Some(user) = self.members.get(&session).map(|inside| inside.user) else {
            if let Some(request) = request {
                out.outcome(self.me(), session, request, Code::NOT_IN_ROOM);
            }
            return;
        };
        self.withdraw(session, out);
        self.delta(session, Change::Leave, code, out);
        self.members.remove(&session);
        let over = Letter::RoomOver {
            room: self.id,
            code: Code::NONE,
        };
        out.send(self.me(), Owner::Session(session), over);
        if let Some(request) = request {
            out.outcome(self.me(), session, request, Code::DELIVERED);
        }
        self.succeed(user, out);
        if let Some((call, _)) = &self.call {
            //= CALL-019
            out.send(
                self.me(),
                Owner::Call(*call),
                Letter::PartyOut { session, code },
            );
        }
    }

    /// Takes back what a member publishes and subscribes to.
    fn withdraw(&mut self, session: SessionId, out: &mut Outbox) {
        let published: Vec<StreamNumber> = self
            .streams
            .keys()
            .filter(|(by, _)| *by == session)
            .map(|(_, number)| *number)
            .collect();
        for stream in published {
            self.unpublish(session, stream, out);
        }
        let (me, subscriptions) = (self.me(), core::mem::take(&mut self.subscriptions));
        for (subscriber, publisher, stream) in subscriptions {
            if subscriber == session {
                out.send(
                    me,
                    Owner::Relay(session),
                    Letter::CloseOut {
                        publisher,
                        stream: self.key(stream),
                    },
                );
            } else {
                self.subscriptions.insert((subscriber, publisher, stream));
            }
        }
    }

    fn close(&mut self, code: Code, out: &mut Outbox) {
        for session in self.members.keys().copied().collect::<Vec<_>>() {
            self.withdraw(session, out);
            let over = Letter::RoomOver {
                room: self.id,
                code,
            };
            out.send(self.me(), Owner::Session(session), over);
        }
        for (_, entry) in core::mem::take(&mut self.waiting) {
            out.outcome(self.me(), entry.session, entry.request, code);
        }
        self.members.clear();
        self.call = None;
        self.closed = true;
    }

    fn post(&mut self, parcel: &Parcel, receipt: Receipt, out: &mut Outbox) {
        let (me, sender) = (self.me(), Owner::Session(receipt.session));
        let others: Vec<SessionId> = self
            .members
            .keys()
            .copied()
            .filter(|session| *session != receipt.session)
            .collect();
        //= CHAN-009
        let refusal = if !self.members.contains_key(&receipt.session) {
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

    fn publish(
        &mut self,
        session: SessionId,
        request: RequestId,
        publication: Publication,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        let stream = publication.stream;
        if !self.members.contains_key(&session) {
            return Err(Code::NOT_IN_ROOM);
        }
        //= MEDIA-012
        if let Some((_, admitted)) = &self.call {
            let own = admitted.iter().find(|who| who.session == session);
            if !own.is_some_and(|who| who.consents_to(publication.kind)) {
                return Err(Code::NOT_CONSENTED);
            }
        }
        if self.streams.contains_key(&(session, stream)) {
            return Err(Code::STREAM_EXISTS);
        }
        if self.streams.keys().filter(|(by, _)| *by == session).count() >= limits::MAX_STREAMS {
            return Err(Code::TOO_MANY);
        }
        //= MEDIA-037
        if self.streams.len() >= limits::MAX_ROOM_STREAMS {
            return Err(Code::STREAMS_FULL);
        }
        let letter = Letter::OpenIn {
            request,
            stream: self.key(stream),
            audio: publication.kind == Kind::Audio,
            useful_ms: publication.useful_ms,
            max_bitrate: publication.max_bitrate,
        };
        out.send(self.me(), Owner::Relay(session), letter);
        self.tell_others(
            session,
            &publication.frame(self.id, session, State::Open),
            out,
        );
        self.streams.insert((session, stream), publication);
        Ok(())
    }

    fn unpublish(&mut self, session: SessionId, stream: StreamNumber, out: &mut Outbox) -> bool {
        let Some(publication) = self.streams.remove(&(session, stream)) else {
            return false;
        };
        self.tell_others(
            session,
            &publication.frame(self.id, session, State::Closed),
            out,
        );
        let (me, subscriptions) = (self.me(), core::mem::take(&mut self.subscriptions));
        for (subscriber, publisher, number) in subscriptions {
            if (publisher, number) == (session, stream) {
                out.send(
                    me,
                    Owner::Relay(subscriber),
                    Letter::CloseOut {
                        publisher,
                        stream: self.key(stream),
                    },
                );
            } else {
                self.subscriptions.insert((subscriber, publisher, number));
            }
        }
        out.send(
            me,
            Owner::Relay(session),
            Letter::CloseIn {
                stream: self.key(stream),
            },
        );
        true
    }

    fn subscribe(
        &mut self,
        session: SessionId,
        request: RequestId,
        publisher: SessionId,
        stream: StreamNumber,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        if !self.members.contains_key(&session) {
            return Err(Code::NOT_IN_ROOM);
        }
        if publisher == session || !self.streams.contains_key(&(publisher, stream)) {
            return Err(Code::NO_SUCH_STREAM);
        }
        if self
            .subscriptions
            .iter()
            .filter(|(who, ..)| *who == session)
            .count()
            >= limits::MAX_SUBSCRIPTIONS
        {
            return Err(Code::TOO_MANY);
        }
        if !self.subscriptions.insert((session, publisher, stream)) {
            return Err(Code::STREAM_EXISTS);
        }
        let letter = Letter::OpenOut {
            request,
            publisher,
            stream: self.key(stream),
        };
        out.send(self.me(), Owner::Relay(session), letter);
        Ok(())
    }
}
