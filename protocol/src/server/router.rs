//! Delivers envelopes until none is left. What is addressed to a machine that is not there is answered for it.

use alloc::boxed::Box;

use crate::call::server::{Call, Surroundings, Verb, refused};
use crate::code::Code;
use crate::id::{CallId, RoomId};
use crate::io::Output;
use crate::limits;
use crate::message::Wire;
use crate::people::server::Surroundings as PeopleSurroundings;
use crate::room::server::{Room, Surroundings as RoomSurroundings};
use crate::service::mirror::Told;
use crate::session::server::Onward;
use crate::session::user::User;

use super::envelope::{Envelope, Letter, Owner};
use super::timers::Key;
use super::{Asker, Event, Server};

impl Server {
    /// Everything that follows from one input, within that input.
    pub(super) fn settle(&mut self) {
        loop {
            while let Some((id, owner, question)) = self.outbox.questions.pop_front() {
                self.ask(id, Asker::Machine(owner), question);
            }
            let Some(envelope) = self.outbox.envelopes.pop_front() else {
                break;
            };
            let to = self.placement.home(envelope.to);
            if to == self.placement.own() {
                self.deliver(envelope);
            } else {
                let envelope = Box::new(envelope);
                self.outputs.push_back(Output::Envelope { to, envelope });
            }
        }
        self.flush_writes();
    }

    fn deliver(&mut self, Envelope { from, to, letter }: Envelope) {
        match to {
            Owner::Session(id) if self.sessions.contains_key(&id) => {
                if let Letter::Remove { code, errand } = letter {
                    return self.end_by_service(id, code, errand);
                }
                self.with_session(id, |session, cx| {
                    session.receive(from, letter, cx);
                    Ok(Onward::Stay)
                });
            }
            Owner::Session(id) if self.arriving.contains_key(&id) => self.arrived(id, &letter),
            Owner::User(id) => {
                let mut cx = PeopleSurroundings {
                    now: self.now,
                    unix_micros: self.unix_epoch.saturating_add(self.now.as_micros()),
                    out: &mut self.outbox,
                };
                match self.users.get_mut(&id) {
                    Some(user) => {
                        user.receive(from, letter, &mut cx);
                        if user.is_over() {
                            self.users.remove(&id);
                        }
                    }
                    None if !matches!(letter, Letter::Detach { .. } | Letter::Release { .. }) => {
                        // Nobody of that id is online: an empty user answers as an offline one does.
                        let mut user = User::new(id, self.config.duplicates);
                        user.receive(from, letter, &mut cx);
                        if !user.is_over() {
                            self.users.insert(id, user);
                        }
                    }
                    None => {}
                }
            }
            Owner::Room(id) => self.deliver_to_room(from, id, letter),
            Owner::Call(id) => self.deliver_to_call(id, letter),
            Owner::Transfer(id) => self.deliver_to_transfer(id, letter),
            Owner::Relay(id) if self.relays.contains_key(&id) => {
                self.deliver_to_relay(from, id, letter)
            }
            Owner::Directory => {
                self.directory.receive(
                    from,
                    letter,
                    &self.config,
                    &mut self.random,
                    &mut self.outbox,
                );
            }
            Owner::Service => self.deliver_to_service(from, letter),
            Owner::Shard(_) => {
                if let Letter::Decided { id, decision } = letter {
                    self.decided(id, decision);
                }
            }
            Owner::Session(_) | Owner::Relay(_) => self.bounce(from, to, letter),
        }
    }

    /// Answers for a machine that is not there.
    pub(super) fn bounce(&mut self, from: Owner, to: Owner, letter: Letter) {
        let out = &mut self.outbox;
        match letter {
            Letter::Parcel { receipt, .. } => {
                let code = match to {
                    Owner::Room(_) => Code::NOT_IN_ROOM,
                    _ => Code::UNREACHABLE,
                };
                out.undeliverable(to, receipt, code);
            }
            Letter::ParcelFrame { receipt, .. } => {
                let letter = Letter::Receipted {
                    receipt,
                    code: Code::UNREACHABLE,
                };
                out.send(to, receipt.owner(), letter);
            }
            // The room went away while this was on its way; the directory has been told before, and opens another.
            Letter::Enter(entry) if !entry.room_name.is_empty() => {
                out.send(to, Owner::Directory, Letter::Enter(entry));
            }
            Letter::Order(order) => {
                //= ROOM-016
                let (request, code) = (order.by.request, Code::NOT_MODERATOR);
                let letter = Letter::Outcome { request, code };
                out.send(to, order.by.reply_to, letter);
            }
            Letter::Enter(entry) => {
                out.outcome(to, entry.session, entry.request, Code::NO_SUCH_ROOM);
            }
            Letter::Remove {
                errand: Some(errand),
                ..
            } => out.errand_done(to, errand, Code::NO_SUCH_SESSION),
            Letter::EndCall { errand, .. } => out.errand_done(to, errand, Code::NOT_IN_CALL),
            Letter::Leave {
                session,
                request: Some(request),
                ..
            }
            | Letter::Publish {
                session, request, ..
            }
            | Letter::Unpublish {
                session, request, ..
            }
            | Letter::Subscribe {
                session, request, ..
            }
            | Letter::Unsubscribe {
                session, request, ..
            } => {
                out.outcome(to, session, request, Code::NOT_IN_ROOM);
            }
            Letter::Forward { flow, request, .. } => {
                out.send(to, from, Letter::NotForwarding { flow, request });
            }
            // The session ended while it was being let in, or called.
            Letter::Entered { room } | Letter::Waiting { room, .. } => {
                if let Owner::Session(session) = to {
                    let (request, code) = (None, Code::SESSION_ENDED);
                    out.send(
                        to,
                        Owner::Room(room),
                        Letter::Leave {
                            session,
                            request,
                            code,
                        },
                    );
                }
            }
            Letter::CallOpen { call } | Letter::Invited { call, .. } => {
                if let Owner::Session(session) = to {
                    let code = Code::SESSION_ENDED;
                    out.send(to, Owner::Call(call), Letter::PartyOut { session, code });
                }
            }
            Letter::Transfer(letter) => super::transfers::bounce(to, letter, out),
            Letter::Reserved { user } => {
                if let Owner::Call(call) = to {
                    out.send(to, Owner::User(user), Letter::Release { call });
                }
            }
            _ => {}
        }
    }

    fn deliver_to_room(&mut self, from: Owner, id: RoomId, letter: Letter) {
        match letter {
            Letter::OpenRoom { creation, asker } => {
                let epoch = self.random.u64();
                let told = Told::RoomOpened {
                    room: id,
                    name: creation.name.clone(),
                };
                self.outbox.tell(Owner::Room(id), told);
                let room = Room::new(id, epoch, creation, self.now);
                self.rooms.entry(id).or_insert(room);
                //= ROOM-014
                if let Some(asker) = asker {
                    let (request, room) = (asker.request, id);
                    let letter = Letter::RoomCreated { request, room };
                    self.outbox.send(Owner::Room(id), asker.reply_to, letter);
                }
                self.refresh_room(id);
            }
            Letter::OpenForCall { call, admitted } => {
                let epoch = self.random.u64();
                let told = Told::RoomOpened {
                    room: id,
                    name: alloc::string::String::new(),
                };
                self.outbox.tell(Owner::Room(id), told);
                let room = Room::for_call(id, epoch, call, admitted, self.now);
                self.rooms.entry(id).or_insert(room);
                self.outbox
                    .send(Owner::Room(id), Owner::Call(call), Letter::RoomOpened);
            }
            letter => match self.rooms.get_mut(&id) {
                Some(room) => {
                    let mut cx = RoomSurroundings {
                        now: self.now,
                        random: &mut self.random,
                        out: &mut self.outbox,
                    };
                    room.receive(letter, &mut cx);
                    self.refresh_room(id);
                }
                None => self.bounce(from, Owner::Room(id), letter),
            },
        }
    }

    /// Notes a room's next deadline, or its end.
    pub(super) fn refresh_room(&mut self, id: RoomId) {
        let Some(room) = self.rooms.get(&id) else {
            return;
        };
        self.timers
            .set(Key::Owner(Owner::Room(id)), room.deadline());
        if room.is_over() {
            self.timers.set(Key::Owner(Owner::Room(id)), None);
            self.rooms.remove(&id);
        }
    }

    fn deliver_to_call(&mut self, id: CallId, letter: Letter) {
        let mut cx = Surroundings {
            now: self.now,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        match (self.calls.get_mut(&id), letter) {
            (Some(call), letter) => {
                call.receive(letter, &mut cx);
                self.refresh_call(id);
            }
            (None, Letter::Call(request)) => {
                let is_invite = matches!(request.verb, Verb::Invite { .. });
                //= CALL-014
                if is_invite && self.remembered_ids.contains(&id) {
                    let frame = refused(id, Code::ID_IN_USE, CallId::NONE);
                    return cx.out.frame(Owner::Call(id), request.session, frame);
                }
                if let Some(call) = Call::new(id, request, &mut cx) {
                    self.calls.insert(id, call);
                    self.event(Event::CallBegan { call: id });
                    self.refresh_call(id);
                }
            }
            (None, letter) => self.bounce(Owner::Directory, Owner::Call(id), letter),
        }
    }

    /// Notes a call's next deadline, or its end: then only its id is kept.
    pub(super) fn refresh_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let deadline = call.deadline();
        self.timers.set(
            Key::Owner(Owner::Call(id)),
            deadline.map(|deadline| deadline.at),
        );
        if let Some(code) = call.ended_with() {
            self.timers.set(Key::Owner(Owner::Call(id)), None);
            self.calls.remove(&id);
            if self.remembered.len() >= limits::MAX_REMEMBERED_CALLS {
                self.forget_oldest_call();
            }
            self.remembered
                .push_back((self.now.after(limits::REMEMBERED), id));
            self.remembered_ids.insert(id);
            self.event(Event::CallEnded { call: id, code });
        }
    }

    fn deliver_to_relay(&mut self, from: Owner, id: crate::id::SessionId, letter: Letter) {
        if let Letter::Ticket { scope, request } = letter {
            let (now, random) = (self.now, &mut self.random);
            let place = self.placement;
            let ticket = self.tickets.issue(id, scope, request, now, place, random);
            let frame = ticket.encode();
            let to = Owner::Session(id);
            return match request {
                Some(request) => self
                    .outbox
                    .send(from, to, Letter::Answer { request, frame }),
                None => self.outbox.send(from, to, Letter::Send { frame }),
            };
        }
        match letter {
            Letter::Packet { flow, payload } => return self.forward(id, flow, payload),
            Letter::Keyframe { stream } => return self.keyframe(id, stream),
            _ => {}
        }
        if let Letter::SessionOver = letter {
            self.tickets.forget(id);
            self.timers.set(Key::Owner(Owner::Relay(id)), None);
            if let Some(conn) = self.relays.remove(&id).and_then(|relay| relay.conn) {
                self.close(conn, Code::SESSION_ENDED);
            }
            return;
        }
        if let Some(relay) = self.relays.get_mut(&id) {
            relay.receive(from, letter, self.now, &mut self.outbox);
        }
        self.refresh_relay(id);
    }
}
