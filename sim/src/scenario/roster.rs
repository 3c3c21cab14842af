//! The names of a scenario, and what they stand for.
//!
//! A numbered node's name stands for all of them: `client` for `client-1`, `client-2` and so on. What is said of such a
//! name is said of each.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ScenarioError;
use super::link::{LinkRef, LinkSpec};
use super::section::Field;

/// Most nodes, links, flows, faults, steps and expectations together.
const MAX_PARTS: usize = 100_000;

/// Names of nodes and links.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Nodes, links, flows, faults, steps and expectations so far.
    parts: usize,
    /// By the names of the file, groups among them.
    nodes: BTreeMap<String, Vec<usize>>,
    /// By the names of single members of groups.
    members: BTreeMap<String, usize>,
    links: BTreeMap<String, Vec<LinkRef>>,
    directions: BTreeSet<(usize, usize)>,
    names: Vec<String>,
    taken: BTreeSet<String>,
    media: BTreeSet<String>,
}

impl Roster {
    /// Takes a name in; what it says must be new.
    pub(super) fn take(
        &mut self,
        field: Field<'_>,
        name: &str,
        what: &str,
    ) -> Result<(), ScenarioError> {
        let fits = |c: char| c.is_alphanumeric() || "-_".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            let message = format!("a {what}'s name is made of letters, digits, `-` and `_`");
            return Err(field.error(message));
        }
        if !self.taken.insert(name.to_owned()) {
            let kind = match (self.nodes.contains_key(name), self.links.contains_key(name)) {
                _ if self.members.contains_key(name) => "a node",
                (true, _) => "a node",
                (_, true) => "a link",
                _ if self.media.contains(name) => "a medium",
                _ => "a flow",
            };
            return Err(field.error(format!("there is {kind} `{name}` already")));
        }
        if what == "medium" {
            self.media.insert(name.to_owned());
        }
        Ok(())
    }

    /// Counts parts of the scenario, of which there is a most, so that a short file does not become a huge network.
    pub(super) fn count(&mut self, field: Field<'_>, parts: usize) -> Result<(), ScenarioError> {
        self.parts = self.parts.saturating_add(parts);
        match self.parts > MAX_PARTS {
            true => Err(field.error(format!("more than {MAX_PARTS} nodes, links and so on"))),
            false => Ok(()),
        }
    }

    /// How many parts there are.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// A node that is one.
    pub(super) fn add_node(&mut self, name: &str) {
        self.nodes.insert(name.to_owned(), vec![self.names.len()]);
        self.names.push(name.to_owned());
    }

    /// A node of a numbered group.
    pub(super) fn add_member(&mut self, group: &str, name: &str) {
        let index = self.names.len();
        self.nodes.entry(group.to_owned()).or_default().push(index);
        self.members.insert(name.to_owned(), index);
        self.names.push(name.to_owned());
    }

    pub(super) fn add_link(&mut self, group: Option<&str>, link: &LinkSpec) {
        self.directions
            .extend(link.directions().map(|(from, to, _)| (from, to)));
        let names = [group, link.name.as_deref()];
        let once = BTreeSet::from_iter(names.into_iter().flatten());
        for name in once {
            self.links
                .entry(name.to_owned())
                .or_default()
                .push(link.reference());
        }
    }

    pub(super) fn connects(&self, from: usize, to: usize) -> bool {
        self.directions.contains(&(from, to))
    }

    /// The name of a node.
    pub(super) fn name(&self, node: usize) -> &str {
        self.names.get(node).map_or("", String::as_str)
    }

    fn find(&self, name: &str) -> Option<Vec<usize>> {
        match self.members.get(name) {
            Some(index) => Some(vec![*index]),
            None => self.nodes.get(name).cloned(),
        }
    }

    /// The nodes that a name stands for.
    pub(super) fn group(&self, field: Field<'_>) -> Result<Vec<usize>, ScenarioError> {
        self.named(field, field.text()?)
    }

    fn named(&self, field: Field<'_>, name: &str) -> Result<Vec<usize>, ScenarioError> {
        self.find(name).ok_or_else(|| {
            let known: Vec<&str> = self.nodes.keys().map(String::as_str).collect();
            field
                .error(format!("there is no node `{name}`"))
                .suggesting(name, &known)
        })
    }

    /// The one node that a name stands for.
    pub(super) fn one(&self, field: Field<'_>) -> Result<usize, ScenarioError> {
        match self.group(field)?.as_slice() {
            [one] => Ok(*one),
            many => {
                let name = self.name(many.first().copied().unwrap_or_default());
                let error = field.error(format!("`{}` is {} nodes", field.text()?, many.len()));
                Err(error.with_help(format!("name one of them, such as `{name}`")))
            }
        }
    }

    /// The nodes that a name, or each of an array of names, stands for.
    pub(super) fn each(&self, field: Field<'_>) -> Result<Vec<usize>, ScenarioError> {
        if !field.is_list() {
            return self.group(field);
        }
        let mut nodes = Vec::new();
        for element in field.elements()? {
            for node in self.group(element)? {
                if nodes.contains(&node) {
                    let message = format!("`{}` is named twice", self.name(node));
                    return Err(element.error(message));
                }
                nodes.push(node);
            }
        }
        if nodes.is_empty() {
            return Err(field.error(format!("`{}` needs a node", field.key())));
        }
        Ok(nodes)
    }

    /// The links, or directions of links, that a text stands for: `a>b`, `a<>b`, or a link's name.
    pub(super) fn links(&self, field: Field<'_>) -> Result<Vec<LinkRef>, ScenarioError> {
        let text = field.text()?;
        let (ends, both) = match (text.split_once("<>"), text.split_once('>')) {
            (Some(ends), _) => (ends, true),
            (None, Some(ends)) => (ends, false),
            (None, None) => return self.named_links(field, text),
        };
        let from = self.named(field, ends.0.trim())?;
        let to = self.named(field, ends.1.trim())?;
        let mut links = Vec::new();
        for (from, to) in from
            .iter()
            .flat_map(|from| to.iter().map(move |to| (*from, *to)))
        {
            let back = both.then_some((to, from));
            for (a, b) in core::iter::once((from, to)).chain(back) {
                if !self.connects(a, b) {
                    let (a, b) = (self.name(a), self.name(b));
                    return Err(field.error(format!("there is no link from `{a}` to `{b}`")));
                }
            }
            links.push(LinkRef { from, to, both });
        }
        Ok(links)
    }

    fn named_links(&self, field: Field<'_>, name: &str) -> Result<Vec<LinkRef>, ScenarioError> {
        self.links.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.links.keys().map(String::as_str).collect();
            let error = field.error(format!("there is no link `{name}`"));
            match known.is_empty() {
                true => error.with_help("write `a>b` for a direction, `a<>b` for both"),
                false => error.suggesting(name, &known),
            }
        })
    }

    /// Whether a name is one of a node or a group of them.
    pub(super) fn has_node(&self, name: &str) -> bool {
        self.members.contains_key(name) || self.nodes.contains_key(name)
    }

    /// Whether a name is one of a link or a group of them.
    pub(super) fn has_link(&self, name: &str) -> bool {
        self.links.contains_key(name)
    }

    /// All names that a file may use for something, for suggestions.
    pub(super) fn known(&self) -> Vec<&str> {
        let names = self.nodes.keys().chain(self.links.keys());
        names.map(String::as_str).collect()
    }
}
