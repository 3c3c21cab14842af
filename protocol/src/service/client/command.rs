//! A command: what is sent anew in each epoch until it is taken, and what its DONE then says.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Event;
use crate::code::Code;
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::message::Wire;
use crate::message::room::Options;
use crate::message::service::{
    CallEnd, Push, RoomClose, RoomCreate, RoomKick, RoomTicket, SessionEnd,
};
use crate::wire::{Address, Opaque, Params, Secret, Text, Within};

/// What a room is to be like that a service creates.
#[derive(Clone, PartialEq, Eq)]
pub struct NewRoom {
    /// Its name, at most 64 bytes; empty for a room that is known by its id alone.
    pub name: String,
    /// Its secret, at most 64 bytes; empty for a room without.
    pub secret: Vec<u8>,
    /// Most members that it admits, 2 to 100.
    pub capacity: u8,
    /// How it is run: with [`Options::LOCKED`], only who bears a ticket may enter.
    pub options: Options,
}

impl Default for NewRoom {
    /// A room without name and secret, which only those may enter who get a ticket.
    fn default() -> Self {
        Self {
            name: String::new(),
            secret: Vec::new(),
            capacity: crate::limits::MAX_MEMBERS as u8,
            options: Options::LOCKED,
        }
    }
}

impl core::fmt::Debug for NewRoom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NewRoom")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What a user gives as the secret of its JOIN, once; at most 64 bytes. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(pub Vec<u8>);

impl core::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// A command that waits for its DONE.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) command: Command,
    /// The epoch in which it was sent last; 0 where in none.
    pub(super) sent_in: u64,
    /// Whether the server is known to have taken it.
    pub(super) taken: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    CreateRoom(NewRoom),
    Ticket {
        room: RoomId,
        user: UserId,
    },
    CloseRoom {
        room: RoomId,
        code: Code,
    },
    Kick {
        room: RoomId,
        user: UserId,
        ban_ms: u32,
    },
    Push {
        to: Address,
        data: Bytes,
    },
    EndSession {
        session: SessionId,
        user: UserId,
        code: Code,
    },
    EndCall {
        call: CallId,
        code: Code,
    },
}

impl Command {
    pub(super) fn encode(&self, epoch: u64, request: RequestId) -> Bytes {
        let params = Params::NONE;
        match self {
            Self::CreateRoom(wish) => RoomCreate {
                epoch,
                request,
                name: Text::cut(&wish.name),
                secret: Secret::new(&wish.secret).unwrap_or_default(),
                capacity: Within::clamp(wish.capacity.into()),
                options: wish.options,
                params,
            }
            .encode(),
            Self::Ticket { room, user } => RoomTicket {
                epoch,
                request,
                room: *room,
                user: *user,
                params,
            }
            .encode(),
            Self::CloseRoom { room, code } => RoomClose {
                epoch,
                request,
                room: *room,
                code: *code,
                params,
            }
            .encode(),
            Self::Kick { room, user, ban_ms } => RoomKick {
                epoch,
                request,
                room: *room,
                user: *user,
                ban_ms: *ban_ms,
                params,
            }
            .encode(),
            Self::Push { to, data } => Push {
                epoch,
                request,
                to: *to,
                data: Opaque::new(data).unwrap_or_default(),
                params,
            }
            .encode(),
            Self::EndSession {
                session,
                user,
                code,
            } => SessionEnd {
                epoch,
                request,
                session: *session,
                user: *user,
                code: *code,
                params,
            }
            .encode(),
            Self::EndCall { call, code } => CallEnd {
                epoch,
                request,
                call: *call,
                code: *code,
                params,
            }
            .encode(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Push { data, .. } => data.len(),
            _ => 0,
        }
    }

    /// What the service is told once it is done.
    pub(super) fn outcome(
        &self,
        request: RequestId,
        code: Code,
        room: RoomId,
        ticket: &[u8],
    ) -> Event {
        match self {
            Self::CreateRoom(_) if code == Code::DELIVERED => Event::RoomCreated { request, room },
            Self::Ticket { room, user } if code == Code::DELIVERED => Event::Ticket {
                request,
                room: *room,
                user: *user,
                ticket: Ticket(ticket.to_vec()),
            },
            _ => Event::Done { request, code },
        }
    }
}
