//! Proportional integral controller, enhanced: drops arrivals with a probability that follows the delay (RFC 8033).
//!
//! The scheme of RFC 8033 §4 with three of the options of §5: marks instead of drops while the probability is low
//! (§5.1), derandomization (§5.4), and the cap of increases (§5.5). Each choice that it leaves:
//!
//! - The delay is that of the packet that left the queue last, by the time stamp that every packet bears here (§4.3), as
//!   in the pseudo-code of Appendix A. An estimate of the departure rate (§5.2) would only add its own error. A packet that
//!   leaves nothing behind counts as one without delay: the last sample of a busy time is not that of the idle one
//!   after it.
//! - It is active from the beginning. §5.3 turns it on at a third of the buffer, which a queue without limit has not.
//! - Derandomization is on, since runs of drops that chance puts together would be taken for what the controller does.
//! - Decay sets in once the delay was below half the reference twice, as in the appendix.
//! - Above 250 ms the probability rises by 2 % more in each update, as in Linux; the pseudo-code has no such step.
//!
//! Updates come at the whole multiples of their period on the link's clock, before anything else at that instant. There
//! is no timer: whoever touches the queue brings it up to date first. In between nothing came and nothing left, so the
//! delay is the same in all updates but the first; those that add the same are made in one step, and the decay reaches
//! zero in some two thousand. So the work after any idle time is bounded. All arithmetic is in integers.

use core::time::Duration;

use super::drop_tail::Fifo;
use super::{Dropped, Queued, Signal, signal};
use crate::link::Cause;
use crate::probability::Probability;
use crate::random::Stream;
use crate::time::{Time, nanos};

/// One, as a probability.
const ONE: i128 = 1 << 64;

/// The most by which a probability of a tenth or more rises in an update (RFC 8033 §5.5), and what it rises more by at
/// a high delay: 2 %.
const STEP: i128 = ONE / 50;

/// Nanoseconds of delay above which the probability rises faster.
const HIGH_DELAY: u64 = 250_000_000;

/// One, as a product of thousandths per second and nanoseconds.
const UNIT: i128 = 1_000_000_000_000;

/// Such products beyond this change any probability to zero or to one.
const FAR: i128 = 1 << 60;

/// Auto-tuning (RFC 8033 §4.2): below one over the first, changes are divided by the second.
const TUNING: [(i128, i128); 6] = [
    (1_000_000, 2_048),
    (100_000, 512),
    (10_000, 128),
    (1_000, 32),
    (100, 8),
    (10, 2),
];

/// The parameters of PIE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pie {
    /// The delay to be held, QDELAY_REF: 15 ms. Less than 250 ms.
    pub target: Duration,
    /// The time between updates of the probability, T_UPDATE: 15 ms.
    pub update: Duration,
    /// How long a burst may last that nothing is dropped of, MAX_BURST: 150 ms.
    pub max_burst: Duration,
    /// What a second of delay above the target adds to the probability in an update, in thousandths: 125.
    pub alpha: u32,
    /// What a second that the delay has grown by since the last update adds, in thousandths: 1250.
    pub beta: u32,
    /// Bytes of a usual packet, MEAN_PKTSIZE: while no more than two of them wait, nothing is dropped.
    pub mean_packet: u64,
    /// Whether drops are kept from coming too close to each other or too far apart (RFC 8033 §5.4).
    pub derandomize: bool,
    /// Whether packets whose senders take marks are marked instead of dropped (RFC 8033 §5.1).
    pub ecn: bool,
    /// The probability from which on they are dropped nevertheless, mark_ecnth: 10 %.
    pub ecn_below: Probability,
}

impl Default for Pie {
    fn default() -> Pie {
        Pie {
            target: Duration::from_millis(15),
            update: Duration::from_millis(15),
            max_burst: Duration::from_millis(150),
            alpha: 125,
            beta: 1_250,
            mean_packet: 1_000,
            derandomize: true,
            ecn: true,
            ecn_below: Probability::from_ppm(100_000),
        }
    }
}

/// The state of the controller; the names are those of RFC 8033. Times are in nanoseconds, probabilities out of 2⁶⁴.
#[derive(Clone, Debug)]
pub(super) struct State {
    config: Pie,
    target: u64,
    period: u64,
    draws: Stream,
    drop_prob: i128,
    /// The sum of the probabilities since the last drop or mark.
    accu_prob: i128,
    burst_allowance: u64,
    qdelay: u64,
    qdelay_old: u64,
    /// The number of the last update, counted from time zero; none before the first packet.
    updates: Option<u64>,
}

impl State {
    pub(super) fn new(config: &Pie, draws: Stream) -> State {
        State {
            target: nanos(config.target),
            period: nanos(config.update).max(1),
            draws,
            drop_prob: 0,
            accu_prob: 0,
            burst_allowance: nanos(config.max_burst),
            qdelay: 0,
            qdelay_old: 0,
            updates: None,
            config: config.clone(),
        }
    }

    pub(super) fn push<P>(
        &mut self,
        now: Time,
        fifo: &mut Fifo<P>,
        mut queued: Queued<P>,
        dropped: &mut Dropped<P>,
    ) {
        self.update(now);
        if self.drop_prob == 0 && self.is_low(self.qdelay) && self.is_low(self.qdelay_old) {
            self.burst_allowance = nanos(self.config.max_burst);
        }
        let draw = self.draws.at(queued.number);
        if self.burst_allowance == 0 && self.drops_early(fifo.bytes(), draw) {
            self.accu_prob = 0;
            let marks = self.config.ecn && self.drop_prob < self.ecn_below();
            if signal(&mut queued, marks) == Signal::Drop {
                dropped.push((queued, Cause::QueueEarly));
                return;
            }
        }
        fifo.push(queued);
    }

    /// A packet came for which there is no room.
    pub(super) fn overflow(&mut self, now: Time) {
        self.update(now);
        self.accu_prob = 0;
    }

    pub(super) fn pop<P>(&mut self, now: Time, fifo: &mut Fifo<P>) -> Option<Queued<P>> {
        self.update(now);
        let queued = fifo.pop()?;
        self.qdelay = match fifo.packets() {
            0 => 0,
            _ => nanos(now.since(queued.arrived)),
        };
        Some(queued)
    }

    /// Whether a packet is to be dropped or marked that finds so many bytes waiting.
    fn drops_early(&mut self, waiting: u64, draw: u64) -> bool {
        let is_calm = self.is_low(self.qdelay_old) && self.drop_prob * 5 < ONE;
        if is_calm || waiting <= self.config.mean_packet.saturating_mul(2) {
            return false;
        }
        if self.config.derandomize {
            if self.drop_prob == 0 {
                self.accu_prob = 0;
            }
            self.accu_prob += self.drop_prob;
            if self.accu_prob * 100 < ONE * 85 {
                return false;
            }
            if self.accu_prob * 10 >= ONE * 85 {
                return true;
            }
        }
        i128::from(draw) < self.drop_prob
    }

    /// Whether a delay is below half the target.
    fn is_low(&self, qdelay: u64) -> bool {
        u128::from(qdelay) * 2 < u128::from(self.target)
    }

    fn ecn_below(&self) -> i128 {
        match self.config.ecn_below {
            Probability::ALWAYS => ONE + 1,
            below => i128::from(below.threshold()),
        }
    }

    /// Makes the updates that are due.
    fn update(&mut self, now: Time) {
        let last = now.as_nanos() / self.period;
        let mut due = last - self.updates.replace(last).unwrap_or(last);
        while due > 0 {
            due -= self.step(due);
        }
    }

    /// Makes one of the updates that are due, and with it those that do the same; how many.
    fn step(&mut self, due: u64) -> u64 {
        let p = self.adjustment();
        let decays = self.is_low(self.qdelay) && self.is_low(self.qdelay_old);
        let settled = self.qdelay == self.qdelay_old;
        let before = self.drop_prob;
        let mut times = match settled && !decays {
            true => alike(before, p).min(due),
            false => 1,
        };
        let mut drop_prob = before + p * i128::from(times);
        if decays {
            drop_prob = drop_prob * 98 / 100;
        }
        self.drop_prob = drop_prob.clamp(0, ONE);
        if settled && self.drop_prob == before {
            times = due; // and so for ever
        }
        self.qdelay_old = self.qdelay;
        let span = times.saturating_mul(self.period);
        self.burst_allowance = self.burst_allowance.saturating_sub(span);
        times
    }

    /// What an update adds to the probability.
    fn adjustment(&self) -> i128 {
        let away = |from: u64| i128::from(self.qdelay) - i128::from(from);
        let alpha = i128::from(self.config.alpha) * away(self.target);
        let beta = i128::from(self.config.beta) * away(self.qdelay_old);
        let (.., divisor) = band(self.drop_prob);
        let mut p = (alpha + beta).clamp(-FAR, FAR) * ONE / (UNIT * divisor);
        if self.drop_prob * 10 >= ONE {
            p = p.min(STEP);
        }
        if self.qdelay > HIGH_DELAY {
            p += STEP;
        }
        p
    }
}

/// The probabilities that are tuned as one is: from the first to below the second, and what changes are divided by.
fn band(probability: i128) -> (i128, i128, i128) {
    let mut low = 0;
    for (below, divisor) in TUNING {
        let high = ONE / below + i128::from(ONE % below != 0);
        if probability < high {
            return (low, high, divisor);
        }
        low = high;
    }
    (low, ONE, 1)
}

/// In how many updates in a row, at least, a change is added to a probability before it is tuned otherwise.
fn alike(probability: i128, change: i128) -> u64 {
    let (low, high, _) = band(probability);
    let times = match change {
        0 => 1,
        1.. => (high - probability + change - 1) / change,
        _ => (probability - low) / -change + 1,
    };
    u64::try_from(times.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Updates that are made together leave what they leave one by one.
    #[test]
    fn updates_together_are_updates_one_by_one() {
        let mut draws = Stream::new(1, "states");
        let mut jumped = 0;
        for n in 0..3_000 {
            let config = Pie {
                alpha: [1, 125, 2_000][n % 3],
                ..Pie::default()
            };
            let mut together = State::new(&config, Stream::new(1, "pie"));
            together.updates = Some(0);
            together.drop_prob = i128::from(draws.next_u64() >> draws.below(64));
            let delay = [
                7_000_000,
                14_900_000,
                15_000_000,
                15_100_000,
                40_000_000,
                300_000_000,
            ];
            together.qdelay = delay[draws.below(6) as usize] + draws.below(100_000);
            together.qdelay_old = draws.below(500_000_000);
            let mut singly = together.clone();
            let due = draws.below(4_000);
            together.update(Time::from_nanos(due * 15_000_000));
            for update in 1..=due {
                singly.update(Time::from_nanos(update * 15_000_000));
            }
            let what = |state: &State| (state.drop_prob, state.burst_allowance, state.qdelay_old);
            assert_eq!(what(&together), what(&singly), "{due} updates");
            jumped += u64::from(singly.drop_prob > 0 && singly.drop_prob < ONE);
        }
        assert!(jumped > 500, "{jumped}");
    }
}
