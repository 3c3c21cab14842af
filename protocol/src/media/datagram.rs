//! The bytes of a media datagram: `flow · hop_seq · payload`.
//!
//! ```text
//! flow     QUIC variable-length integer (RFC 9000 §16), at most 2³²−1
//! hop_seq  u16, network order; counts every transmission on the flow, repairs included; absent on flow 0
//! payload  at least one byte; the whole datagram is at most 1,120 bytes
//! ```
//!
//! On flow 0 what follows is media control, see [`Control`]. A flow may be written longer than it needs to be.

use bytes::BufMut;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};

use super::control::Control;
use crate::error::DecodeError;
use crate::id::FlowId;
use crate::limits::MAX_DATAGRAM;
use crate::wire::Parsed;

/// The flow of media control.
pub const CONTROL_FLOW: FlowId = FlowId(0);

/// The largest variable-length integer, 2⁶²−1.
pub const MAX_VARINT: u64 = (1 << 62) - 1;

/// Bytes of the longest header of a media datagram: a flow of eight, `hop_seq` of two.
pub const MAX_HEADER: usize = 10;

/// Reads a variable-length integer (RFC 9000 §16); every length of a value is accepted.
pub fn read_varint(input: &[u8]) -> Parsed<'_, u64> {
    let (_, first) = be_u8(input)?;
    match first >> 6 {
        0 => be_u8(input).map(|(rest, value)| (rest, value.into())),
        1 => be_u16(input).map(|(rest, value)| (rest, (value & 0x3fff).into())),
        2 => be_u32(input).map(|(rest, value)| (rest, (value & 0x3fff_ffff).into())),
        _ => be_u64(input).map(|(rest, value)| (rest, value & MAX_VARINT)),
    }
}

/// Writes a variable-length integer in the fewest bytes; a value over [`MAX_VARINT`] is written as that.
pub fn write_varint(value: u64, out: &mut impl BufMut) {
    match value {
        0..=0x3f => out.put_u8(value as u8),
        0x40..=0x3fff => out.put_u16(value as u16 | 0x4000),
        0x4000..=0x3fff_ffff => out.put_u32(value as u32 | 0x8000_0000),
        _ => out.put_u64(value.min(MAX_VARINT) | 0xc000_0000_0000_0000),
    }
}

/// Writes what stands before the payload of a media datagram.
pub fn write_header(flow: FlowId, hop_seq: u16, out: &mut impl BufMut) {
    write_varint(flow.0.into(), out);
    out.put_u16(hop_seq);
}

/// A media datagram, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A packet of a flow.
    Media {
        /// The flow, not 0.
        flow: FlowId,
        /// The transmission's number.
        hop_seq: u16,
        /// An RTP packet, or its ciphertext on a sealed flow.
        payload: &'a [u8],
    },
    /// Media control, on flow 0.
    Control(Control<'a>),
}

impl<'a> Datagram<'a> {
    /// Reads a whole datagram. `TooLong`: over 1,120 bytes; `BadValue`: a flow over 2³²−1.
    pub fn read(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        //= MEDIA-021
        if datagram.len() > MAX_DATAGRAM {
            return Err(DecodeError::TooLong);
        }
        match Self::parse(datagram) {
            Ok(([], datagram)) => Ok(datagram),
            Ok(_) => Err(DecodeError::Trailing),
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
            Err(nom::Err::Incomplete(_)) => Err(DecodeError::Truncated),
        }
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        //= MEDIA-020
        let (rest, flow) = read_varint(input)?;
        let Ok(flow) = u32::try_from(flow).map(FlowId) else {
            return Err(nom::Err::Error(DecodeError::BadValue));
        };
        if flow == CONTROL_FLOW {
            let (rest, control) = Control::read(rest)?;
            return Ok((rest, Self::Control(control)));
        }
        let (payload, hop_seq) = be_u16(rest)?;
        if payload.is_empty() {
            return Err(nom::Err::Error(DecodeError::Truncated));
        }
        Ok((
            &[],
            Self::Media {
                flow,
                hop_seq,
                payload,
            },
        ))
    }
}
