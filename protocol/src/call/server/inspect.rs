//! What an explorer sees of a call.

use super::{Call, Phase};
use crate::id::{RoomId, SessionId, UserId};

impl Call {
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The caller's user and the callee's.
    pub(crate) const fn users(&self) -> [UserId; 2] {
        [self.caller_user, self.callee_user]
    }

    pub(crate) const fn caller(&self) -> SessionId {
        self.caller
    }

    /// The session that accepted.
    pub(crate) const fn callee(&self) -> Option<SessionId> {
        self.callee
    }

    /// Whether a session has a part in the call: CALL-009.
    pub(crate) fn has_part(&self, session: SessionId) -> bool {
        session == self.caller || self.callee == Some(session) || self.rung.contains(&session)
    }

    pub(crate) fn reserved(&self) -> &[UserId] {
        &self.reserved
    }

    pub(crate) const fn room(&self) -> Option<RoomId> {
        self.room
    }
}
