//! AAC decoder: one RTP packet in, its sound out.

use crate::audio_sender::pcm_caps;
use crate::audio_unit::{aac_caps, access_unit};
use crate::chain::{Chain, buffer_at, bytes_of};
use crate::config::AudioConfig;
use crate::elements::init;
use crate::error::MediaError;
use crate::rtp::{Place, Sequence, Timeline, nanoseconds};

/// Delay of AAC-LC from encoder to decoder, in samples: what comes out under the timestamp *t* is the sound of *t* − 1024.
pub const AAC_DELAY: u32 = 1_024;

/// Sound that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioOut {
    /// RTP timestamp of its packet, in samples.
    pub rtp_timestamp: u32,
    /// 1,024 samples a channel, interleaved.
    pub samples: Vec<i16>,
}

/// Decoder of one AAC-LC stream.
///
/// Takes packets in order, as a playout buffer gives them; late ones, ones of another SSRC or payload type, and payloads that
/// are not one whole access unit are passed over. A lost packet gives no sound: the caller conceals it.
#[derive(Debug)]
pub struct AudioReceiver {
    config: AudioConfig,
    specific: Vec<u8>,
    chain: Chain,
    sequence: Sequence,
    timeline: Option<Timeline>,
}

impl AudioReceiver {
    /// Decoder for the stream of `config` with the AudioSpecificConfig of its sender.
    ///
    /// # Errors
    /// [`MediaError::Config`] where a limit does not hold, and what [`init`](crate::init) returns.
    pub fn new(config: &AudioConfig, specific: &[u8]) -> Result<Self, MediaError> {
        config.check().map_err(MediaError::Config)?;
        init()?;
        if !(2..=64).contains(&specific.len()) {
            return Err(MediaError::Config(format!(
                "an AudioSpecificConfig of {} bytes, allowed is 2 to 64",
                specific.len()
            )));
        }
        let chain = decoder(config, specific)?;
        Ok(Self {
            config: config.clone(),
            specific: specific.to_vec(),
            chain,
            sequence: Sequence::default(),
            timeline: None,
        })
    }

    /// Sound of this packet; none is no failure.
    ///
    /// An access unit that breaks the decoder is lost: the decoder is made anew.
    ///
    /// # Errors
    /// [`MediaError`] only where a decoder could not be made anew.
    pub fn push(&mut self, rtp: &[u8]) -> Result<Vec<AudioOut>, MediaError> {
        let Some((timestamp, sequence, unit)) = access_unit(&self.config, rtp) else {
            return Ok(Vec::new());
        };
        if self.sequence.place(sequence) == Place::Stray {
            return Ok(Vec::new());
        }
        let origin = timestamp.wrapping_sub(1 << 30);
        let ticks = self
            .timeline
            .get_or_insert_with(|| Timeline::new(origin))
            .extend(timestamp);
        let time = nanoseconds(u64::try_from(ticks).unwrap_or(0), self.config.rate);
        let Ok(units) = self.chain.push(buffer_at(unit.to_vec(), time, None)) else {
            self.chain = decoder(&self.config, &self.specific)?;
            self.timeline = None;
            return Ok(Vec::new());
        };
        let samples: Vec<i16> = units
            .iter()
            .filter_map(|unit| bytes_of(&unit.buffer))
            .flat_map(|bytes| {
                bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|pair| i16::from_le_bytes(*pair))
                    .collect::<Vec<_>>()
            })
            .collect();
        if samples.is_empty() {
            Ok(Vec::new())
        } else {
            Ok(vec![AudioOut {
                rtp_timestamp: timestamp,
                samples,
            }])
        }
    }
}

fn decoder(config: &AudioConfig, specific: &[u8]) -> Result<Chain, MediaError> {
    // Damage can change the channel count in the middle of a stream; the last caps bring it back.
    let description = format!(
        "avdec_aac max-errors=-1 ! audioconvert dithering=none ! capsfilter caps=\"{}\"",
        pcm_caps(config)
    );
    Chain::new("AAC decoder", &description, &aac_caps(config, specific))
}
