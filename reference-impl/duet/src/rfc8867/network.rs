//! A run's network: the scenario's, with the ends of its flows at its hosts.

use std::convert::Infallible;

use duet_sim::net::{Network, Ports};
use duet_sim::{FlowKind, NodeId};

use super::plan::Run;
use crate::flows::controllers::Entry;
use crate::flows::{FlowEnd, FlowError, Setting, ends};

/// Where an end of a flow is: its node, and its port there.
pub type Site = (NodeId, u16);

/// A network, and where to find what in it.
pub struct Built {
    /// The network, routes found.
    pub network: Network<Ports<FlowEnd>>,
    /// Each media flow's sender and receiver.
    pub flows: Vec<[Site; 2]>,
    /// Each TCP flow's sender and sink.
    pub tcp: Vec<[Site; 2]>,
}

/// Why a network cannot be built, or a run is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A flow cannot be made.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The run's event log says what cannot have happened.
    #[error("{run}: {what}")]
    Impossible {
        /// Which run.
        run: String,
        /// What it says, and what to do.
        what: String,
    },
}

/// Builds the network of a run, with one controller everywhere.
///
/// # Errors
///
/// [`BuildError::Flow`].
pub fn build(run: &Run, entry: &Entry, seed: u64) -> Result<Built, BuildError> {
    let setting = Setting {
        controller: Some(entry),
        video: run.video,
        ecn: run.ecn,
        ..Setting::new(seed)
    };
    let host = |_| Ok::<_, Infallible>(Ports::new());
    let Ok(network) = Network::of(&run.scenario, seed, host);
    let mut built = Built {
        network,
        flows: Vec::new(),
        tcp: Vec::new(),
    };
    for (flow, ends) in run
        .scenario
        .flows
        .iter()
        .zip(ends(&run.scenario, &setting)?)
    {
        let sites = [&ends.source, &ends.sink].map(|(node, _)| (*node, *ends.ports.start()));
        match flow.kind {
            FlowKind::Media(_) => built.flows.push(sites),
            FlowKind::Tcp(..) | FlowKind::TcpOnOff(..) => built.tcp.push(sites),
            _ => {}
        }
        for (node, end) in [ends.source, ends.sink] {
            built.network.host_mut(node).insert(ends.ports.clone(), end);
        }
    }
    Ok(built)
}
