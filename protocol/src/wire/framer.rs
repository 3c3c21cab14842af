//! Frames out of a stream's bytes, however they were cut; the only place that waits for more.

use alloc::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::header::{FrameHeader, HEADER_LEN};
use crate::error::DecodeError;

/// A frame, its body a slice of what arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: FrameHeader,
    /// The body, `header.length` bytes.
    pub body: Bytes,
}

/// Cuts a stream into frames. It holds at most one frame beyond what it was given, and checks a length before it
/// waits for that many bytes.
#[derive(Debug)]
pub struct Framer {
    chunks: VecDeque<Bytes>,
    buffered: usize,
    limit: u32,
}

impl Framer {
    /// A framer that refuses bodies of more than `limit` bytes.
    pub const fn new(limit: u32) -> Self {
        Self {
            chunks: VecDeque::new(),
            buffered: 0,
            limit,
        }
    }

    /// Adds bytes in stream order.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.buffered = self.buffered.saturating_add(bytes.len());
            self.chunks.push_back(bytes);
        }
    }

    /// Whether bytes of an unfinished frame are held.
    pub const fn is_mid_frame(&self) -> bool {
        self.buffered > 0
    }

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if self.buffered < HEADER_LEN {
            return Ok(None);
        }
        let mut head = [0; HEADER_LEN];
        for (slot, byte) in head
            .iter_mut()
            .zip(self.chunks.iter().flat_map(|chunk| chunk.iter()))
        {
            *slot = *byte;
        }
        let (_, header) = FrameHeader::read(&head).map_err(|_| DecodeError::Truncated)?;
        //= WIRE-003
        if header.length > self.limit {
            return Err(DecodeError::FrameTooLarge);
        }
        let whole = HEADER_LEN.saturating_add(header.length as usize);
        if self.buffered < whole {
            return Ok(None);
        }
        let mut frame = self.take(whole);
        frame.advance(HEADER_LEN.min(frame.len()));
        Ok(Some(Frame {
            header,
            body: frame,
        }))
    }

    /// The next `count` buffered bytes: a slice where they came in one piece, a copy where a cut went through them.
    fn take(&mut self, count: usize) -> Bytes {
        self.buffered = self.buffered.saturating_sub(count);
        if let Some(first) = self.chunks.front_mut() {
            if first.len() > count {
                return first.split_to(count);
            }
            if first.len() == count {
                return self.chunks.pop_front().unwrap_or_default();
            }
        }
        let mut joined = BytesMut::with_capacity(count);
        while joined.len() < count {
            let missing = count.saturating_sub(joined.len());
            let Some(first) = self.chunks.front_mut() else {
                break;
            };
            if first.len() > missing {
                joined.extend_from_slice(&first.split_to(missing));
            } else {
                joined.extend_from_slice(first);
                self.chunks.pop_front();
            }
        }
        joined.freeze()
    }
}
