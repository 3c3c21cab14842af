//! The `[[link]]` tables.

use super::change::{LinkChange, PROPERTIES};
use super::error::ScenarioError;
use super::medium::{self, MediumSpec};
use super::place::Place;
use super::preset::LinkPreset;
use super::roster::Roster;
use super::section::{Field, Section};
use crate::link::{Limit, LinkConfig, OutageMode, QueueConfig, RateOf};

const KEYS: &[&str] = &["name", "from", "to", "to_only", "medium", "preset", "back"];

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node at one end.
    pub from: usize,
    /// The index of the node at the other end.
    pub to: usize,
    /// The index, in [`Scenario::mediums`](super::Scenario::mediums), of the medium that its directions share with each
    /// other and with those of other links.
    pub medium: Option<usize>,
    /// What the direction `from` → `to` does to packets.
    pub config: LinkConfig,
    /// What the direction `to` → `from` does, if there is one.
    pub back: Option<LinkConfig>,
    /// Where it stands in the file.
    pub place: Place,
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
    media: &[MediumSpec],
    roster: &mut Roster,
) -> Result<Vec<LinkSpec>, ScenarioError> {
    let mut links = Vec::new();
    for section in root.tables("link")? {
        link(section, media, roster, &mut links)?;
    }
    Ok(links)
}

/// Reads one `[[link]]`, which is several if an end is a numbered node.
fn link(
    section: Section<'_>,
    media: &[MediumSpec],
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
    let medium = match section.optional("medium") {
        Some(field) => Some(medium::named(field, media)?),
        None => None,
    };
    let (config, back) = directions(section, to_only, medium.is_some())?;
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
            medium,
            config: config.clone(),
            back: back.clone(),
            place: section.place(),
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
    shared: bool,
) -> Result<(LinkConfig, Option<LinkConfig>), ScenarioError> {
    let preset = match section.optional("preset") {
        Some(field) => Some(preset(field)?),
        None => None,
    };
    let (mut config, mut back) = (LinkConfig::default(), LinkConfig::default());
    if let Some(preset) = preset {
        preset.forth.apply(&mut config);
        preset.forth.apply(&mut back);
        preset.back.apply(&mut back);
    }
    let both = LinkChange::parse(section)?;
    both.apply(&mut config);
    both.apply(&mut back);
    check(section, &config, shared)?;
    let Some(field) = section.optional("back") else {
        let back = (!to_only).then(|| tidy(back, shared));
        return Ok((tidy(config, shared), back));
    };
    if to_only {
        return Err(field.key_error("`back` is of the direction that `to_only` takes away"));
    }
    let own = field.section()?;
    own.only(PROPERTIES)?;
    LinkChange::parse(own)?.apply(&mut back);
    check(own, &back, shared)?;
    Ok((tidy(config, shared), Some(tidy(back, shared))))
}

fn preset(field: Field<'_>) -> Result<&'static LinkPreset, ScenarioError> {
    let name = field.text()?;
    LinkPreset::find(name).ok_or_else(|| {
        let names: Vec<&str> = LinkPreset::all()
            .iter()
            .map(|preset| preset.name.as_str())
            .collect();
        field
            .error(format!("there is no preset `{name}`"))
            .suggesting(name, &names)
    })
}

/// Whether packets ever wait in the queue of a direction.
fn waits(config: &LinkConfig, shared: bool) -> bool {
    shared
        || config.rate.is_some()
        || !config.rates.is_empty()
        || config.trace.is_some()
        || config.on_off.is_some()
        || config
            .outages
            .iter()
            .any(|outage| outage.mode == OutageMode::Hold)
}

/// The same without a queue that has no effect, such as one that a preset has for a rate that is taken away.
pub(super) fn tidy(mut config: LinkConfig, shared: bool) -> LinkConfig {
    if !waits(&config, shared) {
        config.queue = QueueConfig::default();
    }
    if unmeasured(&config) {
        config.queue.limit = Limit::None;
    }
    config
}

/// Whether the queue is so much time long, and there is no rate to measure it by.
fn unmeasured(config: &LinkConfig) -> bool {
    match config.queue.limit {
        Limit::Span { of, .. } => match of {
            RateOf::Physical => config.physical_rate().is_none(),
            RateOf::Reference | RateOf::Current => config.reference_rate().is_none(),
        },
        _ => false,
    }
}

/// Refuses what makes no sense together.
fn check(section: Section<'_>, config: &LinkConfig, shared: bool) -> Result<(), ScenarioError> {
    let Some(field) = section.optional("queue") else {
        return Ok(());
    };
    if config.queue != QueueConfig::default() && !waits(config, shared) {
        return Err(field.error("`queue` without `rate` has no effect: nothing ever waits"));
    }
    if unmeasured(config) {
        let error = field.error("a queue of so much time needs a rate to measure it by");
        return Err(error.with_help("say `reference = \"1 Mb/s\"`"));
    }
    Ok(())
}
