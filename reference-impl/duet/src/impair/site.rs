//! What stands at the edge of the network: gates, and ends of flows.

use std::convert::Infallible;

use duet_sim::net::{Content, Datagram, Gate, Host, Network, Ports};
use duet_sim::{NodeId, Scenario, Time};

use super::Ends;
use crate::flows::{self, FlowEnd, FlowError, Setting};

/// A node at the edge. What real packets consist of goes to its gate, what models consist of to its traffic, so that
/// no port of theirs is in the way of a real one. Media flows, whose packets are real ones, do not end at a gate.
pub(super) struct Site {
    pub(super) gate: Option<Gate>,
    pub(super) traffic: Ports<FlowEnd>,
}

/// The scenario's nodes and links, gates at the ends, and its flows.
pub(super) fn network(
    scenario: &Scenario,
    seed: u64,
    ends: &Ends,
) -> Result<Network<Site>, FlowError> {
    let site = |node| {
        Ok::<_, Infallible>(Site {
            gate: ends.contains(NodeId(node)).then(Gate::new),
            traffic: Ports::new(),
        })
    };
    let Ok(mut network) = Network::of(scenario, seed, site);
    for ends in flows::ends(scenario, &Setting::new(seed))? {
        for (node, end) in [ends.source, ends.sink] {
            let site = network.host_mut(node);
            site.traffic.insert(ends.ports.clone(), end);
        }
    }
    Ok(network)
}

impl Host for Site {
    fn deadline(&self) -> Option<Time> {
        self.traffic.deadline()
    }

    fn wake(&mut self, now: Time) {
        self.traffic.wake(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        match (&datagram.content, &mut self.gate) {
            (Content::Bytes(_) | Content::Packet(_), Some(gate)) => gate.receive(now, datagram),
            _ => self.traffic.receive(now, datagram),
        }
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        let gate = self.gate.as_mut().and_then(|gate| gate.transmit(now));
        gate.or_else(|| self.traffic.transmit(now))
    }
}
