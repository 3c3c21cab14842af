//! When things happen, and for how long.

use std::time::Duration;

use duet_sim::net::Faults;
use duet_sim::{Fault, FaultKind, Scenario, Time};

use super::Shrinker;
use crate::invariants::{RETURN, SETTLE};

/// What times are rounded to, if that will do: the first of these that does.
const ROUND: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_millis(100),
    Duration::from_millis(10),
    Duration::from_millis(1),
];

/// A pause that is no longer than this stays.
const PAUSE: Duration = Duration::from_secs(1);

/// Ends the run as soon as the failure is there; of one that is only noticed in the end, as soon as that can be.
pub(super) fn cut(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    let end = shrinker.best.duration;
    let mut ends = Vec::new();
    if let Some(at) = shrinker.found.at {
        let at = at.since(Time::ZERO) + ROUND[3];
        ends.extend(ROUND.iter().rev().skip(1).map(|unit| up(at, *unit)));
    }
    let steps = shrinker.best.steps.iter().map(|step| step.at);
    let last = steps.chain([Faults::of(&shrinker.best).last_at()]).max();
    let last = last.unwrap_or(Time::ZERO).since(Time::ZERO);
    for wait in [Duration::ZERO, RETURN, SETTLE] {
        ends.push(up(last + wait, ROUND[0]) + ROUND[0]);
    }
    ends.extend([up(end / 2, ROUND[0]), up(end * 3 / 4, ROUND[0])]);
    ends.sort_unstable();
    for sooner in ends {
        if sooner < end && !sooner.is_zero() {
            let mut candidate = shrinker.best.clone();
            candidate.duration = sooner;
            drop_later(&mut candidate);
            if shrinker.keep(candidate) {
                changed = true;
                break;
            }
        }
    }
    changed
}

/// Takes away what begins at the end or after it, which a scenario must not have.
fn drop_later(candidate: &mut Scenario) {
    let end = Time::ZERO.after(candidate.duration);
    let timeless = |fault: &Fault| matches!(fault.kind, FaultKind::Drop { .. });
    candidate
        .faults
        .retain(|fault| fault.at < end || timeless(fault));
    candidate.steps.retain(|step| step.at < end);
    for index in (0..candidate.flows.len()).rev() {
        if candidate
            .flows
            .get(index)
            .is_some_and(|flow| flow.start >= end)
        {
            candidate.remove_flow(index);
        }
    }
}

/// Shortens pauses and what lasts, and rounds all times.
pub(super) fn round(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = pauses(shrinker);
    let mut index = 0;
    // Those of links come last. A delay that grows is no simpler: it is another reason to fail, and hides the first.
    let lasting = of_faults(&mut shrinker.best.clone().faults).len();
    while let Some(span) = spans(&mut shrinker.best.clone())
        .get(index)
        .map(|span| **span)
    {
        let whole = Duration::from_secs(span.as_secs() / 2);
        let mut tries = vec![whole, span / 2];
        tries.extend(rounded(span));
        tries.retain(|other| index < lasting || *other < span);
        // What is shorter than the finest that is told apart is nothing.
        tries.retain(|shorter| shorter.is_zero() || *shorter >= ROUND[3]);
        changed |= first(shrinker, tries, |candidate, span| {
            if let Some(own) = spans(candidate).into_iter().nth(index) {
                *own = span;
            }
        });
        index += 1;
    }
    let mut index = 0;
    while let Some(at) = instants(&mut shrinker.best.clone())
        .get(index)
        .map(|at| **at)
    {
        let tries = rounded(at.since(Time::ZERO));
        changed |= first(shrinker, tries, |candidate, at| {
            if let Some(own) = instants(candidate).into_iter().nth(index) {
                *own = Time::ZERO.after(at);
            }
            candidate.steps.sort_by_key(|step| step.at);
        });
        index += 1;
    }
    changed
}

/// Lets what follows a long pause come earlier, with all that is after it.
fn pauses(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    let mut index = 0;
    loop {
        let mut best = shrinker.best.clone();
        let mut all: Vec<Time> = instants(&mut best).into_iter().map(|at| *at).collect();
        all.push(Time::ZERO);
        all.sort_unstable();
        all.dedup();
        let Some([before, after]) = all.get(index..index + 2) else {
            return changed;
        };
        let pause = after.since(*before);
        index += 1;
        if pause <= PAUSE {
            continue;
        }
        let tries = vec![PAUSE, pause / 4, pause / 2, pause * 3 / 4];
        let from = *after;
        changed |= first(shrinker, tries, |candidate, shorter| {
            let sooner = pause - shorter;
            for at in instants(candidate) {
                if *at >= from {
                    *at = Time::ZERO.after(at.since(Time::ZERO) - sooner);
                }
            }
            candidate.duration = candidate.duration.saturating_sub(sooner);
        });
    }
}

/// Keeps the first of these that will do.
fn first(
    shrinker: &mut Shrinker<'_>,
    tries: Vec<Duration>,
    set: impl Fn(&mut Scenario, Duration),
) -> bool {
    tries.into_iter().any(|span| {
        let mut candidate = shrinker.best.clone();
        set(&mut candidate, span);
        shrinker.keep(candidate)
    })
}

/// A span, rounded down and up, coarsely and then less so; nothing where it is round.
fn rounded(span: Duration) -> Vec<Duration> {
    let mut all = Vec::new();
    for unit in ROUND {
        let above = up(span, unit);
        if above == span {
            break;
        }
        all.extend([above - unit, above]);
    }
    all
}

fn up(span: Duration, unit: Duration) -> Duration {
    let times = span.as_nanos().div_ceil(unit.as_nanos());
    unit * u32::try_from(times).unwrap_or(u32::MAX)
}

/// All instants of a scenario that may be others.
fn instants(scenario: &mut Scenario) -> Vec<&mut Time> {
    let faults = scenario.faults.iter_mut();
    let timed = faults.filter(|fault| !matches!(fault.kind, FaultKind::Drop { .. }));
    let mut all: Vec<&mut Time> = timed.map(|fault| &mut fault.at).collect();
    all.extend(scenario.steps.iter_mut().map(|step| &mut step.at));
    for flow in &mut scenario.flows {
        all.push(&mut flow.start);
        all.extend(&mut flow.stop);
    }
    all
}

/// All spans of a scenario that may be shorter: those of faults, and then the delays of links.
fn spans(scenario: &mut Scenario) -> Vec<&mut Duration> {
    let mut all = of_faults(&mut scenario.faults);
    for link in &mut scenario.links {
        all.push(&mut link.config.delay);
        if let Some(back) = &mut link.back {
            all.push(&mut back.delay);
        }
    }
    all
}

/// How long faults last.
fn of_faults(faults: &mut [Fault]) -> Vec<&mut Duration> {
    let mut all = Vec::new();
    for fault in faults {
        match &mut fault.kind {
            FaultKind::Partition { lasts, .. }
            | FaultKind::Outage { lasts, .. }
            | FaultKind::Link { lasts, .. } => all.extend(lasts),
            FaultKind::Crash { restart_after, .. } => all.extend(restart_after),
            FaultKind::Handover { outage, .. } => all.push(outage),
            FaultKind::NatFlush { .. } | FaultKind::NatRenumber { .. } | FaultKind::Drop { .. } => {
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_coarsely_first() {
        let span = Duration::from_micros(1_234_500);
        let millis: Vec<u128> = rounded(span).iter().map(Duration::as_millis).collect();
        assert_eq!(
            millis,
            [1_000, 2_000, 1_200, 1_300, 1_230, 1_240, 1_234, 1_235]
        );
        assert!(rounded(Duration::from_secs(3)).is_empty());
        assert!(rounded(Duration::ZERO).is_empty());
    }
}
