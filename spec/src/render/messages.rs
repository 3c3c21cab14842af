//! Messages: the overview of kinds, and one section per message.

use duet_protocol::media::CONTROLS;
use duet_protocol::message::{AREAS, schemas};
use duet_protocol::wire::{FieldSchema, Flags, MessageSchema, Sender, Shape};

use super::{grouped, markdown};

/// The area of a kind.
pub(super) fn area_of(kind: u16) -> &'static str {
    AREAS
        .iter()
        .find(|area| u16::from(area.high) == kind >> 8)
        .map_or("", |area| area.name)
}

/// Who sends it, in words.
pub(super) const fn sender(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
        Sender::Service => "service",
        Sender::Either => "either",
    }
}

/// The names of the flags that are set.
pub(super) fn flags(flags: Flags) -> Vec<&'static str> {
    [("SEQUENCED", Flags::SEQUENCED), ("ROUTED", Flags::ROUTED)]
        .into_iter()
        .filter_map(|(name, flag)| flags.has(flag).then_some(name))
        .collect()
}

/// One section per message of an area; `None` where there is no such area.
pub(super) fn area(name: &str) -> Option<String> {
    let area = AREAS.iter().find(|area| area.name == name)?;
    let sections = area.schemas.iter().map(section);
    Some(sections.collect::<Vec<_>>().join("\n"))
}

fn section(schema: &MessageSchema) -> String {
    let flags = match flags(schema.flags) {
        flags if flags.is_empty() => "none".to_owned(),
        flags => flags.join(", "),
    };
    let sent_by = match schema.sender {
        Sender::Either => "client or server",
        one => sender(one),
    };
    let mut rows = Vec::new();
    flatten("", schema.fields, &mut rows);
    let fields = match rows.is_empty() {
        true => "No fields.\n".to_owned(),
        false => markdown(&["Field", "Type", "Limits", "Meaning"], rows),
    };
    format!(
        "### 0x{:04x} {}\n\n{}.\n\nSent by: {sent_by} · Flags: {flags} · Requirement: {}\n\n{fields}",
        schema.kind,
        schema.name,
        schema.doc.trim().trim_end_matches('.'),
        schema.requirement,
    )
}

/// A row per field; those of a record follow it, named after it.
fn flatten(prefix: &str, fields: &[FieldSchema], rows: &mut Vec<Vec<String>>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let (kind, limits) = describe(&field.shape);
        rows.push(vec![
            format!("`{name}`"),
            kind,
            limits,
            field.doc.to_owned(),
        ]);
        match field.shape {
            Shape::Record(inner) => flatten(&format!("{name}."), inner, rows),
            Shape::List {
                of: Shape::Record(inner),
                ..
            } => flatten(&format!("{name}[]."), inner, rows),
            _ => {}
        }
    }
}

/// A shape's type and its limits, in words.
fn describe(shape: &Shape) -> (String, String) {
    let up_to = |max: usize, what: &str| format!("≤ {} {what}", grouped(max as u64));
    let (kind, limits) = match shape {
        Shape::U8 => ("u8", String::new()),
        Shape::U16 => ("u16", String::new()),
        Shape::U32 => ("u32", String::new()),
        Shape::U64 => ("u64", String::new()),
        Shape::User => ("user id", "8 bytes".to_owned()),
        Shape::Code => ("code", "2 bytes".to_owned()),
        Shape::Fixed { len } => ("bytes", format!("{len} bytes")),
        Shape::Text { max } => ("text", up_to(*max, "bytes")),
        Shape::Opaque { max } => ("opaque", up_to(*max, "bytes")),
        Shape::Within { min, max } => (
            "u32",
            format!("{} – {}", grouped((*min).into()), grouped((*max).into())),
        ),
        Shape::Choice(items) => (
            "choice (u8)",
            items
                .iter()
                .map(|(name, n)| format!("{n} {name}"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Shape::Bits(items) => (
            "bits (u8)",
            items
                .iter()
                .map(|(name, n)| format!("0x{n:02x} {name}"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Shape::Address => ("address", "17 bytes".to_owned()),
        Shape::List { of, max } => {
            let (each, limits) = describe(of);
            let limits = if limits.is_empty() {
                limits
            } else {
                format!(", each {limits}")
            };
            return (
                format!("list of {each}"),
                format!("{}{limits}", up_to(*max, "entries")),
            );
        }
        Shape::Record(_) => ("record", String::new()),
        Shape::Params => ("parameters", "to the end of the body".to_owned()),
    };
    (kind.to_owned(), limits)
}

/// Every message in one table.
pub(super) fn kinds() -> String {
    let row = |schema: &MessageSchema| {
        vec![
            format!("0x{:04x}", schema.kind),
            schema.name.to_owned(),
            area_of(schema.kind).to_owned(),
            sender(schema.sender).to_owned(),
            flags(schema.flags).join(", "),
            schema.requirement.to_owned(),
            schema.doc.to_owned(),
        ]
    };
    markdown(
        &[
            "Kind",
            "Name",
            "Area",
            "Sender",
            "Flags",
            "Requirement",
            "Purpose",
        ],
        schemas().map(row),
    )
}

/// Every type of media control in one table, then a section for each.
pub(super) fn controls() -> String {
    let rows = CONTROLS.iter().map(|schema| {
        vec![
            schema.kind.to_string(),
            schema.name.to_owned(),
            schema.sender.to_owned(),
            schema.requirement.to_owned(),
            schema.doc.to_owned(),
        ]
    });
    let mut out = markdown(&["Type", "Name", "Sent by", "Requirement", "Purpose"], rows);
    for schema in CONTROLS {
        let mut rows = Vec::new();
        if let Some((name, of)) = schema.entries {
            flatten(&format!("{name}[]."), of, &mut rows);
        }
        flatten("", schema.fields, &mut rows);
        let fields = markdown(&["Field", "Type", "Limits", "Meaning"], rows);
        out += &format!("\nFields of {}:\n\n{fields}", schema.name);
    }
    out
}
