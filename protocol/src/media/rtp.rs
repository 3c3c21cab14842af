//! The RTP header (RFC 3550 §5.1), borrowed and checked once.

use core::ops::Range;

use crate::error::DecodeError;

/// Bytes of the fixed header.
const FIXED: usize = 12;

/// Version 2, and nothing of what is optional: no padding, no extension, no contributing source.
const PLAIN: u8 = 0x80;

/// An RTP packet whose header, CSRC list, extension and padding have been checked against its length. Its fields are
/// read where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpHeader<'a> {
    fixed: &'a [u8; FIXED],
    start: usize,
    payload: &'a [u8],
}

impl<'a> RtpHeader<'a> {
    /// Reads the header of `packet`. `BadValue`: another version than 2, or padding longer than the payload;
    /// `Truncated`: a CSRC list or an extension that does not fit.
    #[inline]
    pub fn parse(packet: &'a [u8]) -> Result<Self, DecodeError> {
        let Some((fixed @ [first, ..], rest)) = packet.split_first_chunk::<FIXED>() else {
            return Err(DecodeError::Truncated);
        };
        let (start, payload) = if *first == PLAIN {
            (FIXED, rest)
        } else {
            let range = payload(packet, *first)?;
            (range.start, packet.get(range).unwrap_or_default())
        };
        Ok(Self {
            fixed,
            start,
            payload,
        })
    }

    /// What the payload is, 7 bits.
    #[inline]
    pub const fn payload_type(&self) -> u8 {
        let [_, second, ..] = *self.fixed;
        second & 0x7f
    }

    /// The marker bit: for video the last packet of a frame.
    #[inline]
    pub const fn marker(&self) -> bool {
        let [_, second, ..] = *self.fixed;
        second & 0x80 != 0
    }

    /// The sequence number.
    #[inline]
    pub const fn sequence(&self) -> u16 {
        let [_, _, high, low, ..] = *self.fixed;
        u16::from_be_bytes([high, low])
    }

    /// The media time, in units of the clock rate.
    #[inline]
    pub const fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The synchronisation source.
    #[inline]
    pub const fn ssrc(&self) -> u32 {
        let [.., a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Where the payload lies in the packet, without padding.
    #[inline]
    pub const fn payload_range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.payload.len())
    }

    /// The payload, without padding.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Where the payload of a packet lies that may have everything that is optional; `first` is its first byte.
#[inline]
fn payload(packet: &[u8], first: u8) -> Result<Range<usize>, DecodeError> {
    if first >> 6 != 2 {
        return Err(DecodeError::BadValue);
    }
    let mut start = FIXED.saturating_add(usize::from(first & 0x0f).saturating_mul(4));
    if first & 0x10 != 0 {
        let extension = packet.get(start..).and_then(|rest| rest.first_chunk::<4>());
        let [_, _, high, low] = *extension.ok_or(DecodeError::Truncated)?;
        let words = usize::from(u16::from_be_bytes([high, low]));
        start = start
            .saturating_add(4)
            .saturating_add(words.saturating_mul(4));
    }
    let rest = packet.get(start..).ok_or(DecodeError::Truncated)?;
    let padding = match rest.last() {
        _ if first & 0x20 == 0 => 0,
        Some(&count) if count > 0 && usize::from(count) <= rest.len() => usize::from(count),
        _ => return Err(DecodeError::BadValue),
    };
    Ok(start..packet.len().saturating_sub(padding))
}
