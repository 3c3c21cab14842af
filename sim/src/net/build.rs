//! A scenario's network.

use std::net::Ipv4Addr;

use crate::net::firewall::Firewall;
use crate::net::host::Host;
use crate::net::nat::Nat;
use crate::net::network::Network;
use crate::node::NodeId;
use crate::scenario::Scenario;

/// The first external address of the first NAT is the one after this; each NAT has 256.
const EXTERNAL: u32 = u32::from_be_bytes([100, 64, 0, 0]);

impl<H: Host> Network<H> {
    /// The nodes and links of a scenario, with routes; node *n* is the scenario's node *n*. `host` makes what stands at
    /// the edge, from a node's index.
    ///
    /// # Errors
    ///
    /// What `host` could not make.
    pub fn of<E>(
        scenario: &Scenario,
        seed: u64,
        mut host: impl FnMut(usize) -> Result<H, E>,
    ) -> Result<Network<H>, E> {
        let mut network = Network::new(seed);
        for (index, node) in scenario.nodes.iter().enumerate() {
            if let Some(nat) = &node.nat {
                let addresses = external(index, nat.addresses);
                let translator = Nat::new(nat.config.clone(), seed, &node.name, addresses);
                network.add_nat(&node.name, translator, NodeId(nat.outside));
            } else if let Some(firewall) = &node.firewall {
                let rules = Firewall::new(firewall.config.clone());
                network.add_firewall(&node.name, rules, NodeId(firewall.outside));
            } else if node.role.is_edge() {
                network.add_host(&node.name, host(index)?);
            } else {
                network.add_router(&node.name);
            }
        }
        let mut courses = scenario.courses();
        for link in &scenario.links {
            for (from, to, config) in link.directions() {
                let course = courses.remove(&(from, to)).into_iter().flatten();
                let first = course.map(|(_, config)| config).next();
                let config = first.unwrap_or_else(|| config.clone());
                network.connect(NodeId(from), NodeId(to), config);
            }
        }
        for (index, medium) in scenario.mediums.iter().enumerate() {
            let links = scenario
                .links
                .iter()
                .filter(|link| link.medium == Some(index));
            let ways = links.flat_map(|link| link.directions());
            let ways: Vec<_> = ways
                .map(|(from, to, _)| (NodeId(from), NodeId(to)))
                .collect();
            network.world_mut().share(&ways, medium.config.clone());
        }
        network.reroute();
        Ok(network)
    }
}

/// External addresses of the NAT at a node: of 100.64.0.0/10, which is for such (RFC 6598).
pub(super) fn external(node: usize, count: u16) -> Vec<Ipv4Addr> {
    let first = EXTERNAL + ((node as u32) << 8);
    (1..=u32::from(count.max(1)))
        .map(|number| Ipv4Addr::from_bits(first + number))
        .collect()
}
