//! The RTP header (RFC 3550 §5.1), borrowed and checked once.

use core::ops::Range;

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};

use crate::error::DecodeError;
use crate::wire::Parsed;

/// An RTP packet whose header, CSRC list, extension and padding have been checked against its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpHeader<'a> {
    packet: &'a [u8],
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    start: usize,
    end: usize,
}

impl<'a> RtpHeader<'a> {
    /// Reads the header of `packet`. `BadValue`: another version than 2, or padding longer than the payload;
    /// `Truncated`: a CSRC list or an extension that does not fit.
    pub fn parse(packet: &'a [u8]) -> Result<Self, DecodeError> {
        match Self::read(packet) {
            Ok((_, header)) => Ok(header),
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
            Err(nom::Err::Incomplete(_)) => Err(DecodeError::Truncated),
        }
    }

    fn read(packet: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (first, second, sequence, timestamp, ssrc)) =
            (be_u8, be_u8, be_u16, be_u32, be_u32).parse_complete(packet)?;
        if first >> 6 != 2 {
            return Err(nom::Err::Error(DecodeError::BadValue));
        }
        let csrcs = u32::from(first & 0x0f).saturating_mul(4);
        let (mut rest, _) = take(csrcs).parse_complete(rest)?;
        if first & 0x10 != 0 {
            let (after, (_profile, words)) = (be_u16, be_u16).parse_complete(rest)?;
            let (after, _) = take(u32::from(words).saturating_mul(4)).parse_complete(after)?;
            rest = after;
        }
        let padding = match rest.last() {
            _ if first & 0x20 == 0 => 0,
            Some(&count) if count > 0 && usize::from(count) <= rest.len() => usize::from(count),
            _ => return Err(nom::Err::Error(DecodeError::BadValue)),
        };
        let header = Self {
            packet,
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence,
            timestamp,
            ssrc,
            start: packet.len().saturating_sub(rest.len()),
            end: packet.len().saturating_sub(padding),
        };
        Ok((&[], header))
    }

    /// What the payload is, 7 bits.
    pub const fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// The marker bit: for video the last packet of a frame.
    pub const fn marker(&self) -> bool {
        self.marker
    }

    /// The sequence number.
    pub const fn sequence(&self) -> u16 {
        self.sequence
    }

    /// The media time, in units of the clock rate.
    pub const fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The synchronisation source.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Where the payload lies in the packet, without padding.
    pub const fn payload_range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The payload, without padding.
    pub fn payload(&self) -> &'a [u8] {
        self.packet.get(self.payload_range()).unwrap_or_default()
    }
}
