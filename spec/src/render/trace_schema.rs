//! The JSON Schema of traces (draft 2020-12): one record of a `.sqlog` file, its header or an event.

use duet_protocol::message::schemas;
use duet_protocol::trace::{EVENTS, Event, Kind, Member};
use duet_protocol::wire::{FieldSchema, Shape};
use serde_json::{Map, Value, json};

/// What `spec/trace.schema.json` must hold.
pub(super) fn to_json() -> String {
    let mut defs = Map::new();
    defs.insert("header".to_owned(), header());
    defs.insert(
        "raw".to_owned(),
        closed(
            json!({ "length": { "type": "integer", "minimum": 0 }, "data": hex(None) }),
            // The bytes of a frame that holds a secret are left out.
            &["length"],
        ),
    );
    for schema in schemas() {
        let mut fields = record(schema.fields);
        fields["properties"]["params"] =
            json!({ "type": "string", "description": "Parameters, for people" });
        fields["description"] = schema.doc.trim().into();
        defs.insert(format!("fields of {}", schema.name), fields);
    }
    let names: Vec<&str> = EVENTS.iter().map(|event| event.name).collect();
    let per_event: Vec<Value> = EVENTS.iter().map(event).collect();
    defs.insert(
        "event".to_owned(),
        json!({
            "type": "object",
            "required": ["time", "name", "data"],
            "additionalProperties": false,
            "properties": {
                "time": { "type": "number", "minimum": 0, "description": "Milliseconds since the run began" },
                "name": { "enum": names },
                "group_id": { "type": "string", "description": "The connection, call or line that it belongs to" },
                "data": { "type": "object" },
            },
            "allOf": per_event,
        }),
    );
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of a Duet trace",
        "description": "Each record of a .sqlog file (JSON text sequences, RFC 7464) is one of these; the header is the \
            first. Written by `duet-spec render`.",
        "if": { "type": "object", "required": ["file_schema"] },
        "then": { "$ref": "#/$defs/header" },
        "else": { "$ref": "#/$defs/event" },
        "$defs": defs,
    });
    format!("{schema:#}\n")
}

/// An object of these properties and no others.
fn closed(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn header() -> Value {
    let text = || json!({ "type": "string" });
    let reference = closed(
        json!({ "clock_type": { "enum": ["virtual", "monotonic"] }, "epoch": { "const": "unknown" } }),
        &["clock_type", "epoch"],
    );
    let common = closed(
        json!({ "reference_time": reference, "duet": { "type": "object" } }),
        &["reference_time"],
    );
    let vantage = closed(
        json!({ "name": text(), "type": { "enum": ["client", "server", "network", "unknown"] } }),
        &["name", "type"],
    );
    let trace = closed(
        json!({
            "vantage_point": vantage,
            "event_schemas": { "type": "array", "items": text(), "minItems": 1 },
            "common_fields": common,
        }),
        &["vantage_point", "event_schemas", "common_fields"],
    );
    closed(
        json!({
            "file_schema": { "const": "urn:ietf:params:qlog:file:sequential" },
            "serialization_format": { "const": "application/qlog+json-seq" },
            "title": text(),
            "trace": trace,
        }),
        &["file_schema", "serialization_format", "title", "trace"],
    )
}

/// What an event of this name holds.
fn event(event: &Event) -> Value {
    let properties: Map<_, _> = event
        .members
        .iter()
        .map(|of| (of.name.to_owned(), member(of)))
        .collect();
    let required: Vec<&str> = event
        .members
        .iter()
        .filter(|member| member.always)
        .map(|member| member.name)
        .collect();
    let mut data = closed(Value::Object(properties), &required);
    data["description"] = event.doc.trim().into();
    // What a frame's fields are depends on its message.
    let fields = event
        .members
        .iter()
        .find(|member| member.kind == Kind::Fields);
    let of = event
        .members
        .iter()
        .find(|member| member.kind == Kind::Message);
    if let (Some(fields), Some(of)) = (fields, of) {
        let known = schemas().map(|schema| {
            json!({
                "if": { "properties": { of.name: { "const": schema.name } } },
                "then": { "properties": {
                    fields.name: { "$ref": format!("#/$defs/fields of {}", schema.name).replace(' ', "%20") },
                } },
            })
        });
        data["allOf"] = known.collect();
    }
    json!({
        "if": { "properties": { "name": { "const": event.name } } },
        "then": { "properties": { "data": data } },
    })
}

fn member(member: &Member) -> Value {
    let mut schema = match member.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::MaybeText => json!({ "type": ["string", "null"] }),
        Kind::Number => json!({ "type": "integer", "minimum": 0 }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Choice(items) => json!({ "enum": items }),
        Kind::Raw => json!({ "$ref": "#/$defs/raw" }),
        Kind::Message => {
            let names: Vec<&str> = schemas().map(|schema| schema.name).collect();
            json!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": "^kind 0x[0-9a-f]{4}$" }] })
        }
        Kind::Fields => json!({ "type": "object" }),
    };
    schema["description"] = member.doc.into();
    schema
}

fn record(fields: &[FieldSchema]) -> Value {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let properties: Map<_, _> = fields
        .iter()
        .map(|field| {
            let mut shape = shape(&field.shape);
            shape["description"] = field.doc.trim().into();
            (field.name.to_owned(), shape)
        })
        .collect();
    closed(Value::Object(properties), &names)
}

fn hex(digits: Option<usize>) -> Value {
    let count = digits.map_or("*".to_owned(), |digits| format!("{{{digits}}}"));
    json!({ "type": "string", "pattern": format!("^[0-9a-f]{count}$") })
}

/// Bytes in hexadecimal, or only how many there are where they are a secret.
fn bytes(digits: Option<usize>) -> Value {
    let count = digits.map_or("*".to_owned(), |digits| format!("{{{digits}}}"));
    json!({ "type": "string", "pattern": format!("^([0-9a-f]{count}|…\\([0-9]+ bytes\\))$") })
}

/// A field's value as traces show it: numbers over 2⁵³ and everything that has a name as text.
fn shape(shape: &Shape) -> Value {
    let upto = |maximum: u64| json!({ "type": "integer", "minimum": 0, "maximum": maximum });
    match shape {
        Shape::U8 => upto(u8::MAX.into()),
        Shape::U16 => upto(u16::MAX.into()),
        Shape::U32 => upto(u32::MAX.into()),
        Shape::Within { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::U64 => json!({ "type": "string", "pattern": "^[0-9]{1,20}$" }),
        Shape::User => hex(Some(16)),
        Shape::Code => json!({ "type": "string", "pattern": "^(0x[0-9a-f]{4}|[a-z][a-z_0-9]*)$" }),
        Shape::Fixed { len } => bytes(Some(2 * len)),
        Shape::Opaque { max } => {
            let mut hex = bytes(None);
            hex["maxLength"] = (2 * max).into();
            hex
        }
        // The limit is in bytes, and no character has less than one.
        Shape::Text { max } => json!({ "type": "string", "maxLength": max }),
        Shape::Choice(items) => {
            let names: Vec<String> = items
                .iter()
                .map(|(name, _)| name.to_ascii_lowercase())
                .collect();
            json!({ "enum": names })
        }
        Shape::Bits(items) => {
            let names: Vec<String> = items
                .iter()
                .map(|(name, _)| name.to_ascii_lowercase())
                .collect();
            let one = names.join("|");
            json!({ "type": "string", "pattern": format!("^\\[(({one})(, ({one}))*)?\\]$") })
        }
        Shape::Address => {
            json!({ "type": "string", "pattern": "^(service|user:[0-9a-f]{16}|(session|room):[0-9a-f]{32})$" })
        }
        Shape::List { of, max } => {
            json!({ "type": "array", "items": self::shape(of), "maxItems": max })
        }
        Shape::Record(fields) => record(fields),
        Shape::Params => json!({ "type": "string" }),
    }
}
