//! Each message: `kind u16 · body`. Whatever the typed reader makes of a body, quickly or with every case in view, the
//! reader that only knows the schema makes too; and what was read is written as it was.
//!
//! Every beginning of the body is read as well: a reader that looks at a length once must not rely on it twice.

use duet_protocol::message::{schema, schemas};

use crate::frames;

/// Reads the body, and the beginnings of a short one, as the message of the kind; an unknown kind stands for some other.
pub fn run(input: &[u8]) {
    let Some((kind, body)) = input.split_first_chunk() else {
        return;
    };
    let mut kind = u16::from_be_bytes(*kind);
    if schema(kind).is_none() {
        let all: Vec<u16> = schemas().map(|schema| schema.kind).collect();
        kind = all[usize::from(kind) % all.len()];
    }
    frames::body(kind, body);
    for end in (0..body.len()).take(256) {
        frames::body(kind, &body[..end]);
    }
}
