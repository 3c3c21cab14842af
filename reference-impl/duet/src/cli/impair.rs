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
use crate::flows::FlowError;
use crate::impair::proxy::Proxy;
use crate::impair::{Ends, Impairment, LATE, Run, Summary, refuse};
#[cfg(target_os = "linux")]
use crate::impair::{refuse_for_bridge, tun::Bridge};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  duet impair home.toml --listen 127.0.0.1:5000 --to 127.0.0.1:4433
                                                       what is sent to port 5000 goes through the network of home.toml
                                                       to port 4433, and answers come back through it
  duet impair sim/scenarios/first-call.toml --network-only --listen 127.0.0.1:5000 --to 127.0.0.1:4433 --log events.log
                                                       the first to connect has alice's link, the second has bob's
  duet impair home.toml --tun here,there               the same between two network namespaces, for whatever runs in them
                                                       (Linux, as root); it says their addresses, and in another
                                                       terminal: ip netns exec there iperf3 -s
                                                       and in a third: ip netns exec here iperf3 -u -c ADDRESS

The network is that of `duet simulate`: the same links, queues, losses, NATs, cross traffic and faults, by the same seed.
Packet n on a link meets what packet n meets there. Ctrl-C ends it and prints what became of all packets. Namespaces that it made are gone
then; after a kill -9 they stay, and are taken as they are the next time, or go by: ip netns delete NAME")]
pub(crate) struct Arguments {
    /// The scenario's file
    scenario: PathBuf,
    /// Where to take packets from clients
    #[arg(
        long,
        value_name = "ADDR:PORT",
        requires = "to",
        required_unless_present = "tun"
    )]
    listen: Option<SocketAddr>,
    /// Where to send them on
    #[arg(long, value_name = "ADDR:PORT", requires = "listen")]
    to: Option<SocketAddr>,
    /// Instead of UDP, carry IP packets whole between two network namespaces, the client's and the server's; those that do
    /// not exist are made, and go at the end
    #[cfg_attr(not(target_os = "linux"), arg(hide = true))]
    #[arg(long, value_name = "NAMESPACE,NAMESPACE", value_delimiter = ',', num_args = 1, conflicts_with_all = ["listen", "to"])]
    tun: Vec<String>,
    /// The largest packet that --tun takes
    #[arg(long, value_name = "BYTES", default_value_t = 1_500, value_parser = clap::value_parser!(u16).range(1_280..), requires = "tun")]
    mtu: u16,
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
    let impairment = Impairment::new(&scenario, seed, &ends).map_err(|error| match error {
        FlowError::Scenario(error) => wrong(error),
        FlowError::Setup(what) => Failure::new(what),
    })?;
    let names = |nodes: &[duet_sim::NodeId]| -> Vec<String> {
        let names = nodes.iter().map(|node| scenario.node_name(node.0));
        names.map(str::to_owned).collect()
    };
    let (clients, server) = (names(&ends.clients), names(&[ends.server]));
    // Before there is anything that must be cleaned up.
    let stop = stopped()?;
    let carrier = Carrier::open(arguments, &scenario, &ends)?;
    let log = match &arguments.log {
        Some(path) => {
            Some(std::fs::File::create(path).map_err(|error| cannot_write(path, &error))?)
        }
        None => None,
    };
    let failed = |error: std::io::Error| match &arguments.log {
        Some(path) => cannot_write(path, &error),
        None => Failure::new(format!("cannot go on: {error}")),
    };
    let mut told = carrier.told().map_err(failed)?;
    if arguments.json {
        let own = json!({
            "event": "impairing", "scenario": scenario.name, "seed": seed, "clients": clients, "server": server[0],
        });
        for (key, value) in own.as_object().into_iter().flatten() {
            told[key] = value.clone();
        }
        say(told)?;
    } else {
        let (clients, server, name) = (clients.join(", "), &server[0], &scenario.name);
        say(format!(
            "{}, from {clients} to {server} of {name}; Ctrl-C ends it",
            carrier.described().map_err(failed)?
        ))?;
    }
    std::io::stdout()
        .flush()
        .map_err(|error| Failure::new(error.to_string()))?;
    let length = arguments.length.map(Duration::from_secs);
    let run = Run::begin(impairment, stop, length, log);
    let summary = carrier.run(run).map_err(failed)?;
    match arguments.json {
        true => say(as_json(&summary)),
        false => say(as_text(&summary).trim_end()),
    }
}

/// What carries packets between the network and the world.
enum Carrier {
    Proxy(Proxy, SocketAddr),
    #[cfg(target_os = "linux")]
    Bridge(Bridge),
}

impl Carrier {
    fn open(arguments: &Arguments, scenario: &Scenario, ends: &Ends) -> Result<Self, Failure> {
        if let (Some(listen), Some(to)) = (arguments.listen, arguments.to) {
            let proxy = Proxy::bind(listen, to, ends.clone()).map_err(|error| {
                Failure::new(error.to_string())
                    .help("stop what listens there, or choose another address with --listen, port 0 for any")
            })?;
            return Ok(Self::Proxy(proxy, to));
        }
        Self::bridge(arguments, scenario, ends)
    }

    #[cfg(target_os = "linux")]
    fn bridge(arguments: &Arguments, scenario: &Scenario, ends: &Ends) -> Result<Self, Failure> {
        refuse_for_bridge(scenario).map_err(|error| super::simulate::wrong_scenario(&error))?;
        let [one, other] = arguments.tun.as_slice() else {
            return Err(Failure::new("--tun wants two namespaces")
                .help("--tun here,there; they are made if there are none of these names")
                .usage());
        };
        if one == other {
            return Err(Failure::new("--tun wants two different namespaces").usage());
        }
        let [client] = ends.clients.as_slice() else {
            return Err(
                Failure::new("the scenario has several clients, and a namespace is one")
                    .help("--client NODE says which")
                    .usage(),
            );
        };
        let sides = [(one.as_str(), *client), (other.as_str(), ends.server)];
        let bridge = Bridge::open(sides, arguments.mtu).map_err(|error| {
            Failure::new(error.to_string())
                .help("namespaces and TUN devices take Linux, its `ip` program (iproute2), and root's rights")
        })?;
        Ok(Self::Bridge(bridge))
    }

    #[cfg(not(target_os = "linux"))]
    fn bridge(_: &Arguments, _: &Scenario, _: &Ends) -> Result<Self, Failure> {
        Err(Failure::new("--tun takes Linux: elsewhere there are no network namespaces").usage())
    }

    /// Where it takes packets and where they go, for programs.
    fn told(&self) -> std::io::Result<Value> {
        Ok(match self {
            Self::Proxy(proxy, to) => {
                json!({ "address": proxy.local_addr()?.to_string(), "to": to.to_string() })
            }
            #[cfg(target_os = "linux")]
            Self::Bridge(bridge) => {
                let sides = bridge.sides().map(|(name, ipv4, ipv6)| {
                    json!({ "namespace": name, "ipv4": ipv4.to_string(), "ipv6": ipv6.to_string() })
                });
                json!({ "commands": bridge.commands().collect::<Vec<_>>(), "sides": sides })
            }
        })
    }

    /// The same, for people.
    fn described(&self) -> std::io::Result<String> {
        Ok(match self {
            Self::Proxy(proxy, to) => {
                format!("what is sent to {} goes to {to}", proxy.local_addr()?)
            }
            #[cfg(target_os = "linux")]
            Self::Bridge(bridge) => {
                let mut text = String::new();
                for command in bridge.commands() {
                    let _ = writeln!(text, "ran: {command}");
                }
                let [(one, four, six), (other, to_four, to_six)] = bridge.sides();
                let _ = write!(
                    text,
                    "{one} ({four}, {six}) and {other} ({to_four}, {to_six}) reach each other, \
                     as in `ip netns exec {one} ping {to_four}`"
                );
                text
            }
        })
    }

    fn run(self, run: Run) -> std::io::Result<Summary> {
        match self {
            Self::Proxy(proxy, _) => proxy.run(run),
            #[cfg(target_os = "linux")]
            Self::Bridge(bridge) => bridge.run(run),
        }
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
        "overrun": summary.overrun,
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
        (
            summary.overrun,
            "came faster than they were read, and never entered the network".to_owned(),
        ),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{count} packets {what}");
        }
    }
    text
}
