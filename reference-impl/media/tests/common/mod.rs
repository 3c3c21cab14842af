//! What several test files need.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use duet_media::{
    AudioBlock, AudioConfig, AudioSender, VideoConfig, VideoFrame, VideoSender, pattern,
};

/// Picture `number` of the test pattern, as input of an encoder.
pub(crate) fn picture(config: &VideoConfig, number: u64, variant: u8) -> VideoFrame {
    VideoFrame::new(
        number,
        pattern::frame(number, config.width, config.height, variant),
    )
}

/// Packets of the pictures `0..count`, one list a picture.
pub(crate) fn encode(config: &VideoConfig, count: u64) -> Vec<Vec<Bytes>> {
    let mut sender = VideoSender::new(config).expect("an encoder");
    (0..count)
        .map(|number| sender.push(&picture(config, number, 0)).expect("packets"))
        .collect()
}

/// Packets of the blocks `0..count` of the test tone, and the AudioSpecificConfig.
pub(crate) fn encode_audio(config: &AudioConfig, count: u64) -> (Vec<Bytes>, Vec<u8>) {
    let mut sender = AudioSender::new(config).expect("an encoder");
    let packets = (0..count)
        .flat_map(|number| {
            sender
                .push(&AudioBlock {
                    number,
                    samples: pattern::tone(number, 0),
                })
                .expect("packets")
        })
        .collect();
    (packets, sender.config())
}

/// Sequence number, timestamp and marker of a packet without CSRC.
pub(crate) fn header(rtp: &[u8]) -> (u16, u32, bool) {
    (
        u16::from_be_bytes([rtp[2], rtp[3]]),
        u32::from_be_bytes([rtp[4], rtp[5], rtp[6], rtp[7]]),
        rtp[1] & 0x80 != 0,
    )
}

/// Hash that is the same in every process of one build.
pub(crate) fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// SplitMix64, so that a loss pattern is the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }
}

/// File in the temporary directory that goes away with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("duet-media-{}-{name}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
