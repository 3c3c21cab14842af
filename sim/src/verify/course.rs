//! One fate each, nothing early, nothing faster than the rate, all in order.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::row::Entry;
use super::{Breaches, Rule};
use crate::link::{Cause, LinkConfig};
use crate::probability::Probability;

pub(super) fn check(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    fates(plan, entries, breaches);
    times(plan, entries, breaches);
    let mut sent: Vec<&Entry<'_>> = entries
        .iter()
        .filter(|entry| entry.was_sent() && !entry.copy)
        .collect();
    // Stable: what leaves together stays in the order of the log.
    sent.sort_by_key(|entry| entry.left);
    rate(plan, &sent, breaches);
    rest(plan, &sent, breaches);
    late(plan, &sent, breaches);
    order(plan, &sent, breaches);
}

fn fates(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    let name = plan.name;
    let mut originals: BTreeMap<u64, &Entry<'_>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.copy) {
        if originals.insert(entry.number, entry).is_some() {
            let what = format!("{name} {} has two fates", entry.number);
            breaches.add(entry.line, Rule::Twice, what);
        }
    }
    let mut copies: BTreeMap<u64, &Entry<'_>> = BTreeMap::new();
    for copy in entries.iter().filter(|entry| entry.copy) {
        let number = copy.number;
        if copies.insert(number, copy).is_some() {
            let what = format!("{name} {number} has two copies");
            breaches.add(copy.line, Rule::Twice, what);
        }
        let original = originals.get(&number);
        let after = original.and_then(|original| original.end.ok());
        let times = |config: &LinkConfig| {
            let later = config.duplicate.delay.as_nanos() as u64;
            after.map(|after| after.saturating_add(later))
        };
        let matches = original.is_some_and(|original| {
            (original.size, &original.class, original.left) == (copy.size, &copy.class, copy.left)
        });
        let mut configs = plan.during(copy.left, plan.released(copy.left).1);
        if !matches || !configs.any(|config| copy.end.ok() == times(config)) {
            let what = format!("{name} {number} is a copy of nothing that arrives when it should");
            breaches.add(copy.line, Rule::Created, what);
        }
    }
    let mut before: Option<&Entry<'_>> = None;
    for entry in originals.values() {
        if before.is_some_and(|before| before.offered > entry.offered) {
            let what = format!("{name} {} is offered before its predecessor", entry.number);
            breaches.add(entry.line, Rule::Created, what);
        }
        before = Some(entry);
    }
    if !plan.is_fifo() {
        return;
    }
    let last = originals.values().rev().find(|entry| entry.was_sent());
    let Some(last) = last else { return };
    let mut expected = 0;
    for number in originals
        .keys()
        .take_while(|number| **number <= last.number)
    {
        if *number != expected {
            let what = format!("{name} {expected} has no fate, and {number} has");
            breaches.add(originals[number].line, Rule::Missing, what);
        }
        expected = number + 1;
    }
}

fn times(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    for entry in entries {
        let Entry {
            line,
            number,
            offered,
            started,
            left,
            ..
        } = entry;
        let name = plan.name;
        if started < offered || left < started {
            let what =
                format!("{name} {number} is sent from {started} to {left}, offered {offered}");
            breaches.add(*line, Rule::Early, what);
        }
        let Ok(at) = entry.end else { continue };
        if *left >= plan.unknown_from {
            continue;
        }
        let earliest = plan.arrives(*left);
        if at < earliest {
            let what = format!("{name} {number} arrives at {at}, before {earliest}");
            breaches.add(*line, Rule::Early, what);
        }
    }
}

/// In any time in which the transmitter has no rest, no more leaves than it can send. `started` is rounded down and
/// `left` up, so that this holds to the bit.
fn rate(plan: &Plan<'_>, sent: &[&Entry<'_>], breaches: &mut Breaches) {
    let mut begin = 0;
    let mut work = 0u128;
    let mut before: Option<&Entry<'_>> = None;
    for entry in sent.iter().filter(|entry| entry.left < plan.unknown_from) {
        let name = plan.name;
        match before {
            Some(before) if entry.started <= before.left => {
                let together = (entry.started, entry.left) == (before.started, before.left);
                if entry.started.saturating_add(1) < before.left && !together {
                    let what = format!(
                        "{name} {} begins at {}, before {} has left at {}",
                        entry.number, entry.started, before.number, before.left
                    );
                    breaches.add(entry.line, Rule::TooFast, what);
                }
            }
            _ => (begin, work) = (entry.started, 0),
        }
        before = Some(entry);
        work += u128::from(entry.size) * 8_000_000_000;
        if let Some(capacity) = plan.capacity(begin, entry.left)
            && work > capacity
        {
            let what = format!(
                "{name} {}: {} bytes have left from {begin} to {}, and {} could",
                entry.number,
                work / 8_000_000_000,
                entry.left,
                capacity / 8_000_000_000
            );
            breaches.add(entry.line, Rule::TooFast, what);
            (begin, work) = (entry.left, 0); // once is enough
        }
    }
}

/// While anything waits, the transmitter works: nothing leaves later than all that leaves from the beginning of a busy
/// time on takes. `left` is rounded up, so that this holds to the bit.
fn rest(plan: &Plan<'_>, sent: &[&Entry<'_>], breaches: &mut Breaches) {
    if !plan.is_certain() {
        return;
    }
    // What is left of an opportunity serves who comes at its instant; of a nanosecond, it does not.
    let joins = u64::from(plan.is_traced());
    let mut begin = 0;
    let mut work = 0u128;
    let mut free = None;
    for entry in sent.iter().filter(|entry| entry.left < plan.unknown_from) {
        let entered = plan.enters(entry.offered, entry.reliable);
        let waited = free.is_some_and(|free: u64| entered < free.saturating_add(joins));
        if !waited {
            (begin, work) = (entered, 0);
        }
        free = Some(entry.left);
        work += u128::from(entry.size) * 8_000_000_000;
        if work > 0 && plan.done(begin, entry.left) >= work {
            let what = format!(
                "{} {} leaves at {}, and could before: the transmitter rests between {begin} and then",
                plan.name, entry.number, entry.left
            );
            breaches.add(entry.line, Rule::Late, what);
            free = None; // once is enough
        }
    }
}

/// Nothing takes longer than the delay and what varies it, unless the one before holds it back.
fn late(plan: &Plan<'_>, sent: &[&Entry<'_>], breaches: &mut Breaches) {
    let mut held = 0;
    for entry in sent.iter().filter(|entry| entry.left < plan.unknown_from) {
        let Ok(at) = entry.end else { continue };
        let arrival = plan.arrival(entry.left);
        let ordered = entry.reliable || !arrival.loose;
        let latest = match ordered {
            true => arrival.latest.max(held),
            false => arrival.latest,
        };
        if at > latest {
            let what = format!(
                "{} {} arrives at {at}, after {latest}",
                plan.name, entry.number
            );
            breaches.add(entry.line, Rule::Late, what);
            continue;
        }
        if ordered {
            held = held.max(at.saturating_add(arrival.holds_back(entry.size)));
        }
    }
}

fn order(plan: &Plan<'_>, sent: &[&Entry<'_>], breaches: &mut Breaches) {
    let name = plan.name;
    let loose = !plan.always(|config| {
        !config.jitter.reorders
            && config.reorder.every == 0
            && config.reorder.probability == Probability::NEVER
    });
    let mut latest: Option<(&Entry<'_>, u64)> = None;
    for entry in sent.iter().filter(|entry| !loose || entry.reliable) {
        let Ok(at) = entry.end else { continue };
        if let Some((before, then)) = latest
            && at < then
        {
            let what = format!("{name} {} overtakes {}", entry.number, before.number);
            breaches.add(entry.line, Rule::Order, what);
        }
        latest = Some((entry, at));
    }
    if !plan.is_fifo() {
        return;
    }
    for reliable in [false, true] {
        let mut before: Option<&Entry<'_>> = None;
        for entry in sent.iter().filter(|entry| entry.reliable == reliable) {
            if let Some(before) = before
                && entry.number < before.number
            {
                let what = format!("{name} {} leaves behind {}", entry.number, before.number);
                breaches.add(entry.line, Rule::Order, what);
            }
            before = Some(entry);
        }
    }
    debug_assert!(sent.iter().all(|entry| entry.end != Err(Cause::Down)));
}
