//! What an explorer sees of a room.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Room;
use crate::id::{CallId, SessionId, UserId};
use crate::message::media::Kind;
use crate::message::room::{Presence, Role};

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

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Everyone inside, and what others see of each.
    pub(crate) fn shown(&self) -> BTreeMap<SessionId, (UserId, Presence, Role)> {
        let all = self.members.iter();
        all.map(|(id, one)| (*id, (one.user, one.presence, self.role(one.user))))
            .collect()
    }

    /// Those who wait to be let in.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = SessionId> {
        self.lobby.keys().copied()
    }
}
