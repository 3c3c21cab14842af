//! Recording of a received call: H.264 and AAC as they came, into an MP4 file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::access_unit::{AccessUnit, Assembler};
use crate::audio_unit::{aac_caps, access_unit};
use crate::chain::{Fault, application_source, buffer_at, first_error, quiet_bus, start_stream};
use crate::config::{AAC_FRAME, AudioConfig, VIDEO_CLOCK, VideoConfig};
use crate::elements::init;
use crate::error::MediaError;
use crate::rtp::{Place, Sequence, Timeline, nanoseconds};
use crate::video_receiver::rtp_caps;

const NAME: &str = "MP4 writer";

/// Audio access units that wait for the first IDR picture, about an hour and 30 MB; past that the file gets no video track.
const HELD_UNITS: usize = 170_000;

/// How far the writer lets video run ahead of audio before it takes the audio as missing, in nanoseconds.
const AUDIO_LAG: u64 = 1_000_000_000;

/// Longest wait for the file to be finished.
const FINISH: gst::ClockTime = gst::ClockTime::from_seconds(60);

/// What a finished recording holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Pictures in the video track.
    pub video_frames: u64,
    /// Access units in the audio track.
    pub audio_units: u64,
    /// From the common start of both tracks to the end of the longer one.
    pub duration: Duration,
}

/// Writer of one MP4 file with a video and an audio track.
///
/// Takes RTP packets in order; nothing is encoded again. The file starts with the first IDR picture, audio from before it is
/// left out; where no picture ever comes it has an audio track only. Pictures and access units with missing packets are left out, the ones after them keep their time. Both RTP clocks
/// are taken to start at the same instant with timestamp 0, as the senders of this crate do; [`align`](Self::align) says
/// otherwise. Dropped without [`finish`](Self::finish), the file stays and is not playable.
#[derive(Debug)]
pub struct Mp4Recorder {
    path: PathBuf,
    video_config: VideoConfig,
    audio_config: AudioConfig,
    specific: Vec<u8>,
    assembler: Assembler,
    sequence: Sequence,
    video_line: Timeline,
    audio_line: Timeline,
    held: Vec<(i64, Vec<u8>)>,
    writer: Option<Writer>,
    has_key: bool,
    done: Recording,
}

impl Mp4Recorder {
    /// Recorder that writes to `path`; an existing file is replaced at once.
    ///
    /// # Errors
    /// [`MediaError::Config`] where a limit of a configuration does not hold, [`MediaError::File`] where the file cannot be
    /// created, and what [`init`](crate::init) returns.
    pub fn new(
        path: impl AsRef<Path>,
        video: &VideoConfig,
        audio: &AudioConfig,
        specific: &[u8],
    ) -> Result<Self, MediaError> {
        video.check().map_err(MediaError::Config)?;
        audio.check().map_err(MediaError::Config)?;
        init()?;
        let path = path.as_ref().to_owned();
        std::fs::File::create(&path).map_err(|source| MediaError::File {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            path,
            video_config: video.clone(),
            audio_config: audio.clone(),
            specific: specific.to_vec(),
            assembler: Assembler::new(video),
            sequence: Sequence::default(),
            video_line: Timeline::new(0),
            audio_line: Timeline::new(0),
            held: Vec::new(),
            writer: None,
            has_key: false,
            done: Recording {
                video_frames: 0,
                audio_units: 0,
                duration: Duration::ZERO,
            },
        })
    }

    /// Says that these two RTP timestamps are the same instant; to be called before the first packet.
    pub fn align(&mut self, video_timestamp: u32, audio_timestamp: u32) {
        self.video_line = Timeline::new(video_timestamp);
        self.audio_line = Timeline::new(audio_timestamp);
    }

    /// Takes one RTP packet of the video stream; others are passed over.
    ///
    /// # Errors
    /// [`MediaError::DiskFull`] where no space is left, [`MediaError::Pipeline`] where the file cannot be written otherwise.
    pub fn video(&mut self, rtp: &[u8]) -> Result<(), MediaError> {
        for unit in self.assembler.push(rtp).units {
            self.picture(&unit)?;
        }
        Ok(())
    }

    /// Takes one RTP packet of the audio stream; others are passed over.
    ///
    /// # Errors
    /// As [`video`](Self::video).
    pub fn audio(&mut self, rtp: &[u8]) -> Result<(), MediaError> {
        let Some((timestamp, sequence, unit)) = access_unit(&self.audio_config, rtp) else {
            return Ok(());
        };
        if self.sequence.place(sequence) == Place::Stray {
            return Ok(());
        }
        let time = instant(self.audio_line.extend(timestamp), self.audio_config.rate);
        if self.writer.is_some() {
            return self.sound(time, unit.to_vec());
        }
        self.held.push((time, unit.to_vec()));
        if self.held.len() >= HELD_UNITS {
            self.start(None)
        } else {
            Ok(())
        }
    }

    /// Writes what is left and the index, and closes the file.
    ///
    /// # Errors
    /// As [`video`](Self::video).
    pub fn finish(mut self) -> Result<Recording, MediaError> {
        if self.writer.is_none() && !self.held.is_empty() {
            self.start(None)?;
        }
        if let Some(writer) = self.writer.take() {
            writer.finish(&self.path)?;
        }
        Ok(self.done)
    }

    fn picture(&mut self, unit: &AccessUnit) -> Result<(), MediaError> {
        let time = instant(self.video_line.extend(unit.timestamp), VIDEO_CLOCK);
        self.has_key |= unit.key;
        if !self.has_key {
            return Ok(());
        }
        if self.writer.is_none() {
            self.start(Some(time))?;
        }
        let Some(writer) = self.writer.as_mut() else {
            return Ok(());
        };
        let Some(at) = writer.since_start(time).filter(|_| writer.video.is_some()) else {
            return Ok(());
        };
        for packet in &unit.packets {
            writer.push(
                Track::Video,
                buffer_at(packet.clone(), at, None),
                &self.path,
            )?;
        }
        self.done.video_frames += 1;
        let length = nanoseconds(self.video_config.ticks(1), VIDEO_CLOCK);
        self.done.duration = self.done.duration.max(Duration::from_nanos(at + length));
        writer.fill_audio(at, &self.path)
    }

    fn sound(&mut self, time: i64, unit: Vec<u8>) -> Result<(), MediaError> {
        let Some(writer) = self.writer.as_mut() else {
            return Ok(());
        };
        let Some(at) = writer.since_start(time) else {
            return Ok(());
        };
        let length = nanoseconds(u64::from(AAC_FRAME), self.audio_config.rate);
        writer.push(Track::Audio, buffer_at(unit, at, Some(length)), &self.path)?;
        writer.audio_until = writer.audio_until.max(at + length);
        self.done.audio_units += 1;
        self.done.duration = self.done.duration.max(Duration::from_nanos(at + length));
        Ok(())
    }

    /// Opens the tracks at the time of the first picture, or of the first sound where no picture came.
    fn start(&mut self, picture: Option<i64>) -> Result<(), MediaError> {
        let held = std::mem::take(&mut self.held);
        let start = picture
            .or_else(|| held.first().map(|(time, _)| *time))
            .unwrap_or(0);
        let video = picture.map(|_| rtp_caps(&self.video_config));
        let audio = aac_caps(&self.audio_config, &self.specific);
        self.writer = Some(Writer::new(&self.path, start, video.as_ref(), &audio)?);
        held.into_iter()
            .try_for_each(|(time, unit)| self.sound(time, unit))
    }
}

/// Nanoseconds of signed ticks.
fn instant(ticks: i64, clock: u32) -> i64 {
    let size = i64::try_from(nanoseconds(ticks.unsigned_abs(), clock)).unwrap_or(i64::MAX);
    if ticks < 0 { -size } else { size }
}

#[derive(Debug, Clone, Copy)]
enum Track {
    Video,
    Audio,
}

/// The pipeline behind an open file. Its muxer runs in a thread of its own, behind queues that never block the caller.
#[derive(Debug)]
struct Writer {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    /// Nothing where the file has no video track: players take an empty one for damage.
    video: Option<gst::Pad>,
    audio: gst::Pad,
    start: i64,
    /// End of what the audio track has, in nanoseconds since the start.
    audio_until: u64,
}

impl Writer {
    fn new(
        path: &Path,
        start: i64,
        video_caps: Option<&gst::Caps>,
        audio_caps: &gst::Caps,
    ) -> Result<Self, MediaError> {
        let failed = |reason: String| MediaError::Pipeline {
            chain: NAME,
            reason,
        };
        const FILE: &str = "mp4mux name=mux ! filesink name=file async=false \
             queue name=audio max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! mux.audio_0 ";
        const VIDEO: &str = "rtph264depay name=video ! video/x-h264,stream-format=byte-stream,alignment=au ! h264parse ! \
             video/x-h264,stream-format=avc,alignment=au ! \
             queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! mux.video_0";
        let description = if video_caps.is_some() {
            [FILE, VIDEO].concat()
        } else {
            FILE.to_owned()
        };
        let pipeline = gst::parse::launch(&description)
            .map_err(|error| failed(error.to_string()))?
            .downcast::<gst::Pipeline>()
            .map_err(|_| failed("the description is no pipeline".to_owned()))?;
        pipeline.use_clock(None::<&gst::Clock>);
        let bus = quiet_bus(&pipeline).map_err(failed)?;
        if let Some(file) = pipeline.by_name("file") {
            file.set_property("location", path.display().to_string());
        }
        let entry = |element: &str| {
            let sink = pipeline
                .by_name(element)
                .and_then(|element| element.static_pad("sink"));
            let sink = sink.ok_or_else(|| failed(format!("no element {element}")))?;
            let pad = application_source();
            pad.link(&sink).map_err(|error| failed(error.to_string()))?;
            Ok::<_, MediaError>(pad)
        };
        let audio = entry("audio")?;
        let video = video_caps.map(|_| entry("video")).transpose()?;
        let writer = Self {
            pipeline,
            bus,
            video,
            audio,
            start,
            audio_until: 0,
        };
        if writer.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(writer.fault(path, "the elements did not start"));
        }
        if let Some((pad, caps)) = writer.video.as_ref().zip(video_caps) {
            start_stream(pad, "video", caps).map_err(|error| writer.fault(path, &error))?;
        }
        start_stream(&writer.audio, "audio", audio_caps)
            .map_err(|error| writer.fault(path, &error))?;
        Ok(writer)
    }

    /// Nanoseconds from the start of the file; nothing for what lies before it.
    fn since_start(&self, time: i64) -> Option<u64> {
        time.checked_sub(self.start)
            .and_then(|since| u64::try_from(since).ok())
    }

    fn push(&self, track: Track, buffer: gst::Buffer, path: &Path) -> Result<(), MediaError> {
        let pad = match track {
            Track::Video => self.video.as_ref(),
            Track::Audio => Some(&self.audio),
        };
        match pad.map_or(Ok(gst::FlowSuccess::Ok), |pad| pad.push(buffer)) {
            Ok(_) => Ok(()),
            Err(flow) => Err(self.fault(path, &format!("flow return {flow}"))),
        }
    }

    /// Tells the muxer not to wait for sound that does not come.
    fn fill_audio(&mut self, video_at: u64, path: &Path) -> Result<(), MediaError> {
        let missing = video_at.saturating_sub(self.audio_until);
        if missing <= AUDIO_LAG {
            return Ok(());
        }
        let length = missing - AUDIO_LAG / 2;
        let gap = gst::event::Gap::builder(gst::ClockTime::from_nseconds(self.audio_until))
            .duration(gst::ClockTime::from_nseconds(length))
            .build();
        if !self.audio.push_event(gap) {
            return Err(self.fault(path, "a gap in the audio was refused"));
        }
        self.audio_until += length;
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<(), MediaError> {
        for pad in self.video.iter().chain([&self.audio]) {
            // A branch that failed refuses the end; the bus says why.
            let _ = pad.push_event(gst::event::Eos::new());
        }
        let message = self
            .bus
            .timed_pop_filtered(FINISH, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(error_at(path, Some(Fault::of(error)), "")),
            _ => Err(error_at(path, None, "the file was not finished in time")),
        }
    }

    fn fault(&self, path: &Path, otherwise: &str) -> MediaError {
        error_at(path, first_error(&self.bus), otherwise)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // There is nobody left to tell about a failure.
        for pad in self.video.iter().chain([&self.audio]) {
            let _ = pad.set_active(false);
        }
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn error_at(path: &Path, fault: Option<Fault>, otherwise: &str) -> MediaError {
    match fault {
        Some(fault) if fault.disk_full => MediaError::DiskFull {
            path: path.to_owned(),
        },
        Some(fault) => MediaError::Pipeline {
            chain: NAME,
            reason: format!("{}: {}", path.display(), fault.text),
        },
        None => MediaError::Pipeline {
            chain: NAME,
            reason: format!("{}: {otherwise}", path.display()),
        },
    }
}
