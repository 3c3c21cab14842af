//! H.264 depayloader and decoder: one RTP packet in, the pictures that it completes out.

use bytes::Bytes;
use gstreamer as gst;

use crate::access_unit::{AccessUnit, Assembler};
use crate::chain::{Chain, buffer_at};
use crate::config::{VIDEO_CLOCK, VideoConfig};
use crate::elements::init;
use crate::error::MediaError;
use crate::picture;
use crate::rtp::{Timeline, nanoseconds};

/// Picture that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedFrame {
    /// RTP timestamp of its packets, 90 kHz.
    pub rtp_timestamp: u32,
    /// Width in pixels, as the stream says.
    pub width: u32,
    /// Height in pixels, as the stream says.
    pub height: u32,
    /// Planes Y, U, V one after the other without padding.
    pub i420: Bytes,
    /// Everything since the last IDR picture arrived: this is the picture that the encoder meant.
    pub intact: bool,
}

/// Decoder of one H.264 stream.
///
/// Takes packets in order, as a playout buffer gives them; late ones, ones of another SSRC or payload type, and bytes that are
/// not RTP are passed over. A picture with a missing packet is not decoded at all. The ones after it are, against the
/// references that are left, until an IDR picture arrives: a caller that would rather freeze than show them looks at
/// [`DecodedFrame::intact`]. Where the missing picture is the one with H.264 `frame_num` 0 (one of 16), the decoder holds the next
/// 14 back. What the decoder itself marks as corrupt (`output-corrupt=false`) does not come out.
#[derive(Debug)]
pub struct VideoReceiver {
    config: VideoConfig,
    assembler: Assembler,
    chain: Chain,
    timeline: Option<Timeline>,
    /// A key picture went into the chain that runs now.
    started: bool,
    needs_keyframe: bool,
    /// A picture did not come with its own unit: damage has brought the decoder to hold pictures back, which an IDR picture alone
    /// does not end.
    out_of_step: bool,
}

impl VideoReceiver {
    /// Decoder for the stream of `config`; only its payload type and SSRC matter, the picture size comes from the stream.
    ///
    /// # Errors
    /// [`MediaError::Config`] where a limit of `config` does not hold, and what [`init`](crate::init) returns.
    pub fn new(config: &VideoConfig) -> Result<Self, MediaError> {
        config.check().map_err(MediaError::Config)?;
        init()?;
        Ok(Self {
            config: config.clone(),
            assembler: Assembler::new(config),
            chain: decoder(config)?,
            timeline: None,
            started: false,
            needs_keyframe: true,
            out_of_step: false,
        })
    }

    /// Pictures that this packet completes; none is no failure.
    ///
    /// A stream that breaks the decoder costs its reference pictures: the decoder is made anew and waits for an IDR picture.
    ///
    /// # Errors
    /// [`MediaError`] only where a decoder could not be made anew.
    pub fn push(&mut self, rtp: &[u8]) -> Result<Vec<DecodedFrame>, MediaError> {
        let step = self.assembler.push(rtp);
        self.needs_keyframe |= step.lost;
        let mut frames = Vec::new();
        for unit in step.units {
            if unit.key {
                if self.out_of_step {
                    self.restart()?;
                }
                self.needs_keyframe = false;
                self.started = true;
            }
            if self.started && self.decode(&unit, &mut frames).is_err() {
                self.restart()?;
            }
        }
        Ok(frames)
    }

    /// Whether pictures are missing or damaged until the next IDR picture arrives.
    ///
    /// True at the start, from a gap in the RTP sequence numbers on, and where a complete picture did not come out of the decoder;
    /// false once a complete IDR picture did.
    pub fn needs_keyframe(&self) -> bool {
        self.needs_keyframe
    }

    /// A decoder without references, which waits for an IDR picture.
    fn restart(&mut self) -> Result<(), MediaError> {
        self.chain = decoder(&self.config)?;
        self.timeline = None;
        self.started = false;
        self.out_of_step = false;
        self.needs_keyframe = true;
        Ok(())
    }

    fn decode(
        &mut self,
        unit: &AccessUnit,
        frames: &mut Vec<DecodedFrame>,
    ) -> Result<(), MediaError> {
        // Half of the range lies before the first timestamp, should the next one be earlier.
        let origin = unit.timestamp.wrapping_sub(1 << 30);
        let ticks = self
            .timeline
            .get_or_insert_with(|| Timeline::new(origin))
            .extend(unit.timestamp);
        let time = nanoseconds(u64::try_from(ticks).unwrap_or(0), VIDEO_CLOCK);
        let mut in_step = false;
        for packet in &unit.packets {
            for output in self.chain.push(buffer_at(packet.clone(), time, None))? {
                let Some((width, height, i420)) = output
                    .caps
                    .as_ref()
                    .and_then(|caps| picture::unpack(&output.buffer, caps))
                else {
                    continue;
                };
                // An earlier picture that comes with this unit keeps its own time.
                let at = output.buffer.pts().map_or(time, gst::ClockTime::nseconds);
                let earlier =
                    u128::from(time.saturating_sub(at)) * u128::from(VIDEO_CLOCK) / 1_000_000_000;
                in_step = at == time;
                frames.push(DecodedFrame {
                    rtp_timestamp: unit.timestamp.wrapping_sub(earlier as u32),
                    width,
                    height,
                    i420: Bytes::from(i420),
                    intact: in_step && !self.needs_keyframe,
                });
            }
        }
        if !in_step {
            self.out_of_step = true;
            self.needs_keyframe = true;
        }
        Ok(())
    }
}

/// Caps of the RTP packets of an H.264 stream.
pub(crate) fn rtp_caps(config: &VideoConfig) -> gst::Caps {
    gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("encoding-name", "H264")
        .field("clock-rate", VIDEO_CLOCK as i32)
        .field("payload", i32::from(config.payload_type))
        .field("packetization-mode", "1")
        .build()
}

/// Chain that decodes; the parser's caps keep a forged parameter set from taking memory for a giant picture.
fn decoder(config: &VideoConfig) -> Result<Chain, MediaError> {
    let description = "rtph264depay ! video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! \
                       video/x-h264,width=[16,4096],height=[16,4096] ! \
                       avdec_h264 max-threads=1 max-errors=-1 output-corrupt=false qos=false ! \
                       capsfilter caps=video/x-raw,format=I420";
    Chain::new("H.264 decoder", description, &rtp_caps(config))
}
