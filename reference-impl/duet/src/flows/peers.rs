//! The two ends of a media flow: a sender that captures and a receiver that reports, each a real
//! [`Hop`] behind the seam of the QUIC driver.
//!
//! Repair is off: the cases judge how a controller shares a path, and what is sent again would blur who sent how much.
//! Where the hop's circuit breaker trips (RFC 8083) the flow is silent for five seconds and then begins anew, as an
//! application does that connects again; each trip is counted.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use duet_protocol::id::FlowId;
use duet_protocol::io::{ConnId, Core, Deadline, Input, Output, Purpose, Timer};
use duet_protocol::media::{
    ControllerFactory, Datagram, Ecn, Hop, HopConfig, HopEvent, Received, Tripped,
};
use duet_protocol::time::Instant;
use duet_sim::Time;

use super::source::{AUDIO_RATE, Captured, Source, packet_number};

const VIDEO: FlowId = FlowId(1);
const AUDIO: FlowId = FlowId(2);

/// How long a packet is of use: what waits longer in the sender is dropped there.
const USEFUL: Duration = Duration::from_millis(400);

/// How long a flow is silent after its breaker tripped.
const SILENCE: Duration = Duration::from_secs(5);

/// How often the sender looks at its target for the record.
const SAMPLE: Duration = Duration::from_millis(200);

/// The connection that a sender opens; it has no other.
const CONN: ConnId = ConnId(0);

/// A packet, as its sender knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Whether it is audio.
    pub audio: bool,
    /// The number of its frame, counted per kind.
    pub frame: u32,
    /// Bytes of RTP.
    pub bytes: u32,
    /// When it was captured.
    pub captured: Time,
    /// When QUIC took it; none if it expired in the sender.
    pub left: Option<Time>,
}

/// What a sender remembers.
#[derive(Clone, Debug, Default)]
pub struct SenderRecord {
    /// Every packet, at the index that it bears.
    pub packets: Vec<Sent>,
    /// The target, in bits a second, five times a second.
    pub targets: Vec<(Time, u64)>,
    /// When the circuit breaker tripped, and why; without a reason where the connection died.
    pub trips: Vec<(Time, Option<Tripped>)>,
}

fn instant(at: Time) -> Instant {
    // Never before `at`: woken early, it would not be due yet.
    Instant::from_micros(at.as_nanos().div_ceil(1_000))
}

fn time(at: Instant) -> Time {
    Time::from_micros(at.as_micros())
}

/// The end that sends.
pub struct Sender {
    hop: Hop,
    source: Source,
    connect_at: Option<Instant>,
    connected: bool,
    was_connected: bool,
    silent_until: Option<Instant>,
    sampled: Option<Instant>,
    outputs: VecDeque<Output<()>>,
    captured: Vec<Captured>,
    /// What time it is when QUIC takes a datagram, which is not told by the call.
    clock: Cell<Time>,
    record: SenderRecord,
}

impl Sender {
    /// A sender that connects half a second before its source starts, or at once.
    pub fn new(source: Source, controller: ControllerFactory) -> Self {
        let start = source.next_at().unwrap_or(Time::ZERO);
        let now = Instant::EPOCH;
        let config = HopConfig {
            repair: false,
            demand_needed: false,
            controller,
            ..HopConfig::default()
        };
        let mut hop = Hop::new(now, config);
        hop.open_out(now, VIDEO, false, USEFUL, 0);
        hop.open_out(now, AUDIO, true, USEFUL, 0);
        Self {
            hop,
            source,
            connect_at: Some(instant(start).before(Duration::from_millis(500))),
            connected: false,
            was_connected: false,
            silent_until: None,
            sampled: None,
            outputs: VecDeque::new(),
            captured: Vec::new(),
            clock: Cell::new(Time::ZERO),
            record: SenderRecord::default(),
        }
    }

    fn advance(&mut self, now: Instant) {
        if self.connect_at.is_some_and(|at| at <= now) {
            self.connect_at = None;
            self.outputs.push_back(Output::Connect {
                conn: CONN,
                purpose: Purpose::Media,
                endpoint: String::new(),
            });
        }
        if !self.connected {
            // What is captured meanwhile has nowhere to go. Before the first connection nobody waits for it.
            if self.was_connected {
                self.capture_in_vain(now);
            }
            return;
        }
        self.was_connected = true;
        if self.silent_until.is_some_and(|until| until <= now) {
            self.silent_until = None;
            self.hop.reconnected(now);
        }
        self.source
            .ask(self.hop.target_bitrate().saturating_sub(AUDIO_RATE));
        if self.sampled.is_none_or(|at| now >= at.after(SAMPLE)) {
            self.sampled = Some(now);
            let target = self.hop.target_bitrate();
            self.record.targets.push((time(now), target));
        }
        self.capture(now);
        self.hop.handle(now);
        while let Some(event) = self.hop.poll_event() {
            if let HopEvent::Tripped(cause) = event {
                self.record.trips.push((time(now), Some(cause)));
                self.silent_until = Some(now.after(SILENCE));
            }
        }
    }

    fn capture_in_vain(&mut self, now: Instant) {
        let due = |at: Time| instant(at) <= now;
        while self.source.next_at().is_some_and(due) {
            self.source.capture(time(now), &mut self.captured);
        }
        let lost = self.captured.drain(..).map(|packet| Sent {
            audio: packet.audio,
            frame: packet.frame,
            bytes: packet.rtp.len() as u32,
            captured: time(now),
            left: None,
        });
        self.record.packets.extend(lost);
    }

    fn capture(&mut self, now: Instant) {
        let due = |at: Time| instant(at) <= now;
        while self.source.next_at().is_some_and(due) {
            self.source.capture(time(now), &mut self.captured);
        }
        for packet in self.captured.drain(..) {
            self.record.packets.push(Sent {
                audio: packet.audio,
                frame: packet.frame,
                bytes: packet.rtp.len() as u32,
                captured: time(now),
                left: None,
            });
            let flow = if packet.audio { AUDIO } else { VIDEO };
            self.hop.send(now, flow, packet.rtp);
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        let timer = |at| Deadline {
            at,
            timer: Timer::Pacing,
        };
        if !self.connected {
            let capture = self.source.next_at().filter(|_| self.was_connected);
            let own = self.connect_at.into_iter().chain(capture.map(instant));
            return own.min().map(timer);
        }
        let own = [self.source.next_at().map(instant), self.silent_until];
        own.into_iter()
            .flatten()
            .map(timer)
            .chain(self.hop.deadline())
            .min()
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        if !self.hop.next_datagram(buffer) {
            return None;
        }
        if let Ok(Datagram::Media { payload, .. }) = Datagram::read(buffer)
            && let Some(number) = packet_number(payload)
            && let Some(packet) = self.record.packets.get_mut(number as usize)
        {
            packet.left = Some(self.clock.get());
        }
        Some(CONN)
    }
}

/// The end that receives and reports.
pub struct Receiver {
    hop: Hop,
    conn: Option<ConnId>,
    /// The numbers of the packets that arrived, and when.
    arrivals: Vec<(u32, Time)>,
}

impl Receiver {
    /// A receiver of any sender.
    pub fn new() -> Self {
        let now = Instant::EPOCH;
        let config = HopConfig {
            repair: false,
            demand_needed: false,
            ..HopConfig::default()
        };
        let mut hop = Hop::new(now, config);
        hop.open_in(now, VIDEO, 0);
        hop.open_in(now, AUDIO, 0);
        Self {
            hop,
            conn: None,
            arrivals: Vec::new(),
        }
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// One end of a media flow.
pub enum End {
    /// It sends.
    Sender(Box<Sender>),
    /// It receives.
    Receiver(Box<Receiver>),
}

impl End {
    /// Tells what time it is when the driver takes datagrams without saying so.
    pub fn tell_time(&self, now: Time) {
        if let Self::Sender(sender) = self {
            sender.clock.set(now);
        }
    }

    /// The connection, once it is there.
    pub fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Sender(sender) => sender.connected.then_some(CONN),
            Self::Receiver(receiver) => receiver.conn,
        }
    }

    /// What the sender remembers.
    pub fn sent(&self) -> Option<&SenderRecord> {
        match self {
            Self::Sender(sender) => Some(&sender.record),
            Self::Receiver(_) => None,
        }
    }

    /// What arrived at the receiver.
    pub fn arrivals(&self) -> &[(u32, Time)] {
        match self {
            Self::Sender(_) => &[],
            Self::Receiver(receiver) => &receiver.arrivals,
        }
    }

    fn hop(&mut self) -> &mut Hop {
        match self {
            Self::Sender(sender) => &mut sender.hop,
            Self::Receiver(receiver) => &mut receiver.hop,
        }
    }

    fn arrived(&mut self, now: Instant, (at, ecn): (Instant, Ecn), bytes: &Bytes) {
        let received = self.hop().receive(now, (at, ecn), bytes);
        if let (Self::Receiver(receiver), Received::Payload { payload, .. }) = (self, received)
            && let Some(number) = packet_number(&payload)
        {
            receiver.arrivals.push((number, time(at)));
        }
    }
}

impl Core for End {
    type Event = ();

    fn handle(&mut self, now: Instant, input: Input) {
        match (&mut *self, input) {
            (_, Input::Datagram { at, ecn, bytes, .. }) => {
                self.arrived(now, (at, ecn), &bytes);
            }
            (_, Input::Path { rtt, .. }) => self.hop().set_rtt(rtt),
            (Self::Sender(sender), Input::Connected { .. }) => sender.connected = true,
            (Self::Receiver(receiver), Input::Connected { conn, .. }) => receiver.conn = Some(conn),
            (Self::Sender(sender), Input::Closed { .. }) => {
                // The path was dead for seconds. What it does then is no part of any case: it begins anew.
                sender.connected = false;
                sender.record.trips.push((time(now), None));
                sender.hop.reconnected(now);
                sender.connect_at = Some(now.after(Duration::from_millis(500)));
            }
            (Self::Receiver(receiver), Input::Closed { conn, .. })
                if receiver.conn == Some(conn) =>
            {
                receiver.conn = None;
            }
            _ => {}
        }
        match self {
            Self::Sender(sender) => sender.advance(now),
            Self::Receiver(receiver) => receiver.hop.handle(now),
        }
    }

    fn poll_output(&mut self) -> Option<Output<()>> {
        match self {
            Self::Sender(sender) => sender.outputs.pop_front(),
            Self::Receiver(_) => None,
        }
    }

    fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Sender(sender) => sender.deadline(),
            Self::Receiver(receiver) => receiver.hop.deadline(),
        }
    }

    fn next_datagram(&mut self, buffer: &mut Vec<u8>) -> Option<ConnId> {
        match self {
            Self::Sender(sender) => sender.next_datagram(buffer),
            Self::Receiver(receiver) => {
                let conn = receiver.conn?;
                receiver.hop.next_datagram(buffer).then_some(conn)
            }
        }
    }
}
