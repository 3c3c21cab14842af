//! One medium of a media file, decoded as far as it is asked for.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::chain::{Fault, bytes_of};
use crate::error::MediaError;

/// Longest wait for a decoder, on a slow disk and a busy machine.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

/// Name of the message that says that a file lacks a medium.
const ABSENT: &str = "medium-absent";

/// What to take from a file; the rest of it is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Video,
    Audio,
}

impl Medium {
    fn prefix(self) -> &'static str {
        match self {
            Self::Video => "video/",
            Self::Audio => "audio/",
        }
    }

    fn conversion(self) -> &'static str {
        match self {
            Self::Video => "videoconvert ! videoscale ! videorate",
            Self::Audio => "audioconvert dithering=none ! audioresample",
        }
    }
}

/// Whether a file has a medium.
#[derive(Debug)]
pub(crate) enum Track {
    Found(Stream),
    Absent,
}

impl Track {
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Found(stream) => Some(stream),
            Self::Absent => None,
        }
    }
}

/// Decoder of one medium of one file, from its start. The file's decoder has threads of its own and runs at most a few buffers
/// ahead; what it gives, and in which order, does not depend on them.
#[derive(Debug)]
pub(crate) struct Stream {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    sink: gst_app::AppSink,
    medium: Medium,
    caps: gst::Caps,
    duration: Option<u64>,
}

impl Stream {
    /// Opens a file and waits until its first buffer is there, or it is known that none will come.
    pub(crate) fn open(path: &Path, medium: Medium, caps: &gst::Caps) -> Result<Track, MediaError> {
        let failed = |reason: String| MediaError::Undecodable {
            path: path.to_owned(),
            reason,
        };
        let pipeline = gst::Pipeline::new();
        let bus = pipeline
            .bus()
            .ok_or_else(|| failed("a pipeline without a bus".to_owned()))?;
        let sink = gst_app::AppSink::builder()
            .caps(caps)
            .sync(false)
            .max_buffers(4)
            .build();
        let boxed = |error: gst::glib::BoolError| failed(error.to_string());
        let file = gst::ElementFactory::make("filesrc")
            .property("location", path.display().to_string())
            .build()
            .map_err(boxed)?;
        let decoder = gst::ElementFactory::make("decodebin")
            .build()
            .map_err(boxed)?;
        let convert = gst::parse::bin_from_description(medium.conversion(), true)
            .map_err(|error| failed(error.to_string()))?;
        pipeline
            .add_many([&file, &decoder, convert.upcast_ref(), sink.upcast_ref()])
            .map_err(boxed)?;
        file.link(&decoder).map_err(boxed)?;
        convert.link(&sink).map_err(boxed)?;
        let entry = convert
            .static_pad("sink")
            .ok_or_else(|| failed("the conversion has no entry".to_owned()))?;
        connect(&decoder, &entry, medium);
        let mut stream = Self {
            pipeline,
            bus,
            sink,
            medium,
            caps: caps.clone(),
            duration: None,
        };
        if stream.preroll(path)? {
            stream.duration = stream
                .pipeline
                .query_duration::<gst::ClockTime>()
                .map(gst::ClockTime::nseconds);
            Ok(Track::Found(stream))
        } else {
            Ok(Track::Absent)
        }
    }

    /// The same medium from the start of the file.
    pub(crate) fn again(&self, path: &Path) -> Result<Self, MediaError> {
        match Self::open(path, self.medium, &self.caps)? {
            Track::Found(stream) => Ok(stream),
            Track::Absent => Err(MediaError::Undecodable {
                path: path.to_owned(),
                reason: "a track is gone".to_owned(),
            }),
        }
    }

    /// Length of the file in nanoseconds, where it says so.
    pub(crate) fn duration(&self) -> Option<u64> {
        self.duration
    }

    /// The next decoded buffer: one picture, or some sound. Nothing at the end.
    pub(crate) fn next(&mut self, path: &Path) -> Result<Option<Bytes>, MediaError> {
        if let Some(sample) = self.sink.try_pull_sample(PATIENCE) {
            let bytes = match (self.medium, sample.buffer(), sample.caps()) {
                (Medium::Video, Some(buffer), Some(caps)) => {
                    crate::picture::unpack(buffer, caps).map(|(_, _, i420)| i420)
                }
                (Medium::Audio, Some(buffer), _) => bytes_of(buffer),
                _ => None,
            };
            return bytes
                .map(Bytes::from)
                .map(Some)
                .ok_or_else(|| undecodable(path, "a buffer that cannot be read"));
        }
        match self
            .bus
            .pop_filtered(&[gst::MessageType::Error])
            .as_ref()
            .map(|message| message.view())
        {
            Some(gst::MessageView::Error(error)) => Err(undecodable(path, &Fault::of(error).text)),
            _ if self.sink.is_eos() => Ok(None),
            _ => Err(undecodable(path, "the decoder gives nothing any more")),
        }
    }

    /// Starts decoding; `false` where the file lacks the medium.
    fn preroll(&self, path: &Path) -> Result<bool, MediaError> {
        // The outcome comes on the bus, also that of a refused state change.
        let _ = self.pipeline.set_state(gst::State::Playing);
        let kinds = [
            gst::MessageType::Error,
            gst::MessageType::AsyncDone,
            gst::MessageType::Application,
        ];
        loop {
            let Some(message) = self.bus.timed_pop_filtered(PATIENCE, &kinds) else {
                return Err(undecodable(path, "the decoder does not start"));
            };
            match message.view() {
                gst::MessageView::Error(error) => {
                    return Err(undecodable(path, &Fault::of(error).text));
                }
                gst::MessageView::AsyncDone(_) => return Ok(true),
                gst::MessageView::Application(note)
                    if note.structure().is_some_and(|s| s.name() == ABSENT) =>
                {
                    return Ok(false);
                }
                _ => {}
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // There is nobody left to tell about a failure.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn undecodable(path: &Path, reason: &str) -> MediaError {
    MediaError::Undecodable {
        path: PathBuf::from(path),
        reason: reason.to_owned(),
    }
}

/// Links the first pad of the medium, and says on the bus where there is none.
fn connect(decoder: &gst::Element, entry: &gst::Pad, medium: Medium) {
    let target = entry.downgrade();
    let taken = Mutex::new(());
    decoder.connect_pad_added(move |_, pad| {
        let _one_at_a_time = taken.lock();
        let kind = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let fits = kind
            .structure(0)
            .is_some_and(|structure| structure.name().starts_with(medium.prefix()));
        if let Some(target) = target.upgrade()
            && fits
            && !target.is_linked()
        {
            // A link that fails shows as a stream that gives nothing.
            let _ = pad.link(&target);
        }
    });
    let target = entry.downgrade();
    decoder.connect_no_more_pads(move |decoder| {
        if target.upgrade().is_some_and(|target| !target.is_linked()) {
            let note = gst::message::Application::builder(gst::Structure::new_empty(ABSENT))
                .src(decoder)
                .build();
            // The bus is gone only where the pipeline is.
            let _ = decoder.post_message(note);
        }
    });
}
