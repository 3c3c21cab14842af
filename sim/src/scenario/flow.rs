//! The `[[flow]]` tables: cross traffic and media.

use core::fmt;

use super::error::ScenarioError;
use super::format::{Format as _, Instant};
use super::node::NodeSpec;
use super::place::Place;
use super::roster::Roster;
use super::section::{Field, Section};
use super::traffic;
use crate::time::Time;
use crate::traffic::{CbrConfig, OnOffConfig, PoissonConfig, TcpConfig, TcpSinkConfig};

const KEYS: &[&str] = &["name", "kind", "from", "to", "start", "stop"];

/// A stream of packets from one node to another, beside what nodes say of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSpec {
    /// Its name, unique; `cbr-1` and so on, by its place among all flows, if the file gives none.
    pub name: String,
    /// What it sends. The times in it do not count; see [`FlowSpec::timed`].
    pub kind: FlowKind,
    /// The index, in [`Scenario::nodes`](super::Scenario::nodes), of the node that sends.
    pub from: usize,
    /// The index of the node that receives.
    pub to: usize,
    /// When it begins.
    pub start: Time,
    /// When it ends, if before the end of the run.
    pub stop: Option<Time>,
    /// Where it stands in the file.
    pub place: Place,
}

/// What a flow sends, and how.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowKind {
    /// UDP at a constant or scheduled bit rate.
    Cbr(CbrConfig),
    /// UDP in bursts at exponential distances.
    Poisson(PoissonConfig),
    /// One TCP connection.
    Tcp(TcpConfig, TcpSinkConfig),
    /// TCP connections with idle times between.
    TcpOnOff(OnOffConfig, TcpSinkConfig),
    /// Media under a congestion controller, whose keys are unchecked.
    Media(toml::Table),
}

impl FlowKind {
    /// The names of the kinds.
    pub const NAMES: [&'static str; 5] = ["cbr", "poisson", "tcp", "tcp-on-off", "media"];

    /// The name that files use.
    pub const fn as_str(&self) -> &'static str {
        match self {
            FlowKind::Cbr(_) => "cbr",
            FlowKind::Poisson(_) => "poisson",
            FlowKind::Tcp(..) => "tcp",
            FlowKind::TcpOnOff(..) => "tcp-on-off",
            FlowKind::Media(_) => "media",
        }
    }

    fn parse(name: &str, section: Section<'_>) -> Result<FlowKind, ScenarioError> {
        Ok(match name {
            "cbr" => FlowKind::Cbr(traffic::read_cbr(section, KEYS)?),
            "poisson" => FlowKind::Poisson(traffic::read_poisson(section, KEYS)?),
            "tcp" => {
                let (sender, receiver) = traffic::read_tcp(section, KEYS)?;
                FlowKind::Tcp(sender, receiver)
            }
            "tcp-on-off" => {
                let (sender, receiver) = traffic::read_on_off(section, KEYS)?;
                FlowKind::TcpOnOff(sender, receiver)
            }
            _ => FlowKind::Media(section.rest(KEYS)?),
        })
    }

    /// The keys that say it, beside those of every flow. Those of media are not among them.
    pub(super) fn write(&self) -> Vec<(&'static str, toml::Value)> {
        match self {
            FlowKind::Cbr(config) => traffic::write_cbr(config),
            FlowKind::Poisson(config) => traffic::write_poisson(config),
            FlowKind::Tcp(sender, receiver) => traffic::write_tcp(sender, receiver),
            FlowKind::TcpOnOff(sender, receiver) => traffic::write_on_off(sender, receiver),
            FlowKind::Media(_) => Vec::new(),
        }
    }
}

impl fmt::Display for FlowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FlowSpec {
    /// What it sends, with the flow's times in it.
    pub fn timed(&self) -> FlowKind {
        let mut kind = self.kind.clone();
        let times = match &mut kind {
            FlowKind::Cbr(config) => Some((&mut config.start, &mut config.stop)),
            FlowKind::Poisson(config) => Some((&mut config.start, &mut config.stop)),
            FlowKind::Tcp(config, _) => Some((&mut config.start, &mut config.stop)),
            FlowKind::TcpOnOff(config, _) => Some((&mut config.start, &mut config.stop)),
            FlowKind::Media(_) => None,
        };
        if let Some((start, stop)) = times {
            (*start, *stop) = (self.start, self.stop);
        }
        kind
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
    let field = section.required("kind")?;
    let kinds = FlowKind::NAMES.map(|kind| (kind, kind));
    let kind = FlowKind::parse(field.choice(&kinds, "kind of flow")?, section)?;
    let start = match section.optional("start") {
        Some(field) => Instant.read(field)?,
        None => Time::ZERO,
    };
    let stop = match section.optional("stop") {
        Some(field) => {
            let stop = Instant.read(field)?;
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
            kind: kind.clone(),
            from: one,
            to: other,
            start,
            stop,
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
