//! Every message, by area; the high byte of a kind is its area.

#[macro_use]
mod declare;

pub mod call;
pub mod channel;
pub mod directory;
pub mod media;
pub mod room;
pub mod service;
pub mod session;
pub mod transfer;

use alloc::vec::Vec;

use bytes::Bytes;

pub use call::Media;

use crate::error::{DecodeError, Violation};
use crate::wire::{
    Flags, Frame, FrameHeader, HEADER_LEN, MessageSchema, Parsed, Sender, Sink, Values, complete,
    is_ignorable, min_len,
};

/// What every message can do.
pub trait Wire<'a>: Sized {
    /// What it looks like.
    const SCHEMA: MessageSchema;

    /// The fewest bytes of its body: those of its fixed fields, and the lengths of the others.
    const MIN_LEN: usize = min_len(Self::SCHEMA.fields);

    /// Reads a body.
    fn read(input: &'a [u8]) -> Parsed<'a, Self>;

    /// Reads a body as most are: long enough, its text ASCII, without parameters. `None` says nothing yet.
    fn read_plain(input: &'a [u8]) -> Option<Self>;

    /// The fields as data, then the parameters, if there are any, under the name `params`.
    fn values(&self) -> Values;

    /// Reads a whole body: as most are, and where that was not it, again from the start with every case and every error
    /// in view. So the usual way calls nothing and carries no error.
    #[inline(always)]
    fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        match Self::read_plain(body) {
            Some(message) => Ok(message),
            None => decode_fully(body, Ok, Err),
        }
    }

    /// Appends the body.
    fn write(&self, out: &mut impl Sink);

    /// Bytes of the body.
    fn encoded_len(&self) -> usize;

    /// Appends the whole frame; into a buffer that is used again, nothing is allocated.
    fn encode_into(&self, out: &mut Vec<u8>);

    /// The whole frame, in one piece of memory of its size.
    fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEADER_LEN.saturating_add(self.encoded_len()));
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
            // Inside a caller, the one message would be put together from the pieces of all.
            #[inline(never)]
            pub fn decode(kind: u16, body: &'a [u8]) -> Option<Result<Self, DecodeError>> {
                Self::decode_as(
                    kind,
                    body,
                    |message| Some(Ok(message)),
                    |error| Some(Err(error)),
                    || None,
                )
            }

            #[inline(always)]
            fn decode_as<T>(
                kind: u16,
                body: &'a [u8],
                read: impl Fn(Self) -> T + Copy,
                failed: impl Fn(DecodeError) -> T + Copy,
                unknown: impl Fn() -> T,
            ) -> T {
                match kind >> 8 {
                    $($high => $module::Message::decode(
                        kind,
                        body,
                        move |message| read(Self::$name(message)),
                        failed,
                        unknown,
                    ),)+
                    _ => unknown(),
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

        /// The schema of a kind.
        pub fn schema(kind: u16) -> Option<&'static MessageSchema> {
            match kind >> 8 {
                $($high => $module::schema(kind),)+
                _ => None,
            }
        }
    };
}

areas! {
    0x01 session Session;
    0x02 directory Directory;
    0x03 room Room;
    0x04 channel Channel;
    0x05 transfer Transfer;
    0x06 call Call;
    0x07 media Media;
    0x08 service Service;
}

/// One message, made where its caller's caller wants it: behind the `match` over all of them it would be copied, at the
/// size of the largest. Each is a function of its own, with as many registers to save as this message needs.
#[inline(never)]
fn decode_one<'a, M: Wire<'a>, T>(
    body: &'a [u8],
    read: impl Fn(M) -> T,
    failed: impl Fn(DecodeError) -> T,
) -> T {
    match M::read_plain(body) {
        Some(message) => read(message),
        None => decode_fully(body, read, failed),
    }
}

#[cold]
#[inline(never)]
fn decode_fully<'a, M: Wire<'a>, T>(
    body: &'a [u8],
    read: impl Fn(M) -> T,
    failed: impl Fn(DecodeError) -> T,
) -> T {
    match complete(body, M::read) {
        Ok(message) => read(message),
        Err(error) => failed(error),
    }
}

/// Every message's schema, in order of number.
pub fn schemas() -> impl Iterator<Item = &'static MessageSchema> {
    AREAS.iter().flat_map(|area| area.schemas)
}

/// Reads a frame and holds it against the rules that need no state: known or ignorable, sent by the right side, with
/// the right flags, well-formed. `None` is a frame to skip.
#[inline(never)]
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
    Message::decode_as(
        header.kind,
        &frame.body,
        |message| Ok(Some(message)),
        |error| Err(error.into()),
        || Err(Violation::UnknownCritical),
    )
}

/// Whether a frame counts for resume.
pub(crate) const fn is_sequenced(header: &FrameHeader) -> bool {
    header.flags.has(Flags::SEQUENCED)
}
