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
use crate::message::room::Options;
use crate::people::DirectoryPolicy;
use crate::room::server::{Asker, Creation, Entry, Governed};
use crate::seed::Random;
use crate::service::{Contact, Decision, DecisionId, Question};
use crate::wire::{Params, Text};

use super::Config;
use super::config::Rooms;
use super::envelope::{Letter, Outbox, Owner, Seek};

/// Who is called what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Directory {
    users: BTreeMap<String, Vec<(SessionId, UserId)>>,
    /// Rooms that have a name.
    named: BTreeMap<String, RoomId>,
    /// Rooms that are no call's, and who created them, where somebody did.
    rooms: BTreeMap<RoomId, Option<UserId>>,
    /// How many of them each user created.
    created: BTreeMap<UserId, usize>,
    asked: BTreeMap<DecisionId, Asked>,
}

/// A LOOKUP that the service is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
            Letter::Absent(seek) => {
                let to = Owner::Session(seek.session);
                self.ask(to, seek.request, seek.asker, seek.name, None, out);
            }
            Letter::Decided { id, decision } => {
                if let Some(asked) = self.asked.remove(&id) {
                    asked.decided(decision, config.directory, out);
                }
            }
            Letter::Enter(entry) => self.enter(entry, config.rooms, random, out),
            Letter::Create { asker, creation } => {
                if let Err(code) = self.create(asker, creation, config.rooms, random, out) {
                    outcome(asker.reply_to, asker.request, code, out);
                }
            }
            Letter::RoomGone { name, room } => {
                if self.named.get(&name) == Some(&room) {
                    self.named.remove(&name);
                }
                if let Some(Some(creator)) = self.rooms.remove(&room)
                    && let Some(count) = self.created.get_mut(&creator)
                {
                    *count = count.saturating_sub(1);
                    self.created.retain(|_, count| *count > 0);
                }
            }
            _ => debug_assert!(false, "not for the directory: {letter:?}"),
        }
    }
}

#[cfg(test)]
impl Directory {
    /// The names of rooms, for an explorer.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&String, RoomId)> {
        self.named.iter().map(|(name, room)| (name, *room))
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

impl Directory {
    /// Brings one who asks for a room by name to it.
    fn enter(&mut self, entry: Entry, policy: Rooms, random: &mut Random, out: &mut Outbox) {
        let refused = match self.named.get(&entry.room_name) {
            Some(room) => {
                return out.send(Owner::Directory, Owner::Room(*room), Letter::Enter(entry));
            }
            //= ROOM-010
            None if policy != Rooms::OnJoin || entry.room_name.is_empty() => Code::NO_SUCH_ROOM,
            None if self.rooms.len() >= limits::MAX_SERVER_ROOMS => Code::TOO_MANY,
            None => {
                let creation = Creation {
                    name: entry.room_name.clone(),
                    secret: entry.secret.clone(),
                    capacity: limits::MAX_MEMBERS,
                    options: Options::NONE,
                    governed: Governed::ByFirst,
                };
                let room = self.open(None, creation, None, random, out);
                return out.send(Owner::Directory, room, Letter::Enter(entry));
            }
        };
        outcome(Owner::Session(entry.session), entry.request, refused, out);
    }

    /// Creates a room, if that may be.
    fn create(
        &mut self,
        asker: Asker,
        creation: Creation,
        policy: Rooms,
        random: &mut Random,
        out: &mut Outbox,
    ) -> Result<(), Code> {
        //= ROOM-014
        if policy == Rooms::Service && asker.user.is_some() {
            return Err(Code::CREATION_DENIED);
        }
        if self.named.contains_key(&creation.name) {
            return Err(Code::NAME_TAKEN);
        }
        let own = asker.user.and_then(|user| self.created.get(&user));
        if self.rooms.len() >= limits::MAX_SERVER_ROOMS
            || own.is_some_and(|own| *own >= limits::MAX_CREATED_ROOMS)
        {
            return Err(Code::TOO_MANY);
        }
        self.open(asker.user, creation, Some(asker), random, out);
        Ok(())
    }

    fn open(
        &mut self,
        creator: Option<UserId>,
        creation: Creation,
        asker: Option<Asker>,
        random: &mut Random,
        out: &mut Outbox,
    ) -> Owner {
        let room = RoomId(random.id());
        if !creation.name.is_empty() {
            self.named.insert(creation.name.clone(), room);
        }
        if let Some(creator) = creator {
            let count = self.created.entry(creator).or_default();
            *count = count.saturating_add(1);
        }
        self.rooms.insert(room, creator);
        let letter = Letter::OpenRoom { creation, asker };
        out.send(Owner::Directory, Owner::Room(room), letter);
        Owner::Room(room)
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
