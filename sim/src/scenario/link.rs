//! The `[[link]]` tables.

use super::error::ScenarioError;
use super::section::{Field, Section};
use crate::link::{LinkConfig, Loss, Outage};
use crate::time::Time;
use crate::units::{parse_duration, parse_rate, parse_size};

const KEYS: &[&str] = &[
    "from", "to", "to_only", "rate", "queue", "delay", "jitter", "loss", "outages",
];

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node at one end.
    pub from: usize,
    /// The index of the node at the other end.
    pub to: usize,
    /// Whether there is only the direction `from` → `to`; else there are both, alike.
    pub to_only: bool,
    /// What each direction does to packets.
    pub config: LinkConfig,
}

impl LinkSpec {
    /// The directions of the link, as pairs of node indices.
    pub fn directions(&self) -> impl Iterator<Item = (usize, usize)> {
        let back = (!self.to_only).then_some((self.to, self.from));
        core::iter::once((self.from, self.to)).chain(back)
    }
}

/// Reads one `[[link]]`; `earlier` are those before it.
pub(super) fn parse(
    section: Section<'_>,
    nodes: &[&str],
    earlier: &[LinkSpec],
) -> Result<LinkSpec, ScenarioError> {
    section.only(KEYS)?;
    let from = section.required("from")?;
    let to = section.required("to")?;
    let link = LinkSpec {
        from: node(from, nodes)?,
        to: node(to, nodes)?,
        to_only: match section.optional("to_only") {
            Some(field) => field.flag()?,
            None => false,
        },
        config: config(section)?,
    };
    if link.from == link.to {
        return Err(to.error("a link must not lead from a node to itself"));
    }
    for (a, b) in link.directions() {
        if earlier
            .iter()
            .any(|other| other.directions().any(|way| way == (a, b)))
        {
            let message = format!(
                "there is a link from `{}` to `{}` already",
                nodes[a], nodes[b]
            );
            return Err(from
                .error(message)
                .with_help("a link has both directions unless `to_only = true`"));
        }
    }
    Ok(link)
}

fn node(field: Field<'_>, nodes: &[&str]) -> Result<usize, ScenarioError> {
    let name = field.text()?;
    nodes.iter().position(|node| *node == name).ok_or_else(|| {
        let error = field.error(format!("there is no node `{name}`"));
        error.suggesting(name, nodes)
    })
}

fn config(section: Section<'_>) -> Result<LinkConfig, ScenarioError> {
    let mut config = LinkConfig::default();
    if let Some(field) = section.optional("rate") {
        config.rate = Some(field.quantity("2 Mb/s", parse_rate)?);
    }
    if let Some(field) = section.optional("queue") {
        config.queue = Some(field.quantity("64 kB", parse_size)?);
        if config.rate.is_none() {
            return Err(field.error("`queue` without `rate` has no effect: nothing ever waits"));
        }
    }
    if let Some(field) = section.optional("delay") {
        config.delay = field.quantity("15 ms", parse_duration)?;
    }
    if let Some(field) = section.optional("jitter") {
        config.jitter = field.quantity("5 ms", parse_duration)?;
    }
    if let Some(field) = section.optional("loss") {
        config.loss = loss(field)?;
    }
    if let Some(field) = section.optional("outages") {
        for interval in field.elements()? {
            config.outages.push(outage(interval)?);
        }
    }
    Ok(config)
}

fn loss(field: Field<'_>) -> Result<Loss, ScenarioError> {
    if !field.is_section() {
        return Ok(Loss::Independent(field.quantity("2.5 %", str::parse)?));
    }
    let section = field.section()?;
    section.only(&["enter", "leave", "good", "bad"])?;
    let probability = |key| section.required(key)?.quantity("2.5 %", str::parse);
    Ok(Loss::GilbertElliott {
        enter: probability("enter")?,
        leave: probability("leave")?,
        good: probability("good")?,
        bad: probability("bad")?,
    })
}

fn outage(field: Field<'_>) -> Result<Outage, ScenarioError> {
    let ends: Vec<Field<'_>> = field.elements()?.collect();
    let [from, to] = ends.as_slice() else {
        let error = field.error("an outage is a pair: when it begins and when it ends");
        return Err(error.with_help("such as [\"5 s\", \"15 s\"]"));
    };
    let instant = |field: &Field<'_>| {
        let span = field.quantity("5 s", parse_duration)?;
        Ok(Time::ZERO.after(span))
    };
    let (from, to) = (instant(from)?, instant(to)?);
    if from >= to {
        return Err(field.error("an outage must end after it begins"));
    }
    Ok(Outage { from, to })
}
