//! What a core and its driver say to each other about a transfer's payload, which the driver alone sees.

use crate::id::TransferId;
use crate::wire::HEADER_LEN;

/// Which way payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Off the stream: into the application's sink at a client, into the transfer's pipe at a server.
    In,
    /// Onto the stream: from the application's source at a client, out of the transfer's pipe at a server.
    Out,
}

/// Which bytes of a transfer a stream carries, from now to the stream's end.
///
/// A server's driver joins the two splices of one transfer and attempt with a pipe of bounded length: it reads no more
/// of the sender's stream than the receiver's takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Splice {
    /// The transfer.
    pub transfer: TransferId,
    /// Tells the pipe from that of an earlier attempt, whose bytes are void.
    pub attempt: u32,
    /// Which way.
    pub direction: Direction,
    /// The first byte.
    pub from: u64,
    /// The payload's size: after byte `to - 1` the stream ends.
    pub to: u64,
    /// At most so many bytes a second; 0 is no limit.
    pub rate: u32,
}

/// How a splice fares. Whatever ends it, the driver says so once, with the position that it came to; only where the
/// core itself stops, resets or closes does it say nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carried {
    /// Bytes have moved. Told at least every 256 KiB, and with the first that move a second after the last report.
    Moving,
    /// All bytes have moved and the stream has ended, with `to` reached.
    Complete {
        /// SHA-256 over the whole payload, from byte 0, where a source or a sink is at this end; else zero.
        sha256: [u8; 32],
    },
    /// The stream ended before `to`, or went on after it.
    WrongSize,
    /// The peer reset the stream, or no longer wants it.
    Broken,
    /// The connection is gone; [`crate::io::Input::Closed`] follows.
    Lost,
    /// The source or the sink failed, or there is none.
    Failed,
}

/// How many bytes of a new stream a driver may hand to the core: one frame, so that nothing behind it enters the core.
///
/// It applies to every stream but the first that the client opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstFrame {
    header: [u8; HEADER_LEN],
    read: usize,
}

impl FirstFrame {
    /// How many bytes to read next; zero once the frame is whole.
    pub fn wants(&self) -> usize {
        let [_, _, _, _, length @ ..] = self.header;
        let whole = match self.read < HEADER_LEN {
            true => HEADER_LEN,
            false => HEADER_LEN.saturating_add(u32::from_be_bytes(length) as usize),
        };
        whole.saturating_sub(self.read)
    }

    /// Notes bytes that were read, at most as many as it wants.
    pub fn read(&mut self, bytes: &[u8]) {
        let rest = self.header.get_mut(self.read..).unwrap_or_default();
        for (slot, byte) in rest.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.read = self.read.saturating_add(bytes.len());
    }
}
