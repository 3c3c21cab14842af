//! Messages as data: a second reader and writer that knows only the schema. Traces, the conformance suite and
//! `decode` use it; the state machines never do.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::BufMut;

use super::field::{Address, Field, Parsed, complete, fail};
use super::params::Params;
use super::schema::{FieldSchema, Shape};
use crate::error::DecodeError;

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any number, id of a user or code.
    Number(u64),
    /// Fixed or opaque bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// An address.
    Address(Address),
    /// Entries.
    List(Vec<Value>),
    /// Named fields, in order.
    Record(Vec<(String, Value)>),
    /// Parameters: id and value.
    Params(Vec<(u16, Vec<u8>)>),
}

/// Named values, in order.
pub type Values = Vec<(String, Value)>;

/// Reads a body by its schema: its fields, then, if there are any, its parameters under the name `params`.
pub fn decode(fields: &[FieldSchema], body: &[u8]) -> Result<Values, DecodeError> {
    complete(body, |input| {
        let (rest, mut values) = read_record(fields, input)?;
        let (rest, params) = Params::read(rest)?;
        values.extend(params.value());
        Ok((rest, values))
    })
}

/// Writes a body by its schema. Numbers and lengths are written as they are given, also where they break a limit, so
/// that a test can break it; a value of the wrong sort gives the field's name.
pub fn encode(
    fields: &'static [FieldSchema],
    values: &[(String, Value)],
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    for field in fields {
        let value = values
            .iter()
            .find(|(name, _)| name == field.name)
            .map(|(_, value)| value);
        write_value(&field.shape, value.ok_or(field.name)?, out).ok_or(field.name)?;
    }
    if let Some((_, Value::Params(params))) = values.iter().find(|(name, _)| name == "params") {
        params
            .iter()
            .for_each(|(id, value)| Params::append(out, *id, value));
    }
    Ok(())
}

pub(crate) fn read_record<'a>(fields: &[FieldSchema], mut input: &'a [u8]) -> Parsed<'a, Values> {
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let (rest, value) = read_value(&field.shape, input)?;
        values.push((String::from(field.name), value));
        input = rest;
    }
    Ok((input, values))
}

fn read_value<'a>(shape: &Shape, input: &'a [u8]) -> Parsed<'a, Value> {
    match *shape {
        Shape::U8 => number(u8::read(input)),
        Shape::U16 | Shape::Code => number(u16::read(input)),
        Shape::U32 => number(u32::read(input)),
        Shape::U64 | Shape::User => number(u64::read(input)),
        Shape::Fixed { len } => {
            let Some((bytes, rest)) = input.split_at_checked(len) else {
                return fail(DecodeError::Truncated);
            };
            Ok((rest, Value::Bytes(bytes.to_vec())))
        }
        Shape::Text { max } => {
            let (rest, bytes) = length_prefixed(input, max)?;
            match core::str::from_utf8(bytes) {
                Ok(text) => Ok((rest, Value::Text(String::from(text)))),
                Err(_) => fail(DecodeError::NotUtf8),
            }
        }
        Shape::Opaque { max } => {
            let (rest, bytes) = length_prefixed(input, max)?;
            Ok((rest, Value::Bytes(bytes.to_vec())))
        }
        Shape::Within { min, max } => {
            let (rest, value) = u32::read(input)?;
            if value < min || value > max {
                return fail(DecodeError::BadValue);
            }
            Ok((rest, Value::Number(value.into())))
        }
        Shape::Choice(choices) => {
            let (rest, value) = u8::read(input)?;
            if choices.iter().all(|(_, number)| *number != value) {
                return fail(DecodeError::BadValue);
            }
            Ok((rest, Value::Number(value.into())))
        }
        Shape::Bits(bits) => {
            let (rest, value) = u8::read(input)?;
            if value & !bits.iter().fold(0, |all, (_, bit)| all | bit) != 0 {
                return fail(DecodeError::BadValue);
            }
            Ok((rest, Value::Number(value.into())))
        }
        Shape::Address => {
            let (rest, address) = Address::read(input)?;
            Ok((rest, Value::Address(address)))
        }
        Shape::List { of, max } => {
            let (mut rest, count) = u16::read(input)?;
            if usize::from(count) > max {
                return fail(DecodeError::TooLong);
            }
            let mut values = Vec::new();
            for _ in 0..count {
                let (after, value) = read_value(of, rest)?;
                values.push(value);
                rest = after;
            }
            Ok((rest, Value::List(values)))
        }
        Shape::Record(fields) => {
            let (rest, values) = read_record(fields, input)?;
            Ok((rest, Value::Record(values)))
        }
        Shape::Params => fail(DecodeError::BadParams),
    }
}

fn number<T: Into<u64>>(parsed: Parsed<'_, T>) -> Parsed<'_, Value> {
    let (rest, value) = parsed?;
    Ok((rest, Value::Number(value.into())))
}

fn length_prefixed(input: &[u8], max: usize) -> Parsed<'_, &[u8]> {
    let (input, length) = u16::read(input)?;
    if usize::from(length) > max {
        return fail(DecodeError::TooLong);
    }
    match input.split_at_checked(length.into()) {
        Some((bytes, rest)) => Ok((rest, bytes)),
        None => fail(DecodeError::Truncated),
    }
}

fn write_value(shape: &Shape, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match (shape, value) {
        (Shape::U8 | Shape::Choice(_) | Shape::Bits(_), Value::Number(n)) => out.put_u8(*n as u8),
        (Shape::U16 | Shape::Code, Value::Number(n)) => out.put_u16(*n as u16),
        (Shape::U32 | Shape::Within { .. }, Value::Number(n)) => out.put_u32(*n as u32),
        (Shape::U64 | Shape::User, Value::Number(n)) => out.put_u64(*n),
        (Shape::Fixed { len }, Value::Bytes(bytes)) if bytes.len() == *len => {
            out.extend_from_slice(bytes);
        }
        (Shape::Text { .. }, Value::Text(text)) => put_prefixed(text.as_bytes(), out),
        (Shape::Opaque { .. }, Value::Bytes(bytes)) => put_prefixed(bytes, out),
        (Shape::Address, Value::Address(address)) => address.write(out),
        (Shape::List { of, .. }, Value::List(values)) => {
            out.put_u16(values.len() as u16);
            values
                .iter()
                .try_for_each(|value| write_value(of, value, out))?;
        }
        (Shape::Record(fields), Value::Record(values)) => {
            for field in *fields {
                let (_, value) = values.iter().find(|(name, _)| name == field.name)?;
                write_value(&field.shape, value, out)?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn put_prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    out.put_u16(bytes.len() as u16);
    out.extend_from_slice(bytes);
}
