//! Where a caller's pictures and sound come from: the test pattern, or any media file.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::config::{AAC_FRAME, AudioConfig};
use crate::decode::{Medium, Stream, Track};
use crate::elements::init;
use crate::error::MediaError;
use crate::{AudioBlock, VideoConfig, VideoFrame, pattern};

/// Rate of every source's sound, in Hz; one channel.
const RATE: u64 = 48_000;

/// Source of pictures and sound, by number.
///
/// Nothing runs ahead of the clock of the caller: it asks for a picture or a block and gets it. Numbers may skip forward; going
/// back decodes a file from its start again.
#[derive(Debug)]
pub struct Source {
    width: u32,
    height: u32,
    variant: u8,
    file: Option<File>,
}

/// A file that repeats: both media start anew with the same picture.
#[derive(Debug)]
struct File {
    path: PathBuf,
    fps: u32,
    /// Pictures in one pass.
    length: u64,
    video: Option<Reel>,
    audio: Option<Reel>,
}

/// One medium of a file, and how far it has been read.
#[derive(Debug)]
struct Reel {
    stream: Stream,
    /// Pass through the file.
    pass: u64,
    /// Bytes taken in this pass.
    position: u64,
    /// The picture that was shown last, for a medium that ends before its pass does.
    picture: Option<(u64, Bytes)>,
    /// Decoded bytes that no block took yet.
    rest: Vec<u8>,
}

impl Source {
    /// The test pattern and tone of a variant, in the size of `config`; see [`pattern`].
    pub fn pattern(config: &VideoConfig, variant: u8) -> Self {
        Self {
            width: config.width,
            height: config.height,
            variant,
            file: None,
        }
    }

    /// A media file in any format that is installed, scaled to `width` × `height` pixels and `fps`, mixed to 48 kHz mono.
    ///
    /// It repeats at its end. Without sound it is silent, without pictures it shows the test pattern.
    ///
    /// # Errors
    /// [`MediaError::File`] where it cannot be opened, [`MediaError::Undecodable`] where it holds nothing that can be decoded,
    /// [`MediaError::Config`] for a size that [`VideoConfig`] does not allow, and what [`init`] returns.
    pub fn file(
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        fps: u32,
    ) -> Result<Self, MediaError> {
        let path = path.as_ref().to_owned();
        let config = VideoConfig {
            width,
            height,
            fps,
            ..VideoConfig::default()
        };
        config.check().map_err(MediaError::Config)?;
        std::fs::File::open(&path).map_err(|source| MediaError::File {
            path: path.clone(),
            source,
        })?;
        init()?;
        let video = Stream::open(&path, Medium::Video, &crate::picture::caps(&config))?;
        let audio = Stream::open(
            &path,
            Medium::Audio,
            &crate::audio_sender::pcm_caps(&AudioConfig::default()),
        )?;
        let nanoseconds = [&video, &audio]
            .into_iter()
            .filter_map(|track| track.stream().and_then(Stream::duration))
            .max();
        if video.stream().is_none() && audio.stream().is_none() {
            return Err(MediaError::Undecodable {
                path,
                reason: "it has neither pictures nor sound".to_owned(),
            });
        }
        // A stream that does not say how long it is, such as a still, repeats every second.
        let length = (nanoseconds
            .unwrap_or(1_000_000_000)
            .saturating_mul(u64::from(fps))
            / 1_000_000_000)
            .max(1);
        let file = File {
            path,
            fps,
            length,
            video: Reel::of(video),
            audio: Reel::of(audio),
        };
        Ok(Self {
            width,
            height,
            variant: 0,
            file: Some(file),
        })
    }

    /// Picture `number`.
    ///
    /// # Errors
    /// [`MediaError::Undecodable`] where the file breaks off in its middle.
    pub fn frame(&mut self, number: u64) -> Result<VideoFrame, MediaError> {
        if let Some(file) = self.file.as_mut()
            && let Some(reel) = file.video.as_mut()
        {
            return Ok(VideoFrame {
                number,
                i420: reel.picture(number / file.length, number % file.length, &file.path)?,
            });
        }
        Ok(VideoFrame::new(
            number,
            pattern::frame(number, self.width, self.height, self.variant),
        ))
    }

    /// Block `number`: 1,024 samples at 48 kHz, one channel.
    ///
    /// # Errors
    /// As [`frame`](Self::frame).
    pub fn block(&mut self, number: u64) -> Result<AudioBlock, MediaError> {
        let samples = match self.file.as_mut() {
            None => pattern::tone(number, self.variant),
            Some(file) => file.samples(number)?,
        };
        Ok(AudioBlock { number, samples })
    }
}

impl File {
    /// The samples of a block, over the end of a pass into the next where it lies across.
    fn samples(&mut self, number: u64) -> Result<Vec<i16>, MediaError> {
        let Some(reel) = self.audio.as_mut() else {
            return Ok(vec![0; AAC_FRAME as usize]);
        };
        let pass_length = (self.length * RATE / u64::from(self.fps)).max(1);
        let mut at = number.saturating_mul(u64::from(AAC_FRAME));
        let mut samples = Vec::with_capacity(AAC_FRAME as usize);
        while samples.len() < AAC_FRAME as usize {
            let (pass, inside) = (at / pass_length, at % pass_length);
            let count = (AAC_FRAME as usize - samples.len())
                .min(usize::try_from(pass_length - inside).unwrap_or(usize::MAX));
            let bytes = reel.sound(pass, inside * 2, count * 2, &self.path)?;
            samples.extend(
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|pair| i16::from_le_bytes(*pair)),
            );
            at += count as u64;
        }
        Ok(samples)
    }
}

impl Reel {
    fn of(track: Track) -> Option<Self> {
        match track {
            Track::Found(stream) => Some(Self {
                stream,
                pass: 0,
                position: 0,
                picture: None,
                rest: Vec::new(),
            }),
            Track::Absent => None,
        }
    }

    /// Goes to the start of the file unless `position` of `pass` still lies ahead.
    fn turn_to(&mut self, pass: u64, position: u64, path: &Path) -> Result<(), MediaError> {
        if pass != self.pass || position < self.position {
            self.stream = self.stream.again(path)?;
            (self.pass, self.position) = (pass, 0);
            self.picture = None;
            self.rest.clear();
        }
        Ok(())
    }

    /// Picture `index` of a pass; the last one where the pictures end before.
    fn picture(&mut self, pass: u64, index: u64, path: &Path) -> Result<Bytes, MediaError> {
        if let Some((shown, picture)) = &self.picture
            && (pass, index) == (self.pass, *shown)
        {
            return Ok(picture.clone());
        }
        self.turn_to(pass, index, path)?;
        while self.position <= index {
            match self.stream.next(path)? {
                Some(picture) => {
                    self.picture = Some((self.position, picture));
                    self.position += 1;
                }
                None => break,
            }
        }
        let picture = self.picture.as_ref().map(|(_, picture)| picture.clone());
        picture.ok_or_else(|| MediaError::Undecodable {
            path: path.to_owned(),
            reason: "its video track holds no picture".to_owned(),
        })
    }

    /// Bytes from `start` of a pass; silence where the sound ends before.
    fn sound(
        &mut self,
        pass: u64,
        start: u64,
        count: usize,
        path: &Path,
    ) -> Result<Vec<u8>, MediaError> {
        self.turn_to(pass, start, path)?;
        let mut open = true;
        let end = usize::try_from(start - self.position)
            .unwrap_or(usize::MAX)
            .saturating_add(count);
        while open && self.rest.len() < end {
            match self.stream.next(path)? {
                Some(bytes) => self.rest.extend_from_slice(&bytes),
                None => open = false,
            }
        }
        if self.rest.len() < end {
            self.rest.resize(end, 0);
        }
        let taken = self.rest.drain(..end).skip(end - count).collect();
        self.position = start + count as u64;
        Ok(taken)
    }
}
