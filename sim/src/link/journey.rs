//! What became of a packet on a link.

use core::fmt;

use crate::packet::Ecn;
use crate::time::Time;

/// A packet's course over one link, complete once its fate is certain: when it is lost, or when its last bit departs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Journey {
    /// Its number among the packets that were offered to this link, from 0.
    pub number: u64,
    /// Its class.
    pub class: &'static str,
    /// Its size in bytes, headers included.
    pub size: u64,
    /// When it was offered.
    pub offered: Time,
    /// When its first bit was sent; for a lost packet, when it was lost.
    pub started: Time,
    /// When its last bit was sent; for a lost packet, when it was lost.
    pub left: Time,
    /// The ECN field with which it left, or was lost.
    pub ecn: Ecn,
    /// Whether it is [reliable](crate::Packet::reliable).
    pub reliable: bool,
    /// Whether its content was damaged.
    pub damaged: bool,
    /// Whether it is the second of two that arrive with this number.
    pub copy: bool,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of an offered packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It arrives.
    Delivered {
        /// When its last bit reaches the other end.
        at: Time,
    },
    /// It never arrives.
    Lost {
        /// Why.
        cause: Cause,
    },
}

/// Why a packet was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Independent loss, or loss in the good state of a Gilbert–Elliott chain.
    RandomLoss,
    /// Loss in the bad state of a Gilbert–Elliott chain.
    BurstLoss,
    /// A list or a pattern named it.
    ListedLoss,
    /// It was larger than the MTU.
    TooBig,
    /// It exceeded the policer's rate.
    Policed,
    /// It did not fit the queue, or was pushed out of it.
    QueueFull,
    /// The queue dropped it to tell its sender of congestion: CoDel, RED, PIE.
    QueueEarly,
    /// As [`Cause::RandomLoss`], behind the transmitter.
    AirLoss,
    /// As [`Cause::BurstLoss`], behind the transmitter.
    AirBurstLoss,
    /// As [`Cause::ListedLoss`], behind the transmitter.
    AirListedLoss,
    /// The link was down.
    Down,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 11] = [
        Cause::RandomLoss,
        Cause::BurstLoss,
        Cause::ListedLoss,
        Cause::TooBig,
        Cause::Policed,
        Cause::QueueFull,
        Cause::QueueEarly,
        Cause::AirLoss,
        Cause::AirBurstLoss,
        Cause::AirListedLoss,
        Cause::Down,
    ];

    /// The name that the log uses: `random-loss`, `queue-full`.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::RandomLoss => "random-loss",
            Cause::BurstLoss => "burst-loss",
            Cause::ListedLoss => "listed-loss",
            Cause::TooBig => "too-big",
            Cause::Policed => "policed",
            Cause::QueueFull => "queue-full",
            Cause::QueueEarly => "queue-early",
            Cause::AirLoss => "air-loss",
            Cause::AirBurstLoss => "air-burst-loss",
            Cause::AirListedLoss => "air-listed-loss",
            Cause::Down => "down",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
