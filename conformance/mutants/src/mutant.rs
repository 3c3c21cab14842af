//! The real server's core, and a mutant around it that alters frames on their way in and out.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output, StreamId};
use duet_protocol::server::Server;
use duet_protocol::time::Instant;
use duet_protocol::wire::Value;

use crate::frames::{Cutter, Item};
use crate::twist::{Inward, Memory, Outward, Twist};

/// A connection, and what the mutant has done to its counts.
#[derive(Debug, Default)]
struct Line {
    inward: Cutter,
    outward: Cutter,
    /// Sequenced frames that the server counted and the client did not send.
    added_in: u64,
    /// The numbers, as the client counts, of frames that the server does not know of.
    added_out: Vec<u64>,
}

/// A server's core with a twist.
pub struct Mutant {
    server: Server,
    twist: Twist,
    memory: Memory,
    lines: BTreeMap<ConnId, Line>,
    outputs: VecDeque<Output<()>>,
    forged: VecDeque<(ConnId, Vec<u8>)>,
}

impl Mutant {
    /// The server with the twist of this mutant, or of none.
    pub fn new(server: Server, row: Option<&crate::Row>) -> Self {
        Self {
            server,
            twist: row.map_or(Twist::None, |row| row.twist),
            memory: Memory::default(),
            lines: BTreeMap::new(),
            outputs: VecDeque::new(),
            forged: VecDeque::new(),
        }
    }

    fn feed(&mut self, now: Instant, conn: ConnId, bytes: Vec<u8>, fin: bool) {
        let fin = fin && self.twist != Twist::FinIsNothing;
        if bytes.is_empty() && !fin {
            return;
        }
        let (id, bytes) = (StreamId::FIRST_OF_PEER, Bytes::from(bytes));
        self.server.handle(
            now,
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            },
        );
        self.drain(now);
    }

    fn stream(&mut self, now: Instant, conn: ConnId, bytes: &[u8], fin: bool) {
        self.lines.entry(conn).or_default().inward.push(bytes);
        while let Some(item) = self.next_in(conn) {
            self.frame_in(now, conn, item);
        }
        let inward = &mut self.lines.entry(conn).or_default().inward;
        if fin || inward.is_oversize() {
            let rest = inward.rest();
            self.feed(now, conn, rest, fin);
        }
    }

    fn next_in(&mut self, conn: ConnId) -> Option<Item> {
        let inward = &mut self.lines.get_mut(&conn)?.inward;
        if inward.is_oversize() {
            return None;
        }
        inward.next()
    }

    fn frame_in(&mut self, now: Instant, conn: ConnId, mut item: Item) {
        if item.name() == "ACK"
            && let (Some(line), Some(received)) = (self.lines.get(&conn), item.number("received"))
        {
            let added = line
                .added_out
                .iter()
                .filter(|number| **number <= received)
                .count();
            item.set("received", Value::Number(received - added as u64));
        }
        match self.twist.inward(&mut self.memory, conn, &mut item) {
            Inward::Pass => self.feed(now, conn, item.bytes(), false),
            Inward::Drop => {}
            Inward::At(other) => {
                let bytes = item.bytes();
                if item.is_sequenced() {
                    self.lines.entry(other).or_default().added_in += 1;
                }
                item.hollow();
                self.feed(now, conn, item.bytes(), false);
                self.feed(now, other, bytes, false);
            }
            Inward::Answer(bytes) => self.write(conn, bytes),
        }
    }

    fn write(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let (id, bytes) = (StreamId::FIRST_OF_PEER, Bytes::from(bytes));
        self.outputs.push_back(Output::Write {
            conn,
            id,
            bytes,
            fin: false,
        });
    }

    fn drain(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.server.poll_output() {
                self.output(output);
            }
            let Some((conn, bytes)) = self.forged.pop_front() else {
                return;
            };
            let (id, bytes) = (StreamId::FIRST_OF_PEER, Bytes::from(bytes));
            let input = Input::Stream {
                conn,
                id,
                bytes,
                fin: false,
            };
            self.server.handle(now, input);
        }
    }

    fn output(&mut self, output: Output<duet_protocol::server::Event>) {
        match output {
            Output::Write {
                conn,
                id: StreamId::FIRST_OF_PEER,
                bytes,
                ..
            } => {
                self.lines.entry(conn).or_default().outward.push(&bytes);
                while let Some(item) = self.lines.get_mut(&conn).and_then(|l| l.outward.next()) {
                    self.frame_out(conn, item);
                }
            }
            Output::Close { conn, code } => {
                let code = self.twist.close(code);
                self.outputs.push_back(Output::Close { conn, code });
            }
            Output::Decide(decide) => self.outputs.push_back(Output::Decide(decide)),
            Output::Envelope { to, envelope } => {
                self.outputs.push_back(Output::Envelope { to, envelope });
            }
            Output::Handover { conn, to, handover } => {
                self.outputs
                    .push_back(Output::Handover { conn, to, handover });
            }
            Output::Event(_) => {}
            Output::Connect {
                conn,
                purpose,
                endpoint,
            } => {
                self.outputs.push_back(Output::Connect {
                    conn,
                    purpose,
                    endpoint,
                });
            }
            Output::Open { conn, id } => self.outputs.push_back(Output::Open { conn, id }),
            Output::Write {
                conn,
                id,
                bytes,
                fin,
            } => {
                let bytes = self.bulk_out(bytes);
                self.outputs.push_back(Output::Write {
                    conn,
                    id,
                    bytes,
                    fin,
                });
            }
            Output::Splice { conn, id, splice } => {
                self.outputs.push_back(Output::Splice { conn, id, splice });
            }
            Output::Stop { conn, id, code } => {
                self.outputs.push_back(Output::Stop { conn, id, code });
            }
            Output::Reset { conn, id, code } => {
                self.outputs.push_back(Output::Reset { conn, id, code });
            }
            Output::Allow { conn, streams } => {
                self.outputs.push_back(Output::Allow { conn, streams });
            }
        }
    }

    /// The first frame of a stream that the server opens; nothing else goes onto one but an empty end.
    fn bulk_out(&self, bytes: Bytes) -> Bytes {
        let mut cutter = Cutter::default();
        cutter.push(&bytes);
        match cutter.next() {
            Some(mut item) => {
                self.twist.bulk_out(&mut item);
                Bytes::from(item.bytes())
            }
            None => bytes,
        }
    }

    /// Bytes of a stream that a client opened beyond its first: at most one frame, whole or in pieces.
    fn bulk_in(&mut self, now: Instant, conn: ConnId, id: StreamId, bytes: Bytes, fin: bool) {
        let mut cutter = Cutter::default();
        cutter.push(&bytes);
        let bytes = match cutter.next() {
            Some(mut item) => {
                self.twist.bulk_in(&self.memory, &mut item);
                Bytes::from([item.bytes(), cutter.rest()].concat())
            }
            None => bytes,
        };
        let input = Input::Stream {
            conn,
            id,
            bytes,
            fin,
        };
        self.server.handle(now, input);
    }

    fn frame_out(&mut self, conn: ConnId, mut item: Item) {
        let line = self.lines.entry(conn).or_default();
        if item.name() == "ACK"
            && let Some(received) = item.number("received")
        {
            item.set(
                "received",
                Value::Number(received.saturating_sub(line.added_in)),
            );
        }
        let done = self.twist.outward(&mut self.memory, conn, &mut item);
        if done == Outward::Drop {
            return;
        }
        self.write(conn, item.bytes());
        self.sent(conn, &item);
        match done {
            Outward::Twice => {
                self.write(conn, item.bytes());
                let number = self.sent(conn, &item);
                self.lines.entry(conn).or_default().added_out.push(number);
            }
            Outward::Forge(bytes) => self.forged.push_back((conn, bytes)),
            Outward::Pass | Outward::Drop => {}
        }
    }

    fn sent(&mut self, conn: ConnId, item: &Item) -> u64 {
        let sent = self.memory.sent.entry(conn).or_default();
        *sent += u64::from(item.is_sequenced());
        *sent
    }
}

impl Core for Mutant {
    type Event = ();

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Stream {
                conn,
                id: StreamId::FIRST_OF_PEER,
                bytes,
                fin,
            } => {
                self.stream(now, conn, &bytes, fin);
            }
            Input::Stream { .. } if self.twist == Twist::AnyStream => {}
            Input::Stream {
                conn,
                id,
                bytes,
                fin,
            } => self.bulk_in(now, conn, id, bytes, fin),
            Input::Closed { conn, cause } => {
                self.lines.remove(&conn);
                self.server.handle(now, Input::Closed { conn, cause });
            }
            input => self.server.handle(now, input),
        }
        self.drain(now);
    }

    fn poll_output(&mut self) -> Option<Output<()>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        self.server.deadline()
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        self.server.next_datagram(buffer)
    }
}
