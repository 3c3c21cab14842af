//! `"$name"`: parameters replaced by their values, anywhere in the file.
//!
//! A string that is nothing else becomes the value, of whatever type; within a longer string, the value's text goes in
//! its place. `$$` is one `$`.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ScenarioError;
use super::matrix::{Assignment, Choice, Content, starts_name};
use super::source::Source;

/// The table with the source's assignment in it.
pub(super) fn resolve<'t>(
    table: &'t DeTable<'t>,
    source: &'t Source,
) -> Result<DeTable<'t>, ScenarioError> {
    let values = Values { table, source };
    let mut table = table.clone();
    for (key, value) in &mut table {
        if key.get_ref() != "matrix" {
            values.walk(value)?;
        }
    }
    Ok(table)
}

/// Refuses a parameter that nothing uses: its values would be so many runs of the same.
pub(super) fn check_use(
    table: &DeTable<'_>,
    source: &Source,
    matrix: &Assignment,
) -> Result<(), ScenarioError> {
    let names = matrix.names();
    let mut unused: Vec<&str> = names.clone();
    for (key, value) in table {
        if key.get_ref() != "matrix" && !unused.is_empty() {
            strike(value.get_ref(), &mut unused);
        }
    }
    let Some(name) = unused.first() else {
        return Ok(());
    };
    let key = table.get("matrix").and_then(|matrix| {
        let (key, _) = matrix.get_ref().as_table()?.get_key_value(*name)?;
        Some(key.span())
    });
    let error = source.error(key.unwrap_or(0..0), format!("nothing uses `{name}`"));
    Err(error.with_help(format!("write \"${name}\" where its values belong")))
}

/// Strikes out the names that a value uses.
fn strike(value: &DeValue<'_>, unused: &mut Vec<&str>) {
    match value {
        DeValue::String(text) => {
            let mut rest = text.as_ref();
            while let Some((_, behind)) = rest.split_once('$') {
                let name = leading_name(behind);
                unused.retain(|known| *known != name);
                rest = behind.strip_prefix('$').unwrap_or(&behind[name.len()..]);
            }
        }
        DeValue::Array(array) => array
            .iter()
            .for_each(|value| strike(value.get_ref(), unused)),
        DeValue::Table(table) => {
            for (key, value) in table {
                match value.get_ref() {
                    DeValue::Table(when) if key.get_ref() == "when" => {
                        unused.retain(|known| !when.contains_key(*known));
                    }
                    value => strike(value, unused),
                }
            }
        }
        _ => {}
    }
}

/// The name at the beginning of a text; empty if there is none.
fn leading_name(text: &str) -> &str {
    if !text.starts_with(starts_name) {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The values of parameters, of which those with arrays and tables in them stand in the file.
struct Values<'t> {
    table: &'t DeTable<'t>,
    source: &'t Source,
}

impl<'t> Values<'t> {
    /// A value as it replaces a whole string.
    fn whole(&self, name: &str, choice: &'t Choice) -> DeValue<'t> {
        let text = || DeValue::String(choice.text.as_str().into());
        match choice.content {
            Content::Text => text(),
            Content::Number => {
                DeValue::parse(&choice.text).map_or_else(|_| text(), Spanned::into_inner)
            }
            Content::Written(index) => {
                let matrix = self.table.get("matrix").map(Spanned::get_ref);
                let value = matrix.and_then(|matrix| matrix.get(name)?.get_ref().get(index));
                value.map_or_else(text, |value| value.get_ref().clone())
            }
        }
    }

    fn walk(&self, value: &mut Spanned<DeValue<'t>>) -> Result<(), ScenarioError> {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) if text.contains('$') => {
                let replaced = self.replace(text, span)?;
                *value.get_mut() = replaced;
            }
            DeValue::Array(array) => {
                for element in array.iter_mut() {
                    self.walk(element)?;
                }
            }
            DeValue::Table(table) => {
                for (_, value) in table {
                    self.walk(value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn replace(&self, text: &str, span: Range<usize>) -> Result<DeValue<'t>, ScenarioError> {
        let source = self.source;
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if rest.starts_with('$') {
                out.push('$');
                rest = &rest[1..];
                continue;
            }
            let name = leading_name(rest);
            if name.is_empty() {
                out.push('$');
                continue;
            }
            let Some(choice) = source.assignment.get(name) else {
                let error = source.error(
                    place(source, span, name),
                    format!("there is no parameter `{name}` in `[matrix]`"),
                );
                let names = source.assignment.names();
                return Err(match names.as_slice() {
                    [] => error.with_help("write `$$` for a dollar sign"),
                    names => error.suggesting(name, names),
                });
            };
            rest = &rest[name.len()..];
            let value = self.whole(name, choice);
            if out.is_empty() && rest.is_empty() && text.len() == name.len() + 1 {
                return Ok(value);
            }
            if matches!(value, DeValue::Array(_) | DeValue::Table(_)) {
                let message = format!("`${name}` is an array or a table, which fits no text");
                return Err(source.error(place(source, span, name), message));
            }
            out.push_str(&choice.text);
        }
        out.push_str(rest);
        Ok(DeValue::String(out.into()))
    }
}

/// Where `$name` stands in the string at `span`.
fn place(source: &Source, span: Range<usize>, name: &str) -> Range<usize> {
    match source.slice(span.clone()).find(&format!("${name}")) {
        Some(at) => span.start + at..span.start + at + name.len() + 1,
        None => span,
    }
}
