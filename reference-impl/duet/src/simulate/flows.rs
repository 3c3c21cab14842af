//! Cross traffic: what a scenario's flows say, as sources and sinks.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use duet_sim::net::address_of;
use duet_sim::traffic::{Cbr, OnOff, Poisson, TcpSender, TcpSink, Traffic, UdpSink};
use duet_sim::{FlowKind, FlowSpec, NodeId, Scenario, ScenarioError};

/// The first port of the first flow; each has [`PORTS`] of its own, on both sides.
const FIRST_PORT: u16 = 10_000;

/// Ports of one flow: sources with connections one after the other go through them, and round again.
const PORTS: u16 = 256;

/// Most flows of a scenario.
const MAX_FLOWS: usize = (u16::MAX - FIRST_PORT) as usize / PORTS as usize;

/// The first port of the flow with this place among the scenario's.
pub(super) fn port(number: usize) -> u16 {
    FIRST_PORT + number as u16 * PORTS
}

/// A flow's ends, and the ports that they have at their nodes.
pub(crate) struct Ends {
    pub(crate) source: (NodeId, Traffic),
    pub(crate) sink: (NodeId, Traffic),
    pub(crate) ports: RangeInclusive<u16>,
}

/// A flow's source and sink; `number` is its place among the scenario's.
pub(crate) fn ends(
    scenario: &Scenario,
    flow: &FlowSpec,
    number: usize,
    seed: u64,
) -> Result<Ends, ScenarioError> {
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
            if config.connections_per_burst > PORTS {
                return fail(format!("more than {PORTS} connections in a burst"));
            }
            let source = OnOff::new(config, from, to, seed, &label).through(PORTS);
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
    Ok(Ends {
        source: (NodeId(flow.from), source),
        sink: (NodeId(flow.to), sink),
        ports: port..=port + (PORTS - 1),
    })
}

fn udp() -> Traffic {
    Traffic::UdpSink(UdpSink::new())
}
