//! Fields: each type reads itself, writes itself and describes itself; its limit is part of the type.

use alloc::vec::Vec;

use bytes::BufMut;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u64};

use super::dynamic::Value;
use super::schema::Shape;
use crate::error::DecodeError;
use crate::id::{CallId, FlowId, RequestId, RoomId, SessionId, StreamNumber, UserId};

/// What a reader gives: the rest, and the value.
pub type Parsed<'a, T> = nom::IResult<&'a [u8], T, DecodeError>;

/// A value on the wire.
pub trait Field<'a>: Sized {
    /// What it looks like, for tables and for generic encoders.
    const SHAPE: Shape;

    /// Reads it off the front.
    fn read(input: &'a [u8]) -> Parsed<'a, Self>;

    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);

    /// The same as data, as the reader that knows only the shape would give it.
    fn value(&self) -> Value;
}

pub(crate) fn fail<T>(error: DecodeError) -> Result<T, nom::Err<DecodeError>> {
    Err(nom::Err::Error(error))
}

/// `N` bytes off the front, in one step: a fixed layout is read with one check of the length.
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    let (rest, bytes) = take(N).parse_complete(input)?;
    let array = <[u8; N]>::try_from(bytes).map_err(|_| nom::Err::Error(DecodeError::Truncated))?;
    Ok((rest, array))
}

/// Runs a reader over a whole body: bytes left over are an error.
#[inline]
pub(crate) fn complete<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, DecodeError> {
    match read(body) {
        Ok(([], value)) => Ok(value),
        Ok(_) => Err(DecodeError::Trailing),
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError::Truncated),
    }
}

macro_rules! numbers {
    ($($type:ty: $read:ident, $put:ident, $shape:ident;)+) => {$(
        impl Field<'_> for $type {
            const SHAPE: Shape = Shape::$shape;
            fn read(input: &[u8]) -> Parsed<'_, Self> {
                $read(input)
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.$put(*self);
            }
            fn value(&self) -> Value {
                Value::Number((*self).into())
            }
        }
    )+};
}

numbers! {
    u8: be_u8, put_u8, U8;
    u16: be_u16, put_u16, U16;
    u32: be_u32, put_u32, U32;
    u64: be_u64, put_u64, U64;
}

macro_rules! newtypes {
    ($($type:ident($inner:ty) $shape:expr;)+) => {$(
        impl Field<'_> for $type {
            const SHAPE: Shape = $shape;
            fn read(input: &[u8]) -> Parsed<'_, Self> {
                let (rest, inner) = <$inner>::read(input)?;
                Ok((rest, Self(inner)))
            }
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
            fn value(&self) -> Value {
                self.0.value()
            }
        }
    )+};
}

use crate::code::Code;
newtypes! {
    UserId(u64) Shape::User;
    RoomId([u8; 16]) Shape::Fixed { len: 16 };
    SessionId([u8; 16]) Shape::Fixed { len: 16 };
    CallId([u8; 16]) Shape::Fixed { len: 16 };
    RequestId(u32) Shape::U32;
    FlowId(u32) Shape::U32;
    StreamNumber(u8) Shape::U8;
    Code(u16) Shape::Code;
}

impl<const N: usize> Field<'_> for [u8; N] {
    const SHAPE: Shape = Shape::Fixed { len: N };

    fn read(input: &[u8]) -> Parsed<'_, Self> {
        array(input)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

/// A length of two bytes, checked against the limit before anything is read by it.
fn bounded(input: &[u8], max: usize) -> Parsed<'_, &[u8]> {
    let (input, length) = be_u16(input)?;
    if usize::from(length) > max {
        return fail(DecodeError::TooLong);
    }
    take(length).parse_complete(input)
}

fn write_bounded(bytes: &[u8], max: usize, out: &mut Vec<u8>) {
    let bytes = bytes.get(..bytes.len().min(max)).unwrap_or_default();
    out.put_u16(bytes.len() as u16);
    out.extend_from_slice(bytes);
}

/// UTF-8 text of at most `MAX` bytes, after a length of two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text<'a, const MAX: usize>(&'a str);

impl<'a, const MAX: usize> Text<'a, MAX> {
    /// The text, if it is not too long.
    pub fn new(text: &'a str) -> Option<Self> {
        (text.len() <= MAX).then_some(Self(text))
    }

    /// As much of the text as fits, cut at a character.
    pub fn cut(text: &'a str) -> Self {
        let mut end = text.len().min(MAX);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Self(text.get(..end).unwrap_or_default())
    }

    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

impl<'a, const MAX: usize> Field<'a> for Text<'a, MAX> {
    const SHAPE: Shape = Shape::Text { max: MAX };

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, bytes) = bounded(input, MAX)?;
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok((rest, Self(text))),
            Err(_) => fail(DecodeError::NotUtf8),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_bounded(self.0.as_bytes(), MAX, out);
    }

    fn value(&self) -> Value {
        Value::Text(self.0.into())
    }
}

/// Bytes that this layer does not look into, at most `MAX` of them, after a length of two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Opaque<'a, const MAX: usize>(&'a [u8]);

impl<'a, const MAX: usize> Opaque<'a, MAX> {
    /// The bytes, if they are not too many.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() <= MAX).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a, const MAX: usize> Field<'a> for Opaque<'a, MAX> {
    const SHAPE: Shape = Shape::Opaque { max: MAX };

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, bytes) = bounded(input, MAX)?;
        Ok((rest, Self(bytes)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_bounded(self.0, MAX, out);
    }

    fn value(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}

/// A number between `MIN` and `MAX`, both included, in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Within<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Within<MIN, MAX> {
    /// The number, if it is in range.
    pub fn new(number: u32) -> Option<Self> {
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }

    /// The nearest number in range.
    pub fn clamp(number: u32) -> Self {
        Self(number.clamp(MIN, MAX))
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Field<'_> for Within<MIN, MAX> {
    const SHAPE: Shape = Shape::Within { min: MIN, max: MAX };

    fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, number) = be_u32(input)?;
        match Self::new(number) {
            Some(within) => Ok((rest, within)),
            None => fail(DecodeError::BadValue),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u32(self.0);
    }

    fn value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// At most `MAX` entries after a count of two bytes. Read, it stays encoded and is decoded as it is walked, so that a
/// count takes no memory; written, it comes from a slice.
#[derive(Clone, Copy)]
pub struct List<'a, T, const MAX: usize>(Entries<'a, T>);

#[derive(Clone, Copy)]
enum Entries<'a, T> {
    Read { bytes: &'a [u8], count: u16 },
    Slice(&'a [T]),
}

impl<'a, T: Field<'a> + Clone, const MAX: usize> List<'a, T, MAX> {
    /// The entries, if they are not too many.
    pub fn new(entries: &'a [T]) -> Option<Self> {
        (entries.len() <= MAX).then_some(Self(Entries::Slice(entries)))
    }

    /// The entries, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T, MAX> {
        let (mut bytes, slice): (&'a [u8], &'a [T]) = match self.0 {
            Entries::Read { bytes, .. } => (bytes, &[]),
            Entries::Slice(slice) => (&[], slice),
        };
        let mut slice = slice.iter();
        core::iter::from_fn(move || {
            if let Some(entry) = slice.next() {
                return Some(entry.clone());
            }
            let (rest, entry) = T::read(bytes).ok()?;
            bytes = rest;
            Some(entry)
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self.0 {
            Entries::Read { count, .. } => usize::from(count),
            Entries::Slice(slice) => slice.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a, T: Field<'a> + Clone, const MAX: usize> Field<'a> for List<'a, T, MAX> {
    const SHAPE: Shape = Shape::List {
        of: &T::SHAPE,
        max: MAX,
    };

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (start, count) = be_u16(input)?;
        if usize::from(count) > MAX {
            return fail(DecodeError::TooLong);
        }
        let mut rest = start;
        for _ in 0..count {
            rest = T::read(rest)?.0;
        }
        let used = start.len().saturating_sub(rest.len());
        let bytes = start.get(..used).unwrap_or_default();
        Ok((rest, Self(Entries::Read { bytes, count })))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.put_u16(self.len().min(MAX) as u16);
        self.iter().take(MAX).for_each(|entry| entry.write(out));
    }

    fn value(&self) -> Value {
        Value::List(self.iter().map(|entry| entry.value()).collect())
    }
}

impl<'a, T: Field<'a> + Clone + PartialEq, const MAX: usize> PartialEq for List<'a, T, MAX> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Field<'a> + Clone + core::fmt::Debug, const MAX: usize> core::fmt::Debug
    for List<'a, T, MAX>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Whom a routed frame is for: a tag and sixteen bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Every session of a user; the id, then eight zero bytes.
    User(UserId),
    /// One session.
    Session(SessionId),
    /// The other members of a room.
    Room(RoomId),
    /// The business service; sixteen zero bytes.
    Service,
}

impl Address {
    /// Bytes of an address.
    pub const LEN: usize = 17;

    /// The address at the front of a routed body, without looking at the rest: what a router needs.
    pub fn peek(body: &[u8]) -> Result<Self, DecodeError> {
        match Self::read(body) {
            Ok((_, address)) => Ok(address),
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
            Err(nom::Err::Incomplete(_)) => Err(DecodeError::Truncated),
        }
    }
}

impl Field<'_> for Address {
    const SHAPE: Shape = Shape::Address;

    fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, [tag, bytes @ ..]) = array::<{ Self::LEN }>(input)?;
        let [b0, b1, b2, b3, b4, b5, b6, b7, padding @ ..] = bytes;
        //= WIRE-007
        let address = match tag {
            1 if padding == [0; 8] => {
                Self::User(UserId(u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7])))
            }
            2 => Self::Session(SessionId(bytes)),
            3 => Self::Room(RoomId(bytes)),
            4 if bytes == [0; 16] => Self::Service,
            _ => return fail(DecodeError::BadAddress),
        };
        Ok((rest, address))
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::User(user) => {
                out.put_u8(1);
                out.put_u64(user.0);
                out.put_bytes(0, 8);
            }
            Self::Session(session) => {
                out.put_u8(2);
                out.extend_from_slice(&session.0);
            }
            Self::Room(room) => {
                out.put_u8(3);
                out.extend_from_slice(&room.0);
            }
            Self::Service => {
                out.put_u8(4);
                out.put_bytes(0, 16);
            }
        }
    }

    fn value(&self) -> Value {
        Value::Address(*self)
    }
}
