//! The queue in front of the transmitter: who is let in, who is dropped, who is next.
//!
//! What a queue holds is what *waits*, and beside it the packet that is being sent, until its last bit has left: a limit
//! counts both. A packet that propagates is on the wire and takes no room.

mod codel;
mod drop_tail;
mod fq_codel;
mod pie;
mod red;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

pub use codel::CoDel;
pub use fq_codel::FqCoDel;
pub use pie::Pie;
pub use red::Red;

use drop_tail::Fifo;

use crate::link::{Cause, Rate};
use crate::packet::Ecn;
use crate::random::Stream;
use crate::time::{Time, nanos};

/// The queue of a link direction. The default is a FIFO without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueConfig {
    /// How much it holds, the packet being sent included.
    pub limit: Limit,
    /// Who is dropped, and who is next.
    pub discipline: Discipline,
}

impl QueueConfig {
    /// A drop-tail queue of so many bytes.
    pub const fn bytes(limit: u64) -> QueueConfig {
        QueueConfig {
            limit: Limit::Bytes(limit),
            discipline: Discipline::DropTail,
        }
    }

    /// A drop-tail queue that the link's reference rate empties in `span`.
    pub const fn span(span: Duration) -> QueueConfig {
        QueueConfig {
            limit: Limit::Span {
                span,
                of: RateOf::Reference,
            },
            discipline: Discipline::DropTail,
        }
    }
}

impl From<Option<u64>> for QueueConfig {
    /// A drop-tail queue of so many bytes, or without limit.
    fn from(bytes: Option<u64>) -> QueueConfig {
        bytes.map_or_else(QueueConfig::default, QueueConfig::bytes)
    }
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// All that comes.
    #[default]
    None,
    /// So many bytes.
    Bytes(u64),
    /// So many packets, of any size.
    Packets(u64),
    /// The bytes that a rate sends in a span of time, rounded down. A link without that rate has no limit.
    Span {
        /// The span.
        span: Duration,
        /// Which rate.
        of: RateOf,
    },
}

/// The rate in which a queue's span is measured, where a link's rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateOf {
    /// The rate that the link's configuration gives as its reference, or else its rate at the beginning.
    #[default]
    Reference,
    /// The highest rate that it ever has; of a trace, its mean.
    Physical,
    /// The rate at the time: the limit shrinks and grows with it. What waits by then stays.
    Current,
}

impl FromStr for RateOf {
    type Err = String;

    /// Reads `reference`, `physical`, `current`; the error is what was expected.
    fn from_str(text: &str) -> Result<RateOf, String> {
        match text {
            "reference" => Ok(RateOf::Reference),
            "physical" => Ok(RateOf::Physical),
            "current" => Ok(RateOf::Current),
            _ => Err("reference, physical, or current".to_owned()),
        }
    }
}

impl fmt::Display for RateOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RateOf::Reference => "reference",
            RateOf::Physical => "physical",
            RateOf::Current => "current",
        })
    }
}

/// Who is dropped, and who is next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// First in, first out; what does not fit is dropped.
    #[default]
    DropTail,
    /// First in, first out; what does not fit pushes out the oldest that waits.
    DropHead,
    /// CoDel (RFC 8289).
    CoDel(CoDel),
    /// FQ-CoDel (RFC 8290).
    FqCoDel(FqCoDel),
    /// Random early detection.
    Red(Red),
    /// PIE (RFC 8033).
    Pie(Pie),
}

impl FromStr for Discipline {
    type Err = String;

    /// Reads a discipline with its usual parameters: `drop-tail`, `drop-head`, `codel`, `fq-codel`, `red`, `pie`; the
    /// error is what was expected.
    fn from_str(text: &str) -> Result<Discipline, String> {
        match text {
            "drop-tail" => Ok(Discipline::DropTail),
            "drop-head" => Ok(Discipline::DropHead),
            "codel" => Ok(Discipline::CoDel(CoDel::default())),
            "fq-codel" => Ok(Discipline::FqCoDel(FqCoDel::default())),
            "red" => Ok(Discipline::Red(Red::default())),
            "pie" => Ok(Discipline::Pie(Pie::default())),
            _ => Err("drop-tail, drop-head, codel, fq-codel, red, or pie".to_owned()),
        }
    }
}

impl fmt::Display for Discipline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Discipline::DropTail => "drop-tail",
            Discipline::DropHead => "drop-head",
            Discipline::CoDel(_) => "codel",
            Discipline::FqCoDel(_) => "fq-codel",
            Discipline::Red(_) => "red",
            Discipline::Pie(_) => "pie",
        })
    }
}

/// A packet inside a link, with what the stages know of it.
#[derive(Clone, Debug)]
pub(super) struct Queued<P> {
    pub(super) packet: P,
    /// Its number among those that were offered to the link.
    pub(super) number: u64,
    pub(super) size: u64,
    /// What the packets of a flow share, where the queue tells flows apart.
    pub(super) flow: u64,
    pub(super) ecn: Ecn,
    pub(super) offered: Time,
    /// When it entered the queue.
    pub(super) arrived: Time,
    /// Passes every limit.
    pub(super) reliable: bool,
    /// Whether it meets the loss on the air in its bad state, if that moves per packet.
    pub(super) air_bad: bool,
    /// Whether it was corrupted.
    pub(super) damaged: bool,
}

/// Packets that a queue dropped, and why.
pub(super) type Dropped<P> = Vec<(Queued<P>, Cause)>;

/// What a queue does with a packet to tell its sender of congestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Mark,
    Drop,
}

/// Marks a packet whose sender takes marks, or says that it must be dropped. A reliable one is left as it is.
fn signal<P>(queued: &mut Queued<P>, ecn: bool) -> Signal {
    if ecn && queued.ecn.is_capable() {
        queued.ecn = Ecn::Ce;
        return Signal::Mark;
    }
    if queued.reliable {
        return Signal::Mark;
    }
    Signal::Drop
}

/// The most that a queue holds, as numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    pub(super) bytes: Option<u64>,
    pub(super) packets: Option<u64>,
}

impl Bound {
    /// The bytes that `rate` sends in `span`.
    pub(super) fn span(span: Duration, rate: Option<Rate>) -> Bound {
        let bytes = rate.map(|rate| {
            let work = u128::from(nanos(span)) * u128::from(rate.bits_per_second());
            u64::try_from(work / 8_000_000_000).unwrap_or(u64::MAX)
        });
        Bound {
            bytes,
            packets: None,
        }
    }

    /// How long `rate` takes for so many bytes, rounded down; no time without a rate.
    pub(super) fn airtime(bytes: u64, rate: Option<Rate>) -> Duration {
        let nanos = rate.map_or(0, |rate| {
            u128::from(bytes) * 8_000_000_000 / u128::from(rate.bits_per_second())
        });
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn fits(self, bytes: u64, packets: u64) -> bool {
        self.bytes.is_none_or(|limit| bytes <= limit)
            && self.packets.is_none_or(|limit| packets <= limit)
    }
}

/// The stage.
#[derive(Clone, Debug)]
pub(super) struct Queue<P> {
    bound: Bound,
    /// What has left the queue and is being sent: bytes, packets.
    sending: (u64, u64),
    order: Order<P>,
}

#[derive(Clone, Debug)]
enum Order<P> {
    DropTail(Fifo<P>),
    DropHead(Fifo<P>),
    CoDel(Fifo<P>, codel::State),
    FqCoDel(Box<fq_codel::State<P>>),
    Red(Fifo<P>, red::State),
    Pie(Fifo<P>, pie::State),
}

impl<P> Order<P> {
    /// Takes out the next packet as it is.
    fn take(&mut self) -> Option<Queued<P>> {
        match self {
            Order::DropTail(fifo)
            | Order::DropHead(fifo)
            | Order::CoDel(fifo, _)
            | Order::Red(fifo, _)
            | Order::Pie(fifo, _) => fifo.pop(),
            Order::FqCoDel(state) => state.take(),
        }
    }
}

impl<P> Queue<P> {
    /// An empty queue, without limit. The seed is the run's, and `link` labels what it draws.
    pub(super) fn new(discipline: &Discipline, seed: u64, link: &str) -> Queue<P> {
        let order = match discipline {
            Discipline::DropTail => Order::DropTail(Fifo::new()),
            Discipline::DropHead => Order::DropHead(Fifo::new()),
            Discipline::CoDel(config) => Order::CoDel(Fifo::new(), codel::State::new(config)),
            Discipline::FqCoDel(config) => {
                let salt = Stream::new(seed, &format!("{link}/fq-codel")).at(0);
                Order::FqCoDel(Box::new(fq_codel::State::new(config, salt)))
            }
            Discipline::Red(config) => {
                let draws = Stream::new(seed, &format!("{link}/red"));
                Order::Red(Fifo::new(), red::State::new(config, draws))
            }
            Discipline::Pie(config) => {
                let draws = Stream::new(seed, &format!("{link}/pie"));
                Order::Pie(Fifo::new(), pie::State::new(config, draws))
            }
        };
        Queue {
            bound: Bound::default(),
            sending: (0, 0),
            order,
        }
    }

    /// Whether it tells flows apart.
    pub(super) fn is_fair(&self) -> bool {
        matches!(self.order, Order::FqCoDel(_))
    }

    /// Whether it remembers nothing of packets that are gone.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.order, Order::DropTail(_) | Order::DropHead(_))
    }

    /// The queue that takes this one's place: `next` with what waits here, in the order in which it came.
    /// The bound is none of it; a discipline with a limit of its own may drop. `flow` says of which flow a packet is.
    pub(super) fn replace(
        &mut self,
        mut next: Queue<P>,
        flow: impl Fn(&P) -> u64,
        dropped: &mut Dropped<P>,
    ) -> Queue<P> {
        let is_fair = next.is_fair();
        while let Some(mut queued) = self.order.take() {
            if is_fair {
                queued.flow = flow(&queued.packet);
            }
            match &mut next.order {
                Order::DropTail(fifo) | Order::DropHead(fifo) | Order::CoDel(fifo, _) => {
                    fifo.push(queued);
                }
                Order::FqCoDel(state) => state.push(queued, dropped),
                Order::Red(fifo, _) | Order::Pie(fifo, _) => fifo.push(queued),
            }
        }
        if let Order::Red(fifo, state) = &mut next.order {
            state.take_over(fifo);
        }
        next.sending = self.sending;
        next
    }

    /// Changes the limit. What waits stays.
    pub(super) fn set_bound(&mut self, bound: Bound) {
        self.bound = bound;
    }

    /// Takes a packet in, or drops it or others. `rate` is the link's, for those that judge by time.
    pub(super) fn enqueue(
        &mut self,
        now: Time,
        rate: Option<Rate>,
        queued: Queued<P>,
        dropped: &mut Dropped<P>,
    ) {
        let (bytes, packets) = (self.bytes(), self.packets());
        let fits = self
            .bound
            .fits(bytes.saturating_add(queued.size), packets + 1);
        if fits || queued.reliable {
            match &mut self.order {
                Order::DropTail(fifo) | Order::DropHead(fifo) | Order::CoDel(fifo, _) => {
                    fifo.push(queued);
                }
                Order::FqCoDel(state) => state.push(queued, dropped),
                Order::Red(fifo, state) => state.push(now, rate, fifo, queued, dropped),
                Order::Pie(fifo, state) => state.push(now, fifo, queued, dropped),
            }
            return;
        }
        match &mut self.order {
            Order::DropTail(_) | Order::CoDel(..) => dropped.push((queued, Cause::QueueFull)),
            Order::Red(fifo, state) => {
                // The average sees every arrival, also one that finds no room.
                state.observe(now, rate, fifo);
                dropped.push((queued, Cause::QueueFull));
            }
            Order::Pie(_, state) => {
                state.overflow(now);
                dropped.push((queued, Cause::QueueFull));
            }
            Order::DropHead(_) => self.push_out_oldest(queued, dropped),
            Order::FqCoDel(state) => {
                state.push(queued, dropped);
                while !self.fits_now() {
                    let Order::FqCoDel(state) = &mut self.order else {
                        return;
                    };
                    if !state.drop_from_fattest(dropped) {
                        return;
                    }
                }
            }
        }
    }

    /// The next packet to send, which counts as being sent until [`Queue::depart`].
    pub(super) fn dequeue(&mut self, now: Time, dropped: &mut Dropped<P>) -> Option<Queued<P>> {
        let queued = match &mut self.order {
            Order::DropTail(fifo) | Order::DropHead(fifo) => fifo.pop(),
            Order::CoDel(fifo, state) => state.dequeue(now, fifo, dropped),
            Order::FqCoDel(state) => state.dequeue(now, dropped),
            Order::Red(fifo, state) => state.pop(now, fifo),
            Order::Pie(fifo, state) => state.pop(now, fifo),
        }?;
        self.sending.0 = self.sending.0.saturating_add(queued.size);
        self.sending.1 += 1;
        Some(queued)
    }

    /// What was being sent has left.
    pub(super) fn depart(&mut self) {
        self.sending = (0, 0);
    }

    /// Bytes that wait or are being sent.
    pub(super) fn bytes(&self) -> u64 {
        self.waiting().0.saturating_add(self.sending.0)
    }

    /// Packets that wait or are being sent.
    pub(super) fn packets(&self) -> u64 {
        self.waiting().1 + self.sending.1
    }

    /// When the oldest packet that waits came; `None` if none does.
    pub(super) fn oldest(&self) -> Option<Time> {
        match &self.order {
            Order::DropTail(fifo)
            | Order::DropHead(fifo)
            | Order::CoDel(fifo, _)
            | Order::Red(fifo, _)
            | Order::Pie(fifo, _) => fifo.front().map(|queued| queued.arrived),
            Order::FqCoDel(state) => state.oldest(),
        }
    }

    /// Bytes and packets that wait.
    fn waiting(&self) -> (u64, u64) {
        match &self.order {
            Order::DropTail(fifo)
            | Order::DropHead(fifo)
            | Order::CoDel(fifo, _)
            | Order::Red(fifo, _)
            | Order::Pie(fifo, _) => (fifo.bytes(), fifo.packets()),
            Order::FqCoDel(state) => (state.bytes(), state.packets()),
        }
    }

    fn fits_now(&self) -> bool {
        self.bound.fits(self.bytes(), self.packets())
    }

    fn push_out_oldest(&mut self, queued: Queued<P>, dropped: &mut Dropped<P>) {
        let alone = self.bound.fits(
            self.sending.0.saturating_add(queued.size),
            self.sending.1 + 1,
        );
        if !alone {
            dropped.push((queued, Cause::QueueFull));
            return;
        }
        let bound = self.bound;
        let (sending_bytes, sending_packets) = self.sending;
        let Order::DropHead(fifo) = &mut self.order else {
            return;
        };
        while !bound.fits(
            (fifo.bytes() + queued.size).saturating_add(sending_bytes),
            fifo.packets() + 1 + sending_packets,
        ) {
            match fifo.remove_first_unreliable() {
                Some(oldest) => dropped.push((oldest, Cause::QueueFull)),
                None => {
                    dropped.push((queued, Cause::QueueFull));
                    return;
                }
            }
        }
        fifo.push(queued);
    }
}
