//! The sending end of a connection.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::net::{Content, Datagram, Ecn, Host, Segment};
use crate::time::Time;
use crate::traffic::TcpConfig;
use crate::traffic::tcp::rto::Rto;
use crate::traffic::tcp::scoreboard::{Again, Scoreboard};
use crate::traffic::tcp::stats::{TcpStats, WindowSample};
use crate::traffic::tcp::window::Window;

/// The number of the first byte; the SYN takes zero.
const FIRST: u64 = 1;

/// A TCP sender at the level of segments: opens a connection, sends a file or without end, closes its direction.
///
/// It has: the handshake of one round trip, slow start (RFC 5681, RFC 6928), congestion avoidance by NewReno or CUBIC,
/// loss recovery from SACK (RFC 6675, with its rescue retransmission) which sends new data on the first duplicates as
/// limited transmit does (RFC 3042), the retransmission timer with back-off (RFC 6298) and selective repair after it,
/// round trips from timestamps (RFC 7323), one measurement per round trip, the receiver's window, and ECN (RFC 3168).
/// The window does not grow while it is not the limit.
///
/// It has not: pacing, HyStart, PRR, RACK and tail-loss probes, undo of spurious reductions, reset, a limit on
/// repetitions, data in the other direction, the restart after idle time (it is never idle with bytes at hand). After a
/// lost SYN its first window is one segment, but its timeout follows the measured round trip and not the 3 s of
/// RFC 6298 §5.7, which is for stacks that cannot measure one.
#[derive(Clone, Debug)]
pub struct TcpSender {
    config: TcpConfig,
    source: SocketAddr,
    destination: SocketAddr,
    phase: Phase,
    /// When the timer expires, if it runs.
    timer: Option<Time>,
    /// The number after the last byte, where the FIN is; `u64::MAX` as long as there is no end.
    end: u64,
    board: Scoreboard,
    window: Window,
    rto: Rto,
    /// The first number that must be acknowledged for the next measurement of the round trip.
    measure_from: u64,
    recovery: Recovery,
    /// Whether the first hole leaves whatever the window says.
    force: bool,
    duplicates: u32,
    /// Whether the window was what held the sender back when last it could send no more.
    limited: bool,
    /// The first number that the receiver has no room for.
    room: u64,
    ecn: EcnState,
    /// The receiver's timestamp, to be echoed.
    heard: u64,
    /// What left in answer to what came; so a window is never judged by several arrivals at one instant.
    outbox: VecDeque<Datagram>,
    stats: TcpStats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the start.
    Idle,
    /// The SYN is to leave, or to leave again.
    Opening,
    /// The SYN has left.
    Opened,
    Established,
    Closed,
}

/// What is made of losses, until the number is acknowledged that was next when they were found (RecoveryPoint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recovery {
    None,
    Fast(u64),
    Timeout(u64),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct EcnState {
    agreed: bool,
    /// Marks are not heeded before something after this number is acknowledged: once per window of data.
    heed_from: u64,
    /// Whether the next new segment bears CWR.
    reduced: bool,
}

impl TcpSender {
    /// A sender that connects these addresses.
    pub fn new(config: TcpConfig, source: SocketAddr, destination: SocketAddr) -> TcpSender {
        TcpSender {
            source,
            destination,
            phase: Phase::Idle,
            timer: None,
            end: config.bytes.map_or(u64::MAX, |n| n.saturating_add(FIRST)),
            board: Scoreboard::new(FIRST, config.segment.max(1).into()),
            window: Window::new(&config),
            rto: Rto::new(&config),
            measure_from: 0,
            recovery: Recovery::None,
            force: false,
            duplicates: 0,
            limited: false,
            room: 0,
            ecn: EcnState::default(),
            heard: 0,
            outbox: VecDeque::new(),
            stats: TcpStats::default(),
            config,
        }
    }

    /// What it has done.
    pub fn stats(&self) -> &TcpStats {
        &self.stats
    }

    /// Where it sends from.
    pub fn source(&self) -> SocketAddr {
        self.source
    }

    /// Whether all was delivered and the connection closed.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The number after the FIN.
    fn fin(&self) -> u64 {
        self.end.saturating_add(1)
    }

    fn segment(&self) -> u64 {
        self.config.segment.max(1).into()
    }

    fn start_timer(&mut self, now: Time) {
        self.timer = Some(now.after(self.rto.timeout()));
    }

    /// The application has no more to say.
    fn end_now(&mut self) {
        self.config.stop = None;
        self.end = self.end.min(self.board.next());
        if self.phase == Phase::Idle {
            self.phase = Phase::Closed;
        }
    }

    fn expire(&mut self, now: Time) {
        self.stats.timeouts += 1;
        let first = self.rto.backoff() == 0;
        self.rto.back_off();
        self.timer = None;
        if self.phase == Phase::Opened {
            self.window.shut();
            self.phase = Phase::Opening;
            return;
        }
        self.window.time_out(self.board.flight(), first);
        self.board.time_out();
        self.board.settle();
        self.recovery = Recovery::Timeout(self.board.next());
        self.force = false;
        self.duplicates = 0;
        self.sample(now);
    }

    fn establish(&mut self, now: Time, segment: &Segment) {
        self.phase = Phase::Established;
        self.ecn.agreed = self.config.ecn && segment.has(Segment::ECE);
        self.rto.measure(now.since(Time(segment.timestamps.1)));
        self.timer = None;
        self.room = FIRST.saturating_add(segment.window);
        self.stats.opened = Some(now);
        self.stats.rtt = self.rto.smoothed();
    }

    fn acknowledge(&mut self, now: Time, segment: &Segment) {
        if segment.acknowledged > self.board.next() {
            return; // of nothing that was sent
        }
        self.room = self
            .room
            .max(segment.acknowledged.saturating_add(segment.window));
        self.heed_duplicate_report(segment);
        let flight = self.board.flight();
        let recovering = matches!(self.recovery, Recovery::Fast(_));
        let (acked, sacked) = self.board.acknowledge(segment.acknowledged, &segment.sacks);
        if acked > 0 {
            self.advance(now, acked, segment);
        } else if sacked > 0 {
            self.duplicates += 1;
        }
        self.board.settle();
        self.recover(now);
        let mark = self.ecn.agreed && segment.has(Segment::ECE);
        let reduced = mark && self.heed_mark(flight);
        // The acknowledgement that ends fast recovery may be of a whole window, and opens it no further.
        if acked > 0 && !reduced && !recovering && !matches!(self.recovery, Recovery::Fast(_)) {
            let rtt = self.rto.smoothed().unwrap_or(Duration::ZERO);
            self.window.acknowledge(now, acked, rtt, self.limited);
        }
        self.sample(now);
    }

    /// The receiver has more in order.
    fn advance(&mut self, now: Time, acked: u64, segment: &Segment) {
        let first = self.board.acknowledged();
        self.duplicates = 0;
        self.force = false;
        if first >= self.measure_from || self.rto.backoff() > 0 {
            self.rto.measure(now.since(Time(segment.timestamps.1)));
            self.measure_from = self.board.next();
            self.stats.rtt = self.rto.smoothed();
        }
        let fin = u64::from(first == self.fin());
        self.stats.acknowledged += acked - fin;
        self.stats.goodput.add(now, acked - fin);
        if first == self.board.next() {
            self.timer = None;
        } else {
            self.start_timer(now);
        }
        if fin == 1 {
            self.phase = Phase::Closed;
            self.stats.finished = Some(now);
        }
        if let Recovery::Fast(point) | Recovery::Timeout(point) = self.recovery
            && first >= point
        {
            self.recovery = Recovery::None;
        }
    }

    /// Enters fast recovery if a loss is found outside of one (RFC 6675 §5).
    fn recover(&mut self, now: Time) {
        let lost = self.board.first_is_lost() || self.duplicates >= 3;
        if self.recovery != Recovery::None || !lost {
            return;
        }
        self.stats.fast_recoveries += 1;
        self.window.reduce(self.board.flight());
        self.recovery = Recovery::Fast(self.board.next());
        // The reduction answers the marks of this window too.
        self.ecn.heed_from = self.board.next();
        self.ecn.reduced = self.ecn.agreed;
        self.board.begin_recovery();
        self.board.settle();
        self.force = true;
        self.start_timer(now);
    }

    /// Reduces the window on account of a mark, at most once per window of data (RFC 3168 §6.1.2).
    fn heed_mark(&mut self, flight: u64) -> bool {
        if self.recovery != Recovery::None || self.board.acknowledged() <= self.ecn.heed_from {
            return false;
        }
        self.window.reduce(flight);
        self.ecn.heed_from = self.board.next();
        self.ecn.reduced = true;
        self.stats.mark_reductions += 1;
        true
    }

    /// Counts a D-SACK: a first block below what is acknowledged, or within the second (RFC 2883 §4).
    fn heed_duplicate_report(&mut self, segment: &Segment) {
        let Some(&(start, end)) = segment.sacks.first() else {
            return;
        };
        let second = segment.sacks.get(1);
        let within = second.is_some_and(|&(from, to)| from <= start && end <= to);
        if within || start < segment.acknowledged {
            self.stats.duplicates_reported += 1;
        }
    }

    fn sample(&mut self, now: Time) {
        let sample = WindowSample {
            window: self.window.size(),
            threshold: self.window.threshold(),
            in_flight: self.board.pipe(),
        };
        self.stats.windows.offer(now, || sample);
    }

    /// The next segment that the window allows: a hole, or new bytes (NextSeg).
    fn next_segment(&mut self, now: Time) -> Option<Segment> {
        if core::mem::take(&mut self.force)
            && let Some((start, end)) = self.board.first_hole()
        {
            return Some(self.send_again(now, Again::Hole(start, end)));
        }
        if self.recovery != Recovery::None
            && let Some(hole) = self.board.lost_hole()
        {
            self.limited = !self.window_allows();
            return (!self.limited).then(|| self.send_again(now, hole));
        }
        if let Some(segment) = self.new_segment(now) {
            return Some(segment);
        }
        if matches!(self.recovery, Recovery::Fast(_))
            && self.window_allows()
            && let Some(hole) = self.board.speculative()
        {
            return Some(self.send_again(now, hole));
        }
        None
    }

    /// Whether a full segment more may be under way. A sender with nothing under way may always send one.
    fn window_allows(&self) -> bool {
        let pipe = self.board.pipe();
        pipe == 0 || pipe + self.segment() <= self.window.size()
    }

    fn new_segment(&mut self, now: Time) -> Option<Segment> {
        let start = self.board.next();
        if start >= self.fin() {
            self.limited = false;
            return None;
        }
        let (length, fin) = self.cut(start, u64::MAX);
        let past = start + length;
        if past > self.room {
            self.limited = false;
            return None;
        }
        if !self.window_allows() {
            self.limited = true;
            return None;
        }
        self.board.sent(length + u64::from(fin));
        let mut segment = self.emit(now, start, length, fin);
        if core::mem::take(&mut self.ecn.reduced) {
            segment.flags |= Segment::CWR;
        }
        Some(segment)
    }

    fn send_again(&mut self, now: Time, again: Again) -> Segment {
        let (Again::Hole(start, limit) | Again::Rescue(start, limit)) = again;
        let (length, fin) = self.cut(start, limit);
        match again {
            Again::Hole(..) => self
                .board
                .sent_again(start, start + length + u64::from(fin)),
            Again::Rescue(..) => self.board.rescued(),
        }
        self.stats.retransmissions += 1;
        self.stats.retransmitted += length;
        self.emit(now, start, length, fin)
    }

    /// How many bytes leave from `start`, at most up to `limit`, and whether the FIN leaves with them.
    fn cut(&self, start: u64, limit: u64) -> (u64, bool) {
        let length = self
            .segment()
            .min(self.end.min(limit) - start.min(self.end));
        let fin = start + length == self.end && limit > self.end;
        (length, fin)
    }

    fn emit(&mut self, now: Time, start: u64, length: u64, fin: bool) -> Segment {
        self.stats.segments += 1;
        self.stats.sent += length;
        if self.timer.is_none() {
            self.start_timer(now);
        }
        Segment {
            sequence: start,
            length: length as u32,
            acknowledged: 1,
            timestamps: (now.as_nanos(), self.heard),
            flags: Segment::ACK | if fin { Segment::FIN } else { 0 },
            ..Segment::default()
        }
    }

    /// Lets leave what may leave now.
    fn pump(&mut self, now: Time) {
        loop {
            let next = self.board.next();
            let segment = match self.phase {
                Phase::Opening => Some(self.syn(now)),
                Phase::Established => self.next_segment(now),
                Phase::Idle | Phase::Opened | Phase::Closed => None,
            };
            let Some(segment) = segment else { return };
            // Neither a SYN nor what is sent again may be marked (RFC 3168 §6.1.1, §6.1.5).
            let markable = self.ecn.agreed && segment.sequence >= next;
            self.outbox.push_back(Datagram {
                source: self.source,
                destination: self.destination,
                ecn: if markable { Ecn::Ect0 } else { Ecn::NotEct },
                class: "tcp",
                content: Content::Tcp(segment),
            });
        }
    }

    fn syn(&mut self, now: Time) -> Segment {
        self.phase = Phase::Opened;
        self.start_timer(now);
        let ecn = Segment::ECE | Segment::CWR;
        Segment {
            timestamps: (now.as_nanos(), 0),
            flags: Segment::SYN | if self.config.ecn { ecn } else { 0 },
            ..Segment::default()
        }
    }
}

impl Host for TcpSender {
    fn deadline(&self) -> Option<Time> {
        let start = (self.phase == Phase::Idle).then_some(self.config.start);
        let stop = (self.phase != Phase::Closed).then_some(self.config.stop);
        [start, stop.flatten(), self.timer]
            .into_iter()
            .flatten()
            .min()
    }

    fn wake(&mut self, now: Time) {
        if self.config.stop.is_some_and(|at| at <= now) && self.phase != Phase::Closed {
            self.end_now();
        }
        if self.phase == Phase::Idle && self.config.start <= now {
            self.phase = Phase::Opening;
        }
        if self.timer.is_some_and(|at| at <= now) {
            self.expire(now);
        }
        self.pump(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        let Content::Tcp(segment) = datagram.content else {
            return;
        };
        let ours = datagram.source == self.destination && datagram.destination == self.source;
        if !ours || !segment.has(Segment::ACK) {
            return;
        }
        self.heard = self.heard.max(segment.timestamps.0);
        match self.phase {
            Phase::Opened | Phase::Opening if segment.has(Segment::SYN) => {
                self.establish(now, &segment);
            }
            Phase::Established => self.acknowledge(now, &segment),
            _ => return,
        }
        self.pump(now);
    }

    fn transmit(&mut self, _now: Time) -> Option<Datagram> {
        self.outbox.pop_front()
    }
}
