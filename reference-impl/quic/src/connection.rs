//! One connection: its streams, its graceful end, its reports on the path.

mod bulk;
mod clock;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::io::{Capabilities, Cause, ConnId, Input, Purpose, StreamId};
use duet_protocol::media::Ecn;
use duet_protocol::time::Instant;
use quinn_proto::{
    Chunk, Dir, EcnCodepoint, Event, ReadError, SendDatagramError, Side, StreamEvent, VarInt,
    WriteError,
};
use tracing::debug;

use crate::cause;
use crate::controller::{Handle, Mode};
use crate::driver::Door;
use crate::tls;
use crate::transport::CONTROL_STREAMS;

use self::bulk::Incoming;
pub(crate) use self::bulk::{Given, Taken};

/// How long a close waits for acknowledgements.
const LINGER: Duration = Duration::from_secs(1);

/// How often the path is told even if it stays the same; and the change of the round-trip time, as a divisor of it,
/// that is told at once.
const PATH_INTERVAL: Duration = Duration::from_millis(100);
const PATH_CHANGE: u32 = 10;

/// A binding on QUIC keeps media apart and loses datagrams.
const CAPABILITIES: Capabilities = Capabilities {
    shared_media: false,
    unreliable_datagrams: true,
};

/// What QUIC has something to say about: a UDP datagram that arrived, or that time has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    /// When the socket had the UDP datagram.
    at: Instant,
    /// Its ECN field.
    ecn: Ecn,
}

impl Occasion {
    /// A UDP datagram that the socket had at `at`.
    pub(crate) fn arrival(at: Instant, ecn: Option<EcnCodepoint>) -> Self {
        //= MEDIA-042
        let ecn = Ecn::from_bits(ecn.map_or(0, |ecn| ecn as u8));
        Self { at, ecn }
    }

    /// Nothing that arrived.
    pub(crate) const fn time(now: Instant) -> Self {
        let ecn = Ecn::NotEct;
        Self { at: now, ecn }
    }
}

/// A connection, as the driver keeps it.
pub(crate) struct Conn {
    pub(crate) quic: quinn_proto::Connection,
    /// Its number in the core.
    pub(crate) id: ConnId,
    /// Its place among the driver's timers.
    pub(crate) timeout: Option<std::time::Instant>,
    /// Whether it is in the driver's queue of connections that may have packets to send.
    pub(crate) queued: bool,
    /// Whether its datagrams were stuck for so long that they no longer wait.
    pub(crate) stalled: bool,
    /// By which door it came, and its packets go.
    pub(crate) door: Door,
    /// Whether a service may come by that door.
    admits_services: bool,
    handle: Arc<Handle>,
    phase: Phase,
    /// Until when QUIC's timers wait.
    rest: Option<std::time::Instant>,
    /// Until when it has to be established.
    patience: Option<Instant>,
    purpose: Option<Purpose>,
    /// The sending sides of streams, from their opening to their end.
    streams: BTreeMap<StreamId, Outgoing>,
    /// The receiving sides of those whose bytes the core does not get, or not all.
    incoming: BTreeMap<StreamId, Incoming>,
    /// Whether the core gets every byte of every stream.
    whole_streams: bool,
    /// Streams with payload on which there may be something to do.
    stirred: Vec<StreamId>,
    /// Streams that the core opened, and those that QUIC has opened of them.
    wanted: u32,
    opened: u32,
    /// Whether stream data was ever written, and whether some was since the connection last had nothing to send.
    written: bool,
    unsent: bool,
    told: Option<Told>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not established yet; only a client's core knows of it.
    Handshake,
    /// Established, by a door that is not for it: it is closed before the core comes to know of it.
    Turned,
    /// Established, and the core knows it.
    Open,
    /// The core closed it; what was written is still on its way.
    Closing { code: Code, until: Instant },
    /// The core is told no more of it.
    Gone,
}

/// Bytes of a stream that may wait for the peer's flow control: twice what a core keeps to be acknowledged.
const MAX_QUEUED: usize = 2 << 20;

/// The sending side of a stream.
#[derive(Default)]
struct Outgoing {
    /// What flow control holds back.
    queue: VecDeque<Bytes>,
    /// Its bytes. The core bounds what is to be acknowledged, but not answers such as PONG: past [`MAX_QUEUED`] the
    /// peer is given up.
    queued: usize,
    fin: bool,
    finished: bool,
    /// Whether payload follows what the core has written.
    payload: bool,
}

/// What the core was last told of the path.
struct Told {
    at: Instant,
    remote: SocketAddr,
    rtt: Duration,
}

impl Conn {
    pub(crate) fn new(quic: quinn_proto::Connection, id: ConnId, handle: Arc<Handle>) -> Self {
        Self {
            quic,
            id,
            timeout: None,
            queued: false,
            stalled: false,
            door: Door::Clients,
            admits_services: true,
            handle,
            phase: Phase::Handshake,
            rest: None,
            patience: None,
            purpose: None,
            streams: BTreeMap::new(),
            incoming: BTreeMap::new(),
            whole_streams: false,
            stirred: Vec::new(),
            wanted: 0,
            opened: 0,
            written: false,
            unsent: false,
            told: None,
        }
    }

    /// The same, come by a door at which services are welcome or not.
    pub(crate) fn by(self, door: Door, admits_services: bool) -> Self {
        Self {
            door,
            admits_services,
            ..self
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.handle.mode()
    }

    /// Bits per second that the window stands for.
    pub(crate) fn rate(&self) -> u64 {
        let window = self.quic.congestion_state().window();
        self.handle.rate(window, self.quic.rtt())
    }

    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.handle.min_rtt()
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.phase == Phase::Handshake
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Turns what QUIC has to say into inputs for the core. All datagrams that wait are from the UDP datagram that was
    /// handled last: this is called after each.
    pub(crate) fn poll(&mut self, now: Instant, occasion: Occasion, inputs: &mut VecDeque<Input>) {
        while let Some(event) = self.quic.poll() {
            match event {
                Event::HandshakeDataReady => self.agreed(),
                Event::Connected => self.connected(inputs),
                Event::ConnectionLost { reason } => self.lost(&reason, inputs),
                Event::Stream(event) => self.stream_event(event, inputs),
                Event::DatagramReceived => {
                    while let Some(bytes) = self.quic.datagrams().recv() {
                        let (conn, Occasion { at, ecn }) = (self.id, occasion);
                        let input = Input::Datagram {
                            conn,
                            bytes,
                            at,
                            ecn,
                        };
                        self.tell(input, inputs);
                    }
                }
                Event::DatagramsUnblocked => self.stalled = false,
            }
        }
        self.tell_path(now, inputs);
    }

    fn agreed(&mut self) {
        self.purpose = tls::purpose(self.quic.crypto_session());
        match self.purpose {
            Some(Purpose::Media) => self.handle.switch(Mode::Media),
            Some(Purpose::Control) if self.quic.side() == Side::Server => {
                self.allow_streams(CONTROL_STREAMS);
            }
            _ => {}
        }
    }

    pub(crate) fn allow_streams(&mut self, count: u32) {
        self.quic
            .set_max_concurrent_streams(Dir::Bi, VarInt::from_u32(count));
    }

    fn connected(&mut self, inputs: &mut VecDeque<Input>) {
        let Some(purpose) = self.purpose else {
            // TLS refuses a connection without ALPN before it comes to this.
            debug_assert!(false, "established without a protocol");
            return;
        };
        if purpose == Purpose::Service && !self.admits_services {
            //= SVC-001
            self.phase = Phase::Turned;
            return;
        }
        self.phase = Phase::Open;
        inputs.push_back(Input::Connected {
            conn: self.id,
            purpose,
            capabilities: CAPABILITIES,
        });
    }

    fn lost(&mut self, reason: &quinn_proto::ConnectionError, inputs: &mut VecDeque<Input>) {
        let cause = match self.phase {
            Phase::Handshake if self.quic.side() == Side::Server => {
                debug!(remote = %self.quic.remote_address(), %reason, "handshake failed");
                None
            }
            Phase::Handshake | Phase::Open => Some(cause::of(reason)),
            Phase::Closing { .. } => Some(Cause::Local),
            Phase::Turned | Phase::Gone => None,
        };
        self.phase = Phase::Gone;
        let conn = self.id;
        inputs.extend(cause.map(|cause| Input::Closed { conn, cause }));
    }

    fn stream_event(&mut self, event: StreamEvent, inputs: &mut VecDeque<Input>) {
        match event {
            StreamEvent::Opened { dir } => {
                while let Some(stream) = self.quic.streams().accept(dir) {
                    self.streams.insert(self.name(stream), Outgoing::default());
                    self.read(stream, inputs);
                }
            }
            StreamEvent::Readable { id } => self.read(id, inputs),
            StreamEvent::Writable { id } => self.flush(self.name(id)),
            StreamEvent::Finished { id } => {
                self.streams.remove(&self.name(id));
            }
            StreamEvent::Stopped { id, error_code } => {
                // RFC 9000 §3.5: a stream that the peer stops is reset. What was queued is moot.
                if self.quic.send_stream(id).reset(error_code).is_err() {
                    debug!(%id, "stopped after its end");
                }
                let id = self.name(id);
                if self
                    .streams
                    .remove(&id)
                    .is_some_and(|stream| stream.payload)
                {
                    self.stirred.push(id);
                }
            }
            StreamEvent::Available { .. } => self.open_wanted(),
        }
    }

    fn read(&mut self, stream: quinn_proto::StreamId, inputs: &mut VecDeque<Input>) {
        let (conn, id) = (self.id, self.name(stream));
        if !self.is_first(id) && !self.whole_streams && self.phase == Phase::Open {
            return self.read_head(id, inputs);
        }
        let mut last: Option<Bytes> = None;
        let (mut fin, mut reset) = (false, false);
        let mut receiver = self.quic.recv_stream(stream);
        let Ok(mut chunks) = receiver.read(true) else {
            return;
        };
        let deaf = !matches!(self.phase, Phase::Open);
        loop {
            match chunks.next(usize::MAX) {
                // The core is done with this connection: the bytes are read only to keep flow control moving.
                Ok(Some(_)) if deaf => {}
                Ok(Some(Chunk { bytes, .. })) => {
                    if let Some(bytes) = last.replace(bytes) {
                        let fin = false;
                        inputs.push_back(Input::Stream {
                            conn,
                            id,
                            bytes,
                            fin,
                        });
                    }
                }
                Ok(None) => {
                    fin = true;
                    break;
                }
                Err(ReadError::Blocked) => break,
                Err(ReadError::Reset(_)) => {
                    reset = true;
                    break;
                }
            }
        }
        // What this says, that flow control has credit to announce, poll_transmit finds by itself.
        let _ = chunks.finalize();
        if deaf {
            return;
        }
        if last.is_some() || fin {
            let bytes = last.unwrap_or_default();
            inputs.push_back(Input::Stream {
                conn,
                id,
                bytes,
                fin,
            });
        }
        if reset {
            inputs.push_back(Input::Reset { conn, id });
        }
    }

    fn tell(&self, input: Input, inputs: &mut VecDeque<Input>) {
        if self.phase == Phase::Open {
            inputs.push_back(input);
        }
    }

    fn tell_path(&mut self, now: Instant, inputs: &mut VecDeque<Input>) {
        if self.phase != Phase::Open {
            return;
        }
        let remote = self.quic.remote_address();
        let rtt = self.quic.rtt();
        let news = self.told.as_ref().is_none_or(|told| {
            told.remote != remote
                || told.rtt.abs_diff(rtt) > told.rtt / PATH_CHANGE
                || now.since(told.at) >= PATH_INTERVAL
        });
        if !news {
            return;
        }
        let at = now;
        self.told = Some(Told { at, remote, rtt });
        let max = self.quic.datagrams().max_size().unwrap_or(0);
        inputs.push_back(Input::Path {
            conn: self.id,
            rtt,
            max_datagram: u16::try_from(max).unwrap_or(u16::MAX),
        });
    }

    pub(crate) fn open(&mut self, id: StreamId) {
        debug_assert!(!id.by_peer && id.index == self.wanted, "opened out of turn");
        self.streams.insert(id, Outgoing::default());
        self.wanted += 1;
        self.open_wanted();
    }

    fn open_wanted(&mut self) {
        while self.opened < self.wanted && self.quic.streams().open(Dir::Bi).is_some() {
            let id = StreamId {
                by_peer: false,
                index: self.opened,
            };
            self.opened += 1;
            match self.streams.contains_key(&id) {
                true => self.flush(id),
                // Given up while it waited for its turn: the peer has it counted, and learns that nothing comes.
                false => self.abandon(id, Code::NONE),
            }
        }
    }

    /// Writes; true where the peer has let too much pile up.
    #[must_use]
    pub(crate) fn write(&mut self, id: StreamId, bytes: Bytes, fin: bool) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else {
            debug!(?id, "write to a stream that has ended");
            return false;
        };
        if !bytes.is_empty() {
            stream.queued += bytes.len();
            stream.queue.push_back(bytes);
        }
        stream.fin |= fin;
        self.flush(id);
        self.streams
            .get(&id)
            .is_some_and(|stream| stream.queued > MAX_QUEUED)
    }

    /// Wants no more of a stream; what of it still comes is thrown away by QUIC.
    pub(crate) fn stop(&mut self, id: StreamId, code: Code) {
        self.forget_incoming(id);
        let quic_id = self.quic_id(id);
        if self
            .quic
            .recv_stream(quic_id)
            .stop(cause::error_code(code))
            .is_err()
        {
            debug!(?id, "stopped after its end");
        }
    }

    /// Abandons the sending side of a stream.
    pub(crate) fn reset(&mut self, id: StreamId, code: Code) {
        if self.streams.remove(&id).is_some() {
            self.abandon(id, code);
        }
    }

    fn abandon(&mut self, id: StreamId, code: Code) {
        let quic_id = self.quic_id(id);
        let mut sender = self.quic.send_stream(quic_id);
        if sender.reset(cause::error_code(code)).is_err() {
            debug!(?id, "reset before its beginning, or after its end");
        }
    }

    fn flush(&mut self, id: StreamId) {
        if !id.by_peer && id.index >= self.opened {
            return;
        }
        let quic_id = self.quic_id(id);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let mut sender = self.quic.send_stream(quic_id);
        while !stream.queue.is_empty() {
            match sender.write_chunks(stream.queue.make_contiguous()) {
                Ok(written) => {
                    stream.queued = stream.queued.saturating_sub(written.bytes);
                    stream.queue.drain(..written.chunks);
                    self.written = true;
                    self.unsent = true;
                }
                Err(WriteError::Blocked) => return,
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => {
                    self.streams.remove(&id);
                    return;
                }
            }
        }
        if stream.fin && !stream.finished {
            stream.finished = true;
            if sender.finish().is_ok() {
                self.written = true;
                self.unsent = true;
            }
        }
        if stream.payload {
            self.stirred.push(id);
        }
    }

    /// Hands QUIC a datagram.
    ///
    /// # Errors
    ///
    /// The datagram, if the queue is full.
    pub(crate) fn send_datagram(&mut self, bytes: Bytes) -> Result<Offered, Bytes> {
        if self.phase != Phase::Open {
            return Ok(Offered::Dropped);
        }
        match self.quic.datagrams().send(bytes, false) {
            Ok(()) => Ok(Offered::Queued),
            Err(SendDatagramError::Blocked(bytes)) => Err(bytes),
            Err(error) => {
                debug!(%error, "datagram dropped");
                Ok(Offered::Dropped)
            }
        }
    }

    /// The connection has nothing to send at the moment: what was written is on its way, or congestion holds it.
    pub(crate) fn sent_all(&mut self) {
        if self.unsent {
            self.unsent = false;
            self.handle.sent_more();
        }
    }

    /// Whether the peer has all that was written to streams.
    fn all_acked(&self) -> bool {
        let none_queued = self.streams.values().all(|stream| stream.queue.is_empty());
        none_queued && (!self.written || !self.unsent && self.handle.all_acked())
    }

    pub(crate) fn close(&mut self, now: Instant, code: Code) {
        match self.phase {
            Phase::Handshake | Phase::Open => {
                let until = match self.phase {
                    Phase::Open => now.after(LINGER),
                    _ => now,
                };
                self.phase = Phase::Closing { code, until };
            }
            Phase::Turned | Phase::Closing { .. } | Phase::Gone => {}
        }
    }

    /// Ends a close that has waited long enough.
    pub(crate) fn finish_close(
        &mut self,
        now: Instant,
        quic_now: std::time::Instant,
        inputs: &mut VecDeque<Input>,
    ) {
        let (code, until) = match self.phase {
            Phase::Closing { code, until } => (code, until),
            Phase::Turned => (Code::FORBIDDEN, now),
            Phase::Handshake | Phase::Open | Phase::Gone => return,
        };
        if now < until && !self.all_acked() {
            return;
        }
        let reason = code.name().unwrap_or_default();
        self.quic.close(
            quic_now,
            cause::error_code(code),
            Bytes::from_static(reason.as_bytes()),
        );
        if std::mem::replace(&mut self.phase, Phase::Gone) == Phase::Turned {
            return;
        }
        inputs.push_back(Input::Closed {
            conn: self.id,
            cause: Cause::Local,
        });
    }

    fn name(&self, stream: quinn_proto::StreamId) -> StreamId {
        StreamId {
            by_peer: stream.initiator() != self.quic.side(),
            index: u32::try_from(stream.index()).unwrap_or(u32::MAX),
        }
    }

    fn quic_id(&self, id: StreamId) -> quinn_proto::StreamId {
        let side = self.quic.side();
        let initiator = if id.by_peer { !side } else { side };
        quinn_proto::StreamId::new(initiator, Dir::Bi, id.index.into())
    }
}

/// What became of a datagram that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    Queued,
    Dropped,
}
