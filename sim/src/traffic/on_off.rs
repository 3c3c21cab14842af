//! Files over TCP with idle times between (RFC 8868 §5.1).

use core::ops::RangeInclusive;
use core::time::Duration;
use std::net::SocketAddr;

use crate::net::{Datagram, Host};
use crate::random::Stream;
use crate::time::Time;
use crate::traffic::random::exponential;
use crate::traffic::{Bins, TcpConfig, TcpSender};

/// Most finished transfers that are kept one by one.
const MOST_TRANSFERS: usize = 65_536;

/// What an [`OnOff`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnOffConfig {
    /// Bytes of a file, uniformly distributed over this range.
    pub file: RangeInclusive<u64>,
    /// Mean of the exponentially distributed time from the end of a burst to the next.
    pub mean_idle: Duration,
    /// Whether it begins with a burst, else with an idle time.
    pub starts_on: bool,
    /// Connections that begin together, each with a file; the burst lasts until all are closed. At least one.
    pub connections_per_burst: u16,
    /// When it begins.
    pub start: Time,
    /// From when on no burst begins. Files under way are finished.
    pub stop: Option<Time>,
    /// How each connection behaves; `bytes`, `start` and `stop` are not used.
    pub tcp: TcpConfig,
}

impl Default for OnOffConfig {
    /// One connection with 30 to 50 kB (thousands of bytes), idle for 10 s on average, as RFC 8868 §5.1 has it; begins
    /// idle.
    fn default() -> OnOffConfig {
        OnOffConfig {
            file: 30_000..=50_000,
            mean_idle: Duration::from_secs(10),
            starts_on: false,
            connections_per_burst: 1,
            start: Time::ZERO,
            stop: None,
            tcp: TcpConfig::default(),
        }
    }
}

/// A finished file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// When its connection was begun.
    pub begun: Time,
    /// When its last byte was acknowledged.
    pub finished: Time,
    /// Its bytes.
    pub bytes: u64,
}

/// What an [`OnOff`] has done. Bytes are payload, and those of connections under way are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnOffStats {
    /// Connections begun.
    pub begun: u64,
    /// Files finished.
    pub finished: u64,
    /// Bytes sent, retransmissions included.
    pub sent: u64,
    /// Bytes acknowledged.
    pub acknowledged: u64,
    /// Bytes sent again.
    pub retransmitted: u64,
    /// Expired retransmission timers.
    pub timeouts: u64,
    /// Fast recoveries.
    pub fast_recoveries: u64,
    /// Reductions on account of marks.
    pub mark_reductions: u64,
    /// The finished files in the order in which they finished, at most 65 536.
    pub transfers: Vec<Transfer>,
    /// Bytes of files in intervals of 100 ms, counted when the file is finished.
    pub goodput: Bins,
}

/// A source that sends a file, is idle, and sends the next, each over a new connection from a new port.
#[derive(Clone, Debug)]
pub struct OnOff {
    config: OnOffConfig,
    source: SocketAddr,
    destination: SocketAddr,
    files: Stream,
    idles: Stream,
    /// When the next burst begins; `None` during one.
    next: Option<Time>,
    active: Vec<Active>,
    /// How many ports it goes through, and how many it has used since the last first one.
    room: u16,
    ports: u16,
    stats: OnOffStats,
}

#[derive(Clone, Debug)]
struct Active {
    begun: Time,
    sender: TcpSender,
}

impl OnOff {
    /// A source that sends to `destination` from the port of `source` and those above it, up to 65 535 and round again.
    /// `seed` is the run's; `label` must be unique within the run.
    pub fn new(
        config: OnOffConfig,
        source: SocketAddr,
        destination: SocketAddr,
        seed: u64,
        label: &str,
    ) -> OnOff {
        let mut on_off = OnOff {
            source,
            destination,
            files: Stream::new(seed, &format!("{label}/files")),
            idles: Stream::new(seed, &format!("{label}/idle")),
            next: Some(config.start),
            active: Vec::new(),
            room: (u16::MAX - source.port()).max(1),
            ports: 0,
            stats: OnOffStats::default(),
            config,
        };
        // Drawn in any case, so that `starts_on` moves no later draw.
        let idle = on_off.idle();
        if !on_off.config.starts_on {
            on_off.next = Some(on_off.config.start.after(idle));
        }
        on_off
    }

    /// The same, through so many ports at most: those of others begin after them. At least as many as a burst has
    /// connections.
    pub fn through(mut self, ports: u16) -> OnOff {
        self.room = self.room.min(ports.max(1));
        self
    }

    /// What it has done.
    pub fn stats(&self) -> &OnOffStats {
        &self.stats
    }

    /// The connections under way.
    pub fn connections(&self) -> impl Iterator<Item = &TcpSender> {
        self.active.iter().map(|active| &active.sender)
    }

    fn idle(&mut self) -> Duration {
        exponential(self.idles.next_u64(), self.config.mean_idle)
    }

    fn burst(&mut self, now: Time) {
        for _ in 0..self.config.connections_per_burst.max(1) {
            let (least, most) = (*self.config.file.start(), *self.config.file.end());
            let spread = most.saturating_sub(least).saturating_add(1);
            let config = TcpConfig {
                bytes: Some(least + self.files.below(spread)),
                start: now,
                stop: None,
                ..self.config.tcp.clone()
            };
            let mut source = self.source;
            source.set_port(source.port() + self.ports);
            self.ports = (self.ports + 1) % self.room;
            let mut sender = TcpSender::new(config, source, self.destination);
            sender.wake(now);
            self.stats.begun += 1;
            self.active.push(Active { begun: now, sender });
        }
    }

    fn account(&mut self, now: Time, active: &Active) {
        let of = active.sender.stats();
        let stats = &mut self.stats;
        stats.finished += 1;
        stats.sent += of.sent;
        stats.acknowledged += of.acknowledged;
        stats.retransmitted += of.retransmitted;
        stats.timeouts += of.timeouts;
        stats.fast_recoveries += of.fast_recoveries;
        stats.mark_reductions += of.mark_reductions;
        stats.goodput.add(now, of.acknowledged);
        if stats.transfers.len() < MOST_TRANSFERS {
            stats.transfers.push(Transfer {
                begun: active.begun,
                finished: now,
                bytes: of.acknowledged,
            });
        }
    }

    fn is_stopped(&self, at: Time) -> bool {
        self.config.stop.is_some_and(|stop| at >= stop)
    }
}

impl Host for OnOff {
    fn deadline(&self) -> Option<Time> {
        let next = self.next.filter(|at| !self.is_stopped(*at));
        let timers = self.active.iter().filter_map(|a| a.sender.deadline());
        timers.chain(next).min()
    }

    fn wake(&mut self, now: Time) {
        for active in &mut self.active {
            if active.sender.deadline().is_some_and(|at| at <= now) {
                active.sender.wake(now);
            }
        }
        if let Some(at) = self.next
            && at <= now
            && !self.is_stopped(at)
        {
            self.next = None;
            self.burst(now);
        }
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        let to = datagram.destination;
        let Some(index) = self.active.iter().position(|a| a.sender.source() == to) else {
            return;
        };
        self.active[index].sender.receive(now, datagram);
        if self.active[index].sender.is_closed() {
            let active = self.active.remove(index);
            self.account(now, &active);
            if self.active.is_empty() {
                self.next = Some(now.after(self.idle()));
            }
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        let sending = |active: &mut Active| active.sender.transmit(now);
        self.active.iter_mut().find_map(sending)
    }
}
