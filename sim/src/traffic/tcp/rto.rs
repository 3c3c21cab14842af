//! The retransmission timeout (RFC 6298).

use core::time::Duration;

use crate::time::nanos;
use crate::traffic::TcpConfig;

/// Before the first measurement (§2.1).
const INITIAL: u64 = 1_000_000_000;

/// Smoothed round-trip time, its variation, and what follows from them.
#[derive(Clone, Debug)]
pub(super) struct Rto {
    /// SRTT and RTTVAR in nanoseconds.
    estimate: Option<(u64, u64)>,
    /// How often the timer has expired since the last measurement (§5.5).
    backoff: u32,
    min: u64,
    max: u64,
    slack: u64,
}

impl Rto {
    pub(super) fn new(config: &TcpConfig) -> Rto {
        Rto {
            estimate: None,
            backoff: 0,
            min: nanos(config.rto_min),
            max: nanos(config.rto_max),
            slack: nanos(config.rto_slack),
        }
    }

    /// A round trip was measured; ends the back-off (§2.2, §2.3).
    pub(super) fn measure(&mut self, rtt: Duration) {
        let rtt = nanos(rtt);
        self.backoff = 0;
        self.estimate = Some(match self.estimate {
            None => (rtt, rtt / 2),
            Some((srtt, var)) => (
                srtt - srtt / 8 + rtt / 8,
                var - var / 4 + srtt.abs_diff(rtt) / 4,
            ),
        });
    }

    /// The timer has expired.
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// How often the timer has expired since the last measurement.
    pub(super) fn backoff(&self) -> u32 {
        self.backoff
    }

    /// The smoothed round-trip time, once there is one.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.estimate.map(|(srtt, _)| Duration::from_nanos(srtt))
    }

    /// How long the timer runs.
    pub(super) fn timeout(&self) -> Duration {
        let base = match self.estimate {
            None => INITIAL,
            Some((srtt, var)) => srtt
                .saturating_add(var.saturating_mul(4).max(self.slack))
                .max(self.min),
        };
        let doubled = base.saturating_mul(1 << self.backoff.min(32));
        Duration::from_nanos(doubled.min(self.max))
    }
}
