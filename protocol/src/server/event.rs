//! What an operator is told.

use alloc::string::String;

use crate::code::Code;
use crate::error::Violation;
use crate::id::{CallId, SessionId, TransferId, UserId};
use crate::io::ConnId;

/// What an operator's logs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session began.
    LoggedIn {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
        /// The name others see.
        name: String,
    },
    /// A login was refused.
    LoginRefused {
        /// Why.
        code: Code,
    },
    /// A session lost its link and waits for another.
    Suspended {
        /// Which.
        session: SessionId,
    },
    /// A session has a link again.
    Resumed {
        /// Which.
        session: SessionId,
    },
    /// A session is over.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        code: Code,
    },
    /// A peer broke a rule.
    Violation {
        /// On which connection.
        conn: ConnId,
        /// Whose session, if it had one.
        session: Option<SessionId>,
        /// Which rule.
        violation: Violation,
    },
    /// A call began to ring, or to be set up.
    CallBegan {
        /// Which.
        call: CallId,
    },
    /// A call is over.
    CallEnded {
        /// Which.
        call: CallId,
        /// Why.
        code: Code,
    },
    /// A transfer is offered.
    TransferBegan {
        /// Which.
        transfer: TransferId,
        /// Bytes.
        size: u64,
    },
    /// A transfer is over.
    TransferEnded {
        /// Which.
        transfer: TransferId,
        /// Why.
        code: Code,
    },
}

/// How much the core holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Connections that have not logged in.
    pub doors: usize,
    /// Sessions, suspended ones included.
    pub sessions: usize,
    /// Users with a session.
    pub users: usize,
    /// Rooms.
    pub rooms: usize,
    /// Calls that are not over.
    pub calls: usize,
    /// Transfers that are not over.
    pub transfers: usize,
    /// Media connections.
    pub media: usize,
}
