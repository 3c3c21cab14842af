//! The room in the queue: what waits or is being sent, by the times in the log.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;

use super::plan::{Plan, Speed};
use super::row::{Entry, first_missing};
use super::{Breaches, Rule};
use crate::link::{Cause, Discipline, Limit, LinkConfig, RateOf};

/// The most that a queue may hold at some time.
#[derive(Clone, Copy, Debug, Default)]
struct Most {
    bytes: Option<u64>,
    packets: Option<u64>,
}

pub(super) fn check(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    if plan.is_unlimited() {
        return;
    }
    let tells = |entry: &&Entry<'_>| {
        let takes_part =
            entry.was_sent() || matches!(entry.end, Err(Cause::QueueFull | Cause::QueueEarly));
        takes_part && !entry.copy
    };
    let mut coming: Vec<(u64, bool, u64, &Entry<'_>)> = entries
        .iter()
        .filter(tells)
        .map(|entry| {
            let at = plan.enters(entry.offered, entry.reliable);
            // What waited out an outage goes before what comes at its end.
            (at, at == entry.offered, entry.number, entry)
        })
        .collect();
    coming.sort_by_key(|(at, new, number, _)| (*at, *new, *number));
    let refuses = |at| {
        let refusing = |config: &LinkConfig| {
            matches!(
                config.queue.discipline,
                Discipline::DropTail
                    | Discipline::CoDel(_)
                    | Discipline::Red(_)
                    | Discipline::Pie(_)
            )
        };
        plan.during(at, at).all(refusing)
    };
    let still_inside = first_missing(entries);
    // When they leave, their bytes, and when they began to.
    let mut inside: BinaryHeap<Reverse<(u64, u64, u64)>> = BinaryHeap::new();
    let mut bytes = 0u64;
    for (at, _, number, entry) in coming {
        if at >= plan.unknown_from {
            return;
        }
        while let Some(Reverse((left, size, _))) = inside.peek().copied()
            && left <= at
        {
            inside.pop();
            bytes -= size;
        }
        let most = most(plan, at);
        let (with, count) = (bytes.saturating_add(entry.size), inside.len() as u64 + 1);
        let fits = most.bytes.is_none_or(|most| with <= most)
            && most.packets.is_none_or(|most| count <= most);
        if refuses(at) && entry.end == Err(Cause::QueueFull) && entry.left <= at {
            if fits && number < still_inside && knows(plan, at) {
                let what = format!(
                    "{} {number} is dropped with {bytes} bytes inside",
                    plan.name
                );
                breaches.add(entry.line, Rule::Overfull, what);
            }
            continue;
        }
        // PIE drops what comes; what goes later was dropped by what took its place.
        let on_arrival = entry.left <= at;
        if entry.end == Err(Cause::QueueEarly) && on_arrival && number < still_inside {
            let waiting = inside.iter().filter(|inside| inside.0.2 >= at);
            let waiting: u64 = waiting.map(|inside| inside.0.1).sum();
            if let Some(why) = spared(plan, at, waiting) {
                breaches.add(
                    entry.line,
                    Rule::Cause,
                    format!("{} {number} {why}", plan.name),
                );
            }
        }
        if entry.left <= at {
            continue;
        }
        bytes = with;
        inside.push(Reverse((entry.left, entry.size, entry.started)));
        if !fits && !entry.reliable {
            let what = format!(
                "{} {number} makes {bytes} bytes, {count} packets inside",
                plan.name
            );
            breaches.add(entry.line, Rule::Overfull, what);
        }
    }
}

/// Why a packet cannot have been dropped early that finds at most so many bytes waiting: PIE drops none while no more
/// than two usual packets wait, nor before its burst allowance can have been used up.
fn spared(plan: &Plan<'_>, at: u64, waiting: u64) -> Option<String> {
    let now = plan.phases.iter().rev();
    let mut now = now.skip_while(|phase| at < phase.from);
    let phase = now
        .next()
        .filter(|phase| phase.from < at && at < phase.to)?;
    let Discipline::Pie(pie) = &phase.config.queue.discipline else {
        return None;
    };
    if waiting <= pie.mean_packet.saturating_mul(2) {
        return Some(format!("is dropped early with {waiting} bytes waiting"));
    }
    let same =
        now.take_while(|before| before.config.queue.discipline == phase.config.queue.discipline);
    let begun = same.last().unwrap_or(phase).from;
    // The first update is less than its period after the first packet.
    let least = pie.max_burst.saturating_sub(pie.update);
    let used_up = u128::from(begun) + least.as_nanos();
    (u128::from(at) < used_up).then(|| "is dropped early within the burst allowance".to_owned())
}

/// Whether the limit at an instant is certain.
fn knows(plan: &Plan<'_>, at: u64) -> bool {
    let mut configs = plan.during(at, at);
    let (Some(config), None) = (configs.next(), configs.next()) else {
        return false; // between two
    };
    match config.queue.limit {
        Limit::Span {
            of: RateOf::Current,
            ..
        } => matches!(plan.speed(at), Speed::Bits(_) | Speed::Trace(_)),
        _ => true,
    }
}

/// The most at an instant; between two configurations, the more generous.
fn most(plan: &Plan<'_>, at: u64) -> Most {
    let larger = |a: Option<u64>, b: Option<u64>| Some(a?.max(b?));
    let all = plan.during(at, at).map(|config| most_of(plan, config, at));
    let both = all.reduce(|a, b| Most {
        bytes: larger(a.bytes, b.bytes),
        packets: larger(a.packets, b.packets),
    });
    both.unwrap_or_default()
}

fn most_of(plan: &Plan<'_>, config: &LinkConfig, at: u64) -> Most {
    let mut most = Most::default();
    if let Discipline::FqCoDel(fq) = &config.queue.discipline
        && !plan.shared
    {
        most.packets = Some(fq.packets.saturating_add(1));
    }
    match config.queue.limit {
        Limit::None => {}
        Limit::Bytes(bytes) => most.bytes = Some(bytes),
        Limit::Packets(packets) => {
            most.packets = Some(most.packets.map_or(packets, |other| other.min(packets)));
        }
        Limit::Span { span, of } => {
            let mean = config.trace.as_ref().map(|trace| {
                let bits = trace.count() as u128 * 12_000 * 1_000_000_000;
                ((bits / trace.period().as_nanos().max(1)) as u64).max(1)
            });
            let first = config.rate.map(|rate| rate.bits_per_second());
            let rate = match of {
                RateOf::Reference => {
                    let named = config.reference.map(|rate| rate.bits_per_second());
                    named.or(mean).or(first)
                }
                RateOf::Physical => {
                    let steps = config.rates.iter().filter_map(|step| step.rate);
                    let all = steps.map(|rate| rate.bits_per_second()).chain(first);
                    mean.or(all.max())
                }
                RateOf::Current => mean.or(match plan.speed(at) {
                    Speed::Bits(bits) => Some(bits),
                    Speed::Unlimited | Speed::Stopped | Speed::Trace(_) => None,
                }),
            };
            most.bytes = rate.map(|rate| bytes_in(span, rate));
        }
    }
    most
}

/// Whole bytes that a rate sends in a span.
fn bytes_in(span: Duration, rate: u64) -> u64 {
    let bits = span.as_nanos() * u128::from(rate) / 1_000_000_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}
