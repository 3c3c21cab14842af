//! `duet impair` in real time against its model: delay, loss and rate through the proxy and over the bridge, each beside a
//! control whose packets go by turns with the others, the same way, through a network that does nothing.
//!
//! The model is played the instants at which packets really came in. So what it says of a packet holds however busy
//! the machine is: who is lost, and when the others arrive. What the machine adds, it adds to the control as well, and to
//! the clock that wakes the sender; it is judged beside these.

mod course;
mod model;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use duet_sim::{Scenario, Time};
use serde_json::json;

use crate::goals::{Goal, Report};
use course::{By, Course};

/// What may lie between a packet's instant and its arrival at the socket, of what the control takes from socket to socket
/// and the clock takes to wake a sleeper, together: for half of all packets, nine in ten, 99 in a hundred. In the control
/// a packet wakes the network and then its receiver; here the clock wakes the network in between. The last of a hundred
/// are a busy machine's few pauses, which meet the one more than the other.
const OF_CONTROL: [f64; 3] = [2.0, 2.0, 4.0];

/// Standard deviations within which a number of losses lies, but for one run in a thousand.
const DEVIATIONS: f64 = 3.29;

/// How far a rate may be from the model's, in percent.
const RATE: f64 = 1.0;

/// Bytes of IPv4's and UDP's headers.
const HEADERS: usize = 28;

struct Case {
    name: &'static str,
    /// Of the link, in a scenario's words.
    link: &'static str,
    /// The probability with which each packet is lost, where each is for itself.
    loss: Option<f64>,
    /// Whether the link is what bounds the rate.
    full: bool,
    packets: u32,
    /// Bytes of payload.
    size: usize,
    gap: Duration,
}

const CASES: [Case; 3] = [
    Case {
        name: "20 ms, loss 5 %",
        link: "delay = \"20 ms\"\nloss = \"5 %\"",
        loss: Some(0.05),
        full: false,
        packets: 3_000,
        size: 172,
        gap: Duration::from_millis(1),
    },
    Case {
        name: "bursts of loss, jitter",
        link: "delay = \"10 ms\"\njitter = { kind = \"uniform\", max = \"20 ms\", reorders = true }\n\
               loss = { enter = \"2 %\", leave = \"25 %\", good = \"0 %\", bad = \"100 %\" }",
        loss: None,
        full: false,
        packets: 3_000,
        size: 172,
        gap: Duration::from_millis(1),
    },
    Case {
        name: "3 Mb/s into 2, queue 30 kB",
        link: "rate = \"2 Mb/s\"\nqueue = \"30 kB\"\ndelay = \"5 ms\"",
        loss: None,
        full: true,
        packets: 1_500,
        size: 972,
        gap: Duration::from_micros(2_667),
    },
];

/// Measures everything; with `check` the exit code says whether all goals are reached.
pub(crate) fn bench(check: bool, json: bool) -> ExitCode {
    let mut report = Report::new("impair", json);
    if let Err(error) = course::heed_interrupts() {
        eprintln!("error: cannot listen for signals: {error}");
        return ExitCode::FAILURE;
    }
    report.say(&format!(
        "{:6} {:26} {:>5} {:>11} {:>20} {:>20} {:>16} {:>16} {:>16} {:>11}",
        "", "", "", "lost", "ms", "of the model", "µs after it", "µs, control", "µs, clock", "kb/s"
    ));
    report.say(&format!(
        "{:6} {:26} {:>5} {:>11} {:>20} {:>20} {:>16} {:>16} {:>16} {:>11}",
        "by",
        "network",
        "sent",
        "(model)",
        "p50 p90 p99",
        "p50 p90 p99",
        "p50 p90 p99",
        "p50 p90 p99",
        "p50 p90 p99",
        "(model)"
    ));
    for (by, called) in [(By::Proxy, "proxy"), (By::Bridge, "tun")] {
        // The rights that it takes are not everywhere.
        if by == By::Bridge
            && let Err(missing) = course::try_bridge()
        {
            eprintln!("skipped: {called}: {missing}");
            report
                .rows
                .push(json!({ "by": called, "skipped": missing }));
            continue;
        }
        for case in &CASES {
            report.doing(&format!("{called}: {}", case.name));
            let done = scenarios(case).and_then(|[impaired, control]| {
                let (courses, late) =
                    course::run(by, [&impaired, &control], case.packets, case.size, case.gap)?;
                judge(&mut report, called, case, &impaired, &courses, &late)
            });
            report.doing("");
            if let Err(error) = done {
                eprintln!("error: {called}, {}: {error}", case.name);
                return ExitCode::FAILURE;
            }
        }
    }
    report.end(check)
}

/// The case's network, and the control's.
fn scenarios(case: &Case) -> Result<[Scenario; 2], String> {
    let scenario = |link: &str| {
        let text = format!(
            "name = \"bench\"\nduration = \"1 s\"\nseed = 7\n[[node]]\nname = \"a\"\nrole = \"client\"\n\
             [[node]]\nname = \"b\"\nrole = \"server\"\n[[link]]\nfrom = \"a\"\nto = \"b\"\n{link}\n"
        );
        Scenario::parse(&text, "bench").map_err(|error| error.to_string())
    };
    Ok([scenario(case.link)?, scenario("")?])
}

/// One line of the table, and its goals.
fn judge(
    report: &mut Report,
    by: &str,
    case: &Case,
    scenario: &Scenario,
    [course, control]: &[Course; 2],
    late: &[Duration],
) -> Result<(), String> {
    for (course, what) in [(course, "the network"), (control, "the control")] {
        let overrun = course.summary.overrun + course.summary.unsent;
        if overrun > 0 {
            return Err(format!(
                "{overrun} packets of {what} were lost by the system"
            ));
        }
    }
    let model = model::play(scenario, &course.log, case.size)?;
    let sent = course.sent.len();
    if model.offered.len() != sent {
        let came = model.offered.len();
        return Err(format!("{came} of {sent} packets came to the network"));
    }
    // Who is lost here and not there, or there and not here, or comes twice.
    let mut arrived = vec![0u32; sent];
    for (number, _) in &course.received {
        *arrived
            .get_mut(*number as usize)
            .ok_or("no packet of ours")? += 1;
    }
    let others = (0u32..)
        .zip(&arrived)
        .filter(|(number, times)| **times != u32::from(model.arrives.contains_key(number)));
    let others = others.count();
    let (mut delays, mut models, mut behind, mut early) = (vec![], vec![], vec![], 0);
    for (number, at) in &course.received {
        let index = *number as usize;
        let Some(arrives) = model.arrives.get(number) else {
            continue;
        };
        let delay = micros(at.saturating_duration_since(course.sent[index]));
        let modelled = micros(arrives.since(model.offered[index]));
        early += usize::from(delay < modelled);
        delays.push(delay);
        models.push(modelled);
        behind.push(delay - modelled);
    }
    let taken = control
        .received
        .iter()
        .map(|(number, at)| micros(at.saturating_duration_since(control.sent[*number as usize])));
    let late = late.iter().copied().map(micros).collect();
    let [delays, models, behind, taken, late] =
        [delays, models, behind, taken.collect(), late].map(quantiles);
    let lost = arrived.iter().filter(|times| **times == 0).count();
    let modelled_lost = sent - model.arrives.len();
    let bits = ((case.size + HEADERS) * 8) as f64;
    let instants: Vec<Instant> = course.received.iter().map(|(_, at)| *at).collect();
    let span = |instants: &[Instant]| {
        let (first, last) = (instants.iter().min(), instants.iter().max());
        first
            .zip(last)
            .map_or(0.0, |(first, last)| (*last - *first).as_secs_f64())
    };
    let rate = bits * (instants.len() as f64 - 1.0) / span(&instants) / 1e3;
    let (first, last) = (model.arrives.values().min(), model.arrives.values().max());
    let modelled_span = first
        .zip(last)
        .map_or(0.0, |(first, last)| seconds(*first, *last));
    let modelled_rate = bits * (model.arrives.len() as f64 - 1.0) / modelled_span / 1e3;
    let in_millis = |quantiles: [f64; 3]| {
        let [one, two, three] = quantiles.map(|micros| micros / 1e3);
        format!("{one:.2} {two:.2} {three:.2}")
    };
    let in_micros = |[one, two, three]: [f64; 3]| format!("{one:.0} {two:.0} {three:.0}");
    report.say(&format!(
        "{by:6} {:26} {sent:>5} {:>11} {:>20} {:>20} {:>16} {:>16} {:>16} {:>11}",
        case.name,
        format!("{lost} ({modelled_lost})"),
        in_millis(delays),
        in_millis(models),
        in_micros(behind),
        in_micros(taken),
        in_micros(late),
        format!("{rate:.0} ({modelled_rate:.0})"),
    ));
    report.rows.push(json!({
        "by": by, "case": case.name, "sent": sent, "lost": lost, "model_lost": modelled_lost,
        "not_as_modelled": others, "early": early, "control_lost": control.sent.len() - control.received.len(),
        "delay_us": delays, "model_delay_us": models, "after_model_us": behind, "control_us": taken, "clock_us": late,
        "rate_kbps": rate, "model_rate_kbps": modelled_rate, "quantiles": [50, 90, 99],
    }));
    let mut at_most = |what: &str, is: f64, bound: f64| {
        let what = format!("{by}, {}: {what}", case.name);
        report.goals.push(Goal {
            what,
            is,
            at_least: false,
            bound,
        });
    };
    at_most("packets whose fate is not the model's", others as f64, 0.0);
    at_most("packets before the model's instant", early as f64, 0.0);
    let control_lost = control.sent.len().abs_diff(control.received.len());
    at_most("packets that the control lost", control_lost as f64, 0.0);
    if let Some(loss) = case.loss {
        let (all, expected) = (sent as f64, sent as f64 * loss);
        let deviation = (all * loss * (1.0 - loss)).sqrt();
        let off = (lost as f64 - expected).abs() / deviation;
        at_most("losses, standard deviations off", off, DEVIATIONS);
    }
    for (index, share) in ["p50", "p90", "p99"].into_iter().enumerate() {
        let what = format!("{share} after the model, of the control's and the clock's {share}");
        let beside = behind[index] / (taken[index] + late[index]);
        at_most(&what, beside, OF_CONTROL[index]);
    }
    if case.full {
        let off = (rate / modelled_rate - 1.0).abs() * 100.0;
        at_most("rate, percent off the model's", off, RATE);
    }
    Ok(())
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

fn seconds(from: Time, to: Time) -> f64 {
    to.since(from).as_secs_f64()
}

/// What half of them, nine in ten and 99 in a hundred do not exceed.
fn quantiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.5, 0.9, 0.99].map(|share| {
        let rank = (values.len() as f64 * share).ceil() as usize;
        values
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    })
}
