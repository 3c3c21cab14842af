//! The golden vectors and the fuzzer's first corpus, as file names and contents.

use duet_protocol::message::{self, schemas};
use duet_protocol::wire::{Address, FieldSchema, MessageSchema, Shape, Value};
use serde_json::{Map, Value as Json, json};

use crate::samples::{self, Size};

const ABOUT: &str = "One frame each, in hexadecimal. `fields`: what it says. `error`: why it cannot be read; on the wire that \
is the code `malformed`. Numbers of up to 32 bits and codes are numbers; 64-bit numbers and user ids are 16 hexadecimal \
digits; ids, tokens and opaque fields are hexadecimal; an address is its sort and its id; parameters are pairs of id and \
value. Written by `cargo run -p duet-protocol --example vectors`.";

const ABOUT_FRAMES: &str = "Bytes of a stream, in hexadecimal, and what a receiver with a limit of 16384 makes of them. \
`frames`: header fields and body of each whole frame. `left`: bytes of a frame that is not whole yet. `error`: what ends \
the stream. Written by `cargo run -p duet-protocol --example vectors`.";

/// Where the vectors are, and what is in them: one file per area, and one for frames.
pub(crate) fn vectors() -> Vec<(String, String)> {
    let mut files: Vec<_> = message::AREAS
        .iter()
        .map(|area| {
            let vectors: Vec<Json> = area.schemas.iter().flat_map(of_message).collect();
            (format!("{}.json", area.name), file(ABOUT, vectors))
        })
        .collect();
    files.push(("frames.json".to_owned(), file(ABOUT_FRAMES, of_frames())));
    files
}

/// One vector a line, so that a change shows as a line.
fn file(about: &str, vectors: Vec<Json>) -> String {
    let lines: Vec<_> = vectors
        .iter()
        .map(|vector| format!("    {vector}"))
        .collect();
    let about = Json::from(about);
    format!(
        "{{\n  \"about\": {about},\n  \"vectors\": [\n{}\n  ]\n}}\n",
        lines.join(",\n")
    )
}

/// The fuzzer's first inputs: every message, cut into pieces, and the small ones of those whose fields are broken.
pub(crate) fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for schema in schemas() {
        let typical = samples::frame(schema, &samples::good(schema.fields, Size::Typical));
        files.push((
            schema.name.to_lowercase(),
            [&[2, 3, 11], &typical[..]].concat(),
        ));
        // The first six are the same for every message; PING stands for all of them.
        let common = if schema.name == "PING" { 0 } else { 6 };
        for (at, broken) in samples::broken(schema).into_iter().enumerate().skip(common) {
            let frame = samples::frame(schema, &broken.body);
            if frame.len() <= 128 {
                let name = format!("{}-broken-{at}", schema.name.to_lowercase());
                files.push((name, [&[0], &frame[..]].concat()));
            }
        }
    }
    files.push((
        "oversize".to_owned(),
        [&[0][..], &[4, 1, 3, 0, 0, 0, 0x40, 1]].concat(),
    ));
    files
}

fn of_message(schema: &'static MessageSchema) -> Vec<Json> {
    let mut all = Vec::new();
    for (label, size) in [
        ("typical", Size::Typical),
        ("least", Size::Least),
        ("most", Size::Most),
    ] {
        all.push(good(schema, label, samples::values(schema.fields, size)));
    }
    let mut with_params = samples::values(schema.fields, Size::Typical);
    let params = vec![
        (0x0001, Vec::new()),
        (0x12aa, vec![0xff]),
        (0xffff, vec![0; 3]),
    ];
    with_params.push(("params".to_owned(), Value::Params(params)));
    all.push(good(schema, "parameters that nobody knows", with_params));
    if schema.fields.iter().any(|field| field.name == "to") {
        for (label, address) in samples::addresses() {
            let mut values = samples::values(schema.fields, Size::Typical);
            values
                .iter_mut()
                .filter(|(name, _)| name == "to")
                .for_each(|(_, to)| *to = Value::Address(address));
            all.push(good(schema, &format!("to a {label}"), values));
        }
    }
    for broken in samples::broken(schema) {
        all.push(json!({
            "message": schema.name,
            "case": broken.label,
            "frame": hex(&samples::frame(schema, &broken.body)),
            "error": format!("{:?}", broken.error),
        }));
    }
    all
}

fn good(schema: &MessageSchema, label: &str, values: Vec<(String, Value)>) -> Json {
    json!({
        "message": schema.name,
        "case": label,
        "frame": hex(&samples::frame(schema, &samples::body(schema.fields, &values))),
        "fields": record(schema.fields, &values),
    })
}

/// What becomes of a stream's bytes before anyone reads a body.
fn of_frames() -> Vec<Json> {
    let ping = [1, 8, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let odd = [1, 8, 0xfc, 0x7f, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let empty = [0x9a, 0xaa, 1, 0, 0, 0, 0, 0];
    let longest = [&[0xff, 0xaa, 0, 0, 0, 0, 0x40, 0][..], &[0xee; 16_384]].concat();
    let frame = |kind: u16, flags: u8, reserved: u8, body: &[u8]| json!({"kind": kind, "flags": flags, "reserved": reserved, "body": hex(body)});
    let case = |label: &str, bytes: &[u8], frames: Vec<Json>, left: usize| json!({"case": label, "bytes": hex(bytes), "frames": frames, "left": left});
    let error = |label: &str, bytes: &[u8], frames: Vec<Json>| json!({"case": label, "bytes": hex(bytes), "frames": frames, "error": "FrameTooLarge"});
    let pinged = || frame(0x0108, 0, 0, &ping[8..]);
    vec![
        case("nothing", &[], vec![], 0),
        case("one frame", &ping, vec![pinged()], 0),
        case(
            "flags without a meaning and the reserved byte are kept",
            &odd,
            vec![frame(0x0108, 0xfc, 0x7f, &odd[8..])],
            0,
        ),
        case(
            "a reserved kind without a body, then a known one",
            &[&empty[..], &ping].concat(),
            vec![frame(0x9aaa, 1, 0, &[]), pinged()],
            0,
        ),
        case("a header that is cut off", &ping[..7], vec![], 7),
        case("a body that is cut off", &ping[..15], vec![], 15),
        case("a header that waits for its body", &ping[..8], vec![], 8),
        case(
            "the longest body",
            &longest,
            vec![frame(0xffaa, 0, 0, &longest[8..])],
            0,
        ),
        error(
            "one byte too long, before any of it",
            &[4, 1, 3, 0, 0, 0, 0x40, 1],
            vec![],
        ),
        error(
            "as long as a length can be",
            &[0x80, 0xaa, 0, 0, 0xff, 0xff, 0xff, 0xff],
            vec![],
        ),
        error(
            "a good frame, then one that is too long",
            &[&ping[..], &[1, 8, 0, 0, 0, 1, 0, 0]].concat(),
            vec![pinged()],
        ),
    ]
}

fn record(fields: &[FieldSchema], values: &[(String, Value)]) -> Json {
    let mut shown = Map::new();
    for (name, value) in values {
        let shape = fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.shape);
        shown.insert(name.clone(), show(&shape.unwrap_or(Shape::Params), value));
    }
    Json::Object(shown)
}

fn show(shape: &Shape, value: &Value) -> Json {
    match (shape, value) {
        (Shape::U64 | Shape::User, Value::Number(n)) => json!(format!("{n:016x}")),
        (_, Value::Number(n)) => json!(n),
        (_, Value::Bytes(bytes)) => json!(hex(bytes)),
        (_, Value::Text(text)) => json!(text),
        (_, Value::Address(address)) => json!(match address {
            Address::User(user) => json!({"user": format!("{:016x}", user.0)}),
            Address::Session(session) => json!({"session": hex(&session.0)}),
            Address::Room(room) => json!({"room": hex(&room.0)}),
            Address::Service => json!({"service": ""}),
        }),
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
