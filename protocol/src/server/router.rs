//! Delivers envelopes until none is left.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::call::server::Surroundings;
use crate::code::Code;
use crate::id::{CallId, RoomId};
use crate::io::Output;
use crate::limits;
use crate::message::Wire;
use crate::people::server::Surroundings as PeopleSurroundings;
use crate::room::server::Surroundings as RoomSurroundings;
use crate::session::server::Onward;

use super::delivery;
use super::envelope::{Envelope, Letter, Owner};
use super::timers::Key;
use super::{Asker, Event, Server};

/// What an empty queue keeps of its capacity.
const KEPT: usize = 1_024;

/// Gives back what a queue grew to in a moment in which much happened.
pub(super) fn give_back<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > KEPT {
        *queue = VecDeque::new();
    }
}

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
        give_back(&mut self.outbox.envelopes);
        give_back(&mut self.writes);
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
                let policy = self.config.duplicates;
                delivery::to_user(&mut self.users, policy, from, id, letter, &mut cx);
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
            Owner::Session(_) | Owner::Relay(_) => {
                delivery::bounce(from, to, letter, &mut self.outbox)
            }
        }
    }

    fn deliver_to_room(&mut self, from: Owner, id: RoomId, letter: Letter) {
        let mut cx = RoomSurroundings {
            now: self.now,
            random: &mut self.random,
            out: &mut self.outbox,
        };
        delivery::to_room(&mut self.rooms, from, id, letter, &mut cx);
        self.refresh_room(id);
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
        let (calls, ended) = (&mut self.calls, &self.remembered_ids);
        if delivery::to_call(calls, ended, id, letter, &mut cx) {
            self.event(Event::CallBegan { call: id });
        }
        self.refresh_call(id);
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
