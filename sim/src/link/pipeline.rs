//! One direction of a link: the stages in their order, and what is inside.

mod change;

use core::time::Duration;
use std::collections::VecDeque;

use super::config::LinkConfig;
use super::jitter::JitterStage;
use super::journey::{Cause, Fate, Journey};
use super::loss::LossStage;
use super::mangle::{CorruptStage, DuplicateStage, EcnStage, ReorderStage};
use super::medium::MediumConfig;
use super::outage::{OutageMode, Outages};
use super::policer::PolicerStage;
use super::queue::{Bound, Dropped, Limit, Queue, Queued, RateOf};
use super::serialiser::Serialiser;
use crate::packet::Packet;
use crate::random::Stream;
use crate::time::Time;

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
    /// What it is at present, and what its streams are labelled with.
    config: LinkConfig,
    seed: u64,
    name: String,
    outages: Outages,
    /// Down by command.
    down: Option<OutageMode>,
    mtu: Option<u64>,
    loss: LossStage,
    policer: Option<PolicerStage>,
    queue: Queue<P>,
    bound: Bound,
    /// The span of a queue whose limit follows the rate.
    follows: Option<Duration>,
    serialiser: Serialiser,
    /// Whether it waits for its turn on a shared medium.
    shared: bool,
    /// When a stopped transmitter goes on that waits for its turn.
    reopens: Option<Time>,
    sending: Option<Queued<P>>,
    /// What is sent together with it.
    together: Vec<Queued<P>>,
    air_loss: LossStage,
    /// From when on which delay; the first is at zero.
    delays: Vec<(Time, Duration)>,
    jitter: JitterStage,
    reorder: ReorderStage,
    duplicate: DuplicateStage,
    corrupt: CorruptStage,
    ecn: EcnStage,
    /// Reliable packets that wait for the end of an outage that drops.
    held: VecDeque<Queued<P>>,
    /// What was sent during an outage that releases at once at its end.
    kept: VecDeque<Sent<P>>,
    emitted: VecDeque<Emitted<P>>,
    dropped: Dropped<P>,
    offered: u64,
    now: Time,
}

/// A packet that has left the transmitter.
#[derive(Clone, Debug)]
struct Sent<P> {
    queued: Queued<P>,
    started: Time,
    left: Time,
}

impl<P: Packet> Link<P> {
    /// A link direction. `seed` is the run's; `name` must be unique within the run, since it labels the streams.
    pub fn new(config: LinkConfig, seed: u64, name: &str) -> Link<P> {
        let kept = config.clone();
        let outages = Outages::new(&config.outages);
        let gate_draws = Stream::new(seed, &format!("{name}/on-off"));
        let serialiser = Serialiser::new(
            config.rate,
            &config.rates,
            config.trace.clone(),
            config.on_off,
            outages.holds(),
            gate_draws,
        );
        let bound = match config.queue.limit {
            Limit::Packets(packets) => Bound {
                bytes: None,
                packets: Some(packets),
            },
            _ => Bound {
                bytes: config.queue_bytes(),
                packets: None,
            },
        };
        let follows = match config.queue.limit {
            Limit::Span {
                span,
                of: RateOf::Current,
            } => Some(span),
            _ => None,
        };
        let mut delays = vec![(Time::ZERO, config.delay)];
        delays.extend(config.delays.iter().map(|step| (step.at, step.delay)));
        delays[1..].sort_by_key(|(at, _)| *at);
        Link {
            config: kept,
            seed,
            name: name.to_owned(),
            outages,
            down: None,
            mtu: config.mtu,
            loss: LossStage::new(config.loss, seed, name, "loss"),
            policer: config.policer.map(PolicerStage::new),
            queue: Queue::new(&config.queue.discipline, seed, name),
            bound,
            follows,
            serialiser,
            shared: false,
            reopens: None,
            sending: None,
            together: Vec::new(),
            air_loss: LossStage::new(config.air_loss, seed, name, "air-loss"),
            delays,
            jitter: JitterStage::new(config.jitter, seed, name),
            reorder: config.reorder.stage(seed, name),
            duplicate: DuplicateStage::new(config.duplicate, seed, name),
            corrupt: CorruptStage::new(config.corrupt, seed, name),
            ecn: EcnStage::new(config.ecn, seed, name),
            held: VecDeque::new(),
            kept: VecDeque::new(),
            emitted: VecDeque::new(),
            dropped: Vec::new(),
            offered: 0,
            now: Time::ZERO,
        }
    }

    /// Hands the link a packet.
    ///
    /// One that is [reliable](Packet::reliable) passes all loss and limits and waits out an outage.
    pub fn offer(&mut self, now: Time, packet: P) {
        let now = self.advance(now);
        let number = self.offered;
        self.offered += 1;
        let reliable = packet.reliable();
        let class = packet.class();
        // Chains that move per packet move for every packet, whatever becomes of it.
        let bad = self.loss.meet(number);
        let queued = Queued {
            number,
            size: packet.size() as u64,
            flow: if self.queue.is_fair() {
                packet.flow()
            } else {
                0
            },
            ecn: packet.ecn(),
            offered: now,
            arrived: now,
            reliable,
            damaged: false,
            air_bad: self.air_loss.meet(number),
            packet,
        };
        let lost = self.loss.fate(number, bad, now, class);
        if self.is(OutageMode::Drop, now) {
            if reliable {
                self.held.push_back(queued);
            } else {
                self.lose(&queued, Cause::Down);
            }
            return;
        }
        if !reliable {
            if self.mtu.is_some_and(|mtu| queued.size > mtu) {
                return self.lose(&queued, Cause::TooBig);
            }
            if self.config.drop.contains(&number) {
                return self.lose(&queued, Cause::ListedLoss);
            }
            if let Some(lost) = lost {
                return self.lose(&queued, lost.at_entry());
            }
            if let Some(policer) = &mut self.policer
                && !policer.passes(now, queued.size)
            {
                return self.lose(&queued, Cause::Policed);
            }
        }
        if self.is_clear() {
            let (started, left) = (now, now);
            let sent = Sent {
                queued,
                started,
                left,
            };
            return self.propagate(sent, now);
        }
        self.enqueue(queued);
    }

    /// Whether what is offered leaves at once: neither queue nor transmitter has any part in it.
    fn is_clear(&self) -> bool {
        self.serialiser.is_unlimited()
            && !self.shared
            && self.down.is_none()
            && self.queue.is_plain()
            && self.inside() == 0
            && self.outages.is_empty()
    }

    /// The deadline has come, or any other instant.
    pub fn wake(&mut self, now: Time) {
        self.advance(now);
    }

    /// When the link next wants to be woken: a departure, or the end of an outage that packets wait for.
    pub fn deadline(&self) -> Option<Time> {
        let next = [self.departure(), self.release(), self.reopens];
        next.into_iter()
            .flatten()
            .min()
            .filter(|at| *at < Time::MAX)
    }

    /// The next packet whose fate has become certain; in the order in which that happened.
    pub fn poll(&mut self) -> Option<Emitted<P>> {
        self.emitted.pop_front()
    }

    /// Bytes that occupy the queue at the instant of the last call, the packet being sent included.
    pub fn backlog(&self) -> u64 {
        self.queue.bytes()
    }

    /// Packets that occupy the queue at the instant of the last call, the one being sent included.
    pub fn backlog_packets(&self) -> u64 {
        self.queue.packets()
    }

    /// Packets that were offered and whose fate is not certain.
    pub fn inside(&self) -> u64 {
        self.queue.packets() + (self.held.len() + self.kept.len()) as u64
    }

    /// Makes it wait for its turn on a shared medium from now on: it sends only by [`Link::transmit`].
    pub fn share(&mut self) {
        self.shared = true;
    }

    /// Whether it wants its turn on the shared medium: since when the oldest of its packets waits. While its
    /// transmitter is stopped it does not; its deadline says when that ends.
    pub fn wants(&mut self, now: Time) -> Option<Time> {
        self.reopens = None;
        if !self.shared || self.serialiser.is_busy() {
            return None;
        }
        let oldest = self.queue.oldest()?;
        self.reopens = self.serialiser.stopped_until(now);
        self.reopens.is_none().then_some(oldest)
    }

    /// Takes its turn on a shared medium, and says until when it lasts at least; see [`Link::busy_until`].
    pub fn transmit(&mut self, now: Time, medium: &MediumConfig) -> Time {
        let now = self.advance(now);
        let mut bytes: u64 = 0;
        let mut packets = 0;
        while packets < medium.max_packets.max(1) {
            let used = Bound::airtime(bytes, self.serialiser.rate(now));
            if packets > 0 && used >= medium.max_airtime {
                break;
            }
            let Some(queued) = self.dequeue(now) else {
                break;
            };
            bytes = bytes.saturating_add(queued.size);
            packets += 1;
            match self.sending {
                None => self.sending = Some(queued),
                Some(_) => self.together.push(queued),
            }
        }
        if packets == 0 {
            return now; // the queue dropped all that waited
        }
        self.serialiser.start(now.after(medium.overhead), bytes);
        let until = self.serialiser.times().map_or(now, |(_, until)| until);
        self.advance(now);
        until
    }

    /// Until when it sends at least, if it does; asked again then.
    pub fn busy_until(&self) -> Option<Time> {
        self.serialiser.times().map(|(_, until)| until)
    }

    /// Lets all that is due up to `now` happen, and says what time it is.
    fn advance(&mut self, now: Time) -> Time {
        loop {
            let departure = self.departure();
            let release = self.release();
            let next = departure.into_iter().chain(release).min();
            let Some(next) = next.filter(|next| *next <= now) else {
                break;
            };
            self.now = self.now.max(next);
            if release == Some(next) {
                self.let_go();
            } else {
                self.depart();
            }
        }
        self.now = self.now.max(now);
        self.now
    }

    fn departure(&self) -> Option<Time> {
        self.serialiser.times().map(|(_, departure)| departure)
    }

    /// When packets that are kept by an outage go on.
    fn release(&self) -> Option<Time> {
        let over = |kept: bool, mode| {
            if !kept || self.down == Some(mode) {
                return None;
            }
            Some(self.outages.end(mode, self.now).unwrap_or(self.now))
        };
        let held = over(!self.held.is_empty(), OutageMode::Drop);
        let kept = over(!self.kept.is_empty(), OutageMode::Burst);
        held.into_iter().chain(kept).min()
    }

    /// Whether an outage of this mode covers `now`.
    fn is(&self, mode: OutageMode, now: Time) -> bool {
        self.down == Some(mode) || self.outages.end(mode, now).is_some()
    }

    /// Lets the packets go on that an outage kept, if it is over.
    fn let_go(&mut self) {
        let now = self.now;
        if !self.is(OutageMode::Burst, now) {
            for sent in core::mem::take(&mut self.kept) {
                self.propagate(sent, now);
            }
        }
        if !self.is(OutageMode::Drop, now) {
            for mut queued in core::mem::take(&mut self.held) {
                queued.arrived = now;
                self.enqueue(queued);
            }
        }
    }

    fn enqueue(&mut self, queued: Queued<P>) {
        let now = self.now;
        let rate = self.serialiser.rate(now);
        if let (Some(span), Some(_)) = (self.follows, rate) {
            self.bound = Bound::span(span, rate);
        }
        // Where nothing waits, nothing is too much.
        let nothing_waits = self.serialiser.is_unlimited() && !self.shared;
        self.queue.set_bound(match nothing_waits {
            true => Bound::default(),
            false => self.bound,
        });
        self.queue.enqueue(now, rate, queued, &mut self.dropped);
        self.lose_dropped();
        if !self.shared {
            self.send_next();
        }
        while self.departure().is_some_and(|at| at <= self.now) {
            self.depart(); // it took no time
        }
    }

    /// Begins to send the next packet, if the transmitter is idle.
    fn send_next(&mut self) {
        if self.serialiser.is_busy() {
            return;
        }
        if let Some(queued) = self.dequeue(self.now) {
            self.serialiser.start(queued.arrived, queued.size);
            self.sending = Some(queued);
        }
    }

    fn dequeue(&mut self, now: Time) -> Option<Queued<P>> {
        let queued = self.queue.dequeue(now, &mut self.dropped);
        self.lose_dropped();
        queued
    }

    /// The last bit of what is being sent is out, unless its course goes on.
    fn depart(&mut self) {
        if self.serialiser.goes_on() {
            return;
        }
        let Some((started, left)) = self.serialiser.times() else {
            return;
        };
        self.serialiser.finish();
        self.queue.depart();
        let keeps = self.is(OutageMode::Burst, left);
        let first = self.sending.take();
        let others = core::mem::take(&mut self.together);
        for queued in first.into_iter().chain(others) {
            let sent = Sent {
                queued,
                started,
                left,
            };
            if keeps {
                self.kept.push_back(sent);
            } else {
                self.propagate(sent, left);
            }
        }
        if !self.shared {
            self.send_next();
        }
    }

    /// Sends a packet over the air, from `from` on.
    fn propagate(&mut self, sent: Sent<P>, from: Time) {
        let Sent {
            mut queued,
            started,
            left,
        } = sent;
        let (number, reliable) = (queued.number, queued.reliable);
        let class = queued.packet.class();
        let lost = self.air_loss.fate(number, queued.air_bad, left, class);
        if let (Some(lost), false) = (lost, reliable) {
            return self.emit_lost(&queued, started, left, lost.on_air());
        }
        let behind = self.reorder.extra(number).filter(|_| !reliable);
        let ordered = reliable || (behind.is_none() && !self.jitter.reorders());
        let alone = from.after(self.delay(from));
        let at = self
            .jitter
            .arrival(number, (from, alone), queued.size, ordered);
        let at = at.after(behind.unwrap_or_default());

        if !reliable {
            queued.ecn = self.ecn.arriving(number, queued.ecn);
            if let Some((corruption, mut draws)) = self.corrupt.damage(number) {
                queued.packet.corrupt(corruption, &mut draws);
                queued.damaged = true;
            }
        }
        if queued.ecn != queued.packet.ecn() {
            queued.packet.set_ecn(queued.ecn);
        }
        let copy = self.duplicate.copy(number).filter(|_| !reliable);
        let journey = journey(&queued, started, left, Fate::Delivered { at });
        let twin = copy.map(|later| (at.after(later), queued.packet.clone()));
        let packet = Some(queued.packet);
        self.emitted.push_back(Emitted { journey, packet });
        if let Some((at, packet)) = twin {
            let journey = Journey {
                copy: true,
                fate: Fate::Delivered { at },
                ..journey
            };
            let packet = Some(packet);
            self.emitted.push_back(Emitted { journey, packet });
        }
    }

    fn delay(&self, at: Time) -> Duration {
        match self.delays.as_slice() {
            [(_, delay)] => *delay,
            delays => {
                let next = delays.partition_point(|(from, _)| *from <= at);
                delays[next.saturating_sub(1)].1
            }
        }
    }

    fn lose_dropped(&mut self) {
        if self.dropped.is_empty() {
            return;
        }
        let mut dropped = core::mem::take(&mut self.dropped);
        for (queued, cause) in dropped.drain(..) {
            self.lose(&queued, cause);
        }
        self.dropped = dropped; // kept for its memory only
    }

    fn lose(&mut self, queued: &Queued<P>, cause: Cause) {
        let now = self.now;
        self.emit_lost(queued, now, now, cause);
    }

    fn emit_lost(&mut self, queued: &Queued<P>, started: Time, left: Time, cause: Cause) {
        let journey = journey(queued, started, left, Fate::Lost { cause });
        let packet = None;
        self.emitted.push_back(Emitted { journey, packet });
    }
}

fn journey<P: Packet>(queued: &Queued<P>, started: Time, left: Time, fate: Fate) -> Journey {
    Journey {
        number: queued.number,
        class: queued.packet.class(),
        size: queued.size,
        offered: queued.offered,
        started,
        left,
        ecn: queued.ecn,
        reliable: queued.reliable,
        damaged: queued.damaged,
        copy: false,
        fate,
    }
}
