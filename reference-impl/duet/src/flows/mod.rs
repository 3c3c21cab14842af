//! A scenario's flows: cross traffic, and media under congestion controllers, between hosts of the simulated network.
//!
//! | to look for | look in |
//! |---|---|
//! | the keys of a media flow; how its ends are made | [`media`] |
//! | who decides how much it sends | [`controllers`], `gcc` |
//! | the synthetic encoder, pictures as recorded; packets of video and audio | [`model`], [`trace`], [`source`] |
//! | the two ends behind QUIC's driver, and how they stand at an address | [`peers`], [`host`] |
//! | what it leaves behind | [`record`] |

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use duet_quic::Simulation;
use duet_sim::net::{Datagram, Host, address_of};
use duet_sim::traffic::{Cbr, OnOff, Poisson, TcpSender, TcpSink, Traffic, UdpSink};
use duet_sim::{FlowKind, FlowSpec, NodeId, Scenario, ScenarioError, Time};

use controllers::Entry;
use host::FlowHost;
use media::MediaKeys;
use model::Video;

pub mod controllers;
#[cfg(feature = "gcc")]
pub mod gcc;
pub mod host;
pub mod media;
pub mod model;
pub mod peers;
pub mod record;
pub mod source;
pub mod trace;

/// The first port of the first flow; each has [`PORTS`] of its own, on both sides.
const FIRST_PORT: u16 = 10_000;

/// Ports of one flow: sources with connections one after the other go through them, and round again.
const PORTS: u16 = 256;

/// Most flows of a scenario.
const MAX_FLOWS: usize = (u16::MAX - FIRST_PORT) as usize / PORTS as usize;

/// The first port of the flow with this place among the scenario's.
pub fn port(number: usize) -> u16 {
    FIRST_PORT + number as u16 * PORTS
}

/// How flows are made, whatever the scenario says.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The run's seed.
    pub seed: u64,
    /// How QUIC endpoints depart from shipped ones.
    pub simulation: Simulation,
    /// Every media flow's controller, in place of its own.
    pub controller: Option<&'a Entry>,
    /// Where the sizes of pictures come from.
    pub video: Video,
    /// Whether all media asks for marks, if its controller heeds them.
    pub ecn: bool,
}

impl Setting<'_> {
    /// As the scenario says.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            simulation: Simulation::new(),
            controller: None,
            video: Video::default(),
            ecn: false,
        }
    }
}

/// Why a flow cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The scenario says of it what cannot be.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A QUIC endpoint cannot be made.
    #[error("{0}")]
    Setup(String),
}

/// One end of a flow.
pub enum FlowEnd {
    /// Of cross traffic.
    Traffic(Box<Traffic>),
    /// Of media.
    Media(Box<FlowHost>),
}

impl FlowEnd {
    /// That of cross traffic, if it is one.
    pub fn traffic(&self) -> Option<&Traffic> {
        match self {
            Self::Traffic(end) => Some(end),
            Self::Media(_) => None,
        }
    }

    /// That of media, if it is one.
    pub fn media(&self) -> Option<&FlowHost> {
        match self {
            Self::Traffic(_) => None,
            Self::Media(end) => Some(end),
        }
    }

    fn host(&self) -> &dyn Host {
        match self {
            Self::Traffic(host) => &**host,
            Self::Media(host) => &**host,
        }
    }

    fn host_mut(&mut self) -> &mut dyn Host {
        match self {
            Self::Traffic(host) => &mut **host,
            Self::Media(host) => &mut **host,
        }
    }
}

impl Host for FlowEnd {
    fn deadline(&self) -> Option<Time> {
        self.host().deadline()
    }

    fn wake(&mut self, now: Time) {
        self.host_mut().wake(now);
    }

    fn receive(&mut self, now: Time, datagram: Datagram) {
        self.host_mut().receive(now, datagram);
    }

    fn transmit(&mut self, now: Time) -> Option<Datagram> {
        self.host_mut().transmit(now)
    }
}

/// A flow's ends, and the ports that they have at their nodes.
pub struct Ends {
    /// The node that it begins at.
    pub source: (NodeId, FlowEnd),
    /// The node that it leads to.
    pub sink: (NodeId, FlowEnd),
    /// The same at both.
    pub ports: RangeInclusive<u16>,
}

/// Whether a scenario's flows can be made.
///
/// # Errors
///
/// [`ScenarioError`] points at what cannot be.
pub fn check(scenario: &Scenario) -> Result<(), ScenarioError> {
    for (number, flow) in scenario.flows.iter().enumerate() {
        let fail = |message: String| Err(scenario.error_in(flow.place, &["kind"], message, None));
        if number >= MAX_FLOWS {
            return fail(format!("more than {MAX_FLOWS} flows"));
        }
        match &flow.kind {
            FlowKind::TcpOnOff(config, _) if config.connections_per_burst > PORTS => {
                return fail(format!("more than {PORTS} connections in a burst"));
            }
            FlowKind::Media(_) => drop(MediaKeys::of(scenario, flow)?),
            _ => {}
        }
    }
    Ok(())
}

/// The ends of every flow of a scenario, in order.
///
/// # Errors
///
/// [`FlowError`]: what [`check`] points at, or no certificate is to be had.
pub fn ends(scenario: &Scenario, setting: &Setting<'_>) -> Result<Vec<Ends>, FlowError> {
    check(scenario)?;
    let flows = scenario.flows.iter().enumerate();
    let ends = flows.map(|(number, flow)| {
        let port = port(number);
        let [source, sink] = pair(scenario, flow, port, setting)?;
        Ok(Ends {
            source: (NodeId(flow.from), source),
            sink: (NodeId(flow.to), sink),
            ports: port..=port + (PORTS - 1),
        })
    });
    ends.collect()
}

/// A flow's source and sink.
fn pair(
    scenario: &Scenario,
    flow: &FlowSpec,
    port: u16,
    setting: &Setting<'_>,
) -> Result<[FlowEnd; 2], FlowError> {
    let from = SocketAddr::new(address_of(NodeId(flow.from)), port);
    let to = SocketAddr::new(address_of(NodeId(flow.to)), port);
    let (seed, label) = (setting.seed, format!("flow/{}", flow.name));
    let udp = Traffic::UdpSink(UdpSink::new());
    let traffic = match flow.timed() {
        FlowKind::Media(_) => {
            let hosts = media::hosts(scenario, flow, port, setting)?;
            return Ok(hosts.map(|host| FlowEnd::Media(Box::new(host))));
        }
        FlowKind::Cbr(config) => [Traffic::Cbr(Cbr::new(config, from, to)), udp],
        FlowKind::Poisson(config) => {
            let source = Poisson::new(config, from, to, seed, &label);
            [Traffic::Poisson(source), udp]
        }
        FlowKind::Tcp(config, sink) => {
            let source = TcpSender::new(config, from, to);
            let sink = Traffic::TcpSink(TcpSink::new(sink));
            [Traffic::Tcp(Box::new(source)), sink]
        }
        FlowKind::TcpOnOff(config, sink) => {
            let source = OnOff::new(config, from, to, seed, &label).through(PORTS);
            let sink = Traffic::TcpSink(TcpSink::new(sink));
            [Traffic::OnOff(Box::new(source)), sink]
        }
    };
    Ok(traffic.map(|end| FlowEnd::Traffic(Box::new(end))))
}
