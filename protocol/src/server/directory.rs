//! Names: of users that are online, and of rooms.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{RequestId, RoomId, SessionId, UserId};
use crate::limits;
use crate::message::Wire;
use crate::message::directory::{Found, Relation};
use crate::people::DirectoryPolicy;
use crate::seed::Random;
use crate::service::{Contact, Decision, DecisionId, Question};
use crate::wire::{Params, Text};

use super::Config;
use super::envelope::{Letter, Outbox, Owner, Seek};

/// Who is called what.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    users: BTreeMap<String, Vec<(SessionId, UserId)>>,
    rooms: BTreeMap<String, RoomId>,
    asked: BTreeMap<DecisionId, Asked>,
}

/// A LOOKUP that the service is asked about.
#[derive(Debug)]
struct Asked {
    to: Owner,
    request: RequestId,
    asker: UserId,
    /// Who is online by this name, and is not to be found by the asker.
    hidden: Option<UserId>,
}

impl Directory {
    pub(crate) fn receive(
        &mut self,
        from: Owner,
        letter: Letter,
        config: &Config,
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
            } => {
                let policy = config.directory;
                let online = self.users.get(&name).and_then(|named| named.first());
                match (from, online) {
                    //= DIR-004
                    _ if policy == DirectoryPolicy::Closed => {
                        outcome(from, request, Code::NOT_FOUND, out);
                    }
                    (Owner::Session(session), Some((_, found))) => {
                        let (asker, found) = (user, *found);
                        let seek = Seek {
                            session,
                            request,
                            asker,
                            name,
                            found,
                            policy,
                        };
                        out.send(Owner::Directory, Owner::User(found), Letter::Seek(seek));
                    }
                    _ => self.ask(from, request, user, name, None, out),
                }
            }
            // The service is asked as it is about a name that nobody bears, so that the time does not tell either.
            Letter::Hidden(seek) => {
                let (to, hidden) = (Owner::Session(seek.session), Some(seek.found));
                self.ask(to, seek.request, seek.asker, seek.name, hidden, out);
            }
            Letter::Decided { id, decision } => {
                if let Some(asked) = self.asked.remove(&id) {
                    asked.decided(decision, config.directory, out);
                }
            }
            Letter::Enter(entry) => {
                let room = match self.rooms.get(&entry.room_name) {
                    Some(room) => *room,
                    //= ROOM-010
                    None if !config.create_rooms || entry.room_name.is_empty() => {
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

impl Directory {
    fn ask(
        &mut self,
        to: Owner,
        request: RequestId,
        asker: UserId,
        name: String,
        hidden: Option<UserId>,
        out: &mut Outbox,
    ) {
        let user = asker;
        let id = out.ask(Owner::Directory, Question::Lookup { user, name });
        let asked = Asked {
            to,
            request,
            asker,
            hidden,
        };
        self.asked.insert(id, asked);
    }
}

impl Asked {
    fn decided(&self, decision: Decision, policy: DirectoryPolicy, out: &mut Outbox) {
        let (to, request) = (self.to, self.request);
        match decision {
            Decision::User {
                user,
                name,
                contacts,
            } if self.hidden != Some(user) && policy.finds(self.relation(&contacts)) => {
                let frame = found(request, user, &name);
                out.send(Owner::Directory, to, Letter::Answer { request, frame });
            }
            Decision::Deny(code @ Code::SERVICE_UNAVAILABLE) => outcome(to, request, code, out),
            //= DIR-005
            _ => outcome(to, request, Code::NOT_FOUND, out),
        }
    }

    /// What the asker is to the one whose list this is.
    fn relation(&self, contacts: &[Contact]) -> Relation {
        contacts
            .iter()
            .find(|entry| entry.user == self.asker)
            .map_or(Relation::None, |entry| entry.relation)
    }
}

/// FOUND.
pub(crate) fn found(request: RequestId, user: UserId, name: &str) -> Bytes {
    //= DIR-002
    Found {
        request,
        user,
        name: Text::cut(name),
        params: Params::NONE,
    }
    .encode()
}

fn outcome(to: Owner, request: RequestId, code: Code, out: &mut Outbox) {
    out.send(Owner::Directory, to, Letter::Outcome { request, code });
}
