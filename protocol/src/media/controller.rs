//! How fast a hop sends: one trait, so that algorithms run side by side.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::time::Instant;

/// What became of one transmission, told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketReport {
    /// When it was sent, on this side's clock.
    pub sent_at: Instant,
    /// Bytes of its payload.
    pub bytes: usize,
    /// Whether it arrived.
    pub received: bool,
    /// When it arrived, on the peer's clock, whose epoch is its own: only spans between such instants mean anything.
    /// None where it was lost, or where the time was not measured.
    pub arrived: Option<Instant>,
    /// Whether it bore ECN-CE.
    pub ce: bool,
}

/// A congestion controller of one hop. Integers only; the same calls give the same answers.
pub trait Controller: fmt::Debug {
    /// A datagram with a payload of so many bytes was sent.
    fn on_sent(&mut self, now: Instant, bytes: usize);

    /// A report came in: the transmissions whose fate it settles, in order of sending per flow; possibly none.
    fn on_feedback(&mut self, now: Instant, reports: &[PacketReport], rtt: Duration);

    /// The connection beneath was replaced: what was learned of the path may not hold.
    fn on_path_change(&mut self, _now: Instant) {}

    /// What the sources together should produce, in bits a second.
    fn target_bitrate(&self) -> u64;

    /// How fast packets may leave, in bits a second.
    fn pacing_rate(&self) -> u64;

    /// How many bytes may be in flight.
    fn window(&self) -> usize;
}

/// Makes the controller of a new hop.
pub type ControllerFactory = Arc<dyn Fn() -> Box<dyn Controller + Send> + Send + Sync>;

/// A controller that does not control: a constant bit rate, paced at twice that, no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedRate {
    /// The target, in bits a second.
    pub bitrate: u64,
}

impl FixedRate {
    /// A factory of such controllers.
    pub fn factory(bitrate: u64) -> ControllerFactory {
        Arc::new(move || Box::new(Self { bitrate }))
    }
}

impl Controller for FixedRate {
    fn on_sent(&mut self, _now: Instant, _bytes: usize) {}

    fn on_feedback(&mut self, _now: Instant, _reports: &[PacketReport], _rtt: Duration) {}

    fn target_bitrate(&self) -> u64 {
        self.bitrate
    }

    fn pacing_rate(&self) -> u64 {
        self.bitrate.saturating_mul(2)
    }

    fn window(&self) -> usize {
        usize::MAX
    }
}
