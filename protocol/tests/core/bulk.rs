//! Payload of transfers between the hosts of these tests: what a driver does with `Splice`, in its simplest form.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::TransferId;
use duet_protocol::io::{
    Carried, ConnId, Core as _, Direction, FirstFrame, Input, Splice, StreamId,
};
use duet_protocol::time::Instant;
use sha2::{Digest as _, Sha256};

use crate::support::{ClientHost, ServerHost, Wire};

/// A source sends one piece of so many bytes each so often.
const PIECE: usize = 10_000;
const EACH: Duration = Duration::from_millis(5);

/// A stream as the other side names it.
pub(crate) fn mirrored(id: StreamId) -> StreamId {
    StreamId {
        by_peer: !id.by_peer,
        ..id
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A stream that carries payload, and how far it has come.
#[derive(Debug)]
pub(crate) struct Carrying {
    splice: Splice,
    at: u64,
    /// When a source's next piece is due.
    due: Option<Instant>,
}

/// The payload's side of a host.
#[derive(Debug, Default)]
pub(crate) struct Bulk {
    pub(crate) streams: BTreeMap<(ConnId, StreamId), Carrying>,
    pub(crate) sources: BTreeMap<TransferId, Vec<u8>>,
    pub(crate) sinks: BTreeMap<TransferId, Vec<u8>>,
    /// A sink that fails once it holds so many bytes.
    pub(crate) sink_fails_at: Option<usize>,
    heads: BTreeMap<(ConnId, StreamId), FirstFrame>,
    /// What came behind a first frame, until the core says what it is.
    held: BTreeMap<(ConnId, StreamId), VecDeque<(Bytes, bool)>>,
    /// What the receiver's end of a pipe is to bring.
    pipes: BTreeMap<(TransferId, u32), VecDeque<(Bytes, bool)>>,
}

impl Bulk {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.streams.values().filter_map(|c| c.due).min()
    }

    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.streams.retain(|(own, _), _| *own != conn);
        self.heads.retain(|(own, _), _| *own != conn);
        self.held.retain(|(own, _), _| *own != conn);
    }

    /// The bytes of a first frame, for the core; what is behind it is held.
    fn head(&mut self, key: (ConnId, StreamId), mut bytes: Bytes, fin: bool) -> (Vec<Bytes>, bool) {
        let head = self.heads.entry(key).or_default();
        let mut pieces = Vec::new();
        while head.wants() > 0 && !bytes.is_empty() {
            let piece = bytes.split_to(head.wants().min(bytes.len()));
            head.read(&piece);
            pieces.push(piece);
        }
        if head.wants() == 0 {
            self.held.entry(key).or_default().push_back((bytes, fin));
            return (pieces, false);
        }
        (pieces, fin)
    }
}

impl ClientHost {
    pub(crate) fn other_stream(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    ) {
        if self.bulk.streams.contains_key(&(conn, id)) {
            return self.sink(now, conn, id, bytes, fin);
        }
        let (pieces, fin) = self.bulk.head((conn, id), bytes, fin);
        for bytes in pieces {
            self.input_stream(now, conn, id, bytes, false);
        }
        if fin {
            self.input_stream(now, conn, id, Bytes::new(), true);
        }
    }

    fn input_stream(&mut self, now: Instant, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        let input = Input::Stream {
            conn,
            id,
            bytes,
            fin,
        };
        self.core.handle(now, input);
        self.drain(now);
    }

    fn spliced(&mut self, now: Instant, key: (ConnId, StreamId), at: u64, carried: Carried) {
        let (conn, id) = key;
        if carried != Carried::Moving {
            self.bulk.streams.remove(&key);
        }
        self.core.handle(
            now,
            Input::Spliced {
                conn,
                id,
                at,
                carried,
            },
        );
        self.drain(now);
    }

    pub(crate) fn splice(&mut self, now: Instant, conn: ConnId, id: StreamId, splice: Splice) {
        let due = (splice.direction == Direction::Out).then_some(now);
        let at = splice.from;
        self.bulk
            .streams
            .insert((conn, id), Carrying { splice, at, due });
        for (bytes, fin) in self.bulk.held.remove(&(conn, id)).unwrap_or_default() {
            self.sink(now, conn, id, bytes, fin);
        }
    }

    fn sink(&mut self, now: Instant, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        let Some(carrying) = self.bulk.streams.get_mut(&(conn, id)) else {
            return;
        };
        if carrying.splice.direction == Direction::Out {
            return;
        }
        let sink = self.bulk.sinks.entry(carrying.splice.transfer).or_default();
        sink.truncate(carrying.at as usize);
        sink.extend_from_slice(&bytes);
        carrying.at += bytes.len() as u64;
        let (at, to) = (carrying.at, carrying.splice.to);
        let full = self
            .bulk
            .sink_fails_at
            .is_some_and(|most| sink.len() > most);
        let carried = match (fin, at == to) {
            _ if full => Carried::Failed,
            (true, true) => Carried::Complete {
                sha256: sha256(sink),
            },
            (true, false) => Carried::WrongSize,
            (false, _) if at > to => Carried::WrongSize,
            (false, _) => Carried::Moving,
        };
        self.spliced(now, (conn, id), at, carried);
    }

    /// Sources send the pieces that are due.
    pub(crate) fn pour(&mut self, now: Instant) {
        let due: Vec<_> = self
            .bulk
            .streams
            .iter()
            .filter(|(_, carrying)| carrying.due.is_some_and(|due| due <= now))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            let Some(carrying) = self.bulk.streams.get_mut(&key) else {
                continue;
            };
            let source = self.bulk.sources.get(&carrying.splice.transfer);
            let Some(source) = source else {
                self.spliced(now, key, 0, Carried::Failed);
                continue;
            };
            let from = carrying.at as usize;
            let piece = source[from..].chunks(PIECE).next().unwrap_or_default();
            carrying.at += piece.len() as u64;
            carrying.due = Some(now.after(EACH));
            let (at, fin) = (carrying.at, carrying.at as usize == source.len());
            let sha256 = sha256(source);
            let (conn, id) = key;
            self.out.push_back(Wire::Stream {
                conn,
                id,
                bytes: Bytes::copy_from_slice(piece),
                fin,
            });
            let carried = match fin {
                true => Carried::Complete { sha256 },
                false => Carried::Moving,
            };
            self.spliced(now, key, at, carried);
        }
    }

    /// The peer reset or stopped a stream.
    pub(crate) fn broken(&mut self, now: Instant, conn: ConnId, id: StreamId) {
        match self.bulk.streams.get(&(conn, id)) {
            Some(carrying) => {
                let at = carrying.at;
                self.spliced(now, (conn, id), at, Carried::Broken);
            }
            None => {
                self.core.handle(now, Input::Reset { conn, id });
                self.drain(now);
            }
        }
    }

    /// The connection is gone.
    pub(crate) fn lose_streams(&mut self, now: Instant, conn: ConnId) {
        let keys: Vec<_> = self.bulk.streams.keys().copied().collect();
        for key in keys.into_iter().filter(|(own, _)| *own == conn) {
            let at = self
                .bulk
                .streams
                .get(&key)
                .map_or(0, |carrying| carrying.at);
            self.spliced(now, key, at, Carried::Lost);
        }
        self.bulk.forget(conn);
    }
}

impl ServerHost {
    pub(crate) fn other_stream(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: StreamId,
        bytes: Bytes,
        fin: bool,
    ) {
        if self.bulk.streams.contains_key(&(conn, id)) {
            return self.pipe(now, conn, id, bytes, fin);
        }
        let (pieces, fin) = self.bulk.head((conn, id), bytes, fin);
        for bytes in pieces {
            self.input_stream(now, conn, id, bytes, false);
        }
        if fin {
            self.input_stream(now, conn, id, Bytes::new(), true);
        }
    }

    fn input_stream(&mut self, now: Instant, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        let input = Input::Stream {
            conn,
            id,
            bytes,
            fin,
        };
        self.core.handle(now, input);
        self.drain(now);
    }

    fn spliced(&mut self, now: Instant, key: (ConnId, StreamId), at: u64, carried: Carried) {
        let (conn, id) = key;
        if carried != Carried::Moving {
            self.bulk.streams.remove(&key);
        }
        self.core.handle(
            now,
            Input::Spliced {
                conn,
                id,
                at,
                carried,
            },
        );
        self.drain(now);
    }

    pub(crate) fn splice(&mut self, now: Instant, conn: ConnId, id: StreamId, splice: Splice) {
        let (at, due) = (splice.from, None);
        self.bulk
            .streams
            .insert((conn, id), Carrying { splice, at, due });
        match splice.direction {
            Direction::In => {
                for (bytes, fin) in self.bulk.held.remove(&(conn, id)).unwrap_or_default() {
                    self.pipe(now, conn, id, bytes, fin);
                }
            }
            Direction::Out => self.bring(now, splice.transfer, splice.attempt),
        }
    }

    fn pipe(&mut self, now: Instant, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        let Some(carrying) = self.bulk.streams.get_mut(&(conn, id)) else {
            return;
        };
        if carrying.splice.direction == Direction::Out {
            return;
        }
        carrying.at += bytes.len() as u64;
        let (at, splice) = (carrying.at, carrying.splice);
        let carried = match (fin, at == splice.to) {
            (true, true) => Carried::Complete { sha256: [0; 32] },
            (true, false) => Carried::WrongSize,
            (false, _) if at > splice.to => Carried::WrongSize,
            (false, _) => Carried::Moving,
        };
        if carried != Carried::WrongSize {
            let key = (splice.transfer, splice.attempt);
            let pipe = self.bulk.pipes.entry(key).or_default();
            pipe.push_back((bytes, fin));
            self.bring(now, splice.transfer, splice.attempt);
        }
        self.spliced(now, (conn, id), at, carried);
    }

    /// Out of the pipe, onto the receiver's stream.
    fn bring(&mut self, now: Instant, transfer: TransferId, attempt: u32) {
        let out = self.bulk.streams.iter().find(|(_, c)| {
            let s = c.splice;
            (s.transfer, s.attempt, s.direction) == (transfer, attempt, Direction::Out)
        });
        let Some(key) = out.map(|(key, _)| *key) else {
            return;
        };
        let pieces = self.bulk.pipes.remove(&(transfer, attempt));
        for (bytes, fin) in pieces.unwrap_or_default() {
            let Some(carrying) = self.bulk.streams.get_mut(&key) else {
                return;
            };
            carrying.at += bytes.len() as u64;
            let at = carrying.at;
            let (conn, id) = (key.0, mirrored(key.1));
            self.wire(conn, |conn| Wire::Stream {
                conn,
                id,
                bytes,
                fin,
            });
            let carried = match fin {
                true => Carried::Complete { sha256: [0; 32] },
                false => Carried::Moving,
            };
            self.spliced(now, key, at, carried);
        }
    }

    pub(crate) fn broken(&mut self, now: Instant, conn: ConnId, id: StreamId) {
        match self.bulk.streams.get(&(conn, id)) {
            Some(carrying) => {
                let at = carrying.at;
                self.spliced(now, (conn, id), at, Carried::Broken);
            }
            None => {
                self.core.handle(now, Input::Reset { conn, id });
                self.drain(now);
            }
        }
    }

    pub(crate) fn lose_streams(&mut self, now: Instant, conn: ConnId) {
        let keys: Vec<_> = self.bulk.streams.keys().copied().collect();
        for key in keys.into_iter().filter(|(own, _)| *own == conn) {
            let at = self
                .bulk
                .streams
                .get(&key)
                .map_or(0, |carrying| carrying.at);
            self.spliced(now, key, at, Carried::Lost);
        }
        self.bulk.forget(conn);
    }

    /// Sends to the client of a connection, if it is still there.
    pub(crate) fn wire(&mut self, conn: ConnId, packet: impl FnOnce(ConnId) -> Wire) {
        if let Some((to, conn)) = self.names.get(&conn) {
            self.out.push_back((*to, packet(*conn)));
        }
    }
}
