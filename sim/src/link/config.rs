//! What a link direction does to packets.

use core::time::Duration;
use std::collections::BTreeSet;

use super::jitter::Jitter;
use super::loss::Loss;
use super::mangle::{Corrupt, Duplicate, EcnMangle, Reorder};
use super::opportunities::Opportunities;
use super::outage::Outage;
use super::policer::Policer;
use super::queue::{Limit, QueueConfig, RateOf};
use super::rate::{OnOff, Rate, RateStep};
use crate::time::Time;

/// What a link direction does to packets, in the order of its stages. The default is a perfect link: no delay, no
/// limit, no fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkConfig {
    /// Intervals in which the link is down.
    pub outages: Vec<Outage>,
    /// Bytes of the largest packet that gets through, headers included; larger ones vanish without a word, as in a
    /// black hole for path MTU discovery.
    pub mtu: Option<u64>,
    /// Packets that are lost before the queue whatever else happens, by their numbers on this link.
    pub drop: BTreeSet<u64>,
    /// Loss before the queue.
    pub loss: Loss,
    /// A rate that is enforced by dropping, before the queue.
    pub policer: Option<Policer>,
    /// The queue. It has an effect where something can wait: with a rate, a trace, on/off, or an outage that holds.
    pub queue: QueueConfig,
    /// Rate of the bottleneck; `None` sends in no time.
    pub rate: Option<Rate>,
    /// How the rate changes later.
    pub rates: Vec<RateStep>,
    /// The rate by which a queue's span is measured that is given in time; see [`RateOf::Reference`].
    pub reference: Option<Rate>,
    /// Delivery opportunities, which take the place of a rate.
    pub trace: Option<Opportunities>,
    /// A transmitter that works on and off.
    pub on_off: Option<OnOff>,
    /// Loss behind the transmitter.
    pub air_loss: Loss,
    /// Propagation delay, one way.
    pub delay: Duration,
    /// How the delay changes later: a satellite that moves, a handover. When it falls, packets still keep their order.
    pub delays: Vec<DelayStep>,
    /// Variation of the delay.
    pub jitter: Jitter,
    /// Packets that fall behind.
    pub reorder: Reorder,
    /// Packets that arrive twice.
    pub duplicate: Duplicate,
    /// Packets that arrive damaged.
    pub corrupt: Corrupt,
    /// What happens to the ECN field.
    pub ecn: EcnMangle,
}

/// A change of a link's propagation delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayStep {
    /// For packets whose last bit leaves from then on.
    pub at: Time,
    /// The new delay.
    pub delay: Duration,
}

impl LinkConfig {
    /// The highest rate that the link has by configuration; of a trace, its mean.
    pub fn physical_rate(&self) -> Option<Rate> {
        if let Some(trace) = &self.trace {
            return Some(trace.mean_rate());
        }
        let steps = self.rates.iter().filter_map(|step| step.rate);
        self.rate.into_iter().chain(steps).max()
    }

    /// The rate that stands for the link: the one given as reference, or that at the beginning.
    pub fn reference_rate(&self) -> Option<Rate> {
        let trace = self.trace.as_ref().map(Opportunities::mean_rate);
        self.reference.or(trace).or(self.rate)
    }

    /// The bytes that the queue holds, if it is limited in bytes or in time. Of one limited by the current rate, those
    /// at the beginning.
    pub fn queue_bytes(&self) -> Option<u64> {
        match self.queue.limit {
            Limit::None | Limit::Packets(_) => None,
            Limit::Bytes(bytes) => Some(bytes),
            Limit::Span { span, of } => {
                let rate = match of {
                    RateOf::Reference => self.reference_rate(),
                    RateOf::Physical => self.physical_rate(),
                    RateOf::Current => self.rate.or(self.reference_rate()),
                };
                super::queue::Bound::span(span, rate).bytes
            }
        }
    }
}
