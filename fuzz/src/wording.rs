//! Well-formed frames of every kind, from the declarations and an input's choices. Ids are mostly ones that have been
//! seen, so that a script gets beyond "no such room".

use duet_protocol::id::{RoomId, SessionId, UserId};
use duet_protocol::io::Carried;
use duet_protocol::message::schemas;
use duet_protocol::wire::{
    Address, FrameHeader, MessageSchema, Sender, Shape, Value, encode_dynamic,
};

use crate::draw::Draw;

/// Ids that have been seen, the newest last.
#[derive(Debug, Default)]
pub struct Pool {
    ids: Vec<[u8; 16]>,
    tokens: Vec<[u8; 32]>,
    /// The highest number of a request so far.
    pub request: u32,
    /// The same of the service's commands, which count by themselves.
    commands: u32,
    /// The epoch and the question that a service was told of last.
    epoch: u64,
    question: u64,
}

impl Pool {
    /// Notes every id and token of a message, and the number of its request.
    pub fn note(&mut self, values: &[(String, Value)]) {
        for (name, value) in values {
            match value {
                Value::Bytes(bytes) => {
                    if let Ok(id) = bytes.as_slice().try_into() {
                        remember(&mut self.ids, id);
                    } else if let Ok(token) = bytes.as_slice().try_into() {
                        remember(&mut self.tokens, token);
                    }
                }
                Value::Number(number) if name == "request" => {
                    self.request = u32::try_from(*number).unwrap_or_default();
                }
                Value::Number(number) if name == "epoch" => self.epoch = *number,
                Value::Number(number) if name == "question" => self.question = *number,
                Value::Record(fields) => self.note(fields),
                Value::List(values) => {
                    let one = |value: &Value| (String::new(), value.clone());
                    self.note(&values.iter().map(one).collect::<Vec<_>>());
                }
                _ => {}
            }
        }
    }

    /// The same of a frame on a service's link.
    pub fn note_of_service(&mut self, values: &[(String, Value)]) {
        let before = self.commands;
        core::mem::swap(&mut self.request, &mut self.commands);
        self.note(values);
        core::mem::swap(&mut self.request, &mut self.commands);
        // A command's number goes up with commands, not with what they gave.
        self.commands = before;
    }

    fn id(&self, draw: &mut Draw<'_>) -> [u8; 16] {
        match draw.byte() {
            0 => [0; 16],
            1 => draw.array(),
            back => pick(&self.ids, back),
        }
    }
}

fn remember<const N: usize>(seen: &mut Vec<[u8; N]>, one: [u8; N]) {
    if one != [0; N] && !seen.contains(&one) {
        seen.push(one);
    }
}

/// The one so far back.
fn pick<const N: usize>(seen: &[[u8; N]], back: u8) -> [u8; N] {
    let back = usize::from(back).checked_rem(seen.len()).unwrap_or(0);
    seen.iter().rev().nth(back).copied().unwrap_or([7; N])
}

/// A frame that this side may send.
pub fn frame(draw: &mut Draw<'_>, pool: &mut Pool, from: Sender) -> Vec<u8> {
    let all: Vec<_> = schemas()
        .filter(|schema| schema.sender == from || schema.sender == Sender::Either)
        .collect();
    frame_of(all[draw.below(all.len())], draw, pool)
}

/// A frame that a service may send, its commands mostly in their order.
pub fn service_frame(draw: &mut Draw<'_>, pool: &mut Pool) -> Vec<u8> {
    core::mem::swap(&mut pool.request, &mut pool.commands);
    let frame = frame(draw, pool, Sender::Service);
    core::mem::swap(&mut pool.request, &mut pool.commands);
    frame
}

/// This number, or rarely a small one.
fn recent(number: u64, draw: &mut Draw<'_>) -> Value {
    Value::Number(match draw.byte() {
        255 => draw.byte().into(),
        _ => number,
    })
}

/// A frame of this kind.
pub fn frame_of(schema: &'static MessageSchema, draw: &mut Draw<'_>, pool: &mut Pool) -> Vec<u8> {
    let values: Vec<_> = schema
        .fields
        .iter()
        .map(|field| {
            let value = match field.name {
                "request" => request(draw, pool),
                "epoch" => recent(pool.epoch, draw),
                "question" => recent(pool.question, draw),
                _ => value(&field.shape, draw, pool),
            };
            (field.name.to_owned(), value)
        })
        .collect();
    let mut body = Vec::new();
    encode_dynamic(schema.fields, &values, &mut body).expect("each value is of its shape");
    let header = FrameHeader {
        kind: schema.kind,
        flags: schema.flags,
        reserved: 0,
        length: body.len() as u32,
    };
    let mut frame = Vec::new();
    header.write(&mut frame);
    frame.extend_from_slice(&body);
    frame
}

/// A new number, or for an answer one of those that have been used.
fn request(draw: &mut Draw<'_>, pool: &mut Pool) -> Value {
    let back = u32::from(draw.byte());
    if back == 0 {
        pool.request = pool.request.wrapping_add(1);
    }
    Value::Number(u64::from(pool.request.wrapping_sub(back.saturating_sub(1))))
}

fn value(shape: &Shape, draw: &mut Draw<'_>, pool: &mut Pool) -> Value {
    match *shape {
        Shape::U8 => Value::Number(draw.byte().into()),
        Shape::U16 => Value::Number(u16::from_be_bytes(draw.array()).into()),
        Shape::Code => Value::Number(u64::from(draw.byte()) * 3),
        Shape::U32 | Shape::U64 => Value::Number(match draw.byte() {
            0xff => u32::from_be_bytes(draw.array()).into(),
            small => small.into(),
        }),
        Shape::User => Value::Number(draw.below(6) as u64),
        Shape::Fixed { len: 16 } => Value::Bytes(pool.id(draw).to_vec()),
        Shape::Fixed { len: 32 } => Value::Bytes(pick(&pool.tokens, draw.byte()).to_vec()),
        Shape::Fixed { len } => Value::Bytes(vec![draw.byte(); len]),
        Shape::Text { max } => {
            let text: String = (0..length(draw, max))
                .map(|at| char::from(b'a' + (at % 26) as u8))
                .collect();
            Value::Text(text)
        }
        Shape::Opaque { max } => match draw.byte() {
            // A secret may be a ticket.
            255 if max >= 32 => Value::Bytes(pick(&pool.tokens, draw.byte()).to_vec()),
            255 => Value::Bytes(Vec::new()),
            _ => Value::Bytes(vec![b'x'; length(draw, max)]),
        },
        Shape::Within { min, max } => {
            let span = u64::from(max - min);
            Value::Number(u64::from(min) + span * u64::from(draw.byte()) / 255)
        }
        Shape::Choice(choices) => Value::Number(match choices {
            [] => 0,
            choices => choices[draw.below(choices.len())].1.into(),
        }),
        Shape::Bits(bits) => {
            let all = bits.iter().fold(0, |all, (_, bit)| all | bit);
            Value::Number((draw.byte() & all).into())
        }
        Shape::Address => Value::Address(match draw.below(4) {
            0 => Address::User(UserId(draw.below(6) as u64)),
            1 => Address::Session(SessionId(pool.id(draw))),
            2 => Address::Room(RoomId(pool.id(draw))),
            _ => Address::Service,
        }),
        Shape::List { of, max } => {
            let count = draw.below(4).min(max);
            Value::List((0..count).map(|_| value(of, draw, pool)).collect())
        }
        Shape::Record(fields) => Value::Record(
            fields
                .iter()
                .map(|field| (field.name.to_owned(), value(&field.shape, draw, pool)))
                .collect(),
        ),
        Shape::Params => Value::Params(Vec::new()),
    }
}

/// Short, or all that there may be.
fn length(draw: &mut Draw<'_>, max: usize) -> usize {
    match draw.byte() {
        255 => max,
        short => usize::from(short % 16).min(max),
    }
}

/// How a splice fares, by a byte.
pub fn carried(byte: u8) -> Carried {
    match byte % 6 {
        0 | 1 => Carried::Moving,
        2 => Carried::Complete { sha256: [byte; 32] },
        3 => Carried::WrongSize,
        4 => Carried::Broken,
        _ => Carried::Failed,
    }
}
