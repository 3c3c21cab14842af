//! What happens to packets on their way besides loss and delay: reordering, duplication, corruption, ECN.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::packet::Ecn;
use crate::probability::Probability;
use crate::random::Stream;

/// Packets that fall behind: the others overtake them. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reorder {
    /// The probability of each packet.
    pub probability: Probability,
    /// Every so many packets one falls behind, besides; zero for none.
    pub every: u64,
    /// How much later they arrive.
    pub extra: Duration,
}

impl Reorder {
    pub(super) fn stage(self, seed: u64, link: &str) -> ReorderStage {
        let draws = Stream::new(seed, &format!("{link}/reorder"));
        let active = self.every > 0 || self.probability != Probability::NEVER;
        ReorderStage {
            config: self,
            active,
            draws,
        }
    }
}

/// The stage of [`Reorder`].
#[derive(Clone, Debug)]
pub(super) struct ReorderStage {
    config: Reorder,
    active: bool,
    draws: Stream,
}

impl ReorderStage {
    /// How far a packet falls behind, if it does.
    pub(super) fn extra(&self, number: u64) -> Option<Duration> {
        if !self.active {
            return None;
        }
        let Reorder {
            probability,
            every,
            extra,
        } = self.config;
        let by_turn = every > 0 && number % every == every - 1;
        (by_turn || probability.covers(self.draws.at(number))).then_some(extra)
    }
}

/// Packets that arrive twice. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicate {
    /// The probability of each packet that arrives.
    pub probability: Probability,
    /// How long after the first the second one arrives.
    pub delay: Duration,
}

/// The stage of [`Duplicate`].
#[derive(Clone, Debug)]
pub(super) struct DuplicateStage {
    config: Duplicate,
    draws: Stream,
}

impl DuplicateStage {
    pub(super) fn new(config: Duplicate, seed: u64, link: &str) -> DuplicateStage {
        let draws = Stream::new(seed, &format!("{link}/duplicate"));
        DuplicateStage { config, draws }
    }

    /// How long after a packet its copy arrives, if there is one.
    pub(super) fn copy(&self, number: u64) -> Option<Duration> {
        let Duplicate { probability, delay } = self.config;
        let happens =
            probability != Probability::NEVER && probability.covers(self.draws.at(number));
        happens.then_some(delay)
    }
}

/// Packets that arrive damaged. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corrupt {
    /// The probability of each packet that arrives.
    pub probability: Probability,
    /// How they are damaged.
    pub corruption: Corruption,
}

/// How a packet is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Corruption {
    /// One bit is flipped.
    #[default]
    BitFlip,
    /// It ends early, after at least no and at most all but one of its bytes.
    Truncate,
    /// All its bytes are replaced.
    Garbage,
}

impl Corruption {
    /// Damages a payload, and says how many of its bytes are left.
    pub fn apply(self, payload: &mut [u8], draws: &mut Stream) -> usize {
        let len = payload.len();
        if len == 0 {
            return 0;
        }
        match self {
            Corruption::BitFlip => {
                let bit = draws.below(len as u64 * 8);
                payload[(bit / 8) as usize] ^= 1 << (bit % 8);
                len
            }
            Corruption::Truncate => draws.below(len as u64) as usize,
            Corruption::Garbage => {
                for byte in payload {
                    *byte = draws.next_u64() as u8;
                }
                len
            }
        }
    }
}

impl FromStr for Corruption {
    type Err = String;

    /// Reads `bit-flip`, `truncate`, `garbage`; the error is what was expected.
    fn from_str(text: &str) -> Result<Corruption, String> {
        match text {
            "bit-flip" => Ok(Corruption::BitFlip),
            "truncate" => Ok(Corruption::Truncate),
            "garbage" => Ok(Corruption::Garbage),
            _ => Err("bit-flip, truncate, or garbage".to_owned()),
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Corruption::BitFlip => "bit-flip",
            Corruption::Truncate => "truncate",
            Corruption::Garbage => "garbage",
        })
    }
}

/// The stage of [`Corrupt`].
#[derive(Clone, Debug)]
pub(super) struct CorruptStage {
    config: Corrupt,
    draws: Stream,
    seed: u64,
    label: String,
}

impl CorruptStage {
    pub(super) fn new(config: Corrupt, seed: u64, link: &str) -> CorruptStage {
        let label = format!("{link}/corrupt");
        CorruptStage {
            config,
            draws: Stream::new(seed, &label),
            seed,
            label,
        }
    }

    /// How a packet is damaged, if it is, and the draws for that: a stream of its own for each packet.
    pub(super) fn damage(&self, number: u64) -> Option<(Corruption, Stream)> {
        let Corrupt {
            probability,
            corruption,
        } = self.config;
        if probability == Probability::NEVER || !probability.covers(self.draws.at(number)) {
            return None;
        }
        let draws = Stream::new(self.seed, &format!("{}/{number}", self.label));
        Some((corruption, draws))
    }
}

/// What the path does to the ECN field, besides what the queue does. The default leaves it alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EcnMangle {
    /// The probability that a packet whose sender takes marks is marked.
    pub mark: Probability,
    /// The probability that the field is cleared to Not-ECT, marks included: 100 % is a path that bleaches.
    pub bleach: Probability,
    /// Whether ECT(1) becomes ECT(0), as by a box that knows only the classic meaning.
    pub ect1_to_ect0: bool,
}

/// The stage of [`EcnMangle`]. Packet *n* takes draws 2*n* and 2*n* + 1.
#[derive(Clone, Debug)]
pub(super) struct EcnStage {
    config: EcnMangle,
    active: bool,
    draws: Stream,
}

impl EcnStage {
    pub(super) fn new(config: EcnMangle, seed: u64, link: &str) -> EcnStage {
        EcnStage {
            active: config != EcnMangle::default(),
            config,
            draws: Stream::new(seed, &format!("{link}/ecn")),
        }
    }

    /// The field with which a packet arrives that left the queue with `ecn`.
    pub(super) fn arriving(&self, number: u64, ecn: Ecn) -> Ecn {
        if !self.active {
            return ecn;
        }
        let draw = |k: u64| self.draws.at(number.wrapping_mul(2).wrapping_add(k));
        let mut ecn = ecn;
        if ecn == Ecn::Ect1 && self.config.ect1_to_ect0 {
            ecn = Ecn::Ect0;
        }
        if ecn.is_capable() && self.config.mark.covers(draw(0)) {
            ecn = Ecn::Ce;
        }
        if self.config.bleach.covers(draw(1)) {
            ecn = Ecn::NotEct;
        }
        ecn
    }
}
