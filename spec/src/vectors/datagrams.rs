//! Media datagrams: flow, `hop_seq`, media control by its schemas, RTP packets.

use duet_protocol::error::DecodeError;
use duet_protocol::limits::MAX_DATAGRAM;
use duet_protocol::media::{CONTROLS, ControlSchema};
use duet_protocol::wire::{FieldSchema, Shape, Value};
use serde_json::{Value as Json, json};

use super::samples::{self, Draw, Size};
use super::{hex, record};

/// What stands at the top of the file.
pub(super) const ABOUT: &str = "One media datagram each, in hexadecimal. `flow`, `hop_seq`, `payload`: what it says; `rtp`: \
what the payload says as an RTP packet, or `rtp_error`: why it is none. On flow 0 `type`, `control` and `fields`, or `body` \
where the type is unknown. `error`, `requirement`: why it is dropped. The appendix on vectors describes the rest. Written by \
`duet-spec render`.";

type Values = Vec<(String, Value)>;

/// Every vector.
pub(super) fn all() -> Vec<Json> {
    let mut all = Vec::new();
    flows(&mut all);
    for schema in CONTROLS {
        control(schema, &mut all);
    }
    unknown(&mut all);
    rtp(&mut all);
    all
}

fn dropped(label: &str, datagram: &[u8], error: DecodeError) -> Json {
    json!({
        "case": label, "datagram": hex(datagram), "error": format!("{error:?}"), "requirement": "MEDIA-021",
    })
}

/// A variable-length integer in this many bytes.
fn varint(value: u64, len: usize) -> Vec<u8> {
    let prefix = match len {
        1 => 0,
        2 => 0x40,
        4 => 0x80,
        _ => 0xc0,
    };
    let mut bytes = value.to_be_bytes()[8 - len..].to_vec();
    bytes[0] |= prefix;
    bytes
}

/// Flows of every length, the number of the transmission, and the length of the whole.
fn flows(all: &mut Vec<Json>) {
    let payload = [0x17; 5];
    let mut media = |label: &str, flow: Vec<u8>, value: u64, seq: u16, payload: &[u8]| {
        let datagram = [&flow[..], &seq.to_be_bytes(), payload].concat();
        // 0x17 is an RTP packet of version 0.
        let rtp_error = if payload.len() < 12 {
            "Truncated"
        } else {
            "BadValue"
        };
        all.push(json!({
            "case": label, "datagram": hex(&datagram), "flow": value, "hop_seq": seq, "payload": hex(payload),
            "rtp_error": rtp_error,
        }));
    };
    for (value, least) in [
        (1, 1),
        (0x3f, 1),
        (0x40, 2),
        (0x3fff, 2),
        (0x4000, 4),
        (0x3fff_ffff, 4),
        (0x4000_0000, 8),
        (0xffff_ffff, 8),
    ] {
        for len in [1, 2, 4, 8].into_iter().filter(|len| *len >= least) {
            let label = format!("flow {value} in {len} bytes");
            media(&label, varint(value, len), value, 0x0102, &payload);
        }
    }
    for seq in [0, 1, 0x7fff, 0x8000, 0xffff] {
        media(&format!("hop_seq {seq}"), varint(7, 1), 7, seq, &payload);
    }
    media("a payload of one byte", varint(7, 1), 7, 1, &[0x17]);
    media(
        "the longest payload",
        varint(7, 1),
        7,
        1,
        &[0x17; MAX_DATAGRAM - 3],
    );
    media(
        "the longest header and payload",
        varint(7, 8),
        7,
        1,
        &[0x17; MAX_DATAGRAM - 10],
    );

    let whole = [&varint(7, 1)[..], &[0, 1], &payload].concat();
    let over = [&whole[..3], &[0x17; MAX_DATAGRAM - 2]].concat();
    all.push(dropped("one byte too long", &over, DecodeError::TooLong));
    all.push(dropped(
        "too long, media control",
        &[0; MAX_DATAGRAM + 1],
        DecodeError::TooLong,
    ));
    all.push(dropped("empty", &[], DecodeError::Truncated));
    for len in [2, 4, 8] {
        for cut in 1..len {
            let label = format!("a flow of {len} bytes, cut off after {cut}");
            all.push(dropped(
                &label,
                &varint(7, len)[..cut],
                DecodeError::Truncated,
            ));
        }
    }
    for (value, label) in [
        (1 << 32, "one over the greatest flow"),
        ((1 << 62) - 1, "the greatest integer as the flow"),
    ] {
        let datagram = [&varint(value, 8)[..], &whole[1..]].concat();
        all.push(dropped(label, &datagram, DecodeError::BadValue));
    }
    for (cut, label) in [(1, "no hop_seq"), (2, "half a hop_seq"), (3, "no payload")] {
        all.push(dropped(label, &whole[..cut], DecodeError::Truncated));
    }
}

/// A body by its schema.
fn body(schema: &ControlSchema, entries: &[Values], fields: &Values) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some((_, of)) = schema.entries {
        for entry in entries {
            let mut bytes = samples::body(of, entry);
            bytes.resize(bytes.len().next_multiple_of(schema.align), 0);
            out.extend(bytes);
        }
    }
    out.extend(samples::body(schema.fields, fields));
    out
}

fn datagram(schema: &ControlSchema, body: &[u8]) -> Vec<u8> {
    [&[0, schema.kind], body].concat()
}

fn control(schema: &'static ControlSchema, all: &mut Vec<Json>) {
    let name = schema.name;
    let good = |label: &str, flow: &[u8], entries: &[Values], fields: &Values| {
        let body = body(schema, entries, fields);
        let mut shown = serde_json::Map::new();
        if let Some((name, of)) = schema.entries {
            let entries: Json = entries.iter().map(|entry| record(of, entry)).collect();
            shown.insert(name.to_owned(), entries);
        }
        if let Json::Object(fields) = record(schema.fields, fields) {
            shown.extend(fields);
        }
        json!({
            "case": format!("{name}: {label}"), "datagram": hex(&[flow, &[schema.kind], &body].concat()),
            "flow": 0, "type": schema.kind, "control": name, "fields": shown,
        })
    };
    let size = |size| samples::values(schema.fields, size);
    let entry = |size| schema.entries.map(|(_, of)| fitted(of, size));
    let typical: Vec<Values> = entry(Size::Typical).into_iter().collect();
    all.push(good("typical", &[0], &typical, &size(Size::Typical)));
    all.push(good(
        "flow 0 in eight bytes",
        &varint(0, 8),
        &typical,
        &size(Size::Typical),
    ));
    all.push(good("least", &[0], &[], &size(Size::Least)));
    all.push(good(
        "most",
        &[0],
        &entry(Size::Most).into_iter().collect::<Vec<_>>(),
        &size(Size::Most),
    ));
    let mut draw = Draw(schema.kind.into());
    for at in 1..=6 {
        let count = if schema.entries.is_some() {
            draw.below(4)
        } else {
            0
        };
        let of = schema.entries.map_or(&[][..], |(_, of)| of);
        let entries: Vec<_> = (0..count).map(|_| samples::drawn(of, &mut draw)).collect();
        let fields = samples::drawn(schema.fields, &mut draw);
        all.push(good(&format!("drawn {at}"), &[0], &entries, &fields));
    }
    if let Some((_, of)) = schema.entries {
        let least = samples::values(of, Size::Least);
        let one = body(schema, std::slice::from_ref(&least), &size(Size::Least)).len();
        let tail = body(schema, &[], &size(Size::Least)).len();
        let count = (MAX_DATAGRAM - 2 - tail) / (one - tail);
        let label = format!("{count} of the least entries, which is all that fit");
        all.push(good(&label, &[0], &vec![least; count], &size(Size::Least)));
    }
    broken(schema, &typical, all);
}

/// Every way in which the body of a type can be wrong.
fn broken(schema: &'static ControlSchema, typical: &[Values], all: &mut Vec<Json>) {
    let fields = samples::values(schema.fields, Size::Typical);
    let whole = body(schema, typical, &fields);
    let tail = body(schema, &[], &fields).len();
    // What stands before the fields are entries, so that a byte that is cut off at the end is missing from the entry;
    // without any byte of it there is no entry, and nothing wrong.
    for cut in 0..whole.len() {
        let is_whole = schema.entries.is_some() && cut == tail;
        if !is_whole {
            let label = format!("{}: cut off after {cut} bytes", schema.name);
            all.push(dropped(
                &label,
                &datagram(schema, &whole[..cut]),
                DecodeError::Truncated,
            ));
        }
    }
    let error = match schema.entries {
        Some(_) => DecodeError::Truncated,
        None => DecodeError::Trailing,
    };
    let longer = [&whole[..], &[0]].concat();
    all.push(dropped(
        &format!("{}: one byte more", schema.name),
        &datagram(schema, &longer),
        error,
    ));
    let (of, rest) = match schema.entries {
        Some((_, of)) => (of, samples::body(schema.fields, &fields)),
        None => (schema.fields, Vec::new()),
    };
    for broken in samples::broken_fields(of) {
        let bytes = datagram(schema, &[&broken.body[..], &rest].concat());
        if bytes.len() <= MAX_DATAGRAM {
            all.push(dropped(
                &format!("{}: {}", schema.name, broken.label),
                &bytes,
                broken.error,
            ));
        }
    }
}

/// Values of this size, lists of them cut to what a datagram holds.
fn fitted(fields: &'static [FieldSchema], size: Size) -> Values {
    let mut values = match size {
        Size::Most => samples::values(fields, Size::Typical),
        _ => return samples::values(fields, size),
    };
    for ((_, value), field) in values.iter_mut().zip(fields) {
        if let (Value::List(entries), Shape::List { max, .. }) = (value, field.shape) {
            // Entries of two bytes, and room for what stands around them.
            entries.resize(max.min((MAX_DATAGRAM - 32) / 2), Value::Number(0xffff));
        }
    }
    values
}

fn unknown(all: &mut Vec<Json>) {
    let taken = |kind: u8| CONTROLS.iter().any(|schema| schema.kind == kind);
    for kind in [0, 0x7f, 0xaa, 0xff]
        .into_iter()
        .filter(|kind| !taken(*kind))
    {
        for body in [&[][..], &[1, 2, 3]] {
            all.push(json!({
                "case": format!("type {kind}, unknown, with {} bytes", body.len()),
                "datagram": hex(&[&[0, kind], body].concat()), "flow": 0, "type": kind, "body": hex(body),
            }));
        }
    }
    all.push(dropped(
        "media control without a type",
        &[0],
        DecodeError::Truncated,
    ));
}

/// RTP packets of every form, and ones that are none: those are forwarded all the same.
fn rtp(all: &mut Vec<Json>) {
    let payload = [0xca, 0xfe, 0xba, 0xbe, 0x05];
    let start = |first: u8, second: u8, middle: &[u8], rest: &[u8]| {
        let fixed = [0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 0x55, 0x66, 0x77, 0x88];
        [&[first, second][..], &fixed, middle, rest].concat()
    };
    let mut add = |label: &str, packet: &[u8], read: Result<(bool, u8, &[u8]), DecodeError>| {
        let datagram = [&varint(9, 1)[..], &[0x01, 0x02], packet].concat();
        let mut vector = json!({
            "case": format!("RTP: {label}"), "datagram": hex(&datagram), "flow": 9, "hop_seq": 0x0102,
            "payload": hex(packet),
        });
        match read {
            Ok((marker, payload_type, payload)) => {
                vector["rtp"] = json!({
                    "marker": marker, "payload_type": payload_type, "sequence": 0x1234, "timestamp": 0xdead_beefu32,
                    "ssrc": 0x5566_7788, "payload": hex(payload),
                });
            }
            Err(error) => vector["rtp_error"] = format!("{error:?}").into(),
        }
        all.push(vector);
    };
    add(
        "plain",
        &start(0x80, 96, &[], &payload),
        Ok((false, 96, &payload)),
    );
    add(
        "with the marker",
        &start(0x80, 0xe0, &[], &payload),
        Ok((true, 96, &payload)),
    );
    add(
        "the greatest payload type",
        &start(0x80, 0x7f, &[], &payload),
        Ok((false, 127, &payload)),
    );
    add(
        "without a payload",
        &start(0x80, 96, &[], &[]),
        Ok((false, 96, &[])),
    );
    for count in [1, 2, 15] {
        let csrcs = vec![0xc5; 4 * count];
        let label = format!("{count} contributing sources");
        add(
            &label,
            &start(0x80 | count as u8, 96, &csrcs, &payload),
            Ok((false, 96, &payload)),
        );
        let cut = &csrcs[..csrcs.len() - 1];
        let label = format!("{count} contributing sources, cut off");
        add(
            &label,
            &start(0x80 | count as u8, 96, cut, &[]),
            Err(DecodeError::Truncated),
        );
    }
    for words in [0u8, 1, 4] {
        let extension = [
            &[0xbe, 0xde, 0, words][..],
            &vec![0x11; 4 * usize::from(words)],
        ]
        .concat();
        let label = format!("an extension of {words} words");
        add(
            &label,
            &start(0x90, 96, &extension, &payload),
            Ok((false, 96, &payload)),
        );
        let with_source = [&[0xc5; 4][..], &extension].concat();
        let label = format!("a contributing source and an extension of {words} words");
        add(
            &label,
            &start(0x91, 96, &with_source, &payload),
            Ok((false, 96, &payload)),
        );
        let cut = &extension[..extension.len() - 1];
        let label = format!("an extension of {words} words, cut off");
        add(
            &label,
            &start(0x90, 96, cut, &[]),
            Err(DecodeError::Truncated),
        );
    }
    for padding in [1u8, 2, 4, 255] {
        let mut bytes = vec![0; padding.into()];
        bytes[usize::from(padding) - 1] = padding;
        let padded = [&payload[..], &bytes].concat();
        add(
            &format!("{padding} bytes of padding"),
            &start(0xa0, 96, &[], &padded),
            Ok((false, 96, &payload)),
        );
        add(
            &format!("nothing but {padding} bytes of padding"),
            &start(0xa0, 96, &[], &bytes),
            Ok((false, 96, &[])),
        );
        let missing = [&bytes[1..]].concat();
        let label = format!(
            "{padding} bytes of padding in a payload of {}",
            missing.len()
        );
        add(
            &label,
            &start(0xa0, 96, &[], &missing),
            Err(DecodeError::BadValue),
        );
    }
    let everything = [&[0xc5; 8][..], &[0xbe, 0xde, 0, 1, 1, 2, 3, 4]].concat();
    let padded = [&payload[..], &[0, 0, 3]].concat();
    add(
        "sources, extension, padding and marker",
        &start(0xb2, 0xe1, &everything, &padded),
        Ok((true, 97, &payload)),
    );
    add(
        "padding of no byte",
        &start(0xa0, 96, &[], &[1, 2, 0]),
        Err(DecodeError::BadValue),
    );
    for version in [0, 1, 3] {
        let packet = start(version << 6, 96, &[], &payload);
        add(
            &format!("version {version}"),
            &packet,
            Err(DecodeError::BadValue),
        );
    }
    let plain = start(0x80, 96, &[], &[]);
    for cut in 1..plain.len() {
        add(
            &format!("cut off after {cut} bytes"),
            &plain[..cut],
            Err(DecodeError::Truncated),
        );
    }
}
