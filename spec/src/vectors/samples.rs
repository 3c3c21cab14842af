//! Values and bodies made from the schema alone: good ones of three sizes, and ones that break one rule each.

use duet_protocol::code::Code;
use duet_protocol::error::DecodeError;
use duet_protocol::id::{RoomId, SessionId, UserId};
use duet_protocol::wire::{Address, FieldSchema, MessageSchema, Shape, Value, encode_dynamic};

/// The longest body of a frame.
pub(crate) const LIMIT: usize = 16_384;

/// How large a good value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Short texts, two entries, numbers in which no two bytes are the same.
    Typical,
    /// Nothing in it; the least number allowed.
    Least,
    /// Every limit reached.
    Most,
}

/// A body that breaks one rule.
pub(crate) struct Broken {
    /// Which field or end, and how.
    pub(crate) label: String,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// What a reader says.
    pub(crate) error: DecodeError,
}

/// A good body of this size, field by field.
pub(crate) fn values(fields: &'static [FieldSchema], size: Size) -> Vec<(String, Value)> {
    fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            (
                field.name.to_owned(),
                value(&field.shape, field.name, size, at as u8),
            )
        })
        .collect()
}

/// Good bodies that together reach every limit, each with what it reaches: one where that fits into a frame; otherwise
/// one for each field, the others least, and for a list that does not fit by itself one of least entries and one of
/// as many of the largest as fit.
pub(crate) fn most(fields: &'static [FieldSchema]) -> Vec<(String, Vec<(String, Value)>)> {
    let fits = |values: &[(String, Value)]| body(fields, values).len() <= LIMIT;
    let all = values(fields, Size::Most);
    if fits(&all) {
        return vec![("most".to_owned(), all)];
    }
    let mut parts = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let with = |value: Value| {
            let mut values = values(fields, Size::Least);
            values[at].1 = value;
            values
        };
        let whole = with(all[at].1.clone());
        if fits(&whole) {
            parts.push((format!("most in {}", field.name), whole));
            continue;
        }
        let Shape::List { of, max } = field.shape else {
            unreachable!("{} alone is larger than a frame", field.name);
        };
        let entries = |size, count| with(Value::List(vec![value(of, field.name, size, 0); count]));
        for (size, label) in [(Size::Least, "least"), (Size::Most, "largest")] {
            let count = (1..=max).rev().find(|count| fits(&entries(size, *count)));
            let count = count.expect("one entry fits");
            let label = format!("{}: {count} of the {label} entries", field.name);
            parts.push((label, entries(size, count)));
        }
    }
    parts
}

/// The values in bytes.
pub(crate) fn body(fields: &'static [FieldSchema], values: &[(String, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_dynamic(fields, values, &mut out).expect("values that fit their fields");
    out
}

/// A good body of this size.
pub(crate) fn good(fields: &'static [FieldSchema], size: Size) -> Vec<u8> {
    body(fields, &values(fields, size))
}

/// A whole frame with this body, and the flags of its kind.
pub(crate) fn frame(schema: &MessageSchema, body: &[u8]) -> Vec<u8> {
    let mut out = schema.kind.to_be_bytes().to_vec();
    out.extend([schema.flags.0, 0]);
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(body);
    out
}

/// A stream of numbers that a test does not draw: the same for the same seed, on every machine (SplitMix64).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on, less than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Good values, drawn: short, so that they can be reviewed.
pub(crate) fn drawn(fields: &'static [FieldSchema], draw: &mut Draw) -> Vec<(String, Value)> {
    fields
        .iter()
        .map(|field| (field.name.to_owned(), drawn_value(&field.shape, draw)))
        .collect()
}

fn drawn_value(shape: &'static Shape, draw: &mut Draw) -> Value {
    match *shape {
        Shape::U8 => Value::Number(draw.below(1 << 8)),
        Shape::U16 => Value::Number(draw.below(1 << 16)),
        Shape::U32 => Value::Number(draw.below(1 << 32)),
        Shape::U64 | Shape::User => Value::Number(draw.next()),
        Shape::Code => {
            let known = Code::ALL[draw.below(Code::ALL.len() as u64) as usize];
            let any = draw.below(1 << 16);
            Value::Number(if draw.below(2) == 0 {
                known.code.0.into()
            } else {
                any
            })
        }
        Shape::Fixed { len } => Value::Bytes(draw.bytes(len)),
        Shape::Text { max } => {
            // One, two, three and four bytes, and ones that a terminal or a file name minds.
            let palette = [
                'a', 'Z', '7', ' ', '\n', '"', '\\', '/', '\0', 'ß', 'я', '中', '€', '\t', '🎧',
            ];
            let (wanted, mut text) = (draw.below(20) as usize, String::new());
            while text.chars().count() < wanted {
                let next = palette[draw.below(palette.len() as u64) as usize];
                if text.len() + next.len_utf8() > max {
                    break;
                }
                text.push(next);
            }
            Value::Text(text)
        }
        Shape::Opaque { max } => {
            let len = draw.below(max.min(32) as u64 + 1) as usize;
            Value::Bytes(draw.bytes(len))
        }
        Shape::Within { min, max } => {
            Value::Number(u64::from(min) + draw.below(u64::from(max - min) + 1))
        }
        Shape::Choice(choices) => {
            Value::Number(choices[draw.below(choices.len() as u64) as usize].1.into())
        }
        Shape::Bits(bits) => {
            let all = bits.iter().fold(0, |all, (_, bit)| all | bit);
            Value::Number(draw.next() & u64::from(all))
        }
        Shape::Address => Value::Address(match draw.below(4) {
            0 => Address::User(UserId(draw.next())),
            1 => Address::Session(SessionId(drawn_id(draw))),
            2 => Address::Room(RoomId(drawn_id(draw))),
            _ => Address::Service,
        }),
        Shape::List { of, max } => {
            let count = draw.below(max.min(3) as u64 + 1);
            Value::List((0..count).map(|_| drawn_value(of, draw)).collect())
        }
        Shape::Record(fields) => Value::Record(drawn(fields, draw)),
        Shape::Params => unreachable!("parameters are no field"),
    }
}

fn drawn_id(draw: &mut Draw) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&draw.bytes(16));
    id
}

/// `salt` keeps fields of the same shape apart, so that two that are swapped are seen.
fn value(shape: &'static Shape, name: &str, size: Size, salt: u8) -> Value {
    let number = |typical: u64, most: u64| {
        Value::Number(match size {
            Size::Typical => typical.wrapping_add(u64::from(salt)),
            Size::Least => 0,
            Size::Most => most,
        })
    };
    match *shape {
        Shape::U8 => number(0x11, 0xff),
        Shape::U16 => number(0x1122, 0xffff),
        Shape::U32 => number(0x1122_3344, 0xffff_ffff),
        Shape::U64 | Shape::User => number(0x1122_3344_5566_7788, u64::MAX),
        // An unknown code is well-formed.
        Shape::Code => number(0x0304, 0xffff),
        Shape::Fixed { len } => Value::Bytes(match size {
            Size::Typical => counting(len, salt),
            Size::Least => vec![0; len],
            Size::Most => vec![0xff; len],
        }),
        Shape::Text { max } => Value::Text(match size {
            Size::Typical => format!("{name} ö"),
            Size::Least => String::new(),
            Size::Most => text(max),
        }),
        Shape::Opaque { max } => Value::Bytes(match size {
            Size::Typical => counting(5, salt),
            Size::Least => Vec::new(),
            Size::Most => counting(max, 0),
        }),
        Shape::Within { min, max } => Value::Number(match size {
            Size::Typical => (min + (max - min) / 3).into(),
            Size::Least => min.into(),
            Size::Most => max.into(),
        }),
        Shape::Choice(choices) => {
            let at = match size {
                Size::Typical => choices.len() / 2,
                Size::Least => 0,
                Size::Most => choices.len() - 1,
            };
            Value::Number(choices[at].1.into())
        }
        Shape::Bits(bits) => Value::Number(match size {
            Size::Typical => bits[0].1.into(),
            Size::Least => 0,
            Size::Most => bits.iter().fold(0, |all, (_, bit)| all | bit).into(),
        }),
        Shape::Address => Value::Address(match size {
            Size::Typical => Address::User(UserId(0x1122_3344_5566_7788)),
            Size::Least => Address::Service,
            Size::Most => Address::Room(RoomId([0xff; 16])),
        }),
        Shape::List { of, max } => {
            let count = match size {
                Size::Typical => 2,
                Size::Least => 0,
                Size::Most => max,
            };
            Value::List(
                (0..count)
                    .map(|at| value(of, name, size, salt.wrapping_add(at as u8)))
                    .collect(),
            )
        }
        Shape::Record(fields) => Value::Record(
            fields
                .iter()
                .enumerate()
                .map(|(at, field)| {
                    let salt = salt.wrapping_add(at as u8);
                    (
                        field.name.to_owned(),
                        value(&field.shape, field.name, size, salt),
                    )
                })
                .collect(),
        ),
        Shape::Params => unreachable!("parameters are no field"),
    }
}

fn counting(len: usize, salt: u8) -> Vec<u8> {
    (0..len)
        .map(|at| (at as u8).wrapping_add(salt << 4))
        .collect()
}

/// Text of exactly `len` bytes, most of it characters of two bytes.
pub(crate) fn text(len: usize) -> String {
    "é".repeat(len / 2) + &"x".repeat(len % 2)
}

/// Every other sort of address, which the three sizes do not show.
pub(crate) fn addresses() -> [(&'static str, Address); 4] {
    [
        ("user", Address::User(UserId(42))),
        ("session", Address::Session(SessionId([0x5e; 16]))),
        ("room", Address::Room(RoomId([0x40; 16]))),
        ("service", Address::Service),
    ]
}

/// Bodies of a message that break one rule each: every limit by one, every field in every way that its shape knows.
pub(crate) fn broken(schema: &MessageSchema) -> Vec<Broken> {
    let valid = good(schema.fields, Size::Typical);
    let tail = |label: &str, tail: &[u8], error| Broken {
        label: label.to_owned(),
        body: [&valid, tail].concat(),
        error,
    };
    let mut all = vec![
        Broken {
            label: "empty".to_owned(),
            body: Vec::new(),
            error: DecodeError::Truncated,
        },
        Broken {
            label: "one byte short".to_owned(),
            body: valid[..valid.len() - 1].to_vec(),
            error: DecodeError::Truncated,
        },
        tail("one byte more", &[0], DecodeError::Truncated),
        tail(
            "a parameter that is cut off",
            &[0x12, 0xaa, 0, 2, 0xff],
            DecodeError::Truncated,
        ),
        tail(
            "a parameter twice",
            &[0x12, 0xaa, 0, 0, 0x12, 0xaa, 0, 0],
            DecodeError::BadParams,
        ),
        tail(
            "parameters that descend",
            &[0x12, 0xab, 0, 0, 0x12, 0xaa, 0, 1, 0xff],
            DecodeError::BadParams,
        ),
    ];
    all.extend(broken_fields(schema.fields));
    all
}

/// Every field broken in turn, the others good.
pub(crate) fn broken_fields(fields: &'static [FieldSchema]) -> Vec<Broken> {
    let good: Vec<Vec<u8>> = (0..fields.len())
        .map(|at| {
            let one = &fields[at..=at];
            body(
                one,
                &[(
                    one[0].name.to_owned(),
                    value(&one[0].shape, one[0].name, Size::Typical, at as u8),
                )],
            )
        })
        .collect();
    let mut all = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let mut broken = broken_shape(&field.shape);
        if let Shape::List { of, max } = field.shape
            && max < usize::from(u16::MAX)
        {
            let entries = vec![value(of, field.name, Size::Least, 0); max + 1];
            let entries = [(field.name.to_owned(), Value::List(entries))];
            broken.push(Broken {
                label: format!(": {} entries", max + 1),
                body: body(std::slice::from_ref(field), &entries),
                error: DecodeError::TooLong,
            });
        }
        for broken in broken {
            all.push(Broken {
                label: format!("{}{}", field.name, broken.label),
                body: [good[..at].concat(), broken.body, good[at + 1..].concat()].concat(),
                error: broken.error,
            });
        }
    }
    // A frame that is too long is refused before its body is read.
    all.retain(|broken| broken.body.len() <= LIMIT);
    all
}

/// Every way in which a field of this shape can be wrong by itself.
fn broken_shape(shape: &'static Shape) -> Vec<Broken> {
    let broken = |label: &str, body: Vec<u8>, error| Broken {
        label: format!(": {label}"),
        body,
        error,
    };
    let announced = |max: usize| {
        let label = format!(": a length of {}, and no byte", max + 1);
        let body = ((max + 1) as u16).to_be_bytes().to_vec();
        let error = DecodeError::TooLong;
        Broken { label, body, error }
    };
    match *shape {
        Shape::Text { max } => vec![
            broken(
                &format!("{} bytes", max + 1),
                prefixed(text(max + 1).as_bytes()),
                DecodeError::TooLong,
            ),
            announced(max),
            broken("no UTF-8", prefixed(&[0xc3, 0x28]), DecodeError::NotUtf8),
            broken(
                "half a character",
                prefixed(&[b'a', 0xc3]),
                DecodeError::NotUtf8,
            ),
            broken(
                "a surrogate",
                prefixed(&[0xed, 0xa0, 0x80]),
                DecodeError::NotUtf8,
            ),
        ],
        Shape::Opaque { max } => vec![
            broken(
                &format!("{} bytes", max + 1),
                prefixed(&vec![7; max + 1]),
                DecodeError::TooLong,
            ),
            announced(max),
        ],
        Shape::Within { min, max } => {
            let number = |n: u32| {
                broken(
                    &n.to_string(),
                    n.to_be_bytes().to_vec(),
                    DecodeError::BadValue,
                )
            };
            let under = min.checked_sub(1).map(number);
            under
                .into_iter()
                .chain(max.checked_add(1).map(number))
                .collect()
        }
        Shape::Choice(choices) => (0..=u8::MAX)
            .filter(|n| choices.iter().all(|(_, known)| known != n))
            .take(2)
            .map(|n| broken(&n.to_string(), vec![n], DecodeError::BadValue))
            .collect(),
        Shape::Bits(bits) => {
            let known = bits.iter().fold(0, |all, (_, bit)| all | bit);
            (0..8)
                .map(|bit| 1 << bit)
                .filter(|bit| known & bit == 0)
                .take(1)
                .map(|bit| broken(&format!("bit {bit:#04x}"), vec![bit], DecodeError::BadValue))
                .collect()
        }
        Shape::Address => {
            let tagged = |tag: u8, rest: [u8; 16]| [&[tag][..], &rest].concat();
            let mut padded = [0; 16];
            padded[15] = 1;
            vec![
                broken("tag 0", tagged(0, [0; 16]), DecodeError::BadAddress),
                broken("tag 5", tagged(5, [0; 16]), DecodeError::BadAddress),
                broken(
                    "a user with padding",
                    tagged(1, padded),
                    DecodeError::BadAddress,
                ),
                broken(
                    "a service with padding",
                    tagged(4, padded),
                    DecodeError::BadAddress,
                ),
            ]
        }
        Shape::List { of, max } => {
            let mut all = Vec::new();
            if let Ok(over) = u16::try_from(max + 1) {
                all.push(broken(
                    &format!("{over} entries announced, none there"),
                    over.to_be_bytes().to_vec(),
                    DecodeError::TooLong,
                ));
            }
            for inner in broken_shape(of) {
                let (label, error) = (format!("[0]{}", inner.label), inner.error);
                let body = [&[0, 1][..], &inner.body].concat();
                all.push(Broken { label, body, error });
            }
            all
        }
        Shape::Record(fields) => broken_fields(fields)
            .into_iter()
            .map(|inner| Broken {
                label: format!(".{}", inner.label),
                ..inner
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend(bytes);
    out
}
