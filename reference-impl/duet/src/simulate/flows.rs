//! Cross traffic: what a scenario's flows say, as sources and sinks.

use std::net::SocketAddr;

use duet_sim::net::{Network, address_of};
use duet_sim::traffic::{Cbr, OnOff, Poisson, TcpSender, TcpSink, Traffic, UdpSink};
use duet_sim::{FlowKind, FlowSpec, NodeId, Scenario, ScenarioError};

use super::host::Site;

/// The first port of the first flow; each has [`PORTS`] of its own, on both sides.
const FIRST_PORT: u16 = 10_000;

/// Ports of one flow: sources with connections one after the other go through them.
const PORTS: u16 = 64;

/// Most flows of a scenario.
const MAX_FLOWS: usize = (u16::MAX - FIRST_PORT) as usize / PORTS as usize;

/// The first port of the flow with this place among the scenario's.
pub(super) fn port(number: usize) -> u16 {
    FIRST_PORT + number as u16 * PORTS
}

/// Puts a flow's source and sink at its nodes; `number` is its place among the scenario's.
pub(super) fn add(
    scenario: &Scenario,
    flow: &FlowSpec,
    number: usize,
    seed: u64,
    network: &mut Network<Site>,
) -> Result<(), ScenarioError> {
    let fail = |message: String| Err(scenario.error_in(flow.place, &["kind"], message, None));
    if number >= MAX_FLOWS {
        return fail(format!("more than {MAX_FLOWS} flows"));
    }
    let port = port(number);
    let from = SocketAddr::new(address_of(NodeId(flow.from)), port);
    let to = SocketAddr::new(address_of(NodeId(flow.to)), port);
    let label = format!("flow/{}", flow.name);
    let (source, sink) = match flow.timed() {
        FlowKind::Cbr(config) => (Traffic::Cbr(Cbr::new(config, from, to)), udp()),
        FlowKind::Poisson(config) => {
            let source = Poisson::new(config, from, to, seed, &label);
            (Traffic::Poisson(source), udp())
        }
        FlowKind::Tcp(config, sink) => {
            let source = TcpSender::new(config, from, to);
            (
                Traffic::Tcp(Box::new(source)),
                Traffic::TcpSink(TcpSink::new(sink)),
            )
        }
        FlowKind::TcpOnOff(config, sink) => {
            let source = OnOff::new(config, from, to, seed, &label);
            (
                Traffic::OnOff(Box::new(source)),
                Traffic::TcpSink(TcpSink::new(sink)),
            )
        }
        FlowKind::Media(_) => {
            let message =
                "media flows belong to `duet simulate rfc8867`; here, clients that call send media";
            return fail(message.to_owned());
        }
    };
    let ports = port..=port + (PORTS - 1);
    let source_site = network.host_mut(NodeId(flow.from));
    source_site.traffic.insert(ports.clone(), source);
    let sink_site = network.host_mut(NodeId(flow.to));
    sink_site.traffic.insert(ports, sink);
    Ok(())
}

fn udp() -> Traffic {
    Traffic::UdpSink(UdpSink::new())
}
