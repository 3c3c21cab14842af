//! The `[[node]]` tables.

use core::fmt;

use super::error::ScenarioError;
use super::roster::Roster;
use super::section::{Field, Section};

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

/// Reads all `[[node]]`s.
pub(super) fn parse(root: &Section<'_>) -> Result<(Vec<NodeSpec>, Roster), ScenarioError> {
    let field = root.required("node")?;
    let mut nodes = Vec::new();
    let mut roster = Roster::default();
    for section in root.tables("node")? {
        section.only(KEYS)?;
        let name = section.required("name")?;
        let role = role(section.required("role")?)?;
        let text = name.text()?;
        roster.take(name, text, "node")?;
        let Some(count) = section.optional("count") else {
            roster.add_node(text);
            nodes.push(NodeSpec {
                name: text.to_owned(),
                role,
            });
            continue;
        };
        let number = count.integer()?;
        if number == 0 {
            return Err(count.error("`count` must not be zero"));
        }
        if number > MAX_NODES as u64 {
            return Err(too_many(count));
        }
        for number in 1..=number {
            let member = format!("{text}-{number}");
            roster.take(name, &member, "node")?;
            roster.add_member(text, &member);
            nodes.push(NodeSpec { name: member, role });
        }
        if nodes.len() > MAX_NODES {
            return Err(too_many(count));
        }
    }
    if nodes.is_empty() {
        return Err(field.error("a scenario needs a node"));
    }
    Ok((nodes, roster))
}

fn too_many(count: Field<'_>) -> ScenarioError {
    count.error(format!("more than {MAX_NODES} nodes"))
}

fn role(field: Field<'_>) -> Result<Role, ScenarioError> {
    let roles = Role::ALL.map(|role| (role.as_str(), role));
    field.choice(&roles, "role")
}
