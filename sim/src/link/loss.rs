//! Random loss.

use crate::link::Cause;
use crate::probability::Probability;
use crate::random::Stream;

/// How a link loses packets at random.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each packet with the same probability, independently of all others.
    Independent(Probability),
    /// In bursts: a chain of two states, good and bad, each with a loss probability of its own (Gilbert 1960, Elliott
    /// 1963; the four parameters of `tc-netem`'s `gemodel`).
    ///
    /// The chain begins in the good state and moves once per packet, after that packet's fate is drawn. It is bad for
    /// enter / (enter + leave) of all packets, and a visit to the bad state lasts 1 / leave packets on average.
    GilbertElliott {
        /// Probability, per packet, of going from good to bad (p).
        enter: Probability,
        /// Probability, per packet, of going from bad to good (r).
        leave: Probability,
        /// Probability of loss in the good state (1 − k).
        good: Probability,
        /// Probability of loss in the bad state (1 − h).
        bad: Probability,
    },
}

/// The stage: a model, its state, and its streams.
#[derive(Clone, Debug)]
pub(super) struct LossStage {
    model: Loss,
    bad: bool,
    fates: Stream,
    moves: Stream,
}

impl LossStage {
    pub(super) fn new(model: Loss, seed: u64, link: &str) -> LossStage {
        LossStage {
            model,
            bad: false,
            fates: Stream::new(seed, &format!("{link}/loss")),
            moves: Stream::new(seed, &format!("{link}/loss-state")),
        }
    }

    /// Draws one packet's fate.
    pub(super) fn draw(&mut self) -> Option<Cause> {
        match self.model {
            Loss::None => None,
            Loss::Independent(probability) => {
                self.fates.chance(probability).then_some(Cause::RandomLoss)
            }
            Loss::GilbertElliott {
                enter,
                leave,
                good,
                bad,
            } => {
                let (probability, cause, flip) = if self.bad {
                    (bad, Cause::BurstLoss, leave)
                } else {
                    (good, Cause::RandomLoss, enter)
                };
                self.bad ^= self.moves.chance(flip);
                self.fates.chance(probability).then_some(cause)
            }
        }
    }
}
