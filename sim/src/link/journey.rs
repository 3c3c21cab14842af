//! What became of a packet on a link.

use core::fmt;

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
    /// It did not fit the queue.
    QueueFull,
    /// The link was down.
    Down,
}

impl Cause {
    /// The name that the log uses: `random-loss`, `burst-loss`, `queue-full`, `down`.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::RandomLoss => "random-loss",
            Cause::BurstLoss => "burst-loss",
            Cause::QueueFull => "queue-full",
            Cause::Down => "down",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
