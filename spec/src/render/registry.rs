//! The registries of the core as JSON, for generators in other languages.

use duet_protocol::code::Code;
use duet_protocol::error::{DecodeError, Violation};
use duet_protocol::limits::{LIMITS, TIMERS};
use duet_protocol::media::{CONTROL_FLOW, CONTROLS, ControlSchema};
use duet_protocol::message::schemas;
use duet_protocol::table::TABLES;
use duet_protocol::wire::{Address, FieldSchema, Flags, Shape};
use serde_json::{Map, Value, json};

use super::messages::{area_of, flags, sender};

/// What `spec/registry.json` must hold.
pub(super) fn to_json() -> String {
    let messages: Vec<Value> = schemas()
        .map(|schema| {
            json!({
                "kind": schema.kind,
                "name": schema.name,
                "area": area_of(schema.kind),
                "sender": sender(schema.sender),
                "flags": flags(schema.flags),
                "requirement": schema.requirement,
                "doc": schema.doc.trim(),
                "fields": fields(schema.fields),
            })
        })
        .collect();
    let codes: Vec<Value> = Code::ALL
        .iter()
        .map(|row| json!({ "code": row.code.0, "name": row.name.to_lowercase(), "meaning": row.meaning.trim() }))
        .collect();
    let limits: Vec<Value> = LIMITS
        .iter()
        .map(|row| json!({ "name": row.name, "value": row.value, "doc": row.doc.trim() }))
        .collect();
    let timers: Vec<Value> = TIMERS
        .iter()
        .map(|row| {
            let mut timer = json!({
                "name": row.name, "ms": row.span.as_millis() as u64, "requirement": row.requirement, "doc": row.doc.trim(),
            });
            if let (Some((least, most)), Some(timer)) = (row.range, timer.as_object_mut()) {
                timer.insert("least_ms".to_owned(), json!(least.as_millis() as u64));
                timer.insert("most_ms".to_owned(), json!(most.as_millis() as u64));
            }
            timer
        })
        .collect();
    let violations: Vec<Value> = Violation::ALL
        .iter()
        .map(|(violation, code, requirement)| {
            json!({ "name": format!("{violation:?}"), "code": code.0, "requirement": requirement })
        })
        .collect();
    let tables: Vec<Value> = TABLES
        .iter()
        .map(|table| {
            let rows: Vec<Value> = table
                .rows
                .iter()
                .map(|row| {
                    json!({
                        "phases": row.phases, "events": row.events, "verdict": row.verdict, "with": row.with,
                        "requirement": row.requirement,
                    })
                })
                .collect();
            let named = |all: &[(&str, &str)]| {
                let one = |(name, doc): &(&str, &str)| json!({ "name": name, "doc": doc.trim() });
                all.iter().map(one).collect::<Vec<_>>()
            };
            json!({
                "name": table.name, "doc": table.doc.trim(), "begin": table.begin,
                "phases": named(table.phases), "events": named(table.events), "rows": rows,
            })
        })
        .collect();
    let errors: Vec<Value> = DecodeError::ALL
        .iter()
        .map(|(error, meaning, requirement)| {
            let code = Violation::from(*error).code();
            json!({
                "name": format!("{error:?}"), "meaning": meaning.trim(), "requirement": requirement, "code": code.0,
            })
        })
        .collect();
    let registry = json!({
        "layout": layout(), "messages": messages, "controls": controls(), "codes": codes, "errors": errors,
        "violations": violations, "limits": limits, "timers": timers, "tables": tables,
    });
    format!("{registry:#}\n")
}

/// What every frame, address, parameter list and datagram looks like, in the shapes that fields have.
fn layout() -> Value {
    let parts = |parts: &[(&str, &str)]| {
        let part = |(name, kind): &(&str, &str)| json!({ "name": name, "shape": { "type": kind } });
        parts.iter().map(part).collect::<Vec<_>>()
    };
    json!({
        "header": parts(&[("kind", "u16"), ("flags", "u8"), ("reserved", "u8"), ("length", "u32")]),
        "flags": { "SEQUENCED": Flags::SEQUENCED.0, "ROUTED": Flags::ROUTED.0 },
        "ignorable_from": 0x8000,
        "reserved_low_byte": 0xaa,
        "address": [
            { "tag": 1, "name": "user", "len": 8 },
            { "tag": 2, "name": "session", "len": 16 },
            { "tag": 3, "name": "room", "len": 16 },
            { "tag": 4, "name": "service", "len": 0 },
        ],
        "address_len": Address::LEN,
        "length_prefix": "u16",
        "count_prefix": "u16",
        "params": parts(&[("id", "u16"), ("value", "opaque")]),
        "datagram": {
            "flow": "varint (RFC 9000 section 16)",
            "max_flow": u32::MAX,
            "control_flow": CONTROL_FLOW.0,
            "media": parts(&[("hop_seq", "u16")]),
            "control": parts(&[("type", "u8")]),
        },
    })
}

fn controls() -> Vec<Value> {
    let control = |schema: &ControlSchema| {
        let entries = schema
            .entries
            .map(|(name, of)| json!({ "name": name, "fields": fields(of), "align": schema.align }));
        json!({
            "type": schema.kind, "name": schema.name, "sender": schema.sender, "requirement": schema.requirement,
            "doc": schema.doc, "entries": entries, "fields": fields(schema.fields),
        })
    };
    CONTROLS.iter().map(control).collect()
}

fn fields(schemas: &[FieldSchema]) -> Vec<Value> {
    let field =
        |f: &FieldSchema| json!({ "name": f.name, "doc": f.doc.trim(), "shape": shape(&f.shape) });
    schemas.iter().map(field).collect()
}

fn shape(shape: &Shape) -> Value {
    let named = |items: &[(&str, u8)]| {
        items
            .iter()
            .map(|(name, number)| ((*name).to_owned(), Value::from(*number)))
            .collect::<Map<_, _>>()
    };
    match shape {
        Shape::U8 => json!({ "type": "u8" }),
        Shape::U16 => json!({ "type": "u16" }),
        Shape::U32 => json!({ "type": "u32" }),
        Shape::U64 => json!({ "type": "u64" }),
        Shape::User => json!({ "type": "user" }),
        Shape::Code => json!({ "type": "code" }),
        Shape::Fixed { len } => json!({ "type": "fixed", "len": len }),
        Shape::Text { max } => json!({ "type": "text", "max": max }),
        Shape::Opaque { max } => json!({ "type": "opaque", "max": max }),
        Shape::Within { min, max } => json!({ "type": "within", "min": min, "max": max }),
        Shape::Choice(items) => json!({ "type": "choice", "values": named(items) }),
        Shape::Bits(items) => json!({ "type": "bits", "values": named(items) }),
        Shape::Address => json!({ "type": "address" }),
        Shape::List { of, max } => json!({ "type": "list", "max": max, "of": self::shape(of) }),
        Shape::Record(inner) => json!({ "type": "record", "fields": fields(inner) }),
        Shape::Params => json!({ "type": "params" }),
    }
}
