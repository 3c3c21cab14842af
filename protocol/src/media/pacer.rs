//! Which packet leaves next, and when: strict priorities, a token bucket, and nothing that comes too late.

use alloc::collections::VecDeque;

use bytes::Bytes;

use super::bucket::Bucket;
use crate::id::FlowId;
use crate::limits::MAX_KEPT_PACKETS;
use crate::time::Instant;

/// A packet's class, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// New sound.
    Audio,
    /// Sound that was lost.
    AudioRepair,
    /// Pictures that were lost.
    VideoRepair,
    /// New pictures.
    Video,
}

/// A packet that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queued {
    /// The outgoing flow.
    pub flow: FlowId,
    /// How urgent it is.
    pub class: Class,
    /// The packet.
    pub payload: Bytes,
    /// When it is of no use any more.
    pub expires: Instant,
    /// For a repair: when the packet was first sent.
    pub first_sent: Option<Instant>,
}

/// Four queues, one per class, of at most 512 packets each, behind one token bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pacer {
    queues: [VecDeque<Queued>; 4],
    bucket: Bucket,
}

impl Pacer {
    /// A pacer of so many bits a second and bursts of so many bytes.
    pub fn new(now: Instant, rate: u64, burst: usize) -> Self {
        Self {
            queues: Default::default(),
            bucket: Bucket::new(now, rate, burst),
        }
    }

    /// Changes the rate from `now` on.
    pub fn set_rate(&mut self, now: Instant, rate: u64) {
        self.bucket.set_rate(now, rate);
    }

    /// Queues a packet; gives back the oldest of its class where the queue was full.
    pub fn push(&mut self, packet: Queued) -> Option<Queued> {
        let queue = self.queues.get_mut(packet.class as usize)?;
        let displaced = if queue.len() >= MAX_KEPT_PACKETS {
            queue.pop_front()
        } else {
            None
        };
        queue.push_back(packet);
        displaced
    }

    /// Takes out a packet at the head of its queue that is of no use any more; call it until it gives none, then
    /// [`Pacer::release`].
    pub fn expire(&mut self, now: Instant) -> Option<Queued> {
        self.queues
            .iter_mut()
            .find_map(|queue| queue.pop_front_if(|packet| packet.expires <= now))
    }

    /// The next packet, if it may leave.
    pub fn release(&mut self, now: Instant) -> Option<Queued> {
        let queue = self.queues.iter_mut().find(|queue| !queue.is_empty())?;
        let bytes = queue.front()?.payload.len();
        if !self.bucket.take(now, bytes) {
            return None;
        }
        queue.pop_front()
    }

    /// When the next packet may leave; in the past where it may leave at once.
    pub fn deadline(&self) -> Option<Instant> {
        let queue = self.queues.iter().find(|queue| !queue.is_empty())?;
        self.bucket.ready_at(queue.front()?.payload.len())
    }

    /// How many packets wait.
    pub fn len(&self) -> usize {
        self.queues
            .iter()
            .map(VecDeque::len)
            .fold(0, usize::saturating_add)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }

    /// Drops what waits on a flow.
    pub fn remove(&mut self, flow: FlowId) {
        self.queues
            .iter_mut()
            .for_each(|queue| queue.retain(|packet| packet.flow != flow));
    }

    /// Drops everything that waits.
    pub fn clear(&mut self) {
        self.queues.iter_mut().for_each(VecDeque::clear);
    }
}
