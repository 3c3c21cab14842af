//! Delay variation.

use core::time::Duration;
use std::sync::Arc;

use super::Rate;
use super::alternation::{Alternation, Sojourn, unit};
use crate::random::Stream;
use crate::time::{Time, nanos};

/// How the delay of packets varies. The default does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    /// The distribution of each packet's extra delay.
    pub model: JitterModel,
    /// Whether packets may overtake each other (RBPDV of RFC 8868 §4.5.5.1). Otherwise one that would is held back
    /// behind the one before it (NR-BPDV, §4.5.5.2).
    pub reorders: bool,
    /// The least distance between two arrivals in order: the earlier one's bits at this rate, the serial(n−1) of RFC
    /// 8868 §4.5.5.2. Without it they may arrive at one instant.
    pub spacing: Option<Rate>,
    /// Spells in which nothing gets through.
    pub spikes: Option<Spikes>,
}

impl Jitter {
    /// Uniform from zero to `max`, both included, in order.
    pub fn uniform(max: Duration) -> Jitter {
        Jitter {
            model: JitterModel::Uniform(max),
            ..Jitter::default()
        }
    }

    /// The jitter that RFC 8868 §4.5.5.3 recommends: normal, of 5 ms, cut at three deviations, folded, in order.
    pub fn rfc8868() -> Jitter {
        Jitter {
            model: JitterModel::Normal {
                std: Duration::from_millis(5),
                n_std: 3,
                fold: true,
            },
            ..Jitter::default()
        }
    }

    /// The longest delay that the model adds, without what order and spikes do.
    pub fn longest(&self) -> Duration {
        match &self.model {
            JitterModel::None => Duration::ZERO,
            JitterModel::Uniform(max) | JitterModel::Pareto { cap: max, .. } => *max,
            JitterModel::Normal { std, n_std, fold } => std.saturating_mul(if *fold {
                *n_std
            } else {
                n_std.saturating_mul(2)
            }),
            JitterModel::Table(table) => table.iter().max().copied().unwrap_or_default(),
        }
    }
}

/// A distribution of extra delay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JitterModel {
    /// None.
    #[default]
    None,
    /// Uniform from zero to this, both included.
    Uniform(Duration),
    /// Normal of mean zero, clamped to `n_std` deviations.
    ///
    /// Folded it is the literal formula of RFC 8868 §4.5.5.3, |max(min(N(0, std²), n_std·std), −n_std·std)|, whose mean
    /// is not zero, whatever the text around it says. Not folded it is shifted by n_std·std, so that no delay is
    /// negative and the mean delay grows by that.
    Normal {
        /// The standard deviation.
        std: Duration,
        /// How many deviations are kept.
        n_std: u32,
        /// Whether the absolute value is taken.
        fold: bool,
    },
    /// Pareto (Lomax): many short delays and few very long ones. P(X > x) = (1 + x / scale)^(−shape), cut at `cap`.
    Pareto {
        /// The scale.
        scale: Duration,
        /// The shape in thousandths: 2 500 is 2.5. Smaller is wilder.
        shape_milli: u32,
        /// No delay is longer.
        cap: Duration,
    },
    /// Each entry with the same probability: measured delays, or quantiles of a distribution. An empty table is no
    /// jitter.
    Table(Arc<[Duration]>),
}

/// Spells in which the link stalls: they come at random in time, at an exponential distance of mean `every`, and last
/// `height`. What would arrive in one arrives at its end, so that delay jumps by up to `height` and falls off at one
/// second per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spikes {
    /// Mean time from the end of one to the beginning of the next.
    pub every: Duration,
    /// How long each lasts.
    pub height: Duration,
}

/// The stage. Packet *n* takes draw *n*; of the normal distribution, draws 2*n* and 2*n* + 1.
#[derive(Clone, Debug)]
pub(super) struct JitterStage {
    config: Jitter,
    draws: Stream,
    spikes: Option<Alternation>,
    /// The earliest arrival of a packet that keeps the order.
    earliest: Time,
}

impl JitterStage {
    pub(super) fn new(config: Jitter, seed: u64, link: &str) -> JitterStage {
        let spikes = config.spikes.map(|spikes| {
            Alternation::new(
                Sojourn::Exponential(spikes.every),
                Sojourn::Fixed(spikes.height),
                Stream::new(seed, &format!("{link}/spikes")),
            )
        });
        JitterStage {
            config,
            draws: Stream::new(seed, &format!("{link}/jitter")),
            spikes,
            earliest: Time::ZERO,
        }
    }

    /// What takes its place: packets that were sent before are still not overtaken.
    pub(super) fn followed_by(&self, next: JitterStage) -> JitterStage {
        let earliest = self.earliest;
        JitterStage { earliest, ..next }
    }

    /// Whether packets may overtake each other.
    pub(super) fn reorders(&self) -> bool {
        self.config.reorders
    }

    /// When a packet arrives that was sent at `from` and would arrive at `at` without jitter. Packets come in the order
    /// in which they were sent; one that is not `ordered` may overtake and be overtaken, and holds nobody back.
    pub(super) fn arrival(
        &mut self,
        number: u64,
        (from, at): (Time, Time),
        size: u64,
        ordered: bool,
    ) -> Time {
        let mut at = match self.config.model {
            JitterModel::None => at,
            _ => at.after(self.extra(number)),
        };
        if let Some(spikes) = &mut self.spikes {
            spikes.forget(from);
            if let (true, end) = spikes.at(at) {
                at = end;
            }
        }
        if !ordered {
            return at;
        }
        let at = at.max(self.earliest);
        self.earliest = match self.config.spacing {
            Some(rate) => {
                let work = u128::from(size) * 8_000_000_000;
                let span = work.div_ceil(u128::from(rate.bits_per_second()));
                at.after(Duration::from_nanos(
                    u64::try_from(span).unwrap_or(u64::MAX),
                ))
            }
            None => at,
        };
        at
    }

    /// A packet's extra delay.
    fn extra(&self, number: u64) -> Duration {
        let first = match self.config.model {
            JitterModel::Normal { .. } => self.draws.at(number.wrapping_mul(2)),
            _ => self.draws.at(number),
        };
        let below = |n: u64| ((u128::from(first) * u128::from(n)) >> 64) as u64;
        Duration::from_nanos(match &self.config.model {
            JitterModel::None => 0,
            JitterModel::Uniform(max) => below(nanos(*max).saturating_add(1)),
            JitterModel::Normal { std, n_std, fold } => {
                let second = self.draws.at(number.wrapping_mul(2).wrapping_add(1));
                let std = nanos(*std);
                let bound = std.saturating_mul(u64::from(*n_std));
                let z = normal(first, second) * std as f64;
                let size = (libm::fabs(z) + 0.5) as u64;
                let size = size.min(bound);
                match (fold, z < 0.0) {
                    (true, _) => size,
                    (false, true) => bound - size,
                    (false, false) => bound.saturating_add(size),
                }
            }
            JitterModel::Pareto {
                scale,
                shape_milli,
                cap,
            } => {
                let power = -1_000.0 / f64::from((*shape_milli).max(1));
                let x = (libm::pow(unit(first), power) - 1.0) * nanos(*scale) as f64;
                ((x + 0.5) as u64).min(nanos(*cap))
            }
            JitterModel::Table(table) => match table.get(below(table.len() as u64) as usize) {
                Some(entry) => nanos(*entry),
                None => 0,
            },
        })
    }
}

/// A standard normal variate of two draws (Box and Muller 1958), with `libm`, so that it is the same everywhere.
fn normal(first: u64, second: u64) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(unit(first)));
    radius * libm::cos(2.0 * core::f64::consts::PI * unit(second))
}
