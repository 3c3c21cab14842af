//! Numbers that mean nothing and are sent at random from day one, so that nobody's parser ossifies (after RFC 8701).

use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};

use super::header::{Flags, FrameHeader, HEADER_LEN};
use super::params::Params;
use crate::seed::Random;

/// The low byte of every reserved kind and parameter.
const RESERVED_LOW: u64 = 0xaa;

/// Whether an unknown kind is skipped; below this range it ends the session.
pub const fn is_ignorable(kind: u16) -> bool {
    kind >= 0x8000
}

/// Whether a kind is reserved: ignorable, with the low byte 0xAA.
pub const fn is_reserved_kind(kind: u16) -> bool {
    is_ignorable(kind) && (kind & 0xff) as u64 == RESERVED_LOW
}

/// Whether a parameter is reserved: the low byte is 0xAA.
pub const fn is_reserved_param(id: u16) -> bool {
    (id & 0xff) as u64 == RESERVED_LOW
}

/// One reserved parameter with a random value of up to 7 bytes, or none: half of the time.
pub(crate) fn reserved_param(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    if random.below(2) == 0 {
        let id = (random.below(0x100) << 8) | RESERVED_LOW;
        let value = random.id();
        let value = value.get(..random.below(8) as usize).unwrap_or_default();
        Params::append(&mut out, id as u16, value);
    }
    out
}

/// A frame of a reserved kind with a random body of up to 31 bytes, sequenced or not as `sequenced` says.
pub(crate) fn reserved_frame(random: &mut Random, sequenced: bool) -> Bytes {
    let kind = 0x8000 | (random.below(0x80) << 8) | RESERVED_LOW;
    let body = random.token();
    let body = body.get(..random.below(32) as usize).unwrap_or_default();
    let mut out = BytesMut::with_capacity(HEADER_LEN.saturating_add(body.len()));
    let flags = if sequenced {
        Flags::SEQUENCED
    } else {
        Flags::default()
    };
    FrameHeader {
        kind: kind as u16,
        flags,
        reserved: 0,
        length: body.len() as u32,
    }
    .write(&mut out);
    out.put_slice(body);
    out.freeze()
}
