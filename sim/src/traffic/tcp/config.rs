//! What a sender is told.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use thiserror::Error;

use crate::time::Time;

/// How a sender's window grows and shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Congestion {
    /// RFC 5681: half the window at a loss, then a segment per round trip.
    #[default]
    NewReno,
    /// RFC 9438: 0.7 of the window at a loss, then a cubic function of time.
    Cubic,
}

/// A text names no congestion control.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown congestion control {0:?}: use newreno, cubic")]
pub struct UnknownCongestion(pub String);

impl FromStr for Congestion {
    type Err = UnknownCongestion;

    /// Reads `newreno` or `cubic`.
    ///
    /// # Errors
    ///
    /// [`UnknownCongestion`] for any other text.
    fn from_str(text: &str) -> Result<Congestion, UnknownCongestion> {
        match text {
            "newreno" => Ok(Congestion::NewReno),
            "cubic" => Ok(Congestion::Cubic),
            other => Err(UnknownCongestion(other.to_owned())),
        }
    }
}

impl fmt::Display for Congestion {
    /// `newreno` or `cubic`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Congestion::NewReno => "newreno",
            Congestion::Cubic => "cubic",
        })
    }
}

/// What a [`TcpSender`](super::TcpSender) is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// How the window grows and shrinks.
    pub congestion: Congestion,
    /// Bytes of the file; `None` sends without end.
    pub bytes: Option<u64>,
    /// When it opens the connection.
    pub start: Time,
    /// When it ceases to hand over new bytes; what is under way is still delivered, then it closes.
    pub stop: Option<Time>,
    /// Most bytes of payload in a segment (SMSS); at least one.
    pub segment: u32,
    /// Segments that may leave before the first acknowledgement (RFC 6928 §2); at least one.
    pub initial_window: u32,
    /// Most segments by which one acknowledgement opens the window in slow start: one by RFC 5681 §3.1, two by
    /// RFC 3465 §2.2; with the acknowledgements of every second segment, one makes the window grow by half per round
    /// trip, and two doubles it.
    pub slow_start_limit: u32,
    /// Whether CUBIC gives way to new flows by remembering less than the window that it had (RFC 9438 §4.7).
    pub fast_convergence: bool,
    /// Whether it asks for ECN and reacts to marks (RFC 3168).
    pub ecn: bool,
    /// Shortest retransmission timeout: a second by RFC 6298 §2.4.
    pub rto_min: Duration,
    /// Longest retransmission timeout, at least a minute by RFC 6298 §2.5.
    pub rto_max: Duration,
    /// Least that is added to the smoothed round-trip time: the clock granularity G of RFC 6298 §2.3.
    pub rto_slack: Duration,
}

impl Default for TcpConfig {
    /// NewReno without end, ten segments of 1448 bytes to begin with (1500 with IPv4 and timestamps), no ECN.
    ///
    /// The timeout is Linux's: 200 ms, and always at least 200 ms more than the smoothed round trip, so that a delayed
    /// acknowledgement on a long steady path is no loss. For RFC 6298 to the letter set `rto_min` to 1 s and
    /// `rto_slack` to the clock's granularity.
    fn default() -> TcpConfig {
        TcpConfig {
            congestion: Congestion::default(),
            bytes: None,
            start: Time::ZERO,
            stop: None,
            segment: 1_448,
            initial_window: 10,
            slow_start_limit: 1,
            fast_convergence: true,
            ecn: false,
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(60),
            rto_slack: Duration::from_millis(200),
        }
    }
}
