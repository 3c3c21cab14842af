//! What the service could know by now: kept from what the machines tell, so that a snapshot looks into none of them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::id::{CallId, RoomId, SessionId, UserId};
use crate::message::Wire;
use crate::message::service::{
    CallEntry, Happened, Kind, MemberEntry, More, RoomEntry, SessionEntry, Snapshot,
};
use crate::time::Instant;
use crate::wire::{List, Params, Text};

/// What a machine tells the service machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    SessionBegan {
        session: SessionId,
        user: UserId,
        name: String,
    },
    SessionSuspended {
        session: SessionId,
    },
    SessionResumed {
        session: SessionId,
    },
    SessionEnded {
        session: SessionId,
        code: Code,
    },
    RoomOpened {
        room: RoomId,
        name: String,
    },
    RoomClosed {
        room: RoomId,
        code: Code,
    },
    MemberIn {
        room: RoomId,
        session: SessionId,
        user: UserId,
    },
    MemberOut {
        room: RoomId,
        session: SessionId,
        code: Code,
    },
    CallBegan {
        call: CallId,
        caller: UserId,
        callee: UserId,
    },
    CallConnected {
        call: CallId,
    },
    CallEnded {
        call: CallId,
        code: Code,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Online {
    user: UserId,
    name: String,
    suspended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Talk {
    caller: UserId,
    callee: UserId,
    since: Option<Instant>,
}

/// Entries of each list of one part of a snapshot: with the longest names it stays within a frame.
const PART: usize = 64;

/// The sessions, rooms and calls that were told of and are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mirror {
    sessions: BTreeMap<SessionId, Online>,
    rooms: BTreeMap<RoomId, String>,
    members: BTreeMap<(RoomId, SessionId), UserId>,
    calls: BTreeMap<CallId, Talk>,
}

/// An event without its number and time.
struct Blank;

impl Blank {
    fn of(kind: Kind) -> Happened<'static> {
        Happened {
            number: 0,
            time: 0,
            kind,
            user: UserId(0),
            peer: UserId(0),
            session: SessionId::NONE,
            room: RoomId::NONE,
            call: CallId::NONE,
            code: Code::NONE,
            length_ms: 0,
            name: Text::default(),
            params: Params::NONE,
        }
    }
}

impl Mirror {
    /// Takes what was told; the event that comes of it, if it is news. `write` numbers and encodes it.
    pub(crate) fn take(
        &mut self,
        told: Told,
        now: Instant,
        write: impl FnOnce(Happened<'_>) -> Bytes,
    ) -> Option<Bytes> {
        Some(match told {
            Told::SessionBegan {
                session,
                user,
                name,
            } => {
                let bytes = write(Happened {
                    user,
                    session,
                    name: Text::cut(&name),
                    ..Blank::of(Kind::SessionBegan)
                });
                let suspended = false;
                let online = Online {
                    user,
                    name,
                    suspended,
                };
                self.sessions.insert(session, online);
                bytes
            }
            Told::SessionSuspended { session } | Told::SessionResumed { session } => {
                let lost = matches!(told, Told::SessionSuspended { .. });
                let online = self.sessions.get_mut(&session)?;
                online.suspended = lost;
                write(Happened {
                    user: online.user,
                    session,
                    ..Blank::of(match lost {
                        true => Kind::SessionSuspended,
                        false => Kind::SessionResumed,
                    })
                })
            }
            Told::SessionEnded { session, code } => {
                let user = self.sessions.remove(&session)?.user;
                write(Happened {
                    user,
                    session,
                    code,
                    ..Blank::of(Kind::SessionEnded)
                })
            }
            Told::RoomOpened { room, name } => {
                let bytes = write(Happened {
                    room,
                    name: Text::cut(&name),
                    ..Blank::of(Kind::RoomOpened)
                });
                self.rooms.insert(room, name);
                bytes
            }
            Told::RoomClosed { room, code } => {
                self.rooms.remove(&room)?;
                let first = (room, SessionId::NONE);
                while let Some((key, _)) = self.members.range(first..).next()
                    && key.0 == room
                {
                    let key = *key;
                    self.members.remove(&key);
                }
                write(Happened {
                    room,
                    code,
                    ..Blank::of(Kind::RoomClosed)
                })
            }
            Told::MemberIn {
                room,
                session,
                user,
            } => {
                self.members.insert((room, session), user);
                write(Happened {
                    user,
                    session,
                    room,
                    ..Blank::of(Kind::MemberIn)
                })
            }
            Told::MemberOut {
                room,
                session,
                code,
            } => {
                let user = self.members.remove(&(room, session))?;
                write(Happened {
                    user,
                    session,
                    room,
                    code,
                    ..Blank::of(Kind::MemberOut)
                })
            }
            Told::CallBegan {
                call,
                caller,
                callee,
            } => {
                let since = None;
                self.calls.insert(
                    call,
                    Talk {
                        caller,
                        callee,
                        since,
                    },
                );
                write(Happened {
                    user: caller,
                    peer: callee,
                    call,
                    ..Blank::of(Kind::CallBegan)
                })
            }
            Told::CallConnected { call } => {
                let talk = self.calls.get_mut(&call)?;
                talk.since = Some(now);
                write(Happened {
                    user: talk.caller,
                    peer: talk.callee,
                    call,
                    ..Blank::of(Kind::CallConnected)
                })
            }
            Told::CallEnded { call, code } => {
                let talk = self.calls.remove(&call)?;
                let length = talk.since.map_or(Duration::ZERO, |since| now.since(since));
                write(Happened {
                    user: talk.caller,
                    peer: talk.callee,
                    call,
                    code,
                    length_ms: u32::try_from(length.as_millis()).unwrap_or(u32::MAX),
                    ..Blank::of(Kind::CallEnded)
                })
            }
        })
    }

    /// All of it, in parts that each fit into a frame, standing at the entry `number`.
    pub(crate) fn snapshot(&self, number: u64) -> Vec<Bytes> {
        let sessions: Vec<SessionEntry<'_>> = self
            .sessions
            .iter()
            .map(|(session, online)| SessionEntry {
                session: *session,
                user: online.user,
                suspended: online.suspended.into(),
                name: Text::cut(&online.name),
            })
            .collect();
        let rooms: Vec<RoomEntry<'_>> = self
            .rooms
            .iter()
            .map(|(room, name)| RoomEntry {
                room: *room,
                name: Text::cut(name),
            })
            .collect();
        let members: Vec<MemberEntry> = self
            .members
            .iter()
            .map(|((room, session), user)| MemberEntry {
                room: *room,
                session: *session,
                user: *user,
            })
            .collect();
        let calls: Vec<CallEntry> = self
            .calls
            .iter()
            .map(|(call, talk)| CallEntry {
                call: *call,
                caller: talk.caller,
                callee: talk.callee,
                connected: talk.since.is_some().into(),
            })
            .collect();
        let lists = [sessions.len(), rooms.len(), members.len(), calls.len()];
        let parts = lists
            .into_iter()
            .map(|len| len.div_ceil(PART))
            .fold(1, usize::max);
        (0..parts)
            .map(|part| {
                let more = match part.saturating_add(1) < parts {
                    true => More::More,
                    false => More::Last,
                };
                Snapshot {
                    number,
                    part: part as u32,
                    more,
                    sessions: chunk(&sessions, part),
                    rooms: chunk(&rooms, part),
                    members: chunk(&members, part),
                    calls: chunk(&calls, part),
                    params: Params::NONE,
                }
                .encode()
            })
            .collect()
    }
}

fn chunk<'a, T: crate::wire::Field<'a> + Clone>(all: &'a [T], part: usize) -> List<'a, T, PART> {
    let entries = all.chunks(PART).nth(part).unwrap_or_default();
    List::new(entries).unwrap_or_default()
}
