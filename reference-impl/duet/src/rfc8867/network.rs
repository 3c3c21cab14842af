//! A run's network: the scenario's, with real media ends at its hosts and models of other traffic.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use duet_protocol::media::ControllerFactory;
use duet_quic::{ClientSettings, Driver, Identity, ServerSettings, Simulation, Trust};
use duet_sim::net::{Network, Ports, address_of};
use duet_sim::{FlowKind, NodeId, ScenarioError, Stream, Time};

use super::controllers::{Allowance, Entry, Governor, QuicGoverned};
use super::flow::{End, Sender};
use super::host::{Endpoint, FlowHost};
use super::model::Model;
use super::plan::{MediaFlow, Run};
use super::source::Source;
use crate::simulate::flows::{Ends, ends};

/// The port of every end of a media flow.
const PORT: u16 = 4433;

/// The name that certificates bear.
const NAME: &str = "duet.test";

/// A network, and where to find what in it.
pub struct Built {
    /// The network, routes found.
    pub network: Network<Endpoint>,
    /// Each media flow's sender and receiver.
    pub flows: Vec<(NodeId, NodeId)>,
    /// The ends of TCP flows: senders and sinks, each a node and a port there.
    pub tcp: Vec<[(NodeId, u16); 2]>,
}

/// Why a network cannot be built, or a run is worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The scenario has a flow that cannot be.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A QUIC endpoint cannot be made.
    #[error("{0}")]
    Quic(String),
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
/// [`BuildError`]: no certificate is to be had, or a flow of the scenario cannot be.
pub fn build(run: &Run, entry: &Entry, seed: u64) -> Result<Built, BuildError> {
    let mut endpoints = BTreeMap::new();
    let tcp = traffic(run, seed, &mut endpoints)?;
    let mut media = Media {
        run,
        entry,
        seed,
        epoch: std::time::Instant::now(),
        seeds: Stream::new(seed, "hosts"),
    };
    for flow in &run.flows {
        let [sender, receiver] = media.flow(flow)?;
        endpoints.insert(flow.ends.0, sender);
        endpoints.insert(flow.ends.1, receiver);
    }
    // A host without a flow is there all the same.
    let idle = || Endpoint::Traffic(Box::default());
    let network = Network::of(&run.scenario, seed, |node| {
        Ok::<_, BuildError>(endpoints.remove(&node).unwrap_or_else(idle))
    })?;
    let nodes = |flow: &MediaFlow| (NodeId(flow.ends.0), NodeId(flow.ends.1));
    Ok(Built {
        network,
        flows: run.flows.iter().map(nodes).collect(),
        tcp,
    })
}

/// Puts the ends of all other traffic to their nodes, and says where those of TCP are.
fn traffic(
    run: &Run,
    seed: u64,
    endpoints: &mut BTreeMap<usize, Endpoint>,
) -> Result<Vec<[(NodeId, u16); 2]>, BuildError> {
    let (mut sites, mut tcp) = (BTreeMap::<usize, Vec<_>>::new(), Vec::new());
    for (number, flow) in run.scenario.flows.iter().enumerate() {
        if let FlowKind::Media(_) = flow.kind {
            continue;
        }
        let Ends {
            source,
            sink,
            ports,
        } = ends(&run.scenario, flow, number, seed)?;
        if let FlowKind::Tcp(..) | FlowKind::TcpOnOff(..) = flow.kind {
            tcp.push([(source.0, *ports.start()), (sink.0, *ports.start())]);
        }
        for (node, end) in [source, sink] {
            sites.entry(node.0).or_default().push((ports.clone(), end));
        }
    }
    for (node, mut site) in sites {
        let mut hosts = Ports::new();
        if let [(ports, _)] = site.as_mut_slice() {
            // Who is alone has all ports: short connections take a new one each.
            *ports = 0..=u16::MAX;
        }
        for (ports, end) in site {
            hosts.insert(ports, end);
        }
        endpoints.insert(node, Endpoint::Traffic(Box::new(hosts)));
    }
    Ok(tcp)
}

/// Makes the ends of media flows.
struct Media<'a> {
    run: &'a Run,
    entry: &'a Entry,
    seed: u64,
    /// What every driver's clock counts from; any instant does.
    epoch: std::time::Instant,
    seeds: Stream,
}

impl Media<'_> {
    /// A flow's sender and receiver.
    fn flow(&mut self, flow: &MediaFlow) -> Result<[Endpoint; 2], BuildError> {
        let failed = |error: &dyn std::fmt::Display| BuildError::Quic(error.to_string());
        let ect = self.run.ecn && self.entry.ecn;
        let simulation = Simulation::new();
        let identity = Identity::ed25519(self.seeds.bytes32(), &[NAME]).map_err(|e| failed(&e))?;
        let trust = Trust::Fingerprint(identity.fingerprint());
        let driver = Driver::simulated_server(
            simulation.clone(),
            ServerSettings::new(identity),
            End::Receiver(Box::default()),
            self.seeds.bytes32(),
            self.epoch,
        );
        let receiver = FlowHost::new(driver.map_err(|e| failed(&e))?, None, ect);

        let schedule = flow.on.iter().map(|on| (second(on.0), second(on.1)));
        let schedule = schedule.collect();
        let (model, video) = (Model::default(), self.run.video);
        let source = Source::new(model, video, self.seed, &flow.name, schedule);
        let (factory, allowance) = self.controller(flow.priority);
        let settings = ClientSettings {
            server: SocketAddr::new(address_of(NodeId(flow.ends.1)), PORT),
            server_name: NAME.into(),
            trust,
        };
        let mut driver = Driver::simulated_client(
            simulation,
            None,
            settings,
            End::Sender(Box::new(Sender::new(source, factory))),
            self.seeds.bytes32(),
            self.epoch,
        )
        .map_err(|e| failed(&e))?;
        if let Governor::Quic(control) = self.entry.governor {
            driver.media_control(control);
        }
        let sender = FlowHost::new(driver, allowance, ect);
        Ok([sender, receiver].map(|host| Endpoint::Flow(Box::new(host))))
    }

    /// The controller of one hop, and through what it learns of QUIC.
    fn controller(&self, weight: u32) -> (ControllerFactory, Option<Arc<Allowance>>) {
        match &self.entry.governor {
            Governor::Media(factory) => (factory(weight), None),
            Governor::Quic(_) => {
                let allowance = Arc::new(Allowance::default());
                let told = allowance.clone();
                let factory = Arc::new(move || Box::new(QuicGoverned(told.clone())) as _);
                (factory, Some(allowance))
            }
        }
    }
}

fn second(at: u32) -> Time {
    Time::from_millis(u64::from(at) * 1_000)
}
