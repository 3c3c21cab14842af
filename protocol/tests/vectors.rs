//! The golden vectors of `spec/vectors/`, read as another implementation would: bytes in, fields out. Only the typed
//! readers are used here; what wrote the vectors knows nothing but the schemas.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../examples/vectors/generate.rs"]
mod generate;
#[path = "../examples/vectors/samples.rs"]
mod samples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use duet_protocol::message::{AREAS, Message, schema, schemas};
use duet_protocol::wire::{Address, FieldSchema, Framer, Shape, Value, Values};
use serde_json::{Value as Json, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> Vec<Json> {
    let path = root().join("spec/vectors").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Json = serde_json::from_str(&text).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn unhex(text: &Json) -> Bytes {
    let text = text.as_str().unwrap();
    assert_eq!(text.len() % 2, 0);
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> Json {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Json::from(digits)
}

/// Fields as the vectors show them: numbers of more than 32 bits and ids of users in hexadecimal.
fn fields(shapes: &[FieldSchema], values: &Values) -> Json {
    let shown = values.iter().map(|(name, value)| {
        let field = shapes.iter().find(|field| field.name == name);
        let shape = field.map_or(Shape::Params, |field| field.shape);
        (name.clone(), show(&shape, value))
    });
    Json::Object(shown.collect())
}

fn show(shape: &Shape, value: &Value) -> Json {
    match (shape, value) {
        (Shape::U64 | Shape::User, Value::Number(n)) => format!("{n:016x}").into(),
        (_, Value::Number(n)) => (*n).into(),
        (_, Value::Bytes(bytes)) => hex(bytes),
        (_, Value::Text(text)) => text.clone().into(),
        (_, Value::Address(address)) => match address {
            Address::User(user) => json!({"user": format!("{:016x}", user.0)}),
            Address::Session(session) => json!({"session": hex(&session.0)}),
            Address::Room(room) => json!({"room": hex(&room.0)}),
            Address::Service => json!({"service": ""}),
        },
        (Shape::List { of, .. }, Value::List(entries)) => {
            entries.iter().map(|entry| show(of, entry)).collect()
        }
        (Shape::Record(shapes), Value::Record(values)) => fields(shapes, values),
        (_, Value::Params(params)) => params
            .iter()
            .map(|(id, value)| json!([id, hex(value)]))
            .collect(),
        (shape, value) => panic!("{value:?} is no {shape:?}"),
    }
}

#[test]
fn every_vector_is_read_as_it_says() {
    let mut seen = BTreeMap::<String, (usize, usize)>::new();
    for area in AREAS {
        for vector in read(&format!("{}.json", area.name)) {
            let (name, case) = (vector["message"].as_str().unwrap(), &vector["case"]);
            let mut framer = Framer::new(u32::MAX);
            framer.push(unhex(&vector["frame"]));
            let frame = framer.next_frame().unwrap().expect("a whole frame");
            assert!(!framer.is_mid_frame(), "{name}, {case}: more than a frame");
            let kind = frame.header.kind;
            assert_eq!(schema(kind).unwrap().name, name);
            assert_eq!(
                frame.header.flags,
                schema(kind).unwrap().flags,
                "{name}, {case}"
            );
            let (good, bad) = seen.entry(name.to_owned()).or_default();
            match Message::decode(kind, &frame.body).expect("a known kind") {
                Ok(message) => {
                    let shapes = schema(kind).unwrap().fields;
                    assert_eq!(
                        fields(shapes, &message.values()),
                        vector["fields"],
                        "{name}, {case}"
                    );
                    *good += 1;
                }
                Err(error) => {
                    assert_eq!(format!("{error:?}"), vector["error"], "{name}, {case}");
                    *bad += 1;
                }
            }
        }
    }
    for schema in schemas() {
        let (good, bad) = seen.get(schema.name).copied().unwrap_or_default();
        assert!(
            good >= 4 && bad >= 6,
            "{}: {good} good, {bad} bad",
            schema.name
        );
    }
}

#[test]
fn every_stream_is_cut_as_it_says() {
    for vector in read("frames.json") {
        let case = &vector["case"];
        let bytes = unhex(&vector["bytes"]);
        for step in [usize::MAX, 1, 7] {
            let (mut framer, mut frames, mut error) = (Framer::new(16_384), Vec::new(), None);
            let mut taken = 0;
            for piece in bytes.chunks(step) {
                framer.push(Bytes::copy_from_slice(piece));
                loop {
                    match framer.next_frame() {
                        Ok(Some(frame)) => {
                            taken += 8 + frame.body.len();
                            let header = frame.header;
                            frames.push(json!({
                                "kind": header.kind,
                                "flags": header.flags.0,
                                "reserved": header.reserved,
                                "body": hex(&frame.body),
                            }));
                        }
                        Ok(None) => break,
                        Err(found) => {
                            error = Some(format!("{found:?}"));
                            break;
                        }
                    }
                }
                if error.is_some() {
                    break;
                }
            }
            assert_eq!(Json::from(frames), vector["frames"], "{case}, by {step}");
            match error {
                Some(error) => assert_eq!(error, vector["error"], "{case}, by {step}"),
                None => {
                    assert_eq!(bytes.len() - taken, vector["left"], "{case}, by {step}");
                    assert_eq!(framer.is_mid_frame(), vector["left"] != 0, "{case}");
                }
            }
        }
    }
}

#[test]
fn what_is_committed_is_what_the_schemas_give() {
    let hint = "cargo run -p duet-protocol --example vectors";
    for (name, content) in generate::vectors() {
        let path = root().join("spec/vectors").join(&name);
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == content, "spec/vectors/{name} is stale: {hint}");
    }
    for (name, content) in generate::corpus() {
        let path = root().join("fuzz/corpus/frames").join(&name);
        let committed = std::fs::read(path).unwrap_or_default();
        assert!(
            committed == content,
            "fuzz/corpus/frames/{name} is stale: {hint}"
        );
    }
}
