//! What the simulator costs: its bare event loop beside turmoil's, a call over real QUIC and TLS, and how both grow.
//!
//! All times are this thread's processor time, so that other programs do not count; whoever is compared runs in turn, in
//! one process, and a ratio is taken within a round.

mod calls;
mod clock;
mod load;

use std::process::ExitCode;

use serde_json::json;

use crate::goals::{Goal, Report};
use calls::Cost;
use clock::Cpu;
use load::Load;

/// Rounds of each comparison; odd, so that there is a median.
const ROUNDS: usize = 5;

/// What the bare loop has to be, of turmoil.
const TIMES_TURMOIL: f64 = 5.0;

/// Simulated seconds of a call a second.
const CALL_SPEED: f64 = 100.0;

/// What a unit of work may cost beside a hundred times as much of everything, of what it costs beside little. A walk over
/// all there is would cost a hundred times; what is allowed is caches, which the state of a thousand clients does not fit.
const GROWTH: f64 = 8.0;

/// The loads of the bare loop: few and many ends, few and many datagrams on their way.
const LOADS: [(&str, Load); 5] = [
    ("to 1 end", load(1, 11, 110_000)),
    ("to 10 ends", load(10, 10, 100_000)),
    ("to 100 ends", load(100, 10, 5_000)),
    ("to 1,000 ends", load(1_000, 10, 100_000)),
    ("to 1 end, many on their way", load(1, 100, 110_000)),
];

const fn load(leaves: usize, per_tick: usize, datagrams: usize) -> Load {
    Load {
        leaves,
        per_tick,
        datagrams,
    }
}

/// Measures everything; with `check` the exit code says whether all goals are reached.
pub(crate) fn bench(check: bool, json: bool) -> ExitCode {
    let mut report = Report::new("sim", json);
    let done = bare(&mut report)
        .and_then(|()| call(&mut report))
        .and_then(|()| room(&mut report));
    if let Err(error) = done {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    report.end(check)
}

type Pass = fn(Load) -> usize;

const PASSES: [(&str, Pass); 4] = [
    ("turmoil", load::turmoil),
    ("loop", load::bare),
    ("network", |load| load::network(load, false)),
    ("shaped", |load| load::network(load, true)),
];

/// The most ends with which turmoil is asked: it walks the links of all pairs at every tick, and so a pass with a
/// thousand takes minutes.
const MOST_OF_TURMOIL: usize = 100;

/// The first load so many times in one simulator, or so many calls at once: what runs under a profiler.
pub(crate) fn run_only(what: &str, many: &str) -> ExitCode {
    let pass = PASSES.iter().find(|(name, _)| *name == what);
    match (pass, many.parse::<usize>()) {
        (Some((_, pass)), Ok(many)) => (0..many).for_each(|_| {
            pass(LOADS[0].1);
        }),
        (None, Ok(many)) if what == "calls" => {
            if let Err(error) = calls::calls(many, 20, false) {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// The event loop by itself and with IP around it, beside turmoil's.
fn bare(report: &mut Report) -> Result<(), String> {
    report.say(&format!(
        "{:28} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "thousand datagrams a second", "on way", "turmoil", "loop", "network", "shaped", "loop/t."
    ));
    let mut nanos = Vec::new();
    for (name, load) in LOADS {
        let mut times = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            for turn in 0..PASSES.len() {
                let at = (turn + round) % PASSES.len();
                let (who, pass) = PASSES[at];
                if who == "turmoil" && load.leaves > MOST_OF_TURMOIL {
                    continue;
                }
                report.doing(&format!("{name}, round {} of {ROUNDS}: {who}", round + 1));
                let began = Cpu::now();
                let arrived = pass(load);
                let cpu = began.elapsed().as_secs_f64();
                // Links that lose lose one in a hundred.
                let least = if who == "shaped" { 0.97 } else { 1.0 };
                let share = arrived as f64 / load.datagrams as f64;
                if share < least || share > 1.0 {
                    let all = load.datagrams;
                    return Err(format!("{who}, {name}: {arrived} of {all} arrived"));
                }
                times[at].push(cpu / load.datagrams as f64);
            }
        }
        report.doing("");
        let rounds = times[0].iter().zip(&times[1]);
        let ratios: Vec<f64> = rounds.map(|(turmoil, own)| turmoil / own).collect();
        let ratio = (!ratios.is_empty()).then(|| median(ratios));
        let speeds = times.map(|times| (!times.is_empty()).then(|| 1.0 / median(times)));
        let or_dash = |value: Option<f64>, digits| {
            value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let [turmoil, own, network, shaped] =
            speeds.map(|speed| or_dash(speed.map(|speed| speed / 1e3), 0));
        report.say(&format!(
            "{name:28} {:>9} {turmoil:>9} {own:>9} {network:>9} {shaped:>9} {:>9}",
            load.in_flight(),
            or_dash(ratio, 1)
        ));
        report.rows.push(json!({
            "case": name, "in_flight": load.in_flight(), "unit": "datagrams/s",
            "turmoil": speeds[0], "loop": speeds[1], "network": speeds[2], "shaped": speeds[3],
            "loop_over_turmoil": ratio,
        }));
        if let Some(ratio) = ratio {
            report.goals.push(Goal {
                what: format!("the event loop {name}, log on, beside turmoil"),
                is: ratio,
                at_least: true,
                bound: TIMES_TURMOIL,
            });
        }
        nanos.push(speeds[2].map_or(f64::NAN, f64::recip));
    }
    report.goals.push(Goal {
        what: "a datagram's cost to 1,000 ends over IP, of that to 10".to_owned(),
        is: nanos[3] / nanos[1],
        at_least: false,
        bound: GROWTH,
    });
    Ok(())
}

/// Calls: one, with more and less kept, and many at once.
fn call(report: &mut Report) -> Result<(), String> {
    report.say(&format!(
        "\n{:28} {:>9} {:>9} {:>9}",
        "simulated seconds of calls", "a second", "packets/s", "µs/packet"
    ));
    let rows = [
        ("1 call, log", 1, 60, false),
        ("1 call, log and traces", 1, 60, true),
        ("10 calls at once", 10, 30, false),
        ("100 calls at once", 100, 20, false),
        ("500 calls at once", 500, 20, false),
    ];
    let mut speeds = Vec::new();
    for (name, calls, seconds, traces) in rows {
        // Long runs are their own average.
        let rounds = if calls >= 100 { 1 } else { ROUNDS };
        let mut costs = Vec::new();
        for round in 0..rounds {
            report.doing(&format!("{name}, round {} of {rounds}", round + 1));
            costs.push(calls::calls(calls, seconds, traces)?);
        }
        report.doing("");
        let per = |part: fn(&Cost) -> f64| {
            median(
                costs
                    .iter()
                    .map(|cost| part(cost) / cost.cpu.as_secs_f64())
                    .collect(),
            )
        };
        let (speed, packets) = (per(|cost| cost.done), per(|cost| cost.packets as f64));
        report.say(&format!(
            "{name:28} {speed:>9.0} {packets:>9.0} {:>9.2}",
            1e6 / packets
        ));
        report.rows.push(json!({
            "case": name, "unit": "simulated s/s", "speed": speed, "packets_per_second": packets,
        }));
        speeds.push(speed);
    }
    report.goals.push(Goal {
        what: "a two-way call with QUIC and TLS, log on: simulated seconds a second".to_owned(),
        is: speeds[0],
        at_least: true,
        bound: CALL_SPEED,
    });
    report.goals.push(Goal {
        what: "a call's cost beside 499 others, of that alone".to_owned(),
        is: speeds[0] / speeds[4],
        at_least: false,
        bound: GROWTH,
    });
    Ok(())
}

/// Rooms of ten, of a hundred, and ten of a hundred.
fn room(report: &mut Report) -> Result<(), String> {
    report.say(&format!(
        "\n{:28} {:>14} {:>14}",
        "µs, clients in rooms", "client-second", "message heard"
    ));
    let mut heard = Vec::new();
    for clients in [10, 100, 1_000] {
        report.doing(&format!("{clients} clients"));
        let (silence, speech) = calls::rooms(clients)?;
        report.doing("");
        let micros = |cost: &Cost| cost.cpu.as_secs_f64() * 1e6 / cost.done;
        let rooms = clients.div_ceil(duet_protocol::limits::MAX_MEMBERS);
        let name = format!("{clients} in {rooms}");
        report.say(&format!(
            "{name:28} {:>14.1} {:>14.1}",
            micros(&silence),
            micros(&speech)
        ));
        report.rows.push(json!({
            "case": format!("{clients} clients in {rooms} rooms"), "unit": "µs",
            "client_second": micros(&silence), "message_heard": micros(&speech),
        }));
        heard.push(micros(&speech));
    }
    report.goals.push(Goal {
        what: "a message's cost beside 1,000 clients, of that beside 10".to_owned(),
        is: heard[2] / heard[0],
        at_least: false,
        bound: GROWTH,
    });
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
