//! What is between the sender's stream and the receiver's at a server.

use std::collections::VecDeque;

/// Bytes that a pipe holds at most, so that a slow receiver slows the sender down instead of filling the server.
const CAPACITY: usize = 64 << 10;

/// Bytes of one attempt of one transfer that have been read and are not written yet. They are copied in, so that
/// what they cost does not depend on how the sender cut them.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
}

impl Pipe {
    /// How much more it takes.
    pub(crate) fn room(&self) -> usize {
        //= XFER-028
        CAPACITY.saturating_sub(self.bytes.len())
    }

    /// How much it holds.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes bytes in, at most as many as there is room for.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.room(), "more than there is room for");
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(CAPACITY);
        }
        self.bytes.extend(bytes);
    }

    /// The next bytes, as far as they lie together.
    pub(crate) fn front(&self) -> &[u8] {
        self.bytes.as_slices().0
    }

    /// So many of the first bytes are gone.
    pub(crate) fn pop(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }
}
