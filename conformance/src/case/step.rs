//! Steps: what a case says happens, read from its tree.

use std::ops::Range;
use std::time::Duration;

use duet_protocol::code::Code;
use duet_protocol::wire::Shape;

use super::expr::{Expr, Matcher, code_named};
use super::frame::{
    ID, bytes, line, number, read_datagram, read_frame, read_range, read_raw, read_wanted,
    schema_named,
};
use super::tree::{LoadError, Node, Place, Table};

pub(crate) use super::frame::{FrameSpec, Pieces, Raw, Wanted};

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

    /// The frames that it expects, permits or forbids.
    pub(crate) fn wanted(&self) -> &[Wanted] {
        match &self.act {
            Act::Expect(all) => all,
            Act::Optional(wanted) | Act::Forbid(wanted) => std::slice::from_ref(wanted),
            _ => &[],
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
