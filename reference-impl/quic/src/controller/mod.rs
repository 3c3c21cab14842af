//! Who governs how much may be in flight: CUBIC, or the media plane.
//!
//! quinn-proto builds a connection's controller when the connection begins, and a server learns only later, from the
//! ALPN, what the connection is for. So every connection starts under CUBIC and keeps a [`Handle`] through which the
//! driver switches it.
//!
//! An experiment can put one of QUIC's own controllers in the media plane's place ([`MediaControl`]).

mod usage;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{
    BbrConfig, Controller, ControllerFactory, CubicConfig, NewRenoConfig,
};

use self::usage::Usage;

/// Bytes in flight that QUIC allows a media connection: a cap that the media plane's own controller stays below.
///
/// At 8 Mb/s it takes eight seconds without any acknowledgement to reach it, and by then the connection has timed out.
const MEDIA_WINDOW: u64 = 8 << 20;

/// Ten packets (RFC 9002 §7.2); quinn-proto gives BBR two hundred.
const INITIAL_WINDOW: u64 = 12_000;

/// Who governs a connection's sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// CUBIC (RFC 9438): control and bulk.
    Cubic,
    /// The core's own controller and pacer; QUIC's window is only a cap, and losses do not move it.
    Media,
}

/// Who governs the sending of media connections: [`Driver::media_control`](crate::Driver::media_control).
///
/// All but the first are for experiments that compare. quinn-proto takes a sender for limited by its application
/// whenever its queue is empty, as an encoder's is between frames, and then lets no window grow. So for NewReno and
/// CUBIC that is judged as RFC 7661 §4 has it for such senders: by whether half of the window was used of late. BBR is
/// told that its sender is not limited, and takes what the sender delivers for what the path can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaControl {
    /// The core's own controller and pacer; QUIC's window is only a cap, and losses do not move it.
    #[default]
    Core,
    /// NewReno (RFC 9002 §7).
    NewReno,
    /// CUBIC (RFC 9438).
    Cubic,
    /// BBR as quinn-proto has it, after Google's of 2017, with the initial window of RFC 9002 §7.2. Its window is the
    /// path's capacity twice over, and in the beginning anything. Its estimate of the capacity only ever grows.
    Bbr,
}

impl MediaControl {
    /// QUIC's own controller, if it is one.
    fn controller(self, now: Instant, mtu: u16) -> Option<Box<dyn Controller>> {
        match self {
            Self::Core => None,
            Self::NewReno => Some(Arc::new(NewRenoConfig::default()).build(now, mtu)),
            Self::Cubic => Some(Arc::new(CubicConfig::default()).build(now, mtu)),
            Self::Bbr => {
                let mut config = BbrConfig::default();
                config.initial_window(INITIAL_WINDOW);
                Some(Arc::new(config).build(now, mtu))
            }
        }
    }

    /// How often the window holds what it lets be sent in one round trip.
    fn window_gain(self) -> u64 {
        match self {
            Self::Bbr => 2,
            Self::Core | Self::NewReno | Self::Cubic => 1,
        }
    }

    /// Whether the controller should hear that its sender is limited by the application.
    fn is_limited(self, usage: &Usage, window: u64) -> bool {
        self != Self::Bbr && usage.is_low(window)
    }
}

/// The driver's hold on a connection's controllers; quinn-proto builds another when the path changes.
#[derive(Debug, Default)]
pub(crate) struct Handle {
    control: MediaControl,
    media: AtomicBool,
    all_acked: AtomicBool,
    /// In nanoseconds; 0 is none yet.
    min_rtt: AtomicU64,
}

impl Handle {
    pub(crate) fn new(mode: Mode, control: MediaControl) -> Arc<Self> {
        let handle = Self {
            control,
            ..Self::default()
        };
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

    /// Bits per second that a window stands for, given the smoothed round trip.
    pub(crate) fn rate(&self, window: u64, rtt: Duration) -> u64 {
        let (gain, rtt) = match (self.mode(), self.control.window_gain(), self.min_rtt()) {
            (Mode::Media, gain @ 2.., Some(min_rtt)) => (gain, min_rtt),
            _ => (1, rtt),
        };
        let nanos = rtt.as_nanos().max(1) * u128::from(gain);
        u64::try_from(u128::from(window) * 8 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
    }

    /// The least round trip that the path has shown.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        match self.min_rtt.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }
}

/// Builds a connection's controllers around its handle.
pub(crate) struct Factory(pub(crate) Arc<Handle>);

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let media = self.0.control.controller(now, current_mtu);
        Box::new(Switch {
            cubic: Arc::new(CubicConfig::default()).build(now, current_mtu),
            media,
            usage: Usage::default(),
            handle: self.0.clone(),
        })
    }
}

struct Switch {
    cubic: Box<dyn Controller>,
    /// What an experiment has in the media plane's place. It sees the handshake too, which a server runs under CUBIC
    /// before it knows what a connection is for.
    media: Option<Box<dyn Controller>>,
    usage: Usage,
    handle: Arc<Handle>,
}

impl Switch {
    fn is_media(&self) -> bool {
        self.handle.mode() == Mode::Media
    }
}

impl Controller for Switch {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.cubic.on_sent(now, bytes, last_packet_number);
        if let Some(media) = &mut self.media {
            media.on_sent(now, bytes, last_packet_number);
            self.usage.on_sent(now, bytes);
        }
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        let min_rtt = u64::try_from(rtt.min().as_nanos()).unwrap_or(u64::MAX);
        self.handle.min_rtt.store(min_rtt, Ordering::Relaxed);
        if !self.is_media() {
            self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
        }
        let control = self.handle.control;
        if let Some(media) = &mut self.media {
            self.usage.on_ack(now, bytes, rtt.get());
            let limited = control.is_limited(&self.usage, media.window());
            media.on_ack(now, sent, bytes, limited, rtt);
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
        let control = self.handle.control;
        if let Some(media) = &mut self.media {
            let limited = control.is_limited(&self.usage, media.window());
            media.on_end_acks(now, in_flight, limited, largest_packet_num_acked);
            self.usage.set_in_flight(in_flight);
        }
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        if !self.is_media() {
            self.cubic
                .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        }
        if let Some(media) = &mut self.media {
            media.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
            self.usage.on_lost(lost_bytes);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
        if let Some(media) = &mut self.media {
            media.on_mtu_update(new_mtu);
        }
    }

    fn window(&self) -> u64 {
        match &self.media {
            _ if !self.is_media() => self.cubic.window(),
            Some(media) => media.window(),
            None => MEDIA_WINDOW,
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            cubic: self.cubic.clone_box(),
            media: self.media.as_ref().map(|media| media.clone_box()),
            usage: self.usage.clone(),
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
        let handle = Handle::new(Mode::Cubic, MediaControl::Core);
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

    #[test]
    fn an_experiments_controller_governs_media_alone_and_sees_everything() {
        let now = Instant::now();
        let handle = Handle::new(Mode::Cubic, MediaControl::NewReno);
        let mut controller = Arc::new(Factory(handle.clone())).build(now, 1200);
        let start = controller.window();
        let later = now + Duration::from_millis(1);
        controller.on_congestion_event(later, later, true, 1200);
        let reduced = controller.window();
        assert!(reduced < start, "CUBIC reacts: {reduced} of {start}");

        handle.switch(Mode::Media);
        let media = controller.window();
        assert!(media < start, "so has NewReno: {media} of {start}");
        assert_eq!(controller.clone_box().window(), media);
    }
}
