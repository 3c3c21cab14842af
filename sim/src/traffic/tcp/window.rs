//! The congestion window: slow start, and one of the algorithms of congestion avoidance.

use core::time::Duration;

use crate::time::Time;
use crate::traffic::tcp::cubic::Cubic;
use crate::traffic::tcp::newreno::NewReno;
use crate::traffic::{Congestion, TcpConfig};

/// Congestion window and slow-start threshold, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: u64,
    threshold: u64,
    segment: u64,
    slow_start_limit: u64,
    algorithm: Algorithm,
}

#[derive(Clone, Debug)]
enum Algorithm {
    NewReno(NewReno),
    Cubic(Cubic),
}

impl Window {
    pub(super) fn new(config: &TcpConfig) -> Window {
        let segment = u64::from(config.segment.max(1));
        Window {
            size: segment * u64::from(config.initial_window.max(1)),
            threshold: u64::MAX,
            segment,
            slow_start_limit: segment * u64::from(config.slow_start_limit.max(1)),
            algorithm: match config.congestion {
                Congestion::NewReno => Algorithm::NewReno(NewReno::default()),
                Congestion::Cubic => Algorithm::Cubic(Cubic::new(config.fast_convergence)),
            },
        }
    }

    /// cwnd.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// ssthresh.
    pub(super) fn threshold(&self) -> u64 {
        self.threshold
    }

    /// One segment, as after a lost SYN (RFC 5681 §3.1).
    pub(super) fn shut(&mut self) {
        self.size = self.segment;
    }

    /// New bytes were acknowledged outside fast recovery. `limited` says whether the window is what held the sender
    /// back; if not, it does not grow.
    pub(super) fn acknowledge(&mut self, now: Time, acked: u64, rtt: Duration, limited: bool) {
        if !limited {
            if let Algorithm::Cubic(cubic) = &mut self.algorithm {
                cubic.hold(now);
            }
        } else if self.size < self.threshold {
            let grown = self.size + acked.min(self.slow_start_limit);
            self.size = grown.min(self.threshold);
        } else {
            self.size = match &mut self.algorithm {
                Algorithm::NewReno(reno) => reno.grow(self.size, acked, self.segment),
                Algorithm::Cubic(cubic) => cubic.grow(now, self.size, acked, self.segment, rtt),
            };
        }
    }

    /// Fast recovery begins, or a mark came: threshold and window are reduced together.
    pub(super) fn reduce(&mut self, flight: u64) {
        self.lower_threshold(flight);
        self.size = self.threshold;
    }

    /// The timer has expired. `first` says whether for the first time for these bytes; the threshold is kept if not
    /// (RFC 5681 §3.1).
    pub(super) fn time_out(&mut self, flight: u64, first: bool) {
        if first {
            self.lower_threshold(flight);
        }
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.time_out();
        }
        self.size = self.segment;
    }

    /// From what is in flight, less what limited transmit added (RFC 5681 §3.2).
    fn lower_threshold(&mut self, flight: u64) {
        let flight = flight.min(self.size);
        let reduced = match &mut self.algorithm {
            Algorithm::NewReno(reno) => reno.reduce(flight),
            Algorithm::Cubic(cubic) => cubic.reduce(self.size, flight),
        };
        self.threshold = reduced.max(2 * self.segment);
    }
}
