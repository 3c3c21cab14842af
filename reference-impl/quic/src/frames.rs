//! Frames for people and for traces: decoded by the schemas, the same names everywhere.
//!
//! Both the reference and the conformance suite write what they see with these, so that their traces say the same.

use duet_protocol::code::Code;
use duet_protocol::message;
use duet_protocol::wire::{
    Address, FieldSchema, Frame, MessageSchema, Shape, Value, decode_dynamic,
};
use serde_json::{Map, json};

/// The schema of the events in a trace, for the header of each.
pub const TRACE_SCHEMA: &str = "https://example.org/112026/duet#1";

/// Fields of a frame.
///
/// # Errors
///
/// Why they cannot be read; for people.
pub fn decode(frame: &Frame) -> Result<(&'static MessageSchema, Fields), String> {
    let kind = frame.header.kind;
    let Some(schema) = message::schema(kind) else {
        return Err(format!("no known message has the number 0x{kind:04x}"));
    };
    match decode_dynamic(schema.fields, &frame.body) {
        Ok(fields) => Ok((schema, fields)),
        Err(error) => Err(error.to_string()),
    }
}

/// Names and values, in order.
pub type Fields = Vec<(String, Value)>;

/// Bytes in hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes for people: whole where they are few.
fn brief(bytes: &[u8]) -> String {
    match bytes.len() {
        0 => "empty".to_owned(),
        1..=16 => hex(bytes),
        n => format!("{}…({n} bytes)", hex(&bytes[..8])),
    }
}

fn address(address: &Address) -> String {
    match address {
        Address::User(user) => format!("user:{user}"),
        Address::Session(session) => format!("session:{session}"),
        Address::Room(room) => format!("room:{room}"),
        Address::Service => "service".to_owned(),
    }
}

fn bits(names: &[(&str, u8)], value: u64) -> String {
    let set = names
        .iter()
        .filter(|(_, bit)| value & u64::from(*bit) != 0)
        .map(|(name, _)| name.to_ascii_lowercase());
    format!("[{}]", set.collect::<Vec<_>>().join(", "))
}

fn choice(names: &[(&str, u8)], value: u64) -> String {
    let found = names.iter().find(|(_, number)| u64::from(*number) == value);
    found.map_or_else(|| value.to_string(), |(name, _)| name.to_ascii_lowercase())
}

/// A value in one line.
pub fn value(shape: &Shape, of: &Value) -> String {
    match (shape, of) {
        (Shape::Code, Value::Number(n)) => Code(*n as u16).to_string(),
        (Shape::User, Value::Number(n)) => format!("{n:016x}"),
        (Shape::Choice(names), Value::Number(n)) => choice(names, *n),
        (Shape::Bits(names), Value::Number(n)) => bits(names, *n),
        (_, Value::Number(n)) => n.to_string(),
        (_, Value::Bytes(bytes)) => brief(bytes),
        (_, Value::Text(text)) if text.len() > 40 => {
            let start: String = text.chars().take(24).collect();
            format!("{start:?}…({} bytes)", text.len())
        }
        (_, Value::Text(text)) => format!("{text:?}"),
        (_, Value::Address(of)) => address(of),
        (Shape::List { of, .. }, Value::List(items)) => {
            let items: Vec<_> = items.iter().map(|item| value(of, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Shape::Record(shapes), Value::Record(values)) => format!("{{{}}}", fields(shapes, values)),
        (_, Value::Params(params)) => {
            let params: Vec<_> = params
                .iter()
                .map(|(id, value)| format!("0x{id:04x}: {}", brief(value)))
                .collect();
            format!("[{}]", params.join(", "))
        }
        (_, other) => format!("{other:?}"),
    }
}

fn shape_of<'a>(shapes: &'a [FieldSchema], name: &str) -> &'a Shape {
    let found = shapes.iter().find(|field| field.name == name);
    found.map_or(&Shape::Params, |field| &field.shape)
}

/// Fields that nobody may read in a trace: passwords, tokens, tickets, secrets.
const SECRETS: [&str; 5] = ["credential", "resume_token", "token", "ticket", "secret"];

/// How long a secret is, in the place of the secret.
fn hidden(name: &str, of: &Value) -> Option<String> {
    match of {
        Value::Bytes(bytes) if SECRETS.contains(&name) && !bytes.is_empty() => {
            Some(format!("…({} bytes)", bytes.len()))
        }
        _ => None,
    }
}

/// Whether a frame of this kind may hold a secret.
fn holds_secret(kind: u16) -> bool {
    message::schema(kind).is_some_and(|schema| {
        let bytes = |field: &&FieldSchema| !matches!(field.shape, Shape::U64);
        let mut fields = schema.fields.iter().filter(bytes);
        fields.any(|field| SECRETS.contains(&field.name))
    })
}

fn fields(shapes: &[FieldSchema], values: &[(String, Value)]) -> String {
    let fields: Vec<_> = values
        .iter()
        .map(|(name, of)| {
            let shown = hidden(name, of).unwrap_or_else(|| value(shape_of(shapes, name), of));
            format!("{name}={shown}")
        })
        .collect();
    fields.join(", ")
}

/// A frame in one line: `RESULT{request=1, code=delivered}`.
pub fn frame(frame: &Frame) -> String {
    match decode(frame) {
        Ok((schema, values)) => format!("{}{{{}}}", schema.name, fields(schema.fields, &values)),
        Err(why) => format!(
            "{} with a body of {} bytes, {}: {why}",
            name(frame.header.kind),
            frame.body.len(),
            match holds_secret(frame.header.kind) {
                true => "not shown".to_owned(),
                false => brief(&frame.body),
            },
        ),
    }
}

/// The name of a kind.
pub fn name(kind: u16) -> String {
    match message::schema(kind) {
        Some(schema) => schema.name.to_owned(),
        None => format!("kind 0x{kind:04x}"),
    }
}

/// A frame as the data of a trace's event.
pub fn json(frame: &Frame) -> serde_json::Value {
    let mut data = Map::new();
    data.insert("type".to_owned(), name(frame.header.kind).into());
    data.insert("flags".to_owned(), frame.header.flags.0.into());
    match decode(frame) {
        Ok((schema, values)) => {
            data.insert("fields".to_owned(), json_fields(schema.fields, &values));
        }
        Err(why) if message::schema(frame.header.kind).is_some() => {
            data.insert("error".to_owned(), why.into());
        }
        Err(_) => {}
    }
    let raw = match holds_secret(frame.header.kind) {
        true => json!({ "length": frame.body.len() }),
        false => json!({ "length": frame.body.len(), "data": hex(&frame.body) }),
    };
    data.insert("raw".to_owned(), raw);
    serde_json::Value::Object(data)
}

fn json_fields(shapes: &[FieldSchema], values: &[(String, Value)]) -> serde_json::Value {
    let entries = values.iter().map(|(name, of)| {
        let shown = hidden(name, of).map(serde_json::Value::from);
        let shown = shown.unwrap_or_else(|| json_value(shape_of(shapes, name), of));
        (name.clone(), shown)
    });
    serde_json::Value::Object(entries.collect())
}

fn json_value(shape: &Shape, of: &Value) -> serde_json::Value {
    match (shape, of) {
        // I-JSON's numbers end at 2⁵³.
        (Shape::U64, Value::Number(n)) => n.to_string().into(),
        (Shape::U8 | Shape::U16 | Shape::U32 | Shape::Within { .. }, Value::Number(n)) => {
            (*n).into()
        }
        (_, Value::Bytes(bytes)) => hex(bytes).into(),
        (_, Value::Text(text)) => text.clone().into(),
        (Shape::List { of, .. }, Value::List(items)) => {
            items.iter().map(|item| json_value(of, item)).collect()
        }
        (Shape::Record(shapes), Value::Record(values)) => json_fields(shapes, values),
        (shape, other) => value(shape, other).into(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use duet_protocol::message::Wire as _;
    use duet_protocol::message::session::{Authenticate, Method};
    use duet_protocol::wire::{Frame, Framer, Params, Secret, Text};

    fn login(password: &[u8]) -> Frame {
        let login = Authenticate {
            method: Method::Password,
            name: Text::cut("alice"),
            credential: Secret::new(password).unwrap_or_default(),
            device: Text::cut("desk"),
            params: Params::NONE,
        };
        let mut framer = Framer::new(16_384);
        framer.push(login.encode());
        framer.next_frame().ok().flatten().expect("a whole frame")
    }

    #[test]
    fn a_password_is_in_no_trace() {
        let frame = login(b"hunter2");
        let mut cut = frame.clone();
        cut.body = Bytes::copy_from_slice(&frame.body[..frame.body.len() - 3]);
        let hex = super::hex(b"hunter2");
        for frame in [&frame, &cut] {
            let shown = format!("{} {}", super::frame(frame), super::json(frame));
            assert!(
                !shown.contains("hunter2") && !shown.contains(&hex),
                "{shown}"
            );
        }
        assert!(super::frame(&frame).contains("credential=…(7 bytes)"));
        assert!(super::json(&frame).to_string().contains("alice"));
    }
}
