//! Fields: each type reads itself, writes itself and describes itself; its limit is part of the type.

use bstr::ByteSlice as _;

use super::dynamic::Value;
use super::schema::Shape;
use super::sink::Sink;
use super::utf8::{is_ascii, is_utf8};
use crate::error::DecodeError;
use crate::id::{CallId, FlowId, RequestId, RoomId, SessionId, StreamNumber, TransferId, UserId};

/// What a reader gives: the rest, and the value.
pub type Parsed<'a, T> = nom::IResult<&'a [u8], T, DecodeError>;

/// A value on the wire.
pub trait Field<'a>: Sized {
    /// What it looks like, for tables and for generic encoders.
    const SHAPE: Shape;

    /// Reads it off the front.
    fn read(input: &'a [u8]) -> Parsed<'a, Self>;

    /// The same for what is usual, where a field has such a thing: text that is ASCII. `None` says nothing yet: whoever
    /// gets it begins again with [`Field::read`].
    #[inline(always)]
    fn read_plain(input: &'a [u8]) -> Option<(&'a [u8], Self)> {
        Self::read(input).ok()
    }

    /// Bytes that [`Field::write`] appends.
    #[inline]
    fn encoded_len(&self) -> usize {
        const { Self::SHAPE.min_len() }
    }

    /// Appends it.
    fn write(&self, out: &mut impl Sink);

    /// The same as data, as the reader that knows only the shape would give it.
    fn value(&self) -> Value;
}

pub(crate) fn fail<T>(error: DecodeError) -> Result<T, nom::Err<DecodeError>> {
    Err(nom::Err::Error(error))
}

/// `N` bytes off the front, in one step. Where all fixed fields' length has been checked before, the compiler leaves
/// this check out.
#[inline(always)]
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk::<N>() {
        Some((bytes, rest)) => Ok((rest, *bytes)),
        None => fail(DecodeError::Truncated),
    }
}

/// So many bytes off the front, where they are.
#[inline(always)]
pub(crate) fn slice(input: &[u8], length: u16) -> Parsed<'_, &[u8]> {
    match input.split_at_checked(length.into()) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => fail(DecodeError::Truncated),
    }
}

/// Runs a reader over a whole body: bytes left over are an error.
pub(crate) fn complete<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, DecodeError> {
    match read(body) {
        Ok(([], value)) => Ok(value),
        Ok(_) => Err(DecodeError::Trailing),
        Err(error) => Err(reason(error)),
    }
}

/// What was wrong, without nom's wrapping: a body is whole, so that nothing is ever incomplete.
#[inline(always)]
fn reason(error: nom::Err<DecodeError>) -> DecodeError {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => error,
        nom::Err::Incomplete(_) => DecodeError::Truncated,
    }
}

macro_rules! numbers {
    ($($type:ty: $shape:ident;)+) => {$(
        impl Field<'_> for $type {
            const SHAPE: Shape = Shape::$shape;

            #[inline(always)]
            fn read(input: &[u8]) -> Parsed<'_, Self> {
                let (rest, bytes) = array(input)?;
                Ok((rest, Self::from_be_bytes(bytes)))
            }

            #[inline(always)]
            fn write(&self, out: &mut impl Sink) {
                out.put(self.to_be_bytes());
            }
            fn value(&self) -> Value {
                Value::Number((*self).into())
            }
        }
    )+};
}

numbers! {
    u8: U8;
    u16: U16;
    u32: U32;
    u64: U64;
}

macro_rules! newtypes {
    ($($type:ident($inner:ty) $shape:expr;)+) => {$(
        impl Field<'_> for $type {
            const SHAPE: Shape = $shape;
            #[inline(always)]
            fn read(input: &[u8]) -> Parsed<'_, Self> {
                let (rest, inner) = <$inner>::read(input)?;
                Ok((rest, Self(inner)))
            }
            #[inline(always)]
            fn write(&self, out: &mut impl Sink) {
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
    TransferId([u8; 16]) Shape::Fixed { len: 16 };
    RequestId(u32) Shape::U32;
    FlowId(u32) Shape::U32;
    StreamNumber(u8) Shape::U8;
    Code(u16) Shape::Code;
}

impl<const N: usize> Field<'_> for [u8; N] {
    const SHAPE: Shape = Shape::Fixed { len: N };

    #[inline(always)]
    fn read(input: &[u8]) -> Parsed<'_, Self> {
        array(input)
    }

    #[inline(always)]
    fn write(&self, out: &mut impl Sink) {
        out.put(*self);
    }

    fn value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

/// A length of two bytes, checked against the limit before anything is read by it.
#[inline(always)]
fn bounded(input: &[u8], max: usize) -> Parsed<'_, &[u8]> {
    let (input, length) = u16::read(input)?;
    if usize::from(length) > max {
        return fail(DecodeError::TooLong);
    }
    slice(input, length)
}

#[inline(always)]
fn write_bounded(bytes: &[u8], max: usize, out: &mut impl Sink) {
    let bytes = bytes.get(..max).unwrap_or(bytes);
    out.put((bytes.len() as u16).to_be_bytes());
    out.put_slice(bytes);
}

/// Bytes of a length and what it counts.
#[inline(always)]
fn bounded_len(bytes: &[u8], max: usize) -> usize {
    bytes.len().min(max).saturating_add(2)
}

/// UTF-8 text of at most `MAX` bytes, after a length of two bytes. It has been checked, and stays bytes until someone
/// wants it as a `str`: what only passes text on never does.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Text<'a, const MAX: usize>(&'a [u8]);

impl<'a, const MAX: usize> Text<'a, MAX> {
    /// The text, if it is not too long.
    pub fn new(text: &'a str) -> Option<Self> {
        (text.len() <= MAX).then_some(Self(text.as_bytes()))
    }

    /// As much of the text as fits, cut at a character.
    pub fn cut(text: &'a str) -> Self {
        let end = text.floor_char_boundary(MAX);
        Self(text.as_bytes().get(..end).unwrap_or_default())
    }

    /// The text. It is walked once more, since without `unsafe` nothing else makes a `str` of bytes.
    pub fn as_str(&self) -> &'a str {
        debug_assert!(is_utf8(self.0), "text is checked before it is held");
        self.0.to_str().unwrap_or_default()
    }

    /// The text as bytes, known to be UTF-8.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<const MAX: usize> core::fmt::Debug for Text<'_, MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Text").field(&self.as_str()).finish()
    }
}

impl<'a, const MAX: usize> Field<'a> for Text<'a, MAX> {
    const SHAPE: Shape = Shape::Text { max: MAX };

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, bytes) = bounded(input, MAX)?;
        if !is_utf8(bytes) {
            return fail(DecodeError::NotUtf8);
        }
        Ok((rest, Self(bytes)))
    }

    #[inline(always)]
    fn read_plain(input: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (rest, bytes) = bounded(input, MAX).ok()?;
        is_ascii(bytes).then_some((rest, Self(bytes)))
    }

    #[inline(always)]
    fn encoded_len(&self) -> usize {
        bounded_len(self.0, MAX)
    }

    #[inline]
    fn write(&self, out: &mut impl Sink) {
        write_bounded(self.0, MAX, out);
    }

    fn value(&self) -> Value {
        Value::Text(self.as_str().into())
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

    #[inline(always)]
    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, bytes) = bounded(input, MAX)?;
        Ok((rest, Self(bytes)))
    }

    #[inline(always)]
    fn encoded_len(&self) -> usize {
        bounded_len(self.0, MAX)
    }

    #[inline]
    fn write(&self, out: &mut impl Sink) {
        write_bounded(self.0, MAX, out);
    }

    fn value(&self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
}

/// Bytes like [`Opaque`] that nobody may see: `Debug` shows only that they are there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Secret<'a, const MAX: usize>(Opaque<'a, MAX>);

impl<'a, const MAX: usize> Secret<'a, MAX> {
    /// The bytes, if they are not too many.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        Opaque::new(bytes).map(Self)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

impl<const MAX: usize> core::fmt::Debug for Secret<'_, MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.as_bytes().is_empty() {
            "empty"
        } else {
            "…"
        })
    }
}

impl<'a, const MAX: usize> Field<'a> for Secret<'a, MAX> {
    const SHAPE: Shape = Shape::Opaque { max: MAX };

    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, opaque) = Opaque::read(input)?;
        Ok((rest, Self(opaque)))
    }

    #[inline(always)]
    fn encoded_len(&self) -> usize {
        self.0.encoded_len()
    }

    fn write(&self, out: &mut impl Sink) {
        self.0.write(out);
    }

    fn value(&self) -> Value {
        self.0.value()
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

    #[inline(always)]
    fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, number) = u32::read(input)?;
        match Self::new(number) {
            Some(within) => Ok((rest, within)),
            None => fail(DecodeError::BadValue),
        }
    }

    #[inline(always)]
    fn write(&self, out: &mut impl Sink) {
        self.0.write(out);
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

impl<T, const MAX: usize> Default for List<'_, T, MAX> {
    fn default() -> Self {
        Self(Entries::Slice(&[]))
    }
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
        let (start, count) = u16::read(input)?;
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

    fn encoded_len(&self) -> usize {
        let entries = self.iter().take(MAX);
        entries.fold(2, |sum: usize, entry| {
            sum.saturating_add(entry.encoded_len())
        })
    }

    fn write(&self, out: &mut impl Sink) {
        (self.len().min(MAX) as u16).write(out);
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
    #[inline]
    pub fn peek(body: &[u8]) -> Result<Self, DecodeError> {
        match Self::read(body) {
            Ok((_, address)) => Ok(address),
            Err(error) => Err(reason(error)),
        }
    }
}

impl Field<'_> for Address {
    const SHAPE: Shape = Shape::Address;

    #[inline(always)]
    fn read(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, tag) = u8::read(input)?;
        let (rest, bytes) = array::<16>(rest)?;
        let number = u128::from_be_bytes(bytes);
        //= WIRE-007
        let address = match tag {
            1 if number as u64 == 0 => Self::User(UserId((number >> 64) as u64)),
            2 => Self::Session(SessionId(bytes)),
            3 => Self::Room(RoomId(bytes)),
            4 if number == 0 => Self::Service,
            _ => return fail(DecodeError::BadAddress),
        };
        Ok((rest, address))
    }

    #[inline]
    fn write(&self, out: &mut impl Sink) {
        let (tag, bytes) = match self {
            Self::User(user) => (1, (u128::from(user.0) << 64).to_be_bytes()),
            Self::Session(session) => (2, session.0),
            Self::Room(room) => (3, room.0),
            Self::Service => (4, [0; 16]),
        };
        out.put([tag]);
        out.put(bytes);
    }

    fn value(&self) -> Value {
        Value::Address(*self)
    }
}
