//! The `[[node]]` tables.

use core::fmt;

use super::error::ScenarioError;
use super::link::LinkSpec;
use super::middlebox::{self, FirewallSpec, NatSpec, Neighbours};
use super::roster::Roster;
use super::section::Section;

const KEYS: &[&str] = &["name", "role", "count"];

/// Most nodes in one scenario.
const MAX_NODES: usize = 10_000;

/// A node of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name: letters, digits, `-` and `_`; unique.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// If it is a NAT, how it works.
    pub nat: Option<NatSpec>,
    /// If it is a firewall, its rules.
    pub firewall: Option<FirewallSpec>,
}

impl NodeSpec {
    /// A node that is neither NAT nor firewall.
    pub fn new(name: &str, role: Role) -> NodeSpec {
        NodeSpec {
            name: name.to_owned(),
            role,
            nat: None,
            firewall: None,
        }
    }

    /// The neighbour outside, if this is a NAT or a firewall.
    pub fn outside(&self) -> Option<usize> {
        let nat = self.nat.as_ref().map(|nat| nat.outside);
        nat.or(self.firewall.as_ref().map(|firewall| firewall.outside))
    }

    pub(super) fn outside_mut(&mut self) -> Option<&mut usize> {
        let nat = self.nat.as_mut().map(|nat| &mut nat.outside);
        nat.or(self.firewall.as_mut().map(|firewall| &mut firewall.outside))
    }
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A client of the protocol under study.
    Client,
    /// Its server.
    Server,
    /// A business service behind the server.
    Service,
    /// Where cross traffic and media flows end.
    Host,
    /// Forwards.
    Router,
    /// Forwards and translates addresses.
    Nat,
    /// Forwards what its rules allow.
    Firewall,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 7] = [
        Role::Client,
        Role::Server,
        Role::Service,
        Role::Host,
        Role::Router,
        Role::Nat,
        Role::Firewall,
    ];

    /// The name that files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Client => "client",
            Role::Server => "server",
            Role::Service => "service",
            Role::Host => "host",
            Role::Router => "router",
            Role::Nat => "nat",
            Role::Firewall => "firewall",
        }
    }

    /// Whether packets begin and end there, and are not passed on.
    pub const fn is_edge(self) -> bool {
        matches!(
            self,
            Role::Client | Role::Server | Role::Service | Role::Host
        )
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the names and roles of all `[[node]]`s.
pub(super) fn parse(root: &Section<'_>) -> Result<(Vec<NodeSpec>, Roster), ScenarioError> {
    let field = root.required("node")?;
    let mut nodes = Vec::new();
    let mut roster = Roster::default();
    for section in root.tables("node")? {
        let word = section.optional("role").and_then(|role| role.text().ok());
        let own = middlebox::keys_of(word.unwrap_or_default());
        section.only(&[KEYS, &own].concat())?;
        let name = section.required("name")?;
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let role = section.required("role")?.choice(&roles, "role")?;
        let text = name.text()?;
        roster.take(name, text, "node")?;
        let Some(count) = section.optional("count") else {
            roster.count(name, 1)?;
            roster.add_node(text);
            nodes.push(NodeSpec::new(text, role));
            continue;
        };
        let number = match count.integer()? {
            0 => return Err(count.error("`count` must not be zero")),
            number => usize::try_from(number).unwrap_or(usize::MAX),
        };
        if number.saturating_add(nodes.len()) > MAX_NODES {
            return Err(count.error(format!("more than {MAX_NODES} nodes")));
        }
        roster.count(name, number)?;
        for number in 1..=number {
            let member = format!("{text}-{number}");
            roster.take(name, &member, "node")?;
            roster.add_member(text, &member);
            nodes.push(NodeSpec::new(&member, role));
        }
    }
    if nodes.is_empty() {
        return Err(field.error("a scenario needs a node"));
    }
    Ok((nodes, roster))
}

/// Reads the keys of NATs and firewalls, once it is known what they are linked to.
pub(super) fn parse_middleboxes(
    root: &Section<'_>,
    links: &[LinkSpec],
    nodes: &mut [NodeSpec],
    roster: &Roster,
) -> Result<(), ScenarioError> {
    let neighbours = Neighbours::new(links);
    for section in root.tables("node")? {
        for index in roster.group(section.required("name")?)? {
            let Some(node) = nodes.get_mut(index) else {
                continue;
            };
            match node.role {
                Role::Nat => {
                    let (config, addresses) = middlebox::read_nat(section)?;
                    let outside = middlebox::outside(section, index, &neighbours, roster)?;
                    node.nat = Some(NatSpec {
                        config,
                        outside,
                        addresses,
                    });
                }
                Role::Firewall => {
                    let config = middlebox::read_firewall(section)?;
                    let outside = middlebox::outside(section, index, &neighbours, roster)?;
                    node.firewall = Some(FirewallSpec { config, outside });
                }
                _ => break,
            }
        }
    }
    Ok(())
}
