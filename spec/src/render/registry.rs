//! The registries of the core as JSON, for generators in other languages.

use duet_protocol::code::Code;
use duet_protocol::error::Violation;
use duet_protocol::limits::{LIMITS, TIMERS};
use duet_protocol::message::schemas;
use duet_protocol::table::TABLES;
use duet_protocol::wire::{FieldSchema, Shape};
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
        .map(|row| json!({ "name": row.name, "ms": row.span.as_millis() as u64, "doc": row.doc.trim() }))
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
            json!({ "name": table.name, "doc": table.doc.trim(), "begin": table.begin, "rows": rows })
        })
        .collect();
    let registry = json!({
        "messages": messages, "codes": codes, "violations": violations,
        "limits": limits, "timers": timers, "tables": tables,
    });
    format!("{registry:#}\n")
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
