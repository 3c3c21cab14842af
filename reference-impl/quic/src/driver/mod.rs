//! The driver: a core on one side, UDP datagrams and time on the other, no I/O.

mod connect;
mod datagrams;
mod end;
mod packets;
mod splices;
mod start;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use duet_protocol::code::Code;
use duet_protocol::io::{Cause, ConnId, Core, Direction, Input, Output, Timer};
use duet_protocol::service::{Decide, Decision, DecisionId};
use duet_protocol::time::Instant;
use quinn_proto::{DatagramEvent, EcnCodepoint, Endpoint};
use tracing::debug;

use self::datagrams::Held;
use self::splices::Splices;
use crate::connection::{Conn, Occasion};
use crate::controller::{MediaControl, Mode};
use crate::seeded::{Ids, ToldTime};
use crate::settings::ClientSettings;
use crate::simulation::Rest;
use crate::tls;
use crate::trace::{Observer, Seen};

/// A UDP datagram that arrived.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// From whom.
    pub remote: SocketAddr,
    /// Its payload.
    pub bytes: BytesMut,
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
    /// When the socket had it.
    pub at: Instant,
}

/// The socket by which a packet comes or goes. A server may have one for its services alone; whoever has one socket
/// knows but the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Door {
    /// Where clients come in.
    #[default]
    Clients,
    /// Where services do ([`ServiceDoor`](crate::ServiceDoor)).
    Services,
}

/// Where a packet is to go, and how it is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// From which socket.
    pub door: Door,
    /// To whom.
    pub remote: SocketAddr,
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
}

/// A UDP datagram to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// From which socket.
    pub door: Door,
    /// To whom.
    pub remote: SocketAddr,
    /// Its payload.
    pub bytes: BytesMut,
    /// Its ECN field.
    pub ecn: Option<EcnCodepoint>,
}

/// What a driver has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Clients that were asked to prove their address.
    pub retried: u64,
    /// Clients that were refused, because too many handshakes were unfinished.
    pub refused: u64,
    /// Media datagrams of the core that never reached QUIC's queue.
    pub datagrams_dropped: u64,
    /// The most bytes of a transfer's payload that this server has held between sender and receiver.
    pub pipe_peak: usize,
}

/// A core carried over QUIC, sans-IO.
///
/// After every call, take what there is to send with [`Driver::transmit`] until it gives nothing, and be back with
/// [`Driver::wake`] at [`Driver::deadline`]. Instants must not go backwards.
pub struct Driver<C: Core> {
    core: C,
    endpoint: Endpoint,
    role: Role,
    epoch: std::time::Instant,
    time: Arc<ToldTime>,
    /// By quinn-proto's handle.
    conns: BTreeMap<usize, Conn>,
    /// The handles of those connections that the core knows, or may come to know.
    handles: BTreeMap<ConnId, usize>,
    next_id: u64,
    handshakes: usize,
    timers: BTreeSet<(std::time::Instant, usize)>,
    sendable: VecDeque<usize>,
    responses: VecDeque<Transmit>,
    inputs: VecDeque<Input>,
    events: VecDeque<C::Event>,
    decides: VecDeque<Decide>,
    held: Option<Held>,
    splices: Splices,
    whole_streams: bool,
    media_control: MediaControl,
    /// The packet being built, and the datagram being taken from the core.
    packet: Vec<u8>,
    datagram: Vec<u8>,
    observer: Option<Box<dyn Observer + Send>>,
    statistics: Statistics,
    simulated: Option<Rest>,
}

enum Role {
    Server {
        config: Box<quinn_proto::ServerConfig>,
        /// That of connections at the services' own door.
        services: Option<Box<quinn_proto::ServerConfig>>,
        handshakes_before_retry: usize,
        max_handshakes: usize,
    },
    Client {
        settings: ClientSettings,
        tls: tls::Client,
        first_remote_ids: Ids,
    },
}

/// A UDP payload of so many bytes may be nothing but an acknowledgement.
///
/// quinn-proto 0.11.19 answers every packet with a mark (ECN-CE) at once, an acknowledgement too, which RFC 9000 §13.2.1
/// forbids; what it answers with is capable of marks itself. Where a queue marks all, two ends then acknowledge each
/// other's acknowledgements for ever, and that keeps the queue full. So QUIC is not told of marks on packets that may be
/// such. It counts them as capable and unmarked, which keeps its validation of the path (§13.4.2) as it is.
const BARE: usize = 80;

impl<C: Core> Driver<C> {
    /// Shows everything that crosses the seam, from now on, to an observer.
    pub fn observe(&mut self, observer: Box<dyn Observer + Send>) {
        self.observer = Some(observer);
    }

    /// Gives the core every byte of every stream, on connections from now on, as a core wants it that judges its peer.
    /// Otherwise it gets the first frame of each stream but the first, and payload goes by [`Output::Splice`].
    pub fn give_whole_streams(&mut self) {
        self.whole_streams = true;
    }

    /// Who governs the sending of media connections from now on, for experiments that compare.
    pub fn media_control(&mut self, control: MediaControl) {
        self.media_control = control;
    }

    /// A UDP datagram arrived where clients come in.
    pub fn receive(&mut self, now: Instant, datagram: Datagram) {
        self.receive_by(now, Door::Clients, datagram);
    }

    /// A UDP datagram arrived by this door.
    pub fn receive_by(&mut self, now: Instant, door: Door, datagram: Datagram) {
        self.advance(now);
        let Datagram {
            remote,
            bytes,
            ecn,
            at,
        } = datagram;
        let quic_now = self.quic_time(now);
        self.packet.clear();
        // See [`BARE`]; the core hears of the field as it came.
        let told = match ecn {
            Some(EcnCodepoint::Ce) if bytes.len() <= BARE => Some(EcnCodepoint::Ect0),
            ecn => ecn,
        };
        let event = self
            .endpoint
            .handle(quic_now, remote, None, told, bytes, &mut self.packet);
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(conn) = self.conns.get_mut(&handle.0) {
                    conn.handle_event(quic_now, event);
                    let arrival = Occasion::arrival(at.min(now), ecn);
                    self.attend(now, arrival, handle.0);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.incoming(now, door, incoming),
            Some(DatagramEvent::Response(transmit)) => self.respond(door, transmit),
            None => {}
        }
        self.settle(now);
    }

    /// The deadline has come.
    pub fn wake(&mut self, now: Instant) {
        self.advance(now);
        let quic_now = self.quic_time(now);
        while let Some(&(at, handle)) = self.timers.first()
            && at <= quic_now
        {
            self.timers.pop_first();
            if let Some(conn) = self.conns.get_mut(&handle) {
                conn.timeout = None;
                conn.handle_timeout(quic_now);
                self.attend(now, Occasion::time(now), handle);
            }
        }
        self.splices.wake(now);
        if self
            .core
            .deadline()
            .is_some_and(|deadline| deadline.at <= now)
        {
            self.inputs.push_back(Input::Wake);
        }
        self.settle(now);
    }

    /// The next UDP datagram to send.
    pub fn transmit(&mut self, now: Instant) -> Option<Transmit> {
        let Heading { door, remote, ecn } = self.build(now)?;
        Some(Transmit {
            door,
            remote,
            bytes: BytesMut::from(&self.packet[..]),
            ecn,
        })
    }

    /// The next UDP datagram to send, appended to a buffer that many share, and where it is to go.
    pub fn transmit_into(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Heading> {
        let heading = self.build(now)?;
        buffer.extend_from_slice(&self.packet);
        Some(heading)
    }

    /// When to call [`Driver::wake`], and whose deadline that is: `"quic"`, `"queue"`, `"payload"`, or a timer of the
    /// core.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        let quic = self
            .timers
            .first()
            .map(|&(at, _)| (self.core_time_after(at), "quic"));
        let queue = self.held.as_ref().map(|held| (held.until, "queue"));
        let payload = self.splices.deadline().map(|at| (at, "payload"));
        let core = self
            .core
            .deadline()
            .map(|deadline| (deadline.at, timer(deadline.timer)));
        [core, queue, payload, quic].into_iter().flatten().min()
    }

    /// The core, to look at.
    pub fn core(&self) -> &C {
        &self.core
    }

    /// Gives the core a command and carries out what follows from it.
    pub fn command<R>(&mut self, now: Instant, command: impl FnOnce(&mut C, Instant) -> R) -> R {
        self.advance(now);
        let answer = command(&mut self.core, now);
        self.settle(now);
        answer
    }

    /// What the core tells the application next.
    pub fn poll_event(&mut self) -> Option<C::Event> {
        self.events.pop_front()
    }

    /// What the core asks the service next.
    pub fn poll_decide(&mut self) -> Option<Decide> {
        self.decides.pop_front()
    }

    /// The service's answer.
    pub fn decide(&mut self, now: Instant, id: DecisionId, decision: Decision) {
        self.input(now, Input::Decision { id, decision });
    }

    /// Wall-clock time, in microseconds since 1970-01-01 UTC: at the start, before connections are verified against
    /// roots, and after every step of the clock.
    pub fn wall_clock(&mut self, now: Instant, unix_micros: u64) {
        self.advance(now);
        self.time.wall_clock(unix_micros);
        self.input(now, Input::WallClock { unix_micros });
    }

    /// How many streams the peer of a connection may have open, from now on: few before login, more after.
    pub fn allow_streams(&mut self, conn: ConnId, count: u32) {
        if let Some(&handle) = self.handles.get(&conn)
            && let Some(conn) = self.conns.get_mut(&handle)
        {
            conn.allow_streams(count);
            self.touched(handle);
        }
    }

    /// The instant that the core's times count from.
    pub fn epoch(&self) -> std::time::Instant {
        self.epoch
    }

    /// How many connections there are, those included that are being established or have just ended.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The peer's present address.
    pub fn remote(&self, conn: ConnId) -> Option<SocketAddr> {
        self.conn(conn).map(|conn| conn.quic.remote_address())
    }

    /// Who governs how much a connection sends.
    pub fn mode(&self, conn: ConnId) -> Option<Mode> {
        self.conn(conn).map(Conn::mode)
    }

    /// Bytes that a connection may have in flight now. Under [`MediaControl::Core`] a media connection's is a cap
    /// that never moves.
    pub fn window(&self, conn: ConnId) -> Option<u64> {
        let conn = self.conn(conn)?;
        Some(conn.quic.congestion_state().window())
    }

    /// A connection's round trip, smoothed (RFC 9002 §5.3); a guess of 100 ms before the first measurement.
    pub fn rtt(&self, conn: ConnId) -> Option<Duration> {
        self.conn(conn).map(|conn| conn.quic.rtt())
    }

    /// The least round trip that a connection has measured (RFC 9002 §5.2); none before the first measurement.
    pub fn min_rtt(&self, conn: ConnId) -> Option<Duration> {
        self.conn(conn)?.min_rtt()
    }

    /// Bits per second that a connection's window stands for, which an encoder can follow: a window in a smoothed round
    /// trip; under [`MediaControl::Bbr`], whose window holds the capacity twice, half of it in the least round trip.
    pub fn rate(&self, conn: ConnId) -> Option<u64> {
        self.conn(conn).map(Conn::rate)
    }

    /// What was counted so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            pipe_peak: self.splices.pipe_peak,
            ..self.statistics
        }
    }

    fn conn(&self, conn: ConnId) -> Option<&Conn> {
        self.conns.get(self.handles.get(&conn)?)
    }

    fn advance(&mut self, now: Instant) {
        self.time.advance(now.as_micros());
    }

    fn input(&mut self, now: Instant, input: Input) {
        self.advance(now);
        self.inputs.push_back(input);
        self.settle(now);
    }

    /// The core takes its inputs, and its outputs are carried out, until both have come to rest.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(input) = self.inputs.pop_front() {
                if let Some(observer) = &mut self.observer {
                    observer.input(now, &input);
                }
                self.core.handle(now, input);
            }
            while let Some(output) = self.core.poll_output() {
                self.carry_out(now, output);
            }
            self.take_datagrams(now);
            self.carry_payload(now);
            if self.inputs.is_empty() {
                return;
            }
        }
    }

    fn carry_out(&mut self, now: Instant, output: Output<C::Event>) {
        if let Some(observer) = &mut self.observer {
            observer.output(now, Seen::of(&output));
        }
        match output {
            Output::Connect {
                conn,
                purpose,
                endpoint,
            } => {
                if let Err(reason) = self.connect(now, conn, purpose, &endpoint) {
                    let cause = Cause::Failed(reason);
                    self.inputs.push_back(Input::Closed { conn, cause });
                }
            }
            Output::Open { conn, id } => self.with(conn, |conn| conn.open(id)),
            Output::Write {
                conn,
                id,
                bytes,
                fin,
            } => {
                let mut overfull = false;
                self.with(conn, |conn| overfull = conn.write(id, bytes, fin));
                if let Some(&handle) = self.handles.get(&conn).filter(|_| overfull) {
                    self.drop_payload(conn);
                    self.with(conn, |conn| conn.close(now, Code::BACKLOG));
                    self.attend(now, Occasion::time(now), handle);
                }
            }
            Output::Splice { conn, id, splice } => self.splice(now, (conn, id), splice),
            Output::Stop { conn, id, code } => {
                self.unsplice((conn, id), Direction::In);
                self.with(conn, |conn| conn.stop(id, code));
            }
            Output::Reset { conn, id, code } => {
                self.unsplice((conn, id), Direction::Out);
                self.with(conn, |conn| conn.reset(id, code));
            }
            Output::Allow { conn, streams } => self.allow_streams(conn, streams),
            Output::Close { conn, code } => {
                self.drop_payload(conn);
                if let Some(&handle) = self.handles.get(&conn) {
                    self.with(conn, |conn| conn.close(now, code));
                    self.attend(now, Occasion::time(now), handle);
                }
            }
            Output::Decide(decide) => self.decides.push_back(decide),
            // This driver's core is a whole server, or hides its shards behind the same seam.
            Output::Envelope { .. } | Output::Handover { .. } => {
                debug_assert!(false, "a core of one shard has no other");
            }
            Output::Event(event) => self.events.push_back(event),
        }
    }

    /// Does something to a connection, unless it is gone: the core may not have heard yet.
    fn with(&mut self, conn: ConnId, act: impl FnOnce(&mut Conn)) {
        let Some(&handle) = self.handles.get(&conn) else {
            debug!(?conn, "output for a connection that is gone");
            return;
        };
        if let Some(conn) = self.conns.get_mut(&handle) {
            act(conn);
            self.touched(handle);
        }
    }

    fn quic_time(&self, at: Instant) -> std::time::Instant {
        std_time(self.epoch, at)
    }

    /// The first instant of the core that is not before one of QUIC, which counts in nanoseconds.
    fn core_time_after(&self, at: std::time::Instant) -> Instant {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        Instant::from_micros(u64::try_from(nanos.div_ceil(1_000)).unwrap_or(u64::MAX))
    }
}

fn std_time(epoch: std::time::Instant, at: Instant) -> std::time::Instant {
    epoch + Duration::from_micros(at.as_micros())
}

/// A timer of the core, by name.
fn timer(timer: Timer) -> &'static str {
    match timer {
        Timer::Login => "login",
        Timer::Decision => "decision",
        Timer::Heartbeat => "heartbeat",
        Timer::Dead => "dead",
        Timer::Reconnect => "reconnect",
        Timer::Resume => "resume",
        Timer::Ring => "ring",
        Timer::Join => "join",
        Timer::Suspended => "suspended",
        Timer::Expiry => "expiry",
        Timer::Offer => "offer",
        Timer::Stall => "stall",
        Timer::Attach => "attach",
        Timer::Feedback => "feedback",
        Timer::Pacing => "pacing",
        Timer::Playout => "playout",
        #[allow(
            unreachable_patterns,
            reason = "the core may grow timers before their names"
        )]
        _ => "core",
    }
}
