//! RTP header and sequence order (RFC 3550 §5.1 and appendix A.1), as far as a receiver of one stream needs them.

/// Fields of one RTP packet, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet in `bytes`, or nothing where they are not RTP version 2 or end too early.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<12>()?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let mut payload = rest.get(usize::from(flags & 0x0f) * 4..)?;
        if flags & 0x10 != 0 {
            let ([_, _, high, low], extension) = payload.split_first_chunk::<4>()?;
            payload = extension.get(usize::from(u16::from_be_bytes([*high, *low])) * 4..)?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            let end = payload.len().checked_sub(padding).filter(|_| padding > 0)?;
            payload = payload.get(..end)?;
        }
        Some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload,
        })
    }
}

/// Place of a packet in the order of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Directly behind the one before.
    Next,
    /// Ahead: packets are missing in front of it, or it is the first.
    Gap,
    /// Behind what has been used, or so far off that it needs a second witness.
    Stray,
}

/// Order of one stream's sequence numbers.
///
/// One packet with a wild number does not move it: as in RFC 3550 A.1, a far jump counts once a second packet follows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    expected: Option<u16>,
    suspect: Option<u16>,
}

impl Sequence {
    /// Furthest distance, in packets, that is a gap or a late packet and not a jump.
    const REACH: u16 = 3_000;

    pub(crate) fn place(&mut self, sequence: u16) -> Place {
        let place = match self.expected {
            None => Place::Gap,
            Some(expected) => {
                let ahead = sequence.wrapping_sub(expected);
                let behind = expected.wrapping_sub(sequence);
                if ahead == 0 {
                    Place::Next
                } else if ahead < Self::REACH
                    || (behind > Self::REACH && self.suspect == Some(sequence))
                {
                    Place::Gap
                } else {
                    if behind > Self::REACH {
                        self.suspect = Some(sequence.wrapping_add(1));
                    }
                    Place::Stray
                }
            }
        };
        if place != Place::Stray {
            self.expected = Some(sequence.wrapping_add(1));
            self.suspect = None;
        }
        place
    }
}

/// RTP timestamps made continuous over their 32-bit wrap.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    last: u32,
    extended: i64,
}

impl Timeline {
    /// Timeline whose zero is the timestamp `zero`.
    pub(crate) fn new(zero: u32) -> Self {
        Self {
            last: zero,
            extended: 0,
        }
    }

    /// Ticks since zero; a step of less than 2³¹ either way is followed.
    pub(crate) fn extend(&mut self, timestamp: u32) -> i64 {
        self.extended += i64::from(timestamp.wrapping_sub(self.last) as i32);
        self.last = timestamp;
        self.extended
    }
}

/// Nanoseconds of `ticks` of a clock, rounded up, so that cutting back to ticks gives the same number.
pub(crate) fn nanoseconds(ticks: u64, clock: u32) -> u64 {
    let exact = (u128::from(ticks) * 1_000_000_000).div_ceil(u128::from(clock.max(1)));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_with_everything_optional() {
        let mut bytes = vec![0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 5, 0, 0, 0, 6];
        bytes.extend([9; 4]); // one CSRC
        bytes.extend([0xbe, 0xde, 0, 1, 1, 1, 1, 1]); // an extension of one word
        bytes.extend([7, 8, 0, 2]); // two bytes of payload, two of padding
        let packet = Packet::parse(&bytes).expect("valid");
        assert_eq!(
            (packet.marker, packet.payload_type, packet.sequence),
            (true, 96, 0x1234)
        );
        assert_eq!(
            (packet.timestamp, packet.ssrc, packet.payload),
            (5, 6, &[7, 8][..])
        );
        for end in 0..bytes.len() - 1 {
            if let Some(cut) = Packet::parse(&bytes[..end]) {
                assert!(cut.payload.len() <= end - 12);
            }
        }
        assert_eq!(Packet::parse(&[0x40; 12]), None, "version 1");
        assert_eq!(Packet::parse(&[0x80; 11]), None, "too short");
    }

    #[test]
    fn order_gap_late_wrap_and_jump() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.place(65_534), Place::Gap);
        assert_eq!(sequence.place(65_535), Place::Next);
        assert_eq!(sequence.place(0), Place::Next);
        assert_eq!(sequence.place(2), Place::Gap);
        assert_eq!(sequence.place(1), Place::Stray);
        assert_eq!(
            sequence.place(30_000),
            Place::Stray,
            "one wild packet moves nothing"
        );
        assert_eq!(sequence.place(3), Place::Next);
        assert_eq!(sequence.place(30_000), Place::Stray);
        assert_eq!(sequence.place(30_001), Place::Gap, "a second one does");
        assert_eq!(sequence.place(30_002), Place::Next);
    }

    #[test]
    fn late_packets_in_a_row_do_not_turn_the_order_back() {
        let mut sequence = Sequence::default();
        sequence.place(500);
        for late in [400, 401, 402] {
            assert_eq!(sequence.place(late), Place::Stray);
        }
        assert_eq!(sequence.place(501), Place::Next);
    }

    #[test]
    fn timeline_follows_the_wrap() {
        let mut line = Timeline::new(u32::MAX - 9);
        assert_eq!(line.extend(u32::MAX), 9);
        assert_eq!(line.extend(20), 30);
        assert_eq!(line.extend(u32::MAX), 9);
    }

    #[test]
    fn nanoseconds_cut_back_to_the_same_tick() {
        for ticks in (0..3_000_000).step_by(1_001) {
            for clock in [90_000, 48_000, 44_100] {
                assert_eq!(
                    nanoseconds(ticks, clock) * u64::from(clock) / 1_000_000_000,
                    ticks
                );
            }
        }
    }
}
