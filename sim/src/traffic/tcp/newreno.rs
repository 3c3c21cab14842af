//! Congestion avoidance of RFC 5681 §3.1.

/// A segment more per window acknowledged, counted in bytes as the RFC recommends. So an acknowledgement of two
/// segments opens the window as much as two of one, and the long-run window does not depend on the receiver's delay.
#[derive(Clone, Debug, Default)]
pub(super) struct NewReno {
    counted: u64,
}

impl NewReno {
    /// The window after `acked` more bytes were acknowledged.
    pub(super) fn grow(&mut self, window: u64, acked: u64, segment: u64) -> u64 {
        let mut window = window;
        self.counted += acked;
        while self.counted >= window {
            self.counted -= window;
            window += segment;
        }
        window
    }

    /// Half of what was in flight (equation 4).
    pub(super) fn reduce(&mut self, flight: u64) -> u64 {
        self.counted = 0;
        flight / 2
    }
}
