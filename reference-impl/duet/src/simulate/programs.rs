//! The programs on the nodes: what each is made of, and what becomes of it when it is killed and started again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use duet_protocol::client::{self, Client};
use duet_protocol::message::service::Permissions;
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::service::{self, LinkConfig, ServiceToken};
use duet_protocol::time::Instant;
use duet_quic::{
    ClientSettings, Driver, Identity, Inside, SERVICE_PORT, Secrets, ServerSettings, ServiceDoor,
    SimEndpoint, Simulation, Trust, address_of,
};
use duet_sim::net::{Network, ProgramFault};
use duet_sim::{
    FaultKind, NodeId, NodeSpec, Role as NodeRole, Scenario, ScenarioError, Stream, Time,
};

use super::actor::{Actor, Witness, guest};
use super::host::{ClientHost, PORT, Program, ServerHost, ServiceHost, Site};
use super::plan::Plan;
use super::{MediaMode, Options, SimulateError};
use crate::accounts::Accounts;
use crate::party::{Party, Record, Role};
use crate::script::Op;
use crate::service::Service;
use crate::studio::synthetic::SyntheticStudio;
use crate::studio::{Format, Studio};
use crate::trace::Tracer;

/// What a service shows to the server.
const SERVICE_TOKEN: &[u8] = b"the token of simulated services";

/// The name in the server's certificate.
const SERVER_NAME: &str = "duet.test";

/// Bytes of one client's messages that are kept for a capture.
const MOST_INSIDE: usize = 64 << 20;

/// Makes programs.
pub(super) struct Programs<'a> {
    scenario: &'a Scenario,
    plan: &'a Plan,
    options: &'a Options<'a>,
    /// The server's node, if there is one.
    pub(super) server: Option<usize>,
    key: [u8; 32],
    trust: Trust,
    epoch: std::time::Instant,
    /// Users and their lists: what services know.
    business: Rc<Service>,
    /// How often each node's program was started.
    starts: BTreeMap<usize, u32>,
    /// By node.
    pub(super) tracers: BTreeMap<usize, Tracer>,
    pub(super) witness: Rc<RefCell<Witness>>,
    pub(super) secrets: Secrets,
    /// What clients say and hear, if it is kept for a capture.
    pub(super) inside: Vec<Inside>,
}

impl<'a> Programs<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        plan: &'a Plan,
        options: &'a Options<'a>,
        witness: Rc<RefCell<Witness>>,
    ) -> Result<Self, SimulateError> {
        let server = server_of(scenario)?;
        let key = Stream::new(options.seed, "certificate").bytes32();
        let identity = Identity::ed25519(key, &[SERVER_NAME]).map_err(setup)?;
        Ok(Self {
            scenario,
            plan,
            options,
            server,
            key,
            trust: Trust::Fingerprint(identity.fingerprint()),
            // Any instant will do: drivers only add to it.
            epoch: std::time::Instant::now(),
            business: Rc::new(Service::new(Accounts::default(), true)),
            starts: BTreeMap::new(),
            tracers: BTreeMap::new(),
            witness,
            secrets: Secrets::default(),
            inside: Vec::new(),
        })
    }

    /// Starts what runs on a node. `agenda` is what an application has left to do, if it is not the first.
    pub(super) fn start(
        &mut self,
        node: usize,
        agenda: Option<Vec<(Time, Op)>>,
    ) -> Result<Program, SimulateError> {
        let starts = self.starts.entry(node).or_default();
        *starts += 1;
        let label = match starts {
            1 => format!("node/{}", self.scenario.nodes[node].name),
            again => format!("node/{}/{again}", self.scenario.nodes[node].name),
        };
        let mut seeds = Stream::new(self.options.seed, &label);
        match self.scenario.nodes[node].role {
            NodeRole::Server => self.server(node, &mut seeds),
            NodeRole::Client => self.client(node, &mut seeds, agenda),
            NodeRole::Service => self.service(node, &mut seeds),
            _ => Ok(Program::None),
        }
    }

    /// Kills what runs on a node, or starts it again.
    pub(super) fn apply(
        &mut self,
        network: &mut Network<Site>,
        fault: ProgramFault,
    ) -> Result<(), SimulateError> {
        let now = network.world().now();
        let (ProgramFault::Crash(node) | ProgramFault::Restart(node)) = fault;
        let name = self.scenario.nodes[node.0].name.clone();
        match fault {
            ProgramFault::Crash(_) => {
                network.world_mut().note(&format!("{name} is killed"));
                let program = &mut network.host_mut(node).program;
                let agenda = match program {
                    Program::Client(host) => {
                        host.actor.die(now);
                        host.actor.take_agenda()
                    }
                    _ => Vec::new(),
                };
                let records = finish(program);
                *program = Program::Killed(records, agenda);
            }
            ProgramFault::Restart(_) => {
                network
                    .world_mut()
                    .note(&format!("{name} is started again"));
                let (records, mut agenda) = match &mut network.host_mut(node).program {
                    Program::Killed(records, agenda) => {
                        (core::mem::take(records), core::mem::take(agenda))
                    }
                    // It runs.
                    _ => return Ok(()),
                };
                // What was due while nothing ran is not done.
                agenda.retain(|(at, _)| *at >= now);
                agenda.insert(0, (now, Op::LogIn));
                let mut program = self.start(node.0, Some(agenda))?;
                if let Program::Client(host) = &mut program {
                    host.actor.records = records;
                }
                network.host_mut(node).program = program;
            }
        }
        Ok(())
    }

    fn tracer(&mut self, node: usize, kind: &str) -> Option<Tracer> {
        if !self.options.traces {
            return None;
        }
        let scenario = self.scenario;
        let name = &scenario.nodes[node].name;
        let seed = Some(self.options.seed);
        let tracer = self
            .tracers
            .entry(node)
            .or_insert_with(|| Tracer::new(&scenario.name, name, kind, true, seed));
        Some(tracer.clone())
    }

    /// Where programs find the server; without one there are no programs.
    fn server_address(&self) -> SocketAddr {
        address_of(NodeId(self.server.unwrap_or_default()))
    }

    pub(super) fn simulation(&self) -> Simulation {
        let mut simulation = Simulation::new();
        if self.options.capture {
            simulation = simulation.keep_secrets(&self.secrets);
        }
        #[cfg(feature = "deterministic")]
        if self.options.deterministic_bytes {
            simulation = simulation.deterministic_bytes();
        }
        simulation
    }

    fn server(&mut self, node: usize, seeds: &mut Stream) -> Result<Program, SimulateError> {
        let mut config = server::Config::default();
        config.media.repair = self.plan.repair;
        let mut nodes = self.scenario.nodes.iter();
        let serviced = nodes.any(|node| node.role == NodeRole::Service);
        // Then the services decide, and only they.
        config.link = serviced.then(|| LinkConfig {
            tokens: vec![ServiceToken::new(SERVICE_TOKEN, Permissions::ALL)],
            asks: Permissions::ALL,
        });
        let core = Server::new(Arc::new(config), Seed(seeds.bytes32()), Instant::EPOCH);
        #[cfg(feature = "planted")]
        let core = super::planted::Planted::new(core, self.options.planted);
        let identity = Identity::ed25519(self.key, &[SERVER_NAME]).map_err(setup)?;
        let settings = ServerSettings {
            services: serviced.then(ServiceDoor::default),
            ..ServerSettings::new(identity)
        };
        let simulation = self.simulation();
        let mut driver =
            Driver::simulated_server(simulation, settings, core, seeds.bytes32(), self.epoch)
                .map_err(setup)?;
        driver.wall_clock(Instant::EPOCH, 0);
        if let Some(tracer) = self.tracer(node, "server") {
            driver.observe(Box::new(tracer));
        }
        Ok(Program::Server(Box::new(ServerHost {
            endpoint: SimEndpoint::new(driver),
            service: self.business.clone(),
        })))
    }

    fn service(&mut self, node: usize, seeds: &mut Stream) -> Result<Program, SimulateError> {
        let config = service::client::Config::new(&*self.scenario.nodes[node].name, SERVICE_TOKEN);
        let seed = Seed(seeds.bytes32());
        let core = service::client::Service::new(Arc::new(config), seed, Instant::EPOCH);
        let mut server = self.server_address();
        server.set_port(SERVICE_PORT);
        let settings = ClientSettings {
            server,
            server_name: SERVER_NAME.into(),
            trust: self.trust.clone(),
        };
        let simulation = self.simulation();
        let seed = seeds.bytes32();
        let mut driver =
            Driver::simulated_client(simulation, None, settings, core, seed, self.epoch)
                .map_err(setup)?;
        driver.wall_clock(Instant::EPOCH, 0);
        Ok(Program::Service(Box::new(ServiceHost {
            endpoint: SimEndpoint::new(driver),
            service: self.business.clone(),
            started: false,
        })))
    }

    fn client(
        &mut self,
        node: usize,
        seeds: &mut Stream,
        agenda: Option<Vec<(Time, Op)>>,
    ) -> Result<Program, SimulateError> {
        let name = &self.scenario.nodes[node].name;
        let number = self.plan.clients.iter().position(|client| *client == node);
        let number = number.unwrap_or_default();
        let mut config = client::Config {
            device: name.clone(),
            ..client::Config::default()
        };
        config.media.repair = self.plan.repair;
        let core = Client::new(Arc::new(config), Seed(seeds.bytes32()), Instant::EPOCH);
        let settings = ClientSettings {
            server: self.server_address(),
            server_name: SERVER_NAME.into(),
            trust: self.trust.clone(),
        };
        let simulation = self.simulation();
        let mut driver = Driver::simulated_client(
            simulation,
            None,
            settings,
            core,
            seeds.bytes32(),
            self.epoch,
        )
        .map_err(setup)?;
        driver.wall_clock(Instant::EPOCH, 0);
        let tracer = self.tracer(node, "client");
        let inside = self
            .options
            .capture
            .then(|| Inside::new(address_of(NodeId(node)), self.server_address(), MOST_INSIDE));
        self.inside.extend(inside.clone());
        match (tracer, inside) {
            (Some(tracer), Some(inside)) => driver.observe(Box::new((tracer, inside))),
            (Some(tracer), None) => driver.observe(Box::new(tracer)),
            (None, Some(inside)) => driver.observe(Box::new(inside)),
            (None, None) => {}
        }
        let format = self.plan.format(number);
        let callee = self.plan.pair.map(|(_, callee)| callee);
        let output = self.options.recording.filter(|_| callee == Some(number));
        let media = match self.plan.calls(number) {
            true => self.options.media,
            // Its devices stay off: nothing has to be made ready for them.
            false => MediaMode::Synthetic,
        };
        let studio = studio(media, &format, output)?;
        let party = Party::new(Role::Answerer, guest(name), format, studio);
        let first = agenda.is_none();
        let agenda = agenda.unwrap_or_else(|| self.plan.agendas[number].clone());
        let actor = Actor::new(number, party, agenda, self.witness.clone());
        let mut host = ClientHost {
            endpoint: SimEndpoint::new(driver),
            actor,
        };
        if first {
            let driver = &mut host.endpoint.driver;
            host.actor.advance(driver, Time::ZERO);
        }
        Ok(Program::Client(Box::new(host)))
    }
}

impl Site {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            traffic: duet_sim::net::Ports::new(),
            port: PORT,
        }
    }
}

/// The scenario's server; none where nobody needs one. Refuses what would not run.
pub(super) fn server_of(scenario: &Scenario) -> Result<Option<usize>, ScenarioError> {
    let nodes = scenario.nodes.iter().enumerate();
    let mut servers = nodes.filter(|(_, node)| node.role == NodeRole::Server);
    let fail = |message: &str| Err(scenario.error_at(&["node"], message, None));
    let served = |node: &NodeSpec| matches!(node.role, NodeRole::Client | NodeRole::Service);
    match (servers.next(), servers.next()) {
        (Some((server, _)), None) => Ok(Some(server)),
        (None, _) if scenario.nodes.iter().any(served) => {
            fail("clients and services need a node with role = \"server\"")
        }
        (None, _) if scenario.flows.is_empty() => {
            fail("nothing happens here: there is neither a node with role = \"server\" nor a flow")
        }
        (None, _) => Ok(None),
        (Some(_), Some(_)) => fail("a scenario has one server: servers do not talk to each other"),
    }
}

/// Refuses crashes where no program is.
pub(super) fn crashes(scenario: &Scenario) -> Result<(), ScenarioError> {
    for fault in &scenario.faults {
        let FaultKind::Crash { node, .. } = fault.kind else {
            continue;
        };
        let role = scenario.nodes[node].role;
        if let NodeRole::Host | NodeRole::Router | NodeRole::Nat | NodeRole::Firewall = role {
            let name = scenario.node_name(node);
            let message = format!("no program runs on `{name}`, which is a {role}");
            return Err(scenario.error_in(fault.place, &["node"], message, None));
        }
    }
    Ok(())
}

/// What a program has done, and done with.
pub(super) fn finish(program: &mut Program) -> Vec<Record> {
    match program {
        Program::Client(host) => host.actor.finish(),
        Program::Killed(records, _) => core::mem::take(records),
        Program::None | Program::Server(_) | Program::Service(_) => Vec::new(),
    }
}

fn setup(error: impl core::fmt::Display) -> SimulateError {
    SimulateError::Setup(error.to_string())
}

#[cfg(feature = "media")]
fn studio(
    media: MediaMode,
    format: &Format,
    output: Option<&Path>,
) -> Result<Box<dyn Studio>, SimulateError> {
    use crate::studio::gstreamer::{GstStudio, Options};
    match media {
        MediaMode::Synthetic => Ok(Box::new(SyntheticStudio::new(format.clone()))),
        MediaMode::Gstreamer => {
            let options = Options {
                input: None,
                output: output.map(Into::into),
                compare: true,
            };
            let studio = GstStudio::new(format.clone(), options);
            studio
                .map(|studio| Box::new(studio) as Box<dyn Studio>)
                .map_err(|error| SimulateError::Setup(error.to_string()))
        }
    }
}

#[cfg(not(feature = "media"))]
fn studio(
    media: MediaMode,
    format: &Format,
    _: Option<&Path>,
) -> Result<Box<dyn Studio>, SimulateError> {
    match media {
        MediaMode::Synthetic => Ok(Box::new(SyntheticStudio::new(format.clone()))),
        MediaMode::Gstreamer => Err(SimulateError::Setup(
            "this `duet` was built without GStreamer: build it with `--features media`, or say `--media synthetic`"
                .into(),
        )),
    }
}
