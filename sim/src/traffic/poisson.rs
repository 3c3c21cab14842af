//! UDP in bursts that come as a Poisson process.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::net::SocketAddr;

use thiserror::Error;

use crate::net::{Content, Datagram, Ecn, Host};
use crate::random::Stream;
use crate::time::Time;
use crate::traffic::random::{exponential, geometric};
use crate::traffic::udp_sink::{UdpStats, payload};

/// Shortest mean distance of bursts that is kept to; without one, a source would send for ever at one instant.
const LEAST_GAP: Duration = Duration::from_micros(1);

/// How the sizes of bursts are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BurstSizes {
    /// Each has the mean size.
    Fixed,
    /// Geometrically from one packet upwards.
    #[default]
    Geometric,
}

/// A text names no distribution of burst sizes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown distribution of burst sizes {0:?}: use fixed, geometric")]
pub struct UnknownBurstSizes(pub String);

impl FromStr for BurstSizes {
    type Err = UnknownBurstSizes;

    /// Reads `fixed` or `geometric`.
    ///
    /// # Errors
    ///
    /// [`UnknownBurstSizes`] for any other text.
    fn from_str(text: &str) -> Result<BurstSizes, UnknownBurstSizes> {
        match text {
            "fixed" => Ok(BurstSizes::Fixed),
            "geometric" => Ok(BurstSizes::Geometric),
            other => Err(UnknownBurstSizes(other.to_owned())),
        }
    }
}

impl fmt::Display for BurstSizes {
    /// `fixed` or `geometric`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BurstSizes::Fixed => "fixed",
            BurstSizes::Geometric => "geometric",
        })
    }
}

/// What a [`Poisson`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoissonConfig {
    /// Mean distance from one burst to the next, at least a microsecond.
    pub mean_gap: Duration,
    /// Mean number of packets in a burst, at least one.
    pub mean_packets: u32,
    /// How the number of packets is distributed.
    pub sizes: BurstSizes,
    /// Bytes of each packet on the wire, IP and UDP headers included; at least the headers are sent.
    pub packet_size: u32,
    /// When the first gap begins.
    pub start: Time,
    /// From when on no packet leaves.
    pub stop: Option<Time>,
}

impl Default for PoissonConfig {
    /// Ten bursts a second of ten packets of 1500 bytes: 1.2 Mb/s.
    fn default() -> PoissonConfig {
        PoissonConfig {
            mean_gap: Duration::from_millis(100),
            mean_packets: 10,
            sizes: BurstSizes::Geometric,
            packet_size: 1_500,
            start: Time::ZERO,
            stop: None,
        }
    }
}

/// A source of bursts of UDP packets at exponentially distributed distances. The packets of a burst leave at one instant.
#[derive(Clone, Debug)]
pub struct Poisson {
    config: PoissonConfig,
    source: SocketAddr,
    destination: SocketAddr,
    gaps: Stream,
    sizes: Stream,
    next: Time,
    pending: u64,
    bursts: u64,
    stats: UdpStats,
}

impl Poisson {
    /// A source that sends between these addresses. `seed` is the run's; `label` must be unique within the run.
    pub fn new(
        config: PoissonConfig,
        source: SocketAddr,
        destination: SocketAddr,
        seed: u64,
        label: &str,
    ) -> Poisson {
        let mut poisson = Poisson {
            next: config.start,
            config,
            source,
            destination,
            gaps: Stream::new(seed, &format!("{label}/burst-gaps")),
            sizes: Stream::new(seed, &format!("{label}/burst-sizes")),
            pending: 0,
            bursts: 0,
            stats: UdpStats::default(),
        };
        poisson.move_on();
        poisson
    }

    /// What it has sent.
    pub fn stats(&self) -> &UdpStats {
        &self.stats
    }

    /// The number of bursts that it has sent.
    pub fn bursts(&self) -> u64 {
        self.bursts
    }

    fn move_on(&mut self) {
        let mean = self.config.mean_gap.max(LEAST_GAP);
        self.next = self.next.after(exponential(self.gaps.next_u64(), mean));
    }
}

impl Host for Poisson {
    fn deadline(&self) -> Option<Time> {
        let stop = self.config.stop.unwrap_or(Time::MAX);
        (self.next < stop).then_some(self.next)
    }

    fn wake(&mut self, now: Time) {
        while self.deadline().is_some_and(|at| at <= now) {
            let draw = self.sizes.next_u64();
            let mean = self.config.mean_packets.max(1);
            let packets = match self.config.sizes {
                BurstSizes::Fixed => mean,
                BurstSizes::Geometric => geometric(draw, mean),
            };
            self.pending += u64::from(packets);
            self.bursts += 1;
            self.move_on();
        }
    }

    fn receive(&mut self, _now: Time, _datagram: Datagram) {}

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.pending = self.pending.checked_sub(1)?;
        let size = self.config.packet_size.into();
        let datagram = Datagram {
            source: self.source,
            destination: self.destination,
            ecn: Ecn::NotEct,
            class: "burst",
            content: Content::Empty(payload(size, self.destination)),
        };
        self.stats.count(now, &datagram);
        Some(datagram)
    }
}
