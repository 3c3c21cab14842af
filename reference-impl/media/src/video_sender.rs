//! H.264 encoder and payloader: one picture in, its RTP packets out.

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use crate::chain::{Chain, buffer_at, bytes_of};
use crate::config::{VIDEO_CLOCK, VideoConfig};
use crate::elements::init;
use crate::error::MediaError;
use crate::picture::{self, VideoFrame};
use crate::rtp::nanoseconds;

/// Encoder of one H.264 stream.
///
/// x264 with no look-ahead, no B pictures and one thread, so that each push gives the packets of its own picture and the same
/// pictures give the same bytes. An IDR picture comes first, on request and 10 seconds
/// after the one before, never because of a scene cut, and brings its parameter sets. The first RTP
/// sequence number is 0.
#[derive(Debug)]
pub struct VideoSender {
    config: VideoConfig,
    chain: Chain,
    encoder: gst::Element,
    last: Option<u64>,
}

impl VideoSender {
    /// Encoder for `config`.
    ///
    /// # Errors
    /// [`MediaError::Config`] where a limit of `config` does not hold, and what [`init`](crate::init) returns.
    pub fn new(config: &VideoConfig) -> Result<Self, MediaError> {
        config.check().map_err(MediaError::Config)?;
        init()?;
        // A delimiter would cost each picture a packet of its own: the payloader does not aggregate it.
        let description = format!(
            "x264enc name=encoder tune=zerolatency speed-preset=veryfast threads=1 bframes=0 key-int-max={keys} \
             bitrate={kilobits} vbv-buf-capacity=300 option-string=scenecut=0 aud=false ! \
             video/x-h264,profile=constrained-baseline ! \
             rtph264pay mtu={mtu} pt={pt} ssrc={ssrc} seqnum-offset=0 timestamp-offset=0 \
             config-interval=-1 aggregate-mode=zero-latency",
            keys = config.fps * 10,
            kilobits = kilobits(config.bitrate),
            mtu = config.max_packet,
            pt = config.payload_type,
            ssrc = config.ssrc,
        );
        const NAME: &str = "H.264 encoder";
        let chain = Chain::new(NAME, &description, &picture::caps(config))?;
        let encoder = chain
            .element("encoder")
            .ok_or_else(|| MediaError::Pipeline {
                chain: NAME,
                reason: "the encoder is not in its chain".to_owned(),
            })?;
        Ok(Self {
            config: config.clone(),
            chain,
            encoder,
            last: None,
        })
    }

    /// RTP packets of one picture: at most `max_packet` bytes each, timestamp [`VideoConfig::rtp_timestamp`], marker on the last.
    ///
    /// # Errors
    /// [`MediaError::Input`] where the picture has another size or its number is not above the one before (nothing was pushed),
    /// [`MediaError::Pipeline`] where the encoder failed.
    pub fn push(&mut self, frame: &VideoFrame) -> Result<Vec<Bytes>, MediaError> {
        let expected = self.config.picture_bytes();
        if frame.i420.len() != expected {
            return Err(MediaError::Input(format!(
                "a picture of {} bytes, {expected} expected",
                frame.i420.len()
            )));
        }
        if self.last.is_some_and(|last| frame.number <= last) {
            return Err(MediaError::Input(format!(
                "picture {} does not follow {:?}",
                frame.number, self.last
            )));
        }
        self.last = Some(frame.number);
        let time = nanoseconds(self.config.ticks(frame.number), VIDEO_CLOCK);
        let until = nanoseconds(
            self.config.ticks(frame.number.saturating_add(1)),
            VIDEO_CLOCK,
        );
        let units = self.chain.push(buffer_at(
            frame.i420.clone(),
            time,
            Some(until.saturating_sub(time)),
        ))?;
        Ok(units
            .iter()
            .filter_map(|unit| bytes_of(&unit.buffer))
            .map(Bytes::from)
            .collect())
    }

    /// Makes the next picture an IDR picture.
    pub fn request_keyframe(&mut self) {
        // The encoder takes the event whenever it runs, and a chain runs from its constructor on.
        let _ = self.chain.send_upstream(
            gst_video::UpstreamForceKeyUnitEvent::builder()
                .all_headers(true)
                .build(),
        );
    }

    /// New goal from the next picture on, in bit/s; x264 counts in steps of 1,000.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.encoder.set_property("bitrate", kilobits(bitrate));
    }
}

/// x264's unit; its lowest value is 1 and its highest 2,048,000.
fn kilobits(bitrate: u32) -> u32 {
    (bitrate / 1_000).clamp(10, 2_048_000)
}
