//! The seam between the core and whatever carries it: one thing in, one ordered thing out, one deadline.
//!
//! The core asks for a QUIC-shaped session: one control stream, further independent streams, datagrams. Which
//! transport that is, a socket, a simulator or a test, it cannot tell.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;

use crate::code::Code;
use crate::media::Ecn;
use crate::server::{Envelope, Handover, ShardId};
use crate::service::{Decide, Decision, DecisionId};
use crate::time::Instant;

pub use crate::transfer::{Carried, Direction, FirstFrame, Splice};

/// A connection. A client's core numbers those that it asks for; a server's driver numbers those that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A bidirectional stream of a connection: the `index`-th that this side, or the peer, opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Whether the peer opened it.
    pub by_peer: bool,
    /// Counted from 0, per opener.
    pub index: u32,
}

impl StreamId {
    /// The first stream that the client opens: control on a control connection, ATTACH on a media connection.
    pub const FIRST_OF_CLIENT: Self = Self {
        by_peer: false,
        index: 0,
    };
    /// The same stream as the server sees it.
    pub const FIRST_OF_PEER: Self = Self {
        by_peer: true,
        index: 0,
    };
}

/// What a connection is for; agreed by ALPN where the binding is QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// `duet/1`: control and bulk.
    Control,
    /// `duet-media/1`: media datagrams.
    Media,
    /// `duet-service/1`: a business service, at a listener of its own.
    Service,
}

impl Purpose {
    /// The ALPN protocol id (RFC 7301).
    pub const fn alpn(self) -> &'static [u8] {
        //= WIRE-013
        match self {
            Self::Control => b"duet/1",
            Self::Media => b"duet-media/1",
            //= SVC-001
            Self::Service => b"duet-service/1",
        }
    }
}

/// What a binding can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// Media datagrams share the control connection (a browser's WebTransport).
    pub shared_media: bool,
    /// Datagrams may be lost; false where they ride on TCP.
    pub unreliable_datagrams: bool,
}

impl Capabilities {
    /// A binding that carries streams and nothing else, such as one over TCP.
    pub const STREAMS: Self = Self {
        shared_media: false,
        unreliable_datagrams: false,
    };
}

/// Why a connection is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The peer closed it, with this code.
    Peer(Code),
    /// Nothing was heard for the transport's idle time.
    TimedOut,
    /// It was never established, or the transport failed; the text is for people.
    Failed(String),
    /// This side closed it.
    Local,
}

/// What the world tells the core.
#[derive(Debug)]
pub enum Input {
    /// A connection is ready.
    Connected {
        /// Which one.
        conn: ConnId,
        /// What it is for.
        purpose: Purpose,
        /// What its binding can do.
        capabilities: Capabilities,
    },
    /// Bytes of a stream, in order.
    Stream {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The next bytes; sliced, not copied.
        bytes: Bytes,
        /// Whether these are the last.
        fin: bool,
    },
    /// The peer abandoned a stream that carries no payload.
    Reset {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
    },
    /// How [`Output::Splice`] fares.
    Spliced {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The position in the transfer's payload that it has come to.
        at: u64,
        /// How it fares.
        carried: Carried,
    },
    /// A datagram arrived.
    Datagram {
        /// The connection.
        conn: ConnId,
        /// Its payload.
        bytes: Bytes,
        /// When the socket had it; not later than the `now` of this call.
        at: Instant,
        /// The ECN field of the IP packet that carried it; [`Ecn::NotEct`] where the platform does not tell.
        ecn: Ecn,
    },
    /// The path's state, told when it changes and every so often.
    Path {
        /// The connection.
        conn: ConnId,
        /// Smoothed round-trip time.
        rtt: Duration,
        /// The largest datagram payload that fits, in bytes.
        max_datagram: u16,
    },
    /// A connection is gone.
    Closed {
        /// Which one.
        conn: ConnId,
        /// Why.
        cause: Cause,
    },
    /// The answer to [`Output::Decide`].
    Decision {
        /// Which question.
        id: DecisionId,
        /// The answer.
        decision: Decision,
    },
    /// Wall-clock time: microseconds since 1970-01-01 UTC, now. Told at the start and after every step of the clock.
    WallClock {
        /// Microseconds since 1970-01-01 UTC.
        unix_micros: u64,
    },
    /// What [`Output::Envelope`] of another shard asked to be brought here.
    Envelope(Box<Envelope>),
    /// What [`Output::Handover`] of another shard asked to be brought here; the connection is this shard's from now on.
    Handover {
        /// The connection, by a number that no other of this shard has.
        conn: ConnId,
        /// What is known of it.
        handover: Handover,
    },
    /// Nothing but that time has passed.
    Wake,
}

/// What the core asks of the world, in order.
#[derive(Debug)]
pub enum Output<E> {
    /// Open a connection.
    Connect {
        /// Its number from now on.
        conn: ConnId,
        /// What it is for.
        purpose: Purpose,
        /// Where to; empty means the address that the driver was given.
        endpoint: String,
    },
    /// Open a bidirectional stream.
    Open {
        /// The connection.
        conn: ConnId,
        /// Its handle from now on.
        id: StreamId,
    },
    /// Send bytes on a stream.
    Write {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The bytes.
        bytes: Bytes,
        /// Whether these are the last.
        fin: bool,
    },
    /// Carry a transfer's payload over a stream whose first frame has been read, or written; how that fares is
    /// [`Input::Spliced`].
    Splice {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// What it carries.
        splice: Splice,
    },
    /// Ask the peer to send no more on a stream; whatever of it comes is thrown away.
    Stop {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The code that the peer is told.
        code: Code,
    },
    /// Abandon a stream; what was not sent of it never is.
    Reset {
        /// The connection.
        conn: ConnId,
        /// The stream.
        id: StreamId,
        /// The code that the peer is told.
        code: Code,
    },
    /// Let the peer have so many streams open at once, from now on.
    Allow {
        /// The connection.
        conn: ConnId,
        /// How many, the first included.
        streams: u32,
    },
    /// Close a connection, once what was written before has been acknowledged or a second has passed.
    Close {
        /// The connection.
        conn: ConnId,
        /// The code that the peer is told.
        code: Code,
    },
    /// Ask the service; the answer is [`Input::Decision`].
    Decide(Decide),
    /// Bring this to another shard of the server, as [`Input::Envelope`]. From one shard to another nothing is lost or
    /// overtaken; only a server of several shards asks for it.
    Envelope {
        /// To which.
        to: ShardId,
        /// What.
        envelope: Box<Envelope>,
    },
    /// Give this connection to another shard, as [`Input::Handover`]: what comes on it from now on is that shard's.
    Handover {
        /// The connection.
        conn: ConnId,
        /// To which.
        to: ShardId,
        /// What is known of it.
        handover: Handover,
    },
    /// Tell the application.
    Event(E),
}

/// Which timer a deadline belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A new connection must have logged in.
    Login,
    /// The service must have decided.
    Decision,
    /// A heartbeat is due.
    Heartbeat,
    /// The link counts as dead.
    Dead,
    /// The next attempt to connect.
    Reconnect,
    /// The window for resuming closes.
    Resume,
    /// A call rang long enough.
    Ring,
    /// Both sides of a call must have entered its room.
    Join,
    /// A suspended side of a call must have come back.
    Suspended,
    /// An offer must have been answered.
    Offer,
    /// A transfer must have made progress.
    Stall,
    /// A media ticket or a remembered id expires.
    Expiry,
    /// A media connection must have attached, or is idle for too long.
    Attach,
    /// Feedback is due.
    Feedback,
    /// The pacer may send again.
    Pacing,
    /// A packet is due for playout.
    Playout,
}

/// The next instant at which the core wants [`Input::Wake`], and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why.
    pub timer: Timer,
}

impl Deadline {
    pub(crate) const fn new(at: Instant, timer: Timer) -> Self {
        Self { at, timer }
    }
}

/// What every driver drives: a client's core and a server's core alike.
///
/// All work happens in `handle` (and in the commands of the concrete type); the rest only looks or pops, so several
/// inputs before a drain are legal.
pub trait Core {
    /// What the application is told.
    type Event;

    /// Takes one input. It never fails and never panics, whatever the peer sent.
    fn handle(&mut self, now: Instant, input: Input);

    /// Pops the next output.
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;

    /// The next instant at which `handle(now, Input::Wake)` has something to do.
    fn deadline(&self) -> Option<Deadline>;

    /// Pops the next media datagram into `buffer`, which is cleared first, and says where it goes.
    fn next_datagram(&mut self, buffer: &mut alloc::vec::Vec<u8>) -> Option<ConnId>;
}
