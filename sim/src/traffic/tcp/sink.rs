//! Where TCP ends: the receivers of any number of connections.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::net::{Content, Datagram, Ecn, Host, Segment};
use crate::time::Time;
use crate::traffic::Bins;
use crate::traffic::tcp::receiver::Receiver;

/// How a [`TcpSink`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSinkConfig {
    /// Bytes that it has room for. What arrives in order is read at once, so the room never shrinks.
    pub window: u64,
    /// Segments in order that one acknowledgement answers; one acknowledges each, two is RFC 5681 §4.2.
    pub ack_every: u32,
    /// How long an acknowledgement waits for more at most.
    pub ack_delay: Duration,
    /// Whether it agrees to ECN (RFC 3168).
    pub ecn: bool,
}

impl Default for TcpSinkConfig {
    /// 4 MiB of room, every second segment, 40 ms as Linux has it, ECN if asked for.
    fn default() -> TcpSinkConfig {
        TcpSinkConfig {
            window: 4 << 20,
            ack_every: 2,
            ack_delay: Duration::from_millis(40),
            ecn: true,
        }
    }
}

/// What a sink has received. Bytes are payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpSinkStats {
    /// Segments with payload or FIN.
    pub segments: u64,
    /// Bytes, however often they came.
    pub received: u64,
    /// Bytes handed on, in order and each once.
    pub delivered: u64,
    /// Segments that brought nothing new.
    pub duplicates: u64,
    /// Segments with the mark of congestion.
    pub marked: u64,
    /// Segments that belong to no connection.
    pub stray: u64,
    /// Connections opened.
    pub opened: u64,
    /// Connections of which all has arrived.
    pub closed: u64,
    /// Bytes handed on in intervals of 100 ms.
    pub goodput: Bins,
}

/// Takes connections from anybody, acknowledges, and counts. It never sends bytes of its own and closes no direction.
#[derive(Clone, Debug)]
pub struct TcpSink {
    config: TcpSinkConfig,
    open: BTreeMap<Ends, Receiver>,
    /// Connections of which all has arrived: they answer what comes late, and give way to a newer SYN.
    closed: BTreeMap<Ends, Closed>,
    outbox: VecDeque<Datagram>,
    stats: TcpSinkStats,
}

/// What a connection is known by: the sender's address and the sink's.
type Ends = (SocketAddr, SocketAddr);

#[derive(Clone, Debug)]
struct Closed {
    receiver: Receiver,
    /// The sender's timestamp of the FIN: an older SYN is a late copy.
    at: u64,
}

impl TcpSink {
    /// A sink without connections.
    pub fn new(config: TcpSinkConfig) -> TcpSink {
        TcpSink {
            config,
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            outbox: VecDeque::new(),
            stats: TcpSinkStats::default(),
        }
    }

    /// What it has received.
    pub fn stats(&self) -> &TcpSinkStats {
        &self.stats
    }

    /// Bytes of payload that the present connection from this address has delivered in order.
    pub fn delivered_from(&self, source: SocketAddr) -> Option<u64> {
        // The SYN has a number of its own, and so has the FIN.
        let open = self.open.iter().find(|(ends, _)| ends.0 == source);
        let closed = self.closed.iter().find(|(ends, _)| ends.0 == source);
        let open = open.map(|(_, receiver)| receiver.expected() - 1);
        open.or(closed.map(|(_, closed)| closed.receiver.expected() - 2))
    }

    fn syn(&mut self, now: Time, from: Ends, syn: &Segment) -> Option<Segment> {
        if let Some(closed) = self.closed.get_mut(&from) {
            if syn.timestamps.0 <= closed.at {
                return Some(closed.receiver.acknowledgement(now, &self.config));
            }
            self.closed.remove(&from);
        }
        if let Some(receiver) = self.open.get_mut(&from) {
            let begun = receiver.expected() > syn.end();
            return Some(if begun {
                receiver.acknowledgement(now, &self.config)
            } else {
                receiver.syn_ack(now, syn, &self.config)
            });
        }
        self.stats.opened += 1;
        let receiver = Receiver::new(syn, &self.config);
        let receiver = self.open.entry(from).or_insert(receiver);
        Some(receiver.syn_ack(now, syn, &self.config))
    }

    fn data(&mut self, now: Time, from: Ends, data: &Segment, ecn: Ecn) -> Option<Segment> {
        self.stats.segments += 1;
        self.stats.received += u64::from(data.length);
        self.stats.marked += u64::from(ecn == Ecn::Ce);
        if let Some(closed) = self.closed.get_mut(&from) {
            self.stats.duplicates += 1;
            let receiver = &mut closed.receiver;
            receiver.receive(now, data, ecn, &self.config);
            return Some(receiver.acknowledgement(now, &self.config));
        }
        let Some(receiver) = self.open.get_mut(&from) else {
            self.stats.stray += 1;
            return None;
        };
        let received = receiver.receive(now, data, ecn, &self.config);
        self.stats.duplicates += u64::from(received.duplicate);
        self.stats.delivered += received.delivered;
        self.stats.goodput.add(now, received.delivered);
        let answer = received
            .answer
            .then(|| receiver.acknowledgement(now, &self.config));
        if receiver.is_complete()
            && let Some(receiver) = self.open.remove(&from)
        {
            self.stats.closed += 1;
            let at = data.timestamps.0;
            self.closed.insert(from, Closed { receiver, at });
        }
        answer
    }
}

impl Host for TcpSink {
    fn deadline(&self) -> Option<Time> {
        self.open.values().filter_map(Receiver::due).min()
    }

    fn wake(&mut self, now: Time) {
        for (ends, receiver) in &mut self.open {
            if receiver.due().is_some_and(|at| at <= now) {
                let segment = receiver.acknowledgement(now, &self.config);
                self.outbox.push_back(answer(*ends, segment));
            }
        }
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        let Content::Tcp(segment) = datagram.content else {
            return;
        };
        let ends = (datagram.source, datagram.destination);
        let takes_numbers = segment.end() > segment.sequence;
        let reply = if segment.has(Segment::SYN) {
            self.syn(now, ends, &segment)
        } else if takes_numbers {
            self.data(now, ends, &segment, datagram.ecn)
        } else {
            None
        };
        if let Some(segment) = reply {
            self.outbox.push_back(answer(ends, segment));
        }
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        self.outbox.pop_front()
    }
}

/// What the sink says to the other end.
fn answer((sender, sink): Ends, segment: Segment) -> Datagram {
    Datagram {
        source: sink,
        destination: sender,
        ecn: Ecn::NotEct,
        class: "tcp-ack",
        content: Content::Tcp(segment),
    }
}
