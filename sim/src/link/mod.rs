//! One direction of a link: a fixed pipeline of stages.
//!
//! ```text
//! offer → outage → loss → queue (drop-tail, bytes) → serialiser (rate) → propagation (delay) → jitter → arrival
//! ```
//!
//! The stages are first-in first-out, so a packet's whole fate is known when it is offered. Each stage draws from a
//! random stream of its own, labelled with the link's name and the stage's, and draws for every packet, whatever the
//! others do with it: packet *n* always sees draw *n*, and removing one fault moves no other draw.

mod jitter;
mod loss;
mod outage;
mod serialiser;

use core::fmt;
use core::time::Duration;

pub use loss::Loss;
pub use outage::Outage;
pub use serialiser::Rate;

use jitter::Jitter;
use loss::LossStage;
use outage::Outages;
use serialiser::Serialiser;

use crate::time::Time;

/// What a link direction does to packets. The default is a perfect link: no delay, no limit, no fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkConfig {
    /// Rate of the bottleneck; `None` sends in no time.
    pub rate: Option<Rate>,
    /// Bytes that the bottleneck holds, the packet being sent included; `None` has no limit. Without a rate nothing
    /// waits, so the limit has no effect.
    pub queue: Option<u64>,
    /// Propagation delay, one way.
    pub delay: Duration,
    /// Most extra delay per packet, drawn uniformly from zero to this. Never reorders.
    pub jitter: Duration,
    /// Random loss.
    pub loss: Loss,
    /// Intervals in which the link drops all that is offered. What is under way by then still arrives.
    pub outages: Vec<Outage>,
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

impl fmt::Display for Cause {
    /// The name that the log uses: `random-loss`, `burst-loss`, `queue-full`, `down`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::RandomLoss => "random-loss",
            Cause::BurstLoss => "burst-loss",
            Cause::QueueFull => "queue-full",
            Cause::Down => "down",
        })
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    outages: Outages,
    down: bool,
    loss: LossStage,
    serialiser: Serialiser,
    delay: Duration,
    jitter: Jitter,
    last_offer: Time,
}

impl Link {
    /// A link direction. `seed` is the run's; `name` must be unique within the run, since it labels the streams.
    pub fn new(config: LinkConfig, seed: u64, name: &str) -> Link {
        Link {
            outages: Outages::new(config.outages),
            down: false,
            loss: LossStage::new(config.loss, seed, name),
            serialiser: Serialiser::new(config.rate, config.queue),
            delay: config.delay,
            jitter: Jitter::new(config.jitter, seed, name),
            last_offer: Time::ZERO,
        }
    }

    /// Hands the link a packet of `size` bytes and says what becomes of it.
    ///
    /// A `reliable` packet (see [`Packet::reliable`](crate::Packet::reliable)) passes loss and queue limit and waits
    /// out a configured outage. The end of an outage by [`Link::set_down`] is not known here; while
    /// [`Link::holds`] says so, the caller keeps the packet, as [`World`](crate::World) does. Offered all the same, it
    /// is lost.
    ///
    /// Time does not go back: an earlier `now` counts as that of the offer before.
    pub fn offer(&mut self, now: Time, size: usize, reliable: bool) -> Fate {
        let now = now.max(self.last_offer);
        self.last_offer = now;
        let size = size as u64;

        // Every stage draws first, so that no draw depends on what another stage decides.
        let lost = self.loss.draw();
        let extra = self.jitter.draw();

        if self.down {
            return Fate::Lost { cause: Cause::Down };
        }
        let entry = match self.outages.end(now) {
            Some(_) if !reliable => return Fate::Lost { cause: Cause::Down },
            Some(end) => end,
            None => now,
        };
        if !reliable {
            if let Some(cause) = lost {
                return Fate::Lost { cause };
            }
            if !self.serialiser.fits(entry, size) {
                let cause = Cause::QueueFull;
                return Fate::Lost { cause };
            }
        }
        let departure = self.serialiser.send(entry, size);
        let alone = departure.after(self.delay).after(extra);
        Fate::Delivered {
            at: self.jitter.order(alone),
        }
    }

    /// Takes the link down until further notice, or up again. Configured outages apply besides.
    pub fn set_down(&mut self, down: bool) {
        self.down = down;
    }

    /// Whether a packet must be kept back by the caller until the link is up: reliable, and down by
    /// [`Link::set_down`].
    pub fn holds(&self, reliable: bool) -> bool {
        self.down && reliable
    }

    /// Bytes that occupy the queue at `now`, the packet being sent included.
    pub fn backlog(&mut self, now: Time) -> u64 {
        self.serialiser.backlog(now)
    }
}
