//! Packets of the shape that the encoders give, without an encoder: for simulations and load, where nobody looks at a picture.
//!
//! Needs the stream parameters and `bytes`, nothing else.

use bytes::{BufMut, Bytes, BytesMut};

use crate::config::{AudioConfig, VideoConfig};

/// RTP header, in bytes.
const HEADER: usize = 12;
/// FU indicator, FU header and the first byte of a slice, which a depayloader looks at.
const FRAGMENT: usize = 3;
/// AU-headers-length and the one AU header.
const AU_HEADER: usize = 4;
/// Frames from one IDR picture to the next.
const KEY_INTERVAL: u64 = 300;
/// Fewest packets of one frame.
const MIN_PACKETS: usize = 4;

/// Video source: frames of at least four packets, an IDR picture of 8 to 10 packets every 300 frames, at the configured bit rate.
///
/// Packets have valid RTP headers and are FU-A fragments (RFC 6184 §5.8) of a slice of type 5 or 1 whose content is noise, except
/// for the frame number ([`frame_number`]). Equal configurations and numbers give equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticVideo {
    config: VideoConfig,
    sequence: u16,
    key_requested: bool,
    bitrate: u32,
}

impl SyntheticVideo {
    /// Source for `config`; the first RTP sequence number is 0.
    pub fn new(config: &VideoConfig) -> Self {
        Self {
            config: config.clone(),
            sequence: 0,
            key_requested: false,
            bitrate: config.bitrate,
        }
    }

    /// Makes the next frame an IDR picture.
    pub fn request_keyframe(&mut self) {
        self.key_requested = true;
    }

    /// New goal from the next frame on, in bit/s.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.bitrate = bitrate;
    }

    /// RTP packets of frame `number`, marker on the last.
    pub fn push(&mut self, number: u64) -> Vec<Bytes> {
        let key = number.is_multiple_of(KEY_INTERVAL) || std::mem::take(&mut self.key_requested);
        let mut noise = Noise::new(u64::from(self.config.ssrc) << 32 ^ number);
        let total = if key {
            self.key_bytes(&mut noise)
        } else {
            self.delta_bytes(&mut noise)
        };
        let smallest = HEADER + FRAGMENT + size_of::<u64>();
        let largest = self.config.max_packet.max(smallest);
        let count = total.div_ceil(largest).max(MIN_PACKETS);
        let timestamp = self.config.rtp_timestamp(number);
        (0..count)
            .map(|index| {
                let size =
                    (total * (index + 1) / count - total * index / count).clamp(smallest, largest);
                let (first, last) = (index == 0, index + 1 == count);
                let mut packet = BytesMut::with_capacity(size);
                self.sequence = header(
                    &mut packet,
                    last,
                    self.config.payload_type,
                    self.sequence,
                    timestamp,
                    self.config.ssrc,
                );
                packet.put_u8(0x60 | 28);
                packet.put_u8(u8::from(first) << 7 | u8::from(last) << 6 | if key { 5 } else { 1 });
                packet.put_u8(if first { 0x80 } else { 0x00 });
                packet.put_u64(number);
                noise.fill(&mut packet, size);
                packet.freeze()
            })
            .collect()
    }

    /// 8 to 10 full packets at 800 kb/s, in proportion at other rates.
    fn key_bytes(&self, noise: &mut Noise) -> usize {
        let nominal = (82 + noise.below(18) as usize) * self.config.max_packet / 10;
        (nominal as u64 * u64::from(self.bitrate) / 800_000) as usize
    }

    /// What the rate leaves for the other frames once the IDR picture is paid for, ±15 %.
    fn delta_bytes(&self, noise: &mut Noise) -> usize {
        let interval =
            u64::from(self.bitrate) / 8 * KEY_INTERVAL / u64::from(self.config.fps.max(1));
        let key = 9 * self.config.max_packet as u64 * u64::from(self.bitrate) / 800_000;
        let mean = interval.saturating_sub(key) / (KEY_INTERVAL - 1);
        (mean * (850 + noise.below(301)) / 1_000) as usize
    }
}

/// Audio source: one access unit a packet (RFC 3640, AAC-hbr) at the configured bit rate, ±15 %.
///
/// Unlike the encoder it gives the packet of a block with that block, without a delay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticAudio {
    config: AudioConfig,
    sequence: u16,
}

impl SyntheticAudio {
    /// Source for `config`; the first RTP sequence number is 0.
    pub fn new(config: &AudioConfig) -> Self {
        Self {
            config: config.clone(),
            sequence: 0,
        }
    }

    /// RTP packet of block `number`.
    pub fn push(&mut self, number: u64) -> Vec<Bytes> {
        let mut noise = Noise::new(u64::from(self.config.ssrc) << 32 ^ number);
        let mean = u64::from(self.config.bitrate) * 1_024 / u64::from(self.config.rate.max(1)) / 8;
        // 13 bits hold the size of an access unit.
        let unit =
            ((mean * (850 + noise.below(301)) / 1_000) as usize).clamp(size_of::<u64>(), 0x1fff);
        let size = HEADER + AU_HEADER + unit;
        let mut packet = BytesMut::with_capacity(size);
        let timestamp = self.config.rtp_timestamp(number);
        self.sequence = header(
            &mut packet,
            true,
            self.config.payload_type,
            self.sequence,
            timestamp,
            self.config.ssrc,
        );
        packet.put_u16(16);
        packet.put_u16((unit as u16) << 3);
        packet.put_u64(number);
        noise.fill(&mut packet, size);
        vec![packet.freeze()]
    }
}

/// Number of the frame or block that a synthetic packet belongs to; `video` says which of the two sources made it.
pub fn frame_number(rtp: &[u8], video: bool) -> Option<u64> {
    let start = HEADER + if video { FRAGMENT } else { AU_HEADER };
    let bytes = rtp.get(start..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}

/// Writes a header and returns the sequence number that follows.
fn header(
    packet: &mut BytesMut,
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) -> u16 {
    packet.put_u8(0x80);
    packet.put_u8(u8::from(marker) << 7 | (payload_type & 0x7f));
    packet.put_u16(sequence);
    packet.put_u32(timestamp);
    packet.put_u32(ssrc);
    sequence.wrapping_add(1)
}

/// SplitMix64 (Steele, Lea, Flood 2014): noise that is the same everywhere.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Fills `packet` up to `size` bytes.
    fn fill(&mut self, packet: &mut BytesMut, size: usize) {
        while packet.len() < size {
            let word = self.next().to_be_bytes();
            packet.extend_from_slice(&word[..(size - packet.len()).min(word.len())]);
        }
    }
}

#[cfg(all(test, feature = "gstreamer"))]
mod tests {
    use super::*;
    use crate::rtp::Packet;

    #[test]
    fn video_has_the_shape_of_the_encoder() {
        let config = VideoConfig::default();
        let mut source = SyntheticVideo::new(&config);
        let (mut total, mut sequence) = (0, 0u16);
        for number in 0..600 {
            let packets = source.push(number);
            let key = number % 300 == 0;
            assert!(
                if key {
                    (8..=10).contains(&packets.len())
                } else {
                    (4..=5).contains(&packets.len())
                },
                "{number}: {}",
                packets.len()
            );
            for (index, bytes) in packets.iter().enumerate() {
                let packet = Packet::parse(bytes).expect("a valid header");
                assert!(bytes.len() <= config.max_packet);
                assert_eq!(packet.sequence, sequence);
                assert_eq!(packet.timestamp, config.rtp_timestamp(number));
                assert_eq!(packet.marker, index + 1 == packets.len());
                assert_eq!(frame_number(bytes, true), Some(number));
                assert_eq!(crate::carries_idr(bytes), key);
                sequence = sequence.wrapping_add(1);
                total += bytes.len();
            }
        }
        let rate = total as f64 * 8.0 / 20.0;
        assert!((rate / 800_000.0 - 1.0).abs() < 0.02, "{rate} bit/s");
    }

    #[test]
    fn keyframe_and_rate_follow_the_caller() {
        let mut source = SyntheticVideo::new(&VideoConfig::default());
        source.push(0);
        source.request_keyframe();
        assert!(
            source
                .push(1)
                .iter()
                .all(|packet| crate::carries_idr(packet))
        );
        assert!(!crate::carries_idr(&source.push(2)[0]));
        source.set_bitrate(300_000);
        let bytes: usize = (3..303)
            .filter(|n| n % 300 != 0)
            .flat_map(|n| source.push(n))
            .map(|packet| packet.len())
            .sum();
        assert!((355_000..390_000).contains(&bytes), "{bytes} bytes in 10 s");
    }

    #[test]
    fn audio_has_the_shape_of_the_encoder() {
        let config = AudioConfig::default();
        let mut source = SyntheticAudio::new(&config);
        let mut total = 0;
        for number in 0..469 {
            let packets = source.push(number);
            let [bytes] = packets.as_slice() else {
                panic!("one packet a block")
            };
            let (timestamp, sequence, unit) =
                crate::audio_unit::access_unit(&config, bytes).expect("one whole access unit");
            assert_eq!(
                (timestamp, sequence),
                (number as u32 * 1_024, number as u16)
            );
            assert_eq!(frame_number(bytes, false), Some(number));
            total += unit.len();
        }
        let rate = total as f64 * 8.0 / (469.0 * 1_024.0 / 48_000.0);
        assert!((rate / 64_000.0 - 1.0).abs() < 0.02, "{rate} bit/s");
    }

    #[test]
    fn equal_sources_give_equal_bytes() {
        let run = || {
            (0..50)
                .flat_map({
                    let mut source = SyntheticVideo::new(&VideoConfig::default());
                    move |number| source.push(number)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}
