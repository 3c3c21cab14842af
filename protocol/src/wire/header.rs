//! The frame header: eight bytes before every body.

use bytes::BufMut;

use super::field::{Parsed, array};

/// Bytes of a frame header.
pub const HEADER_LEN: usize = 8;

/// A frame's flags, kept as they came, so that decode then encode gives the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// The frame counts for resume.
    pub const SEQUENCED: Self = Self(0x01);
    /// The body starts with an address of 17 bytes.
    pub const ROUTED: Self = Self(0x02);

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The flags that have a meaning.
    #[must_use]
    pub const fn known(self) -> Self {
        //= WIRE-002
        Self(self.0 & (Self::SEQUENCED.0 | Self::ROUTED.0))
    }
}

/// `kind u16 · flags u8 · reserved u8 · length u32`, network order; the length is that of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// Which message.
    pub kind: u16,
    /// How it is carried.
    pub flags: Flags,
    /// Sent as 0, ignored, kept.
    pub reserved: u8,
    /// Bytes of the body.
    pub length: u32,
}

impl FrameHeader {
    /// Reads a header.
    #[inline]
    pub fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, bytes) = array(input)?;
        Ok((rest, Self::of(bytes)))
    }

    #[inline]
    pub(crate) const fn of(bytes: [u8; HEADER_LEN]) -> Self {
        //= WIRE-001
        let [k0, k1, flags, reserved, l0, l1, l2, l3] = bytes;
        Self {
            kind: u16::from_be_bytes([k0, k1]),
            flags: Flags(flags),
            reserved,
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }

    /// Writes it.
    pub fn write(&self, out: &mut impl BufMut) {
        out.put_slice(&self.bytes());
    }

    #[inline]
    pub(crate) const fn bytes(&self) -> [u8; HEADER_LEN] {
        let [k0, k1] = self.kind.to_be_bytes();
        let [l0, l1, l2, l3] = self.length.to_be_bytes();
        [k0, k1, self.flags.0, self.reserved, l0, l1, l2, l3]
    }
}
