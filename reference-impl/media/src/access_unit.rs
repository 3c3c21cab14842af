//! Access units of an H.264 RTP stream: all packets of one picture, or none of them (RFC 6184 §5).

use bytes::Bytes;

use crate::config::VideoConfig;
use crate::rtp::{Packet, Place, Sequence};

/// Packets of one picture, complete and in order.
///
/// They are numbered anew, without the gaps of what was dropped: the depayloader sees whole pictures only.
#[derive(Debug, Clone)]
pub(crate) struct AccessUnit {
    pub(crate) timestamp: u32,
    /// An IDR picture that brings its sequence parameter set: decoding can start here.
    pub(crate) key: bool,
    pub(crate) packets: Vec<Bytes>,
}

/// What one packet led to: first the loss, then the units that it completed.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) lost: bool,
    pub(crate) units: Vec<AccessUnit>,
}

/// Collector of one stream's packets into access units.
///
/// A unit is complete when its packets have consecutive sequence numbers from one that begins a picture to the marker bit, or
/// to a change of timestamp. Packets of another stream, late ones and ones that are not H.264 in RTP are passed over.
#[derive(Debug)]
pub(crate) struct Assembler {
    payload_type: u8,
    ssrc: u32,
    sequence: Sequence,
    partial: Option<Partial>,
    /// The packets up to the next beginning of a picture belong to one whose beginning is lost.
    headless: bool,
    /// Sequence number of the next packet that goes on.
    renumbered: u16,
}

#[derive(Debug)]
struct Partial {
    timestamp: u32,
    idr: bool,
    parameters: bool,
    packets: Vec<Vec<u8>>,
}

impl Partial {
    fn complete(mut self, next: &mut u16) -> AccessUnit {
        for packet in &mut self.packets {
            if let Some(field) = packet.get_mut(2..4) {
                field.copy_from_slice(&next.to_be_bytes());
            }
            *next = next.wrapping_add(1);
        }
        AccessUnit {
            timestamp: self.timestamp,
            key: self.idr && self.parameters,
            packets: self.packets.into_iter().map(Bytes::from).collect(),
        }
    }
}

impl Assembler {
    /// Most packets of one picture; at 1,040 bytes each about 4 MB.
    const MAX_PACKETS: usize = 4_096;

    pub(crate) fn new(config: &VideoConfig) -> Self {
        Self {
            payload_type: config.payload_type,
            ssrc: config.ssrc,
            sequence: Sequence::default(),
            partial: None,
            headless: true,
            renumbered: 0,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Step {
        let mut step = Step::default();
        let Some(packet) = Packet::parse(bytes) else {
            return step;
        };
        if packet.payload_type != self.payload_type || packet.ssrc != self.ssrc {
            return step;
        }
        let content = Content::of(packet.payload);
        match self.sequence.place(packet.sequence) {
            Place::Stray => return step,
            Place::Next => {}
            Place::Gap => {
                step.lost = true;
                self.partial = None;
                self.headless = true;
            }
        }
        if self
            .partial
            .as_ref()
            .is_some_and(|partial| partial.timestamp != packet.timestamp)
        {
            self.complete(&mut step);
        }
        if self.partial.is_none() && self.headless && !content.begins {
            self.headless = !packet.marker;
            return step;
        }
        self.headless = false;
        let partial = self.partial.get_or_insert_with(|| Partial {
            timestamp: packet.timestamp,
            idr: false,
            parameters: false,
            packets: Vec::new(),
        });
        partial.idr |= content.idr;
        partial.parameters |= content.parameters;
        partial.packets.push(bytes.to_vec());
        if packet.marker {
            self.complete(&mut step);
        } else if partial.packets.len() >= Self::MAX_PACKETS {
            step.lost = true;
            self.partial = None;
            self.headless = true;
        }
        step
    }

    fn complete(&mut self, step: &mut Step) {
        if let Some(partial) = self.partial.take() {
            step.units.push(partial.complete(&mut self.renumbered));
        }
    }
}

/// What the NAL units of one packet say about its picture.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// The first unit can only stand at the beginning of an access unit (H.264 §7.4.1.2.3), or is its first slice.
    begins: bool,
    idr: bool,
    parameters: bool,
}

impl Content {
    fn of(payload: &[u8]) -> Self {
        let mut content = Self::default();
        match payload {
            [head, body @ ..] if matches!(head & 0x1f, 1..=23) => {
                content.add(head & 0x1f, body.first(), true)
            }
            [head, list @ ..] if head & 0x1f == 24 => {
                let mut rest = list;
                let mut first = true;
                while let Some(([high, low], tail)) = rest.split_first_chunk::<2>() {
                    let Some((unit, after)) =
                        tail.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
                    else {
                        break;
                    };
                    if let [head, body @ ..] = unit {
                        content.add(head & 0x1f, body.first(), first);
                    }
                    first = false;
                    rest = after;
                }
            }
            [head, fragment, body @ ..] if head & 0x1f == 28 => {
                content.add(fragment & 0x1f, body.first(), fragment & 0x80 != 0);
            }
            _ => {}
        }
        content
    }

    fn add(&mut self, kind: u8, slice: Option<&u8>, first: bool) {
        // first_mb_in_slice is the first field of a slice header; Exp-Golomb 0 is a single set bit.
        let first_slice = slice.is_some_and(|byte| byte & 0x80 != 0);
        self.begins |= first && (matches!(kind, 6..=9) || (matches!(kind, 1 | 5) && first_slice));
        self.idr |= kind == 5;
        self.parameters |= kind == 7;
    }
}

/// Whether the packet carries a slice of an IDR picture, whole, aggregated or as a fragment (NAL unit type 5).
///
/// Anything that is not H.264 in RTP is `false`.
pub fn carries_idr(rtp: &[u8]) -> bool {
    Packet::parse(rtp).is_some_and(|packet| Content::of(packet.payload).idr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        let config = VideoConfig::default();
        let mut bytes = vec![0x80, config.payload_type | if marker { 0x80 } else { 0 }];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend(config.ssrc.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    const IDR: &[u8] = &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 1, 0, 2, 0x65, 0x80];
    const BEGIN: &[u8] = &[0x7c, 0x81, 0x80];
    const REST: &[u8] = &[0x7c, 0x41, 0x00];

    #[test]
    fn complete_units_come_out_with_the_marker() {
        let mut assembler = Assembler::new(&VideoConfig::default());
        let step = assembler.push(&packet(7, 0, true, IDR));
        assert!(step.lost, "what came before the first packet is not known");
        assert!(step.units[0].key);
        assert!(
            assembler
                .push(&packet(8, 3_000, false, BEGIN))
                .units
                .is_empty()
        );
        let step = assembler.push(&packet(9, 3_000, true, REST));
        assert!(!step.lost);
        assert_eq!(
            (
                step.units[0].timestamp,
                step.units[0].packets.len(),
                step.units[0].key
            ),
            (3_000, 2, false)
        );
    }

    #[test]
    fn a_loss_anywhere_in_a_unit_drops_that_unit_only() {
        let stream: Vec<Vec<u8>> = (0..12u16)
            .map(|n| {
                packet(
                    n,
                    u32::from(n / 3) * 3_000,
                    n % 3 == 2,
                    if n % 3 == 0 { BEGIN } else { REST },
                )
            })
            .collect();
        for lost in 3..9 {
            let mut assembler = Assembler::new(&VideoConfig::default());
            let units: Vec<u32> = stream
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != lost)
                .flat_map(|(_, bytes)| assembler.push(bytes).units)
                .map(|unit| unit.timestamp / 3_000)
                .collect();
            let expected: Vec<u32> = (0..4).filter(|unit| *unit as usize != lost / 3).collect();
            assert_eq!(units, expected, "packet {lost}");
        }
    }

    #[test]
    fn a_missing_marker_ends_with_the_next_timestamp() {
        let mut assembler = Assembler::new(&VideoConfig::default());
        assembler.push(&packet(0, 0, false, IDR));
        let step = assembler.push(&packet(1, 3_000, true, BEGIN));
        assert_eq!(
            step.units
                .iter()
                .map(|unit| unit.timestamp)
                .collect::<Vec<_>>(),
            [0, 3_000]
        );
    }

    #[test]
    fn an_idr_without_its_parameters_is_no_start() {
        let mut assembler = Assembler::new(&VideoConfig::default());
        assert!(!assembler.push(&packet(0, 0, true, &[0x65, 0x80])).units[0].key);
        assert!(
            carries_idr(&packet(0, 0, true, &[0x7c, 0x05, 0])),
            "a later fragment"
        );
        assert!(!carries_idr(&packet(0, 0, true, REST)));
    }

    #[test]
    fn another_stream_is_passed_over() {
        let mut assembler = Assembler::new(&VideoConfig {
            ssrc: 99,
            ..VideoConfig::default()
        });
        let step = assembler.push(&packet(0, 0, true, IDR));
        assert!(!step.lost && step.units.is_empty());
    }
}
