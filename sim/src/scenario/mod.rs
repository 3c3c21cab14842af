//! Scenario files: a network, and what is to happen in it, in TOML.
//!
//! The simulator reads the nodes and links, and hands `[script]`, `[media]` and `[expect]` up unread to whoever
//! knows what they mean; [`Scenario::error_at`] lets that reader point into the file just as well. Every fault,
//! down to a misspelt key, is an error with its place.

mod error;
mod link;
mod section;
mod suggest;

use core::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::ScenarioError;
pub use link::LinkSpec;

use error::Source;
use section::{Field, Section};

use crate::units::parse_duration;

const KEYS: &[&str] = &[
    "name",
    "description",
    "seed",
    "duration",
    "node",
    "link",
    "script",
    "media",
    "expect",
];

/// A scenario, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is about; empty if the file does not say.
    pub description: String,
    /// The seed of all that is random in it; 1 if the file does not say.
    pub seed: u64,
    /// How long it runs, in virtual time.
    pub duration: Duration,
    /// The nodes, in the order of the file.
    pub nodes: Vec<NodeSpec>,
    /// The links, in the order of the file.
    pub links: Vec<LinkSpec>,
    /// What the nodes do; unchecked.
    pub script: toml::Table,
    /// What they send; unchecked.
    pub media: toml::Table,
    /// What must hold afterwards; unchecked.
    pub expect: toml::Table,
    source: Source,
}

/// A node of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name: letters, digits, `-` and `_`; unique.
    pub name: String,
    /// What it is, such as `"client"` or `"server"`; unchecked.
    pub role: String,
}

impl Scenario {
    /// Reads a scenario. `file_name` appears in errors only.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] for the first fault found: no TOML, an unknown or missing key, a wrong type or unit, or a
    /// network that makes no sense.
    pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
        let source = Source {
            file: file_name.to_owned(),
            text: text.to_owned(),
        };
        let table = toml(&source)?;
        let root = Section::new(&source, table.get_ref(), 0..0);
        root.only(KEYS)?;

        let name = root.required("name")?.text()?.to_owned();
        let description = match root.optional("description") {
            Some(field) => field.text()?.to_owned(),
            None => String::new(),
        };
        let seed = match root.optional("seed") {
            Some(field) => field.integer()?,
            None => 1,
        };
        let nodes = nodes(root.required("node")?)?;
        let links = match root.optional("link") {
            Some(field) => links(field, &nodes)?,
            None => Vec::new(),
        };
        let opaque = |key| match root.optional(key) {
            Some(field) => field.opaque(),
            None => Ok(toml::Table::new()),
        };
        Ok(Scenario {
            name,
            description,
            seed,
            duration: duration(root.required("duration")?)?,
            nodes,
            links,
            script: opaque("script")?,
            media: opaque("media")?,
            expect: opaque("expect")?,
            source: source.clone(),
        })
    }

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
        let table = match toml(&self.source) {
            Ok(table) => table,
            Err(error) => return error,
        };
        let (key, value) = locate(table.get_ref(), path);
        match (unknown, path.last()) {
            (Some(known), Some(word)) => self.source.error(key, message).suggesting(word, known),
            _ => self.source.error(value, message),
        }
    }

    /// The index of a node in [`Scenario::nodes`].
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

fn toml(source: &Source) -> Result<Spanned<DeTable<'_>>, ScenarioError> {
    DeTable::parse(&source.text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        source.error(error.span().unwrap_or(0..0), message)
    })
}

fn duration(field: Field<'_>) -> Result<Duration, ScenarioError> {
    let duration = field.quantity("20 s", parse_duration)?;
    if duration.is_zero() {
        return Err(field.error("`duration` must not be zero"));
    }
    Ok(duration)
}

fn nodes(field: Field<'_>) -> Result<Vec<NodeSpec>, ScenarioError> {
    let mut nodes: Vec<NodeSpec> = Vec::new();
    for element in field.elements()? {
        let section = element.section()?;
        section.only(&["name", "role"])?;
        let name = section.required("name")?;
        let text = name.text()?;
        if text.is_empty()
            || !text
                .chars()
                .all(|c| c.is_alphanumeric() || "-_".contains(c))
        {
            return Err(name.error("a node's name is made of letters, digits, `-` and `_`"));
        }
        if nodes.iter().any(|node| node.name == text) {
            return Err(name.error(format!("there is a node `{text}` already")));
        }
        nodes.push(NodeSpec {
            name: text.to_owned(),
            role: section.required("role")?.text()?.to_owned(),
        });
    }
    if nodes.is_empty() {
        return Err(field.error("a scenario needs a node"));
    }
    Ok(nodes)
}

fn links(field: Field<'_>, nodes: &[NodeSpec]) -> Result<Vec<LinkSpec>, ScenarioError> {
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let mut links = Vec::new();
    for element in field.elements()? {
        let link = link::parse(element.section()?, &names, &links)?;
        links.push(link);
    }
    Ok(links)
}

/// The spans of the last key and of its value on the way along `path`, as far as it leads.
fn locate(
    table: &DeTable<'_>,
    path: &[&str],
) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
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
                let array: &toml::de::DeArray<'_> = array;
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
