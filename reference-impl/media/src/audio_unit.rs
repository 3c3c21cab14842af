//! AAC access units in RTP: RFC 3640, mode AAC-hbr, exactly one unit a packet.

use gstreamer as gst;

use crate::config::AudioConfig;
use crate::rtp::Packet;

/// Bits of the one AU header: 13 of size, 3 of index.
const HEADER_BITS: u16 = 16;

/// RTP timestamp, sequence number and AAC access unit of a packet of this stream; nothing where it is anything else.
pub(crate) fn access_unit<'a>(config: &AudioConfig, rtp: &'a [u8]) -> Option<(u32, u16, &'a [u8])> {
    let packet = Packet::parse(rtp)?;
    if packet.payload_type != config.payload_type || packet.ssrc != config.ssrc {
        return None;
    }
    let ([b0, b1, b2, b3], unit) = packet.payload.split_first_chunk::<4>()?;
    let size = usize::from(u16::from_be_bytes([*b2, *b3]) >> 3);
    let whole = u16::from_be_bytes([*b0, *b1]) == HEADER_BITS
        && b3 & 7 == 0
        && size == unit.len()
        && size > 0;
    whole.then_some((packet.timestamp, packet.sequence, unit))
}

/// Caps of raw AAC access units that this AudioSpecificConfig describes.
pub(crate) fn aac_caps(config: &AudioConfig, specific: &[u8]) -> gst::Caps {
    gst::Caps::builder("audio/mpeg")
        .field("mpegversion", 4)
        .field("stream-format", "raw")
        .field("framed", true)
        .field("rate", config.rate as i32)
        .field("channels", config.channels as i32)
        .field("codec_data", gst::Buffer::from_slice(specific.to_vec()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80, 0x80 | 97, 0, 1, 0, 0, 4, 0, 0, 0, 0, 0x41];
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn one_unit_and_nothing_else() {
        let config = AudioConfig::default();
        assert_eq!(
            access_unit(&config, &packet(&[0, 16, 0, 3 << 3, 1, 2, 3])),
            Some((1_024, 1, &[1, 2, 3][..]))
        );
        let bad: [&[u8]; 5] = [
            &[],
            &[0, 16, 0, 3 << 3, 1, 2],
            &[0, 32, 0, 1 << 3, 1],
            &[0, 16, 0, 1 << 3 | 1, 1],
            &[0, 16, 0, 0],
        ];
        for payload in bad {
            assert_eq!(access_unit(&config, &packet(payload)), None, "{payload:?}");
        }
        assert_eq!(
            access_unit(
                &AudioConfig { ssrc: 1, ..config },
                &packet(&[0, 16, 0, 8, 1])
            ),
            None
        );
    }
}
