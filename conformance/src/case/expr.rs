//! Values of a step, with holes: what is sent, and what is compared with what came.

use std::collections::BTreeMap;

use duet_protocol::code::Code;
use duet_protocol::id::{RoomId, SessionId, UserId};
use duet_protocol::wire::{Address, FieldSchema, Shape, Value};

use super::tree::{Data, LoadError, Node};

/// What names stand for, in a running case.
pub(crate) type Bindings = BTreeMap<String, Value>;

/// A value to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Literal(Value),
    /// `"$name"`, or `{ of = "$name", plus = 1 }`.
    Ref {
        name: String,
        plus: i64,
    },
    /// `{ raw = "hex" }`: these bytes in the place of the whole field.
    Raw(Vec<u8>),
    Address {
        tag: u8,
        of: Box<Expr>,
    },
    List(Vec<Expr>),
    Record(Vec<(String, Expr)>),
}

/// What a value is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Any,
    /// A reference that is not bound yet is bound by the comparison.
    Is(Expr),
    In(Vec<Expr>),
    Not(Box<Expr>),
    Within {
        min: i64,
        max: i64,
    },
    Length(usize),
    Contains(Vec<Matcher>),
    Record(Vec<(String, Matcher)>),
}

/// A code by its name, as reports write it.
pub(crate) fn code_named(name: &str) -> Option<Code> {
    let row = Code::ALL
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name));
    row.map(|row| row.code)
}

pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect())
}

fn item(items: &[(&str, u8)], name: &str) -> Option<u8> {
    let found = items.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
    found.map(|(_, number)| *number)
}

fn names(items: &[(&str, u8)]) -> String {
    let names: Vec<_> = items.iter().map(|(n, _)| n.to_ascii_lowercase()).collect();
    names.join(", ")
}

/// Looks a name of a field up.
pub(crate) fn field<'s>(
    fields: &'s [FieldSchema],
    name: &str,
    node: &Node,
) -> Result<&'s FieldSchema, LoadError> {
    match fields.iter().find(|field| field.name == name) {
        Some(field) => Ok(field),
        None => {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            node.fail(format!(
                "unknown field `{name}`; the fields here: {}",
                known.join(", ")
            ))
        }
    }
}

/// Splits `$name`.
pub(crate) fn reference(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| !name.is_empty())
}

impl Expr {
    /// Reads a value of this shape.
    pub(crate) fn read(node: &Node, shape: &Shape) -> Result<Self, LoadError> {
        match &node.data {
            Data::Text(text) => {
                if let Some(name) = reference(text) {
                    return Ok(Self::Ref {
                        name: name.to_owned(),
                        plus: 0,
                    });
                }
                Self::of_text(node, text, shape)
            }
            Data::Number(number) => match shape {
                Shape::U8
                | Shape::U16
                | Shape::U32
                | Shape::U64
                | Shape::User
                | Shape::Code
                | Shape::Within { .. }
                | Shape::Choice(_)
                | Shape::Bits(_) => Ok(Self::Literal(Value::Number(*number as u64))),
                _ => node.fail("a number does not fit this field"),
            },
            Data::Flag(_) => node.fail("true and false do not fit this field"),
            Data::List(items) => match shape {
                Shape::Bits(bits) => {
                    let mut all = 0;
                    for node in items {
                        let name = node.text("a flag")?;
                        match item(bits, name) {
                            Some(bit) => all |= bit,
                            None => {
                                return node.fail(format!(
                                    "unknown flag {name:?}; the flags here: {}",
                                    names(bits)
                                ));
                            }
                        }
                    }
                    Ok(Self::Literal(Value::Number(all.into())))
                }
                Shape::List { of, .. } => Ok(Self::List(
                    items
                        .iter()
                        .map(|node| Self::read(node, of))
                        .collect::<Result<_, _>>()?,
                )),
                _ => node.fail("a list does not fit this field"),
            },
            Data::Table(entries) => {
                if let Shape::Record(fields) = shape {
                    let mut record = Vec::new();
                    for (name, node) in entries {
                        let field = field(fields, name, node)?;
                        record.push((name.clone(), Self::read(node, &field.shape)?));
                    }
                    for field in *fields {
                        if record.iter().all(|(name, _)| name != field.name) {
                            record.push((field.name.to_owned(), Self::default_of(&field.shape)));
                        }
                    }
                    return Ok(Self::Record(record));
                }
                Self::of_table(node, shape)
            }
        }
    }

    fn of_text(node: &Node, text: &str, shape: &Shape) -> Result<Self, LoadError> {
        let value = match shape {
            Shape::Text { .. } => Value::Text(text.to_owned()),
            Shape::Opaque { .. } => Value::Bytes(text.as_bytes().to_vec()),
            Shape::Fixed { len } if text == "zero" => Value::Bytes(vec![0; *len]),
            Shape::Fixed { len } => match hex(text).filter(|bytes| bytes.len() == *len) {
                Some(bytes) => Value::Bytes(bytes),
                None => return node.fail(format!("needs \"zero\", {len} bytes in hex, or $name")),
            },
            Shape::Code => match code_named(text) {
                Some(code) => Value::Number(code.0.into()),
                None => return node.fail(format!("unknown code {text:?}")),
            },
            Shape::Choice(items) => match item(items, text) {
                Some(number) => Value::Number(number.into()),
                None => {
                    let known = names(items);
                    return node.fail(format!("unknown choice {text:?}; the choices: {known}"));
                }
            },
            Shape::Address => {
                if text == "service" {
                    return Ok(Self::Literal(Value::Address(Address::Service)));
                }
                let parts = text.split_once(':');
                let tag = parts.and_then(|(tag, _)| {
                    ["user", "session", "room"]
                        .iter()
                        .position(|known| *known == tag)
                });
                let (Some(tag), Some(name)) = (tag, parts.and_then(|(_, name)| reference(name)))
                else {
                    return node.fail(
                        "an address is \"user:$name\", \"session:$name\", \"room:$name\" or \"service\"",
                    );
                };
                return Ok(Self::Address {
                    tag: tag as u8 + 1,
                    of: Box::new(Self::Ref {
                        name: name.to_owned(),
                        plus: 0,
                    }),
                });
            }
            _ => return node.fail(format!("{text:?} does not fit this field")),
        };
        Ok(Self::Literal(value))
    }

    fn of_table(node: &Node, shape: &Shape) -> Result<Self, LoadError> {
        let mut table = node.table("a value")?;
        let expr = if let Some(of) = table.get("of") {
            let name = reference(of.text("`of`")?);
            let plus = table
                .get("plus")
                .map_or(Ok(0), |plus| plus.number("`plus`"))?;
            match name {
                Some(name) => Self::Ref {
                    name: name.to_owned(),
                    plus,
                },
                None => return of.fail("`of` needs a $name"),
            }
        } else if let Some(raw) = table.get("raw") {
            match hex(raw.text("`raw`")?) {
                Some(bytes) => Self::Raw(bytes),
                None => return raw.fail("`raw` needs pairs of hexadecimal digits"),
            }
        } else if let Some(of) = table.get("hex") {
            let bytes = hex(of.text("`hex`")?);
            match (bytes, shape) {
                (Some(bytes), Shape::Opaque { .. } | Shape::Fixed { .. }) => {
                    Self::Literal(Value::Bytes(bytes))
                }
                (Some(_), _) => return of.fail("this field holds no bytes; `raw` replaces it"),
                (None, _) => return of.fail("`hex` needs pairs of hexadecimal digits"),
            }
        } else if let Some(repeat) = table.get("repeat") {
            let text = repeat.text("`repeat`")?;
            let times = table.need("times")?.number("`times`")?;
            let text = text.repeat(usize::try_from(times).unwrap_or(0));
            match shape {
                Shape::Text { .. } => Self::Literal(Value::Text(text)),
                Shape::Opaque { .. } => Self::Literal(Value::Bytes(text.into_bytes())),
                _ => return repeat.fail("`repeat` fits text and opaque bytes only"),
            }
        } else {
            return node
                .fail("a value is a literal, $name, or a table with of, raw, hex or repeat");
        };
        table.done()?;
        Ok(expr)
    }

    /// What a field is sent as where the case does not say.
    pub(crate) fn default_of(shape: &Shape) -> Self {
        Self::Literal(match shape {
            Shape::U8 | Shape::U16 | Shape::U32 | Shape::U64 | Shape::User | Shape::Code => {
                Value::Number(0)
            }
            Shape::Bits(_) => Value::Number(0),
            Shape::Within { min, .. } => Value::Number((*min).into()),
            Shape::Choice(items) => {
                Value::Number(items.first().map_or(0, |(_, number)| (*number).into()))
            }
            Shape::Fixed { len } => Value::Bytes(vec![0; *len]),
            Shape::Text { .. } => Value::Text(String::new()),
            Shape::Opaque { .. } => Value::Bytes(Vec::new()),
            Shape::Address => Value::Address(Address::Service),
            Shape::List { .. } => Value::List(Vec::new()),
            Shape::Params => Value::Params(Vec::new()),
            Shape::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|field| (field.name.to_owned(), Self::default_of(&field.shape)));
                return Self::Record(fields.collect());
            }
        })
    }

    /// The value, once every name in it stands for something; otherwise that name. `Raw` has none.
    pub(crate) fn value(&self, bound: &Bindings) -> Result<Value, String> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Raw(bytes) => Ok(Value::Bytes(bytes.clone())),
            Self::Ref { name, plus } => match bound.get(name) {
                Some(Value::Number(number)) => Ok(Value::Number(number.wrapping_add_signed(*plus))),
                Some(value) => Ok(value.clone()),
                None => Err(name.clone()),
            },
            Self::Address { tag, of } => {
                let address = match (tag, of.value(bound)?) {
                    (1, Value::Number(user)) => Some(Address::User(UserId(user))),
                    (2, Value::Bytes(id)) => {
                        id.try_into().ok().map(SessionId).map(Address::Session)
                    }
                    (3, Value::Bytes(id)) => id.try_into().ok().map(RoomId).map(Address::Room),
                    _ => None,
                };
                address.map(Value::Address).ok_or_else(|| of.name())
            }
            Self::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| item.value(bound)).collect();
                Ok(Value::List(items?))
            }
            Self::Record(fields) => {
                let fields: Result<_, String> = fields
                    .iter()
                    .map(|(name, field)| Ok((name.clone(), field.value(bound)?)))
                    .collect();
                Ok(Value::Record(fields?))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Ref { name, .. } => name.clone(),
            _ => String::new(),
        }
    }
}

impl Matcher {
    /// Reads a matcher for a field of this shape.
    pub(crate) fn read(node: &Node, shape: &Shape) -> Result<Self, LoadError> {
        match &node.data {
            Data::Text(text) if text == "*" => Ok(Self::Any),
            Data::Table(entries) => {
                if let Shape::Record(fields) = shape {
                    let mut record = Vec::new();
                    for (name, node) in entries {
                        let field = field(fields, name, node)?;
                        record.push((name.clone(), Self::read(node, &field.shape)?));
                    }
                    return Ok(Self::Record(record));
                }
                let mut table = node.table("a matcher")?;
                let matcher = if let Some(list) = table.get("in") {
                    let list = list.list("`in`")?.iter();
                    let list: Result<_, _> = list.map(|node| Expr::read(node, shape)).collect();
                    Self::In(list?)
                } else if let Some(not) = table.get("not") {
                    Self::Not(Box::new(Expr::read(not, shape)?))
                } else if let Some(len) = table.get("len") {
                    let len = len.number("`len`")?;
                    Self::Length(usize::try_from(len).unwrap_or(usize::MAX))
                } else if let Some(list) = table.get("contains") {
                    let Shape::List { of, .. } = shape else {
                        return list.fail("`contains` fits lists only");
                    };
                    let list = list.list("`contains`")?.iter();
                    let list: Result<_, _> = list.map(|node| Self::read(node, of)).collect();
                    Self::Contains(list?)
                } else if let (min, max) = (table.get("min"), table.get("max"))
                    && (min.is_some() || max.is_some())
                {
                    let min = min.map_or(Ok(0), |min| min.number("`min`"))?;
                    let max = max.map_or(Ok(i64::MAX), |max| max.number("`max`"))?;
                    Self::Within { min, max }
                } else {
                    return Ok(Self::Is(Expr::read(node, shape)?));
                };
                table.done()?;
                Ok(matcher)
            }
            _ => Ok(Self::Is(Expr::read(node, shape)?)),
        }
    }

    /// Whether a value fits; names that stood for nothing come to stand for what was found, in `new`.
    pub(crate) fn fits(&self, value: &Value, bound: &Bindings, new: &mut Bindings) -> bool {
        match self {
            Self::Any => true,
            Self::Is(expr) => equal(expr, value, bound, new),
            Self::In(exprs) => exprs.iter().any(|expr| equal(expr, value, bound, new)),
            Self::Not(expr) => !equal(expr, value, bound, new),
            Self::Within { min, max } => match value {
                Value::Number(number) => {
                    i64::try_from(*number).is_ok_and(|n| (*min..=*max).contains(&n))
                }
                _ => false,
            },
            Self::Length(len) => match value {
                Value::Bytes(bytes) => bytes.len() == *len,
                Value::Text(text) => text.len() == *len,
                Value::List(list) => list.len() == *len,
                _ => false,
            },
            Self::Contains(matchers) => match value {
                Value::List(items) => matchers
                    .iter()
                    .all(|matcher| items.iter().any(|item| matcher.fits(item, bound, new))),
                _ => false,
            },
            Self::Record(fields) => match value {
                Value::Record(values) => fields.iter().all(|(name, matcher)| {
                    let value = values.iter().find(|(n, _)| n == name);
                    value.is_some_and(|(_, value)| matcher.fits(value, bound, new))
                }),
                _ => false,
            },
        }
    }
}

fn equal(expr: &Expr, value: &Value, bound: &Bindings, new: &mut Bindings) -> bool {
    if let Expr::Ref { name, plus: 0 } = expr
        && !bound.contains_key(name)
    {
        if let Some(known) = new.get(name) {
            return known == value;
        }
        new.insert(name.clone(), value.clone());
        return true;
    }
    expr.value(bound).is_ok_and(|expected| expected == *value)
}
