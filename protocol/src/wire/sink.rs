//! Where fields are written: behind what a vector holds, the fixed ones gathered first, so that the vector is asked for
//! room once for all of them.

use alloc::vec::Vec;

/// Takes the bytes of fields, in order.
pub trait Sink {
    /// A field, or a part of one, whose length is fixed.
    fn put<const N: usize>(&mut self, bytes: [u8; N]);

    /// Bytes whose number is seen only now.
    fn put_slice(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.extend_from_slice(&bytes);
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A vector with `N` bytes before it. Where a writer is part of its caller, each place in these is known when it is
/// compiled, and so is how many there are when they are passed on.
pub(crate) struct Gather<'o, const N: usize> {
    bytes: [u8; N],
    held: usize,
    out: &'o mut Vec<u8>,
}

impl<'o, const N: usize> Gather<'o, N> {
    #[inline(always)]
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self {
            bytes: [0; N],
            held: 0,
            out,
        }
    }

    /// Passes on what is held.
    #[inline(always)]
    pub(crate) fn flush(&mut self) {
        if let Some(bytes) = self.bytes.get(..self.held) {
            self.out.extend_from_slice(bytes);
        }
        self.held = 0;
    }
}

impl<const N: usize> Sink for Gather<'_, N> {
    #[inline(always)]
    fn put<const M: usize>(&mut self, bytes: [u8; M]) {
        let free = self.bytes.get_mut(self.held..);
        if let Some(slot) = free.and_then(|free| free.first_chunk_mut::<M>()) {
            *slot = bytes;
            self.held = self.held.saturating_add(M);
        } else {
            // Entries of a list: how many there are is not known when this is compiled.
            self.flush();
            self.out.extend_from_slice(&bytes);
        }
    }

    #[inline(always)]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.flush();
        self.out.extend_from_slice(bytes);
    }
}
