//! Values and bodies made from the schema alone: good ones of three sizes, and ones that break one rule each.

use duet_protocol::error::DecodeError;
use duet_protocol::id::{RoomId, SessionId, UserId};
use duet_protocol::wire::{Address, FieldSchema, MessageSchema, Shape, Value, encode_dynamic};

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
fn broken_fields(fields: &'static [FieldSchema]) -> Vec<Broken> {
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
        if let Shape::List { of, max } = field.shape {
            let entries = vec![value(of, field.name, Size::Typical, 0); max + 1];
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
    all
}

/// Every way in which a field of this shape can be wrong by itself.
fn broken_shape(shape: &'static Shape) -> Vec<Broken> {
    let broken = |label: &str, body: Vec<u8>, error| Broken {
        label: format!(": {label}"),
        body,
        error,
    };
    match *shape {
        Shape::Text { max } => vec![
            broken(
                &format!("{} bytes", max + 1),
                prefixed(text(max + 1).as_bytes()),
                DecodeError::TooLong,
            ),
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
        Shape::Opaque { max } => vec![broken(
            &format!("{} bytes", max + 1),
            prefixed(&vec![7; max + 1]),
            DecodeError::TooLong,
        )],
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
            let announced = ((max + 1) as u16).to_be_bytes().to_vec();
            let mut all = vec![broken(
                &format!("{} entries announced, none there", max + 1),
                announced,
                DecodeError::TooLong,
            )];
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
