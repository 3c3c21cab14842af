//! Media for a sans-IO application: H.264 and AAC-LC between raw pictures and samples on one side and RTP packets on the other,
//! with GStreamer as a function call.
//!
//! The application owns time. Each direction of each medium is one chain of elements behind a `push`: what goes in is one picture,
//! one block of sound or one RTP packet, and what comes back is everything that exists once the call has returned. There is no
//! clock, no jitter buffer and no sink that waits in a chain. The same object therefore runs in virtual time, where a simulator
//! steps it, and in a live call, where a worker thread of the caller does; `tests/determinism.rs` holds two processes to the
//! same bytes.
//!
//! | from | to | type |
//! |---|---|---|
//! | I420 picture | RTP, H.264 (RFC 6184, packetization-mode 1) | [`VideoSender`] |
//! | RTP | I420 picture | [`VideoReceiver`] |
//! | 1,024 samples | RTP, AAC-LC (RFC 3640, AAC-hbr, one access unit a packet) | [`AudioSender`] |
//! | RTP | samples | [`AudioReceiver`] |
//! | RTP of both media | MP4 file, nothing encoded again | [`Mp4Recorder`] |
//! | any media file, or the test pattern | pictures and samples by number | [`Source`] |
//!
//! [`pattern`] draws numbered pictures and reads the number back, [`measure`] compares pictures, [`still`] makes JPEG files of
//! them, and [`synthetic`] gives packets of the same shape without a codec. `pattern`, `measure` and `synthetic` do not use
//! GStreamer.
//!
//! Two things have threads of their own, since their elements do: the muxer behind [`Mp4Recorder`], which the caller meets again
//! in [`finish`](Mp4Recorder::finish), and the decoder of a file in [`Source`], whose output does not depend on them.
//!
//! ```
//! # #[cfg(feature = "gstreamer")] {
//! use duet_media::{VideoConfig, VideoFrame, VideoReceiver, VideoSender, pattern};
//!
//! # fn main() -> Result<(), duet_media::MediaError> {
//! let config = VideoConfig { width: 160, height: 96, ..VideoConfig::default() };
//! let mut sender = VideoSender::new(&config)?;
//! let mut receiver = VideoReceiver::new(&config)?;
//! let packets = sender.push(&VideoFrame::new(0, pattern::frame(0, 160, 96, 0)))?;
//! let mut shown = Vec::new();
//! for packet in &packets {
//!     shown.extend(receiver.push(packet)?);
//! }
//! assert_eq!(pattern::read_number(&shown[0].i420, 160, 96), Some(0));
//! # Ok(())
//! # }
//! # }
//! ```

#[cfg(feature = "gstreamer")]
mod access_unit;
#[cfg(feature = "gstreamer")]
mod audio_receiver;
#[cfg(feature = "gstreamer")]
mod audio_sender;
#[cfg(feature = "gstreamer")]
mod audio_unit;
#[cfg(feature = "gstreamer")]
mod chain;
mod config;
#[cfg(feature = "gstreamer")]
mod decode;
#[cfg(feature = "gstreamer")]
mod elements;
mod error;
pub mod measure;
pub mod pattern;
#[cfg(feature = "gstreamer")]
mod picture;
#[cfg(feature = "gstreamer")]
mod record;
#[cfg(feature = "gstreamer")]
mod rtp;
#[cfg(feature = "gstreamer")]
mod source;
#[cfg(feature = "gstreamer")]
pub mod still;
pub mod synthetic;
#[cfg(feature = "gstreamer")]
mod video_receiver;
#[cfg(feature = "gstreamer")]
mod video_sender;

#[cfg(feature = "gstreamer")]
pub use access_unit::carries_idr;
#[cfg(feature = "gstreamer")]
pub use audio_receiver::{AAC_DELAY, AudioOut, AudioReceiver};
#[cfg(feature = "gstreamer")]
pub use audio_sender::{AudioBlock, AudioSender};
pub use config::{AAC_FRAME, AudioConfig, MAX_RTP_PACKET, VIDEO_CLOCK, VideoConfig};
#[cfg(feature = "gstreamer")]
pub use elements::{init, missing, package};
pub use error::MediaError;
#[cfg(feature = "gstreamer")]
pub use picture::VideoFrame;
#[cfg(feature = "gstreamer")]
pub use record::{Mp4Recorder, Recording};
#[cfg(feature = "gstreamer")]
pub use source::Source;
#[cfg(feature = "gstreamer")]
pub use video_receiver::{DecodedFrame, VideoReceiver};
#[cfg(feature = "gstreamer")]
pub use video_sender::VideoSender;
