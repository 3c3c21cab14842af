//! Steps: what a case says happens, read from its tree.

use std::ops::Range;
use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::message;
use duet_protocol::wire::{FieldSchema, Flags, MessageSchema, Sender, Shape};

use super::expr::{Expr, Matcher, code_named, field, hex, reference};
use super::tree::{Data, LoadError, Node, Place, Table};

/// How long an expectation waits unless it says otherwise.
pub(crate) const WITHIN: Duration = Duration::from_secs(2);

/// How long a forbidden thing is watched for unless the case says otherwise.
pub(crate) const WATCH: Duration = Duration::from_millis(250);

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) place: Place,
    /// The step as the case has it, in one line.
    pub(crate) text: String,
    pub(crate) act: Act,
    pub(crate) check: Option<String>,
    pub(crate) within: Duration,
}

/// What happens in a step. A `line` is an actor's control connection, `alice`, or a media connection, `alice.media`.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send {
        line: String,
        frame: FrameSpec,
    },
    Raw {
        line: String,
        raw: Raw,
        stream: u32,
        fin: bool,
    },
    /// Bytes of a payload, on a stream of its own.
    Payload {
        line: String,
        range: Range<u64>,
        stream: u32,
        fin: bool,
    },
    Reset {
        line: String,
        stream: u32,
    },
    ExpectPayload {
        line: String,
        transfer: Expr,
        attempt: u64,
        range: Range<u64>,
        open: bool,
    },
    AnyStreams {
        line: String,
    },
    ExpectReset {
        line: String,
        transfer: Expr,
    },
    Expect(Vec<Wanted>),
    Optional(Wanted),
    Forbid(Wanted),
    ExpectClose {
        line: String,
        code: Matcher,
    },
    Finish {
        line: String,
    },
    Datagram {
        line: String,
        bytes: Pieces,
    },
    ExpectDatagram {
        line: String,
        flow: Expr,
        payload: Vec<u8>,
    },
    ForbidDatagram {
        line: String,
    },
    OpenMedia {
        line: String,
        ticket: Option<Expr>,
    },
    Connect {
        line: String,
        resume: bool,
    },
    Disconnect {
        line: String,
        code: Code,
    },
    Automatic {
        line: String,
        ack: Option<bool>,
        pong: Option<bool>,
    },
    Wait,
    Probe {
        actor: Option<String>,
    },
}

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

fn schema_named(name: &str, node: &Node) -> Result<&'static MessageSchema, LoadError> {
    match message::schemas().find(|schema| schema.name == name) {
        Some(schema) => Ok(schema),
        None => {
            let known: Vec<_> = message::schemas().map(|schema| schema.name).collect();
            let known = known.join(", ");
            node.fail(format!("unknown message `{name}`; the messages: {known}"))
        }
    }
}

/// Reads `2s` or `250ms`.
fn span(node: &Node) -> Result<Duration, LoadError> {
    let text = node.text("a span of time")?;
    let span = text
        .strip_suffix("ms")
        .map(|n| (n, 1))
        .or_else(|| text.strip_suffix('s').map(|n| (n, 1_000)));
    match span.and_then(|(n, unit)| n.trim().parse::<u64>().ok()?.checked_mul(unit)) {
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => node.fail(format!(
            "{text:?} is no span of time such as \"2s\" or \"250ms\""
        )),
    }
}

fn number<T: TryFrom<i64>>(node: &Node, what: &str) -> Result<T, LoadError> {
    match T::try_from(node.number(what)?) {
        Ok(number) => Ok(number),
        Err(_) => node.fail(format!("{what} is out of range")),
    }
}

fn bytes(node: &Node, what: &str) -> Result<Vec<u8>, LoadError> {
    match hex(node.text(what)?) {
        Some(bytes) => Ok(bytes),
        None => node.fail(format!("{what} needs pairs of hexadecimal digits")),
    }
}

fn read_frame(
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

fn read_wanted(name: &Node, table: &mut Table<'_>) -> Result<Wanted, LoadError> {
    let line = line(table)?;
    let schema = schema_named(name.text("a message")?, name)?;
    if schema.sender == Sender::Client {
        return name.fail(format!("{} is never sent by a server", schema.name));
    }
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

fn line(table: &mut Table<'_>) -> Result<String, LoadError> {
    Ok(table.need("as")?.text("`as`")?.to_owned())
}

const VERBS: &[&str] = &[
    "send",
    "raw",
    "payload",
    "reset",
    "expect_payload",
    "expect_reset",
    "any_streams",
    "expect",
    "any_order",
    "optional",
    "forbid",
    "expect_close",
    "finish",
    "datagram",
    "expect_datagram",
    "forbid_datagram",
    "open_media",
    "connect",
    "disconnect",
    "automatic",
    "wait",
    "probe",
];

impl Step {
    pub(crate) fn read(node: &Node) -> Result<Self, LoadError> {
        let mut table = node.table("a step")?;
        let verbs: Vec<_> = VERBS
            .iter()
            .filter(|verb| table.entries.iter().any(|(key, _)| key == *verb))
            .collect();
        let [verb] = verbs.as_slice() else {
            return node.fail(format!(
                "a step has exactly one of: use, {}",
                VERBS.join(", ")
            ));
        };
        let given = table.need(verb)?;
        let (act, usual) = Self::read_act(verb, given, &mut table)?;
        let check = match table.get("check") {
            Some(check) => Some(check.text("`check`")?.to_owned()),
            None => None,
        };
        let within = table.get("within").map_or(Ok(usual), span)?;
        table.done()?;
        Ok(Self {
            place: node.place.clone(),
            text: node.render(),
            act,
            check,
            within,
        })
    }

    fn read_act(
        verb: &str,
        given: &Node,
        table: &mut Table<'_>,
    ) -> Result<(Act, Duration), LoadError> {
        let act = match verb {
            "send" => {
                let schema = match given.text("`send`")? {
                    // A frame of any kind, by `kind`, `flags` and `tail`.
                    "FRAME" => None,
                    name => Some(schema_named(name, given)?),
                };
                Act::Send {
                    line: line(table)?,
                    frame: read_frame(schema, table)?,
                }
            }
            "raw" => {
                let raw = read_raw(given)?;
                let stream = table
                    .get("stream")
                    .map_or(Ok(0), |n| number(n, "`stream`"))?;
                let fin = table.get("fin").map_or(Ok(false), |n| n.flag("`fin`"))?;
                Act::Raw {
                    line: line(table)?,
                    raw,
                    stream,
                    fin,
                }
            }
            "payload" => Act::Payload {
                range: read_range(given.table("`payload`")?)?,
                stream: number(table.need("stream")?, "`stream`")?,
                fin: table.get("fin").map_or(Ok(false), |n| n.flag("`fin`"))?,
                line: line(table)?,
            },
            "reset" => Act::Reset {
                stream: number(given, "`reset`")?,
                line: line(table)?,
            },
            "expect_payload" => {
                let mut inner = given.table("`expect_payload`")?;
                let transfer = Expr::read(inner.need("transfer")?, &ID)?;
                let attempt = inner
                    .get("attempt")
                    .map_or(Ok(1), |n| number(n, "`attempt`"))?;
                let open = inner.get("open").map_or(Ok(false), |n| n.flag("`open`"))?;
                Act::ExpectPayload {
                    line: line(table)?,
                    open,
                    transfer,
                    attempt,
                    range: read_range(inner)?,
                }
            }
            "any_streams" => {
                given.flag("`any_streams`")?;
                Act::AnyStreams { line: line(table)? }
            }
            "expect_reset" => Act::ExpectReset {
                transfer: Expr::read(given, &ID)?,
                line: line(table)?,
            },
            "expect" => Act::Expect(vec![read_wanted(given, table)?]),
            "any_order" => {
                let mut all = Vec::new();
                for node in given.list("`any_order`")? {
                    let mut table = node.table("an expectation")?;
                    let name = table.need("expect")?;
                    all.push(read_wanted(name, &mut table)?);
                    table.done()?;
                }
                Act::Expect(all)
            }
            "optional" => Act::Optional(read_wanted(given, table)?),
            "forbid" => return Ok((Act::Forbid(read_wanted(given, table)?), WATCH)),
            "expect_close" => Act::ExpectClose {
                line: line(table)?,
                code: Matcher::read(given, &Shape::Code)?,
            },
            "finish" => {
                given.flag("`finish`")?;
                Act::Finish { line: line(table)? }
            }
            "datagram" => Act::Datagram {
                line: line(table)?,
                bytes: read_datagram(given)?,
            },
            "expect_datagram" => {
                let mut inner = given.table("`expect_datagram`")?;
                let flow = Expr::read(inner.need("flow")?, &Shape::U32)?;
                let payload = bytes(inner.need("payload")?, "`payload`")?;
                inner.done()?;
                Act::ExpectDatagram {
                    line: line(table)?,
                    flow,
                    payload,
                }
            }
            "forbid_datagram" => {
                given.flag("`forbid_datagram`")?;
                return Ok((Act::ForbidDatagram { line: line(table)? }, WATCH));
            }
            "open_media" => {
                let ticket = match given.text("`open_media`")? {
                    "no attach" => None,
                    _ => Some(Expr::read(given, &Shape::Fixed { len: 32 })?),
                };
                Act::OpenMedia {
                    line: line(table)?,
                    ticket,
                }
            }
            "connect" => {
                let resume = match given.text("`connect`")? {
                    "fresh" => false,
                    "resume" => true,
                    _ => return given.fail("`connect` is \"fresh\" or \"resume\""),
                };
                Act::Connect {
                    line: line(table)?,
                    resume,
                }
            }
            "disconnect" => match code_named(given.text("`disconnect`")?) {
                Some(code) => Act::Disconnect {
                    line: line(table)?,
                    code,
                },
                None => return given.fail("`disconnect` needs the name of a code"),
            },
            "automatic" => {
                let mut inner = given.table("`automatic`")?;
                let ack = inner.get("ack").map(|n| n.flag("`ack`")).transpose()?;
                let pong = inner.get("pong").map(|n| n.flag("`pong`")).transpose()?;
                inner.done()?;
                Act::Automatic {
                    line: line(table)?,
                    ack,
                    pong,
                }
            }
            "wait" => return Ok((Act::Wait, span(given)?)),
            _ => match given.text("`probe`")? {
                "fresh" => Act::Probe { actor: None },
                actor => Act::Probe {
                    actor: Some(actor.to_owned()),
                },
            },
        };
        Ok((act, WITHIN))
    }

    /// The line that it lets say something.
    pub(crate) fn speaker(&self) -> Option<&str> {
        match &self.act {
            Act::Send { line, .. }
            | Act::Raw { line, .. }
            | Act::Finish { line }
            | Act::Payload { line, .. }
            | Act::Reset { line, .. }
            | Act::Datagram { line, .. }
            | Act::OpenMedia { line, .. } => Some(line),
            _ => None,
        }
    }

    /// Whether it holds a code from the wire against one that the case names.
    pub(crate) fn asserts_code(&self) -> bool {
        match &self.act {
            Act::ExpectClose { .. } => true,
            Act::Expect(all) => all
                .iter()
                .any(|wanted| wanted.fields.iter().any(|(field, _)| field.name == "code")),
            // What must not be there has no code.
            Act::Forbid(_) | Act::ForbidDatagram { .. } => true,
            // Nor has a reset one that it must bear.
            Act::ExpectReset { .. } => true,
            _ => false,
        }
    }

    /// The lines that it names.
    pub(crate) fn lines(&self) -> Vec<&str> {
        match &self.act {
            Act::Send { line, .. }
            | Act::Raw { line, .. }
            | Act::ExpectClose { line, .. }
            | Act::Payload { line, .. }
            | Act::Reset { line, .. }
            | Act::ExpectPayload { line, .. }
            | Act::ExpectReset { line, .. }
            | Act::AnyStreams { line }
            | Act::Finish { line }
            | Act::Datagram { line, .. }
            | Act::ExpectDatagram { line, .. }
            | Act::ForbidDatagram { line }
            | Act::OpenMedia { line, .. }
            | Act::Connect { line, .. }
            | Act::Disconnect { line, .. }
            | Act::Automatic { line, .. } => vec![line],
            Act::Expect(all) => all.iter().map(|wanted| wanted.line.as_str()).collect(),
            Act::Optional(wanted) | Act::Forbid(wanted) => vec![&wanted.line],
            Act::Wait => Vec::new(),
            Act::Probe { actor } => actor.as_deref().into_iter().collect(),
        }
    }
}

/// A transfer's id.
const ID: Shape = Shape::Fixed { len: 16 };

/// Reads `from` and `to`, and nothing else.
fn read_range(mut table: Table<'_>) -> Result<Range<u64>, LoadError> {
    let from = table.get("from").map_or(Ok(0), |n| number(n, "`from`"))?;
    let to = number(table.need("to")?, "`to`")?;
    table.done()?;
    Ok(from..to)
}

fn read_raw(node: &Node) -> Result<Raw, LoadError> {
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

fn read_datagram(node: &Node) -> Result<Pieces, LoadError> {
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
