//! A client as its application has it before it: what it knows, and what its core refuses or does by itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use duet_protocol::code::Code;
use duet_protocol::error::Initiator;

use super::World;
use super::rooms::Secret;
use crate::reference::op::{Device, Key, Mood, Name, Op, Person, To};
use crate::reference::seen::{Address, Call, Channel, Room, Seen, Session, Tag};

/// Rooms that a session may be in, or about to enter.
const ROOMS: usize = 4;

/// What a device knows and wants: what its core was told, and what its application has asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// Whether it wants to be logged in.
    pub(super) wants: bool,
    /// Whether links to it can be made.
    pub(super) cut: bool,
    /// Its session, as far as it knows.
    pub(super) session: Option<Session>,
    /// How many sessions it has had.
    pub(super) sessions: u32,
    /// What it shows of itself in each session.
    pub(super) mood: Option<Mood>,
    /// Rooms that it is in, as far as it knows, and how it asked for them.
    pub(super) rooms: BTreeMap<Room, Wish>,
    /// Rooms that it waits to be let into, and the request that waits.
    pub(super) waiting: BTreeMap<Room, Asked>,
    /// JOINs that are not answered.
    pub(super) joins: BTreeMap<Asked, Wish>,
    /// LEAVEs that are not answered.
    pub(super) leaves: BTreeMap<Asked, Room>,
    /// Requests that are not answered.
    pub(super) unanswered: BTreeSet<Tag>,
    pub(super) call: Option<Held>,
    /// A call of its own that crosses this one.
    pub(super) crossed: Option<Call>,
    pub(super) given_up: BTreeSet<Call>,
    pub(super) calls: u32,
    /// Streams of others.
    pub(super) streams: BTreeSet<(Room, Session, u8)>,
    /// Its own.
    pub(super) published: BTreeMap<u8, Room>,
    pub(super) publishing: BTreeMap<Tag, (u8, Room)>,
    /// What it has asked for while it has no link.
    pub(super) outbox: VecDeque<Request>,
    /// Which rooms are asked for among that, each once: of two JOINs at once each may be looked at before the other.
    pub(super) kept_back: BTreeSet<Name>,
    /// How many requests the core has made by itself.
    pub(super) own: u32,
}

/// Who asked: the application by an operation, or the core by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    By(Tag),
    Itself(u32),
}

/// How a room was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) name: Name,
    /// By its id.
    pub(super) room: Option<Room>,
    pub(super) secret: Secret,
}

/// A call as a client has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) call: Call,
    pub(super) phase: Ringing,
}

/// START for a call that was given up: the other side has to be told again.
pub(super) struct GivenUp;

/// What a session is told, and in answer to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) channel: Channel,
    pub(super) asked: Option<Asked>,
    pub(super) seen: Seen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ringing {
    Calling,
    Incoming,
    Accepting,
    Started,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) device: Device,
    pub(super) session: Session,
    pub(super) asked: Asked,
    pub(super) ask: Ask,
}

impl Request {
    pub(super) fn takes_a_detour(&self) -> bool {
        match &self.ask {
            Ask::Join(wish) => wish.room.is_none(),
            Ask::Room(op, _) => matches!(op, Op::Create { .. } | Op::Subscribe { .. }),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Op(Op),
    Join(Wish),
    Leave(Room),
    /// What is asked of a room.
    Room(Op, Meant),
    Write(Address, bool),
    Show(Mood),
    Invite(Call, Person, bool),
    Rings(Call),
    Accept(Call, bool),
    Reject(Call),
    Cancel(Call),
    End(Call),
}

/// What an operation on a room meant when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meant {
    pub(super) room: Room,
    pub(super) secret: Secret,
    pub(super) session: Session,
}

impl Client {
    /// It is in this room no longer.
    pub(super) fn forget(&mut self, room: Room) {
        self.rooms.remove(&room);
        self.streams.retain(|(within, ..)| *within != room);
        self.published.retain(|_, within| *within != room);
    }

    pub(super) fn answered(&mut self, asked: Asked, seen: &Seen) {
        if let Seen::Waiting(room) = seen {
            self.waiting.insert(*room, asked);
            return;
        }
        if let Asked::By(tag) = asked {
            self.unanswered.remove(&tag);
            if let (Some((stream, room)), Seen::Answer(Code::DELIVERED, _)) =
                (self.publishing.remove(&tag), seen)
            {
                self.published.insert(stream, room);
            }
        }
        self.waiting.retain(|_, waits| *waits != asked);
        let wish = self.joins.remove(&asked);
        if let (Seen::Joined { room, .. }, Some(wish)) = (seen, wish) {
            self.rooms.insert(*room, wish);
        }
        if let Some(room) = self.leaves.remove(&asked) {
            // It may have been let in while it gave up.
            self.forget(room);
        }
    }

    pub(super) fn hears_of_room(&mut self, room: Room, seen: &Seen) -> bool {
        let is_in = self.rooms.contains_key(&room);
        if let Seen::Left(_) = seen {
            self.forget(room);
        }
        is_in
    }

    pub(super) fn hears_of_stream(&mut self, room: Room, seen: &Seen) -> bool {
        if let Seen::Stream { of, stream, open } = *seen
            && self.rooms.contains_key(&room)
        {
            match open {
                true => self.streams.insert((room, of, stream)),
                false => self.streams.remove(&(room, of, stream)),
            };
            return true;
        }
        false
    }

    pub(super) fn hears_of_call(&mut self, call: Call, seen: &Seen) -> Result<bool, GivenUp> {
        let own = self.call.filter(|held| held.call == call);
        match seen {
            Seen::Incoming { .. } => {
                // A call of its own that crosses this one is about to be refused.
                self.crossed = self.call.map(|held| held.call);
                let phase = Ringing::Incoming;
                self.call = Some(Held { call, phase });
                Ok(true)
            }
            Seen::Started { .. } if self.given_up.contains(&call) => Err(GivenUp),
            Seen::Started { .. } => {
                let phase = Ringing::Started;
                self.call = own.map(|_| Held { call, phase }).or(self.call);
                Ok(own.is_some())
            }
            Seen::Ended { .. } if own.is_some() => {
                self.call = None;
                Ok(true)
            }
            Seen::Ended { .. } => Ok(self.crossed.take_if(|crossed| *crossed == call).is_some()),
            _ => Ok(own.is_some() || self.crossed == Some(call)),
        }
    }
}

impl World {
    /// What a client with a session sends for an operation; none where its core refuses.
    pub(super) fn ask(&mut self, device: Device, op: Op, tag: Tag) -> Option<Ask> {
        // Numbered 0, it is none.
        let heard = |world: &Self, name: Name| (name, world.heard[name.0]);
        let last = |world: &Self, device: Device| (device, world.clients[device.0].sessions);
        let mut meant = Meant {
            room: (Name(0), 0),
            secret: Secret::None,
            session: (device, 0),
        };
        let session = self.clients[device.0].session;
        match op {
            Op::Call { whom, pictures, .. } => {
                let client = self.client(device);
                session?;
                if client.call.is_some() {
                    return None;
                }
                client.calls += 1;
                let call = (device, client.calls);
                client.call = Some(Held {
                    call,
                    phase: Ringing::Calling,
                });
                Some(Ask::Invite(call, whom, pictures))
            }
            Op::Accept { pictures, .. } => {
                let held = self.client(device).call.as_mut()?;
                if held.phase != Ringing::Incoming {
                    return None;
                }
                held.phase = Ringing::Accepting;
                Some(Ask::Accept(held.call, pictures))
            }
            Op::HangUp(_) => {
                let held = self.client(device).call?;
                let (call, code, ask) = match held.phase {
                    Ringing::Incoming => (held.call, Code::REJECTED, Ask::Reject(held.call)),
                    Ringing::Calling => (held.call, Code::CANCELLED, Ask::Cancel(held.call)),
                    _ => (held.call, Code::HANGUP, Ask::End(held.call)),
                };
                let client = self.client(device);
                client.call = None;
                client.given_up.insert(call);
                let (by, glare) = (Initiator::Local, None);
                self.say(device, Channel::Call(call), Seen::Ended { code, by, glare });
                Some(ask)
            }
            Op::Leave { name, .. } => {
                let room = heard(self, name);
                let client = self.client(device);
                let (inside, waits) = (
                    client.rooms.remove(&room),
                    client.waiting.contains_key(&room),
                );
                if inside.is_none() && !waits {
                    return None;
                }
                client.forget(room);
                session?;
                client.leaves.insert(Asked::By(tag), room);
                Some(Ask::Leave(room))
            }
            _ if session.is_none() => None,
            Op::Join {
                name, key, by_name, ..
            } => {
                let room = (!by_name).then(|| heard(self, name));
                let secret = self.secret(key, name);
                let client = self.client(device);
                if client.rooms.len() + client.joins.len() >= ROOMS {
                    return None;
                }
                if client.cut {
                    client.kept_back.insert(name);
                }
                let wish = Wish { name, room, secret };
                self.client(device)
                    .joins
                    .insert(Asked::By(tag), wish.clone());
                Some(Ask::Join(wish))
            }
            Op::Write { to, data, .. } => {
                let to = match to {
                    To::Person(person) => Address::Person(person),
                    To::Device(device) => Address::Session(last(self, device)),
                    To::Room(name) => Address::Room(heard(self, name)),
                };
                Some(Ask::Write(to, data))
            }
            Op::Publish { name, stream, .. } => {
                meant.room = heard(self, name);
                let client = self.client(device);
                if !client.rooms.contains_key(&meant.room) || client.published.contains_key(&stream)
                {
                    return None;
                }
                client.publishing.insert(tag, (stream, meant.room));
                Some(Ask::Room(op, meant))
            }
            Op::Unpublish { name, stream, .. } => {
                self.client(device).published.remove(&stream)?;
                meant.room = heard(self, name);
                Some(Ask::Room(op, meant))
            }
            Op::Subscribe {
                name,
                whose,
                stream,
                ..
            } => {
                (meant.room, meant.session) = (heard(self, name), last(self, whose));
                let mut streams = self.clients[device.0].streams.iter();
                let known =
                    streams.any(|(_, by, number)| (*by, *number) == (meant.session, stream));
                known.then_some(Ask::Room(op, meant))
            }
            Op::Unsubscribe { name, whose, .. }
            | Op::Admit {
                name, whom: whose, ..
            } => {
                (meant.room, meant.session) = (heard(self, name), last(self, whose));
                Some(Ask::Room(op, meant))
            }
            Op::Create { name, key, .. } => {
                meant.secret = self.secret(key, name);
                Some(Ask::Room(op, meant))
            }
            Op::Set { name, key, .. } => {
                (meant.room, meant.secret) = (
                    heard(self, name),
                    self.secret(key.unwrap_or(Key::Nothing), name),
                );
                Some(Ask::Room(op, meant))
            }
            Op::Appoint { name, .. }
            | Op::Kick { name, .. }
            | Op::Unban { name, .. }
            | Op::Close { name, .. }
            | Op::Grant { name, .. } => {
                meant.room = heard(self, name);
                Some(Ask::Room(op, meant))
            }
            Op::Show { mood, .. } => Some(Ask::Show(mood)),
            _ => Some(Ask::Op(op)),
        }
    }

    pub(super) fn secret(&self, key: Key, name: Name) -> Secret {
        match key {
            Key::Nothing => Secret::None,
            Key::Word => Secret::Word,
            Key::Ticket => self.tickets[name.0].map_or(Secret::None, Secret::Ticket),
        }
    }
}
