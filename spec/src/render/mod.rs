//! What is rendered from the code: the generated blocks of the chapters, and the generated files.

mod dictionary;
mod dissector;
mod machines;
mod messages;
mod registry;
mod tables;
mod trace_schema;

use std::path::Path;
use std::sync::OnceLock;

use duet_protocol::message::AREAS;

use crate::chapters::{self, Chapter, Chapters};
use crate::error::{Failure, SpecError};
use crate::{tree, vectors};

/// Where the vectors are; nothing else is there.
const VECTORS: &str = "spec/vectors";

/// What to do about something stale.
const RENDER: &str = "run `duet-spec render`";

/// Rewrites every generated block and file; returns the files that changed.
pub fn render(root: &Path) -> Result<Vec<String>, SpecError> {
    let chapters = chapters::read(root)?;
    let (mut failures, mut changed) = (Vec::new(), Vec::new());
    let rendered: Vec<_> = chapters
        .files
        .iter()
        .map(|chapter| (&chapter.file, refreshed(chapter, &mut failures)))
        .collect();
    // A block without an end would be rendered over the rest of its chapter.
    failures.extend(
        chapters
            .failures
            .into_iter()
            .filter(|failure| failure.what.contains("generated block")),
    );
    if !failures.is_empty() {
        return Err(SpecError::Failed(failures));
    }
    for (file, text) in rendered {
        if tree::write(root, file, text)? {
            changed.push(file.clone());
        }
    }
    for (file, bytes) in files() {
        if tree::write(root, file, bytes)? {
            changed.push(file.clone());
        }
    }
    Ok(changed)
}

/// Every generated file, relative to the root, and what must be in it. It depends on nothing but the code.
fn files() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = vec![
            (
                "spec/registry.json".to_owned(),
                registry::to_json().into_bytes(),
            ),
            (
                "spec/trace.schema.json".to_owned(),
                trace_schema::to_json().into_bytes(),
            ),
            ("spec/duet.lua".to_owned(), dissector::lua().into_bytes()),
            ("fuzz/duet.dict".to_owned(), dictionary::dict().into_bytes()),
        ];
        files.extend(vectors::files());
        files
    })
}

/// What `render` would change, and what it cannot render.
pub fn render_check(root: &Path) -> Result<Vec<Failure>, SpecError> {
    stale(root, &chapters::read(root)?)
}

pub(crate) fn stale(root: &Path, chapters: &Chapters) -> Result<Vec<Failure>, SpecError> {
    let mut failures = Vec::new();
    for chapter in &chapters.files {
        let lines: Vec<&str> = chapter.text.lines().collect();
        for block in &chapter.generated {
            match body(&block.what) {
                Ok(body) if lines[block.open..block.close - 1].join("\n") == body => {}
                Ok(_) => {
                    let what = format!("the generated block `{}` is out of date", block.what);
                    failures.push(Failure::new(&chapter.file, block.open, what, RENDER));
                }
                Err((what, remedy)) => {
                    failures.push(Failure::new(&chapter.file, block.open, what, remedy))
                }
            }
        }
    }
    for (file, bytes) in files() {
        if tree::bytes_if_there(root, file)?.as_ref() != Some(bytes) {
            failures.push(Failure::new(file, 1, "out of date with the code", RENDER));
        }
    }
    for file in tree::files(root, VECTORS, ".json")? {
        if files().iter().all(|(known, _)| *known != file) {
            let remedy = "delete it, or declare what it is about";
            failures.push(Failure::new(
                &file,
                1,
                "nothing generates this file",
                remedy,
            ));
        }
    }
    Ok(failures)
}

/// A chapter with its blocks rendered anew.
fn refreshed(chapter: &Chapter, failures: &mut Vec<Failure>) -> String {
    let lines: Vec<&str> = chapter.text.lines().collect();
    let mut out: Vec<String> = Vec::new();
    let mut copied = 0;
    for block in &chapter.generated {
        match body(&block.what) {
            Ok(body) => {
                out.extend(
                    lines[copied..block.open]
                        .iter()
                        .map(|line| (*line).to_owned()),
                );
                out.push(body);
                copied = block.close - 1;
            }
            Err((what, remedy)) => {
                failures.push(Failure::new(&chapter.file, block.open, what, remedy))
            }
        }
    }
    out.extend(lines[copied..].iter().map(|line| (*line).to_owned()));
    let mut text = out.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// What stands between the markers: an empty line, the Markdown, an empty line. Or why not, and what to do.
fn body(what: &str) -> Result<String, (String, String)> {
    block(what).map(|text| format!("\n{}\n", text.trim_end()))
}

/// The Markdown of one kind of block.
fn block(what: &str) -> Result<String, (String, String)> {
    let (kind, name) = what
        .split_once(' ')
        .map_or((what, ""), |(kind, name)| (kind, name.trim()));
    let none_named = |known: Vec<&str>| {
        (
            format!("no {kind} is named `{name}`"),
            format!("write one of: {}", known.join(", ")),
        )
    };
    match (kind, name) {
        ("messages", area) => {
            messages::area(area).ok_or_else(|| none_named(AREAS.iter().map(|area| area.name).collect()))
        }
        ("table", name) => machines::find(name).map(machines::table).ok_or_else(|| none_named(machines::names())),
        ("diagram", name) => machines::find(name).map(machines::diagram).ok_or_else(|| none_named(machines::names())),
        ("kinds", "") => Ok(messages::kinds()),
        ("codes", "") => Ok(tables::codes()),
        ("limits", "") => Ok(tables::limits()),
        ("timers", "") => Ok(tables::timers()),
        ("violations", "") => Ok(tables::violations()),
        ("errors", "") => Ok(tables::errors()),
        ("controls", "") => Ok(messages::controls()),
        _ => Err((
            format!("nothing generates `{what}`"),
            "write messages AREA, kinds, controls, codes, errors, violations, limits, timers, table NAME or diagram NAME".to_owned(),
        )),
    }
}

/// A table in Markdown.
fn markdown(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| cell.trim().replace('|', "\\|"))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    out += &format!("|{}\n", " --- |".repeat(head.len()));
    out.extend(rows.into_iter().map(line));
    out
}

/// A number with commas: 16,384.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let grouped = [0, 999, 1_000, 16_384, 1_048_576].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "16,384", "1,048,576"]);
    }

    #[test]
    fn every_message_is_in_its_area() {
        for area in AREAS {
            for schema in area.schemas {
                assert_eq!(schema.kind >> 8, u16::from(area.high), "{}", schema.name);
            }
        }
    }

    #[test]
    fn every_block_renders() {
        let named = AREAS.iter().map(|area| format!("messages {}", area.name));
        let machines = machines::names()
            .into_iter()
            .flat_map(|n| [format!("table {n}"), format!("diagram {n}")]);
        let plain = [
            "kinds",
            "controls",
            "codes",
            "errors",
            "violations",
            "limits",
            "timers",
        ]
        .map(str::to_owned);
        for what in named.chain(machines).chain(plain) {
            assert!(block(&what).is_ok_and(|text| text.contains('\n')), "{what}");
        }
        for wrong in ["", "codes all", "messages nowhere", "table of contents"] {
            assert!(block(wrong).is_err(), "{wrong}");
        }
    }
}
