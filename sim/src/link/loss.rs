//! Loss: at random, in bursts, or by a list.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::alternation::{Alternation, Sojourn};
use crate::link::Cause;
use crate::probability::Probability;
use crate::random::Stream;
use crate::time::{Time, nanos};

/// How a link loses packets.
///
/// The same models serve before the queue ([`LinkConfig::loss`](super::LinkConfig::loss)) and behind it, on the air
/// ([`LinkConfig::air_loss`](super::LinkConfig::air_loss)): what is lost on the air has taken its room and its time.
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
    /// In bursts of time: as [`Loss::GilbertElliott`], but the states last so long, whatever is sent. The share of
    /// time that is bad and the length of a burst do not change with the rate of packets.
    GilbertElliottTime {
        /// Mean time in the good state, in which the chain begins; exponentially distributed.
        good_for: Duration,
        /// Mean time in the bad state; exponentially distributed.
        bad_for: Duration,
        /// Probability of loss in the good state.
        good: Probability,
        /// Probability of loss in the bad state.
        bad: Probability,
    },
    /// Exactly the packets with these numbers, counted from zero among all that are offered to the link: those of the
    /// event log.
    List(BTreeSet<u64>),
    /// Packet *n* as entry *n* of a pattern says, which repeats.
    Bitmap(Bitmap),
    /// As another model says, but only packets of these classes. The others take their draws all the same.
    Only {
        /// The classes.
        classes: Classes,
        /// The model.
        model: Box<Loss>,
    },
}

impl Loss {
    /// Bursts that last `burst` on average and take `share` of the time, in which everything is lost.
    ///
    /// A share of zero is no loss, and one of all is [`Probability::ALWAYS`].
    pub fn bursts(share: Probability, burst: Duration) -> Loss {
        let threshold = share.threshold();
        if threshold == 0 {
            return Loss::None;
        }
        if share == Probability::ALWAYS {
            return Loss::Independent(share);
        }
        let good =
            u128::from(nanos(burst)) * ((1 << 64) - u128::from(threshold)) / u128::from(threshold);
        Loss::GilbertElliottTime {
            good_for: Duration::from_nanos(u64::try_from(good).unwrap_or(u64::MAX)),
            bad_for: burst,
            good: Probability::NEVER,
            bad: Probability::ALWAYS,
        }
    }
}

/// A pattern of packets that pass (`0`) and that are lost (`1`), which repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap(Arc<[bool]>);

impl Bitmap {
    /// Whether packet `number` is lost.
    pub fn loses(&self, number: u64) -> bool {
        self.0[(number % self.0.len() as u64) as usize]
    }

    /// Entries before it repeats.
    pub fn period(&self) -> usize {
        self.0.len()
    }
}

/// Why a text is no bitmap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Neither `0` nor `1` nor white space.
    #[error("line {line}: {found:?} is neither `0` (passes) nor `1` (is lost)")]
    Character {
        /// The line, from 1.
        line: usize,
        /// What was found.
        found: char,
    },
    /// No entries.
    #[error("a loss pattern needs at least one `0` or `1`")]
    Empty,
}

impl FromStr for Bitmap {
    type Err = BitmapError;

    /// Reads `0` and `1`, one a packet; white space and line ends between them do not matter.
    fn from_str(text: &str) -> Result<Bitmap, BitmapError> {
        let mut bits = Vec::new();
        for (line, content) in text.lines().enumerate() {
            for found in content.chars() {
                match found {
                    '0' => bits.push(false),
                    '1' => bits.push(true),
                    other if other.is_whitespace() => {}
                    _ => {
                        let line = line + 1;
                        return Err(BitmapError::Character { line, found });
                    }
                }
            }
        }
        if bits.is_empty() {
            return Err(BitmapError::Empty);
        }
        Ok(Bitmap(bits.into()))
    }
}

impl fmt::Display for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bit in self.0.iter() {
            f.write_str(if *bit { "1" } else { "0" })?;
        }
        Ok(())
    }
}

/// Classes of packets, by name; a name that ends in `*` stands for all that begin like it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes(pub Vec<String>);

impl Classes {
    /// Whether a class is among them.
    pub fn contains(&self, class: &str) -> bool {
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => class.starts_with(beginning),
            None => class == name,
        })
    }
}

/// What a model says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Lost by itself.
    Random,
    /// Lost in the bad state.
    Burst,
    /// Lost by a list or bitmap.
    Listed,
}

impl Lost {
    /// The cause of a loss before the queue.
    pub(super) fn at_entry(self) -> Cause {
        match self {
            Lost::Random => Cause::RandomLoss,
            Lost::Burst => Cause::BurstLoss,
            Lost::Listed => Cause::ListedLoss,
        }
    }

    /// The cause of a loss behind the transmitter.
    pub(super) fn on_air(self) -> Cause {
        match self {
            Lost::Random => Cause::AirLoss,
            Lost::Burst => Cause::AirBurstLoss,
            Lost::Listed => Cause::AirListedLoss,
        }
    }
}

/// The stage: a model, its state, and its streams.
#[derive(Clone, Debug)]
pub(super) struct LossStage {
    model: Loss,
    only: Vec<Classes>,
    bad: bool,
    time: Option<Alternation>,
    fates: Stream,
    moves: Stream,
}

impl LossStage {
    /// `stage` labels the streams, after the link's name.
    pub(super) fn new(model: Loss, seed: u64, link: &str, stage: &str) -> LossStage {
        let mut only = Vec::new();
        let mut model = model;
        while let Loss::Only {
            classes,
            model: inner,
        } = model
        {
            only.push(classes);
            model = *inner;
        }
        let moves = Stream::new(seed, &format!("{link}/{stage}-state"));
        let time = match model {
            Loss::GilbertElliottTime {
                good_for, bad_for, ..
            } => Some(Alternation::new(
                Sojourn::Exponential(good_for),
                Sojourn::Exponential(bad_for),
                moves.clone(),
            )),
            _ => None,
        };
        LossStage {
            model,
            only,
            bad: false,
            time,
            fates: Stream::new(seed, &format!("{link}/{stage}")),
            moves,
        }
    }

    /// Moves a chain that moves per packet past packet `number`, and says in which state that packet meets it. To be
    /// called for each number in turn.
    pub(super) fn meet(&mut self, number: u64) -> bool {
        let Loss::GilbertElliott { enter, leave, .. } = self.model else {
            return false;
        };
        let bad = self.bad;
        let flip = if bad { leave } else { enter };
        self.bad ^= flip.covers(self.moves.at(number));
        bad
    }

    /// What becomes of a packet that meets the model at `now`. `bad` is what [`LossStage::meet`] said.
    pub(super) fn fate(&mut self, number: u64, bad: bool, now: Time, class: &str) -> Option<Lost> {
        let (probability, bad) = match &self.model {
            Loss::None => return None,
            Loss::Independent(probability) => (*probability, false),
            Loss::GilbertElliott {
                good, bad: lossy, ..
            } => (if bad { *lossy } else { *good }, bad),
            Loss::GilbertElliottTime {
                good, bad: lossy, ..
            } => {
                let bad = self.time.as_mut().is_some_and(|time| {
                    time.forget(now);
                    time.at(now).0
                });
                (if bad { *lossy } else { *good }, bad)
            }
            Loss::List(numbers) => {
                return (numbers.contains(&number) && self.covers(class)).then_some(Lost::Listed);
            }
            Loss::Bitmap(bitmap) => {
                return (bitmap.loses(number) && self.covers(class)).then_some(Lost::Listed);
            }
            Loss::Only { .. } => return None, // unwrapped in the constructor
        };
        let lost = probability.covers(self.fates.at(number)) && self.covers(class);
        lost.then_some(if bad { Lost::Burst } else { Lost::Random })
    }

    fn covers(&self, class: &str) -> bool {
        self.only.iter().all(|classes| classes.contains(class))
    }
}
