//! Finding a place in the file again, for those who read what the simulator does not.

use core::ops::Range;

use toml::de::{DeArray, DeTable, DeValue};

use super::error::ScenarioError;
use super::place::Place;
use super::{Scenario, toml};

impl Scenario {
    /// An error at a place of this file, for those who read the tables that the simulator does not.
    ///
    /// `path` leads to the place by keys and, in arrays, by indices: `["script", "call", "to"]`. Where the path does
    /// not exist, the error is at the deepest part that does. The last step is underlined: a key's value, or, if
    /// `unknown` is given, the key itself, with "did you mean …?" from those keys.
    pub fn error_at(
        &self,
        path: &[&str],
        message: impl Into<String>,
        unknown: Option<&[&str]>,
    ) -> ScenarioError {
        let message = message.into();
        let source = &self.origin.source;
        let table = match toml(source) {
            Ok(table) => table,
            Err(error) => return error,
        };
        let (key, value) = locate(table.get_ref(), path);
        match (unknown, path.last()) {
            (Some(known), Some(word)) => source.error(key, message).suggesting(word, known),
            _ => source.error(value, message),
        }
    }

    /// [`Scenario::error_at`] a place within a link, a flow, a fault, a step or an expectation: `path` begins in its table.
    pub fn error_in(
        &self,
        place: Place,
        path: &[&str],
        message: impl Into<String>,
        unknown: Option<&[&str]>,
    ) -> ScenarioError {
        let start = place.path();
        let start = start.iter().map(String::as_str);
        let path: Vec<&str> = start.chain(path.iter().copied()).collect();
        self.error_at(&path, message, unknown)
    }
}

/// The spans of the last key and of its value on the way along `path`, as far as it leads.
fn locate(table: &DeTable<'_>, path: &[&str]) -> (Range<usize>, Range<usize>) {
    let mut spans = (0..0, 0..0);
    let mut tables = Some(table);
    let mut arrays = None;
    for step in path {
        let (key, value) = match (tables, arrays) {
            (Some(table), _) => match table.get_key_value(*step) {
                Some((key, value)) => (key.span(), value),
                None => break,
            },
            (None, Some(array)) => {
                let array: &DeArray<'_> = array;
                match step.parse().ok().and_then(|index: usize| array.get(index)) {
                    Some(value) => (value.span(), value),
                    None => break,
                }
            }
            (None, None) => break,
        };
        spans = (key, value.span());
        tables = value.get_ref().as_table();
        arrays = match value.get_ref() {
            DeValue::Array(array) => Some(array),
            _ => None,
        };
    }
    spans
}
