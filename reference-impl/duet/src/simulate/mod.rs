//! A scenario in virtual time: the same cores, the same QUIC, the same pipelines as over sockets; only the loop around
//! them differs.
//!
//! | for | look in |
//! |---|---|
//! | what a scenario's script and media come to | `plan.rs`, `crate::script` |
//! | the programs on the nodes, and how they are started again | `programs.rs` |
//! | a client's application | `actor.rs` |
//! | many runs | `many.rs` |
//! | what is measured, for expectations | `measure.rs`; of flows `flow.rs`; what there is, and its unit, `metrics.rs` |
//! | whether a run is like its repetition | `repeat.rs` |
//! | a server with a defect, to be found (feature `planted`) | `planted.rs` |
//! | whether its event log can have happened | `audit.rs` |

mod actor;
pub(crate) mod audit;
mod flow;
mod host;
mod many;
mod measure;
mod metrics;
mod plan;
#[cfg(feature = "planted")]
mod planted;
mod programs;
mod repeat;

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use duet_protocol::server;
use duet_protocol::time::Instant;
use duet_quic::{Inside, Secrets};
use duet_sim::net::{Datagram, Faults, Network, ProgramFault};
use duet_sim::pcapng::Pdu;
use duet_sim::verify::Breach as Impossible;
use duet_sim::{
    Captured, EventLog, NodeId, Outcome as Judged, Scenario, ScenarioError, Time, Verdict,
};

pub use actor::Skipped;
pub use many::{MOST_JOBS, RunLine, in_parallel, processors, run_line};
pub use measure::Measured;
pub use repeat::{Divergence, RepeatError, difference, repeat};

use actor::{STRIDE, Witness};
use host::{Program, Site};
use plan::Plan;
use programs::Programs;

use crate::flows::{self, FlowError, Setting};
use crate::invariants::{Breach, Invariants, Tally};
use crate::party::Record;
use crate::report::traffic::packets;
use crate::report::{Check, LinkReport, Report, Side, VERSION, arrows, timelines};

/// Real codecs, or packets of their shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaMode {
    /// GStreamer.
    Gstreamer,
    /// Synthetic.
    Synthetic,
}

/// How a scenario is run.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The seed, in place of the scenario's.
    pub seed: u64,
    /// Which media.
    pub media: MediaMode,
    /// Where the MP4 of the first call's callee goes.
    pub recording: Option<&'a Path>,
    /// Whether traces are kept, which takes memory by the message.
    pub traces: bool,
    /// Whether every packet is kept, with the secrets of TLS, for a capture.
    pub capture: bool,
    /// Whether what TLS draws comes from the seed as well, so that equal seeds give equal bytes. Only with the feature
    /// `deterministic`.
    #[cfg(feature = "deterministic")]
    pub deterministic_bytes: bool,
    /// Whether the server has its defect. Only with the feature `planted`.
    #[cfg(feature = "planted")]
    pub planted: bool,
}

impl Options<'_> {
    /// With this seed and synthetic media, and traces.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            media: MediaMode::Synthetic,
            recording: None,
            traces: true,
            capture: false,
            #[cfg(feature = "deterministic")]
            deterministic_bytes: false,
            #[cfg(feature = "planted")]
            planted: true,
        }
    }
}

/// The server's core in simulated runs.
#[cfg(not(feature = "planted"))]
type ServerCore = server::Server;
#[cfg(feature = "planted")]
type ServerCore = planted::Planted;

/// What a run gives.
pub struct Outcome {
    /// The report.
    pub report: Report,
    /// Every packet's fate.
    pub log: EventLog,
    /// The traces: file name and content.
    pub traces: Vec<(String, Vec<u8>)>,
    /// What is left in the server at the end.
    pub census: server::Census,
    /// What became of each of the scenario's expectations, in order.
    pub verdicts: Vec<Verdict>,
    /// Invariants that did not hold.
    pub breaches: Vec<Breach>,
    /// What in the event log cannot have happened: defects of the simulator itself.
    pub impossible: Vec<Impossible>,
    /// What applications did, counted.
    pub tally: Tally,
    /// Steps that could not be done when they were due.
    pub skipped: Vec<Skipped>,
    /// All that was measured of the whole run: name and value.
    pub measured: Vec<(String, f64)>,
    /// Every packet as it was offered to a link, if that was asked for.
    pub captured: Vec<Captured<Datagram>>,
    /// The secrets of its TLS sessions, if that was asked for.
    pub secrets: Secrets,
    /// What clients said and heard, in the order of time, if that was asked for.
    pub pdus: Vec<Pdu>,
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

impl From<FlowError> for SimulateError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Scenario(error) => Self::Scenario(error),
            FlowError::Setup(what) => Self::Setup(what),
        }
    }
}

fn instant(time: Time) -> Instant {
    Instant::from_micros(time.as_micros())
}

/// Whether a scenario can be run: its roles, script, media, flows, and what it expects.
///
/// # Errors
///
/// [`ScenarioError`] points at what cannot be.
pub fn inspect(scenario: &Scenario) -> Result<(), ScenarioError> {
    programs::server_of(scenario)?;
    programs::crashes(scenario)?;
    Plan::of(scenario)?;
    flows::check(scenario)?;
    metrics::known(scenario)
}

/// Runs a scenario; `progress` is told the virtual time, now and then.
///
/// # Errors
///
/// [`SimulateError`]: the scenario asks for what cannot be, or media is not to be had.
pub fn run(
    scenario: &Scenario,
    options: &Options<'_>,
    mut progress: impl FnMut(Duration),
) -> Result<Outcome, SimulateError> {
    metrics::known(scenario)?;
    let plan = Plan::of(scenario)?;
    let names = plan.clients.iter().map(|node| &scenario.nodes[*node].name);
    let witness = Rc::new(RefCell::new(Witness::new(names.cloned().collect())));
    let mut programs = Programs::new(scenario, &plan, options, witness.clone())?;
    let mut network = Network::of(scenario, options.seed, |node| {
        let program = programs.start(node, None)?;
        Ok::<_, SimulateError>(Site::new(program))
    })?;
    let setting = Setting {
        simulation: programs.simulation(),
        ..Setting::new(options.seed)
    };
    for ends in flows::ends(scenario, &setting)? {
        for (node, end) in [ends.source, ends.sink] {
            let site = network.host_mut(node);
            site.traffic.insert(ends.ports.clone(), end);
        }
    }
    if options.capture {
        network.world_mut().capture();
    }
    let end = Time::ZERO.after(scenario.duration);
    let mut faults = Faults::of(scenario);
    let mut kills = plan.kills.clone();
    kills.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    while network.world().now() < end {
        let kill = kills.last().map(|(_, at)| *at);
        let event = faults.next_at().into_iter().chain(kill).min();
        let stride = network.world().now().after(STRIDE).min(end);
        let next = event.map_or(stride, |at| at.min(stride));
        let next = next.max(network.world().now());
        network.world_mut().run_until(next);
        let mut due = faults.apply(&mut network);
        while let Some((who, _)) = kills.pop_if(|(_, at)| *at <= next) {
            due.push(ProgramFault::Crash(NodeId(who)));
        }
        for fault in due {
            programs.apply(&mut network, fault)?;
        }
        progress(Duration::from_nanos(next.as_nanos()));
    }
    witness
        .borrow_mut()
        .invariants
        .healed(faults.last_at().min(end));
    let outcome = collect(scenario, options, &plan, programs, network);
    drop(witness);
    Ok(outcome)
}

/// What came of a run.
fn collect(
    scenario: &Scenario,
    options: &Options<'_>,
    plan: &Plan,
    programs: Programs<'_>,
    mut network: Network<Site>,
) -> Outcome {
    let end = network.world().now();
    let server = programs.server;
    let census = match server.map(|server| &network.host(NodeId(server)).program) {
        Some(Program::Server(host)) => host.endpoint.driver.core().census(),
        _ => server::Census::default(),
    };
    let records: Vec<Record> = (0..scenario.nodes.len())
        .map(|node| match scenario.nodes[node].role.is_edge() {
            true => first_call(programs::finish(
                &mut network.host_mut(NodeId(node)).program,
            )),
            false => Record::default(),
        })
        .collect();
    let lanes: Vec<String> = scenario
        .nodes
        .iter()
        .map(|node| node.name.clone())
        .collect();
    let sides: Vec<Side> = match plan.pair {
        Some((caller, callee)) => {
            let (from, to) = (plan.clients[caller], plan.clients[callee]);
            [(from, to), (to, from)]
                .map(|(own, peer)| {
                    Side::new(&lanes[own], &records[own], &lanes[peer], &records[peer])
                })
                .into()
        }
        None => Vec::new(),
    };
    let Programs {
        tracers,
        witness,
        secrets,
        inside,
        ..
    } = programs;
    let mut pdus: Vec<Pdu> = inside.iter().flat_map(Inside::pdus).collect();
    pdus.sort_by_key(|pdu| pdu.at);
    let mut witness = witness.borrow_mut();
    let nobody = Invariants::new(Vec::<String>::new());
    let invariants = core::mem::replace(&mut witness.invariants, nobody);
    let tally = invariants.tally();
    let breaches = invariants.finish(end);
    let measured = Measured::new(scenario, &network, &sides, tally, &breaches);
    let verdicts = scenario.judge(&measured);
    let all = measured.all();
    let skipped = core::mem::take(&mut witness.skipped);
    let world = network.into_world();
    let captured = world.captured().to_vec();
    let log = world.finish();
    let impossible = audit::check(scenario, &log);
    let clients: Vec<_> = tracers
        .iter()
        .filter(|(node, _)| Some(**node) != server)
        .map(|(node, tracer)| (*node, tracer))
        .collect();
    let report = Report {
        version: VERSION,
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        command: String::new(),
        checks: checks(&verdicts, &breaches, &impossible, &skipped),
        seed: options.seed,
        media: match options.media {
            MediaMode::Gstreamer => "gstreamer".into(),
            MediaMode::Synthetic => "synthetic".into(),
        },
        duration_ms: scenario.duration.as_secs_f64() * 1_000.0,
        log_hash: log.hash(),
        links: links(scenario, &log, end),
        flows: measured.flow_reports(scenario),
        sides,
        signalling: server.map_or(Vec::new(), |server| arrows(server, &clients)),
        lanes,
        study: Vec::new(),
    };
    let traces = tracers
        .iter()
        .map(|(node, tracer)| {
            let name = format!("{}.sqlog", scenario.nodes[*node].name);
            (name, tracer.to_bytes())
        })
        .collect();
    Outcome {
        report,
        log,
        traces,
        census,
        verdicts,
        breaches,
        impossible,
        tally,
        skipped,
        measured: all,
        captured,
        secrets,
        pdus,
    }
}

/// What was expected of a run, and what failed of all that must hold.
fn checks(
    verdicts: &[Verdict],
    breaches: &[Breach],
    impossible: &[Impossible],
    skipped: &[Skipped],
) -> Vec<Check> {
    let expected = verdicts.iter().map(|verdict| Check {
        held: match verdict.outcome {
            Judged::Held => Some(true),
            Judged::Below | Judged::Above | Judged::Broken => Some(false),
            Judged::NotRun => None,
        },
        text: verdict.message.clone(),
    });
    let failed = |text: String| Check {
        held: Some(false),
        text,
    };
    let broken = breaches.iter().map(|breach| failed(breach.to_string()));
    let undone = skipped
        .iter()
        .map(|step| failed(format!("not done: {step}")));
    let defect = audit::tell(impossible).map(failed);
    expected.chain(broken).chain(undone).chain(defect).collect()
}

/// The record of the first call that a program took part in; of its last program where there was none.
fn first_call(records: Vec<Record>) -> Record {
    let mut records = records;
    let started = records.iter().position(|record| record.started.is_some());
    let index = started.unwrap_or(records.len().saturating_sub(1));
    match index < records.len() {
        true => records.swap_remove(index),
        false => Record::default(),
    }
}

/// What each direction of a link carried, lost, and when.
fn links(scenario: &Scenario, log: &EventLog, end: Time) -> Vec<LinkReport> {
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
    let mut timelines = timelines(packets(log), end.as_nanos());
    let names: Vec<&str> = scenario.nodes.iter().map(|node| &*node.name).collect();
    let ways = scenario.links.iter().flat_map(|link| link.directions());
    for (from, to, _) in ways {
        let name = format!("{}>{}", names[from], names[to]);
        let Some(link) = links.iter_mut().find(|link| link.name == name) else {
            continue;
        };
        link.timeline = timelines.remove(&name);
        let Some(timeline) = &mut link.timeline else {
            continue;
        };
        let seconds = |time: Time| time.as_nanos() as f64 / 1e9;
        let steps = scenario.capacity(from, to);
        let rates = steps.iter().filter_map(|step| {
            let rate = step.capacity.bits_per_second()?;
            Some((seconds(step.at), rate as f64))
        });
        timeline.capacity = rates.collect();
        timeline.capacity.dedup_by_key(|(_, rate)| *rate);
        let ends = steps.iter().skip(1).map(|step| step.at).chain([end]);
        let out = steps.iter().zip(ends).filter(|(step, _)| step.is_out);
        for (step, until) in out {
            match timeline.outages.last_mut() {
                Some((_, last)) if *last == seconds(step.at) => *last = seconds(until),
                _ => timeline.outages.push((seconds(step.at), seconds(until))),
            }
        }
    }
    links
}
