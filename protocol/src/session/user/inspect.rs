//! What an explorer sees of a user.

use super::User;
use crate::id::{CallId, SessionId};

impl User {
    /// The call that holds it.
    pub(crate) fn reserved_for(&self) -> Option<CallId> {
        self.call.map(|held| held.call)
    }

    pub(crate) fn devices(&self) -> impl Iterator<Item = SessionId> {
        self.sessions()
    }
}
