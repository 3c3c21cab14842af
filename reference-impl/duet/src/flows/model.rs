//! The synthetic video encoder of RFC 8593: the statistical model (§5), or pictures as they were recorded (§6) with the
//! transients of the statistical model (§7).
//!
//! Decisions where the RFC leaves room:
//!
//! - A change of the target is *abrupt*, and has a transient (§5.2), above a tenth. Controllers move their target with
//!   every report; a transient for each would be nothing but transients. Smaller changes move the mean alone.
//! - The burst frame K_B, 13.5 kB at 1 Mb/s, keeps its ratio to the mean frame at other rates, so that the frames after
//!   it always have room to bring the mean of the K_d frames back to the target.
//! - The range \[R_min, R_max\] clips the rate that the frames are drawn around (§5.4), not each frame.

use std::sync::Arc;
use std::time::Duration;

use duet_sim::{Stream, Time};
use serde::Serialize;

use super::trace::Trace;

/// Where the sizes of pictures come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Video {
    /// The statistical model.
    #[default]
    Statistical,
    /// The recording of our own encoder, a picture each 1/30 s.
    Trace,
}

/// The parameters of RFC 8593, table 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Frames a second.
    pub fps: u32,
    /// How long a reaction blocks the next (τ_v).
    pub reaction: Duration,
    /// Frames of a transient (K_d).
    pub transient_frames: u32,
    /// The first frame of a transient, in mean frames (K_B / B_0).
    pub burst: f64,
    /// The scale of the Laplacian deviation of frame intervals (SCALE_t).
    pub interval_scale: f64,
    /// The scale of the Laplacian deviation of frame sizes (SCALE_B).
    pub size_scale: f64,
    /// The lowest and the highest rate, in bits a second (R_min, R_max).
    pub range: (u64, u64),
    /// The rate before the first request, in bits a second.
    pub start: u64,
    /// A change of the target beyond this share has a transient.
    pub abrupt: f64,
}

impl Default for Model {
    /// 720p at 30 fps, 150 kb/s to 1.5 Mb/s.
    fn default() -> Self {
        Self {
            fps: 30,
            reaction: Duration::from_millis(200),
            transient_frames: 8,
            burst: 13_500.0 / (1_000_000.0 / 8.0 / 30.0),
            interval_scale: 0.15,
            size_scale: 0.15,
            range: (150_000, 1_500_000),
            start: 150_000,
            abrupt: 0.1,
        }
    }
}

/// A frame: when it is made, and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it leaves the encoder.
    pub at: Time,
    /// Bytes of coded video.
    pub bytes: u32,
}

/// The encoder: frames around a rate that it is asked for.
///
/// Each frame takes one draw of its interval and one of its size, whatever the rate, so that two controllers on one
/// seed see the same content.
#[derive(Clone, Debug)]
pub struct Encoder {
    model: Model,
    intervals: Stream,
    sizes: Stream,
    next_at: Time,
    /// The rate in force, and the one asked for last.
    rate: u64,
    asked: u64,
    /// Until when requests wait.
    blocked_until: Time,
    transient_left: u32,
    /// The recording, and which picture comes next.
    trace: Option<Arc<Trace>>,
    picture: usize,
}

impl Encoder {
    /// An encoder whose first frame, a burst like every first frame, is made at `start`. `label` names its draws.
    pub fn new(model: Model, video: Video, seed: u64, label: &str, start: Time) -> Self {
        Self {
            trace: (video == Video::Trace).then(Trace::recorded),
            picture: 0,
            intervals: Stream::new(seed, &format!("{label} frame intervals")),
            sizes: Stream::new(seed, &format!("{label} frame sizes")),
            next_at: start,
            rate: model.start,
            asked: model.start,
            blocked_until: start,
            transient_left: model.transient_frames,
            model,
        }
    }

    /// Asks for a rate, in bits a second. It takes effect with the next frame that is made `reaction` after the last
    /// change; only the last request before that counts (§5.1).
    pub fn ask(&mut self, rate: u64) {
        let (least, most) = self.model.range;
        self.asked = rate.clamp(least, most);
    }

    /// Makes the next frame a large one, as after an intra request or a pause (§5.2).
    pub fn burst(&mut self) {
        self.transient_left = self.model.transient_frames;
    }

    /// The rate in force, in bits a second.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// When the next frame is made.
    pub fn next_at(&self) -> Time {
        self.next_at
    }

    /// The frame that is due, and plans the next one; what would have been made before `now` but was not asked for is
    /// left out, as an encoder does whose camera was off.
    pub fn make(&mut self, now: Time) -> Frame {
        self.next_at = self.next_at.max(now);
        let at = self.next_at;
        self.react(at);
        let model = &self.model;
        let mean = self.rate as f64 / 8.0 / f64::from(model.fps);
        let deviation = laplacian(self.sizes.next_u64(), model.size_scale);
        let steady = match &self.trace {
            None => mean * (1.0 + deviation),
            Some(trace) => trace.bytes(self.picture, self.rate),
        };
        self.picture += 1;
        let bytes = match self.transient_left {
            0 => steady,
            left if left == model.transient_frames => mean * model.burst,
            _ => {
                let frames = f64::from(model.transient_frames);
                mean * (frames - model.burst) / (frames - 1.0)
            }
        };
        self.transient_left = self.transient_left.saturating_sub(1);
        let deviation = laplacian(self.intervals.next_u64(), model.interval_scale);
        // The distribution has no bound; a frame interval is never nothing. What was recorded came in even steps.
        let share = match self.trace {
            None => (1.0 + deviation).max(0.05),
            Some(_) => 1.0,
        };
        let interval = 1e9 / f64::from(model.fps) * share;
        self.next_at = at.after(Duration::from_nanos(interval as u64));
        Frame {
            at,
            bytes: bytes.max(mean * 0.01).max(16.0) as u32,
        }
    }

    fn react(&mut self, at: Time) {
        if at < self.blocked_until || self.asked == self.rate {
            return;
        }
        let (before, after) = (self.rate as f64, self.asked as f64);
        self.rate = self.asked;
        self.blocked_until = at.after(self.model.reaction);
        if (after - before).abs() > before * self.model.abrupt {
            self.burst();
        }
    }
}

/// A draw of the Laplacian distribution around zero: the inverse of its distribution function at the middle of one of
/// 2⁵³ equal parts of \[0, 1\].
pub fn laplacian(draw: u64, scale: f64) -> f64 {
    let uniform = ((draw >> 11) as f64 + 0.5) / (1_u64 << 53) as f64 - 0.5;
    let magnitude = -scale * libm::log(1.0 - 2.0 * uniform.abs());
    if uniform < 0.0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(rate: u64) -> Encoder {
        let model = Model {
            start: rate,
            ..Model::default()
        };
        let mut encoder = Encoder::new(model, Video::Statistical, 1, "test", Time::ZERO);
        for _ in 0..model.transient_frames {
            encoder.make(Time::ZERO);
        }
        encoder
    }

    #[test]
    fn steady_output_has_the_rate_asked_for_and_laplacian_deviations() {
        let mut encoder = steady(1_000_000);
        let start = encoder.next_at();
        let frames: Vec<Frame> = (0..30_000).map(|_| encoder.make(Time::ZERO)).collect();
        let span = encoder.next_at().since(start).as_secs_f64();
        let bytes: f64 = frames.iter().map(|frame| f64::from(frame.bytes)).sum();
        let rate = bytes * 8.0 / span;
        assert!((0.99e6..1.01e6).contains(&rate), "{rate}");
        // E|x| of a Laplacian is its scale.
        let mean = 1e6 / 8.0 / 30.0;
        let spread: f64 = frames
            .iter()
            .map(|frame| (f64::from(frame.bytes) / mean - 1.0).abs())
            .sum();
        let spread = spread / frames.len() as f64;
        assert!((0.145..0.155).contains(&spread), "{spread}");
    }

    #[test]
    fn a_transient_is_a_burst_and_seven_frames_that_bring_the_mean_back() {
        let mut encoder = steady(1_000_000);
        encoder.burst();
        let sizes: Vec<u32> = (0..8).map(|_| encoder.make(Time::ZERO).bytes).collect();
        // The figures of RFC 8593, table 1: 13.5 kB, then (8 · 4.17 − 13.5) / 7 = 2.83 kB.
        assert_eq!(sizes[0], 13_500);
        assert!(
            sizes[1..].iter().all(|size| (2_830..2_840).contains(size)),
            "{sizes:?}"
        );
        let total: u32 = sizes.iter().sum();
        assert!((33_320..=33_334).contains(&total), "{total}");
    }

    #[test]
    fn a_request_within_the_reaction_time_waits_and_the_last_one_counts() {
        let mut encoder = steady(500_000);
        encoder.ask(1_000_000);
        let first = encoder.make(Time::ZERO);
        assert_eq!(encoder.rate(), 1_000_000);
        encoder.ask(700_000);
        encoder.ask(800_000);
        let mut frame = encoder.make(Time::ZERO);
        while frame.at < first.at.after(Duration::from_millis(200)) {
            assert_eq!(encoder.rate(), 1_000_000, "at {}", frame.at);
            frame = encoder.make(Time::ZERO);
        }
        assert_eq!(encoder.rate(), 800_000);
    }

    #[test]
    fn small_changes_have_no_transient_and_large_ones_do() {
        let mut encoder = steady(1_000_000);
        encoder.ask(1_090_000);
        encoder.make(Time::ZERO);
        assert_eq!(encoder.transient_left, 0);
        let later = encoder.next_at().after(Duration::from_secs(1));
        encoder.ask(1_300_000);
        let frame = encoder.make(later);
        assert_eq!(frame.bytes, (13_500.0 * 1.3) as u32);
    }

    #[test]
    fn recorded_pictures_have_the_rate_asked_for_and_even_steps() {
        let model = Model {
            start: 850_000,
            ..Model::default()
        };
        let mut encoder = Encoder::new(model, Video::Trace, 1, "test", Time::ZERO);
        let frames: Vec<Frame> = (0..600).map(|_| encoder.make(Time::ZERO)).collect();
        assert!((19_999..=20_001).contains(&(encoder.next_at().as_micros() / 1_000)));
        let bytes: u64 = frames.iter().map(|frame| u64::from(frame.bytes)).sum();
        assert!((820_000..880_000).contains(&(bytes * 8 / 20)), "{bytes}");
        // The IDR picture after ten seconds.
        assert!(frames[300].bytes > 3 * frames[299].bytes);
    }

    #[test]
    fn the_range_clips_and_equal_seeds_agree() {
        let mut encoder = steady(1_000_000);
        encoder.ask(9_000_000);
        encoder.make(Time::ZERO);
        assert_eq!(encoder.rate(), 1_500_000);
        let (mut a, mut b) = (steady(400_000), steady(400_000));
        for _ in 0..100 {
            assert_eq!(a.make(Time::ZERO), b.make(Time::ZERO));
        }
    }
}
