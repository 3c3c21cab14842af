//! The `[[flow]]` tables: cross traffic and media.

use core::fmt;

use super::error::ScenarioError;
use super::node::NodeSpec;
use super::place::Place;
use super::roster::Roster;
use super::section::{Field, Section};
use super::setting;
use crate::time::Time;

const KEYS: &[&str] = &["name", "kind", "from", "to", "start", "stop"];

/// A stream of packets from one node to another, beside what nodes say of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSpec {
    /// Its name, unique; `cbr-1` and so on, by its place among all flows, if the file gives none.
    pub name: String,
    /// What it sends.
    pub kind: FlowKind,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node that sends.
    pub from: usize,
    /// The index of the node that receives.
    pub to: usize,
    /// When it begins.
    pub start: Time,
    /// When it ends, if before the end of the run.
    pub stop: Option<Time>,
    /// The kind's own keys; unchecked.
    pub settings: toml::Table,
    /// Where it stands in the file.
    pub place: Place,
}

/// What a flow sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowKind {
    /// UDP at a constant bit rate.
    Cbr,
    /// UDP with exponential gaps.
    Poisson,
    /// One long TCP connection.
    Tcp,
    /// TCP transfers with pauses.
    TcpOnOff,
    /// Media under a congestion controller.
    Media,
}

impl FlowKind {
    /// All kinds.
    pub const ALL: [FlowKind; 5] = [
        FlowKind::Cbr,
        FlowKind::Poisson,
        FlowKind::Tcp,
        FlowKind::TcpOnOff,
        FlowKind::Media,
    ];

    /// The name that files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            FlowKind::Cbr => "cbr",
            FlowKind::Poisson => "poisson",
            FlowKind::Tcp => "tcp",
            FlowKind::TcpOnOff => "tcp-on-off",
            FlowKind::Media => "media",
        }
    }
}

impl fmt::Display for FlowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads all `[[flow]]`s.
pub(super) fn parse(
    root: &Section<'_>,
    nodes: &[NodeSpec],
    roster: &mut Roster,
) -> Result<Vec<FlowSpec>, ScenarioError> {
    let mut flows = Vec::new();
    for section in root.tables("flow")? {
        flow(section, nodes, roster, &mut flows)?;
    }
    Ok(flows)
}

/// Reads one `[[flow]]`, which is several if an end is a numbered node.
fn flow(
    section: Section<'_>,
    nodes: &[NodeSpec],
    roster: &mut Roster,
    flows: &mut Vec<FlowSpec>,
) -> Result<(), ScenarioError> {
    let kinds = FlowKind::ALL.map(|kind| (kind.as_str(), kind));
    let field = section.required("kind")?;
    let kind = field.choice(&kinds, "kind of flow")?;
    let start = match section.optional("start") {
        Some(field) => setting::instant(field)?,
        None => Time::ZERO,
    };
    let stop = match section.optional("stop") {
        Some(field) => {
            let stop = setting::instant(field)?;
            if stop <= start {
                return Err(field.error("a flow must stop after it starts"));
            }
            Some(stop)
        }
        None => None,
    };
    let (from, to) = (section.required("from")?, section.required("to")?);
    let ones = ends(from, nodes, roster)?;
    let others = ends(to, nodes, roster)?;
    roster.count(to, ones.len().saturating_mul(others.len()))?;
    let name = match section.optional("name") {
        Some(field) => field.text()?.to_owned(),
        None => format!("{kind}-{}", section.place().number()),
    };
    let named = section.optional("name").unwrap_or(field);
    let settings = section.rest(KEYS)?;
    let many = ones.len() * others.len() > 1;
    let pairs = ones
        .iter()
        .flat_map(|one| others.iter().map(|other| (*one, *other)));
    for (number, (one, other)) in pairs.enumerate() {
        if one == other {
            return Err(to.error("a flow must not lead from a node to itself"));
        }
        let name = match many {
            true => format!("{name}-{}", number + 1),
            false => name.clone(),
        };
        roster.take(named, &name, "flow")?;
        flows.push(FlowSpec {
            name,
            kind,
            from: one,
            to: other,
            start,
            stop,
            settings: settings.clone(),
            place: section.place(),
        });
    }
    Ok(())
}

/// The nodes that a flow begins or ends at.
fn ends(
    field: Field<'_>,
    nodes: &[NodeSpec],
    roster: &Roster,
) -> Result<Vec<usize>, ScenarioError> {
    let group = roster.group(field)?;
    match group
        .iter()
        .filter_map(|node| nodes.get(*node))
        .find(|node| !node.role.is_edge())
    {
        None => Ok(group),
        Some(node) => {
            let message = format!(
                "a flow begins and ends at the edge, and `{}` is a {}",
                node.name, node.role
            );
            Err(field.error(message))
        }
    }
}
