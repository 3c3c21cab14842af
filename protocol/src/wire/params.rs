//! Optional parameters at the end of a body: `id u16 · length u16 · value`, ascending by id, unknown ones skipped.

use alloc::string::String;
use alloc::vec::Vec;

use super::dynamic::Value;
use super::field::{Field, Parsed, fail, slice};
use super::sink::Sink;
use crate::error::DecodeError;
use bytes::BufMut;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Which.
    pub id: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// The parameters of a body, still encoded, kept whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// No parameters.
    pub const NONE: Self = Self(&[]);

    /// Parameters that are encoded already, as [`Params::append`] makes them.
    pub fn from_encoded(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        super::field::complete(bytes, Self::read)
    }

    /// Appends one parameter to an encoded list; ids must ascend.
    pub fn append(out: &mut Vec<u8>, id: u16, value: &[u8]) {
        out.put_u16(id);
        out.put_u16(value.len().min(usize::from(u16::MAX)) as u16);
        out.extend_from_slice(value.get(..usize::from(u16::MAX)).unwrap_or(value));
    }

    /// None, which is usual.
    #[inline(always)]
    pub(crate) fn read_plain(input: &'a [u8]) -> Option<Self> {
        input.is_empty().then_some(Self::NONE)
    }

    pub(crate) fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        //= WIRE-012
        let mut rest = input;
        let mut last = None;
        while !rest.is_empty() {
            let (after, param) = read_one(rest)?;
            //= WIRE-010
            if last.is_some_and(|last| param.id <= last) {
                return fail(DecodeError::BadParams);
            }
            last = Some(param.id);
            rest = after;
        }
        Ok((rest, Self(input)))
    }

    #[inline(always)]
    pub(crate) fn encoded_len(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    pub(crate) fn write(&self, out: &mut impl Sink) {
        if !self.0.is_empty() {
            out.put_slice(self.0);
        }
    }

    /// Each parameter, known or not.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (after, param) = read_one(rest).ok()?;
            rest = after;
            Some(param)
        })
    }

    /// All of them as data, under their name in a message; none where there is none.
    pub(crate) fn value(&self) -> Option<(String, Value)> {
        let params: Vec<_> = self
            .iter()
            .map(|param| (param.id, param.value.to_vec()))
            .collect();
        (!params.is_empty()).then(|| (String::from("params"), Value::Params(params)))
    }

    /// The value of one parameter.
    pub fn find(&self, id: u16) -> Option<&'a [u8]> {
        self.iter()
            .find(|param| param.id == id)
            .map(|param| param.value)
    }
}

fn read_one(input: &[u8]) -> Parsed<'_, Param<'_>> {
    let (input, id) = u16::read(input)?;
    let (input, length) = u16::read(input)?;
    let (input, value) = slice(input, length)?;
    Ok((input, Param { id, value }))
}
