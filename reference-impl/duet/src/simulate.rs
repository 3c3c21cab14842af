//! A scenario in virtual time: the same cores, the same QUIC, the same pipelines as over sockets; only the loop around
//! them differs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duet_protocol::client::{self, Client, Credentials};
use duet_protocol::seed::Seed;
use duet_protocol::server::{self, Server};
use duet_protocol::time::Instant;
use duet_quic::{ClientSettings, Driver, Identity, ServerSettings, SimEndpoint, Trust, address_of};
use duet_sim::net::Datagram;
use duet_sim::units::{parse_duration, parse_rate};
use duet_sim::{Node, NodeId, Role as NodeRole, Scenario, ScenarioError, Stream, Time, World};

use crate::accounts::Accounts;
use crate::party::{Notice, Party, Record, Role};
use crate::report::traffic::packets;
use crate::report::{LinkReport, Report, Side, VERSION, arrows, timelines};
use crate::service::Service;
use crate::studio::synthetic::SyntheticStudio;
use crate::studio::{Format, Studio};
use crate::trace::Tracer;

/// Real codecs, or packets of their shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaMode {
    /// GStreamer.
    Gstreamer,
    /// Synthetic.
    Synthetic,
}

/// What a run gives.
pub struct Outcome {
    /// The report.
    pub report: Report,
    /// Every packet's fate, a line each.
    pub event_log: String,
    /// The traces: file name and content.
    pub traces: Vec<(String, Vec<u8>)>,
    /// What is left in the server at the end.
    pub census: server::Census,
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It says something that cannot be.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Media, or a certificate, is not to be had.
    #[error("{0}")]
    Setup(String),
}

/// The scenario's script and media, checked.
struct Plan {
    from: usize,
    to: usize,
    at: Instant,
    length: Option<Duration>,
    /// A process that is killed: whose, and when.
    kill: Option<(usize, Time)>,
    repair: bool,
    formats: [Format; 2],
}

const SCRIPT: &[&str] = &["call", "kill"];
const KILL: &[&str] = &["who", "at"];
const CALL: &[&str] = &["from", "to", "at", "length"];
const MEDIA: &[&str] = &["video", "audio", "repair"];
const VIDEO: &[&str] = &["codec", "width", "height", "frames_per_second", "bitrate"];
const AUDIO: &[&str] = &["codec", "sample_rate", "channels", "bitrate"];

/// Reads values of one table, each with an error that points at it.
struct Reader<'a> {
    scenario: &'a Scenario,
    table: &'a toml::Table,
    path: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn new(
        scenario: &'a Scenario,
        table: &'a toml::Table,
        path: Vec<&'a str>,
        known: &[&str],
    ) -> Result<Self, ScenarioError> {
        let this = Self {
            scenario,
            table,
            path,
        };
        match table.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => {
                let path: Vec<&str> = this.path.iter().copied().chain([key.as_str()]).collect();
                Err(scenario.error_at(&path, format!("unknown key `{key}`"), Some(known)))
            }
            None => Ok(this),
        }
    }

    fn fail(&self, key: &str, message: &str) -> ScenarioError {
        let path: Vec<&str> = self.path.iter().copied().chain([key]).collect();
        self.scenario.error_at(&path, message, None)
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, ScenarioError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fail(key, "this is a text, in quotes")),
        }
    }

    fn whole(&self, key: &str, default: u32) -> Result<u32, ScenarioError> {
        match self.table.get(key) {
            None => Ok(default),
            Some(toml::Value::Integer(number)) => u32::try_from(*number)
                .map_err(|_| self.fail(key, "this is a whole number, not below 0")),
            Some(_) => Err(self.fail(key, "this is a whole number")),
        }
    }

    fn unit<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, duet_sim::units::UnitError>,
    ) -> Result<Option<T>, ScenarioError> {
        match self.text(key)? {
            None => Ok(None),
            Some(text) => parse(text)
                .map(Some)
                .map_err(|error| self.fail(key, &error.to_string())),
        }
    }

    fn inner(&self, key: &'a str, known: &[&str]) -> Result<Option<Reader<'a>>, ScenarioError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::Table(table)) => {
                let path = self.path.iter().copied().chain([key]).collect();
                Ok(Some(Reader::new(self.scenario, table, path, known)?))
            }
            Some(_) => Err(self.fail(key, "this is a table: { key = value, … }")),
        }
    }
}

impl Plan {
    fn of(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let script = Reader::new(scenario, &scenario.script, vec!["script"], SCRIPT)?;
        let Some(call) = script.inner("call", CALL)? else {
            return Err(scenario.error_at(&["script"], "a script needs a `call`", None));
        };
        let party = |key| {
            let name = call.text(key)?.ok_or_else(|| call.fail(key, "who?"))?;
            let index = scenario
                .node(name)
                .ok_or_else(|| call.fail(key, "no node of that name"))?;
            match scenario.nodes[index].role {
                NodeRole::Client => Ok(index),
                _ => Err(call.fail(key, "only a client makes or answers calls")),
            }
        };
        let (from, to) = (party("from")?, party("to")?);
        if from == to {
            return Err(call.fail("to", "nobody calls himself"));
        }
        let at = call.unit("at", parse_duration)?.unwrap_or_default();
        let length = call.unit("length", parse_duration)?;
        let kill = match script.inner("kill", KILL)? {
            None => None,
            Some(kill) => {
                let who = kill.text("who")?.and_then(|name| scenario.node(name));
                let who = who.ok_or_else(|| kill.fail("who", "the name of a node"))?;
                let at = kill.unit("at", parse_duration)?;
                let at = at.ok_or_else(|| kill.fail("at", "when?"))?;
                Some((who, Time::ZERO.after(at)))
            }
        };
        let media = Reader::new(scenario, &scenario.media, vec!["media"], MEDIA)?;
        let repair = match scenario.media.get("repair") {
            None => true,
            Some(toml::Value::Boolean(repair)) => *repair,
            Some(_) => return Err(media.fail("repair", "this is true or false")),
        };
        let mut format = Format::new(0);
        if let Some(video) = media.inner("video", VIDEO)? {
            if video.text("codec")?.is_some_and(|codec| codec != "h264") {
                return Err(video.fail("codec", "the codec of video is \"h264\""));
            }
            format.video.width = video.whole("width", format.video.width)?;
            format.video.height = video.whole("height", format.video.height)?;
            format.video.fps = video.whole("frames_per_second", format.video.fps)?;
            if let Some(rate) = video.unit("bitrate", parse_rate)? {
                format.video.bitrate = u32::try_from(rate.bits_per_second()).unwrap_or(u32::MAX);
            }
            format
                .video
                .check()
                .map_err(|text| media.fail("video", &text))?;
        }
        if let Some(audio) = media.inner("audio", AUDIO)? {
            if audio.text("codec")?.is_some_and(|codec| codec != "aac") {
                return Err(audio.fail("codec", "the codec of audio is \"aac\""));
            }
            format.audio.channels = audio.whole("channels", format.audio.channels)?;
            if audio
                .text("sample_rate")?
                .is_some_and(|rate| rate != "48 kHz")
            {
                return Err(audio.fail("sample_rate", "the sample rate is \"48 kHz\""));
            }
            if let Some(rate) = audio.unit("bitrate", parse_rate)? {
                format.audio.bitrate = u32::try_from(rate.bits_per_second()).unwrap_or(u32::MAX);
            }
            format
                .audio
                .check()
                .map_err(|text| media.fail("audio", &text))?;
        }
        let mut other = Format::new(1);
        let (ssrc, audio_ssrc) = (other.video.ssrc, other.audio.ssrc);
        other.video = format.video.clone();
        other.audio = format.audio.clone();
        (other.video.ssrc, other.audio.ssrc) = (ssrc, audio_ssrc);
        let at = Instant::EPOCH.after(at);
        Ok(Self {
            from,
            to,
            at,
            length,
            kill,
            repair,
            formats: [format, other],
        })
    }
}

/// A node of the world.
enum Host {
    Party(Box<PartyHost>),
    Server(Box<ServerHost>),
    /// A killed process: it hears nothing and says nothing; what it had done is kept.
    Killed(Box<Record>),
}

struct PartyHost {
    endpoint: SimEndpoint<Client>,
    party: Option<Party>,
    started: bool,
    notices: Vec<(Instant, Notice)>,
}

struct ServerHost {
    endpoint: SimEndpoint<Server>,
    service: Service,
}

fn instant(time: Time) -> Instant {
    Instant::from_micros(time.as_micros())
}

impl PartyHost {
    fn advance(&mut self, now: Time) {
        let now = instant(now);
        let Some(party) = &mut self.party else { return };
        if !self.started {
            self.started = true;
            party.start(&mut self.endpoint.driver, now);
        }
        party.advance(&mut self.endpoint.driver, now);
        while let Some(notice) = party.notice() {
            self.notices.push((now, notice));
        }
    }
}

impl ServerHost {
    fn advance(&mut self, now: Time) {
        let driver = &mut self.endpoint.driver;
        while let Some(decide) = driver.poll_decide() {
            let decision = self.service.decide(&decide.question);
            driver.decide(instant(now), decide.id, decision);
        }
        while driver.poll_event().is_some() {}
    }
}

impl Node for Host {
    type Packet = Datagram;

    fn deadline(&self) -> Option<Time> {
        match self {
            Self::Killed(_) => None,
            Self::Server(host) => host.endpoint.deadline(),
            Self::Party(host) => {
                let own = match (&host.party, host.started) {
                    (Some(_), false) => Some(Time::ZERO),
                    (Some(party), true) => {
                        party.deadline().map(|at| Time::from_micros(at.as_micros()))
                    }
                    (None, _) => None,
                };
                match (host.endpoint.deadline(), own) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                }
            }
        }
    }

    fn wake(&mut self, now: Time) {
        match self {
            Self::Killed(_) => {}
            Self::Server(host) => {
                host.endpoint.wake(now);
                host.advance(now);
            }
            Self::Party(host) => {
                host.endpoint.wake(now);
                host.advance(now);
            }
        }
    }

    fn receive(&mut self, now: Time, from: NodeId, packet: Datagram) {
        match self {
            Self::Killed(_) => {}
            Self::Server(host) => {
                host.endpoint.receive(now, from, packet);
                host.advance(now);
            }
            Self::Party(host) => {
                host.endpoint.receive(now, from, packet);
                host.advance(now);
            }
        }
    }

    fn transmit(&mut self, now: Time) -> Option<(NodeId, Datagram)> {
        match self {
            Self::Killed(_) => None,
            Self::Server(host) => host.endpoint.transmit(now),
            Self::Party(host) => host.endpoint.transmit(now),
        }
    }
}

/// Runs a scenario. `recording` is where the callee's MP4 goes; `progress` is told the virtual time, now and then.
///
/// # Errors
///
/// [`SimulateError`]: the scenario asks for what cannot be, or media is not to be had.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    media: MediaMode,
    recording: Option<&Path>,
    mut progress: impl FnMut(Duration),
) -> Result<Outcome, SimulateError> {
    let plan = Plan::of(scenario)?;
    let setup = |error: &dyn std::fmt::Display| SimulateError::Setup(error.to_string());
    let mut seeds = Stream::new(seed, "nodes");
    // Any instant will do: the driver only adds to it.
    let epoch = std::time::Instant::now();
    let mut world = World::new(seed);
    let server = scenario
        .nodes
        .iter()
        .position(|node| node.role == NodeRole::Server)
        .ok_or_else(|| {
            scenario.error_at(
                &["node"],
                "a scenario needs a node with role = \"server\"",
                None,
            )
        })?;
    let identity = Identity::ed25519(seeds.bytes32(), &["duet.test"]).map_err(|e| setup(&e))?;
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut identity = Some(identity);
    let mut tracers = Vec::new();
    for (index, spec) in scenario.nodes.iter().enumerate() {
        let (core_seed, quic_seed) = (seeds.bytes32(), seeds.bytes32());
        let kind = if index == server { "server" } else { "client" };
        let tracer = Tracer::new(&scenario.name, &spec.name, kind, true, Some(seed));
        tracers.push(tracer.clone());
        let host = if index == server {
            let mut config = server::Config::default();
            config.media.repair = plan.repair;
            let core = Server::new(Arc::new(config), Seed(core_seed), Instant::EPOCH);
            let Some(identity) = identity.take() else {
                let message = "a scenario has one server";
                return Err(scenario.error_at(&["node"], message, None).into());
            };
            let settings = ServerSettings::new(identity);
            let mut driver =
                Driver::server(settings, core, quic_seed, epoch).map_err(|e| setup(&e))?;
            driver.wall_clock(Instant::EPOCH, 0);
            driver.observe(Box::new(tracer));
            let service = Service::new(Accounts::default(), true);
            Host::Server(Box::new(ServerHost {
                endpoint: SimEndpoint::new(driver),
                service,
            }))
        } else {
            let mut config = client::Config {
                device: spec.name.clone(),
                ..client::Config::default()
            };
            config.media.repair = plan.repair;
            let core = Client::new(Arc::new(config), Seed(core_seed), Instant::EPOCH);
            let settings = ClientSettings {
                server: address_of(NodeId(server)),
                server_name: "duet.test".into(),
                trust: trust.clone(),
            };
            let mut driver =
                Driver::client(settings, core, quic_seed, epoch).map_err(|e| setup(&e))?;
            driver.wall_clock(Instant::EPOCH, 0);
            driver.observe(Box::new(tracer));
            let role = if index == plan.from {
                let callee = scenario.nodes[plan.to].name.clone();
                Role::Caller {
                    callee,
                    at: plan.at,
                    length: plan.length,
                }
            } else {
                Role::Answerer
            };
            let format = plan.formats[usize::from(index == plan.to)].clone();
            let output = recording.filter(|_| index == plan.to);
            let studio = studio(media, &format, output)?;
            let party = Party::new(role, Credentials::Guest(spec.name.clone()), format, studio);
            let endpoint = SimEndpoint::new(driver);
            let (party, notices) = (Some(party), Vec::new());
            Host::Party(Box::new(PartyHost {
                endpoint,
                party,
                started: false,
                notices,
            }))
        };
        world.add_node(&spec.name, host);
    }
    for link in &scenario.links {
        for (from, to, config) in link.directions() {
            world.connect(NodeId(from), NodeId(to), config.clone());
        }
    }
    let end = Time::ZERO.after(scenario.duration);
    let mut kill = plan.kill;
    while world.now() < end {
        let mut next = world.now().after(Duration::from_millis(100)).min(end);
        if let Some((who, at)) = kill.filter(|(_, at)| *at <= next) {
            next = at.max(world.now());
            world.run_until(next);
            world.note(&format!("{} is killed", scenario.nodes[who].name));
            let record = take_record(world.node_mut(NodeId(who)));
            *world.node_mut(NodeId(who)) = Host::Killed(Box::new(record));
            kill = None;
        }
        world.run_until(next);
        progress(Duration::from_nanos(next.as_nanos()));
    }
    let census = match world.node(NodeId(server)) {
        Host::Server(host) => host.endpoint.driver.core().census(),
        Host::Party(_) | Host::Killed(_) => server::Census::default(),
    };
    let nodes = 0..scenario.nodes.len();
    let records: Vec<Record> = nodes
        .map(|index| take_record(world.node_mut(NodeId(index))))
        .collect();
    let log = world.finish();
    let lanes: Vec<String> = scenario
        .nodes
        .iter()
        .map(|node| node.name.clone())
        .collect();
    let pairs = [(plan.from, plan.to), (plan.to, plan.from)];
    let sides = pairs
        .map(|(own, peer)| Side::new(&lanes[own], &records[own], &lanes[peer], &records[peer]));
    let clients: Vec<_> = tracers
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != server)
        .collect();
    let mut links: Vec<LinkReport> = Vec::new();
    for (name, _, count) in log.counts() {
        if links.last().is_none_or(|link| link.name != name) {
            links.push(LinkReport {
                name: name.into(),
                ..LinkReport::default()
            });
        }
        if let Some(link) = links.last_mut() {
            link.offered += count.offered;
            link.bytes += count.bytes;
            for (cause, lost) in &count.lost {
                *link.lost.entry(cause.to_string()).or_default() += lost;
            }
        }
    }
    let mut timelines = timelines(packets(&log), end.as_nanos());
    for link in &mut links {
        link.timeline = timelines.remove(&link.name);
    }
    for link in &scenario.links {
        for (from, to, config) in link.directions() {
            let name = format!("{}>{}", lanes[from], lanes[to]);
            let found = links.iter_mut().find(|link| link.name == name);
            let Some(timeline) = found.and_then(|link| link.timeline.as_mut()) else {
                continue;
            };
            let rate = config.rate.map(|rate| rate.bits_per_second() as f64);
            timeline.capacity = rate.into_iter().map(|rate| (0.0, rate)).collect();
            let seconds = |time: Time| time.as_nanos() as f64 / 1e9;
            let outages = config.outages.iter();
            timeline.outages = outages
                .map(|outage| (seconds(outage.from), seconds(outage.to)))
                .collect();
        }
    }
    let report = Report {
        version: VERSION,
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        options: String::new(),
        seed,
        media: match media {
            MediaMode::Gstreamer => "gstreamer".into(),
            MediaMode::Synthetic => "synthetic".into(),
        },
        duration_ms: scenario.duration.as_secs_f64() * 1_000.0,
        log_hash: log.hash(),
        links,
        sides: sides.into(),
        signalling: arrows(server, &clients),
        lanes,
        study: Vec::new(),
    };
    let traces = tracers.iter().zip(&scenario.nodes);
    let traces = traces.map(|(tracer, node)| (format!("{}.sqlog", node.name), tracer.to_bytes()));
    Ok(Outcome {
        report,
        event_log: log.text(),
        traces: traces.collect(),
        census,
    })
}

/// What a node has done so far.
fn take_record(host: &mut Host) -> Record {
    match host {
        Host::Party(host) => host
            .party
            .take()
            .map(|mut party| party.finish())
            .unwrap_or_default(),
        Host::Killed(record) => std::mem::take(record),
        Host::Server(_) => Record::default(),
    }
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
