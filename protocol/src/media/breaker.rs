//! The circuit breaker (RFC 8083): the last resort where the controller is wrong, or the peer does not tell the truth.
//!
//! RFC 8083 counts in RTCP reporting intervals of seconds; feedback here comes each 25 ms. The congestion rule is
//! therefore evaluated over intervals of 500 ms, and the two timeouts are longer than the time after which a silent
//! connection is dead anyway, so that they speak only of a peer that is there and does not report.

use core::time::Duration;

use super::controller::PacketReport;
use crate::time::Instant;

/// The reporting interval (RFC 8083's Tdr).
const INTERVAL: Duration = Duration::from_millis(500);
/// Media without feedback, or feedback without progress, for this long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A pause in sending that ends a timeout's count.
const PAUSE: Duration = Duration::from_secs(1);
/// Packets that a timeout takes at least.
const ENOUGH: u32 = 32;

/// Why the breaker tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tripped {
    /// Media was sent for 5 s and no feedback came (RFC 8083 §4.2).
    FeedbackTimeout,
    /// Feedback came for 5 s, and none of the media sent had arrived (RFC 8083 §4.1).
    MediaTimeout,
    /// More than ten times what TCP would have sent, over CB_INTERVAL reporting intervals (RFC 8083 §4.3).
    Congestion,
}

/// Since when something is awaited, and how much was sent meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wait {
    since: Instant,
    sent: u32,
}

impl Wait {
    fn over(wait: Option<Self>, now: Instant) -> bool {
        wait.is_some_and(|wait| wait.sent >= ENOUGH && now.since(wait.since) >= TIMEOUT)
    }

    fn count(wait: &mut Option<Self>, now: Instant) {
        let wait = wait.get_or_insert(Self {
            since: now,
            sent: 0,
        });
        wait.sent = wait.sent.saturating_add(1);
    }
}

/// What one interval saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Tally {
    packets: u64,
    bytes: u64,
    reported: u64,
    lost: u64,
}

/// The breaker of one hop. Time passes for it only while something is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker {
    last_sent: Option<Instant>,
    feedback: Option<Wait>,
    progress: Option<Wait>,
    started: Instant,
    tally: Tally,
    /// Intervals in a row over ten times TCP's rate.
    over: u64,
    tripped: Option<Tripped>,
}

impl Breaker {
    /// A breaker that has seen nothing.
    pub fn new(now: Instant) -> Self {
        Self {
            last_sent: None,
            feedback: None,
            progress: None,
            started: now,
            tally: Tally::default(),
            over: 0,
            tripped: None,
        }
    }

    /// Whether it tripped, and why; it stays so.
    pub const fn tripped(&self) -> Option<Tripped> {
        self.tripped
    }

    /// A packet was sent.
    pub fn on_sent(&mut self, now: Instant, bytes: usize) {
        if self.last_sent.is_none_or(|last| now.since(last) >= PAUSE) {
            self.feedback = None;
            self.progress = None;
        }
        self.last_sent = Some(now);
        self.tally.packets = self.tally.packets.saturating_add(1);
        self.tally.bytes = self.tally.bytes.saturating_add(bytes as u64);
        Wait::count(&mut self.feedback, now);
        Wait::count(&mut self.progress, now);
        if Wait::over(self.feedback, now) {
            self.trip(Tripped::FeedbackTimeout);
        }
    }

    /// A report came in, with the transmissions whose fate it settled.
    pub fn on_feedback(&mut self, now: Instant, reports: &[PacketReport], rtt: Duration) {
        self.feedback = None;
        for report in reports {
            self.tally.reported = self.tally.reported.saturating_add(1);
            if !report.received || report.ce {
                self.tally.lost = self.tally.lost.saturating_add(1);
            }
        }
        if reports.iter().any(|report| report.received) {
            self.progress = None;
        } else if Wait::over(self.progress, now) {
            self.trip(Tripped::MediaTimeout);
        }
        let elapsed = now.since(self.started);
        if elapsed >= INTERVAL {
            let tally = core::mem::take(&mut self.tally);
            self.started = now;
            if tally.reported > 0 && tally.is_over_tcp(elapsed, rtt) {
                self.over = self.over.saturating_add(1);
                if self.over >= intervals(rtt) {
                    self.trip(Tripped::Congestion);
                }
            } else {
                self.over = 0;
            }
        }
    }

    fn trip(&mut self, cause: Tripped) {
        self.tripped = self.tripped.or(Some(cause));
    }
}

impl Tally {
    /// Whether the rate was over ten times `X = s / (R · √(2p/3))` (RFC 8083 §4.3): squared, so that it takes no root,
    /// `rate² · R² · 2 · lost > 300 · s² · reported`, with the rate in bits a second and s in bits.
    fn is_over_tcp(self, elapsed: Duration, rtt: Duration) -> bool {
        let bits = u128::from(self.bytes).saturating_mul(8);
        let rate = bits
            .saturating_mul(1_000_000)
            .checked_div(elapsed.as_micros())
            .unwrap_or(0);
        let size = bits.checked_div(self.packets.into()).unwrap_or(0);
        // In units of bits per RTT, so that everything stays far below 2¹²⁸.
        let per_rtt = rate.saturating_mul(rtt.as_micros()) / 1_000_000;
        let sent = per_rtt
            .saturating_mul(per_rtt)
            .saturating_mul(2)
            .saturating_mul(self.lost.into());
        let fair = size.saturating_mul(size).saturating_mul(300);
        sent > fair.saturating_mul(self.reported.into())
    }
}

/// CB_INTERVAL (RFC 8083 §4.3): ⌈3 · min(max(10 G, 10 R, 3 Tdr), max(15 s, 3 Tdr)) / (3 Tdr)⌉. The interval G between
/// frames is left out: above seven frames a second 3 Tdr is the larger.
fn intervals(rtt: Duration) -> u64 {
    let three = INTERVAL.saturating_mul(3);
    let span = rtt
        .saturating_mul(10)
        .max(three)
        .min(Duration::from_secs(15).max(three));
    let numerator = span.saturating_mul(3).as_micros() as u64;
    numerator.div_ceil(three.as_micros() as u64)
}
