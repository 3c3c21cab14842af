//! The Wireshark dissector: declarations as Lua tables, in front of a reader that is the same for all of them.

use std::fmt::Write as _;

use duet_protocol::code::Code;
use duet_protocol::error::{DecodeError, Violation};
use duet_protocol::limits::{MAX_DATAGRAM, MAX_FRAME};
use duet_protocol::media::CONTROLS;
use duet_protocol::message::schemas;
use duet_protocol::wire::{FieldSchema, Flags, Shape};

/// The reader, with one place for the declarations.
const TEMPLATE: &str = include_str!("dissector.lua");

/// What `spec/duet.lua` must hold.
pub(super) fn lua() -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "local MAX_FRAME, MAX_DATAGRAM, IGNORABLE_FROM = {MAX_FRAME}, {MAX_DATAGRAM}, 0x8000"
    );
    let (sequenced, routed) = (Flags::SEQUENCED.0, Flags::ROUTED.0);
    let _ = writeln!(
        out,
        "local FLAGS = {{ [0x{sequenced:02x}] = \"SEQUENCED\", [0x{routed:02x}] = \"ROUTED\" }}"
    );
    out += "local ADDRESS_TAGS = { [1] = \"user\", [2] = \"session\", [3] = \"room\", [4] = \"service\" }\n";
    out += "local ADDRESS_LENGTHS = { [1] = 8, [2] = 16, [3] = 16, [4] = 0 }\n\nlocal CODES = {\n";
    for row in Code::ALL {
        let _ = writeln!(
            out,
            "    [0x{:04x}] = {},",
            row.code.0,
            quoted(&row.name.to_lowercase())
        );
    }
    out += "}\n\n-- What the expert says of an error.\nlocal ERRORS = {\n";
    for (error, meaning, requirement) in DecodeError::ALL {
        let said = format!("{error:?}: {} ({requirement})", meaning.trim());
        let _ = writeln!(out, "    {error:?} = {},", quoted(&said));
    }
    for violation in [Violation::UnknownCritical, Violation::WrongFlags] {
        let said = format!(
            "{violation:?}: {} ({})",
            violation.code(),
            violation.requirement()
        );
        let _ = writeln!(out, "    {violation:?} = {},", quoted(&said));
    }
    out += "}\n\nlocal MESSAGES = {\n";
    for schema in schemas() {
        let _ = writeln!(
            out,
            "    [0x{:04x}] = {{ name = {}, flags = 0x{:02x}, doc = {}, fields = {{",
            schema.kind,
            quoted(schema.name),
            schema.flags.0,
            quoted(schema.doc.trim()),
        );
        fields(&mut out, "        ", schema.fields);
        out += "    } },\n";
    }
    out += "}\n\n-- Media control: entries as far as the fields after them leave room.\nlocal CONTROLS = {\n";
    for schema in CONTROLS {
        let (name, doc) = (quoted(schema.name), quoted(schema.doc));
        let _ = writeln!(
            out,
            "    [{}] = {{ name = {name}, doc = {doc},",
            schema.kind
        );
        if let Some((name, of)) = schema.entries {
            let name = quoted(name);
            let _ = writeln!(
                out,
                "        entries = {{ name = {name}, align = {}, fields = {{",
                schema.align
            );
            fields(&mut out, "            ", of);
            out += "        } },\n";
        }
        out += "        fields = {\n";
        fields(&mut out, "            ", schema.fields);
        out += "        } },\n";
    }
    out += "}\n";
    TEMPLATE
        .replace(
            "edit spec/src/render/dissector.lua",
            "what reads is in spec/src/render/dissector.lua",
        )
        .replace("@DECLARATIONS@", &out)
}

fn fields(out: &mut String, indent: &str, schemas: &[FieldSchema]) {
    for field in schemas {
        let doc = quoted(field.doc.trim());
        let _ = writeln!(
            out,
            "{indent}{{ name = {}, {}, doc = {doc} }},",
            quoted(field.name),
            shape(&field.shape)
        );
    }
}

/// The members of a shape's table.
fn shape(shape: &Shape) -> String {
    let named = |items: &[(&str, u8)]| {
        let items = items
            .iter()
            .map(|(name, n)| format!("[0x{n:02x}] = {}", quoted(name)));
        items.collect::<Vec<_>>().join(", ")
    };
    match shape {
        Shape::U8 => "type = \"u8\"".to_owned(),
        Shape::U16 => "type = \"u16\"".to_owned(),
        Shape::U32 => "type = \"u32\"".to_owned(),
        Shape::U64 => "type = \"u64\"".to_owned(),
        Shape::User => "type = \"user\"".to_owned(),
        Shape::Code => "type = \"code\"".to_owned(),
        Shape::Fixed { len } => format!("type = \"fixed\", len = {len}"),
        Shape::Text { max } => format!("type = \"text\", max = {max}"),
        Shape::Opaque { max } => format!("type = \"opaque\", max = {max}"),
        Shape::Within { min, max } => format!("type = \"within\", min = {min}, max = {max}"),
        Shape::Choice(items) => format!("type = \"choice\", values = {{ {} }}", named(items)),
        Shape::Bits(items) => format!("type = \"bits\", values = {{ {} }}", named(items)),
        Shape::Address => "type = \"address\"".to_owned(),
        Shape::List { of, max } => format!(
            "type = \"list\", max = {max}, of = {{ {} }}",
            self::shape(of)
        ),
        Shape::Record(inner) => {
            let mut out = String::new();
            fields(&mut out, " ", inner);
            format!("type = \"record\", fields = {{{} }}", out.replace('\n', ""))
        }
        Shape::Params => "type = \"params\"".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', " ")
    )
}
