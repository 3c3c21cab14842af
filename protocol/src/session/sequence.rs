//! Sequenced frames: counted, acknowledged, and sent again after a link loss, so that each takes effect once.

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::error::Violation;
use crate::limits;

/// Both directions' counts of a session, as one side keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    sent: u64,
    acknowledged: u64,
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
    received: u64,
    owes_ack: bool,
}

impl Sequence {
    /// The same with counts from zero, where nothing waits for its acknowledgement: then they decide nothing.
    #[cfg(test)]
    pub(crate) fn rebase(&mut self) {
        if self.kept.is_empty() {
            *self = Self::default();
        }
    }

    /// The number of the last frame sent.
    #[cfg(test)]
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Keeps a frame until it is acknowledged and gives its number.
    pub(crate) fn push(&mut self, frame: Bytes) -> u64 {
        self.sent = self.sent.saturating_add(1);
        self.kept_bytes = self.kept_bytes.saturating_add(frame.len());
        self.kept.push_back(frame);
        self.sent
    }

    /// How many frames wait to be acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.kept.len()
    }

    /// Whether more than the limit waits to be acknowledged.
    pub(crate) fn is_over_limit(&self) -> bool {
        //= SES-030
        self.kept.len() > limits::MAX_UNACKNOWLEDGED
            || self.kept_bytes > limits::MAX_UNACKNOWLEDGED_BYTES
    }

    /// Whether `bytes` more would still be within the limit, and within `most` frames.
    pub(crate) fn has_room_for(&self, bytes: usize, most: usize) -> bool {
        self.kept.len() < most.min(limits::MAX_UNACKNOWLEDGED)
            && self.kept_bytes.saturating_add(bytes) <= limits::MAX_UNACKNOWLEDGED_BYTES
    }

    /// Takes the peer's count: what it covers is trimmed.
    pub(crate) fn acknowledge(&mut self, received: u64) -> Result<(), Violation> {
        //= SES-013
        if received > self.sent {
            return Err(Violation::BadAck);
        }
        while self.acknowledged < received {
            self.acknowledged = self.acknowledged.saturating_add(1);
            if let Some(frame) = self.kept.pop_front() {
                self.kept_bytes = self.kept_bytes.saturating_sub(frame.len());
            }
        }
        Ok(())
    }

    /// The highest number that the peer has acknowledged.
    pub(crate) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Counts a sequenced frame of the peer.
    pub(crate) const fn receive(&mut self) {
        self.received = self.received.saturating_add(1);
        self.owes_ack = true;
    }

    /// How many sequenced frames of the peer have been received.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// The count to acknowledge, if one is owed.
    pub(crate) const fn take_ack(&mut self) -> Option<u64> {
        if self.owes_ack {
            self.owes_ack = false;
            Some(self.received)
        } else {
            None
        }
    }

    /// What the peer has not acknowledged, in order.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &Bytes> {
        self.kept.iter()
    }
}
