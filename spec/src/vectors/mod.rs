//! The golden vectors (`spec/vectors/`) and the fuzzer's first corpus (`fuzz/corpus/frames/`), from the declarations
//! alone: a message that is added has its vectors, and nothing here knows any message by name.
//!
//! What a vector expects is said by how it was made, never by asking a decoder.

#![allow(
    clippy::unreachable,
    reason = "it makes bytes from declarations, it reads none"
)]

mod corpus;
mod cuts;
mod datagrams;
mod frames;
mod messages;
mod samples;

use duet_protocol::message::AREAS;
use duet_protocol::wire::{Address, FieldSchema, Shape, Value};
use serde_json::{Map, Value as Json, json};

/// Every file, relative to the root, and what is in it: one per area, one for streams, one for datagrams, the corpus.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let mut vectors: Vec<(&str, &str, Vec<Json>)> = AREAS
        .iter()
        .map(|area| {
            let vectors = area.schemas.iter().flat_map(messages::of).collect();
            (area.name, messages::ABOUT, vectors)
        })
        .collect();
    vectors.push(("frames", frames::ABOUT, frames::all()));
    vectors.push(("datagrams", datagrams::ABOUT, datagrams::all()));
    let mut files: Vec<_> = vectors
        .into_iter()
        .map(|(name, about, vectors)| {
            let path = format!("spec/vectors/{name}.json");
            (path, file(about, &vectors).into_bytes())
        })
        .collect();
    let corpus = corpus::files().into_iter();
    files.extend(corpus.map(|(name, bytes)| (format!("fuzz/corpus/frames/{name}"), bytes)));
    files
}

/// One vector a line, so that a change shows as a line.
fn file(about: &str, vectors: &[Json]) -> String {
    let lines: Vec<_> = vectors
        .iter()
        .map(|vector| format!("    {vector}"))
        .collect();
    let (about, lines) = (Json::from(about), lines.join(",\n"));
    format!("{{\n  \"about\": {about},\n  \"vectors\": [\n{lines}\n  ]\n}}\n")
}

/// Fields as JSON: the form that the appendix on vectors describes.
fn record(fields: &[FieldSchema], values: &[(String, Value)]) -> Json {
    let mut shown = Map::new();
    for (name, value) in values {
        let field = fields.iter().find(|field| field.name == name);
        let shape = field.map_or(Shape::Params, |field| field.shape);
        shown.insert(name.clone(), show(&shape, value));
    }
    Json::Object(shown)
}

fn show(shape: &Shape, value: &Value) -> Json {
    match (shape, value) {
        (Shape::U64 | Shape::User, Value::Number(n)) => json!(format!("{n:016x}")),
        (_, Value::Number(n)) => json!(n),
        (_, Value::Bytes(bytes)) => json!(hex(bytes)),
        (_, Value::Text(text)) => json!(text),
        (_, Value::Address(address)) => match address {
            Address::User(user) => json!({"user": format!("{:016x}", user.0)}),
            Address::Session(session) => json!({"session": hex(&session.0)}),
            Address::Room(room) => json!({"room": hex(&room.0)}),
            Address::Service => json!({"service": ""}),
        },
        (Shape::List { of, .. }, Value::List(values)) => {
            values.iter().map(|value| show(of, value)).collect()
        }
        (Shape::Record(fields), Value::Record(values)) => record(fields, values),
        (_, Value::Params(params)) => params
            .iter()
            .map(|(id, value)| json!([id, hex(value)]))
            .collect(),
        (shape, value) => unreachable!("{value:?} is no {shape:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
