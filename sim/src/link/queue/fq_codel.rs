//! Flow queues, each with a CoDel of its own, served in turn; those that rarely send go first (RFC 8290).

use std::collections::VecDeque;

use super::codel::{self, CoDel};
use super::drop_tail::Fifo;
use super::{Dropped, Queued};
use crate::link::Cause;
use crate::random::mix;
use crate::time::Time;

/// Most packets that go at once when the whole is full (RFC 8290 §4.1).
const DROP_BATCH: u64 = 64;

/// The parameters of FQ-CoDel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FqCoDel {
    /// The control loop of each flow.
    pub codel: CoDel,
    /// Queues over which flows are spread by their hash: 1024 (RFC 8290 §5.2.2).
    pub flows: u32,
    /// Bytes that a flow sends in its turn: 1514 (RFC 8290 §5.2.4).
    pub quantum: u32,
    /// Packets that all flows together may have waiting: 10 240 (RFC 8290 §5.2.3). The queue's
    /// [`Limit`](super::Limit) holds besides.
    pub packets: u64,
}

impl Default for FqCoDel {
    fn default() -> FqCoDel {
        FqCoDel {
            codel: CoDel::default(),
            flows: 1_024,
            quantum: 1_514,
            packets: 10_240,
        }
    }
}

#[derive(Clone, Debug)]
struct Flow<P> {
    fifo: Fifo<P>,
    codel: codel::State,
    /// Bytes that it may still send in this turn; negative if it sent too much.
    deficit: i64,
    /// Whether it is on one of the lists.
    active: bool,
}

#[derive(Clone, Debug)]
pub(super) struct State<P> {
    flows: Vec<Flow<P>>,
    /// Flows that had nothing waiting and now do.
    new: VecDeque<usize>,
    old: VecDeque<usize>,
    salt: u64,
    quantum: i64,
    limit: u64,
    bytes: u64,
    packets: u64,
}

impl<P> State<P> {
    pub(super) fn new(config: &FqCoDel, salt: u64) -> State<P> {
        let flow = || Flow {
            fifo: Fifo::new(),
            codel: codel::State::new(&config.codel),
            deficit: 0,
            active: false,
        };
        State {
            flows: (0..config.flows.max(1)).map(|_| flow()).collect(),
            new: VecDeque::new(),
            old: VecDeque::new(),
            salt,
            quantum: i64::from(config.quantum.max(1)),
            limit: config.packets,
            bytes: 0,
            packets: 0,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn oldest(&self) -> Option<Time> {
        let active = self.new.iter().chain(&self.old);
        let heads = active.filter_map(|at| self.flows[*at].fifo.front());
        heads.map(|queued| queued.arrived).min()
    }

    pub(super) fn push(&mut self, queued: Queued<P>, dropped: &mut Dropped<P>) {
        let hash = mix(queued.flow ^ self.salt);
        let at = ((u128::from(hash) * self.flows.len() as u128) >> 64) as usize;
        self.bytes = self.bytes.saturating_add(queued.size);
        self.packets += 1;
        let flow = &mut self.flows[at];
        flow.fifo.push(queued);
        if !flow.active {
            flow.active = true;
            flow.deficit = self.quantum;
            self.new.push_back(at);
        }
        while self.packets > self.limit && self.drop_from_fattest(dropped) {}
    }

    /// Drops half of the flow that has most bytes waiting, at most 64 packets, from its head; false if there is nothing
    /// that may be dropped.
    pub(super) fn drop_from_fattest(&mut self, dropped: &mut Dropped<P>) -> bool {
        // The first of several that are equally fat.
        let active = self.new.iter().chain(&self.old).copied();
        let active = active.filter(|at| self.flows[*at].fifo.has_unreliable());
        let key = |at: &usize| (self.flows[*at].fifo.bytes(), core::cmp::Reverse(*at));
        let Some(fattest) = active.max_by_key(key) else {
            return false;
        };
        let fifo = &mut self.flows[fattest].fifo;
        let goal = fifo.packets().div_ceil(2).min(DROP_BATCH);
        for done in 0..goal {
            let Some(oldest) = fifo.remove_first_unreliable() else {
                return done > 0;
            };
            self.bytes = self.bytes.saturating_sub(oldest.size);
            self.packets -= 1;
            dropped.push((oldest, Cause::QueueFull));
        }
        goal > 0
    }

    /// Takes out the oldest packet, whatever its flow: in the order in which they came.
    pub(super) fn take(&mut self) -> Option<Queued<P>> {
        let active = self.new.iter().chain(&self.old).copied();
        let heads = active.filter_map(|at| Some((self.flows[at].fifo.front()?.number, at)));
        let (_, oldest) = heads.min()?;
        let queued = self.flows[oldest].fifo.pop()?;
        self.bytes = self.bytes.saturating_sub(queued.size);
        self.packets -= 1;
        Some(queued)
    }

    pub(super) fn dequeue(&mut self, now: Time, dropped: &mut Dropped<P>) -> Option<Queued<P>> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let at = *list.front()?;
            let flow = &mut self.flows[at];
            if flow.deficit <= 0 {
                flow.deficit += self.quantum;
                list.pop_front();
                self.old.push_back(at);
                continue;
            }
            let (bytes, packets) = (flow.fifo.bytes(), flow.fifo.packets());
            let queued = flow.codel.dequeue(now, &mut flow.fifo, dropped);
            self.bytes = self.bytes.saturating_sub(bytes - flow.fifo.bytes());
            self.packets -= packets - flow.fifo.packets();
            match queued {
                Some(queued) => {
                    flow.deficit = flow.deficit.saturating_sub_unsigned(queued.size);
                    return Some(queued);
                }
                None => {
                    list.pop_front();
                    if is_new {
                        // It passes through the old ones first, so that they are not starved by one that comes anew.
                        self.old.push_back(at);
                    } else {
                        flow.active = false;
                    }
                }
            }
        }
    }
}
