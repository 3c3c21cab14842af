//! A studio: what captures and encodes on one side of a call, and what decodes and shows on it.
//!
//! The party owns the clock and says which picture and which block of sound to capture; a studio makes packets of
//! them and takes the other side's packets. In virtual time it works within the call; live it works on a thread
//! ([`threaded`]). What works is the same object.

#[cfg(feature = "media")]
pub mod gstreamer;
pub mod synthetic;
#[cfg(feature = "media")]
pub mod threaded;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use duet_media::{AudioConfig, VideoConfig};
use duet_protocol::client::StreamDescription;
use duet_protocol::id::StreamNumber;
use duet_protocol::message::media::{Codec, Kind};
use duet_protocol::time::Instant;

/// The camera's stream.
pub const VIDEO: StreamNumber = StreamNumber(1);
/// The microphone's stream.
pub const AUDIO: StreamNumber = StreamNumber(2);
/// How long a packet is of use: less than the playout delay, by what a last repair needs on its way.
const USEFUL_MS: u16 = 200;

/// What a studio is told to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Picture of this number.
    Picture(u64),
    /// Block of 1,024 samples of this number.
    Block(u64),
}

/// What a studio has made.
#[derive(Debug)]
pub enum Made {
    /// Packets of one picture or block.
    Packets {
        /// The stream.
        stream: StreamNumber,
        /// The picture's or block's number.
        number: u64,
        /// RTP packets, in order.
        packets: Vec<Bytes>,
    },
    /// The decoder cannot go on without a keyframe.
    KeyframeNeeded,
    /// The studio broke down; the text is for people.
    Failed(String),
}

/// One side's devices and codecs.
pub trait Studio {
    /// What this side would publish.
    fn streams(&self) -> Vec<StreamDescription>;

    /// The other side's stream, before its first packet.
    fn expect(&mut self, description: &StreamDescription);

    /// Captures and encodes; the packets come out of [`Studio::poll`].
    fn capture(&mut self, now: Instant, what: Capture);

    /// Makes the next picture a keyframe.
    fn keyframe(&mut self);

    /// Decodes and shows a packet of the other side, whose turn has come.
    fn play(&mut self, now: Instant, stream: StreamNumber, rtp: Bytes, lost_before: u16);

    /// The next thing made.
    fn poll(&mut self) -> Option<Made>;

    /// Puts everything away and tells what was shown.
    fn finish(&mut self) -> Footage;
}

/// A picture that was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its number, from its RTP time.
    pub number: u64,
    /// When it was shown.
    pub at: Instant,
    /// Whether it is free of damage.
    pub intact: bool,
    /// Luma PSNR against the picture that was captured, in dB, where that is known.
    pub psnr: Option<f64>,
}

/// A picture as it was captured and as it was shown, as JPEG files.
#[derive(Clone, Debug)]
pub struct Still {
    /// Its number.
    pub number: u64,
    /// As captured.
    pub captured: Vec<u8>,
    /// As shown.
    pub shown: Vec<u8>,
}

/// Sound that was missing when its turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the block after it was played.
    pub at: Instant,
    /// Blocks that were missing; each is one packet.
    pub missing: u16,
}

/// What became of the other side's media.
#[derive(Clone, Debug, Default)]
pub struct Footage {
    /// Pictures, in the order in which they were shown.
    pub shown: Vec<Shown>,
    /// Blocks of sound that were played.
    pub blocks: u64,
    /// Where blocks of sound were missing.
    pub gaps: Vec<Gap>,
    /// A few pictures to look at.
    pub stills: Vec<Still>,
    /// The recording, if one was asked for: path, pictures, length.
    pub recording: Option<(PathBuf, u64, Duration)>,
    /// What broke down, if anything did; for people.
    pub failure: Option<String>,
}

impl Footage {
    /// Notes that a block of sound is played now, before which so many were missing.
    pub(crate) fn gap(&mut self, at: Instant, missing: u16) {
        if missing > 0 {
            self.gaps.push(Gap { at, missing });
        }
    }
}

/// Parameters of both media.
#[derive(Clone, Debug)]
pub struct Format {
    /// The picture.
    pub video: VideoConfig,
    /// The sound.
    pub audio: AudioConfig,
    /// Which of two looks the test picture has, so that two sides can be told apart.
    pub variant: u8,
}

impl Format {
    /// The format of a side with this look.
    pub fn new(variant: u8) -> Self {
        let base = 0x10 * u32::from(variant);
        Self {
            video: VideoConfig {
                ssrc: 0x100 + base,
                ..VideoConfig::default()
            },
            audio: AudioConfig {
                ssrc: 0x101 + base,
                ..AudioConfig::default()
            },
            variant,
        }
    }

    /// Microseconds from the first capture to picture `number`.
    pub fn picture_at(&self, number: u64) -> Duration {
        Duration::from_micros(number * 1_000_000 / u64::from(self.video.fps.max(1)))
    }

    /// Microseconds from the first capture to block `number`.
    pub fn block_at(&self, number: u64) -> Duration {
        let samples = number * u64::from(duet_media::AAC_FRAME);
        Duration::from_micros(samples * 1_000_000 / u64::from(self.audio.rate.max(1)))
    }

    /// The picture whose RTP time this is, as long as the clock has not wrapped (13 hours).
    pub fn picture_of(&self, rtp_timestamp: u32) -> u64 {
        let ticks = u64::from(rtp_timestamp) * u64::from(self.video.fps);
        (ticks + u64::from(duet_media::VIDEO_CLOCK) / 2) / u64::from(duet_media::VIDEO_CLOCK)
    }

    /// Both streams, as signalling describes them.
    pub fn streams(&self, audio_config: Vec<u8>) -> Vec<StreamDescription> {
        // RTP headers, and what the encoder may overshoot for a second.
        let with_headers = |bitrate: u32| bitrate + bitrate / 4;
        let video = StreamDescription {
            stream: VIDEO,
            kind: Kind::Video,
            codec: Codec::H264,
            payload_type: self.video.payload_type,
            clock_rate: duet_media::VIDEO_CLOCK,
            ssrc: self.video.ssrc,
            max_bitrate: with_headers(self.video.bitrate),
            useful_ms: USEFUL_MS,
            config: b"profile-level-id=42c01e;packetization-mode=1".to_vec(),
        };
        let audio = StreamDescription {
            stream: AUDIO,
            kind: Kind::Audio,
            codec: Codec::AacLc,
            payload_type: self.audio.payload_type,
            clock_rate: self.audio.rate,
            ssrc: self.audio.ssrc,
            max_bitrate: with_headers(self.audio.bitrate),
            useful_ms: USEFUL_MS,
            config: audio_config,
        };
        vec![video, audio]
    }
}
