//! A case's network: routers in a row, the links between them, and who stands where.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use duet_protocol::media::ControllerFactory;
use duet_quic::{ClientSettings, Driver, Identity, ServerSettings, Simulation, Trust};
use duet_sim::link::{
    CoDel, Discipline, Jitter, Limit, LinkConfig, Loss, Policer, QueueConfig, Rate, RateStep,
};
use duet_sim::net::{Network, address_of};
use duet_sim::traffic::{
    Cbr, CbrConfig, OnOff, OnOffConfig, TcpConfig, TcpSender, TcpSink, TcpSinkConfig, Traffic,
    UdpSink,
};
use duet_sim::{NodeId, Probability, Stream, Time};

use super::cases::{Bottleneck, Fault, Mechanism, MediaFlow, PHYSICAL, Run, Tcp};
use super::controllers::{Allowance, Entry, Governor, QuicGoverned};
use super::flow::{End, Sender};
use super::host::{Endpoint, FlowHost};
use super::model::Model;
use super::source::Source;

/// Routers are called by letters.
const ROUTERS: [&str; 4] = ["A", "B", "C", "D"];

/// The port of every end.
const PORT: u16 = 4433;

/// The name that certificates bear.
const NAME: &str = "duet.test";

/// A network, and where to find what in it.
pub struct Built {
    /// The network, routes found.
    pub network: Network<Endpoint>,
    /// Each media flow's sender and receiver.
    pub flows: Vec<(NodeId, NodeId)>,
    /// TCP's senders and sinks.
    pub tcp: Vec<(NodeId, NodeId)>,
    /// The links with a limit: their names, whether they lead forward, and which of the run's they are.
    pub narrow: Vec<(String, bool, usize)>,
}

/// Why a network cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(String);

struct Builder<'a> {
    run: &'a Run,
    entry: &'a Entry,
    seed: u64,
    network: Network<Endpoint>,
    routers: Vec<NodeId>,
    /// The node that is added next.
    next: NodeId,
    /// What every driver's clock counts from; any instant does.
    epoch: std::time::Instant,
    seeds: Stream,
}

/// Builds the network of a run, with one controller everywhere.
///
/// # Errors
///
/// [`BuildError`]: no certificate is to be had.
pub fn build(run: &Run, entry: &Entry, seed: u64) -> Result<Built, BuildError> {
    let mut builder = Builder {
        run,
        entry,
        seed,
        network: Network::new(seed),
        routers: Vec::new(),
        next: NodeId(0),
        epoch: std::time::Instant::now(),
        seeds: Stream::new(seed, "hosts"),
    };
    let narrow = builder.chain();
    let flows = run.flows.iter();
    let flows: Result<Vec<_>, BuildError> = flows.map(|flow| builder.flow(flow)).collect();
    let flows = flows?;
    let tcp = builder.tcp();
    let mut network = builder.network;
    network.reroute();
    Ok(Built {
        network,
        flows,
        tcp,
        narrow,
    })
}

impl Builder<'_> {
    /// The routers, the links between them, and the CBR traffic that takes a part of these.
    fn chain(&mut self) -> Vec<(String, bool, usize)> {
        let names = &ROUTERS[..=self.run.forward.len()];
        self.routers = names
            .iter()
            .map(|name| self.network.add_router(name))
            .collect();
        self.next = NodeId(self.routers.len());
        let mut narrow = Vec::new();
        let links = self.run.forward.iter().zip(&self.run.backward).enumerate();
        for (index, (forward, backward)) in links {
            for (plan, ahead) in [(forward, true), (backward, false)] {
                let (mut from, mut to) = (index, index + 1);
                if !ahead {
                    (from, to) = (to, from);
                }
                let (a, b) = (self.routers[from], self.routers[to]);
                self.network.connect(a, b, link(plan));
                let name = format!("{}>{}", names[from], names[to]);
                if !plan.capacity.is_empty() {
                    if plan.mechanism == Mechanism::Cbr {
                        self.fill(&name, plan, (a, b));
                    }
                    narrow.push((name, ahead, index));
                }
            }
        }
        narrow
    }

    /// Constant bit rate UDP over a link: what its physical rate has beyond the capacity for media.
    fn fill(&mut self, name: &str, plan: &Bottleneck, (from, to): (NodeId, NodeId)) {
        let sink = Traffic::from(UdpSink::new());
        let sink = self.stand(&format!("{name} cbr sink"), to, Duration::ZERO, sink);
        let rates = plan.capacity.iter();
        let rates = rates.map(|(at, rate)| (second(*at), Rate::new((PHYSICAL - rate) * 1_000)));
        let config = CbrConfig {
            rates: rates.collect(),
            ..CbrConfig::default()
        };
        let source = Traffic::from(Cbr::new(config, address(self.next), address(sink)));
        self.stand(&format!("{name} cbr"), from, Duration::ZERO, source);
    }

    /// Adds an end of other traffic beside a router.
    fn stand(&mut self, name: &str, at: NodeId, access: Duration, traffic: Traffic) -> NodeId {
        self.attach(name, at, access, Endpoint::Traffic(Box::new(traffic)))
    }

    fn attach(&mut self, name: &str, at: NodeId, access: Duration, endpoint: Endpoint) -> NodeId {
        let link = LinkConfig {
            delay: access,
            ..LinkConfig::default()
        };
        let node = self.network.add_host(name, endpoint);
        self.next = NodeId(node.0 + 1);
        self.network.connect(node, at, link.clone());
        self.network.connect(at, node, link);
        node
    }

    fn flow(&mut self, flow: &MediaFlow) -> Result<(NodeId, NodeId), BuildError> {
        let failed = |error: &dyn std::fmt::Display| BuildError(error.to_string());
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
        let host = FlowHost::new(driver.map_err(|e| failed(&e))?, None, ect);
        let name = flow.name.replace('S', "R");
        let endpoint = Endpoint::Flow(Box::new(host));
        let receiver = self.attach(&name, self.routers[flow.to], Duration::ZERO, endpoint);

        let schedule = flow.on.iter().map(|on| (second(on.0), second(on.1)));
        let schedule = schedule.collect();
        let (model, video) = (Model::default(), self.run.video);
        let source = Source::new(model, video, self.seed, &flow.name, schedule);
        let (factory, allowance) = self.controller();
        let settings = ClientSettings {
            server: address(receiver),
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
        let host = FlowHost::new(driver, allowance, ect);
        let at = self.routers[flow.from];
        let endpoint = Endpoint::Flow(Box::new(host));
        let sender = self.attach(&flow.name, at, flow.access, endpoint);
        Ok((sender, receiver))
    }

    /// The controller of one hop, and through what it learns of QUIC.
    fn controller(&self) -> (ControllerFactory, Option<Arc<Allowance>>) {
        match &self.entry.governor {
            Governor::Media(factory) => (factory.clone(), None),
            Governor::Quic(_) => {
                let allowance = Arc::new(Allowance::default());
                let told = allowance.clone();
                let factory = Arc::new(move || Box::new(QuicGoverned(told.clone())) as _);
                (factory, Some(allowance))
            }
        }
    }

    fn tcp(&mut self) -> Vec<(NodeId, NodeId)> {
        let count = match self.run.tcp {
            None => 0,
            Some(Tcp::Long) => 1,
            Some(Tcp::OnOff) => 10,
        };
        let (first, last) = (self.routers[0], self.routers[self.routers.len() - 1]);
        (0..count)
            .map(|index| {
                let sink = TcpSink::new(TcpSinkConfig::default());
                let name = format!("TR{}", index + 1);
                let sink = self.stand(&name, last, Duration::ZERO, sink.into());
                let (own, to) = (address(self.next), address(sink));
                let name = format!("T{}", index + 1);
                let sender: Traffic = match self.run.tcp {
                    Some(Tcp::OnOff) => {
                        let config = OnOffConfig {
                            starts_on: index < 2,
                            ..OnOffConfig::default()
                        };
                        OnOff::new(config, own, to, self.seed, &name).into()
                    }
                    _ => TcpSender::new(TcpConfig::default(), own, to).into(),
                };
                (self.stand(&name, first, Duration::ZERO, sender), sink)
            })
            .collect()
    }
}

fn second(at: u32) -> Time {
    Time::from_millis(u64::from(at) * 1_000)
}

fn address(node: NodeId) -> SocketAddr {
    SocketAddr::new(address_of(node), PORT)
}

/// A bottleneck as the simulator has it.
fn link(plan: &Bottleneck) -> LinkConfig {
    let mut config = LinkConfig {
        delay: plan.delay,
        ..LinkConfig::default()
    };
    if plan.jitter {
        config.jitter = Jitter::rfc8868();
    }
    let rate = |kilobits: u64| Rate::new(kilobits * 1_000);
    let policed = match plan.fault {
        Some(Fault::Policer(burst)) => Some(burst),
        Some(Fault::Loss(ppm)) => {
            config.air_loss = Loss::Independent(Probability::from_ppm(ppm));
            None
        }
        None => None,
    };
    let Some((_, first)) = plan.capacity.first() else {
        return config;
    };
    if let Some((burst, rate)) = policed.zip(rate(*first)) {
        config.policer = Some(Policer { rate, burst });
        return config;
    }
    match plan.mechanism {
        Mechanism::Rate => {
            config.rate = rate(*first);
            let later = plan.capacity.iter().skip(1);
            let steps = later.map(|(at, kilobits)| RateStep {
                at: second(*at),
                rate: rate(*kilobits),
            });
            config.rates = steps.collect();
        }
        Mechanism::Cbr => config.rate = rate(PHYSICAL),
    }
    let discipline = match plan.ecn {
        true => Discipline::CoDel(CoDel::default()),
        false => Discipline::DropTail,
    };
    config.queue = QueueConfig {
        limit: Limit::Bytes(plan.queue),
        discipline,
    };
    config
}
