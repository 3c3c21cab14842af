//! One direction of a link: a fixed pipeline of stages.
//!
//! ```text
//! offer → outage → loss → queue (drop-tail, bytes) → serialiser (rate) → propagation (delay) → jitter → arrival
//! ```
//!
//! A link holds the packets that wait in it and is driven by events: it is offered packets, is woken at the deadline
//! that it advertises (a departure, the end of an outage), and emits each packet once its fate is certain. Each stage draws from a random stream
//! of its own, labelled with the link's name and the stage's, and draws for every packet when it is offered, whatever the others
//! do with it: packet *n* always sees draw *n*, and removing one fault moves no other draw.

mod jitter;
mod journey;
mod loss;
mod outage;
mod serialiser;

use core::time::Duration;
use std::collections::VecDeque;

pub use journey::{Cause, Fate, Journey};
pub use loss::Loss;
pub use outage::Outage;
pub use serialiser::Rate;

use jitter::Jitter;
use loss::LossStage;
use outage::Outages;
use serialiser::Serialiser;

use crate::packet::Packet;
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

/// What a link emits: what became of a packet, and the packet itself if it arrives.
#[derive(Clone, Debug)]
pub struct Emitted<P> {
    /// The packet's course and fate.
    pub journey: Journey,
    /// The packet, if its fate is to be delivered.
    pub packet: Option<P>,
}

/// One direction of a link.
///
/// After [`Link::offer`], [`Link::wake`] and every change of it, take what it emits with [`Link::poll`] and be back with
/// [`Link::wake`] at [`Link::deadline`]. Time does not go back: an earlier `now` counts as the latest one.
#[derive(Clone, Debug)]
pub struct Link<P> {
    outages: Outages,
    down: bool,
    loss: LossStage,
    serialiser: Serialiser,
    queue: VecDeque<Entry<P>>,
    limit: Option<u64>,
    /// Bytes that wait or are being sent.
    backlog: u64,
    sending: Option<Sending<P>>,
    delay: Duration,
    jitter: Jitter,
    /// Reliable packets that wait for the end of an outage.
    held: VecDeque<Entry<P>>,
    emitted: VecDeque<Emitted<P>>,
    offered: u64,
    now: Time,
}

/// A packet inside a link, with all that was drawn for it.
#[derive(Clone, Debug)]
struct Entry<P> {
    packet: P,
    number: u64,
    offered: Time,
    /// When it entered the queue.
    queued: Time,
    size: u64,
    extra: Duration,
}

/// The packet whose bits are being sent.
#[derive(Clone, Debug)]
struct Sending<P> {
    entry: Entry<P>,
    started: Time,
    departure: Time,
}

impl<P: Packet> Link<P> {
    /// A link direction. `seed` is the run's; `name` must be unique within the run, since it labels the streams.
    pub fn new(config: LinkConfig, seed: u64, name: &str) -> Link<P> {
        Link {
            outages: Outages::new(config.outages),
            down: false,
            loss: LossStage::new(config.loss, seed, name),
            serialiser: Serialiser::new(config.rate),
            queue: VecDeque::new(),
            limit: config.queue.filter(|_| config.rate.is_some()),
            backlog: 0,
            sending: None,
            delay: config.delay,
            jitter: Jitter::new(config.jitter, seed, name),
            held: VecDeque::new(),
            emitted: VecDeque::new(),
            offered: 0,
            now: Time::ZERO,
        }
    }

    /// Hands the link a packet.
    ///
    /// One that is [reliable](Packet::reliable) passes loss and queue limit and waits out an outage.
    pub fn offer(&mut self, now: Time, packet: P) {
        let now = self.advance(now);
        // Every stage draws first, so that no draw depends on what another stage decides.
        let lost = self.loss.draw();
        let extra = self.jitter.draw();
        let number = self.offered;
        self.offered += 1;
        let reliable = packet.reliable();
        let entry = Entry {
            number,
            offered: now,
            queued: now,
            size: packet.size() as u64,
            extra,
            packet,
        };
        if self.down || self.outages.end(now).is_some() {
            if reliable {
                self.held.push_back(entry);
            } else {
                self.lose(&entry, Cause::Down);
            }
            return;
        }
        match lost {
            Some(cause) if !reliable => self.lose(&entry, cause),
            _ => self.enqueue(entry),
        }
    }

    /// The deadline has come, or any other instant.
    pub fn wake(&mut self, now: Time) {
        self.advance(now);
    }

    /// When the link next wants to be woken: a departure, or the end of an outage that packets wait for.
    pub fn deadline(&self) -> Option<Time> {
        let departure = self.sending.as_ref().map(|sending| sending.departure);
        let release = match self.held.front() {
            Some(_) if !self.down => Some(self.outages.end(self.now).unwrap_or(self.now)),
            _ => None,
        };
        departure.into_iter().chain(release).min()
    }

    /// The next packet whose fate has become certain; in the order in which that happened.
    pub fn poll(&mut self) -> Option<Emitted<P>> {
        self.emitted.pop_front()
    }

    /// Takes the link down until further notice, or up again. Configured outages apply besides.
    ///
    /// While it is down it drops what it is offered; reliable packets wait, and go on in order when it is up.
    pub fn set_down(&mut self, now: Time, down: bool) {
        let now = self.advance(now);
        self.down = down;
        self.release(now);
    }

    /// Bytes that occupy the queue at the instant of the last call, the packet being sent included.
    pub fn backlog(&self) -> u64 {
        self.backlog
    }

    /// Lets all departures up to `now` happen, and says what time it is.
    fn advance(&mut self, now: Time) -> Time {
        while let Some(departure) = self.sending.as_ref().map(|sending| sending.departure)
            && departure <= now
        {
            self.now = self.now.max(departure);
            self.depart();
        }
        self.now = self.now.max(now);
        self.release(self.now);
        self.now
    }

    /// Lets the packets that waited out an outage go on, if it is over.
    fn release(&mut self, now: Time) {
        if self.held.is_empty() || self.down || self.outages.end(now).is_some() {
            return;
        }
        for mut entry in core::mem::take(&mut self.held) {
            entry.queued = now;
            self.enqueue(entry);
        }
    }

    fn enqueue(&mut self, entry: Entry<P>) {
        let full = |limit| self.backlog.saturating_add(entry.size) > limit;
        if !entry.packet.reliable() && self.limit.is_some_and(full) {
            self.lose(&entry, Cause::QueueFull);
            return;
        }
        self.backlog = self.backlog.saturating_add(entry.size);
        if self.sending.is_some() {
            self.queue.push_back(entry);
        } else {
            self.send(entry);
        }
    }

    /// Begins to send a packet.
    fn send(&mut self, entry: Entry<P>) {
        let (started, departure) = self.serialiser.send(entry.queued, entry.size);
        self.sending = Some(Sending {
            entry,
            started,
            departure,
        });
        if departure <= self.now {
            self.depart();
        }
    }

    /// The last bit of the packet being sent is out.
    fn depart(&mut self) {
        while let Some(Sending {
            entry,
            started,
            departure,
        }) = self.sending.take()
        {
            self.backlog -= entry.size;
            let alone = departure.after(self.delay).after(entry.extra);
            let at = self.jitter.order(alone);
            let journey = journey(&entry, started, departure, Fate::Delivered { at });
            let packet = Some(entry.packet);
            self.emitted.push_back(Emitted { journey, packet });
            let Some(next) = self.queue.pop_front() else {
                return;
            };
            let (started, departure) = self.serialiser.send(next.queued, next.size);
            self.sending = Some(Sending {
                entry: next,
                started,
                departure,
            });
            if departure > self.now {
                return;
            }
        }
    }

    fn lose(&mut self, entry: &Entry<P>, cause: Cause) {
        let journey = journey(entry, self.now, self.now, Fate::Lost { cause });
        let packet = None;
        self.emitted.push_back(Emitted { journey, packet });
    }
}

fn journey<P: Packet>(entry: &Entry<P>, started: Time, left: Time, fate: Fate) -> Journey {
    Journey {
        number: entry.number,
        class: entry.packet.class(),
        size: entry.size,
        offered: entry.offered,
        started,
        left,
        fate,
    }
}
