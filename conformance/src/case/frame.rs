//! Frames, bytes and payloads as a case writes them, and frames that it waits for.

use std::ops::Range;

use duet_protocol::message;
use duet_protocol::wire::{FieldSchema, Flags, MessageSchema, Shape};

use super::expr::{Expr, Matcher, field, hex, reference};
use super::tree::{Data, LoadError, Node, Table};

/// A frame to be sent: its schema's flags and defaults, unless the case says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct FrameSpec {
    pub(crate) kind: u16,
    pub(crate) flags: Flags,
    pub(crate) reserved: u8,
    pub(crate) fields: Vec<(&'static FieldSchema, Expr)>,
    pub(crate) params: Vec<(u16, Vec<u8>)>,
    pub(crate) tail: Vec<u8>,
    /// A length that the header claims instead of the body's.
    pub(crate) length: Option<u32>,
}

/// Bytes as they are, or generated.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Hex(Vec<u8>),
    /// So many random bytes; the first is 0x7f, so that no known or ignorable kind comes of it.
    Random(usize),
    /// A frame without its last bytes.
    Cut {
        frame: FrameSpec,
        off: usize,
    },
    /// A frame in two writes, cut at that byte.
    Split {
        frame: FrameSpec,
        at: usize,
    },
}

/// A datagram to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Pieces {
    Hex(Vec<u8>),
    Media {
        flow: Expr,
        seq: u16,
        payload: Vec<u8>,
    },
}

/// A frame that may come.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) line: String,
    pub(crate) schema: &'static MessageSchema,
    pub(crate) fields: Vec<(&'static FieldSchema, Matcher)>,
    pub(crate) text: String,
}

pub(super) fn schema_named(name: &str, node: &Node) -> Result<&'static MessageSchema, LoadError> {
    match message::schemas().find(|schema| schema.name == name) {
        Some(schema) => Ok(schema),
        None => {
            let known: Vec<_> = message::schemas().map(|schema| schema.name).collect();
            let known = known.join(", ");
            node.fail(format!("unknown message `{name}`; the messages: {known}"))
        }
    }
}

pub(super) fn number<T: TryFrom<i64>>(node: &Node, what: &str) -> Result<T, LoadError> {
    match T::try_from(node.number(what)?) {
        Ok(number) => Ok(number),
        Err(_) => node.fail(format!("{what} is out of range")),
    }
}

pub(super) fn bytes(node: &Node, what: &str) -> Result<Vec<u8>, LoadError> {
    match hex(node.text(what)?) {
        Some(bytes) => Ok(bytes),
        None => node.fail(format!("{what} needs pairs of hexadecimal digits")),
    }
}

pub(super) fn read_frame(
    schema: Option<&'static MessageSchema>,
    table: &mut Table<'_>,
) -> Result<FrameSpec, LoadError> {
    let mut frame = FrameSpec {
        kind: schema.map_or(0, |schema| schema.kind),
        flags: schema.map_or(Flags::default(), |schema| schema.flags),
        reserved: 0,
        fields: Vec::new(),
        params: Vec::new(),
        tail: Vec::new(),
        length: None,
    };
    if let Some(kind) = table.get("kind") {
        frame.kind = number(kind, "`kind`")?;
    }
    if let Some(flags) = table.get("flags") {
        frame.flags = Flags(number(flags, "`flags`")?);
    }
    if let Some(reserved) = table.get("reserved") {
        frame.reserved = number(reserved, "`reserved`")?;
    }
    if let Some(length) = table.get("length") {
        frame.length = Some(number(length, "`length`")?);
    }
    if let Some(tail) = table.get("tail") {
        frame.tail = bytes(tail, "`tail`")?;
    }
    if let Some(fill) = table.get("fill") {
        frame.tail = vec![0; number(fill, "`fill`")?];
    }
    if let Some(params) = table.get("params") {
        for param in params.list("`params`")? {
            let mut param = param.table("a parameter")?;
            let id = number(param.need("id")?, "`id`")?;
            let value = param
                .get("value")
                .map_or(Ok(Vec::new()), |v| bytes(v, "`value`"))?;
            param.done()?;
            frame.params.push((id, value));
        }
    }
    let schemas: &'static [FieldSchema] = schema.map_or(&[], |schema| schema.fields);
    let given = table.get("fields");
    if let Some(node) = given {
        for (name, node) in node.table("`fields`")?.entries {
            field(schemas, name, node)?;
        }
    }
    for schema in schemas {
        let node = match given.map(|node| &node.data) {
            Some(Data::Table(entries)) => entries.iter().find(|(name, _)| name == schema.name),
            _ => None,
        };
        let expr = match node {
            Some((_, node)) => Expr::read(node, &schema.shape)?,
            None => Expr::default_of(&schema.shape),
        };
        frame.fields.push((schema, expr));
    }
    Ok(frame)
}

pub(super) fn read_wanted(name: &Node, table: &mut Table<'_>) -> Result<Wanted, LoadError> {
    let line = line(table)?;
    let schema = schema_named(name.text("a message")?, name)?;
    let mut fields = Vec::new();
    if let Some(node) = table.get("fields") {
        for (name, node) in node.table("`fields`")?.entries {
            let field = field(schema.fields, name, node)?;
            fields.push((field, Matcher::read(node, &field.shape)?));
        }
    }
    let text = match table.get("fields") {
        Some(fields) => format!("{line} {} {}", schema.name, fields.render()),
        None => format!("{line} {}", schema.name),
    };
    Ok(Wanted {
        line,
        schema,
        fields,
        text,
    })
}

pub(super) fn line(table: &mut Table<'_>) -> Result<String, LoadError> {
    Ok(table.need("as")?.text("`as`")?.to_owned())
}

/// A transfer's id.
pub(super) const ID: Shape = Shape::Fixed { len: 16 };

/// Reads `from` and `to`, and nothing else.
pub(super) fn read_range(mut table: Table<'_>) -> Result<Range<u64>, LoadError> {
    let from = table.get("from").map_or(Ok(0), |n| number(n, "`from`"))?;
    let to = number(table.need("to")?, "`to`")?;
    table.done()?;
    Ok(from..to)
}

pub(super) fn read_raw(node: &Node) -> Result<Raw, LoadError> {
    if let Data::Text(_) = &node.data {
        return Ok(Raw::Hex(bytes(node, "`raw`")?));
    }
    let mut table = node.table("`raw`")?;
    let raw = if let Some(count) = table.get("random") {
        Raw::Random(number(count, "`random`")?)
    } else {
        let name = table.need("frame")?;
        let schema = match name.text("`frame`")? {
            "FRAME" => None,
            text => Some(schema_named(text, name)?),
        };
        let frame = read_frame(schema, &mut table)?;
        match (table.get("cut"), table.get("split")) {
            (Some(cut), None) => Raw::Cut {
                frame,
                off: number(cut, "`cut`")?,
            },
            (None, Some(split)) => Raw::Split {
                frame,
                at: number(split, "`split`")?,
            },
            _ => return node.fail("a raw frame has either `cut` or `split`"),
        }
    };
    table.done()?;
    Ok(raw)
}

pub(super) fn read_datagram(node: &Node) -> Result<Pieces, LoadError> {
    if let Data::Text(text) = &node.data
        && reference(text).is_none()
    {
        return Ok(Pieces::Hex(bytes(node, "`datagram`")?));
    }
    let mut table = node.table("`datagram`")?;
    let flow = Expr::read(table.need("flow")?, &Shape::U32)?;
    let seq = table.get("seq").map_or(Ok(0), |n| number(n, "`seq`"))?;
    let payload = bytes(table.need("payload")?, "`payload`")?;
    table.done()?;
    Ok(Pieces::Media { flow, seq, payload })
}
