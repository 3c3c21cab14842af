//! Every message, by area; the high byte of a kind is its area.

#[macro_use]
mod declare;

pub mod call;
pub mod channel;
pub mod directory;
pub mod media;
pub mod room;
pub mod session;

use alloc::vec::Vec;

use bytes::Bytes;

pub use call::Media;

use crate::error::{DecodeError, Violation};
use crate::wire::{
    Flags, Frame, FrameHeader, HEADER_LEN, MessageSchema, Parsed, Sender, is_ignorable,
};

/// What every message can do.
pub trait Wire<'a>: Sized {
    /// What it looks like.
    const SCHEMA: MessageSchema;

    /// Reads a body.
    fn read(input: &'a [u8]) -> Parsed<'a, Self>;

    /// Appends the body.
    fn write(&self, out: &mut Vec<u8>);

    /// Appends the whole frame.
    fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let header = FrameHeader {
            kind: Self::SCHEMA.kind,
            flags: Self::SCHEMA.flags,
            reserved: 0,
            length: 0,
        };
        header.write(out);
        self.write(out);
        let body = out.len().saturating_sub(start).saturating_sub(HEADER_LEN) as u32;
        let length_at = start.saturating_add(4);
        if let Some(slot) = out
            .get_mut(length_at..)
            .and_then(|tail| tail.first_chunk_mut::<4>())
        {
            *slot = body.to_be_bytes();
        }
    }

    /// The whole frame.
    fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        self.encode_into(&mut out);
        Bytes::from(out)
    }
}

/// A message, by area.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// Kinds 0x01xx.
    Session(session::Message<'a>),
    /// Kinds 0x02xx.
    Directory(directory::Message<'a>),
    /// Kinds 0x03xx.
    Room(room::Message<'a>),
    /// Kinds 0x04xx.
    Channel(channel::Message<'a>),
    /// Kinds 0x06xx.
    Call(call::Message<'a>),
    /// Kinds 0x07xx.
    Media(media::Message<'a>),
}

impl<'a> Message<'a> {
    /// Reads a body of this kind; `None` where the kind is unknown.
    #[inline]
    pub fn decode(kind: u16, body: &'a [u8]) -> Option<Result<Self, DecodeError>> {
        match kind >> 8 {
            0x01 => session::Message::decode(kind, body).map(|read| read.map(Self::Session)),
            0x02 => directory::Message::decode(kind, body).map(|read| read.map(Self::Directory)),
            0x03 => room::Message::decode(kind, body).map(|read| read.map(Self::Room)),
            0x04 => channel::Message::decode(kind, body).map(|read| read.map(Self::Channel)),
            0x06 => call::Message::decode(kind, body).map(|read| read.map(Self::Call)),
            0x07 => media::Message::decode(kind, body).map(|read| read.map(Self::Media)),
            _ => None,
        }
    }
}

/// Every message's schema, in order of number.
pub fn schemas() -> impl Iterator<Item = &'static MessageSchema> {
    [
        session::SCHEMAS,
        directory::SCHEMAS,
        room::SCHEMAS,
        channel::SCHEMAS,
        call::SCHEMAS,
        media::SCHEMAS,
    ]
    .into_iter()
    .flatten()
}

/// The schema of a kind.
pub fn schema(kind: u16) -> Option<&'static MessageSchema> {
    schemas().find(|schema| schema.kind == kind)
}

/// Reads a frame and holds it against the rules that need no state: known or ignorable, sent by the right side, with
/// the right flags, well-formed. `None` is a frame to skip.
pub(crate) fn admit(frame: &Frame, from: Sender) -> Result<Option<Message<'_>>, Violation> {
    let header = frame.header;
    let Some(schema) = schema(header.kind) else {
        //= WIRE-006
        return if is_ignorable(header.kind) {
            Ok(None)
        } else {
            Err(Violation::UnknownCritical)
        };
    };
    //= SES-002
    if schema.sender != Sender::Either && schema.sender != from {
        return Err(Violation::UnexpectedFrame);
    }
    //= WIRE-005
    if header.flags.known() != schema.flags {
        return Err(Violation::WrongFlags);
    }
    //= WIRE-004
    match Message::decode(header.kind, &frame.body) {
        Some(read) => Ok(Some(read?)),
        None => Err(Violation::UnknownCritical),
    }
}

/// Whether a frame counts for resume.
pub(crate) const fn is_sequenced(header: &FrameHeader) -> bool {
    header.flags.has(Flags::SEQUENCED)
}
