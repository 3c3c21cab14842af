//! A core that only turns frames in and out: streams as they are, sequenced frames counted, ACK and PONG sent by
//! itself unless it is told not to. It shares no state machine with the client of the reference.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::error::DecodeError;
use duet_protocol::io::{Cause, ConnId, Core, Deadline, Input, Output, Purpose, StreamId};
use duet_protocol::limits::MAX_FRAME;
use duet_protocol::message::Wire as _;
use duet_protocol::message::session::{Ack, Ping, Pong};
use duet_protocol::time::Instant;
use duet_protocol::wire::{Flags, Frame, Framer, Params, Parsed};

/// Something that came, or that the core sent by itself.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) conn: ConnId,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Connected,
    Frame(Frame),
    Sent(Frame),
    /// Bytes that are no frames; nothing of this stream is read any more.
    Garbled(DecodeError),
    Finished,
    /// Bytes of a stream that the server opened.
    Payload {
        stream: u32,
        bytes: Bytes,
        fin: bool,
    },
    PayloadReset {
        stream: u32,
    },
    Datagram(Bytes),
    Closed(Cause),
}

struct Wires {
    /// The stream of frames: this side's first, or the peer's where the peer connected.
    frames: StreamId,
    framer: Framer,
    garbled: bool,
    streams: u32,
    received: u64,
    sent: u64,
    ack: bool,
    pong: bool,
}

impl Wires {
    fn new(frames: StreamId, purpose: Purpose, counts: (u64, u64)) -> Self {
        Self {
            frames,
            framer: Framer::new(MAX_FRAME as u32),
            garbled: false,
            streams: 0,
            received: counts.0,
            sent: counts.1,
            ack: purpose == Purpose::Control,
            pong: purpose != Purpose::Media,
        }
    }
}

/// The core of all of one case's connections.
#[derive(Default)]
pub(crate) struct WireCore {
    wires: BTreeMap<ConnId, Wires>,
    outputs: VecDeque<Output<Heard>>,
    datagrams: VecDeque<(ConnId, Bytes)>,
    next: u64,
}

impl WireCore {
    /// Asks for a connection, to the usual address where `endpoint` is empty; counting starts with `counts`, received
    /// and sent.
    pub(crate) fn connect(
        &mut self,
        purpose: Purpose,
        endpoint: String,
        counts: (u64, u64),
    ) -> ConnId {
        let conn = ConnId(self.next);
        self.next += 1;
        let wires = Wires::new(StreamId::FIRST_OF_CLIENT, purpose, counts);
        self.wires.insert(conn, wires);
        self.outputs.push_back(Output::Connect {
            conn,
            purpose,
            endpoint,
        });
        conn
    }

    /// Writes bytes to a stream of this side's, which is opened if it has to be.
    pub(crate) fn write(&mut self, conn: ConnId, stream: u32, bytes: Bytes, fin: bool) {
        let Some(wires) = self.wires.get_mut(&conn) else {
            return;
        };
        let by_peer = wires.frames.by_peer && stream == 0;
        while wires.streams <= stream && !by_peer {
            let id = StreamId {
                by_peer: false,
                index: wires.streams,
            };
            wires.streams += 1;
            self.outputs.push_back(Output::Open { conn, id });
        }
        let id = StreamId {
            by_peer,
            index: stream,
        };
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin,
        });
    }

    /// Abandons a stream of this side's.
    pub(crate) fn reset(&mut self, conn: ConnId, stream: u32) {
        let id = StreamId {
            by_peer: false,
            index: stream,
        };
        let code = Code::NONE;
        self.outputs.push_back(Output::Reset { conn, id, code });
    }

    /// Counts a sequenced frame that is being sent.
    pub(crate) fn count(&mut self, conn: ConnId, flags: Flags) {
        if let Some(wires) = self.wires.get_mut(&conn)
            && flags.has(Flags::SEQUENCED)
        {
            wires.sent += 1;
        }
    }

    /// RESUME says how many frames were received; what comes after it is counted from there.
    pub(crate) fn claim(&mut self, conn: ConnId, received: u64) {
        if let Some(wires) = self.wires.get_mut(&conn) {
            wires.received = received;
        }
    }

    /// Sequenced frames received and sent on a connection's session.
    pub(crate) fn counts(&self, conn: ConnId) -> (u64, u64) {
        let counts = self.wires.get(&conn).map(|w| (w.received, w.sent));
        counts.unwrap_or_default()
    }

    pub(crate) fn automatic(&mut self, conn: ConnId, ack: Option<bool>, pong: Option<bool>) {
        if let Some(wires) = self.wires.get_mut(&conn) {
            wires.ack = ack.unwrap_or(wires.ack);
            wires.pong = pong.unwrap_or(wires.pong);
        }
    }

    pub(crate) fn datagram(&mut self, conn: ConnId, bytes: Bytes) {
        self.datagrams.push_back((conn, bytes));
    }

    pub(crate) fn close(&mut self, conn: ConnId, code: Code) {
        self.outputs.push_back(Output::Close { conn, code });
    }

    fn tell(&mut self, at: Instant, conn: ConnId, what: What) {
        self.outputs
            .push_back(Output::Event(Heard { at, conn, what }));
    }

    fn bytes(&mut self, now: Instant, conn: ConnId, bytes: Bytes) {
        let Some(wires) = self.wires.get_mut(&conn).filter(|wires| !wires.garbled) else {
            return;
        };
        wires.framer.push(bytes);
        let mut owes = false;
        loop {
            let Some(wires) = self.wires.get_mut(&conn) else {
                return;
            };
            match wires.framer.next_frame() {
                Ok(Some(frame)) => {
                    if frame.header.flags.has(Flags::SEQUENCED) {
                        wires.received += 1;
                        owes |= wires.ack;
                    }
                    let pong = ping(&frame).filter(|_| wires.pong);
                    self.tell(now, conn, What::Frame(frame));
                    if let Some(token) = pong {
                        let params = Params::NONE;
                        self.by_itself(now, conn, Pong { token, params }.encode());
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    wires.garbled = true;
                    self.tell(now, conn, What::Garbled(error));
                    break;
                }
            }
        }
        if owes {
            let (received, _) = self.counts(conn);
            let params = Params::NONE;
            self.by_itself(now, conn, Ack { received, params }.encode());
        }
    }

    fn by_itself(&mut self, now: Instant, conn: ConnId, bytes: Bytes) {
        let mut framer = Framer::new(MAX_FRAME as u32);
        framer.push(bytes.clone());
        if let Ok(Some(frame)) = framer.next_frame() {
            self.tell(now, conn, What::Sent(frame));
        }
        self.write(conn, 0, bytes, false);
    }
}

fn ping(frame: &Frame) -> Option<u64> {
    if frame.header.kind != Ping::SCHEMA.kind {
        return None;
    }
    let read: Parsed<'_, Ping<'_>> = Ping::read(&frame.body);
    read.ok().map(|(_, ping)| ping.token)
}

impl Core for WireCore {
    type Event = Heard;

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connected { conn, purpose, .. } => {
                self.wires
                    .entry(conn)
                    .or_insert_with(|| Wires::new(StreamId::FIRST_OF_PEER, purpose, (0, 0)));
                self.tell(now, conn, What::Connected);
            }
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => {
                if self
                    .wires
                    .get(&conn)
                    .is_some_and(|wires| wires.frames == id)
                {
                    self.bytes(now, conn, bytes);
                    if fin {
                        self.tell(now, conn, What::Finished);
                    }
                } else if id.by_peer {
                    let stream = id.index;
                    self.tell(now, conn, What::Payload { stream, bytes, fin });
                }
            }
            Input::Datagram {
                conn, bytes, at, ..
            } => self.tell(at, conn, What::Datagram(bytes)),
            Input::Closed { conn, cause } => {
                self.wires.remove(&conn);
                self.tell(now, conn, What::Closed(cause));
            }
            Input::Reset { conn, id } => match id {
                StreamId::FIRST_OF_CLIENT => self.tell(now, conn, What::Finished),
                StreamId {
                    by_peer: true,
                    index: stream,
                } => self.tell(now, conn, What::PayloadReset { stream }),
                _ => {}
            },
            Input::Spliced { .. }
            | Input::Path { .. }
            | Input::Decision { .. }
            | Input::WallClock { .. }
            | Input::Envelope(_)
            | Input::Handover { .. }
            | Input::Wake => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Heard>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        None
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        let (conn, bytes) = self.datagrams.pop_front()?;
        buffer.clear();
        buffer.extend_from_slice(&bytes);
        Some(conn)
    }
}
