//! What applications were told, in the words of the model.

use duet_protocol::client::{Event, MemberInfo};
use duet_protocol::code::Code;
use duet_protocol::id::{RoomId, SessionId, StreamNumber, UserId};
use duet_protocol::message::Media;
use duet_protocol::message::directory::Availability;
use duet_protocol::message::room::{Change as CoreChange, Options, Presence, Role};
use duet_protocol::server;
use duet_protocol::time::Instant;
use duet_protocol::wire::Address as CoreAddress;

use super::{Play, Screen};
use crate::reference::op::{Device, Mood, NAMES, Name, Op, Person, Run};
use crate::reference::seen::{Address, Change, Channel, Member, Room, Seen, Tag};

impl Play {
    /// Takes what the applications were told since the last time.
    pub(super) fn look(&mut self, number: usize) -> Result<(), String> {
        let mut events: Vec<(Instant, Device, Event)> = Vec::new();
        for device in Device::all() {
            let own = core::mem::take(&mut self.net.client_mut(device.0).events);
            events.extend(own.into_iter().map(|(at, event)| (at, device, event)));
        }
        events.sort_by_key(|(at, ..)| *at);
        for (at, device, event) in events {
            let shown = format!("step {number}, at {at:?}, {device:?}: {event:?}");
            self.take(device, event)
                .ok_or_else(|| format!("{shown}: of something unknown"))?;
        }
        let violation = |event: &server::Event| matches!(event, server::Event::Violation { .. });
        let events = core::mem::take(&mut self.net.server_mut().events);
        match events.iter().find(|(_, event)| violation(event)) {
            Some((_, event)) => Err(format!("step {number}: the server saw {event:?}")),
            None => Ok(()),
        }
    }

    /// A room that is told of, with the name by which it is known.
    fn hear_of(&mut self, room: RoomId, name: Option<Name>) -> Option<Room> {
        if let Some(known) = self.rooms.get(&room) {
            return Some(*known);
        }
        let name = name?;
        let before = self.rooms.values().filter(|known| known.0 == name).count();
        let room_of = (name, before as u32 + 1);
        self.rooms.insert(room, room_of);
        Some(room_of)
    }

    fn member(&self, info: &MemberInfo) -> Option<Member> {
        Some(Member {
            session: *self.sessions.get(&info.session)?,
            user: Person(info.user.0),
            suspended: info.presence == Presence::Suspended,
            moderator: info.role == Role::Moderator,
        })
    }

    pub(super) fn screen(&mut self, device: Device) -> &mut Screen {
        self.screens.entry(device).or_default()
    }

    /// What an event says, in the words of the model; none where it is of something that nobody was told of.
    fn take(&mut self, device: Device, event: Event) -> Option<()> {
        let asked = |play: &Self, request| play.requests.get(&(device, request)).copied();
        let name_of = |op: Op| match op {
            Op::Create { name, .. } | Op::Join { name, .. } | Op::Grant { name, .. } => Some(name),
            _ => None,
        };
        let request = |asked: Option<(Tag, Op)>| match asked {
            Some((tag, _)) => Channel::Request(tag),
            None => Channel::OwnRequests,
        };
        let (channel, seen) = match event {
            Event::LoggedIn { session, .. } => {
                let before = self
                    .sessions
                    .values()
                    .filter(|known| known.0 == device)
                    .count();
                let known = (device, before as u32 + 1);
                self.sessions.insert(session, known);
                *self.screen(device) = Screen::default();
                (Channel::Session, Seen::LoggedIn(known))
            }
            Event::Suspended => (Channel::Session, Seen::Suspended),
            Event::Resumed => (Channel::Session, Seen::Resumed),
            Event::LoggedOut { reason, returning } => {
                *self.screen(device) = Screen::default();
                let code = reason.code;
                (Channel::Session, Seen::LoggedOut { code, returning })
            }
            Event::Answer {
                request: id,
                code,
                number,
            } => {
                let known = asked(self, id);
                let unheard = [
                    Code::DELIVERED,
                    Code::NOT_IN_ROOM,
                    Code::UNDETERMINED,
                    Code::NO_SUCH_STREAM,
                    // Of what is planted.
                    Code::NOT_MODERATOR,
                    Code::NOT_BANNED,
                    Code::UNREACHABLE,
                ];
                if known.is_none() && unheard.contains(&code) {
                    return Some(());
                }
                // Who was let in while it gave up is out now.
                if let Some(room) = known.and_then(|(tag, _)| self.leaves.remove(&tag)) {
                    self.screen(device).rooms.remove(&room);
                }
                (request(known), Seen::Answer(code, number))
            }
            Event::Found {
                request: id, user, ..
            } => (request(asked(self, id)), Seen::Found(Person(user.0))),
            Event::Presence {
                user,
                availability,
                text,
                ..
            } => {
                if Person(user.0) == device.owner() {
                    self.screen(device).own =
                        Some((mood(availability), text.parse().ok().map(Device)));
                }
                return Some(());
            }
            Event::Created { request: id, room } => {
                let known = asked(self, id);
                let room = self.hear_of(room, known.and_then(|(_, op)| name_of(op)))?;
                (request(known), Seen::Created(room))
            }
            Event::Waiting { request: id, room } => {
                let known = asked(self, id);
                let room = self.hear_of(room, known.and_then(|(_, op)| name_of(op)))?;
                (request(known), Seen::Waiting(room))
            }
            Event::Granted {
                request: id,
                room,
                ticket,
                ..
            } => {
                let room = self.hear_of(room, None)?;
                self.tickets[room.0.0] = Some(ticket);
                (request(asked(self, id)), Seen::Granted(room))
            }
            Event::Joined {
                request: id,
                room,
                name,
                settings,
                members,
            } => {
                let name = NAMES.iter().position(|known| *known == name).map(Name);
                let room = self.hear_of(room, name)?;
                let members: Option<Vec<Member>> =
                    members.iter().map(|one| self.member(one)).collect();
                let mut members = members?;
                members.sort();
                self.screen(device).rooms.insert(room, members.clone());
                let request = asked(self, id).map(|(tag, _)| tag);
                let seen = Seen::Joined {
                    room,
                    request,
                    capacity: settings.capacity,
                    run: run_of(settings.options),
                    members,
                };
                (Channel::Room(room), seen)
            }
            Event::RoomSet { room, settings } => {
                let (capacity, run) = (settings.capacity, run_of(settings.options));
                (
                    Channel::Room(self.hear_of(room, None)?),
                    Seen::RoomSet { capacity, run },
                )
            }
            Event::Member {
                room,
                change,
                code,
                member,
            } => {
                let room = self.hear_of(room, None)?;
                let member = self.member(&member)?;
                let all = self.screen(device).rooms.entry(room).or_default();
                all.retain(|one| one.session != member.session);
                if change != CoreChange::Leave {
                    all.push(member.clone());
                    all.sort();
                }
                let change = match change {
                    CoreChange::Join => Change::Join,
                    CoreChange::Leave => Change::Leave(code),
                    CoreChange::Suspend => Change::Suspend,
                    CoreChange::Resume => Change::Resume,
                    CoreChange::Update => Change::Update,
                };
                (Channel::Room(room), Seen::Member { change, member })
            }
            Event::Knock {
                room,
                session,
                user,
                waiting,
                ..
            } => {
                let (session, user) = (*self.sessions.get(&session)?, Person(user.0));
                let seen = Seen::Knock {
                    session,
                    user,
                    waiting,
                };
                (Channel::Room(self.hear_of(room, None)?), seen)
            }
            Event::Left { room, code } => {
                let room = self.hear_of(room, None)?;
                self.screen(device).rooms.remove(&room);
                (Channel::Room(room), Seen::Left(code))
            }
            Event::Text {
                to,
                user,
                session,
                number,
                text,
                ..
            } => self.message(to, user, session, number, &text)?,
            Event::Data {
                to,
                user,
                session,
                number,
                data,
                ..
            } => {
                let text = String::from_utf8(data.to_vec()).ok()?;
                self.message(to, user, session, number, &text)?
            }
            Event::Incoming {
                call, peer, media, ..
            } => {
                self.offered.insert(call, media);
                let (peer, pictures) = (Person(peer.0), media.has(Media::CALLER_VIDEO));
                (
                    Channel::Call(*self.calls.get(&call)?),
                    Seen::Incoming { peer, pictures },
                )
            }
            Event::Ringing { call } => (Channel::Call(*self.calls.get(&call)?), Seen::Ringing),
            Event::Started { call, peer, media } => {
                let pictures = (
                    media.has(Media::CALLER_VIDEO),
                    media.has(Media::CALLEE_VIDEO),
                );
                let peer = Person(peer.0);
                (
                    Channel::Call(*self.calls.get(&call)?),
                    Seen::Started { peer, pictures },
                )
            }
            Event::Ended {
                call,
                reason,
                existing,
            } => {
                let glare = match existing {
                    Some(call) => Some(*self.calls.get(&call)?),
                    None => None,
                };
                let (code, by) = (reason.code, reason.by);
                (
                    Channel::Call(*self.calls.get(&call)?),
                    Seen::Ended { code, by, glare },
                )
            }
            Event::StreamOpened {
                room,
                session,
                description,
            } => return self.stream(device, room, session, description.stream, true),
            Event::StreamClosed {
                room,
                session,
                stream,
            } => return self.stream(device, room, session, stream, false),
            // Lists are looked at as they are; packets are another test's.
            Event::Contacts { .. }
            | Event::Contact { .. }
            | Event::Wanted { .. }
            | Event::MediaLink { .. } => return Some(()),
            _ => return None,
        };
        self.say(device, channel, seen);
        Some(())
    }

    fn message(
        &self,
        to: CoreAddress,
        user: UserId,
        session: SessionId,
        number: u64,
        text: &str,
    ) -> Option<(Channel, Seen)> {
        let to = match to {
            CoreAddress::User(user) => Address::Person(Person(user.0)),
            CoreAddress::Session(session) => Address::Session(*self.sessions.get(&session)?),
            CoreAddress::Room(room) => Address::Room(*self.rooms.get(&room)?),
            CoreAddress::Service => return None,
        };
        let seen = Seen::Message {
            from: *self.sessions.get(&session)?,
            user: Person(user.0),
            number,
            body: *self.bodies.get(text)?,
        };
        Some((Channel::Talk(to), seen))
    }

    fn stream(
        &mut self,
        device: Device,
        room: RoomId,
        session: SessionId,
        stream: StreamNumber,
        open: bool,
    ) -> Option<()> {
        let (of, stream) = (*self.sessions.get(&session)?, stream.0);
        let seen = Seen::Stream { of, stream, open };
        match self.rooms.get(&room).copied() {
            // Of a room that it has just left.
            Some(room) if !self.screen(device).rooms.contains_key(&room) => {}
            Some(room) => self.say(device, Channel::Streams(room), seen),
            // What ends with the call needs no word of its own.
            None if open => self.say(device, Channel::CallStreams, seen),
            None => {}
        }
        Some(())
    }
}

pub(super) const fn mood(availability: Availability) -> Mood {
    match availability {
        Availability::Offline => Mood::Offline,
        Availability::DoNotDisturb => Mood::Busy,
        Availability::Away => Mood::Away,
        Availability::Online => Mood::Online,
    }
}

fn run_of(options: Options) -> Run {
    Run {
        lobby: options.has(Options::LOBBY),
        locked: options.has(Options::LOCKED),
    }
}
