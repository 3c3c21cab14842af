//! The golden vectors of `spec/vectors/`, read as another implementation would: bytes in, fields out. Three readers: the
//! typed one, the one that knows the schemas, and one in Python that knows `spec/registry.json`. No encoder is used, and
//! nothing of what wrote the vectors; `duet-spec check` holds the files against the declarations.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use duet_protocol::code::Code;
use duet_protocol::error::Violation;
use duet_protocol::limits::MAX_FRAME;
use duet_protocol::media::{Control, Datagram, RtpHeader, decode_control_dynamic, read_varint};
use duet_protocol::message::{AREAS, Message, admit, schema, schemas};
use duet_protocol::wire::{
    Address, FieldSchema, Frame, Framer, Sender, Shape, Value, Values, decode_dynamic,
};
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

/// What a vector expects in case of an error.
fn refusal(error: &str, code: Code, requirement: &str) -> [Json; 3] {
    [error.into(), code.to_string().into(), requirement.into()]
}

fn expected(vector: &Json) -> [Json; 3] {
    ["error", "code", "requirement"].map(|key| vector[key].clone())
}

#[test]
fn every_message_is_read_as_its_vectors_say() {
    let mut seen = BTreeMap::<String, (usize, usize)>::new();
    for vector in AREAS
        .iter()
        .flat_map(|area| read(&format!("{}.json", area.name)))
    {
        let (name, case) = (vector["message"].as_str().unwrap(), &vector["case"]);
        let mut framer = Framer::new(MAX_FRAME as u32);
        framer.push(unhex(&vector["frame"]));
        let frame = framer.next_frame().unwrap().expect("a whole frame");
        assert!(!framer.is_mid_frame(), "{name}, {case}: more than a frame");
        let schema = schema(frame.header.kind).unwrap();
        assert_eq!(schema.name, name);
        let from = match (vector["from"].as_str(), schema.sender) {
            (Some("client"), _) | (None, Sender::Client) => Sender::Client,
            (None, Sender::Service) => Sender::Service,
            _ => Sender::Server,
        };
        let (good, bad) = seen.entry(name.to_owned()).or_default();
        let by_schema = decode_dynamic(schema.fields, &frame.body);
        match admit(&frame, from) {
            Ok(message) => {
                let typed = message.expect("a known kind").values();
                assert_eq!(
                    fields(schema.fields, &typed),
                    vector["fields"],
                    "{name}, {case}"
                );
                assert_eq!(by_schema.as_ref(), Ok(&typed), "{name}, {case}");
                let flags = vector["flags"].as_u64().unwrap_or(schema.flags.0.into());
                assert_eq!(u64::from(frame.header.flags.0), flags, "{name}, {case}");
                let reserved = vector["reserved"].as_u64().unwrap_or_default();
                assert_eq!(u64::from(frame.header.reserved), reserved, "{name}, {case}");
                *good += 1;
            }
            Err(violation @ (Violation::UnexpectedFrame | Violation::WrongFlags)) => {
                let (name, code) = (format!("{violation:?}"), violation.code());
                let found = refusal(&name, code, violation.requirement());
                assert_eq!(found, expected(&vector), "{name}, {case}");
                assert!(by_schema.is_ok(), "{name}, {case}: one rule each");
                *bad += 1;
            }
            Err(violation) => {
                let error = Message::decode(schema.kind, &frame.body)
                    .unwrap()
                    .unwrap_err();
                assert_eq!(violation, Violation::from(error), "{name}, {case}");
                let found = refusal(&format!("{error:?}"), violation.code(), error.requirement());
                assert_eq!(found, expected(&vector), "{name}, {case}");
                assert_eq!(by_schema, Err(error), "{name}, {case}");
                *bad += 1;
            }
        }
    }
    for schema in schemas() {
        let (good, bad) = seen.get(schema.name).copied().unwrap_or_default();
        let name = schema.name;
        assert!(good >= 14 && bad >= 6, "{name}: {good} good, {bad} bad");
    }
    let all: usize = seen.values().map(|(good, bad)| good + bad).sum();
    assert!(all >= 1_500, "only {all} vectors");
}

#[test]
fn every_stream_is_cut_as_its_vectors_say() {
    for vector in read("frames.json") {
        let case = &vector["case"];
        let bytes = unhex(&vector["bytes"]);
        for step in [usize::MAX, 1, 7] {
            let (mut framer, mut frames, mut error) =
                (Framer::new(MAX_FRAME as u32), Vec::new(), None);
            let mut taken = 0;
            'pieces: for piece in bytes.chunks(step) {
                framer.push(Bytes::copy_from_slice(piece));
                loop {
                    let violation = match framer.next_frame() {
                        Ok(Some(frame)) => {
                            taken += 8 + frame.body.len();
                            match admit(&frame, Sender::Client) {
                                Ok(message) => {
                                    frames.push(framed(&frame, message.is_none()));
                                    continue;
                                }
                                Err(violation) => violation,
                            }
                        }
                        Ok(None) => break,
                        Err(found) => found.into(),
                    };
                    error = Some(violation);
                    break 'pieces;
                }
            }
            assert_eq!(Json::from(frames), vector["frames"], "{case}, by {step}");
            match error {
                Some(error) => {
                    let found = refusal(&format!("{error:?}"), error.code(), error.requirement());
                    assert_eq!(found, expected(&vector), "{case}, by {step}");
                }
                None => {
                    assert_eq!(bytes.len() - taken, vector["left"], "{case}, by {step}");
                    assert_eq!(framer.is_mid_frame(), vector["left"] != 0, "{case}");
                }
            }
        }
    }
}

fn framed(frame: &Frame, skipped: bool) -> Json {
    let header = frame.header;
    let mut shown = json!({
        "kind": header.kind, "flags": header.flags.0, "reserved": header.reserved, "body": hex(&frame.body),
    });
    if skipped {
        shown["skipped"] = true.into();
    }
    shown
}

#[test]
fn every_datagram_is_read_as_its_vectors_say() {
    let (mut good, mut dropped) = (0, 0);
    for vector in read("datagrams.json") {
        let case = &vector["case"];
        let bytes = unhex(&vector["datagram"]);
        let mut found = json!({ "case": case, "datagram": hex(&bytes) });
        match Datagram::read(&bytes) {
            Ok(Datagram::Media {
                flow,
                hop_seq,
                payload,
            }) => {
                found["flow"] = flow.0.into();
                found["hop_seq"] = hop_seq.into();
                found["payload"] = hex(payload);
                match RtpHeader::parse(payload) {
                    Ok(rtp) => {
                        found["rtp"] = json!({
                            "marker": rtp.marker(), "payload_type": rtp.payload_type(), "sequence": rtp.sequence(),
                            "timestamp": rtp.timestamp(), "ssrc": rtp.ssrc(), "payload": hex(rtp.payload()),
                        });
                    }
                    Err(error) => found["rtp_error"] = format!("{error:?}").into(),
                }
            }
            Ok(Datagram::Control(control)) => control_of(&bytes, &control, &mut found),
            Err(error) => {
                found["error"] = format!("{error:?}").into();
                found["requirement"] = "MEDIA-021".into();
            }
        }
        *if found["error"].is_null() {
            &mut good
        } else {
            &mut dropped
        } += 1;
        assert_eq!(found, vector, "{case}");
    }
    assert!(
        good >= 100 && dropped >= 60,
        "{good} good, {dropped} dropped"
    );
}

/// Media control as the typed reader sees it, where it has a type, and as the one that knows only the schema does.
fn control_of(datagram: &[u8], control: &Control<'_>, found: &mut Json) {
    found["flow"] = 0.into();
    let (rest, _) = read_varint(datagram).unwrap();
    found["type"] = rest[0].into();
    let Some((schema, values)) = decode_control_dynamic(rest).unwrap() else {
        let Control::Unknown { kind, body } = control else {
            panic!("{control:?} has no schema");
        };
        assert_eq!(*kind, rest[0]);
        found["body"] = hex(body);
        return;
    };
    found["control"] = schema.name.into();
    let named: Vec<FieldSchema> = schema
        .entries
        .iter()
        .map(|(name, of)| FieldSchema {
            name,
            doc: "",
            // The entries' fields live as long as the program; so must the shape that stands for all of them.
            shape: Shape::List {
                of: Box::leak(Box::new(Shape::Record(of))),
                max: usize::MAX,
            },
        })
        .chain(schema.fields.iter().copied())
        .collect();
    found["fields"] = fields(&named, &values);
    let number = |n: u64| Value::Number(n);
    let entry = |values: Vec<(&str, Value)>| {
        Value::Record(
            values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let typed = match *control {
        Control::Feedback(feedback) => {
            let blocks = feedback.blocks().map(|block| {
                let reports = block
                    .reports()
                    .map(|report| number(report.0.into()))
                    .collect();
                entry(vec![
                    ("flow", number(block.flow.0.into())),
                    ("begin_seq", number(block.begin_seq.into())),
                    ("reports", Value::List(reports)),
                ])
            });
            entry(vec![
                ("blocks", Value::List(blocks.collect())),
                ("report_timestamp", number(feedback.timestamp.into())),
            ])
        }
        Control::Demand(demands) => {
            let demands = demands.iter().map(|demand| {
                entry(vec![
                    ("flow", number(demand.flow.0.into())),
                    ("on", number(demand.on.into())),
                    ("rate", number(demand.rate.into())),
                ])
            });
            entry(vec![("demands", Value::List(demands.collect()))])
        }
        Control::KeyframeRequest { flow } => entry(vec![("flow", number(flow.0.into()))]),
        Control::Sync {
            flow,
            rtp_time,
            sender_clock,
        } => entry(vec![
            ("flow", number(flow.0.into())),
            ("rtp_time", number(rtp_time.into())),
            ("sender_clock", number(sender_clock)),
        ]),
        Control::Unknown { .. } => panic!("{} has a schema and no type", schema.name),
    };
    assert_eq!(Value::Record(values), typed, "{}", schema.name);
}

/// Another implementation, in another language, that knows `spec/registry.json` and nothing else of ours.
#[test]
fn a_reader_that_knows_only_the_registry_reads_the_same() {
    let spec = root().join("spec");
    let run = std::process::Command::new("python3")
        .arg(spec.join("vectors/read.py"))
        .arg("--quiet")
        .output()
        .expect("python3 is there");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(said.contains(" vectors read"), "{said}");
}
