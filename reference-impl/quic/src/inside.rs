//! What was inside of a simulated run's packets, for its capture.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use duet_protocol::io::{ConnId, Input, StreamId};
use duet_protocol::limits::MAX_FRAME;
use duet_protocol::time::Instant;
use duet_protocol::wire::{Frame, Framer, HEADER_LEN};
use duet_sim::Time;
use duet_sim::pcapng::Pdu;

use crate::trace::{Observer, Seen};

/// The dissectors of `spec/duet.lua`.
const FRAMES: &str = "duet";
const DATAGRAMS: &str = "duet_media";

/// Keeps the frames and media datagrams that cross a client's seam, each as a [`Pdu`]: what it sends when its core does,
/// and what it receives when its core does. What was lost on the way to it is not among them. Passwords are.
///
/// Clones share one collection, so that one observes a driver and another is asked in the end.
#[derive(Clone)]
pub struct Inside(Arc<Mutex<Kept>>);

struct Kept {
    own: SocketAddr,
    server: SocketAddr,
    framers: BTreeMap<(ConnId, StreamId, bool), Framer>,
    pdus: Vec<Pdu>,
    left: usize,
    omitted: u64,
}

impl Inside {
    /// Of a client at one address, with its server at another; at most `limit` bytes of messages are kept.
    pub fn new(own: SocketAddr, server: SocketAddr, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            own,
            server,
            framers: BTreeMap::new(),
            pdus: Vec::new(),
            left: limit,
            omitted: 0,
        })))
    }

    /// What was kept so far, in the order of time.
    pub fn pdus(&self) -> Vec<Pdu> {
        self.kept().pdus.clone()
    }

    /// Messages for which there was no room.
    pub fn omitted(&self) -> u64 {
        self.kept().omitted
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn stream(&mut self, now: Instant, sent: bool, conn: ConnId, id: StreamId, bytes: &Bytes) {
        let new = || Framer::new(MAX_FRAME as u32);
        let framer = self.framers.entry((conn, id, sent)).or_insert_with(new);
        framer.push(bytes.clone());
        let mut whole = Vec::new();
        while let Ok(Some(frame)) = framer.next_frame() {
            whole.push(frame);
        }
        for Frame { header, body } in whole {
            let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
            header.write(&mut bytes);
            bytes.extend_from_slice(&body);
            self.keep(now, sent, FRAMES, bytes);
        }
    }

    fn keep(&mut self, now: Instant, sent: bool, dissector: &'static str, bytes: Vec<u8>) {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.omitted += 1;
            return;
        };
        self.left = left;
        let (source, destination) = match sent {
            true => (self.own, self.server),
            false => (self.server, self.own),
        };
        self.pdus.push(Pdu {
            at: Time::from_micros(now.as_micros()),
            source,
            destination,
            dissector,
            bytes,
        });
    }
}

impl Observer for Inside {
    fn input(&mut self, now: Instant, input: &Input) {
        let mut kept = self.kept();
        match input {
            Input::Stream {
                conn, id, bytes, ..
            } => kept.stream(now, false, *conn, *id, bytes),
            Input::Datagram { bytes, .. } => kept.keep(now, false, DATAGRAMS, bytes.to_vec()),
            Input::Closed { conn, .. } => kept.framers.retain(|(of, _, _), _| of != conn),
            Input::Connected { .. }
            | Input::Reset { .. }
            | Input::Spliced { .. }
            | Input::Path { .. }
            | Input::Decision { .. }
            | Input::WallClock { .. }
            | Input::Envelope(_)
            | Input::Handover { .. }
            | Input::Wake => {}
        }
    }

    fn output(&mut self, now: Instant, output: Seen<'_>) {
        let mut kept = self.kept();
        match output {
            Seen::Write {
                conn, id, bytes, ..
            } => kept.stream(now, true, conn, id, bytes),
            Seen::Datagram { bytes, .. } => kept.keep(now, true, DATAGRAMS, bytes.to_vec()),
            Seen::Connect { .. }
            | Seen::Open { .. }
            | Seen::Splice { .. }
            | Seen::Stop { .. }
            | Seen::Reset { .. }
            | Seen::Allow { .. }
            | Seen::Close { .. }
            | Seen::Decide(_)
            | Seen::Shard(_)
            | Seen::Event => {}
        }
    }
}
