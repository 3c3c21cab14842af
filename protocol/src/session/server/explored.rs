//! What an explorer needs of a session: a canonical form, a look inside, and the mistakes that it must be able to find.

use super::{Link, Session};
use crate::code::Code;
use crate::server::envelope::{Letter, Outbox, Owner};
use crate::session::{Heartbeat, Sequence};
use crate::time::Instant;

impl Session {
    /// The one session that stands for all that differ from it in times alone.
    ///
    /// For a model in which the hour stands still and any timer may fire at any moment: then no time decides anything.
    pub(crate) fn timeless(&self, now: Instant) -> Self {
        let (interval, dead_after) = self.heartbeat;
        let link = self.link.as_ref().map(|link| Link {
            conn: link.conn,
            heartbeat: Heartbeat::new(now, interval, dead_after),
        });
        Self {
            link,
            suspended_until: self.suspended_until.map(|_| now),
            ..self.clone()
        }
    }

    pub(crate) const fn id(&self) -> crate::id::SessionId {
        self.id
    }

    pub(crate) const fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Whether nothing is owed: to the client, or by it.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.receipts.is_empty() && self.sequence.waiting() == 0
    }

    /// The link has said nothing for very long.
    pub(crate) fn fall_silent(&mut self) {
        if let Some(link) = &mut self.link {
            link.heartbeat.heard(Instant::EPOCH);
        }
    }

    /// The resume window closes.
    pub(crate) fn close_window(&mut self, now: Instant) {
        self.suspended_until = Some(now);
    }

    /// A mistake: the token that was used is void at once.
    pub(crate) const fn void_early(&mut self) {
        self.previous_hash = None;
    }

    /// A mistake: what was written counts as received.
    pub(crate) fn trim_early(&mut self) {
        self.sequence.trim_early();
    }

    /// A mistake: what was sent counts as delivered.
    pub(crate) fn receipt_early(&mut self, outbox: &mut Outbox) {
        for (_, receipt) in self.receipts.drain(..) {
            let (to, code) = (Owner::Session(receipt.session), Code::DELIVERED);
            outbox.send(
                Owner::Session(self.id),
                to,
                Letter::Receipted { receipt, code },
            );
        }
    }

    /// A mistake: a token is good that is void.
    pub(crate) const fn void_never(&mut self, hash: [u8; 32]) {
        self.previous_hash = Some(hash);
    }
}

impl Sequence {
    /// Forgets the copies of everything sent.
    fn trim_early(&mut self) {
        let sent = self.sent();
        let _ = self.acknowledge(sent);
    }
}
