//! What a scenario says of a media flow, and its two ends: a synthetic encoder behind a real
//! [`Hop`](duet_protocol::media::Hop) on a real QUIC connection, under a congestion controller.

use std::net::SocketAddr;
use std::sync::Arc;

use duet_protocol::media::ControllerFactory;
use duet_quic::{ClientSettings, Driver, Identity, ServerSettings, Trust};
use duet_sim::net::address_of;
use duet_sim::units::parse_duration;
use duet_sim::{FlowKind, FlowSpec, NodeId, Scenario, ScenarioError, Stream, Time};

use super::controllers::{self, Allowance, Entry, Governor, QuicGoverned};
use super::host::FlowHost;
use super::model::Model;
use super::peers::{End, Sender};
use super::source::{Schedule, Source};
use super::{FlowError, Setting};

/// The name that certificates bear.
const NAME: &str = "duet.test";

/// The controller of flows that name none: the one that every implementation of QUIC has (RFC 9002 §7).
const CONTROLLER: &str = "newreno";

const KEYS: &[&str] = &["controller", "pause", "priority", "ecn"];

/// What a scenario says of a media flow, beside what it says of every flow.
#[derive(Clone, Debug)]
pub struct MediaKeys {
    /// When it sends.
    pub on: Schedule,
    /// Its weight.
    pub priority: u32,
    /// Who decides how much it sends.
    pub controller: Entry,
    /// Whether its packets ask for marks, if its controller heeds them.
    pub ecn: bool,
}

impl MediaKeys {
    /// What a flow says; of one of another kind, what a media flow says that has no keys.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`]: a key that there is not, or a value that makes no sense.
    pub fn of(scenario: &Scenario, flow: &FlowSpec) -> Result<Self, ScenarioError> {
        let fail = |key: &str, message: &str, known| {
            Err(scenario.error_in(flow.place, &[key], message, known))
        };
        let stop = flow
            .stop
            .unwrap_or_else(|| Time::ZERO.after(scenario.duration));
        let mut keys = Self {
            on: vec![(flow.start, stop)],
            priority: 1,
            controller: named(scenario, flow, CONTROLLER)?,
            ecn: false,
        };
        let FlowKind::Media(table) = &flow.kind else {
            return Ok(keys);
        };
        for (key, value) in table {
            match key.as_str() {
                "controller" => match value.as_str() {
                    Some(name) => keys.controller = named(scenario, flow, name)?,
                    None => return fail(key, "this is the name of a controller, in quotes", None),
                },
                "pause" => match pause(value) {
                    Some((from, until)) if flow.start < from && from < until && until < stop => {
                        keys.on = vec![(flow.start, from), (until, stop)];
                    }
                    _ => {
                        let message = "a pause is a pair of times between `start` and `stop`";
                        return fail(key, message, None);
                    }
                },
                "priority" => match value.as_integer().map(u32::try_from) {
                    Some(Ok(weight @ 1..)) => keys.priority = weight,
                    _ => return fail(key, "a priority is a positive number", None),
                },
                "ecn" => match value.as_bool() {
                    Some(ecn) => keys.ecn = ecn,
                    None => return fail(key, "this is true or false", None),
                },
                key => return fail(key, "media flows have no such key", Some(KEYS)),
            }
        }
        Ok(keys)
    }
}

/// The controller of a name.
fn named(scenario: &Scenario, flow: &FlowSpec, name: &str) -> Result<Entry, ScenarioError> {
    controllers::named(name).ok_or_else(|| {
        let names: Vec<&str> = controllers::all().iter().map(|entry| entry.name).collect();
        let message = match name {
            "gcc" => "this `duet` was built without gcc: build it with `--features gcc`".to_owned(),
            _ => format!(
                "no controller is called `{name}`; there is {}",
                names.join(", ")
            ),
        };
        scenario.error_in(flow.place, &["controller"], message, None)
    })
}

fn pause(value: &toml::Value) -> Option<(Time, Time)> {
    let [from, until] = value.as_array()?.as_slice() else {
        return None;
    };
    let time = |value: &toml::Value| {
        let span = parse_duration(value.as_str()?).ok()?;
        Some(Time::ZERO.after(span))
    };
    Some((time(from)?, time(until)?))
}

/// A flow's sender and receiver, both at this port of their nodes.
pub(super) fn hosts(
    scenario: &Scenario,
    flow: &FlowSpec,
    port: u16,
    setting: &Setting<'_>,
) -> Result<[FlowHost; 2], FlowError> {
    let failed = |error: &dyn std::fmt::Display| FlowError::Setup(error.to_string());
    let keys = MediaKeys::of(scenario, flow)?;
    let entry = setting.controller.unwrap_or(&keys.controller);
    let ect = (setting.ecn || keys.ecn) && entry.ecn;
    let label = format!("flow/{}", flow.name);
    let mut seeds = Stream::new(setting.seed, &label);
    // Any instant will do: drivers only add to it.
    let epoch = std::time::Instant::now();
    let identity = Identity::ed25519(seeds.bytes32(), &[NAME]).map_err(|e| failed(&e))?;
    let trust = Trust::Fingerprint(identity.fingerprint());
    let driver = Driver::simulated_server(
        setting.simulation.clone(),
        ServerSettings::new(identity),
        End::Receiver(Box::default()),
        seeds.bytes32(),
        epoch,
    );
    let receiver = FlowHost::new(driver.map_err(|e| failed(&e))?, port, None, ect);

    let source = Source::new(
        Model::default(),
        setting.video,
        setting.seed,
        &label,
        keys.on,
    );
    let (factory, allowance) = controller(entry, keys.priority);
    let settings = ClientSettings {
        server: SocketAddr::new(address_of(NodeId(flow.to)), port),
        server_name: NAME.into(),
        trust,
    };
    let driver = Driver::simulated_client(
        setting.simulation.clone(),
        None,
        settings,
        End::Sender(Box::new(Sender::new(source, factory))),
        seeds.bytes32(),
        epoch,
    );
    let mut driver = driver.map_err(|e| failed(&e))?;
    if let Governor::Quic(control) = entry.governor {
        driver.media_control(control);
    }
    Ok([FlowHost::new(driver, port, allowance, ect), receiver])
}

/// The controller of one hop, and through what it learns of QUIC.
fn controller(entry: &Entry, weight: u32) -> (ControllerFactory, Option<Arc<Allowance>>) {
    match &entry.governor {
        Governor::Media(factory) => (factory(weight), None),
        Governor::Quic(_) => {
            let allowance = Arc::new(Allowance::default());
            let told = allowance.clone();
            let factory = Arc::new(move || Box::new(QuicGoverned(told.clone())) as _);
            (factory, Some(allowance))
        }
    }
}
