//! The fuzzer's dictionary: what its mutations would be long in finding, in libFuzzer's and AFL's form.

use std::collections::BTreeMap;

use duet_protocol::code::Code;
use duet_protocol::limits::{MAX_DATAGRAM, MAX_FRAME};
use duet_protocol::media::CONTROLS;
use duet_protocol::message::schemas;
use duet_protocol::wire::{FieldSchema, Shape};

/// Words by their bytes, so that each stands once, under the name that it got first.
type Words = BTreeMap<Vec<u8>, String>;

/// What `fuzz/duet.dict` must hold.
pub(super) fn dict() -> String {
    let mut words = Words::new();
    let mut add = |name: String, bytes: Vec<u8>| {
        words.entry(bytes).or_insert(name);
    };
    for schema in schemas() {
        let head = [&schema.kind.to_be_bytes()[..], &[schema.flags.0, 0]].concat();
        add(format!("kind_{}", schema.name), head);
        lengths(schema.fields, &mut add);
    }
    for schema in CONTROLS {
        add(format!("control_{}", schema.name), vec![0, schema.kind]);
        lengths(schema.fields, &mut add);
        lengths(schema.entries.map_or(&[], |(_, of)| of), &mut add);
    }
    for row in Code::ALL {
        add(
            format!("code_{}", row.name),
            row.code.0.to_be_bytes().to_vec(),
        );
    }
    for tag in 1u8..=5 {
        // The tag and the beginning of a small id.
        add(format!("address_{tag}"), [&[tag][..], &[0; 7]].concat());
    }
    for high in [0x00, 0x12, 0x80, 0xff] {
        add(format!("reserved_{high:02x}aa"), vec![high, 0xaa]);
    }
    for (name, limit) in [("frame", MAX_FRAME), ("datagram", MAX_DATAGRAM)] {
        for (label, number) in [("limit", limit), ("over", limit + 1)] {
            add(
                format!("{name}_{label}"),
                (number as u32).to_be_bytes().to_vec(),
            );
        }
    }
    for (name, bytes) in [
        ("utf8_two", &[0xc3, 0xb6][..]),
        ("utf8_four", &[0xf0, 0x9f, 0x8e, 0xa7]),
        ("utf8_surrogate", &[0xed, 0xa0, 0x80]),
        ("varint_2", &[0x40, 0x40]),
        ("varint_4", &[0x80, 0x00, 0x40, 0x00]),
        ("varint_8", &[0xc0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
    ] {
        add(name.to_owned(), bytes.to_vec());
    }
    let lines = words.iter().map(|(bytes, name)| {
        let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}=\"{escaped}\"\n", name.to_lowercase())
    });
    let head = "# The fuzzer's dictionary. Written by `duet-spec render`.\n";
    head.to_owned() + &lines.collect::<String>()
}

/// Every limit of a length, a count or a number, and one past it.
fn lengths(fields: &[FieldSchema], add: &mut impl FnMut(String, Vec<u8>)) {
    for field in fields {
        limit(&field.shape, add);
    }
}

fn limit(shape: &Shape, add: &mut impl FnMut(String, Vec<u8>)) {
    match *shape {
        Shape::Text { max } | Shape::Opaque { max } | Shape::List { max, .. } => {
            for number in [max, max + 1] {
                if let Ok(number) = u16::try_from(number) {
                    add(format!("length_{number}"), number.to_be_bytes().to_vec());
                }
            }
        }
        Shape::Within { min, max } => {
            for number in [min.saturating_sub(1), min, max, max.saturating_add(1)] {
                add(format!("number_{number}"), number.to_be_bytes().to_vec());
            }
        }
        _ => {}
    }
    match *shape {
        Shape::List { of, .. } => limit(of, add),
        Shape::Record(fields) => lengths(fields, add),
        _ => {}
    }
}
