//! What media control looks like, as data: the spec's tables, vectors, dissector and dictionary come from it, and so
//! does a second reader that knows nothing else.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use nom::Parser;
use nom::bytes::complete::take;

use super::control::{DEMAND, FEEDBACK, KEYFRAME_REQUEST, SYNC};
use crate::error::DecodeError;
use crate::wire::{FieldSchema, Parsed, Shape, Value, Values, complete, read_record};

/// One type of media control: entries as long as there are bytes, then the fields, which have a fixed length where
/// there are entries.
#[derive(Clone, Copy, Debug)]
pub struct ControlSchema {
    /// Its number.
    pub kind: u8,
    /// Its name.
    pub name: &'static str,
    /// The requirement that says what it is for.
    pub requirement: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Which end of a flow sends it.
    pub sender: &'static str,
    /// What repeats: its name and the fields of one entry.
    pub entries: Option<(&'static str, &'static [FieldSchema])>,
    /// Zero bytes follow an entry until its length is a multiple of this.
    pub align: usize,
    /// What stands once, after the entries.
    pub fields: &'static [FieldSchema],
}

const fn field(name: &'static str, doc: &'static str, shape: Shape) -> FieldSchema {
    FieldSchema { name, doc, shape }
}

const FLOW: FieldSchema = field("flow", "The flow", Shape::U32);

/// Every type of this revision, in order of number.
pub const CONTROLS: &[ControlSchema] = &[
    ControlSchema {
        kind: FEEDBACK,
        name: "FEEDBACK",
        requirement: "MEDIA-024",
        doc: "What arrived of the flows that the reporter receives",
        sender: "the receiver of flows",
        entries: Some((
            "blocks",
            &[
                FLOW,
                field("begin_seq", "The `hop_seq` of the first report", Shape::U16),
                field(
                    "reports",
                    "For one `hop_seq` after the other: R (1 bit), ECN (2 bits), ATO (13 bits)",
                    Shape::List {
                        of: &Shape::U16,
                        max: u16::MAX as usize,
                    },
                ),
            ],
        )),
        align: 4,
        fields: &[field(
            "report_timestamp",
            "When the report was made, in units of 1/65536 s on the reporter's clock",
            Shape::U32,
        )],
    },
    ControlSchema {
        kind: DEMAND,
        name: "DEMAND",
        requirement: "MEDIA-026",
        doc: "Which flows are wanted, and how much of each",
        sender: "the receiver of flows",
        entries: Some((
            "demands",
            &[
                FLOW,
                field(
                    "on",
                    "Whether anybody wants it",
                    Shape::Choice(&[("Off", 0), ("On", 1)]),
                ),
                field(
                    "rate",
                    "The most that the receiver can take, in bits a second; 0 for no limit",
                    Shape::U32,
                ),
            ],
        )),
        align: 1,
        fields: &[],
    },
    ControlSchema {
        kind: KEYFRAME_REQUEST,
        name: "KEYFRAME_REQUEST",
        requirement: "MEDIA-028",
        doc: "The receiver cannot go on without a keyframe",
        sender: "the receiver of a flow",
        entries: None,
        align: 1,
        fields: &[FLOW],
    },
    ControlSchema {
        kind: SYNC,
        name: "SYNC",
        requirement: "MEDIA-041",
        doc: "Two clocks at one instant, for playing flows in step",
        sender: "the sender of a flow",
        entries: None,
        align: 1,
        fields: &[
            FLOW,
            field("rtp_time", "The flow's RTP time", Shape::U32),
            field(
                "sender_clock",
                "The sender's clock at that time, in microseconds; shared by all of its flows",
                Shape::U64,
            ),
        ],
    },
];

impl ControlSchema {
    /// Bytes of the fields after the entries.
    fn tail(&self) -> usize {
        let fixed = |field: &FieldSchema| match field.shape {
            Shape::U8 | Shape::Choice(_) | Shape::Bits(_) => 1,
            Shape::U16 | Shape::Code => 2,
            Shape::U32 | Shape::Within { .. } => 4,
            Shape::U64 | Shape::User => 8,
            Shape::Fixed { len } => len,
            Shape::Address => 17,
            _ => 0,
        };
        self.fields.iter().map(fixed).sum()
    }

    fn read<'a>(&self, body: &'a [u8]) -> Parsed<'a, Values> {
        let Some((name, fields)) = self.entries else {
            return read_record(self.fields, body);
        };
        let entries = body.len().saturating_sub(self.tail());
        let (rest, mut entries) = take(entries).parse_complete(body)?;
        let mut list = Vec::new();
        while !entries.is_empty() {
            let (after, entry) = read_record(fields, entries)?;
            let used = entries.len().saturating_sub(after.len());
            let padding = used.next_multiple_of(self.align).saturating_sub(used);
            let (after, _padding) = take(padding).parse_complete(after)?;
            list.push(Value::Record(entry));
            entries = after;
        }
        let (rest, tail) = read_record(self.fields, rest)?;
        let mut values = vec![(String::from(name), Value::List(list))];
        values.extend(tail);
        Ok((rest, values))
    }
}

/// Reads what follows flow 0, type and body, by the schema: the entries under their name, then the fields. `None` for
/// a type that this revision does not know.
pub fn decode_dynamic(
    control: &[u8],
) -> Result<Option<(&'static ControlSchema, Values)>, DecodeError> {
    let Some((kind, body)) = control.split_first() else {
        return Err(DecodeError::Truncated);
    };
    match CONTROLS.iter().find(|schema| schema.kind == *kind) {
        Some(schema) => complete(body, |body| schema.read(body)).map(|read| Some((schema, read))),
        None => Ok(None),
    }
}
