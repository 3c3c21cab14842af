//! What must hold for any bytes: the framer cuts the same frames however they arrive, and whatever the typed reader
//! makes of a body the one that only knows the schema makes too, with the same error or the same bytes.
//!
//! An input is `count u8 · sizes · bytes`: `count` modulo eight sizes of one byte, by which the bytes are cut in turn;
//! a size of 0 means all that is left.

use bytes::{BufMut, Bytes};
use duet_protocol::error::DecodeError;
use duet_protocol::message::{Message, schema};
use duet_protocol::wire::{Frame, Framer, decode_dynamic, encode_dynamic};

/// The largest body that the framers here let through.
pub const LIMIT: u32 = 16_384;

/// Feeds an input's bytes to two framers, cut and whole, and holds every frame against both readers.
pub fn run(input: &[u8]) {
    let (sizes, stream) = split(input);
    let whole = frames(&[0], stream);
    assert_eq!(frames(sizes, stream), whole, "cut by {sizes:?}");
    let mut again = Vec::new();
    for frame in &whole.0 {
        frame.header.write(&mut again);
        again.put_slice(&frame.body);
        body(frame.header.kind, &frame.body);
    }
    assert!(stream.starts_with(&again), "frames lose bytes");
}

/// The cuts and the stream of an input.
fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((count, rest)) = input.split_first() else {
        return (&[0], &[]);
    };
    match rest.split_at_checked(usize::from(count % 8)) {
        Some(([], stream)) => (&[0], stream),
        Some(split) => split,
        None => (&[0], rest),
    }
}

/// Every frame of a stream that arrives in pieces of these sizes, and the error that ends it, if one does.
fn frames(sizes: &[u8], stream: &[u8]) -> (Vec<Frame>, Option<DecodeError>) {
    let (mut framer, mut frames) = (Framer::new(LIMIT), Vec::new());
    let mut rest = Bytes::copy_from_slice(stream);
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = match sizes.next() {
            Some(0) | None => rest.len(),
            Some(size) => usize::from(*size).min(rest.len()),
        };
        framer.push(rest.split_to(size));
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Holds the two readers of a body against each other, and against what writing gives back.
pub fn body(kind: u16, body: &[u8]) {
    let typed = Message::decode(kind, body);
    let Some(schema) = schema(kind) else {
        return assert!(typed.is_none(), "kind {kind:#06x} is read and not declared");
    };
    let name = schema.name;
    let typed = typed.unwrap_or_else(|| panic!("{name} is declared and not read"));
    match (typed, decode_dynamic(schema.fields, body)) {
        (Ok(message), Ok(values)) => {
            assert_eq!(message.values(), values, "{name}");
            let mut again = Vec::new();
            message.write(&mut again);
            assert_eq!(again, body, "{name}: typed");
            again.clear();
            encode_dynamic(schema.fields, &values, &mut again)
                .unwrap_or_else(|field| panic!("{name}: {field} is not written"));
            assert_eq!(again, body, "{name}: by the schema");
        }
        (Err(typed), Err(dynamic)) => assert_eq!(typed, dynamic, "{name}: {body:02x?}"),
        (typed, dynamic) => panic!("{name}: {typed:?} but {dynamic:?} for {body:02x?}"),
    }
}
