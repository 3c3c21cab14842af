//! The `[[link]]` tables.

use super::change::{LinkChange, PROPERTIES};
use super::error::ScenarioError;
use super::roster::Roster;
use super::section::Section;
use crate::link::{LinkConfig, QueueConfig};

const KEYS: &[&str] = &["name", "from", "to", "to_only", "back"];

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node at one end.
    pub from: usize,
    /// The index of the node at the other end.
    pub to: usize,
    /// What the direction `from` → `to` does to packets.
    pub config: LinkConfig,
    /// What the direction `to` → `from` does, if there is one.
    pub back: Option<LinkConfig>,
}

/// A link, or one direction of one, named by its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkRef {
    /// The index of the node at one end.
    pub from: usize,
    /// The index of the node at the other end.
    pub to: usize,
    /// Whether both directions are meant; else `from` → `to` is.
    pub both: bool,
}

impl LinkSpec {
    /// The directions of the link: two indices of nodes, and what happens on the way from the one to the other.
    pub fn directions(&self) -> impl Iterator<Item = (usize, usize, &LinkConfig)> {
        let forth = (self.from, self.to, &self.config);
        let back = self.back.as_ref().map(|back| (self.to, self.from, back));
        core::iter::once(forth).chain(back)
    }

    /// The link with all directions that it has.
    pub fn reference(&self) -> LinkRef {
        LinkRef {
            from: self.from,
            to: self.to,
            both: self.back.is_some(),
        }
    }
}

impl LinkRef {
    /// The directions that are meant, as pairs of node indices.
    pub fn directions(self) -> impl Iterator<Item = (usize, usize)> {
        let back = self.both.then_some((self.to, self.from));
        core::iter::once((self.from, self.to)).chain(back)
    }
}

/// Reads all `[[link]]`s.
pub(super) fn parse(
    root: &Section<'_>,
    roster: &mut Roster,
) -> Result<Vec<LinkSpec>, ScenarioError> {
    let mut links = Vec::new();
    for section in root.tables("link")? {
        link(section, roster, &mut links)?;
    }
    Ok(links)
}

/// Reads one `[[link]]`, which is several if an end is a numbered node.
fn link(
    section: Section<'_>,
    roster: &mut Roster,
    links: &mut Vec<LinkSpec>,
) -> Result<(), ScenarioError> {
    section.only(&[KEYS, PROPERTIES].concat())?;
    let from = section.required("from")?;
    let to = section.required("to")?;
    let (ones, others) = (roster.group(from)?, roster.group(to)?);
    if ones.len() > 1 && others.len() > 1 {
        let message = format!(
            "both ends are numbered: {} and {} nodes",
            ones.len(),
            others.len()
        );
        return Err(to.error(message).with_help("one end of a link is one node"));
    }
    roster.count(to, ones.len() * others.len())?;
    let name = match section.optional("name") {
        Some(field) => {
            let name = field.text()?;
            roster.take(field, name, "link")?;
            Some((field, name))
        }
        None => None,
    };
    let to_only = match section.optional("to_only") {
        Some(field) => field.flag()?,
        None => false,
    };
    let (config, back) = directions(section, to_only)?;
    let many = ones.len() > 1 || others.len() > 1;
    let ends = ones
        .iter()
        .flat_map(|one| others.iter().map(|other| (*one, *other)));
    for (number, (one, other)) in ends.enumerate() {
        let own = match name {
            Some((field, name)) if many => {
                let own = format!("{name}-{}", number + 1);
                roster.take(field, &own, "link")?;
                Some(own)
            }
            Some((_, name)) => Some(name.to_owned()),
            None => None,
        };
        let link = LinkSpec {
            name: own,
            from: one,
            to: other,
            config: config.clone(),
            back: back.clone(),
        };
        if one == other {
            return Err(to.error("a link must not lead from a node to itself"));
        }
        for (a, b, _) in link.directions() {
            if roster.connects(a, b) {
                let (a, b) = (roster.name(a), roster.name(b));
                let error = from.error(format!("there is a link from `{a}` to `{b}` already"));
                return Err(error.with_help("a link has both directions unless `to_only = true`"));
            }
        }
        roster.add_link(name.map(|(_, name)| name), &link);
        links.push(link);
    }
    Ok(())
}

fn directions(
    section: Section<'_>,
    to_only: bool,
) -> Result<(LinkConfig, Option<LinkConfig>), ScenarioError> {
    let forth = LinkChange::parse(section)?;
    let mut config = LinkConfig::default();
    forth.apply(&mut config);
    check(section, &config)?;
    let Some(field) = section.optional("back") else {
        return Ok((config.clone(), (!to_only).then_some(config)));
    };
    if to_only {
        return Err(field.key_error("`back` is of the direction that `to_only` takes away"));
    }
    let own = field.section()?;
    own.only(PROPERTIES)?;
    let mut back = config.clone();
    LinkChange::parse(own)?.apply(&mut back);
    check(own, &back)?;
    Ok((config, Some(back)))
}

/// Refuses what makes no sense together.
fn check(section: Section<'_>, config: &LinkConfig) -> Result<(), ScenarioError> {
    match section.optional("queue") {
        Some(field) if config.queue != QueueConfig::default() && config.rate.is_none() => {
            Err(field.error("`queue` without `rate` has no effect: nothing ever waits"))
        }
        _ => Ok(()),
    }
}
