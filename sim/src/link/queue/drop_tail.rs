//! First in, first out.

use std::collections::VecDeque;

use super::Queued;

/// Packets in the order in which they came, and their bytes.
#[derive(Clone, Debug)]
pub(super) struct Fifo<P> {
    packets: VecDeque<Queued<P>>,
    bytes: u64,
    /// Packets that may not be dropped.
    reliable: u64,
}

impl<P> Fifo<P> {
    pub(super) fn new() -> Fifo<P> {
        Fifo {
            packets: VecDeque::new(),
            bytes: 0,
            reliable: 0,
        }
    }

    pub(super) fn push(&mut self, queued: Queued<P>) {
        self.bytes = self.bytes.saturating_add(queued.size);
        self.reliable += u64::from(queued.reliable);
        self.packets.push_back(queued);
    }

    pub(super) fn pop(&mut self) -> Option<Queued<P>> {
        let queued = self.packets.pop_front()?;
        self.bytes = self.bytes.saturating_sub(queued.size);
        self.reliable -= u64::from(queued.reliable);
        Some(queued)
    }

    /// Takes out the oldest packet that may be dropped.
    pub(super) fn remove_first_unreliable(&mut self) -> Option<Queued<P>> {
        let at = self.packets.iter().position(|queued| !queued.reliable)?;
        let queued = self.packets.remove(at)?;
        self.bytes = self.bytes.saturating_sub(queued.size);
        Some(queued)
    }

    pub(super) fn front(&self) -> Option<&Queued<P>> {
        self.packets.front()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets.len() as u64
    }

    /// Whether there is a packet that may be dropped.
    pub(super) fn has_unreliable(&self) -> bool {
        self.packets() > self.reliable
    }
}
