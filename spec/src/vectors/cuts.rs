//! Where a body can be cut off: before each field and inside each, also inside records and lists.

use duet_protocol::wire::{FieldSchema, Shape, Value};

use super::samples;

/// Every place at which cutting the body leaves too little of it, and where that is.
pub(super) fn cuts(
    fields: &'static [FieldSchema],
    values: &[(String, Value)],
) -> Vec<(String, usize)> {
    let mut cuts = Vec::new();
    let end = record("", fields, values, 0, &mut cuts);
    // The first mention of a place is the outermost; the whole body is no cut.
    let mut seen = vec![end];
    cuts.retain(|(_, at)| {
        !seen.contains(at) && {
            seen.push(*at);
            true
        }
    });
    cuts
}

fn record(
    prefix: &str,
    fields: &'static [FieldSchema],
    values: &[(String, Value)],
    mut at: usize,
    cuts: &mut Vec<(String, usize)>,
) -> usize {
    for (field, (_, value)) in fields.iter().zip(values) {
        let path = format!("{prefix}{}", field.name);
        at = place(&path, &field.shape, value, at, cuts);
    }
    at
}

/// Adds the places of one value that begins at `at`; returns where it ends.
fn place(
    path: &str,
    shape: &'static Shape,
    value: &Value,
    at: usize,
    cuts: &mut Vec<(String, usize)>,
) -> usize {
    cuts.push((format!("cut off before {path}"), at));
    match (shape, value) {
        (Shape::Record(fields), Value::Record(values)) => {
            record(&format!("{path}."), fields, values, at, cuts)
        }
        (Shape::List { of, .. }, Value::List(entries)) => {
            cuts.push((format!("cut off in the count of {path}"), at + 1));
            let mut next = at + 2;
            for (index, entry) in entries.iter().enumerate() {
                next = place(&format!("{path}[{index}]"), of, entry, next, cuts);
            }
            next
        }
        _ => {
            let field = [FieldSchema {
                name: "it",
                doc: "",
                shape: *shape,
            }];
            // A field of its own, for the length that it takes; leaked, since schemas live as long as the program.
            let len =
                samples::body(field.to_vec().leak(), &[("it".to_owned(), value.clone())]).len();
            if matches!(shape, Shape::Text { .. } | Shape::Opaque { .. }) {
                cuts.push((format!("cut off in the length of {path}"), at + 1));
                cuts.push((format!("cut off after the length of {path}"), at + 2));
            }
            cuts.push((format!("cut off in {path}"), at + len / 2));
            cuts.push((
                format!("cut off one byte before the end of {path}"),
                at + len.max(1) - 1,
            ));
            at + len
        }
    }
}
