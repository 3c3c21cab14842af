//! Random early detection: drops with a probability that grows with the average queue.
//!
//! Floyd and Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM Transactions on Networking
//! 1(4), 1993; the gentle variant is Floyd's of 2000: above the upper threshold the probability goes on rising, to one
//! at twice that threshold, instead of jumping there. All arithmetic is in integers.

use super::drop_tail::Fifo;
use super::{Dropped, Queued, Signal, signal};
use crate::link::{Cause, Rate};
use crate::probability::Probability;
use crate::random::Stream;
use crate::time::Time;

/// Binary digits of the average behind the point.
const POINT: u32 = 20;

/// One, as a probability of 32 bits.
const ONE: u128 = 1 << 32;

/// The parameters of RED. Queue sizes are those of what waits, without the packet being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Red {
    /// Bytes of average queue up to which nothing is dropped.
    pub min: u64,
    /// Bytes of average queue at which the probability has risen to `max_probability`.
    pub max: u64,
    /// The probability at `max`; one tenth is usual.
    pub max_probability: Probability,
    /// The average moves by 2^−`weight` of the way to each new value: 9 is the 0.002 of the paper.
    pub weight: u32,
    /// Whether the probability rises gradually from `max` to twice that.
    pub gentle: bool,
    /// Whether packets whose senders take marks are marked instead of dropped early.
    pub ecn: bool,
    /// Bytes of a usual packet, by which an idle time counts as so many arrivals at an empty queue.
    pub mean_packet: u64,
}

impl Default for Red {
    fn default() -> Red {
        Red {
            min: 7_500,
            max: 22_500,
            max_probability: Probability::from_ppm(100_000),
            weight: 9,
            gentle: true,
            ecn: true,
            mean_packet: 1_000,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct State {
    config: Red,
    draws: Stream,
    /// The average queue in 2^−20 bytes.
    average: u64,
    /// Packets since the last one dropped or marked, while the average was above the minimum.
    since: u64,
    /// Since when nothing waits.
    idle: Option<Time>,
}

impl State {
    pub(super) fn new(config: &Red, draws: Stream) -> State {
        State {
            config: config.clone(),
            draws,
            average: 0,
            since: 0,
            idle: Some(Time::ZERO),
        }
    }

    pub(super) fn push<P>(
        &mut self,
        now: Time,
        rate: Option<Rate>,
        fifo: &mut Fifo<P>,
        mut queued: Queued<P>,
        dropped: &mut Dropped<P>,
    ) {
        self.observe(now, rate, fifo);
        let draw = self.draws.at(queued.number) >> 32;
        let share = self.share();
        let early = if share >= ONE {
            self.since = 0;
            if !queued.reliable {
                dropped.push((queued, Cause::QueueEarly));
                return;
            }
            false
        } else if share > 0 {
            // The gaps between drops come out uniform instead of geometric: p / (1 − since·p).
            let rest = ONE.saturating_sub(u128::from(self.since) * share);
            self.since += 1;
            u128::from(draw) * rest < share * ONE
        } else {
            self.since = 0;
            false
        };
        if early {
            self.since = 0;
            if signal(&mut queued, self.config.ecn) == Signal::Drop {
                dropped.push((queued, Cause::QueueEarly));
                return;
            }
        }
        self.idle = None;
        fifo.push(queued);
    }

    pub(super) fn pop<P>(&mut self, now: Time, fifo: &mut Fifo<P>) -> Option<Queued<P>> {
        let queued = fifo.pop()?;
        if fifo.packets() == 0 {
            self.idle = Some(now);
        }
        Some(queued)
    }

    /// Begins with what waits already: the average is what there is.
    pub(super) fn take_over<P>(&mut self, fifo: &Fifo<P>) {
        if fifo.packets() > 0 {
            self.idle = None;
            let size = u128::from(fifo.bytes()) << POINT;
            self.average = u64::try_from(size).unwrap_or(u64::MAX);
        }
    }

    /// Moves the average by one arrival.
    pub(super) fn observe<P>(&mut self, now: Time, rate: Option<Rate>, fifo: &Fifo<P>) {
        match (self.idle, rate) {
            (Some(idle), Some(rate)) => {
                let waited = u128::from(now.as_nanos().saturating_sub(idle.as_nanos()));
                let each = u128::from(self.config.mean_packet.max(1)) * 8_000_000_000;
                let missed = waited * u128::from(rate.bits_per_second()) / each;
                self.average = decayed(self.average, self.config.weight, missed);
                self.idle = Some(now);
            }
            (Some(_), None) => self.average = 0,
            (None, _) => {}
        }
        let size = u128::from(fifo.bytes()) << POINT;
        let average = u128::from(self.average);
        let moved = if size >= average {
            average + ((size - average) >> self.config.weight)
        } else {
            average - ((average - size) >> self.config.weight)
        };
        self.average = u64::try_from(moved).unwrap_or(u64::MAX);
    }

    /// The drop probability at the present average, before it is spread, out of 2³².
    fn share(&self) -> u128 {
        let Red { min, max, .. } = self.config;
        let average = u128::from(self.average);
        let (low, high) = (u128::from(min) << POINT, u128::from(max) << POINT);
        let top = u128::from(self.config.max_probability.threshold() >> 32);
        if average < low {
            0
        } else if average < high {
            top * (average - low) / (high - low)
        } else if self.config.gentle && average < 2 * high {
            top + (ONE - top) * (average - high) / high
        } else {
            ONE
        }
    }
}

/// `average` after `times` arrivals at an empty queue: times (1 − 2^−weight) to that power, by repeated squaring.
fn decayed(average: u64, weight: u32, times: u128) -> u64 {
    let mut factor = ONE - (ONE >> weight.min(32));
    let mut result = u128::from(average);
    let mut times = times;
    while times > 0 && result > 0 {
        if times & 1 == 1 {
            result = (result * factor) >> 32;
        }
        factor = (factor * factor) >> 32;
        times >>= 1;
    }
    result as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Ecn;

    fn queued(number: u64, size: u64) -> Queued<()> {
        Queued {
            packet: (),
            number,
            size,
            flow: 0,
            ecn: Ecn::NotEct,
            offered: Time::ZERO,
            arrived: Time::ZERO,
            reliable: true,
            air_bad: false,
            damaged: false,
        }
    }

    /// The average as the paper has it, in floats, beside the one in integers: arrivals, departures and idle times.
    #[test]
    fn the_average_is_that_of_the_paper() {
        let rate = Rate::new(8_000_000);
        let config = Red {
            weight: 5,
            ..Red::default()
        };
        let mut state = State::new(&config, Stream::new(1, "red"));
        let mut fifo = Fifo::new();
        let mut draws = Stream::new(1, "events");
        let (weight, mut average, mut idle_since) = (1.0 / 32.0f64, 0.0f64, Some(0.0));
        let (mut now, mut most) = (0u64, 0.0f64);
        for number in 0..20_000 {
            now += draws.below(2_000_000);
            if draws.below(2) == 0 {
                // An idle time counts as so many arrivals at an empty queue: whole ones, of 1 ms each.
                if let Some(since) = idle_since {
                    let missed = ((now as f64 - since) / 1e6).floor();
                    average *= (1.0 - weight).powf(missed);
                }
                average += weight * (fifo.bytes() as f64 - average);
                idle_since = None;
                let mut dropped = Vec::new();
                let size = 100 + draws.below(1_400);
                let at = Time::from_nanos(now);
                state.push(at, rate, &mut fifo, queued(number, size), &mut dropped);
            } else if state.pop(Time::from_nanos(now), &mut fifo).is_some() && fifo.packets() == 0 {
                idle_since = Some(now as f64);
            }
            let ours = state.average as f64 / f64::from(1u32 << POINT);
            assert!((ours - average).abs() < 0.01, "{ours}, not {average}");
            most = most.max(average);
        }
        assert!(most > 5_000.0);
    }
}
