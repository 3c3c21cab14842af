//! A server with a defect that a server could well have: what it sends again after a resume is counted, and the messages
//! among it are gone.
//!
//! It stands around the real core, as the mutants of the conformance suite do, so that the protocol's own code has no
//! switch for it. Sender and receiver count the same frames; only the text is missing, and its sender is told that it was
//! delivered, since the receiver has acknowledged what came in its place.

use std::collections::VecDeque;

use bytes::Bytes;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output};
use duet_protocol::message;
use duet_protocol::server::{Census, Event, Server};
use duet_protocol::time::Instant;
use duet_protocol::wire::{FrameHeader, HEADER_LEN};

/// A kind that nobody knows and everybody skips (WIRE-008).
const RESERVED: u16 = 0x80aa;

/// The server's core, with the defect or without it.
pub(super) struct Planted {
    server: Server,
    on: bool,
    outputs: VecDeque<Output<Event>>,
}

impl Planted {
    pub(super) const fn new(server: Server, on: bool) -> Self {
        Self {
            server,
            on,
            outputs: VecDeque::new(),
        }
    }

    pub(super) fn census(&self) -> Census {
        self.server.census()
    }
}

impl Core for Planted {
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input) {
        self.server.handle(now, input);
        // What follows RESUMED within one call is what the client had not acknowledged.
        let mut resumed: Option<ConnId> = None;
        while let Some(mut output) = self.server.poll_output() {
            if let Output::Write { conn, bytes, .. } = &mut output
                && self.on
            {
                match name(bytes) {
                    "RESUMED" => resumed = Some(*conn),
                    "TEXT_FROM" | "DATA_FROM" if resumed == Some(*conn) => *bytes = hollow(bytes),
                    _ => {}
                }
            }
            self.outputs.push_back(output);
        }
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Deadline> {
        self.server.deadline()
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        self.server.next_datagram(buffer)
    }
}

/// The name of the frame that these bytes are; the server writes one at a time.
fn name(bytes: &[u8]) -> &'static str {
    let header = FrameHeader::read(bytes).ok();
    let whole = header.filter(|(_, header)| HEADER_LEN + header.length as usize == bytes.len());
    let schema = whole.and_then(|(_, header)| message::schema(header.kind));
    schema.map_or("", |schema| schema.name)
}

/// The same frame with nothing in it, counted as before.
fn hollow(bytes: &[u8]) -> Bytes {
    let Ok((_, header)) = FrameHeader::read(bytes) else {
        return Bytes::copy_from_slice(bytes);
    };
    let mut frame = Vec::with_capacity(HEADER_LEN);
    FrameHeader {
        kind: RESERVED,
        length: 0,
        ..header
    }
    .write(&mut frame);
    Bytes::from(frame)
}
