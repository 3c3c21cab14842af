//! Controlled delay: drops as long as the time that packets spend in the queue stays above a target (RFC 8289).

use core::time::Duration;

use super::drop_tail::Fifo;
use super::{Dropped, Queued, Signal, signal};
use crate::link::Cause;
use crate::time::{Time, nanos};

/// The parameters of CoDel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoDel {
    /// How long packets may wait: 5 ms (RFC 8289 §4.3).
    pub target: Duration,
    /// How long they may wait longer before that counts: 100 ms, a worst-case round trip (RFC 8289 §4.2).
    pub interval: Duration,
    /// Bytes of a packet of the greatest size: while no more than that waits, nothing is dropped.
    pub mtu: u64,
    /// Whether packets whose senders take marks are marked instead of dropped (RFC 8289 §3.1).
    pub ecn: bool,
}

impl Default for CoDel {
    fn default() -> CoDel {
        CoDel {
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
            mtu: 1_500,
            ecn: true,
        }
    }
}

/// The state of the control loop; the names are those of RFC 8289 §5.
#[derive(Clone, Debug)]
pub(super) struct State {
    target: u64,
    interval: u64,
    mtu: u64,
    ecn: bool,
    /// When the packets will have waited too long for an interval; `None` while they do not.
    first_above: Option<u64>,
    drop_next: u64,
    count: u64,
    last_count: u64,
    dropping: bool,
}

impl State {
    pub(super) fn new(config: &CoDel) -> State {
        State {
            target: nanos(config.target),
            interval: nanos(config.interval),
            mtu: config.mtu,
            ecn: config.ecn,
            first_above: None,
            drop_next: 0,
            count: 0,
            last_count: 0,
            dropping: false,
        }
    }

    /// The next packet to send; the ones before it that had to go are dropped.
    pub(super) fn dequeue<P>(
        &mut self,
        now: Time,
        fifo: &mut Fifo<P>,
        dropped: &mut Dropped<P>,
    ) -> Option<Queued<P>> {
        let at = now.as_nanos();
        let (mut head, mut too_long) = self.pop(at, fifo);
        if self.dropping {
            self.dropping = too_long;
            while self.dropping && at >= self.drop_next {
                self.count += 1;
                let mut queued = head?;
                if signal(&mut queued, self.ecn) == Signal::Mark {
                    self.drop_next = self.control_law(self.drop_next);
                    return Some(queued);
                }
                dropped.push((queued, Cause::QueueEarly));
                (head, too_long) = self.pop(at, fifo);
                self.dropping = too_long;
                if too_long {
                    self.drop_next = self.control_law(self.drop_next);
                }
            }
        } else if too_long {
            let mut queued = head?;
            if signal(&mut queued, self.ecn) == Signal::Mark {
                head = Some(queued);
            } else {
                dropped.push((queued, Cause::QueueEarly));
                (head, _) = self.pop(at, fifo);
            }
            self.dropping = true;
            // Dropping that ended a short while ago resumes at nearly the rate that it had.
            let delta = self.count - self.last_count;
            let recent = at.saturating_sub(self.drop_next) < self.interval.saturating_mul(16);
            self.count = if delta > 1 && recent { delta } else { 1 };
            self.drop_next = self.control_law(at);
            self.last_count = self.count;
        }
        head
    }

    /// Takes the head, and says whether packets have waited too long for a whole interval.
    fn pop<P>(&mut self, now: u64, fifo: &mut Fifo<P>) -> (Option<Queued<P>>, bool) {
        let Some(queued) = fifo.pop() else {
            self.first_above = None;
            return (None, false);
        };
        let sojourn = now.saturating_sub(queued.arrived.as_nanos());
        if sojourn < self.target || fifo.bytes() <= self.mtu {
            self.first_above = None;
            return (Some(queued), false);
        }
        match self.first_above {
            None => {
                self.first_above = Some(now.saturating_add(self.interval));
                (Some(queued), false)
            }
            Some(first_above) => (Some(queued), now >= first_above),
        }
    }

    /// The drop after one at `at`: an interval over the square root of the count later, rounded down to a nanosecond.
    fn control_law(&self, at: u64) -> u64 {
        let square = u128::from(self.interval) * u128::from(self.interval);
        let step = (square / u128::from(self.count.max(1))).isqrt();
        at.saturating_add(step as u64)
    }
}
