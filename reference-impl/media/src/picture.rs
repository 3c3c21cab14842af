//! I420 pictures: raw bytes on one side, GStreamer's caps and strides on the other.

use bytes::Bytes;
use gstreamer as gst;
use gstreamer_video::{self as gst_video, prelude::*};

use crate::config::VideoConfig;

/// Picture to encode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFrame {
    /// Number of the picture, counted in frame intervals from the start of the stream; it may skip, never go back.
    pub number: u64,
    /// Planes Y, U, V one after the other without padding: `width · height · 3 / 2` bytes.
    pub i420: Bytes,
}

impl VideoFrame {
    /// Frame from any owned bytes.
    pub fn new(number: u64, i420: impl Into<Bytes>) -> Self {
        Self {
            number,
            i420: i420.into(),
        }
    }
}

/// Caps of raw pictures of this stream.
pub(crate) fn caps(config: &VideoConfig) -> gst::Caps {
    still_caps(config.width, config.height, config.fps)
}

/// Caps of raw pictures; 0 frames a second is a still.
pub(crate) fn still_caps(width: u32, height: u32, fps: u32) -> gst::Caps {
    let whole = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", whole(width))
        .field("height", whole(height))
        .field("framerate", gst::Fraction::new(whole(fps), 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .build()
}

/// Width, height and planes without padding of a raw I420 buffer; nothing for other formats.
pub(crate) fn unpack(buffer: &gst::BufferRef, caps: &gst::CapsRef) -> Option<(u32, u32, Vec<u8>)> {
    let info = gst_video::VideoInfo::from_caps(caps).ok()?;
    if info.format() != gst_video::VideoFormat::I420 {
        return None;
    }
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let (width, height) = (frame.width(), frame.height());
    let half = (width.div_ceil(2) as usize, height.div_ceil(2) as usize);
    let mut i420 = Vec::with_capacity(width as usize * height as usize + 2 * half.0 * half.1);
    for (plane, (columns, rows)) in (0u32..).zip([(width as usize, height as usize), half, half]) {
        let stride = usize::try_from(*frame.plane_stride().get(plane as usize)?).ok()?;
        let data = frame.plane_data(plane).ok()?;
        for row in 0..rows {
            i420.extend_from_slice(data.get(row * stride..row * stride + columns)?);
        }
    }
    Some((width, height, i420))
}
