//! `duet impair`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use duet_sim::Scenario;
use serde_json::{Value, json};

use super::signals::terminated;
use super::{Failure, cannot_write, runtime, say};
use crate::impair::proxy::Proxy;
use crate::impair::{Ends, Impairment, LATE, Run, Summary, refuse};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet impair home.toml --listen 127.0.0.1:5000 --to 127.0.0.1:4433
                                                       what is sent to port 5000 goes through the network of home.toml
                                                       to port 4433, and answers come back through it
  duet impair sim/scenarios/first-call.toml --network-only --listen 127.0.0.1:5000 --to 127.0.0.1:4433 --log events.log
                                                       the first to connect has alice's link, the second has bob's

The network is that of `duet simulate`: the same links, queues, losses, NATs, cross traffic and faults, by the same seed.
Packet n on a link meets what packet n meets there. Ctrl-C ends it and prints what became of all packets.")]
pub(crate) struct Arguments {
    /// The scenario's file
    scenario: PathBuf,
    /// Where to take packets from clients
    #[arg(long, value_name = "ADDR:PORT", requires = "to")]
    listen: SocketAddr,
    /// Where to send them on
    #[arg(long, value_name = "ADDR:PORT", requires = "listen")]
    to: SocketAddr,
    /// The node where packets from clients come in, instead of all of the scenario's clients; may be given several times,
    /// and then those who connect are spread over them in turn
    #[arg(long, value_name = "NODE")]
    client: Vec<String>,
    /// The node where they go out, instead of the scenario's only server
    #[arg(long, value_name = "NODE")]
    server: Option<String>,
    /// Instead of the scenario's seed
    #[arg(long)]
    seed: Option<u64>,
    /// Which combination of the scenario's matrix, counted from 1
    #[arg(long, value_name = "NUMBER")]
    variant: Option<usize>,
    /// Leave out what the scenario's programs do and what is expected of them, for they do not run here
    #[arg(long)]
    network_only: bool,
    /// End after so long, instead of at Ctrl-C
    #[arg(long, value_name = "SECONDS")]
    length: Option<u64>,
    /// Write the event log to this file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let scenario = scenario(arguments)?;
    let wrong = |error| super::simulate::wrong_scenario(&error);
    refuse(&scenario, arguments.network_only).map_err(wrong)?;
    let ends = Ends::of(&scenario, &arguments.client, arguments.server.as_deref());
    let ends = ends.map_err(|error| {
        Failure::new(error.to_string())
            .help("--client NODE and --server NODE name the ends of the network")
            .usage()
    })?;
    let seed = arguments.seed.unwrap_or(scenario.seed);
    let impairment = Impairment::new(&scenario, seed, &ends).map_err(wrong)?;
    let names = |nodes: &[duet_sim::NodeId]| -> Vec<String> {
        let names = nodes.iter().map(|node| scenario.node_name(node.0));
        names.map(str::to_owned).collect()
    };
    let (clients, server) = (names(&ends.clients), names(&[ends.server]));
    let proxy = Proxy::bind(arguments.listen, arguments.to, ends).map_err(|error| {
        Failure::new(error.to_string()).help(
            "stop what listens there, or choose another address with --listen, port 0 for any",
        )
    })?;
    let log = match &arguments.log {
        Some(path) => {
            Some(std::fs::File::create(path).map_err(|error| cannot_write(path, &error))?)
        }
        None => None,
    };
    let stop = stopped()?;
    let failed = |error: std::io::Error| match &arguments.log {
        Some(path) => cannot_write(path, &error),
        None => Failure::new(format!("cannot go on: {error}")),
    };
    let address = proxy.local_addr().map_err(failed)?;
    if arguments.json {
        say(json!({
            "event": "impairing", "scenario": scenario.name, "seed": seed, "address": address.to_string(),
            "to": arguments.to.to_string(), "clients": clients, "server": server[0],
        }))?;
    } else {
        say(format!(
            "what is sent to {address} goes to {}, from {} to {} of {}; Ctrl-C ends it",
            arguments.to,
            clients.join(", "),
            server[0],
            scenario.name
        ))?;
    }
    std::io::stdout()
        .flush()
        .map_err(|error| Failure::new(error.to_string()))?;
    let length = arguments.length.map(Duration::from_secs);
    let run = Run::begin(impairment, stop, length, log);
    let summary = proxy.run(run).map_err(failed)?;
    match arguments.json {
        true => say(as_json(&summary)),
        false => say(as_text(&summary).trim_end()),
    }
}

fn scenario(arguments: &Arguments) -> Result<Scenario, Failure> {
    let scenario = super::simulate::read(&arguments.scenario)?;
    let mut variants = scenario.expand_over(&duet_sim::Seeds::one(scenario.seed));
    let number = match (arguments.variant, variants.len()) {
        (None, 1) => 1,
        (Some(number), all) if (1..=all).contains(&number) => number,
        (given, all) => {
            let what = match given {
                Some(number) => format!("there is no variant {number}"),
                None => "the scenario has a matrix".to_owned(),
            };
            let failure = Failure::new(format!("{what}: it has {all} combinations"));
            return Err(failure.help(format!("--variant 1 … {all}")).usage());
        }
    };
    Ok(variants.swap_remove(number - 1).scenario)
}

/// A stream that ends when the process is asked to end.
fn stopped() -> Result<UnixStream, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(format!("cannot listen for signals: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let runtime = runtime()?;
    // Registered before anybody is told that this runs.
    let mut asked = {
        let _within = runtime.enter();
        terminated()?
    };
    std::thread::spawn(move || {
        runtime.block_on(asked.recv());
        drop(theirs);
    });
    Ok(ours)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn as_json(summary: &Summary) -> Value {
    let links = summary.links.iter().map(|(link, class, count)| {
        let lost = count.lost.iter();
        let lost: serde_json::Map<String, Value> = lost
            .map(|(cause, lost)| (cause.to_string(), json!(lost)))
            .collect();
        json!({
            "link": link, "class": class, "offered": count.offered, "bytes": count.bytes,
            "delivered": count.delivered, "delivered_bytes": count.delivered_bytes, "lost": lost,
        })
    });
    let dropped = summary
        .dropped
        .iter()
        .map(|((by, cause), dropped)| json!({ "box": by, "cause": cause, "packets": dropped }));
    let lateness = &summary.lateness;
    json!({
        "event": "stopped",
        "ran_us": micros(summary.ran),
        "links": links.collect::<Vec<_>>(),
        "dropped": dropped.collect::<Vec<_>>(),
        "sent": lateness.samples(),
        "late_us": {
            "p50": micros(lateness.per_mille(500)), "p99": micros(lateness.per_mille(990)),
            "max": micros(lateness.max()),
        },
        "late": summary.late,
        "unsent": summary.unsent,
        "refused": summary.refused,
    })
}

fn as_text(summary: &Summary) -> String {
    let mut text = format!("ended after {:.1} s\n", summary.ran.as_secs_f64());
    for (link, class, count) in &summary.links {
        let _ = write!(
            text,
            "{link}: {} {class} packets offered, {} delivered",
            count.offered, count.delivered
        );
        for (cause, lost) in &count.lost {
            let _ = write!(text, ", {lost} {cause}");
        }
        text.push('\n');
    }
    for ((by, cause), dropped) in &summary.dropped {
        let _ = writeln!(text, "{by} dropped {dropped}: {cause}");
    }
    let lateness = &summary.lateness;
    let _ = writeln!(
        text,
        "{} sent on; behind their time by {} µs (half of them), {} µs (99 %), {} µs (all)",
        lateness.samples(),
        micros(lateness.per_mille(500)),
        micros(lateness.per_mille(990)),
        micros(lateness.max()),
    );
    for (count, what) in [
        (
            summary.late,
            format!(
                "left more than {} ms late: this machine was too busy",
                LATE.as_millis()
            ),
        ),
        (summary.unsent, "the system did not take".to_owned()),
        (
            summary.refused,
            "were for nobody, or from nobody known".to_owned(),
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count} packets {what}");
        }
    }
    text
}
