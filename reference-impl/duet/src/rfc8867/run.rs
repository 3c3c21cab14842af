//! One run: a case under one controller with one seed.

use std::time::Duration;

use duet_sim::traffic::Traffic;
use duet_sim::{EventLog, Fate, NodeId, Record as LogRecord, Time};

use crate::simulate::audit;

use super::controllers::Entry;
use super::host::{Endpoint, MEDIA};
use super::network::{BuildError, Built, build};
use super::plan::Run;
use super::record::{FlowRecord, LinkRecord, Record, TcpRecord, Wait};

/// Runs a case and gives what it left behind; `progress` is told the virtual time each second.
///
/// # Errors
///
/// [`BuildError`]: the network cannot be built, or its event log says what cannot have happened.
pub fn run(
    run: &Run,
    entry: &Entry,
    seed: u64,
    mut progress: impl FnMut(Duration),
) -> Result<Record, BuildError> {
    let Built {
        mut network,
        flows,
        tcp,
    } = build(run, entry, seed)?;
    for second in 1..=u64::from(run.duration) {
        network
            .world_mut()
            .run_until(Time::from_millis(second * 1_000));
        progress(Duration::from_secs(second));
    }
    let host = |node: NodeId| network.host(node);
    let flows = flows
        .iter()
        .map(|(sender, receiver)| flow(host(*sender), host(*receiver)));
    let flows = flows.collect();
    let end = |(node, port): (NodeId, u16)| host(node).traffic(port);
    let ends: Vec<_> = tcp.iter().map(|ends| ends.map(end)).collect();
    let tcp = run.tcp.then(|| tcp_record(&ends));
    let log = network.world().log();
    if let Some(what) = audit::tell(&audit::check(&run.scenario, log)) {
        let name = &run.scenario.name;
        let run = format!("{name} under {}, seed {seed}", entry.name);
        return Err(BuildError::Impossible { run, what });
    }
    Ok(Record {
        run: run.clone(),
        seed,
        controller: entry.name.into(),
        flows,
        links: run
            .narrow
            .iter()
            .map(|narrow| link(log, &narrow.name))
            .collect(),
        tcp,
        log_hash: log.hash(),
    })
}

fn flow(sender: &Endpoint, receiver: &Endpoint) -> FlowRecord {
    let (Some(sender), Some(receiver)) = (sender.flow(), receiver.flow()) else {
        return FlowRecord::default();
    };
    FlowRecord {
        sender: sender.end().sent().cloned().unwrap_or_default(),
        arrivals: receiver.end().arrivals().to_vec(),
        sent: sender.sent().to_vec(),
        received: receiver.received().to_vec(),
        feedback: receiver.sent().to_vec(),
        marked: receiver.marked(),
    }
}

fn link(log: &EventLog, name: &str) -> LinkRecord {
    let mut waits = Vec::new();
    for record in log.records() {
        let LogRecord::Packet { link, journey } = record else {
            continue;
        };
        if log.link_name(*link) != name {
            continue;
        }
        waits.push(Wait {
            offered: journey.offered,
            waited: match journey.fate {
                Fate::Delivered { .. } => Some(journey.started.since(journey.offered)),
                Fate::Lost { .. } => None,
            },
            media: journey.class == MEDIA,
        });
    }
    LinkRecord { waits }
}

fn tcp_record(ends: &[[Option<&Traffic>; 2]]) -> TcpRecord {
    let mut out = TcpRecord::default();
    for [sender, sink] in ends {
        match sender {
            Some(Traffic::Tcp(tcp)) => {
                out.sent += tcp.stats().sent;
                out.retransmitted += tcp.stats().retransmitted;
            }
            Some(Traffic::OnOff(on_off)) => {
                out.sent += on_off.stats().sent;
                out.retransmitted += on_off.stats().retransmitted;
            }
            _ => {}
        }
        if let Some(Traffic::TcpSink(sink)) = sink {
            let goodput = &sink.stats().goodput;
            let mut at = Time::ZERO;
            for bytes in goodput.bytes() {
                let bytes = u32::try_from(*bytes).unwrap_or(u32::MAX);
                out.delivered.push((at, bytes));
                at = at.after(goodput.width());
            }
        }
    }
    out
}
