//! The Wireshark dissector against the core's own readers: tshark reads captures made of every golden vector, and must
//! find the same fields with the same bytes, or the same error. Where there is no tshark the test says so and does
//! nothing else.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use duet_protocol::error::Violation;
use duet_protocol::limits::MAX_FRAME;
use duet_protocol::media::{Datagram, RtpHeader, decode_control_dynamic, read_varint};
use duet_protocol::message::{admit, schema};
use duet_protocol::wire::{
    Address, FieldSchema, Framer, Sender, Shape, Value, Values, decode_dynamic,
};
use serde_json::Value as Json;

const CONTROL_STREAM: u32 = 147;
const MEDIA_DATAGRAMS: u32 = 148;

/// What is found in a packet: names for the filter, and the bytes in hexadecimal or, for an error, its name.
type Found = Vec<(String, String)>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    pairs.map(|pair| byte(pair).expect("hexadecimal")).collect()
}

/// The bytes of every vector that has this member, with a name for people.
fn vectors(member: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut files: Vec<_> = fs::read_dir(root().join("spec/vectors"))
        .expect("vectors")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let json: Json = serde_json::from_str(&text).expect("JSON");
        for vector in json["vectors"].as_array().expect("vectors") {
            if let Some(bytes) = vector[member].as_str() {
                let label = format!("{} {}", vector["message"], vector["case"]);
                all.push((label, unhex(bytes)));
            }
        }
    }
    all
}

/// A capture in libpcap's format, one packet for each.
fn capture(path: &Path, link_type: u32, packets: &[(String, Vec<u8>)]) {
    let mut out = Vec::new();
    for number in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, link_type] {
        out.extend(number.to_le_bytes());
    }
    for (_, packet) in packets {
        let length = packet.len() as u32;
        for number in [0, 0, length, length] {
            out.extend(number.to_le_bytes());
        }
        out.extend(packet);
    }
    fs::write(path, out).expect("a capture");
}

/// What tshark finds in each packet; `None` where there is no tshark.
fn tshark(name: &str, link_type: u32, packets: &[(String, Vec<u8>)]) -> Option<Vec<Found>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        // Past the test runner, which keeps what a passing test prints to itself.
        let said =
            "\nNOT RUN: there is no tshark here, so spec/duet.lua was not held against the core\n";
        let _ = std::io::stderr().write_all(said.as_bytes());
        return None;
    }
    let file = std::env::temp_dir().join(format!("duet-{name}-{}.pcap", std::process::id()));
    capture(&file, link_type, packets);
    let script = format!("lua_script:{}", root().join("spec/duet.lua").display());
    let run = Command::new("tshark")
        .args(["-X", &script, "-T", "pdml", "-r"])
        .arg(&file)
        .output()
        .expect("tshark runs");
    let _ = fs::remove_file(&file);
    let text = String::from_utf8_lossy(&run.stdout);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && !text.contains("Lua Error"),
        "{said}"
    );
    let mut found: Vec<Found> = Vec::new();
    // By element: an attribute can hold the end of a line.
    for element in text.split('<') {
        if element.starts_with("packet>") {
            found.push(Vec::new());
        } else if let Some(name) = attribute(element, "name").filter(|name| is_ours(name)) {
            let is_error = name.ends_with("error");
            let value = attribute(element, if is_error { "show" } else { "value" });
            let value = attribute(element, "unmaskedvalue")
                .or(value)
                .unwrap_or_default();
            let packet = found.last_mut().expect("a packet");
            packet.push((name.to_owned(), value.to_owned()));
        }
    }
    Some(found)
}

/// Fields, without the header's single flags and without what only people read.
fn is_ours(name: &str) -> bool {
    name.starts_with("duet.") && !name.starts_with("duet.flags.") && !name.ends_with("malformed")
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

// The core's own reading.

fn flatten(filter: &str, shapes: &[FieldSchema], values: &Values, out: &mut Found) {
    for (name, value) in values {
        if let Value::Params(params) = value {
            for (id, value) in params {
                out.push(("duet.param.id".to_owned(), format!("{id:04x}")));
                out.push(("duet.param.value".to_owned(), hex(value)));
            }
            continue;
        }
        let field = shapes.iter().find(|field| field.name == name);
        let field = field.unwrap_or_else(|| panic!("{filter} has no {name}"));
        flatten_value(&format!("{filter}.{name}"), &field.shape, value, out);
    }
}

fn flatten_value(filter: &str, shape: &Shape, value: &Value, out: &mut Found) {
    let mut push = |text: String| out.push((filter.to_owned(), text));
    match (shape, value) {
        (Shape::U8 | Shape::Choice(_) | Shape::Bits(_), Value::Number(n)) => {
            push(format!("{n:02x}"))
        }
        (Shape::U16 | Shape::Code, Value::Number(n)) => push(format!("{n:04x}")),
        (Shape::U32 | Shape::Within { .. }, Value::Number(n)) => push(format!("{n:08x}")),
        (Shape::U64 | Shape::User, Value::Number(n)) => push(format!("{n:016x}")),
        (_, Value::Bytes(bytes)) => push(hex(bytes)),
        (_, Value::Text(text)) => push(hex(text.as_bytes())),
        (_, Value::Address(address)) => {
            let (tag, id) = match address {
                Address::User(user) => (1, format!("{:016x}", user.0)),
                Address::Session(session) => (2, hex(&session.0)),
                Address::Room(room) => (3, hex(&room.0)),
                Address::Service => (4, String::new()),
            };
            out.push((format!("{filter}.tag"), format!("{tag:02x}")));
            out.push((format!("{filter}.id"), id));
        }
        (Shape::List { of, .. }, Value::List(entries)) => {
            out.push((format!("{filter}.count"), format!("{:04x}", entries.len())));
            entries
                .iter()
                .for_each(|entry| flatten_value(filter, of, entry, out));
        }
        (Shape::Record(shapes), Value::Record(values)) => flatten(filter, shapes, values, out),
        (shape, value) => panic!("{value:?} is no {shape:?}"),
    }
}

/// The frames of a stream, as far as a receiver reads them.
fn frames(stream: &[u8]) -> Found {
    let mut out = Found::new();
    let mut add = |name: &str, value: String| out.push((format!("duet.{name}"), value));
    let mut framer = Framer::new(MAX_FRAME as u32);
    framer.push(Bytes::copy_from_slice(stream));
    let mut at = 0;
    loop {
        let head = |at: usize, len: usize| hex(&stream[at..at + len]);
        let header = |add: &mut dyn FnMut(&str, String)| {
            for (name, at, len) in [
                ("kind", at, 2),
                ("flags", at + 2, 1),
                ("reserved", at + 3, 1),
                ("length", at + 4, 4),
            ] {
                add(name, head(at, len));
            }
        };
        match framer.next_frame() {
            Err(error) => {
                header(&mut add);
                add("error", format!("{error:?}"));
                return out;
            }
            Ok(None) => {
                if at < stream.len() {
                    add("incomplete", hex(&stream[at..]));
                }
                return out;
            }
            Ok(Some(frame)) => {
                header(&mut add);
                at += 8 + frame.body.len();
                let known = schema(frame.header.kind);
                // A capture does not say who sent it.
                let from = known.map_or(Sender::Client, |schema| schema.sender);
                match (admit(&frame, from), known) {
                    (Ok(None), _) => add("skipped", hex(&frame.body)),
                    (Ok(Some(_)), Some(schema)) => {
                        let values = decode_dynamic(schema.fields, &frame.body).expect("admitted");
                        let filter = format!("duet.{}", schema.name.to_lowercase());
                        let mut fields = Found::new();
                        flatten(&filter, schema.fields, &values, &mut fields);
                        fields
                            .into_iter()
                            .for_each(|(name, value)| add(&name["duet.".len()..], value));
                    }
                    (Err(Violation::Malformed), Some(schema)) => {
                        let error =
                            decode_dynamic(schema.fields, &frame.body).expect_err("refused");
                        add("error", format!("{error:?}"));
                        return out;
                    }
                    (Err(violation), _) => {
                        add("error", format!("{violation:?}"));
                        return out;
                    }
                    (Ok(Some(_)), None) => panic!("read and not declared"),
                }
            }
        }
    }
}

fn datagram(bytes: &[u8]) -> Found {
    let mut out = Found::new();
    let mut add = |name: &str, value: String| out.push((format!("duet.media.{name}"), value));
    let read = match Datagram::read(bytes) {
        Ok(read) => read,
        Err(error) => {
            add("error", format!("{error:?}"));
            return out;
        }
    };
    let (rest, _) = read_varint(bytes).expect("a flow");
    add("flow", hex(&bytes[..bytes.len() - rest.len()]));
    match read {
        Datagram::Media {
            hop_seq, payload, ..
        } => {
            add("hop_seq", format!("{hop_seq:04x}"));
            match RtpHeader::parse(payload) {
                Ok(rtp) => {
                    let second = u8::from(rtp.marker()) << 7 | rtp.payload_type();
                    add("rtp.marker", format!("{second:02x}"));
                    add("rtp.payload_type", format!("{second:02x}"));
                    add("rtp.sequence", format!("{:04x}", rtp.sequence()));
                    add("rtp.timestamp", format!("{:08x}", rtp.timestamp()));
                    add("rtp.ssrc", format!("{:08x}", rtp.ssrc()));
                    add("rtp.payload", hex(rtp.payload()));
                }
                Err(error) => add("rtp.error", format!("{error:?}")),
            }
        }
        Datagram::Control(_) => {
            add("type", format!("{:02x}", rest[0]));
            match decode_control_dynamic(rest).expect("the typed reader reads it") {
                None => add("body", hex(&rest[1..])),
                Some((schema, mut values)) => {
                    let filter = format!("duet.media.{}", schema.name.to_lowercase());
                    if let Some((name, of)) = schema.entries {
                        let (_, Value::List(entries)) = values.remove(0) else {
                            panic!("{name} is no list");
                        };
                        for entry in entries {
                            flatten_value(
                                &format!("{filter}.{name}"),
                                &Shape::Record(of),
                                &entry,
                                &mut out,
                            );
                        }
                    }
                    flatten(&filter, schema.fields, &values, &mut out);
                }
            }
        }
    }
    out
}

/// Where something was refused, what was read before it is the dissector's own affair.
fn essence(found: &Found) -> Found {
    match found
        .iter()
        .position(|(name, _)| name == "duet.error" || name == "duet.media.error")
    {
        Some(at) => found
            .iter()
            .enumerate()
            .filter(|(index, (name, _))| {
                *index == at || name == "duet.kind" || name == "duet.length"
            })
            .map(|(_, pair)| pair.clone())
            .collect(),
        None => found.clone(),
    }
}

fn compare(packets: &[(String, Vec<u8>)], found: &[Found], read: impl Fn(&[u8]) -> Found) {
    assert_eq!(found.len(), packets.len());
    for ((label, bytes), found) in packets.iter().zip(found) {
        assert_eq!(essence(found), essence(&read(bytes)), "{label}");
    }
}

#[test]
fn tshark_reads_control_frames_as_the_core_does() {
    let mut packets = vectors("frame");
    packets.extend(vectors("bytes"));
    // tshark does not show a packet without a byte to any dissector.
    packets.retain(|(_, bytes)| !bytes.is_empty());
    assert!(packets.len() >= 1_500);
    if let Some(found) = tshark("frames", CONTROL_STREAM, &packets) {
        compare(&packets, &found, frames);
    }
}

#[test]
fn tshark_reads_media_datagrams_as_the_core_does() {
    let mut packets = vectors("datagram");
    packets.retain(|(_, bytes)| !bytes.is_empty());
    assert!(packets.len() >= 150);
    if let Some(found) = tshark("datagrams", MEDIA_DATAGRAMS, &packets) {
        compare(&packets, &found, datagram);
    }
}
