//! The fuzzer's first inputs: every message, cut into pieces, and the small ones of those whose fields are broken.

use duet_protocol::message::schemas;

use super::samples::{self, Size};

/// The longest frame that is worth a place.
const SMALL: usize = 128;

/// File names and contents.
pub(super) fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for schema in schemas() {
        let name = schema.name.to_lowercase();
        let typical = samples::frame(schema, &samples::good(schema.fields, Size::Typical));
        files.push((name.clone(), [&[2, 3, 11], &typical[..]].concat()));
        // The first six are the same for every message; PING stands for all of them.
        let common = if schema.name == "PING" { 0 } else { 6 };
        for broken in samples::broken(schema).into_iter().skip(common) {
            let frame = samples::frame(schema, &broken.body);
            if frame.len() <= SMALL {
                let name = format!("{name}-{}", slug(&broken.label));
                files.push((name, [&[0], &frame[..]].concat()));
            }
        }
    }
    let oversize = [&[0][..], &[4, 1, 3, 0, 0, 0, 0x40, 1]].concat();
    files.push(("oversize".to_owned(), oversize));
    files
}

/// A label as part of a file's name, so that a field that is added renames no other's file.
fn slug(label: &str) -> String {
    let words = label.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}
