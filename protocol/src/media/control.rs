//! Media control: what the two ends of a hop tell each other on flow 0, `0x00 · type u8 · body`.
//!
//! ```text
//! 1 FEEDBACK          block*, then report_timestamp u32              receiver of a flow → its sender
//!     block           flow u32 · begin_seq u16 · num_reports u16 · report u16 × num_reports · padding to 4 bytes
//!     report          R 1 bit (received) · ECN 2 bits · ATO 13 bits; all zero where R is 0
//! 2 DEMAND            { flow u32 · on u8 (0 | 1) · rate u32 }*       receiver of a flow → its sender
//! 3 KEYFRAME_REQUEST  flow u32                                       receiver of a flow → its sender
//! 4 SYNC              flow u32 · rtp_time u32 · sender_clock u64     sender of a flow → its receiver
//! ```
//!
//! FEEDBACK is RFC 8888 §3.1 with the flow in the place of the SSRC and `hop_seq` in the place of the RTP sequence
//! number. ATO is the packet's age at the report timestamp in units of 1/1024 s; 0x1FFE stands for anything older, 0x1FFF
//! for not measured. The report timestamp is in units of 1/65536 s on a clock of the receiver's choice. `rate` is in
//! bits a second, 0 for no limit; `sender_clock` in microseconds on a clock that all flows of the sender share.
//! Unknown types are ignored, and so are flows that nobody announced.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::BufMut;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};

use crate::error::DecodeError;
use crate::id::FlowId;
use crate::wire::Parsed;

pub(super) const FEEDBACK: u8 = 1;
pub(super) const DEMAND: u8 = 2;
pub(super) const KEYFRAME_REQUEST: u8 = 3;
pub(super) const SYNC: u8 = 4;

/// The ECN field of an IP packet (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// Not of a capable transport, or not known.
    #[default]
    NotEct,
    /// Of a capable transport, ECT(1).
    Ect1,
    /// Of a capable transport, ECT(0).
    Ect0,
    /// Congestion experienced.
    Ce,
}

impl Ecn {
    /// The field with these two bits; others than the last two do not matter.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The field's two bits.
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0,
            Self::Ect1 => 1,
            Self::Ect0 => 2,
            Self::Ce => 3,
        }
    }
}

/// One packet's row in FEEDBACK: `R 1 bit · ECN 2 bits · ATO 13 bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report(pub u16);

impl Report {
    /// It did not arrive.
    pub const MISSING: Self = Self(0);
    const OLDER: u16 = 0x1ffe;
    const UNKNOWN: u16 = 0x1fff;

    /// It arrived `age` before the report's timestamp with these ECN bits.
    pub fn received(ecn: u8, age: Duration) -> Self {
        let units = age.as_micros().saturating_mul(16) / 15_625;
        let offset = u16::try_from(units).unwrap_or(Self::OLDER).min(Self::OLDER);
        Self(0x8000 | u16::from(ecn & 3) << 13 | offset)
    }

    /// Whether it arrived.
    pub const fn is_received(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// Whether a router marked it as having met congestion (ECN-CE).
    pub const fn is_ce(self) -> bool {
        self.is_received() && self.0 & 0x6000 == 0x6000
    }

    /// How long before the report's timestamp it arrived; none where that is missing or out of range.
    pub fn age(self) -> Option<Duration> {
        let offset = self.0 & 0x1fff;
        let known = self.is_received() && offset != Self::UNKNOWN && offset != Self::OLDER;
        known.then(|| Duration::from_micros(u64::from(offset).saturating_mul(15_625) / 16))
    }
}

/// The reports on one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Which flow.
    pub flow: FlowId,
    /// The `hop_seq` of the first report; each further report is of the next one.
    pub begin_seq: u16,
    reports: &'a [u8],
}

impl<'a> Block<'a> {
    /// Appends a block; padding is zero. At most 65,535 reports are written.
    pub fn append(out: &mut Vec<u8>, flow: FlowId, begin_seq: u16, reports: &[Report]) {
        let reports = reports.get(..usize::from(u16::MAX)).unwrap_or(reports);
        out.put_u32(flow.0);
        out.put_u16(begin_seq);
        out.put_u16(reports.len() as u16);
        reports.iter().for_each(|report| out.put_u16(report.0));
        if reports.len() % 2 == 1 {
            out.put_u16(0);
        }
    }

    /// Each report, in order of `hop_seq`.
    pub fn reports(&self) -> impl Iterator<Item = Report> + use<'a> {
        self.reports.chunks_exact(2).map(|pair| match *pair {
            [high, low] => Report(u16::from_be_bytes([high, low])),
            _ => Report::MISSING,
        })
    }

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        //= MEDIA-024
        let (rest, (flow, begin_seq, count)) = (be_u32, be_u16, be_u16).parse_complete(input)?;
        let bytes = u32::from(count).saturating_mul(2);
        let (rest, reports) = take(bytes).parse_complete(rest)?;
        let (rest, _padding) = take(bytes % 4).parse_complete(rest)?;
        Ok((
            rest,
            Self {
                flow: FlowId(flow),
                begin_seq,
                reports,
            },
        ))
    }
}

/// The body of FEEDBACK, still encoded, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// When the report was made, in units of 1/65536 s on the receiver's clock.
    pub timestamp: u32,
    blocks: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// A report of blocks that [`Block::append`] wrote.
    pub const fn new(blocks: &'a [u8], timestamp: u32) -> Self {
        Self { timestamp, blocks }
    }

    /// Each block, in order.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'a>> + use<'a> {
        let mut rest = self.blocks;
        core::iter::from_fn(move || {
            let (after, block) = Block::read(rest).ok()?;
            rest = after;
            Some(block)
        })
    }

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (timestamp, blocks) = take(input.len().saturating_sub(4)).parse_complete(input)?;
        let mut walked = blocks;
        while !walked.is_empty() {
            let (after, _) = Block::read(walked)?;
            walked = after;
        }
        let (rest, timestamp) = be_u32(timestamp)?;
        Ok((rest, Self { timestamp, blocks }))
    }
}

/// What the receiver of a flow wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand {
    /// Which flow.
    pub flow: FlowId,
    /// Whether anybody wants it at all.
    pub on: bool,
    /// The most that the receiver can take, in bits a second; 0 for no limit.
    pub rate: u32,
}

impl Demand {
    /// Bytes of an entry.
    pub const LEN: usize = 9;

    /// Appends an entry.
    pub fn append(&self, out: &mut Vec<u8>) {
        out.put_u32(self.flow.0);
        out.put_u8(self.on.into());
        out.put_u32(self.rate);
    }

    fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, (flow, on, rate)) = (be_u32, be_u8, be_u32).parse_complete(input)?;
        if on > 1 {
            return Err(nom::Err::Error(DecodeError::BadValue));
        }
        Ok((
            rest,
            Self {
                flow: FlowId(flow),
                on: on == 1,
                rate,
            },
        ))
    }
}

/// The body of DEMAND, still encoded, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands<'a>(&'a [u8]);

impl<'a> Demands<'a> {
    /// A body of entries that [`Demand::append`] wrote.
    pub const fn new(entries: &'a [u8]) -> Self {
        Self(entries)
    }

    /// Each entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = Demand> + use<'a> {
        self.0
            .chunks_exact(Demand::LEN)
            .filter_map(|entry| Some(Demand::read(entry).ok()?.1))
    }

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let mut walked = input;
        while !walked.is_empty() {
            let (after, _) = Demand::read(walked)?;
            walked = after;
        }
        Ok((walked, Self(input)))
    }
}

/// A message on flow 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// What arrived of the flows that the reporter receives.
    Feedback(Feedback<'a>),
    /// Which flows are wanted, and how much of each.
    Demand(Demands<'a>),
    /// The receiver of a video flow cannot go on without a keyframe.
    KeyframeRequest {
        /// Which flow.
        flow: FlowId,
    },
    /// Two clocks at one instant, for playing flows in step.
    Sync {
        /// Which flow.
        flow: FlowId,
        /// The flow's RTP time.
        rtp_time: u32,
        /// The sender's clock at that time, in microseconds; shared by all of its flows.
        sender_clock: u64,
    },
    /// A type that this revision does not know, to be ignored.
    Unknown {
        /// The type.
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
}

impl<'a> Control<'a> {
    /// Reads what follows the flow: type and body.
    pub fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (body, kind) = be_u8(input)?;
        match kind {
            FEEDBACK => Feedback::read(body).map(|(rest, value)| (rest, Self::Feedback(value))),
            DEMAND => Demands::read(body).map(|(rest, value)| (rest, Self::Demand(value))),
            KEYFRAME_REQUEST => {
                let (rest, flow) = be_u32(body)?;
                Ok((rest, Self::KeyframeRequest { flow: FlowId(flow) }))
            }
            SYNC => {
                let (rest, (flow, rtp_time, sender_clock)) =
                    (be_u32, be_u32, be_u64).parse_complete(body)?;
                Ok((
                    rest,
                    Self::Sync {
                        flow: FlowId(flow),
                        rtp_time,
                        sender_clock,
                    },
                ))
            }
            _ => Ok((&[], Self::Unknown { kind, body })),
        }
    }

    /// Appends the whole datagram, flow 0 included.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_u8(0);
        match *self {
            Self::Feedback(feedback) => {
                out.put_u8(FEEDBACK);
                out.extend_from_slice(feedback.blocks);
                out.put_u32(feedback.timestamp);
            }
            Self::Demand(Demands(entries)) => {
                out.put_u8(DEMAND);
                out.extend_from_slice(entries);
            }
            Self::KeyframeRequest { flow } => {
                out.put_u8(KEYFRAME_REQUEST);
                out.put_u32(flow.0);
            }
            Self::Sync {
                flow,
                rtp_time,
                sender_clock,
            } => {
                out.put_u8(SYNC);
                out.put_u32(flow.0);
                out.put_u32(rtp_time);
                out.put_u64(sender_clock);
            }
            Self::Unknown { kind, body } => {
                out.put_u8(kind);
                out.extend_from_slice(body);
            }
        }
    }
}
