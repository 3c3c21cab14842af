//! A medium that several link directions share, one at a time, as on Wi-Fi.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::time::Time;

/// A shared half-duplex medium: whoever sends, all others wait.
///
/// One who has his turn pays the overhead (contention, preamble, acknowledgement), and then sends what waits in his
/// queue, up to the bounds below, in one go at the rate of his own link. All of it departs together, when the last bit
/// is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumConfig {
    /// Time that each transmission takes besides its bits.
    pub overhead: Duration,
    /// Most packets in one transmission; at least one is sent.
    pub max_packets: u32,
    /// Air time after which no further packet joins a transmission, without the overhead.
    pub max_airtime: Duration,
    /// Whose turn it is.
    pub arbitration: Arbitration,
}

impl Default for MediumConfig {
    /// No overhead, one packet at a time, in turn.
    fn default() -> MediumConfig {
        MediumConfig {
            overhead: Duration::ZERO,
            max_packets: 1,
            max_airtime: Duration::MAX,
            arbitration: Arbitration::RoundRobin,
        }
    }
}

/// Whose turn it is on a shared medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arbitration {
    /// Everyone who has something to send, in turn.
    #[default]
    RoundRobin,
    /// Whose oldest packet has waited longest; at a tie, the one who was attached first.
    Fifo,
}

impl FromStr for Arbitration {
    type Err = String;

    /// Reads `round-robin`, `fifo`; the error is what was expected.
    fn from_str(text: &str) -> Result<Arbitration, String> {
        match text {
            "round-robin" => Ok(Arbitration::RoundRobin),
            "fifo" => Ok(Arbitration::Fifo),
            _ => Err("round-robin or fifo".to_owned()),
        }
    }
}

impl fmt::Display for Arbitration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arbitration::RoundRobin => "round-robin",
            Arbitration::Fifo => "fifo",
        })
    }
}

/// The medium's state. It holds no links: whoever owns them asks it whose turn it is.
///
/// ```text
/// whenever packets were offered, or links or the medium were due:
///     if now ≥ medium.free_at(), choose(all attached links with their Link::wants(now)) → who
///         who's Link::transmit(now, medium.config()) → until
///         medium.occupy(who, until)
/// the medium is due at free_at() while anyone wants to send
/// ```
#[derive(Clone, Debug)]
pub struct Medium {
    config: MediumConfig,
    free_at: Time,
    last: Option<usize>,
}

impl Medium {
    /// A medium that is free.
    pub fn new(config: MediumConfig) -> Medium {
        Medium {
            config,
            free_at: Time::ZERO,
            last: None,
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &MediumConfig {
        &self.config
    }

    /// From when on someone else may send.
    pub fn free_at(&self) -> Time {
        self.free_at
    }

    /// Whose turn it is, among those that want to send: each with its number, in rising order, and the instant since
    /// when its oldest packet has waited.
    pub fn choose(&self, wanting: impl Iterator<Item = (usize, Time)>) -> Option<usize> {
        let key = |(number, since): &(usize, Time)| match self.config.arbitration {
            Arbitration::Fifo => (since.as_nanos(), *number),
            Arbitration::RoundRobin => {
                let passed = self.last.is_some_and(|last| *number <= last);
                (u64::from(passed), *number)
            }
        };
        wanting.min_by_key(key).map(|(number, _)| number)
    }

    /// Someone sends until then; said again if that changes.
    pub fn occupy(&mut self, number: usize, until: Time) {
        self.last = Some(number);
        self.free_at = until;
    }
}
