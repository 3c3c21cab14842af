//! The real studio: H.264 and AAC by GStreamer, in lock-step with whoever calls.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use duet_media::{
    AudioConfig, AudioReceiver, AudioSender, MediaError, Mp4Recorder, Source, VideoConfig,
    VideoReceiver, VideoSender, measure, pattern, still,
};
use duet_protocol::client::StreamDescription;
use duet_protocol::id::StreamNumber;
use duet_protocol::message::media::Kind;
use duet_protocol::time::Instant;

use super::{AUDIO, Capture, Footage, Format, Made, Shown, Still, Studio, VIDEO};

/// Pictures from one still to the next.
const STILL_EVERY: u64 = 150;

/// What a real studio shows and keeps.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A media file instead of the test picture.
    pub input: Option<PathBuf>,
    /// An MP4 file for what the other side sends.
    pub output: Option<PathBuf>,
    /// Whether the other side shows the test picture, so that what is shown can be compared with it.
    pub compare: bool,
}

/// Real codecs.
pub struct GstStudio {
    format: Format,
    source: Source,
    video_out: VideoSender,
    audio_out: AudioSender,
    audio_config: Vec<u8>,
    video_in: Option<VideoReceiver>,
    audio_in: Option<AudioReceiver>,
    /// The other side's parameters, once both its streams are known.
    remote_video: Option<VideoConfig>,
    remote_audio: Option<(AudioConfig, Vec<u8>)>,
    recorder: Option<Mp4Recorder>,
    output: Option<PathBuf>,
    compare: bool,
    made: VecDeque<Made>,
    keyframe_asked: bool,
    footage: Footage,
}

impl GstStudio {
    /// Starts the encoders.
    ///
    /// # Errors
    ///
    /// [`MediaError`]: missing elements, a file that cannot be read.
    pub fn new(format: Format, options: Options) -> Result<Self, MediaError> {
        duet_media::init()?;
        let VideoConfig {
            width, height, fps, ..
        } = format.video;
        let source = match &options.input {
            Some(path) => Source::file(path, width, height, fps)?,
            None => Source::pattern(&format.video, format.variant),
        };
        let video_out = VideoSender::new(&format.video)?;
        let audio_out = AudioSender::new(&format.audio)?;
        if let Some(path) = &options.output {
            probe(path)?;
        }
        Ok(Self {
            audio_config: audio_out.config(),
            source,
            video_out,
            audio_out,
            video_in: None,
            audio_in: None,
            remote_video: None,
            remote_audio: None,
            recorder: None,
            output: options.output,
            compare: options.compare,
            made: VecDeque::new(),
            keyframe_asked: false,
            footage: Footage::default(),
            format,
        })
    }

    fn remote(description: &StreamDescription, format: &Format) -> (VideoConfig, AudioConfig) {
        let (payload_type, ssrc) = (description.payload_type, description.ssrc);
        let video = VideoConfig {
            payload_type,
            ssrc,
            ..format.video.clone()
        };
        let audio = AudioConfig {
            payload_type,
            ssrc,
            rate: description.clock_rate,
            ..format.audio.clone()
        };
        (video, audio)
    }

    fn try_expect(&mut self, description: &StreamDescription) -> Result<(), MediaError> {
        let (video, audio) = Self::remote(description, &self.format);
        match description.kind {
            Kind::Video => {
                self.video_in = Some(VideoReceiver::new(&video)?);
                self.remote_video = Some(video);
            }
            Kind::Audio => {
                self.audio_in = Some(AudioReceiver::new(&audio, &description.config)?);
                self.remote_audio = Some((audio, description.config.clone()));
            }
        }
        if let (Some(path), Some(video), Some((audio, config)), None) = (
            &self.output,
            &self.remote_video,
            &self.remote_audio,
            &self.recorder,
        ) {
            self.recorder = Some(Mp4Recorder::new(path, video, audio, config)?);
        }
        Ok(())
    }

    fn try_capture(&mut self, what: Capture) -> Result<(), MediaError> {
        let (stream, number, packets) = match what {
            Capture::Picture(number) => {
                let frame = self.source.frame(number)?;
                (VIDEO, number, self.video_out.push(&frame)?)
            }
            Capture::Block(number) => {
                let block = self.source.block(number)?;
                (AUDIO, number, self.audio_out.push(&block)?)
            }
        };
        self.made.push_back(Made::Packets {
            stream,
            number,
            packets,
        });
        Ok(())
    }

    fn try_play(
        &mut self,
        now: Instant,
        stream: StreamNumber,
        rtp: &Bytes,
        lost_before: u16,
    ) -> Result<(), MediaError> {
        if let Some(recorder) = &mut self.recorder {
            match stream {
                VIDEO => recorder.video(rtp)?,
                _ => recorder.audio(rtp)?,
            }
        }
        if stream != VIDEO {
            let played = match &mut self.audio_in {
                Some(audio) => audio.push(rtp)?.len(),
                None => 0,
            };
            self.footage.blocks += played as u64;
            self.footage.gap(now, lost_before);
            return Ok(());
        }
        let Some(video) = &mut self.video_in else {
            return Ok(());
        };
        let shown = video.push(rtp)?;
        if video.needs_keyframe() {
            if !self.keyframe_asked {
                self.made.push_back(Made::KeyframeNeeded);
            }
            self.keyframe_asked = true;
        } else {
            self.keyframe_asked = false;
        }
        for picture in shown {
            let number = self.format.picture_of(picture.rtp_timestamp);
            let (width, height) = (picture.width, picture.height);
            let mut psnr = None;
            let due = self
                .footage
                .stills
                .last()
                .is_none_or(|last| number >= last.number + STILL_EVERY);
            if self.compare {
                // The other side has the other look.
                let captured =
                    pattern::frame(number, width, height, 1 - self.format.variant.min(1));
                psnr = Some(measure::psnr_y(&captured, &picture.i420, width, height));
                if due {
                    let captured = still::jpeg(&captured, width, height)?;
                    let shown = still::jpeg(&picture.i420, width, height)?;
                    self.footage.stills.push(Still {
                        number,
                        captured,
                        shown,
                    });
                }
            }
            self.footage.shown.push(Shown {
                number,
                at: now,
                intact: picture.intact,
                psnr,
            });
        }
        Ok(())
    }

    fn note(&mut self, result: Result<(), MediaError>) {
        if let Err(error) = result
            && self.footage.failure.is_none()
        {
            self.footage.failure = Some(error.to_string());
            self.made.push_back(Made::Failed(error.to_string()));
        }
    }
}

/// Sees whether a file can be written, before a call depends on it.
fn probe(path: &Path) -> Result<(), MediaError> {
    match std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(source) => Err(MediaError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

impl Studio for GstStudio {
    fn streams(&self) -> Vec<StreamDescription> {
        self.format.streams(self.audio_config.clone())
    }

    fn expect(&mut self, description: &StreamDescription) {
        let result = self.try_expect(description);
        self.note(result);
    }

    fn capture(&mut self, _: Instant, what: Capture) {
        let result = self.try_capture(what);
        self.note(result);
    }

    fn keyframe(&mut self) {
        self.video_out.request_keyframe();
    }

    fn play(&mut self, now: Instant, stream: StreamNumber, rtp: Bytes, lost_before: u16) {
        let result = self.try_play(now, stream, &rtp, lost_before);
        self.note(result);
    }

    fn poll(&mut self) -> Option<Made> {
        self.made.pop_front()
    }

    fn finish(&mut self) -> Footage {
        if let (Some(recorder), Some(path)) = (self.recorder.take(), self.output.take()) {
            match recorder.finish() {
                Ok(done) => {
                    self.footage.recording = Some((path, done.video_frames, done.duration));
                }
                Err(error) => self.note(Err(error)),
            }
        }
        std::mem::take(&mut self.footage)
    }
}
