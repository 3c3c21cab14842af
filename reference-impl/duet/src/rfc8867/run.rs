//! One run: a case under one controller with one seed.

use std::time::Duration;

use duet_sim::traffic::Traffic;
use duet_sim::{EventLog, Fate, Record as LogRecord, Time};

use crate::flows::FlowEnd;
use crate::flows::controllers::Entry;
use crate::flows::host::MEDIA;
use crate::flows::record::FlowRecord;
use crate::simulate::audit;

use super::network::{BuildError, Built, Site, build};
use super::plan::Run;
use super::record::{LinkRecord, Record, TcpRecord, Wait};

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
    let end = |(node, port): Site| network.host(node).at(port);
    let media = |site: Site| end(site).and_then(FlowEnd::media);
    let flows = flows.iter().map(|[sender, receiver]| {
        let ends = media(*sender).zip(media(*receiver));
        ends.map_or(FlowRecord::default(), |(sender, receiver)| {
            FlowRecord::of(sender, receiver)
        })
    });
    let flows = flows.collect();
    let traffic = |site: Site| end(site).and_then(FlowEnd::traffic);
    let ends: Vec<_> = tcp.iter().map(|ends| ends.map(traffic)).collect();
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
