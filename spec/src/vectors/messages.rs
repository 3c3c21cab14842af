//! The vectors of one message: whole frames, and frames that break one rule each.

use std::collections::BTreeSet;

use duet_protocol::error::{DecodeError, Violation};
use duet_protocol::wire::{Flags, MessageSchema, Sender, Shape, Value};
use serde_json::{Value as Json, json};

use super::samples::{self, Draw, Size};
use super::{cuts, hex, record};

/// What stands at the top of the file.
pub(super) const ABOUT: &str = "One frame each, in hexadecimal. `fields`: what it says. `error`, `code`, `requirement`: \
why it is refused, by which code, under which requirement. `flags`, `reserved`: the header's, where they are not those \
that the kind has. `from`: who sent it, where that is the wrong side. The appendix on vectors describes the rest. \
Written by `duet-spec render`.";

/// How many bodies are drawn for each message.
const DRAWN: usize = 4;

type Params = &'static [(u16, &'static [u8])];

/// Parameter lists that nobody knows, by what is odd about them.
const PARAMS: [(&str, Params); 4] = [
    (
        "parameters that nobody knows",
        &[(0x0001, &[]), (0x12aa, &[0xff]), (0xffff, &[0; 3])],
    ),
    ("one parameter without a value", &[(0x0000, &[])]),
    (
        "reserved parameters",
        &[
            (0x00aa, &[1, 2, 3, 4, 5, 6, 7]),
            (0x7faa, &[]),
            (0xffaa, &[0xaa]),
        ],
    ),
    ("a parameter of 300 bytes", &[(0x4242, &[0x5a; 300])]),
];

/// Every vector of a message.
pub(super) fn of(schema: &'static MessageSchema) -> Vec<Json> {
    let mut all = Vec::new();
    let typical = samples::values(schema.fields, Size::Typical);
    all.push(good(schema, "typical", &typical));
    all.push(good(
        schema,
        "least",
        &samples::values(schema.fields, Size::Least),
    ));
    for (label, values) in samples::most(schema.fields) {
        all.push(good(schema, &label, &values));
    }
    // By its number, so that no other message's change draws this one's anew.
    let mut draw = Draw(schema.kind.into());
    for at in 1..=DRAWN {
        let values = samples::drawn(schema.fields, &mut draw);
        all.push(good(schema, &format!("drawn {at}"), &values));
    }
    for (label, params) in PARAMS {
        let params = params.iter().map(|(id, value)| (*id, value.to_vec()));
        let mut values = typical.clone();
        values.push(("params".to_owned(), Value::Params(params.collect())));
        all.push(good(schema, label, &values));
    }
    for (at, field) in schema.fields.iter().enumerate() {
        if field.shape == Shape::Address {
            for (label, address) in samples::addresses() {
                let mut values = typical.clone();
                values[at].1 = Value::Address(address);
                all.push(good(schema, &format!("{}: a {label}", field.name), &values));
            }
        }
    }
    let body = samples::body(schema.fields, &typical);
    for (flags, reserved) in [(0xfc, 0x7f), (0x04, 0x00), (0x80, 0xff)] {
        let flags = schema.flags.0 | flags;
        let mut frame = samples::frame(schema, &body);
        (frame[2], frame[3]) = (flags, reserved);
        all.push(json!({
            "message": schema.name,
            "case": format!("flags 0x{flags:02x} and reserved 0x{reserved:02x} are kept"),
            "frame": hex(&frame), "flags": flags, "reserved": reserved,
            "fields": record(schema.fields, &typical),
        }));
    }
    refused(schema, &body, &mut all);
    malformed(schema, &typical, &body, &mut all);
    all
}

fn good(schema: &MessageSchema, label: &str, values: &[(String, Value)]) -> Json {
    json!({
        "message": schema.name,
        "case": label,
        "frame": hex(&samples::frame(schema, &samples::body(schema.fields, values))),
        "fields": record(schema.fields, values),
    })
}

/// Frames whose body is good and whose header is not.
fn refused(schema: &MessageSchema, body: &[u8], all: &mut Vec<Json>) {
    let vector = |label: &str, violation: Violation, flags: u8| {
        let mut frame = samples::frame(schema, body);
        frame[2] = flags;
        json!({
            "message": schema.name, "case": label, "frame": hex(&frame), "error": format!("{violation:?}"),
            "code": violation.code().to_string(), "requirement": violation.requirement(),
        })
    };
    for (name, flag) in [("SEQUENCED", Flags::SEQUENCED), ("ROUTED", Flags::ROUTED)] {
        let how = if schema.flags.has(flag) {
            "without"
        } else {
            "with"
        };
        let flags = schema.flags.0 ^ flag.0;
        all.push(vector(
            &format!("{how} {name}"),
            Violation::WrongFlags,
            flags,
        ));
    }
    let both = schema.flags.0 ^ Flags::SEQUENCED.0 ^ Flags::ROUTED.0;
    all.push(vector(
        "both flags wrong",
        Violation::WrongFlags,
        both | 0xfc,
    ));
    let wrong = match schema.sender {
        Sender::Client => "server",
        Sender::Server | Sender::Service => "client",
        Sender::Either => return,
    };
    let mut vector = vector(
        &format!("from a {wrong}"),
        Violation::UnexpectedFrame,
        schema.flags.0,
    );
    vector["from"] = wrong.into();
    all.push(vector);
}

/// Bodies that cannot be read.
fn malformed(
    schema: &'static MessageSchema,
    typical: &[(String, Value)],
    body: &[u8],
    all: &mut Vec<Json>,
) {
    let vector = |label: &str, body: &[u8], error: DecodeError| {
        json!({
            "message": schema.name, "case": label, "frame": hex(&samples::frame(schema, body)),
            "error": format!("{error:?}"), "code": Violation::from(error).code().to_string(),
            "requirement": error.requirement(),
        })
    };
    let cuts = cuts::cuts(schema.fields, typical).into_iter();
    let cuts = cuts.map(|(label, at)| (label, body[..at].to_vec(), DecodeError::Truncated));
    let broken = samples::broken(schema).into_iter();
    let mut seen = BTreeSet::new();
    for (label, body, error) in cuts.chain(broken.map(|b| (b.label, b.body, b.error))) {
        if seen.insert(body.clone()) {
            all.push(vector(&label, &body, error));
        }
    }
}
