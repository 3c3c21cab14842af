//! UDP at a rate that is exact.

use std::net::SocketAddr;

use crate::link::Rate;
use crate::net::{Content, Datagram, Ecn, Host};
use crate::time::Time;
use crate::traffic::udp_sink::{UdpStats, payload};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// What a [`Cbr`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CbrConfig {
    /// The rate from each instant on, IP headers counted; `None` is silence, and so is the time before the first.
    pub rates: Vec<(Time, Option<Rate>)>,
    /// Bytes of each packet on the wire, IP and UDP headers included; at least the headers are sent.
    pub packet_size: u32,
    /// When the first packet leaves.
    pub start: Time,
    /// From when on none does.
    pub stop: Option<Time>,
}

impl CbrConfig {
    /// One rate from the beginning on.
    pub fn constant(rate: Rate) -> CbrConfig {
        CbrConfig {
            rates: vec![(Time::ZERO, Some(rate))],
            ..CbrConfig::default()
        }
    }
}

impl Default for CbrConfig {
    /// Packets of 1500 bytes, as RFC 8868 §5.2 has them, and no rate.
    fn default() -> CbrConfig {
        CbrConfig {
            rates: Vec::new(),
            packet_size: 1_500,
            start: Time::ZERO,
            stop: None,
        }
    }
}

/// A source of UDP packets of one size at a constant or scheduled rate.
///
/// Packet *n*, counted from zero, leaves in the first nanosecond by which the integral of the rate since the start has
/// reached *n* packets. The rest of a division is carried on, so what leaves in any interval differs from the integral
/// over it by less than a packet, however long the run and however often the rate changes.
#[derive(Clone, Debug)]
pub struct Cbr {
    source: SocketAddr,
    destination: SocketAddr,
    size: u64,
    stop: Time,
    /// Sorted by time.
    rates: Vec<(Time, Option<Rate>)>,
    /// How many of the rates have begun.
    begun: usize,
    /// The integral of the rate up to an instant, less the packets sent, in bits times 10⁹.
    credit: (Time, u128),
    next: Option<Time>,
    pending: u64,
    stats: UdpStats,
}

impl Cbr {
    /// A source that sends between these addresses.
    pub fn new(config: CbrConfig, source: SocketAddr, destination: SocketAddr) -> Cbr {
        let mut rates = config.rates;
        rates.sort_by_key(|(at, _)| *at);
        let mut cbr = Cbr {
            source,
            destination,
            size: u64::from(config.packet_size).max(1),
            stop: config.stop.unwrap_or(Time::MAX),
            begun: rates.partition_point(|(at, _)| *at <= config.start),
            rates,
            credit: (config.start, 0),
            next: None,
            pending: 0,
            stats: UdpStats::default(),
        };
        // The first packet leaves at the start.
        cbr.credit.1 = cbr.cost();
        cbr.next = cbr.departure();
        cbr
    }

    /// What it has sent.
    pub fn stats(&self) -> &UdpStats {
        &self.stats
    }

    /// A packet in bits times 10⁹.
    fn cost(&self) -> u128 {
        u128::from(self.size) * 8 * NANOS_PER_SECOND
    }

    /// When the next packet leaves; moves the credit on over changes of the rate before.
    fn departure(&mut self) -> Option<Time> {
        loop {
            let rate = match self.begun.checked_sub(1) {
                Some(current) => self.rates[current].1.map_or(0, Rate::bits_per_second),
                None => 0,
            };
            let (since, credit) = self.credit;
            let change = self.rates.get(self.begun).map(|(at, _)| *at);
            if rate > 0 {
                let wait = self.cost().saturating_sub(credit).div_ceil(rate.into());
                let at = u128::from(since.as_nanos()) + wait;
                let at = u64::try_from(at).map_or(Time::MAX, Time::from_nanos);
                if at >= self.stop {
                    return None;
                }
                if change.is_none_or(|change| at <= change) {
                    return Some(at);
                }
            }
            self.accrue(change?, rate);
            self.begun += 1;
        }
    }

    fn accrue(&mut self, to: Time, rate: u64) {
        let (since, credit) = self.credit;
        let span = to.as_nanos() - since.as_nanos();
        self.credit = (to, credit + u128::from(rate) * u128::from(span));
    }
}

impl Host for Cbr {
    fn deadline(&self) -> Option<Time> {
        self.next
    }

    fn wake(&mut self, now: Time) {
        while let Some(at) = self.next
            && at <= now
        {
            let current = self.begun.saturating_sub(1);
            let rate = self.rates[current].1.map_or(0, Rate::bits_per_second);
            self.accrue(at, rate);
            self.credit.1 -= self.cost();
            self.pending += 1;
            self.next = self.departure();
        }
    }

    fn receive(&mut self, _now: Time, _datagram: Datagram) {}

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.pending = self.pending.checked_sub(1)?;
        let datagram = Datagram {
            source: self.source,
            destination: self.destination,
            ecn: Ecn::NotEct,
            class: "cbr",
            content: Content::Empty(payload(self.size, self.destination)),
        };
        self.stats.count(now, &datagram);
        Some(datagram)
    }
}
