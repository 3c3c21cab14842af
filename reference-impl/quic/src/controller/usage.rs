//! How much of its window a media sender uses.

use std::time::{Duration, Instant};

/// What was in flight of late: the most in this round trip, and in the one before.
///
/// RFC 7661 §4.2 and §4.3: a sender whose volume in a round trip (its "pipeACK", a maximum over samples) reaches half
/// of the window has validated the window, which may then grow although the application has nothing more to send.
/// Frames of video come in bursts, so that a single instant says nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    in_flight: u64,
    peak: u64,
    peak_before: u64,
    round_ends: Option<Instant>,
}

impl Usage {
    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64) {
        self.in_flight = self.in_flight.saturating_add(bytes);
        self.peak = self.peak.max(self.in_flight);
        self.round_ends.get_or_insert(now);
    }

    pub(super) fn on_ack(&mut self, now: Instant, bytes: u64, rtt: Duration) {
        if self.round_ends.is_none_or(|end| now >= end) {
            self.peak_before = self.peak;
            self.peak = self.in_flight;
            self.round_ends = Some(now + rtt);
        }
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    pub(super) fn on_lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// QUIC's own count, which also knows of packets that were given up without a word.
    pub(super) fn set_in_flight(&mut self, bytes: u64) {
        self.in_flight = bytes;
    }

    /// Whether the sender uses less than half of this window.
    pub(super) fn is_low(&self, window: u64) -> bool {
        self.peak.max(self.peak_before) < window.div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    #[test]
    fn a_burst_counts_for_this_round_trip_and_the_next() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut usage = Usage::default();
        usage.on_sent(at(0), 6_000);
        assert!(!usage.is_low(12_000), "half of it");
        assert!(usage.is_low(12_001), "not half of it");
        // The burst is acknowledged, and little follows.
        usage.on_ack(at(100), 6_000, RTT);
        usage.on_sent(at(110), 100);
        assert!(!usage.is_low(12_000), "in the round trip before");
        usage.on_ack(at(210), 100, RTT);
        usage.on_sent(at(220), 100);
        usage.on_ack(at(320), 100, RTT);
        assert!(usage.is_low(12_000), "two round trips ago");
        usage.on_sent(at(330), 8_000);
        usage.on_lost(8_000);
        usage.set_in_flight(0);
        usage.on_sent(at(340), 1_000);
        assert!(usage.is_low(17_000) && !usage.is_low(16_000));
    }
}
