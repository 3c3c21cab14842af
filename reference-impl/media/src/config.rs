//! Parameters of one video and one audio stream, agreed in signalling before any packet flows.

/// Largest RTP packet of a source stream, header included, in bytes: repair and sealing still fit around it into a media datagram.
pub const MAX_RTP_PACKET: usize = 1_040;

/// Samples in one AAC-LC access unit, per channel.
pub const AAC_FRAME: u32 = 1_024;

/// RTP clock of H.264, in Hz (RFC 6184 §8.2.1).
pub const VIDEO_CLOCK: u32 = 90_000;

/// H.264 stream: RFC 6184, packetization-mode 1, constrained baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoConfig {
    /// Width in pixels, a multiple of 8 in `128..=4096`.
    pub width: u32,
    /// Height in pixels, even, in `32..=4096`.
    pub height: u32,
    /// Pictures per second, `1..=120`.
    pub fps: u32,
    /// Goal of the encoder, in bit/s, at least 10,000.
    pub bitrate: u32,
    /// RTP payload type, `0..=127`.
    pub payload_type: u8,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// Largest RTP packet in bytes, header included, in `128..=`[`MAX_RTP_PACKET`].
    pub max_packet: usize,
}

impl Default for VideoConfig {
    fn default() -> Self {
        Self {
            width: 640,
            height: 360,
            fps: 30,
            bitrate: 800_000,
            payload_type: 96,
            ssrc: 0x0000_0056,
            max_packet: MAX_RTP_PACKET,
        }
    }
}

impl VideoConfig {
    /// RTP timestamp of picture `number`: `number · 90000 / fps`, modulo 2³².
    pub fn rtp_timestamp(&self, number: u64) -> u32 {
        self.ticks(number) as u32
    }

    /// Bytes of one I420 picture of this size.
    pub fn picture_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 3 / 2
    }

    /// RTP time of picture `number` before it is cut to 32 bits.
    pub(crate) fn ticks(&self, number: u64) -> u64 {
        number.saturating_mul(u64::from(VIDEO_CLOCK)) / u64::from(self.fps.max(1))
    }

    /// Holds the parameters against their limits; the text says which one is wrong.
    pub fn check(&self) -> Result<(), String> {
        within("width", self.width, 128, 4_096)?;
        within("height", self.height, 32, 4_096)?;
        within("fps", self.fps, 1, 120)?;
        within("bitrate", self.bitrate, 10_000, 100_000_000)?;
        within("payload_type", u32::from(self.payload_type), 0, 127)?;
        within(
            "max_packet",
            u32::try_from(self.max_packet).unwrap_or(u32::MAX),
            128,
            MAX_RTP_PACKET as u32,
        )?;
        if !self.width.is_multiple_of(8) || !self.height.is_multiple_of(2) {
            return Err(format!(
                "{}×{}: the width must be a multiple of 8 and the height even",
                self.width, self.height
            ));
        }
        Ok(())
    }
}

/// AAC-LC stream: RFC 3640, mode AAC-hbr, one access unit a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// Samples per second, which is also the RTP clock; one of the rates that AAC knows, in Hz.
    pub rate: u32,
    /// Channels, 1 or 2; samples of several channels are interleaved.
    pub channels: u32,
    /// Goal of the encoder, in bit/s, `16_000..=160_000`: the largest access unit still fits into one packet.
    pub bitrate: u32,
    /// RTP payload type, `0..=127`.
    pub payload_type: u8,
    /// RTP synchronisation source.
    pub ssrc: u32,
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            rate: 48_000,
            channels: 1,
            bitrate: 64_000,
            payload_type: 97,
            ssrc: 0x0000_0041,
        }
    }
}

impl AudioConfig {
    /// RTP timestamp of block `number`: `number · 1024`, modulo 2³².
    pub fn rtp_timestamp(&self, number: u64) -> u32 {
        number.wrapping_mul(u64::from(AAC_FRAME)) as u32
    }

    /// Samples in one block, all channels together.
    pub fn block_samples(&self) -> usize {
        AAC_FRAME as usize * self.channels as usize
    }

    /// Holds the parameters against their limits; the text says which one is wrong.
    pub fn check(&self) -> Result<(), String> {
        const RATES: [u32; 9] = [
            8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
        ];
        if !RATES.contains(&self.rate) {
            return Err(format!("rate is {}, AAC knows {RATES:?}", self.rate));
        }
        within("channels", self.channels, 1, 2)?;
        within("bitrate", self.bitrate, 16_000, 160_000)?;
        within("payload_type", u32::from(self.payload_type), 0, 127)
    }
}

fn within(name: &str, value: u32, low: u32, high: u32) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}, allowed is {low} to {high}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_their_own_limits() {
        assert_eq!(VideoConfig::default().check(), Ok(()));
        assert_eq!(AudioConfig::default().check(), Ok(()));
    }

    #[test]
    fn each_limit_is_named() {
        let bad = [
            (
                VideoConfig {
                    width: 0,
                    ..VideoConfig::default()
                },
                "width",
            ),
            (
                VideoConfig {
                    width: 322,
                    ..VideoConfig::default()
                },
                "multiple of 8",
            ),
            (
                VideoConfig {
                    fps: 0,
                    ..VideoConfig::default()
                },
                "fps",
            ),
            (
                VideoConfig {
                    max_packet: 1_041,
                    ..VideoConfig::default()
                },
                "max_packet",
            ),
            (
                VideoConfig {
                    payload_type: 128,
                    ..VideoConfig::default()
                },
                "payload_type",
            ),
        ];
        for (config, word) in bad {
            assert!(
                config.check().is_err_and(|text| text.contains(word)),
                "{word}"
            );
        }
        assert!(
            AudioConfig {
                rate: 47_999,
                ..AudioConfig::default()
            }
            .check()
            .is_err()
        );
        assert!(
            AudioConfig {
                bitrate: 320_000,
                ..AudioConfig::default()
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn timestamps_wrap_at_32_bits() {
        let config = VideoConfig::default();
        assert_eq!(config.rtp_timestamp(1), 3_000);
        assert_eq!(config.rtp_timestamp(1 << 31), ((1u64 << 31) * 3_000) as u32);
        assert_eq!(AudioConfig::default().rtp_timestamp(1 << 22), 0);
    }
}
