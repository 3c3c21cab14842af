//! Other files that a scenario names: traces and patterns. They are read before it is, by whoever can.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::ScenarioError;
use super::matrix::Assignment;
use super::resolve::resolve;
use super::source::{Files, Source};

/// The keys whose value may be the name of a file, in links and faults.
const KEYS: &[&str] = &["opportunities", "bitmap_file"];

/// Reads all files that the scenario names in any combination of its parameters.
pub(super) fn read(
    source: &Source,
    table: &DeTable<'_>,
    matrix: &Assignment,
    open: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Files, ScenarioError> {
    let mut files = BTreeMap::new();
    if !KEYS.iter().any(|key| source.text.contains(key)) {
        return Ok(Arc::new(files));
    }
    let assignments = core::iter::successors(Some(matrix.clone()), Assignment::next);
    for assignment in assignments {
        let source = source.assigned(assignment);
        let table = resolve(table, &source)?;
        for part in ["link", "fault"] {
            if let Some(value) = table.get(part) {
                visit(value.get_ref(), &mut |name| {
                    if !files.contains_key(name) {
                        files.insert(name.to_owned(), open(name).map(Arc::from));
                    }
                });
            }
        }
    }
    Ok(Arc::new(files))
}

fn visit(value: &DeValue<'_>, found: &mut dyn FnMut(&str)) {
    match value {
        DeValue::Array(array) => array.iter().for_each(|value| visit(value.get_ref(), found)),
        DeValue::Table(table) => {
            for (key, value) in table {
                match value.get_ref() {
                    DeValue::String(name) if KEYS.contains(&key.get_ref().as_ref()) => {
                        if name != "none" {
                            found(name);
                        }
                    }
                    value => visit(value, found),
                }
            }
        }
        _ => {}
    }
}
