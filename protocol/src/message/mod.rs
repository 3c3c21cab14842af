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
use core::marker::PhantomData;

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
            #[inline]
            pub fn decode(kind: u16, body: &'a [u8]) -> Option<Result<Self, DecodeError>> {
                reader(kind)(body)
            }

            /// What reads a body of this kind.
            const fn reader<T: Outcome<'a>>(kind: u16) -> Reader<'a, T> {
                match kind >> 8 {
                    $($high => $module::Message::reader(kind),)+
                    _ => decode_unknown,
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

/// What a decoded message becomes: each reader makes it where its caller wants it, since behind a `match` over all
/// messages it would be copied, at the size of the largest.
trait Outcome<'a>: Sized {
    fn message(message: Message<'a>) -> Self;
    fn failed(error: DecodeError) -> Self;
    fn unknown() -> Self;
}

impl<'a> Outcome<'a> for Option<Result<Message<'a>, DecodeError>> {
    #[inline(always)]
    fn message(message: Message<'a>) -> Self {
        Some(Ok(message))
    }

    fn failed(error: DecodeError) -> Self {
        Some(Err(error))
    }

    fn unknown() -> Self {
        None
    }
}

impl<'a> Outcome<'a> for Result<Option<Message<'a>>, Violation> {
    #[inline(always)]
    fn message(message: Message<'a>) -> Self {
        Ok(Some(message))
    }

    fn failed(error: DecodeError) -> Self {
        Err(error.into())
    }

    fn unknown() -> Self {
        Err(Violation::UnknownCritical)
    }
}

/// A function for each message, with as many registers to save as it needs.
type Reader<'a, T> = fn(&'a [u8]) -> T;

/// The readers of all kinds, each at its place: one look instead of a `match` by area and one by number.
struct Readers<'a, T>(PhantomData<Reader<'a, T>>);

/// The most messages of an area, and the most areas.
const NUMBERS: usize = 64;
const HIGHS: usize = 8;

impl<'a, T: Outcome<'a> + 'a> Readers<'a, T> {
    const ALL: &'a [Reader<'a, T>; HIGHS * NUMBERS] = &Self::all();

    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "when it is compiled"
    )]
    const fn all() -> [Reader<'a, T>; HIGHS * NUMBERS] {
        let mut all: [Reader<'a, T>; HIGHS * NUMBERS] = [decode_unknown; HIGHS * NUMBERS];
        let mut area = 0;
        while area < AREAS.len() {
            let schemas = AREAS[area].schemas;
            let mut at = 0;
            while at < schemas.len() {
                let kind = schemas[at].kind;
                // It does not compile with an area or a number that has no place.
                let Some(place) = place(kind) else { panic!() };
                all[place] = Message::reader(kind);
                at += 1;
            }
            area += 1;
        }
        all
    }
}

/// Where the reader of a kind is, if it can have one.
#[inline(always)]
const fn place(kind: u16) -> Option<usize> {
    let kind = kind.wrapping_sub(0x0100) as usize;
    let (area, number) = (kind >> 8, kind % NUMBERS);
    // One look at the bits that are 0 in every kind that has a place.
    if kind & !((HIGHS - 1) << 8 | (NUMBERS - 1)) != 0 {
        return None;
    }
    Some(area.wrapping_mul(NUMBERS).wrapping_add(number))
}

#[inline(always)]
fn reader<'a, T: Outcome<'a> + 'a>(kind: u16) -> Reader<'a, T> {
    match place(kind).and_then(|place| Readers::ALL.get(place)) {
        Some(reader) => *reader,
        None => decode_unknown,
    }
}

fn decode_unknown<'a, T: Outcome<'a>>(_: &'a [u8]) -> T {
    T::unknown()
}

fn decode_one<'a, M: Wire<'a> + Into<Message<'a>>, T: Outcome<'a>>(body: &'a [u8]) -> T {
    match M::read_plain(body) {
        Some(message) => T::message(message.into()),
        None => decode_fully(body, |message: M| T::message(message.into()), T::failed),
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
    reader(header.kind)(&frame.body)
}

/// Whether a frame counts for resume.
pub(crate) const fn is_sequenced(header: &FrameHeader) -> bool {
    header.flags.has(Flags::SEQUENCED)
}
