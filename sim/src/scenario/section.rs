//! Tables and values that know where they stand in the file.

use core::ops::Range;

use serde::de::IntoDeserializer as _;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ScenarioError, Source};
use crate::units::UnitError;

/// One table of the file.
#[derive(Clone, Copy)]
pub(super) struct Section<'s> {
    source: &'s Source,
    table: &'s DeTable<'s>,
    /// Where the table begins, for what is missing from it.
    start: usize,
    end: usize,
}

/// One key of a table, with its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'s> {
    source: &'s Source,
    key: &'s str,
    value: &'s Spanned<DeValue<'s>>,
}

impl<'s> Section<'s> {
    pub(super) fn new(
        source: &'s Source,
        table: &'s DeTable<'s>,
        span: Range<usize>,
    ) -> Section<'s> {
        Section {
            source,
            table,
            start: span.start,
            end: span.end,
        }
    }

    /// Refuses the first key, in the order of the file, that is not `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ScenarioError> {
        let unknown = self
            .table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match unknown {
            None => Ok(()),
            Some(key) => {
                let word: &DeString<'_> = key.get_ref();
                let error = self
                    .source
                    .error(key.span(), format!("unknown key `{word}`"));
                Err(error.suggesting(word, known))
            }
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn optional(&self, key: &'static str) -> Option<Field<'s>> {
        let value = self.table.get(key)?;
        let source = self.source;
        Some(Field { source, key, value })
    }

    /// The value of a key.
    pub(super) fn required(&self, key: &'static str) -> Result<Field<'s>, ScenarioError> {
        self.optional(key)
            .ok_or_else(|| self.error(format!("the key `{key}` is missing")))
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.start..self.end, message)
    }
}

impl<'s> Field<'s> {
    /// An error about the value.
    pub(super) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.value.span(), message)
    }

    fn mistyped(&self, expected: &str) -> ScenarioError {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("`{}` must be {expected}, not {found}", self.key))
    }

    pub(super) fn text(&self) -> Result<&'s str, ScenarioError> {
        self.value
            .get_ref()
            .as_str()
            .ok_or_else(|| self.mistyped("a string"))
    }

    pub(super) fn flag(&self) -> Result<bool, ScenarioError> {
        self.value
            .get_ref()
            .as_bool()
            .ok_or_else(|| self.mistyped("true or false"))
    }

    /// A whole number, not negative.
    pub(super) fn integer(&self) -> Result<u64, ScenarioError> {
        let Some(number) = self.value.get_ref().as_integer() else {
            return Err(self.mistyped("a whole number"));
        };
        u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| {
            let problem = if number.as_str().starts_with('-') {
                "must not be negative"
            } else {
                "is too large"
            };
            self.error(format!("`{}` {problem}", self.key))
        })
    }

    /// A string with a number and a unit, such as `"15 ms"`.
    pub(super) fn quantity<T>(
        &self,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, UnitError>,
    ) -> Result<T, ScenarioError> {
        let text = match self.value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            // A bare number is read like a string: where no unit is needed it is right, elsewhere it gets told.
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.mistyped(&format!("a string such as \"{example}\""))),
        };
        parse(text).map_err(|error| {
            let error = self.error(format!("`{}`: {error}", self.key));
            error.with_help(format!("such as \"{example}\""))
        })
    }

    pub(super) fn section(&self) -> Result<Section<'s>, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Section::new(self.source, table, self.value.span())),
            _ => Err(self.mistyped("a table")),
        }
    }

    /// Whether the value is a table.
    pub(super) fn is_section(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// The elements of an array, each under this field's key.
    pub(super) fn elements(
        &self,
    ) -> Result<impl Iterator<Item = Field<'s>> + use<'s>, ScenarioError> {
        let Field { source, key, .. } = *self;
        match self.value.get_ref() {
            DeValue::Array(array) => {
                Ok(array.iter().map(move |value| Field { source, key, value }))
            }
            _ => Err(self.mistyped("an array")),
        }
    }

    /// The table as plain data, for those above who know what it means.
    pub(super) fn opaque(&self) -> Result<toml::Table, ScenarioError> {
        self.section()?;
        let value = self.value.clone().into_deserializer();
        serde::Deserialize::deserialize(value)
            .map_err(|error: toml::de::Error| self.error(error.message()))
    }
}
