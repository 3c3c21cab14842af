//! Names: of users that are online, and of rooms.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::directory::Found;
use crate::seed::Random;
use crate::service::{Decision, DecisionId, Question};
use crate::wire::{Params, Text};

use super::envelope::{Letter, Outbox, Owner};

/// Who is called what.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    users: BTreeMap<String, Vec<(SessionId, UserId)>>,
    rooms: BTreeMap<String, RoomId>,
    asked: BTreeMap<DecisionId, (Owner, RequestId)>,
}

impl Directory {
    pub(crate) fn receive(
        &mut self,
        from: Owner,
        letter: Letter,
        create_rooms: bool,
        random: &mut Random,
        out: &mut Outbox,
    ) {
        match letter {
            Letter::Named {
                user,
                session,
                name,
            } => {
                self.users.entry(name).or_default().push((session, user));
            }
            Letter::Unnamed { session, .. } => self.users.retain(|_, sessions| {
                sessions.retain(|(other, _)| *other != session);
                !sessions.is_empty()
            }),
            Letter::Find {
                request,
                user,
                name,
            } => match self.users.get(&name).and_then(|s| s.first()) {
                Some((_, found)) => answer(from, request, *found, &name, out),
                None => {
                    let id = out.ask(Owner::Directory, Question::Lookup { user, name });
                    self.asked.insert(id, (from, request));
                }
            },
            Letter::Decided { id, decision } => {
                if let Some((to, request)) = self.asked.remove(&id) {
                    match decision {
                        Decision::User { user, name } => answer(to, request, user, &name, out),
                        Decision::Allow => outcome(to, request, Code::NOT_FOUND, out),
                        Decision::Deny(code) => outcome(to, request, code, out),
                    }
                }
            }
            Letter::Enter(entry) => {
                let room = match self.rooms.get(&entry.room_name) {
                    Some(room) => *room,
                    //= ROOM-010
                    None if !create_rooms || entry.room_name.is_empty() => {
                        return outcome(from, entry.request, Code::NO_SUCH_ROOM, out);
                    }
                    None if self.rooms.len() >= limits::MAX_SERVER_ROOMS => {
                        return outcome(from, entry.request, Code::TOO_MANY, out);
                    }
                    None => {
                        let room = RoomId(random.id());
                        self.rooms.insert(entry.room_name.clone(), room);
                        let secret = entry.secret.clone();
                        let name = entry.room_name.clone();
                        out.send(
                            Owner::Directory,
                            Owner::Room(room),
                            Letter::OpenRoom { name, secret },
                        );
                        room
                    }
                };
                out.send(Owner::Directory, Owner::Room(room), Letter::Enter(entry));
            }
            Letter::RoomGone { name, room } => {
                if self.rooms.get(&name) == Some(&room) {
                    self.rooms.remove(&name);
                }
            }
            _ => debug_assert!(false, "not for the directory: {letter:?}"),
        }
    }
}

fn answer(to: Owner, request: RequestId, user: UserId, name: &str, out: &mut Outbox) {
    //= DIR-002
    let found = Found {
        request,
        user,
        name: Text::cut(name),
        params: Params::NONE,
    };
    out.send(
        Owner::Directory,
        to,
        Letter::Answer {
            request,
            frame: found.encode(),
        },
    );
}

fn outcome(to: Owner, request: RequestId, code: Code, out: &mut Outbox) {
    out.send(Owner::Directory, to, Letter::Outcome { request, code });
}
