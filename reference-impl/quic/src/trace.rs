//! Seeing everything that crosses the seam between core and driver, in order.

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{ConnId, Input, Output, Purpose, Splice, StreamId};
use duet_protocol::server::ShardId;
use duet_protocol::service::Decide;
use duet_protocol::time::Instant;

/// Watches a driver: it is shown every input before the core takes it and every output before it is carried out.
pub trait Observer {
    /// The core is about to take an input.
    fn input(&mut self, now: Instant, input: &Input);

    /// The core has given an output.
    fn output(&mut self, now: Instant, output: Seen<'_>);
}

/// Two observers see the same, the first first.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn input(&mut self, now: Instant, input: &Input) {
        self.0.input(now, input);
        self.1.input(now, input);
    }

    fn output(&mut self, now: Instant, output: Seen<'_>) {
        self.0.output(now, output);
        self.1.output(now, output);
    }
}

/// An [`Output`](duet_protocol::io::Output) or a media datagram, as an observer sees it; what an event says is the
/// application's business.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A connection is asked for.
    Connect {
        /// Its number.
        conn: ConnId,
        /// What it is for.
        purpose: Purpose,
        /// Where to; empty for the driver's own server.
        endpoint: &'a str,
    },
    /// A stream is opened.
    Open {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
    },
    /// Bytes go onto a stream.
    Write {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The bytes.
        bytes: &'a Bytes,
        /// Whether they are the last.
        fin: bool,
    },
    /// A media datagram leaves the core.
    Datagram {
        /// The connection.
        conn: ConnId,
        /// Its payload.
        bytes: &'a [u8],
    },
    /// A stream is to carry a transfer's payload.
    Splice {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// What it carries.
        splice: Splice,
    },
    /// No more of a stream is wanted.
    Stop {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The code that the peer is told.
        code: Code,
    },
    /// A stream is abandoned.
    Reset {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The code that the peer is told.
        code: Code,
    },
    /// The peer may have so many streams open.
    Allow {
        /// The connection.
        conn: ConnId,
        /// How many.
        streams: u32,
    },
    /// A connection is to be closed.
    Close {
        /// The connection.
        conn: ConnId,
        /// The code that the peer is told.
        code: Code,
    },
    /// The service is asked.
    Decide(&'a Decide),
    /// Something goes to another shard of the server.
    Shard(ShardId),
    /// The application is told something.
    Event,
}

impl<'a> Seen<'a> {
    pub(crate) fn of<E>(output: &'a Output<E>) -> Self {
        match output {
            Output::Connect {
                conn,
                purpose,
                endpoint,
            } => Self::Connect {
                conn: *conn,
                purpose: *purpose,
                endpoint,
            },
            Output::Open { conn, id } => Self::Open {
                conn: *conn,
                id: *id,
            },
            Output::Write {
                conn,
                id,
                bytes,
                fin,
            } => Self::Write {
                conn: *conn,
                id: *id,
                bytes,
                fin: *fin,
            },
            Output::Splice { conn, id, splice } => Self::Splice {
                conn: *conn,
                id: *id,
                splice: *splice,
            },
            Output::Stop { conn, id, code } => Self::Stop {
                conn: *conn,
                id: *id,
                code: *code,
            },
            Output::Reset { conn, id, code } => Self::Reset {
                conn: *conn,
                id: *id,
                code: *code,
            },
            Output::Allow { conn, streams } => Self::Allow {
                conn: *conn,
                streams: *streams,
            },
            Output::Close { conn, code } => Self::Close {
                conn: *conn,
                code: *code,
            },
            Output::Decide(decide) => Self::Decide(decide),
            Output::Envelope { to, .. } | Output::Handover { to, .. } => Self::Shard(*to),
            Output::Event(_) => Self::Event,
        }
    }
}
