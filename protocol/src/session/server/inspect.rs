//! What an explorer sees of a session, and does to it so that alike ones are equal.

use super::Session;
use crate::id::{CallId, RoomId};
use crate::limits;
use crate::server::envelope::Outbox;
use crate::session::Rate;
use crate::time::Instant;

impl Session {
    pub(crate) fn calls(&self) -> impl Iterator<Item = CallId> {
        self.calls.iter().copied()
    }

    pub(crate) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.iter().copied()
    }

    /// How many requests wait for their answer.
    pub(crate) fn waiting(&self) -> usize {
        self.requests.len()
    }

    pub(crate) const fn is_suspended(&self) -> bool {
        self.suspended_until.is_some()
    }

    /// The peer has got everything, and said so.
    pub(crate) fn acknowledge_all(&mut self, outbox: &mut Outbox) {
        let sent = self.sequence.sent();
        debug_assert!(self.acknowledge(sent, outbox).is_ok());
    }

    /// The canonical form: counts from zero where nothing is unacknowledged, and no use of a rate is remembered.
    pub(crate) fn canonical(&mut self, now: Instant) {
        self.sequence.rebase();
        self.announced = Rate::new(now, limits::ANNOUNCE_EACH, limits::ANNOUNCE_BURST);
        self.lookups = Rate::new(now, limits::LOOKUP_EACH, limits::LOOKUP_BURST);
    }
}
