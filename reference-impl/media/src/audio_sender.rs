//! AAC encoder and payloader: one block of samples in, RTP packets out.

use std::collections::VecDeque;

use bytes::Bytes;
use gstreamer as gst;

use crate::chain::{Chain, buffer_at, bytes_of};
use crate::config::AudioConfig;
use crate::elements::init;
use crate::error::MediaError;
use crate::rtp::nanoseconds;

/// Block of sound to encode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioBlock {
    /// Number of the block, counted in blocks of 1,024 samples from the start of the stream; it may skip, never go back.
    pub number: u64,
    /// [`AudioConfig::block_samples`] samples, channels interleaved.
    pub samples: Vec<i16>,
}

/// Encoder of one AAC-LC stream.
///
/// The encoder gives nothing for the first block, and with block *n* + 1 the packet of block *n*, whose RTP timestamp is
/// *n* · 1024. What the decoder makes of that packet is the sound of block *n* − 1: AAC's overlap delays by
/// [`AAC_DELAY`](crate::AAC_DELAY) samples. The first RTP sequence number is 0.
#[derive(Debug)]
pub struct AudioSender {
    config: AudioConfig,
    specific: Vec<u8>,
    encoder: Chain,
    payloader: Chain,
    /// Blocks in the encoder, oldest first.
    pending: VecDeque<u64>,
    pushed: u64,
    last: Option<u64>,
}

impl AudioSender {
    /// Encoder for `config`.
    ///
    /// # Errors
    /// [`MediaError::Config`] where a limit of `config` does not hold, [`MediaError::Pipeline`] where the encoder refuses it,
    /// and what [`init`](crate::init) returns.
    pub fn new(config: &AudioConfig) -> Result<Self, MediaError> {
        config.check().map_err(MediaError::Config)?;
        init()?;
        // The encoder states its configuration with its first packet; a second encoder gives one ahead of the first block.
        let mut primer = encoder(config)?;
        let silence = vec![0u8; config.block_samples() * 2];
        for number in 0..2 {
            primer.push(buffer_at(silence.clone(), block_time(config, number), None))?;
        }
        let caps = primer.output_caps();
        let (caps, specific) = caps
            .as_ref()
            .and_then(|caps| {
                let data = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
                Some((caps, bytes_of(&data)?))
            })
            .ok_or_else(|| MediaError::Pipeline {
                chain: ENCODER,
                reason: "the encoder states no AudioSpecificConfig".to_owned(),
            })?;
        // The MTU is above the largest access unit that the bit rate allows, so that none is cut.
        let description = format!(
            "rtpmp4gpay mtu=65000 pt={} ssrc={} seqnum-offset=0 timestamp-offset=0 perfect-rtptime=false",
            config.payload_type, config.ssrc
        );
        let payloader = Chain::new("AAC payloader", &description, caps)?;
        Ok(Self {
            config: config.clone(),
            specific,
            encoder: encoder(config)?,
            payloader,
            pending: VecDeque::new(),
            pushed: 0,
            last: None,
        })
    }

    /// AudioSpecificConfig (ISO 14496-3 §1.6) of the stream, which the receiver needs before the first packet.
    pub fn config(&self) -> Vec<u8> {
        self.specific.clone()
    }

    /// RTP packets that exist with this block: none for the first, then the one of the block before.
    ///
    /// # Errors
    /// [`MediaError::Input`] where the block has another size or its number is not above the one before (nothing was pushed),
    /// [`MediaError::Pipeline`] where the encoder failed.
    pub fn push(&mut self, block: &AudioBlock) -> Result<Vec<Bytes>, MediaError> {
        let expected = self.config.block_samples();
        if block.samples.len() != expected {
            return Err(MediaError::Input(format!(
                "a block of {} samples, {expected} expected",
                block.samples.len()
            )));
        }
        if self.last.is_some_and(|last| block.number <= last) {
            return Err(MediaError::Input(format!(
                "block {} does not follow {:?}",
                block.number, self.last
            )));
        }
        self.last = Some(block.number);
        self.pending.push_back(block.number);
        // The encoder sees a stream without gaps, and cannot resynchronise in the middle of its own block; numbers that skip are
        // given back to its packets below.
        let time = block_time(&self.config, self.pushed);
        self.pushed += 1;
        let pcm: Vec<u8> = block
            .samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let mut packets = Vec::new();
        for unit in self.encoder.push(buffer_at(pcm, time, None))? {
            let number = self.pending.pop_front().unwrap_or(block.number);
            let Some(aac) = bytes_of(&unit.buffer) else {
                continue;
            };
            let payloaded =
                self.payloader
                    .push(buffer_at(aac, block_time(&self.config, number), None))?;
            packets.extend(
                payloaded
                    .iter()
                    .filter_map(|unit| bytes_of(&unit.buffer))
                    .map(Bytes::from),
            );
        }
        Ok(packets)
    }
}

const ENCODER: &str = "AAC encoder";

fn encoder(config: &AudioConfig) -> Result<Chain, MediaError> {
    let description = format!("audioconvert ! avenc_aac bitrate={}", config.bitrate);
    Chain::new(ENCODER, &description, &pcm_caps(config))
}

/// Caps of interleaved 16-bit samples.
pub(crate) fn pcm_caps(config: &AudioConfig) -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", config.rate as i32)
        .field("channels", config.channels as i32)
        .build()
}

fn block_time(config: &AudioConfig, number: u64) -> u64 {
    nanoseconds(
        number.saturating_mul(u64::from(crate::config::AAC_FRAME)),
        config.rate,
    )
}
