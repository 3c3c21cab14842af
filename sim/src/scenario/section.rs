//! Tables and values that know where they stand in the file.

use core::ops::Range;

use serde::de::IntoDeserializer as _;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::ScenarioError;
use super::place::Place;
use super::source::Source;
use crate::time::Time;
use crate::units::{UnitError, parse_duration, same};

/// One table of the file.
#[derive(Clone, Copy)]
pub(super) struct Section<'s> {
    source: &'s Source,
    table: &'s DeTable<'s>,
    /// Where the table begins, for what is missing from it.
    start: usize,
    end: usize,
    /// Where it stands in an array of the file's top, if it does.
    place: Option<Place>,
}

/// One key of a table, with its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'s> {
    source: &'s Source,
    key: &'s str,
    key_span: (usize, usize),
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
            place: None,
        }
    }

    /// The same table as an element of an array of the file's top, which may say when it applies.
    pub(super) fn placed(self, place: Place) -> Section<'s> {
        let place = Some(place);
        Section { place, ..self }
    }

    /// Where it stands in an array of the file's top.
    pub(super) fn place(&self) -> Place {
        self.place.unwrap_or_default()
    }

    /// Refuses the first key, in the order of the file, that is not `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ScenarioError> {
        let unknown = self
            .table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()) && !self.is_own(key.get_ref()))
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

    /// Whether a key belongs to the format and not to the kind of table: `when`.
    fn is_own(&self, key: &str) -> bool {
        self.place.is_some() && key == "when"
    }

    /// The value of a key, if it is there.
    pub(super) fn optional(&self, key: &str) -> Option<Field<'s>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.field(key, value))
    }

    /// All keys with their values, in the order of the file.
    pub(super) fn fields(&self) -> Vec<Field<'s>> {
        let fields = self.table.iter();
        let mut fields: Vec<_> = fields.map(|(key, value)| self.field(key, value)).collect();
        fields.sort_by_key(|field| field.key_span);
        fields
    }

    fn field(&self, key: &'s Spanned<DeString<'s>>, value: &'s Spanned<DeValue<'s>>) -> Field<'s> {
        let span = key.span();
        Field {
            source: self.source,
            key: key.get_ref(),
            key_span: (span.start, span.end),
            value,
        }
    }

    /// The tables of an array at the file's top, without those that do not apply now; none if there is no such array.
    pub(super) fn tables(&self, key: &'static str) -> Result<Vec<Section<'s>>, ScenarioError> {
        let mut tables = Vec::new();
        let Some(field) = self.optional(key) else {
            return Ok(tables);
        };
        if field.is_section() {
            let error = field.key_error(format!("`{key}` is an array of tables"));
            return Err(error.with_help(format!("write `[[{key}]]`")));
        }
        for (index, element) in field.elements()?.enumerate() {
            let section = element.section()?.placed(Place::new(key, index));
            if section.applies()? {
                tables.push(section);
            }
        }
        Ok(tables)
    }

    /// Whether what `when` asks of the parameters holds: `when = { mechanism = "udp" }`.
    fn applies(&self) -> Result<bool, ScenarioError> {
        let Some(when) = self.optional("when") else {
            return Ok(true);
        };
        let assignment = &self.source.assignment;
        let mut applies = true;
        for field in when.section()?.fields() {
            let name = field.key();
            let Some(choice) = assignment.get(name) else {
                let message = format!("there is no parameter `{name}` in `[matrix]`");
                return Err(field
                    .key_error(message)
                    .suggesting(name, &assignment.names()));
            };
            let wanted: Vec<Field<'_>> = match field.is_list() {
                true => field.elements()?.collect(),
                false => vec![field],
            };
            let mut met = false;
            for value in wanted {
                let text = match value.value() {
                    DeValue::String(text) => text.as_ref(),
                    _ => self.source.slice(value.span()),
                };
                let known = assignment.values(name);
                if !known.iter().any(|known| same(known, text)) {
                    let error = value.error(format!("`{name}` is never `{text}`"));
                    return Err(error.suggesting(text, &known));
                }
                met |= same(&choice.text, text);
            }
            applies &= met;
        }
        Ok(applies)
    }

    /// All keys but those, as plain data, for those above who know what they mean.
    pub(super) fn rest(&self, but: &[&str]) -> Result<toml::Table, ScenarioError> {
        let mut rest = toml::Table::new();
        for field in self.fields() {
            if !but.contains(&field.key) && !self.is_own(field.key) {
                rest.insert(field.key.to_owned(), field.plain()?);
            }
        }
        Ok(rest)
    }

    /// The value of a key.
    pub(super) fn required(&self, key: &str) -> Result<Field<'s>, ScenarioError> {
        self.optional(key)
            .ok_or_else(|| self.error(format!("the key `{key}` is missing")))
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.start..self.end, message)
    }
}

impl<'s> Field<'s> {
    pub(super) fn key(&self) -> &'s str {
        self.key
    }

    pub(super) fn value(&self) -> &'s DeValue<'s> {
        self.value.get_ref()
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// An error about the key.
    pub(super) fn key_error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.key_span.0..self.key_span.1, message)
    }

    /// An error about the value.
    pub(super) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.source.error(self.value.span(), message)
    }

    /// An error about some bytes of a string.
    pub(super) fn error_within(
        &self,
        at: usize,
        len: usize,
        message: impl Into<String>,
    ) -> ScenarioError {
        let span = self.span();
        // The quote comes first. What has escapes or comes from the matrix does not stand there as it reads.
        let shown = self.source.slice(span.clone());
        let plain = self.text().is_ok_and(|text| shown == format!("\"{text}\""));
        let span = match plain {
            true => span.start + 1 + at..span.start + 1 + at + len,
            false => span,
        };
        self.source.error(span, message)
    }

    pub(super) fn mistyped(&self, expected: &str) -> ScenarioError {
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

    /// What stands in the file that this names.
    pub(super) fn file(&self) -> Result<&'s str, ScenarioError> {
        let name = self.text()?;
        match self.source.files.get(name) {
            Some(Ok(text)) => Ok(text),
            Some(Err(why)) => Err(self.error(format!("cannot read `{name}`: {why}"))),
            None => Err(self.error(format!(
                "cannot read `{name}`: no other files are read here"
            ))),
        }
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

    /// One of a few words, each with what it stands for. `what` names the kind of thing.
    pub(super) fn choice<T: Copy>(
        &self,
        words: &[(&str, T)],
        what: &str,
    ) -> Result<T, ScenarioError> {
        let text = self.text()?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(*value),
            None => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let error = self.error(format!("there is no {what} `{text}`"));
                Err(error.suggesting(text, &words))
            }
        }
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

    /// An instant of the run, such as `"5 s"`.
    pub(super) fn instant(&self, example: &str) -> Result<Time, ScenarioError> {
        let span = self.quantity(example, parse_duration)?;
        Ok(Time::ZERO.after(span))
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
        let parent = *self;
        match self.value.get_ref() {
            DeValue::Array(array) => Ok(array.iter().map(move |value| Field { value, ..parent })),
            _ => Err(self.mistyped("an array")),
        }
    }

    /// Whether the value is an array.
    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    /// The table as plain data, for those above who know what it means.
    pub(super) fn opaque(&self) -> Result<toml::Table, ScenarioError> {
        self.section()?.rest(&[])
    }

    /// The value as plain data.
    fn plain(&self) -> Result<toml::Value, ScenarioError> {
        let value = self.value.clone().into_deserializer();
        serde::Deserialize::deserialize(value)
            .map_err(|error: toml::de::Error| self.error(error.message()))
    }
}
