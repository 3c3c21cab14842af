//! Google Congestion Control, the estimator of the crate `rtc-interceptor`, as a controller of the media plane.
//!
//! The estimator has floats of its own, and functions of the platform's mathematics library may take part: its runs are
//! the same on one machine, and need not be elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use duet_protocol::media::{Controller, ControllerFactory, PacketReport};
use duet_protocol::time::Instant;
use rtc_interceptor::BandwidthEstimator;

/// Bits a second at the start, at the least and at the most: the video's range, and the audio on top.
const START: f64 = 175_000.0;
const LEAST: f64 = 150_000.0;
const MOST: f64 = 2_500_000.0;
/// Pacing above the target, in per cent: a frame of twice the mean size still leaves before the next but one.
const PACING: u64 = 150;

/// The estimator behind [`Controller`].
pub struct Gcc {
    estimator: rtc_interceptor::Gcc,
    /// What the estimator's clock counts from; any one instant does.
    epoch: std::time::Instant,
    packets: u64,
    reports: Vec<rtc_interceptor::PacketReport>,
}

impl Gcc {
    /// A factory of such controllers.
    pub fn factory() -> ControllerFactory {
        Arc::new(|| Box::new(Self::new()))
    }

    fn new() -> Self {
        Self {
            estimator: rtc_interceptor::Gcc::new(START, LEAST, MOST),
            epoch: std::time::Instant::now(),
            packets: 0,
            reports: Vec::new(),
        }
    }

    fn at(&self, instant: Instant) -> std::time::Instant {
        self.epoch + Duration::from_micros(instant.as_micros())
    }
}

impl fmt::Debug for Gcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcc")
            .field("target", &self.estimator.target_bitrate())
            .finish_non_exhaustive()
    }
}

impl Controller for Gcc {
    fn on_sent(&mut self, _now: Instant, _bytes: usize) {}

    fn on_feedback(&mut self, now: Instant, reports: &[PacketReport], _rtt: Duration) {
        self.reports.clear();
        for report in reports {
            let id = self.packets;
            self.packets += 1;
            self.reports.push(rtc_interceptor::PacketReport {
                ssrc: 1,
                id,
                rtp_sequence_number: id as u16,
                is_twcc: true,
                twcc_sequence_number: id as u16,
                size: report.bytes,
                arrived: report.received,
                departure: self.at(report.sent_at),
                arrival: report
                    .arrived
                    .map(|at| Duration::from_micros(at.as_micros())),
                ecn: Default::default(),
            });
        }
        // The hop reports flow after flow; the estimator wants the order of sending.
        self.reports.sort_by_key(|report| report.departure);
        let now = self.at(now);
        self.estimator.on_reports(now, &self.reports);
    }

    fn on_path_change(&mut self, _now: Instant) {
        *self = Self::new();
    }

    fn target_bitrate(&self) -> u64 {
        self.estimator.target_bitrate() as u64
    }

    fn pacing_rate(&self) -> u64 {
        self.target_bitrate() * PACING / 100
    }

    fn window(&self) -> usize {
        usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds of packets of 1,000 bytes each 8 ms, reported each 40 ms, of which every `lost`-th never arrives.
    fn target_after(lost: u64) -> u64 {
        let mut gcc = Gcc::new();
        let rtt = Duration::from_millis(100);
        for batch in 0..250_u64 {
            let reports: Vec<PacketReport> = (0..5)
                .map(|index| {
                    let sent = batch * 40_000 + index * 8_000;
                    let received = (batch * 5 + index) % lost != 0;
                    PacketReport {
                        sent_at: Instant::from_micros(sent),
                        bytes: 1_000,
                        received,
                        arrived: received.then(|| Instant::from_micros(77_000_000 + sent)),
                        ce: false,
                    }
                })
                .collect();
            gcc.on_feedback(Instant::from_micros(batch * 40_000 + 90_000), &reports, rtt);
        }
        gcc.target_bitrate()
    }

    #[test]
    fn the_estimate_rises_on_a_free_path_and_falls_with_heavy_loss() {
        let (free, lossy) = (target_after(u64::MAX), target_after(4));
        assert!(free > 2 * START as u64, "{free}");
        assert!(lossy < START as u64, "{lossy}");
    }
}
