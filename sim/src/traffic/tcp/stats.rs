//! What a sender counts.

use core::time::Duration;

use crate::time::Time;
use crate::traffic::{Bins, Samples};

/// A sender's window at an instant, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSample {
    /// cwnd.
    pub window: u64,
    /// ssthresh; `u64::MAX` before the first congestion event.
    pub threshold: u64,
    /// Bytes that are thought to be under way (pipe of RFC 6675).
    pub in_flight: u64,
}

/// What a sender has done. Bytes are payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpStats {
    /// Segments with payload or FIN, retransmissions included.
    pub segments: u64,
    /// Bytes sent, retransmissions included.
    pub sent: u64,
    /// Bytes that the receiver has in order, as far as acknowledgements tell.
    pub acknowledged: u64,
    /// Bytes sent again.
    pub retransmitted: u64,
    /// Segments sent again.
    pub retransmissions: u64,
    /// How often the retransmission timer expired, for a SYN too.
    pub timeouts: u64,
    /// How often fast recovery began.
    pub fast_recoveries: u64,
    /// How often a mark reduced the window.
    pub mark_reductions: u64,
    /// How often the receiver told that something came twice (D-SACK).
    pub duplicates_reported: u64,
    /// When the connection was open.
    pub opened: Option<Time>,
    /// When the last byte and the FIN were acknowledged.
    pub finished: Option<Time>,
    /// Smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// The window over time, at most every millisecond to begin with.
    pub windows: Samples<WindowSample>,
    /// Bytes acknowledged in intervals of 100 ms: the goodput.
    pub goodput: Bins,
}

impl Default for TcpStats {
    fn default() -> TcpStats {
        TcpStats {
            segments: 0,
            sent: 0,
            acknowledged: 0,
            retransmitted: 0,
            retransmissions: 0,
            timeouts: 0,
            fast_recoveries: 0,
            mark_reductions: 0,
            duplicates_reported: 0,
            opened: None,
            finished: None,
            rtt: None,
            windows: Samples::new(Duration::from_millis(1)),
            goodput: Bins::default(),
        }
    }
}
