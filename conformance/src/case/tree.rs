//! TOML as a tree that remembers where everything stood, so that every error names a file and a line.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the suite names it: `cases/ping.toml`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What is wrong with a case, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {message}")]
pub struct LoadError {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, LoadError> {
        let file: Arc<str> = file.into();
        let place = |offset: usize| Place {
            file: file.clone(),
            line: 1 + text[..offset.min(text.len())].matches('\n').count(),
        };
        match DeTable::parse(text) {
            Ok(table) => convert_table(table.get_ref(), place(0), &place),
            Err(error) => Err(LoadError {
                place: place(error.span().map_or(0, |span| span.start)),
                message: format!("not TOML: {}", error.message().replace('\n', " ")),
            }),
        }
    }

    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Result<T, LoadError> {
        Err(LoadError {
            place: self.place.clone(),
            message: message.into(),
        })
    }

    pub(crate) fn table(&self, what: &str) -> Result<Table<'_>, LoadError> {
        match &self.data {
            Data::Table(entries) => Ok(Table {
                node: self,
                entries,
                seen: Vec::new(),
            }),
            _ => self.fail(format!("{what} must be a table")),
        }
    }

    pub(crate) fn text(&self, what: &str) -> Result<&str, LoadError> {
        match &self.data {
            Data::Text(text) => Ok(text),
            _ => self.fail(format!("{what} must be a text")),
        }
    }

    pub(crate) fn number(&self, what: &str) -> Result<i64, LoadError> {
        match &self.data {
            Data::Number(number) => Ok(*number),
            _ => self.fail(format!("{what} must be a whole number")),
        }
    }

    pub(crate) fn flag(&self, what: &str) -> Result<bool, LoadError> {
        match &self.data {
            Data::Flag(flag) => Ok(*flag),
            _ => self.fail(format!("{what} must be true or false")),
        }
    }

    pub(crate) fn list(&self, what: &str) -> Result<&[Node], LoadError> {
        match &self.data {
            Data::List(list) => Ok(list),
            _ => self.fail(format!("{what} must be a list")),
        }
    }

    /// The same with `<name>` replaced in every text, a fragment's parameters.
    pub(crate) fn substitute(&self, with: &[(String, String)]) -> Self {
        let data = match &self.data {
            Data::Text(text) => Data::Text(replaced(text, with)),
            Data::List(list) => Data::List(list.iter().map(|n| n.substitute(with)).collect()),
            Data::Table(entries) => {
                let entries = entries.iter();
                Data::Table(
                    entries
                        .map(|(k, n)| (k.clone(), n.substitute(with)))
                        .collect(),
                )
            }
            other => other.clone(),
        };
        Self {
            place: self.place.clone(),
            data,
        }
    }

    /// The value in one line, for reports.
    pub(crate) fn render(&self) -> String {
        match &self.data {
            Data::Text(text) => format!("{text:?}"),
            Data::Number(number) => number.to_string(),
            Data::Flag(flag) => flag.to_string(),
            Data::List(list) => {
                let items: Vec<_> = list.iter().map(Self::render).collect();
                format!("[{}]", items.join(", "))
            }
            Data::Table(entries) => {
                let items: Vec<_> = entries
                    .iter()
                    .map(|(key, node)| format!("{key} = {}", node.render()))
                    .collect();
                format!("{{ {} }}", items.join(", "))
            }
        }
    }
}

fn replaced(text: &str, with: &[(String, String)]) -> String {
    with.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("<{name}>"), value)
    })
}

fn convert_table(
    table: &DeTable<'_>,
    at: Place,
    place: &impl Fn(usize) -> Place,
) -> Result<Node, LoadError> {
    let mut entries = Vec::new();
    for (key, value) in table {
        entries.push((
            key.get_ref().to_string(),
            convert(value.get_ref(), place(key.span().start), place)?,
        ));
    }
    Ok(Node {
        place: at,
        data: Data::Table(entries),
    })
}

fn convert(
    value: &DeValue<'_>,
    at: Place,
    place: &impl Fn(usize) -> Place,
) -> Result<Node, LoadError> {
    let data = match value {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Boolean(flag) => Data::Flag(*flag),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Data::Number(number),
            Err(_) => {
                let message = format!("{} is out of range", number.as_str());
                return Err(LoadError { place: at, message });
            }
        },
        DeValue::Array(items) => Data::List(
            items
                .iter()
                .map(|item| convert(item.get_ref(), place(item.span().start), place))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => return convert_table(table, at, place),
        DeValue::Float(_) | DeValue::Datetime(_) => {
            let message = "neither fractions nor dates occur in a case".to_owned();
            return Err(LoadError { place: at, message });
        }
    };
    Ok(Node { place: at, data })
}

/// A table that is being read: keys that nobody asked for are errors.
pub(crate) struct Table<'a> {
    pub(crate) node: &'a Node,
    pub(crate) entries: &'a [(String, Node)],
    seen: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.seen.push(key);
        let entry = self.entries.iter().find(|(name, _)| name == key);
        entry.map(|(_, node)| node)
    }

    pub(crate) fn need(&mut self, key: &'static str) -> Result<&'a Node, LoadError> {
        match self.get(key) {
            Some(node) => Ok(node),
            None => self.node.fail(format!("`{key}` is missing")),
        }
    }

    /// Fails on the first key that was not asked for.
    pub(crate) fn done(self) -> Result<(), LoadError> {
        for (key, node) in self.entries {
            if !self.seen.contains(&key.as_str()) {
                let known = self.seen.join(", ");
                return node.fail(format!("unknown key `{key}`; known here: {known}"));
            }
        }
        Ok(())
    }
}
