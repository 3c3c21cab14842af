//! Streams that carry payload: their first frame is the core's, what follows it never enters the core.

use std::collections::VecDeque;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{Direction, FirstFrame, Input, StreamId};
use quinn_proto::{ReadError, Side, WriteError};

use super::{Conn, Phase};

/// How payload stands behind everything else of its connection; what is not payload has 0.
const PRIORITY: i32 = -1;

/// What becomes of the bytes of a stream that is not the first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Incoming {
    /// The first frame is the core's, byte by byte.
    Head(FirstFrame),
    /// It is payload.
    Payload,
}

/// How far a read has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is more to come.
    Open,
    /// The peer has ended the stream.
    Ended,
    /// The peer has reset it.
    Broken,
    /// It was stopped, or had come to its end before.
    Gone,
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// So many bytes are QUIC's now.
    Moved(usize),
    /// Flow control, or what waits before it, holds it back.
    Blocked,
    /// The peer no longer wants it, or it is gone.
    Broken,
}

impl Conn {
    /// Whether this is the first stream that the client opens.
    pub(super) fn is_first(&self, id: StreamId) -> bool {
        match self.quic.side() {
            Side::Client => id == StreamId::FIRST_OF_CLIENT,
            Side::Server => id == StreamId::FIRST_OF_PEER,
        }
    }

    /// The core gets every byte of every stream, from now on.
    pub(crate) fn give_whole_streams(&mut self) {
        self.whole_streams = true;
    }

    /// Reads no further than the first frame; what follows waits for the core's word on it.
    pub(super) fn read_head(&mut self, id: StreamId, inputs: &mut VecDeque<Input>) {
        let conn = self.id;
        let mut head = match self.incoming.get(&id) {
            None => FirstFrame::default(),
            Some(Incoming::Head(head)) => *head,
            Some(Incoming::Payload) => return self.stirred.push(id),
        };
        let mut bytes = Vec::new();
        let mut taken = Taken::Open;
        while head.wants() > 0 && taken == Taken::Open {
            let before = bytes.len();
            taken = self.take(id, head.wants(), &mut bytes);
            if bytes.len() == before {
                break;
            }
            head.read(&bytes[before..]);
        }
        match taken {
            Taken::Open => drop(self.incoming.insert(id, Incoming::Head(head))),
            Taken::Ended | Taken::Broken | Taken::Gone => self.forget_incoming(id),
        }
        let fin = taken == Taken::Ended;
        if fin || !bytes.is_empty() {
            let bytes = Bytes::from(bytes);
            inputs.push_back(Input::Stream {
                conn,
                id,
                bytes,
                fin,
            });
        }
        if taken == Taken::Broken {
            inputs.push_back(Input::Reset { conn, id });
        }
    }

    /// Nothing more is read of a stream.
    pub(super) fn forget_incoming(&mut self, id: StreamId) {
        self.incoming.remove(&id);
    }

    /// A stream carries payload behind its first frame; false where the peer has stopped it.
    pub(crate) fn carry_payload(&mut self, id: StreamId, direction: Direction) -> bool {
        match direction {
            Direction::In => {
                self.incoming.insert(id, Incoming::Payload);
                true
            }
            Direction::Out => match self.streams.get_mut(&id) {
                Some(stream) => {
                    stream.payload = true;
                    true
                }
                None => false,
            },
        }
    }

    /// Whether a stream of this side is neither at its end nor stopped by the peer.
    pub(crate) fn sends(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id)
    }

    /// Whether the peer has reset a stream that is not read at the moment.
    pub(crate) fn was_reset(&mut self, id: StreamId) -> bool {
        let quic_id = self.quic_id(id);
        let mut receiver = self.quic.recv_stream(quic_id);
        !matches!(receiver.received_reset(), Ok(None))
    }

    /// Reads at most so many bytes of a stream.
    pub(crate) fn take(&mut self, id: StreamId, most: usize, into: &mut Vec<u8>) -> Taken {
        let quic_id = self.quic_id(id);
        let mut receiver = self.quic.recv_stream(quic_id);
        let Ok(mut chunks) = receiver.read(true) else {
            return Taken::Gone;
        };
        let mut left = most;
        let taken = loop {
            if left == 0 {
                break Taken::Open;
            }
            match chunks.next(left) {
                Ok(Some(chunk)) => {
                    left = left.saturating_sub(chunk.bytes.len());
                    into.extend_from_slice(&chunk.bytes);
                }
                Ok(None) => break Taken::Ended,
                Err(ReadError::Blocked) => break Taken::Open,
                Err(ReadError::Reset(_)) => break Taken::Broken,
            }
        };
        // What this says, that flow control has credit to announce, poll_transmit finds by itself.
        let _ = chunks.finalize();
        taken
    }

    /// Writes payload, as much as QUIC takes.
    pub(crate) fn give(&mut self, id: StreamId, bytes: &[u8]) -> Given {
        let Some(stream) = self.streams.get(&id) else {
            return Given::Broken;
        };
        if !id.by_peer && id.index >= self.opened || !stream.queue.is_empty() {
            return Given::Blocked;
        }
        let quic_id = self.quic_id(id);
        let mut sender = self.quic.send_stream(quic_id);
        // Control goes first; what fails here fails in the write too.
        let _ = sender.set_priority(PRIORITY);
        match sender.write(bytes) {
            Ok(count) => {
                (self.written, self.unsent) = (true, true);
                Given::Moved(count)
            }
            Err(WriteError::Blocked) => Given::Blocked,
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => Given::Broken,
        }
    }

    /// A stream's payload has come to its end.
    pub(crate) fn end_payload(&mut self, id: StreamId, direction: Direction) {
        match direction {
            Direction::In => self.forget_incoming(id),
            Direction::Out => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.payload = false;
                    // Nothing is added that could pile up.
                    let _ = self.write(id, Bytes::new(), true);
                }
            }
        }
    }

    /// Streams with payload on which there may be something to do.
    pub(crate) fn stirred(&mut self) -> impl Iterator<Item = StreamId> + use<> {
        std::mem::take(&mut self.stirred).into_iter()
    }

    /// Whether it is neither closing nor gone.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Breaks a stream's payload off: what has not come, or not gone, never does.
    pub(crate) fn break_off(&mut self, id: StreamId, direction: Direction) {
        match direction {
            Direction::In => self.stop(id, Code::NONE),
            Direction::Out => self.reset(id, Code::NONE),
        }
    }
}
