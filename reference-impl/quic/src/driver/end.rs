//! One stream with payload, and what it does in its turn.

use std::time::Duration;

use duet_protocol::io::{Carried, Splice, StreamId};
use duet_protocol::time::Instant;

use crate::bulk::{Bucket, Inbound, Outbound, Pipe, Step};
use crate::connection::{Conn, Given, Taken};

/// Bytes that one turn moves at most.
const TURN: u64 = 32 << 10;

/// When a source or a sink that is not ready is asked again.
const LATER: Duration = Duration::from_millis(5);

/// A stream with payload.
pub(super) struct End {
    pub(super) splice: Splice,
    /// The payload's position that it has come to.
    pub(super) at: u64,
    /// What the core was last told, and when.
    pub(super) told: (u64, Instant),
    /// Until when it waits for time to pass.
    pub(super) until: Option<Instant>,
    bucket: Bucket,
    /// Read from the stream, and not written yet.
    held: Vec<u8>,
    /// How the stream ended, behind what is held.
    ended: Option<Taken>,
}

/// What a turn has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There may be more to do at once.
    More,
    /// The stream, or the pipe's other end, has to move first.
    Wait,
    /// Time has to pass first.
    Until(Instant),
    /// It is over.
    Over(Carried),
}

impl End {
    pub(super) fn new(splice: Splice, now: Instant) -> Self {
        Self {
            splice,
            at: splice.from,
            told: (splice.from, now),
            until: None,
            bucket: Bucket::new(splice.rate, now),
            held: Vec::new(),
            ended: None,
        }
    }

    fn left(&self) -> u64 {
        self.splice.to.saturating_sub(self.at)
    }

    /// How many bytes may move now.
    fn allowed(&mut self, now: Instant) -> Result<usize, Turn> {
        let left = self.left().min(TURN);
        match self.bucket.allows(now) {
            Ok(bytes) => Ok(usize::try_from(bytes.min(left)).unwrap_or(usize::MAX)),
            Err(again) => Err(Turn::Until(again)),
        }
    }

    /// Reads up to so many bytes of the stream; where all have come, looks for its end.
    fn fetch(&mut self, conn: &mut Conn, id: StreamId, most: usize) -> Result<(), Turn> {
        let most = if self.left() == 0 { 1 } else { most };
        let taken = conn.take(id, most, &mut self.held);
        self.ended = Some(taken).filter(|taken| *taken != Taken::Open);
        //= XFER-016
        match self.left() == 0 && !self.held.is_empty() {
            true => Err(Turn::Over(Carried::WrongSize)),
            false => Ok(()),
        }
    }

    /// How it goes on once nothing is held.
    fn outcome(&self, moved: bool, sha256: impl FnOnce() -> [u8; 32]) -> Turn {
        match self.ended {
            None if moved => Turn::More,
            None => Turn::Wait,
            Some(Taken::Ended) if self.left() == 0 => {
                Turn::Over(Carried::Complete { sha256: sha256() })
            }
            Some(Taken::Ended) => Turn::Over(Carried::WrongSize),
            Some(_) => Turn::Over(Carried::Broken),
        }
    }

    /// Off the sender's stream, at a server: as far as the pipe has room.
    pub(super) fn fill_pipe(
        &mut self,
        now: Instant,
        conn: &mut Conn,
        id: StreamId,
        pipe: &mut Pipe,
    ) -> Turn {
        let allowed = match self.allowed(now) {
            _ if conn.was_reset(id) => return Turn::Over(Carried::Broken),
            _ if self.left() > 0 && pipe.room() == 0 => return Turn::Wait,
            Err(turn) if self.left() > 0 => return turn,
            allowed => allowed.unwrap_or(0),
        };
        //= XFER-028
        if let Err(turn) = self.fetch(conn, id, allowed.min(pipe.room())) {
            return turn;
        }
        let count = self.held.len();
        pipe.push(&self.held);
        self.held.clear();
        self.at += count as u64;
        self.bucket.passed(count);
        self.outcome(count > 0, || [0; 32])
    }

    /// Onto the receiver's stream, at a server: as much as the pipe holds.
    pub(super) fn drain_pipe(&mut self, conn: &mut Conn, id: StreamId, pipe: &mut Pipe) -> Turn {
        if self.left() == 0 {
            return Turn::Over(Carried::Complete { sha256: [0; 32] });
        }
        if !conn.sends(id) {
            return Turn::Over(Carried::Broken);
        }
        if pipe.is_empty() {
            return Turn::Wait;
        }
        match conn.give(id, pipe.front()) {
            Given::Moved(count) => {
                pipe.pop(count);
                self.at += count as u64;
                Turn::More
            }
            Given::Blocked => Turn::Wait,
            Given::Broken => Turn::Over(Carried::Broken),
        }
    }

    /// Off the stream into a client's sink.
    pub(super) fn fill_sink(
        &mut self,
        now: Instant,
        conn: &mut Conn,
        id: StreamId,
        sink: &mut Inbound,
        buffer: &mut Vec<u8>,
    ) -> Turn {
        if sink.hashed() < self.splice.from {
            buffer.resize(TURN as usize, 0);
            return stepped(now, sink.catch_up(self.splice.from, buffer));
        }
        if self.held.is_empty() && self.ended.is_none() {
            let allowed = match self.allowed(now) {
                Err(turn) if self.left() > 0 => return turn,
                allowed => allowed.unwrap_or(0),
            };
            if let Err(turn) = self.fetch(conn, id, allowed) {
                return turn;
            }
        }
        let mut moved = false;
        while !self.held.is_empty() {
            match sink.write(self.at, &self.held) {
                Step::Moved(count) => {
                    self.held.drain(..count);
                    self.at += count as u64;
                    self.bucket.passed(count);
                    moved = true;
                }
                other => return stepped(now, other),
            }
        }
        self.outcome(moved, || sink.digest())
    }

    /// Out of a client's source onto the stream.
    pub(super) fn drain_source(
        &mut self,
        now: Instant,
        conn: &mut Conn,
        id: StreamId,
        source: &mut Outbound,
        buffer: &mut Vec<u8>,
    ) -> Turn {
        if !conn.sends(id) {
            return Turn::Over(Carried::Broken);
        }
        buffer.resize(TURN as usize, 0);
        // The digest is of everything, also of what the receiver had before.
        if source.hashed() < self.at {
            return stepped(now, source.catch_up(self.at, buffer));
        }
        if self.left() == 0 {
            let sha256 = source.digest();
            return Turn::Over(Carried::Complete { sha256 });
        }
        let allowed = match self.allowed(now) {
            Ok(allowed) => allowed,
            Err(turn) => return turn,
        };
        let read = match source.read(self.at, &mut buffer[..allowed]) {
            Step::Moved(count) => count,
            other => return stepped(now, other),
        };
        match conn.give(id, &buffer[..read]) {
            Given::Moved(count) => {
                source.sent(self.at, &buffer[..count]);
                self.at += count as u64;
                self.bucket.passed(count);
                Turn::More
            }
            Given::Blocked => Turn::Wait,
            Given::Broken => Turn::Over(Carried::Broken),
        }
    }
}

/// How it goes on after a source or a sink has answered.
fn stepped(now: Instant, step: Step) -> Turn {
    match step {
        Step::Moved(_) => Turn::More,
        Step::Later => Turn::Until(now.after(LATER)),
        Step::Failed => Turn::Over(Carried::Failed),
    }
}
