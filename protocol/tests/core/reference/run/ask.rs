//! An operation as a command to a client's core.

use duet_protocol::client::{Ban as CoreBan, Client, RoomChange};
use duet_protocol::error::UsageError;
use duet_protocol::id::{RequestId, SessionId, StreamNumber, UserId};
use duet_protocol::message::directory::{Availability, Relation as CoreRelation};
use duet_protocol::message::media::Kind;
use duet_protocol::message::room::{Options, Role};
use duet_protocol::time::Instant;
use duet_protocol::wire::Address as CoreAddress;
use std::time::Duration;

use super::{Play, described};
use crate::reference::op::{Ban, Device, Key, Mood, NAMES, Name, Op, Person, Relation, Run, To};
use crate::reference::seen::{Channel, Seen, Tag};

impl Play {
    /// Tells a core what its application wants.
    pub(super) fn ask(&mut self, tag: Tag, device: Device, op: Op) {
        let room = |name: Name| self.room(name);
        let user = |person: Person| UserId(person.0);
        let secret = |key: Key, name: Name| match key {
            Key::Nothing => Vec::new(),
            Key::Word => b"word".to_vec(),
            Key::Ticket => self.tickets[name.0].map(Vec::from).unwrap_or_default(),
        };
        let options = |run: Run| {
            [(run.lobby, Options::LOBBY), (run.locked, Options::LOCKED)]
                .into_iter()
                .filter(|(on, _)| *on)
                .fold(Options::NONE, |all, (_, one)| all.with(one))
        };
        type Command =
            Box<dyn FnOnce(&mut Client, Instant) -> Result<Option<RequestId>, UsageError>>;
        let some = |done: Result<RequestId, UsageError>| done.map(Some);
        let mut leaves = None;
        let command: Command = match op {
            Op::Write { to, data, .. } => {
                let body = format!("{}-{}", tag.0, tag.1);
                let to = match to {
                    To::Person(person) => CoreAddress::User(user(person)),
                    To::Device(device) => CoreAddress::Session(
                        self.last_session(device).unwrap_or(SessionId([9; 16])),
                    ),
                    To::Room(name) => CoreAddress::Room(room(name)),
                };
                self.bodies.insert(body.clone(), (tag, data));
                match data {
                    true => Box::new(move |core, now| some(core.data(now, to, body.as_bytes()))),
                    false => Box::new(move |core, now| some(core.text(now, to, &body))),
                }
            }
            Op::List { whom, relation, .. } => {
                let relation = match relation {
                    Relation::None => CoreRelation::None,
                    Relation::Contact => CoreRelation::Contact,
                    Relation::Blocked => CoreRelation::Blocked,
                };
                let whom = user(whom);
                Box::new(move |core, now| some(core.set_contact(now, whom, relation, "")))
            }
            Op::Show { by, mood } => {
                let availability = match mood {
                    Mood::Offline => Availability::Offline,
                    Mood::Busy => Availability::DoNotDisturb,
                    Mood::Away => Availability::Away,
                    Mood::Online => Availability::Online,
                };
                Box::new(move |core, now| core.set_presence(now, availability, &by.0.to_string()))
            }
            Op::LookUp { whom, .. } => {
                Box::new(move |core, now| some(core.lookup(now, whom.name())))
            }
            Op::Create {
                name,
                key,
                capacity,
                run,
                ..
            } => {
                let (secret, options) = (secret(key, name), options(run));
                Box::new(move |core, now| {
                    some(core.create(now, NAMES[name.0], &secret, capacity, options))
                })
            }
            Op::Join {
                name, key, by_name, ..
            } => {
                let (room, secret) = (room(name), secret(key, name));
                match by_name {
                    true => Box::new(move |core, now| some(core.join(now, NAMES[name.0], &secret))),
                    false => Box::new(move |core, now| some(core.join_room(now, room, &secret))),
                }
            }
            Op::Leave { name, .. } => {
                let room = room(name);
                leaves = self.rooms.get(&room).copied();
                Box::new(move |core, now| some(core.leave(now, room)))
            }
            Op::Set {
                name,
                key,
                capacity,
                run,
                ..
            } => {
                let (room, secret) = (room(name), key.map(|key| secret(key, name)));
                let options = run.map(options);
                Box::new(move |core, now| {
                    let secret = secret.as_deref();
                    let change = RoomChange {
                        secret,
                        capacity,
                        options,
                    };
                    some(core.set_room(now, room, change))
                })
            }
            Op::Admit {
                name, whom, yes, ..
            } => {
                let room = room(name);
                let session = self.last_session(whom).unwrap_or(SessionId([9; 16]));
                Box::new(move |core, now| some(core.admit(now, room, session, yes)))
            }
            Op::Appoint {
                name,
                whom,
                moderator,
                ..
            } => {
                let role = if moderator {
                    Role::Moderator
                } else {
                    Role::Member
                };
                let (room, whom) = (room(name), user(whom));
                Box::new(move |core, now| some(core.moderate(now, room, whom, role)))
            }
            Op::Kick {
                name, whom, ban, ..
            } => {
                let ban = match ban {
                    Ban::No => CoreBan::No,
                    Ban::TenSeconds => CoreBan::For(Duration::from_secs(10)),
                    Ban::ForLife => CoreBan::ForLife,
                };
                let (room, whom) = (room(name), user(whom));
                Box::new(move |core, now| some(core.kick(now, room, whom, ban)))
            }
            Op::Unban { name, whom, .. } => {
                let (room, whom) = (room(name), user(whom));
                Box::new(move |core, now| some(core.unban(now, room, whom)))
            }
            Op::Close { name, .. } => {
                let room = room(name);
                Box::new(move |core, now| some(core.close_room(now, room)))
            }
            Op::Grant { name, whom, .. } => {
                let (room, whom) = (room(name), user(whom));
                Box::new(move |core, now| some(core.grant(now, room, whom)))
            }
            Op::Publish { name, stream, .. } => {
                let room = room(name);
                Box::new(move |core, now| {
                    some(core.publish(now, room, described(stream, Kind::Audio)))
                })
            }
            Op::Unpublish { name, stream, .. } => {
                let room = room(name);
                Box::new(move |core, now| some(core.unpublish(now, room, StreamNumber(stream))))
            }
            Op::Subscribe {
                name,
                whose,
                stream,
                ..
            } => {
                let room = room(name);
                let session = self.last_session(whose).unwrap_or(SessionId([9; 16]));
                Box::new(move |core, now| {
                    some(core.subscribe(now, room, session, StreamNumber(stream)))
                })
            }
            Op::Unsubscribe {
                name,
                whose,
                stream,
                ..
            } => {
                let room = room(name);
                let session = self.last_session(whose).unwrap_or(SessionId([9; 16]));
                Box::new(move |core, now| {
                    some(core.unsubscribe(now, room, session, StreamNumber(stream)))
                })
            }
            op => unreachable!("{op:?} is no request"),
        };
        match self.net.command(device.0, command) {
            Ok(Some(request)) => {
                // Of what is planted, only the first is known.
                let asked = self.requests.values().any(|(known, _)| *known == tag);
                if !asked {
                    self.requests.insert((device, request), (tag, op));
                }
                if let (Op::Join { name, .. }, true) = (op, self.cut.contains(&device)) {
                    self.kept_back.insert((device, name));
                }
                if let Some(room) = leaves {
                    self.leaves.insert(tag, room);
                    self.screens
                        .get_mut(&device)
                        .expect("a screen")
                        .rooms
                        .remove(&room);
                }
            }
            Ok(None) => {}
            Err(_) => {
                let seen = self
                    .told
                    .entry((device, Channel::Request(tag)))
                    .or_default();
                if seen.is_empty() {
                    seen.push(Seen::Misuse);
                }
            }
        }
    }
}
