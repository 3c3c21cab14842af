//! What an explorer sees of a room.

use alloc::vec::Vec;

use super::Room;
use crate::id::{CallId, SessionId};
use crate::message::media::Kind;

impl Room {
    pub(crate) fn call(&self) -> Option<CallId> {
        self.call.as_ref().map(|(call, _)| *call)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = SessionId> {
        self.members.keys().copied()
    }

    /// What is published, and by whom.
    pub(crate) fn published(&self) -> Vec<(SessionId, Kind)> {
        let streams = self.streams.iter();
        streams.map(|((by, _), one)| (*by, one.kind)).collect()
    }
}
