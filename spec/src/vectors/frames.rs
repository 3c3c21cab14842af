//! What becomes of a stream's bytes before anyone reads a body.

use duet_protocol::error::{DecodeError, Violation};
use duet_protocol::message::schema;
use serde_json::{Value as Json, json};

use super::hex;
use super::samples::LIMIT;

/// What stands at the top of the file.
pub(super) const ABOUT: &str = "Bytes of a stream, in hexadecimal, and what a receiver with a limit of 16384 makes of them. \
`frames`: header fields and body of each whole frame that is kept or passed on; `skipped` where its kind is unknown and \
ignorable. `left`: bytes of a frame that is not whole yet. `error`, `code`, `requirement`: what ends the stream. The \
appendix on vectors describes the rest. Written by `duet-spec render`.";

const PING: [u8; 16] = [1, 8, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];

fn header(kind: u16, flags: u8, reserved: u8, length: u32) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend([flags, reserved]);
    out.extend(length.to_be_bytes());
    out
}

fn frame(kind: u16, flags: u8, reserved: u8, body: &[u8]) -> Json {
    let mut frame = json!({"kind": kind, "flags": flags, "reserved": reserved, "body": hex(body)});
    if schema(kind).is_none() {
        frame["skipped"] = true.into();
    }
    frame
}

fn ping() -> Json {
    frame(0x0108, 0, 0, &PING[8..])
}

fn case(label: &str, bytes: &[u8], frames: Vec<Json>, left: usize) -> Json {
    json!({"case": label, "bytes": hex(bytes), "frames": frames, "left": left})
}

fn error(label: &str, bytes: &[u8], frames: Vec<Json>, violation: Violation) -> Json {
    json!({
        "case": label, "bytes": hex(bytes), "frames": frames, "error": format!("{violation:?}"),
        "code": violation.code().to_string(), "requirement": violation.requirement(),
    })
}

/// Every vector.
pub(super) fn all() -> Vec<Json> {
    let odd = [1, 8, 0xfc, 0x7f, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let too_large = Violation::from(DecodeError::FrameTooLarge);
    let mut all = vec![
        case("nothing", &[], vec![], 0),
        case("one frame", &PING, vec![ping()], 0),
        case(
            "two frames",
            &[PING, PING].concat(),
            vec![ping(), ping()],
            0,
        ),
        case(
            "flags without a meaning and the reserved byte are kept",
            &odd,
            vec![frame(0x0108, 0xfc, 0x7f, &odd[8..])],
            0,
        ),
    ];
    for cut in 1..PING.len() {
        all.push(case(
            &format!("cut off after {cut} bytes"),
            &PING[..cut],
            vec![],
            cut,
        ));
        let after = [&PING[..], &PING[..cut]].concat();
        let label = format!("a frame, then one that is cut off after {cut} bytes");
        all.push(case(&label, &after, vec![ping()], cut));
    }
    // Nobody's revision: every high byte's last kinds, so that an area that is added takes none of them.
    for kind in [
        0x8000, 0x8001, 0x9fff, 0xc0de, 0xfffe, 0xffff, 0x80aa, 0x9aaa, 0xffaa,
    ] {
        for (flags, body) in [(0, &[][..]), (1, b"whatever")] {
            let skipped = header(kind, flags, 0, body.len() as u32);
            let bytes = [&skipped[..], body, &PING].concat();
            let frames = vec![frame(kind, flags, 0, body), ping()];
            let label = format!(
                "kind 0x{kind:04x}, skipped, with {} bytes, then a known one",
                body.len()
            );
            all.push(case(&label, &bytes, frames, 0));
        }
    }
    for kind in [0x0000, 0x00aa, 0x01ff, 0x7f00, 0x7faa, 0x7fff] {
        for body in [&[][..], b"whatever"] {
            let bytes = [&PING[..], &header(kind, 0, 0, body.len() as u32), body].concat();
            let label = format!(
                "kind 0x{kind:04x}, critical, with {} bytes, after a known one",
                body.len()
            );
            all.push(error(
                &label,
                &bytes,
                vec![ping()],
                Violation::UnknownCritical,
            ));
        }
    }
    let longest = [&header(0xffaa, 0, 0, LIMIT as u32)[..], &[0xee; LIMIT]].concat();
    all.push(case(
        "the longest body",
        &longest,
        vec![frame(0xffaa, 0, 0, &longest[8..])],
        0,
    ));
    for length in [
        LIMIT as u32 + 1,
        0x0001_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ] {
        for kind in [0x0108, 0x0401, 0x7fff, 0x80aa] {
            let head = header(kind, 0, 0, length);
            let label =
                format!("kind 0x{kind:04x} with a length of {length}, before any of its body");
            all.push(error(&label, &head, vec![], too_large));
        }
        let bytes = [&PING[..], &header(0x0108, 0, 0, length)].concat();
        let label = format!("a good frame, then one with a length of {length}");
        all.push(error(&label, &bytes, vec![ping()], too_large));
    }
    all
}
