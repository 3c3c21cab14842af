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
    Flags, Frame, FrameHeader, HEADER_LEN, MessageSchema, Parsed, Sender, Values, is_ignorable,
};

/// What every message can do.
pub trait Wire<'a>: Sized {
    /// What it looks like.
    const SCHEMA: MessageSchema;

    /// Reads a body.
    fn read(input: &'a [u8]) -> Parsed<'a, Self>;

    /// Appends the body.
    fn write(&self, out: &mut Vec<u8>);

    /// The fields as data, then the parameters, if there are any, under the name `params`.
    fn values(&self) -> Values;

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

/// An area of messages: those whose kinds share the high byte.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Its name, the same in files, traces and tables.
    pub name: &'static str,
    /// The high byte of its kinds.
    pub high: u8,
    /// Its messages, in order of number.
    pub schemas: &'static [MessageSchema],
}

/// Declares the areas: the `Message` over all of them, and `AREAS`.
macro_rules! areas {
    ($($high:literal $module:ident $name:ident;)+) => {
        /// A message, by area.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message<'a> {
            $(#[doc = concat!("Kinds ", stringify!($high), "xx.")] $name($module::Message<'a>),)+
        }

        impl<'a> Message<'a> {
            /// Reads a body of this kind; `None` where the kind is unknown.
            #[inline]
            pub fn decode(kind: u16, body: &'a [u8]) -> Option<Result<Self, DecodeError>> {
                match kind >> 8 {
                    $($high => $module::Message::decode(kind, body).map(|read| read.map(Self::$name)),)+
                    _ => None,
                }
            }

            /// Appends the body.
            pub fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(message) => message.write(out),)+
                }
            }

            /// The fields as data, then the parameters, if there are any, under the name `params`.
            pub fn values(&self) -> Values {
                match self {
                    $(Self::$name(message) => message.values(),)+
                }
            }
        }

        /// Every area, in order of number.
        pub const AREAS: &[Area] = &[$(Area {
            name: stringify!($module),
            high: $high,
            schemas: $module::SCHEMAS,
        },)+];
    };
}

areas! {
    0x01 session Session;
    0x02 directory Directory;
    0x03 room Room;
    0x04 channel Channel;
    0x06 call Call;
    0x07 media Media;
}

/// Every message's schema, in order of number.
pub fn schemas() -> impl Iterator<Item = &'static MessageSchema> {
    AREAS.iter().flat_map(|area| area.schemas)
}

/// The schema of a kind.
pub fn schema(kind: u16) -> Option<&'static MessageSchema> {
    schemas().find(|schema| schema.kind == kind)
}

/// Reads a frame and holds it against the rules that need no state: known or ignorable, sent by the right side, with
/// the right flags, well-formed. `None` is a frame to skip.
pub fn admit(frame: &Frame, from: Sender) -> Result<Option<Message<'_>>, Violation> {
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
