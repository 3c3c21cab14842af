//! What a service is told.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Ticket;
use crate::code::Code;
use crate::error::EndReason;
use crate::id::{CallId, RequestId, RoomId, SessionId, UserId};
use crate::message::service::{CallEntry, Kind, MemberEntry, Permissions, Standing};
use crate::service::Question;
use crate::time::Instant;

/// What a service is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is linked.
    Linked {
        /// As what.
        standing: Standing,
        /// What it may do.
        permissions: Permissions,
    },
    /// It is the active one from now on.
    Activated {
        /// The epoch that begins.
        epoch: u64,
    },
    /// It is asked; [`super::Service::answer`] answers.
    Question {
        /// Which question.
        question: u64,
        /// Until when an answer counts.
        deadline: Instant,
        /// What is asked.
        what: Question,
    },
    /// Something happened.
    Happened(Incident),
    /// What there is, in the place of all that was told before.
    Snapshot(State),
    /// A client sent data to the service.
    Addressed {
        /// The sender.
        user: UserId,
        /// The sender's session.
        session: SessionId,
        /// Microseconds since 1970-01-01 UTC.
        time: u64,
        /// The data.
        data: Bytes,
    },
    /// A room that was asked for is there.
    RoomCreated {
        /// The command.
        request: RequestId,
        /// The room.
        room: RoomId,
    },
    /// A ticket that was asked for, to be passed on.
    Ticket {
        /// The command.
        request: RequestId,
        /// The room.
        room: RoomId,
        /// The user, which can enter with it, and no other.
        user: UserId,
        /// What the user gives as the secret of its JOIN, once.
        ticket: Ticket,
    },
    /// What became of a command that gave nothing else.
    Done {
        /// The command.
        request: RequestId,
        /// What became of it; [`Code::UNDETERMINED`] where that cannot be known.
        code: Code,
    },
    /// The link is gone.
    Down {
        /// Why.
        reason: EndReason,
        /// Whether the core comes back by itself.
        returning: bool,
    },
}

/// Something that happened; what does not belong to its kind is zero or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its number in the one order of entries.
    pub number: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub time: u64,
    /// What.
    pub kind: Kind,
    /// Of sessions and members: the user. Of calls: the caller.
    pub user: UserId,
    /// Of calls: the callee.
    pub peer: UserId,
    /// Of sessions and members: the session.
    pub session: SessionId,
    /// Of rooms and members: the room.
    pub room: RoomId,
    /// Of calls: the call.
    pub call: CallId,
    /// Where something ended: why.
    pub code: Code,
    /// Of a call that ended: how long both sides were in it, in milliseconds.
    pub length_ms: u32,
    /// Of a session that began: the name others see. Of a room that opened: its name.
    pub name: String,
}

/// A session in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// Whether it waits for its link.
    pub suspended: bool,
    /// The name others see.
    pub name: String,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The number of the last entry that it includes.
    pub number: u64,
    /// Sessions.
    pub sessions: Vec<SessionInfo>,
    /// Rooms and their names; that of a call has none.
    pub rooms: Vec<(RoomId, String)>,
    /// Who is in which room.
    pub members: Vec<MemberEntry>,
    /// Calls.
    pub calls: Vec<CallEntry>,
    /// Parts taken so far.
    pub(crate) parts: u32,
}
