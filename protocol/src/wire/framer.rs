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
/// waits for that many bytes. A frame that came in one piece is a slice of it; what is left of an unfinished one is
/// copied, so that a few bytes do not keep the whole buffer that they came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Framer {
    /// The beginning of an unfinished frame.
    partial: BytesMut,
    /// What came after it.
    chunks: VecDeque<Bytes>,
    limit: u32,
}

impl Framer {
    /// A framer that refuses bodies of more than `limit` bytes.
    pub fn new(limit: u32) -> Self {
        Self {
            partial: BytesMut::new(),
            chunks: VecDeque::new(),
            limit,
        }
    }

    /// Adds bytes in stream order.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.chunks.push_back(bytes);
        }
    }

    /// Whether bytes of an unfinished frame are held.
    pub fn is_mid_frame(&self) -> bool {
        !self.partial.is_empty() || !self.chunks.is_empty()
    }

    /// The next whole frame, if there is one.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        let Some(header) = self.header()? else {
            self.gather(usize::MAX);
            return Ok(None);
        };
        let whole = HEADER_LEN.saturating_add(header.length as usize);
        let mut frame = match self.chunks.front_mut() {
            Some(first) if self.partial.is_empty() && first.len() >= whole => {
                let frame = first.split_to(whole);
                if first.is_empty() {
                    self.chunks.pop_front();
                }
                frame
            }
            _ => {
                self.gather(whole);
                if self.partial.len() < whole {
                    return Ok(None);
                }
                self.partial.split_to(whole).freeze()
            }
        };
        frame.advance(HEADER_LEN.min(frame.len()));
        Ok(Some(Frame {
            header,
            body: frame,
        }))
    }

    /// The next frame's header, once all of it is there.
    fn header(&self) -> Result<Option<FrameHeader>, DecodeError> {
        // Most frames begin where a piece of the stream does.
        let first = self.chunks.front().filter(|_| self.partial.is_empty());
        let header = match first.and_then(|first| first.first_chunk()) {
            Some(head) => FrameHeader::of(*head),
            None if self.holds(HEADER_LEN) => FrameHeader::of(self.scattered_head()),
            None => return Ok(None),
        };
        //= WIRE-003
        if header.length > self.limit {
            return Err(DecodeError::FrameTooLarge);
        }
        Ok(Some(header))
    }

    /// The first bytes held, wherever they are.
    fn scattered_head(&self) -> [u8; HEADER_LEN] {
        let mut head = [0; HEADER_LEN];
        let held = self.partial.iter().chain(self.chunks.iter().flatten());
        for (slot, byte) in head.iter_mut().zip(held) {
            *slot = *byte;
        }
        head
    }

    /// Whether at least so many bytes are held.
    fn holds(&self, count: usize) -> bool {
        let mut held = self.partial.len();
        for chunk in &self.chunks {
            if held >= count {
                break;
            }
            held = held.saturating_add(chunk.len());
        }
        held >= count
    }

    /// Copies chunks until so many bytes of the unfinished frame are together, or nothing is left; each byte once.
    fn gather(&mut self, count: usize) {
        while self.partial.len() < count {
            let missing = count.saturating_sub(self.partial.len());
            let Some(first) = self.chunks.front_mut() else {
                return;
            };
            let part = first.split_to(missing.min(first.len()));
            self.partial.extend_from_slice(&part);
            if first.is_empty() {
                self.chunks.pop_front();
            }
        }
    }
}
