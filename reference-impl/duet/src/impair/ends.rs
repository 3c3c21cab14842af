//! The ends of a scenario's network, and what is not to be had in real time.

use duet_sim::{FaultKind, FlowKind, FlowSpec, NodeId, Role, Scenario, ScenarioError};
use thiserror::Error;

/// The nodes at which real packets come in and go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where what connects comes in; what comes from several is spread over them, in turn.
    pub clients: Vec<NodeId>,
    /// Where it goes out, and answers come in.
    pub server: NodeId,
}

/// The ends are not to be found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndsError {
    /// There is no node of that name.
    #[error("the scenario has no node `{0}`")]
    Unknown(String),
    /// Nothing ends there.
    #[error("`{0}` is a {1}: packets pass through it, and none begin or end there")]
    Passage(String, Role),
    /// One node at both ends.
    #[error("`{0}` is at both ends")]
    Both(String),
    /// The scenario does not say which.
    #[error("the scenario does not say which node is the {0}")]
    Unsaid(&'static str),
}

impl Ends {
    /// The ends by their names. Without names they are the scenario's clients and its only server; if it has none of
    /// these, the first and the second of two hosts.
    ///
    /// # Errors
    ///
    /// [`EndsError`], if a name is none of a node at the edge, or is needed.
    pub fn of(
        scenario: &Scenario,
        clients: &[String],
        server: Option<&str>,
    ) -> Result<Self, EndsError> {
        let of_role = |role: Role| -> Vec<NodeId> {
            let nodes = scenario.nodes.iter().enumerate();
            nodes
                .filter(|(_, node)| node.role == role)
                .map(|(index, _)| NodeId(index))
                .collect()
        };
        let (roles, servers, hosts) = (
            of_role(Role::Client),
            of_role(Role::Server),
            of_role(Role::Host),
        );
        let pair = match (roles.as_slice(), servers.as_slice(), hosts.as_slice()) {
            ([], [], [one, other]) => Some((*one, *other)),
            _ => None,
        };
        let server = match server {
            Some(name) => find(scenario, name)?,
            None => match (servers.as_slice(), pair) {
                ([server], _) => *server,
                (_, Some((_, other))) => other,
                _ => return Err(EndsError::Unsaid("server")),
            },
        };
        let clients = match clients {
            [] => match pair {
                Some((one, other)) => vec![if one == server { other } else { one }],
                None => roles.into_iter().filter(|node| *node != server).collect(),
            },
            names => names
                .iter()
                .map(|name| find(scenario, name))
                .collect::<Result<Vec<_>, _>>()?,
        };
        if clients.is_empty() {
            return Err(EndsError::Unsaid("client"));
        }
        if clients.contains(&server) {
            let name = scenario.node_name(server.0).to_owned();
            return Err(EndsError::Both(name));
        }
        Ok(Self { clients, server })
    }

    /// Whether a node is one of them.
    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.server == node || self.clients.contains(&node)
    }
}

fn find(scenario: &Scenario, name: &str) -> Result<NodeId, EndsError> {
    let index = scenario.node(name);
    let index = index.ok_or_else(|| EndsError::Unknown(name.to_owned()))?;
    match scenario.nodes[index].role {
        role if role.is_edge() => Ok(NodeId(index)),
        role => Err(EndsError::Passage(name.to_owned(), role)),
    }
}

/// Refuses a scenario that asks for what only `duet simulate` has: programs that do something or crash, expectations. With `network_only` what programs do and what is expected of them is left out instead.
///
/// # Errors
///
/// The first such thing, with its place.
pub fn refuse(scenario: &Scenario, network_only: bool) -> Result<(), ScenarioError> {
    let (at, within) = (
        |key: &str, message: &str| Err(scenario.error_at(&[key], message, None)),
        |place, message: &str| Err(scenario.error_in(place, &["kind"], message, None)),
    );
    for fault in &scenario.faults {
        if let FaultKind::Crash { .. } = fault.kind {
            let message =
                "a crash is of a program, and in real time none of the scenario's programs run";
            return within(fault.place, message);
        }
    }
    if network_only {
        return Ok(());
    }
    if let Some(step) = scenario.steps.first() {
        let message = "in real time none of the scenario's programs run: --network-only leaves out what they do";
        return Err(scenario.error_in(step.place, &["do"], message, None));
    }
    if !scenario.script.is_empty() {
        let message = "in real time none of the scenario's programs run: --network-only leaves out the script";
        return at("script", message);
    }
    if let Some(expectation) = scenario.expect.first() {
        let message = "expectations are judged by `duet simulate`: --network-only leaves them out";
        return Err(scenario.error_in(expectation.place, &[], message, None));
    }
    Ok(())
}

/// Refuses media flows at the ends, where each packet is taken for a real one.
///
/// # Errors
///
/// The first such flow, with its place.
pub fn refuse_media_at(scenario: &Scenario, ends: &Ends) -> Result<(), ScenarioError> {
    let media = |flow: &&FlowSpec| matches!(flow.kind, FlowKind::Media(_));
    for flow in scenario.flows.iter().filter(media) {
        for (key, node) in [("from", flow.from), ("to", flow.to)] {
            if ends.contains(NodeId(node)) {
                let message = "real packets come in and go out at this node, and a media flow's would be taken for such: let it end at another host";
                return Err(scenario.error_in(flow.place, &[key], message, None));
            }
        }
    }
    Ok(())
}

/// Refuses what the bridge does not have: it cannot give a namespace another address.
///
/// # Errors
///
/// The first such thing, with its place.
pub fn refuse_for_bridge(scenario: &Scenario) -> Result<(), ScenarioError> {
    for fault in &scenario.faults {
        let FaultKind::Handover {
            new_address: true, ..
        } = fault.kind
        else {
            continue;
        };
        let message = "over TUN a namespace keeps its address; through --listen and --to a node can have a new one";
        return Err(scenario.error_in(fault.place, &["new_address"], message, None));
    }
    Ok(())
}
