//! Who governs how much may be in flight: CUBIC, or the media plane.
//!
//! quinn-proto builds a connection's controller when the connection begins, and a server learns only later, from the
//! ALPN, what the connection is for. So every connection starts under CUBIC and keeps a [`Handle`] through which the
//! driver switches it.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, CubicConfig};

/// Bytes in flight that QUIC allows a media connection: a cap that the media plane's own controller stays below.
///
/// At 8 Mb/s it takes eight seconds without any acknowledgement to reach it, and by then the connection has timed out.
const MEDIA_WINDOW: u64 = 8 << 20;

/// Who governs a connection's sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// CUBIC (RFC 9438): control and bulk.
    Cubic,
    /// The core's own controller and pacer; QUIC's window is only a cap, and losses do not move it.
    Media,
}

/// The driver's hold on a connection's controllers; quinn-proto builds another when the path changes.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    media: AtomicBool,
    all_acked: AtomicBool,
}

impl Handle {
    pub(crate) fn new(mode: Mode) -> Arc<Self> {
        let handle = Self::default();
        handle.switch(mode);
        Arc::new(handle)
    }

    pub(crate) fn switch(&self, mode: Mode) {
        self.media.store(mode == Mode::Media, Ordering::Relaxed);
    }

    pub(crate) fn mode(&self) -> Mode {
        if self.media.load(Ordering::Relaxed) {
            Mode::Media
        } else {
            Mode::Cubic
        }
    }

    /// Something new was sent, so that an earlier acknowledgement of everything says nothing any more.
    pub(crate) fn sent_more(&self) {
        self.all_acked.store(false, Ordering::Relaxed);
    }

    /// Whether, since [`Handle::sent_more`], an acknowledgement left nothing in flight while nothing waited to be sent.
    pub(crate) fn all_acked(&self) -> bool {
        self.all_acked.load(Ordering::Relaxed)
    }
}

/// Builds a connection's controllers around its handle.
pub(crate) struct Factory(pub(crate) Arc<Handle>);

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Switch {
            cubic: Arc::new(CubicConfig::default()).build(now, current_mtu),
            handle: self.0.clone(),
        })
    }
}

struct Switch {
    cubic: Box<dyn Controller>,
    handle: Arc<Handle>,
}

impl Switch {
    fn media(&self) -> bool {
        self.handle.mode() == Mode::Media
    }
}

impl Controller for Switch {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        if !self.media() {
            self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
        }
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        if in_flight == 0 && app_limited {
            self.handle.all_acked.store(true, Ordering::Relaxed);
        }
        self.cubic
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        if !self.media() {
            self.cubic
                .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        if self.media() {
            MEDIA_WINDOW
        } else {
            self.cubic.window()
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            cubic: self.cubic.clone_box(),
            handle: self.handle.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_move_cubic_and_not_the_media_window() {
        let now = Instant::now();
        let handle = Handle::new(Mode::Cubic);
        let mut controller = Arc::new(Factory(handle.clone())).build(now, 1200);
        let start = controller.window();
        controller.on_congestion_event(now, now, true, 1200);
        let reduced = controller.window();
        assert!(reduced < start, "CUBIC reacts: {reduced} of {start}");

        handle.switch(Mode::Media);
        assert_eq!(controller.window(), MEDIA_WINDOW);
        controller.on_congestion_event(now, now, true, 1200);
        assert_eq!(controller.window(), MEDIA_WINDOW);
        assert_eq!(controller.clone_box().window(), MEDIA_WINDOW);

        handle.switch(Mode::Cubic);
        assert_eq!(
            controller.window(),
            reduced,
            "the second loss did not count"
        );
    }
}
