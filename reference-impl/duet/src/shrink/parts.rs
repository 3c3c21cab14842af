//! Taking parts away.

use duet_sim::{FaultKind, OutageMode, Scenario};

use super::Shrinker;
use crate::failure;

/// Takes away expectations, faults, flows, steps and nodes, and what is said of them that need not be.
pub(super) fn remove(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = expectations(shrinker);
    changed |= shrinker.reduce(|all| all.faults.len(), Scenario::remove_fault);
    changed |= shrinker.reduce(|all| all.flows.len(), Scenario::remove_flow);
    changed |= shrinker.reduce(|all| all.steps.len(), Scenario::remove_step);
    changed |= shrinker.reduce(|all| all.nodes.len(), Scenario::remove_node);
    changed |= arguments(shrinker);
    changed |= faults(shrinker);
    changed |= tables(shrinker);
    changed
}

/// Whatever else was expected does not matter.
fn expectations(shrinker: &mut Shrinker<'_>) -> bool {
    let mut candidate = shrinker.best.clone();
    for index in failure::others(&candidate, &shrinker.failure)
        .into_iter()
        .rev()
    {
        candidate.remove_expectation(index);
    }
    shrinker.keep(candidate)
}

/// Arguments of steps that they can do without.
fn arguments(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    for index in 0..shrinker.best.steps.len() {
        for keys in [&["size"][..], &["length"], &["count", "every"]] {
            let mut candidate = shrinker.best.clone();
            let args = &mut candidate.steps[index].args;
            let gone = keys.iter().filter(|key| args.remove(**key).is_some());
            if gone.count() > 0 {
                changed |= shrinker.keep(candidate);
            }
        }
    }
    changed
}

/// Faults that do less.
fn faults(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    for index in 0..shrinker.best.faults.len() {
        for candidate in lesser(&shrinker.best, index) {
            changed |= shrinker.keep(candidate);
        }
    }
    changed
}

/// The scenario with a fault that does one thing less, for each thing that it does.
fn lesser(scenario: &Scenario, index: usize) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut FaultKind)| {
        let mut candidate = scenario.clone();
        change(&mut candidate.faults[index].kind);
        all.push(candidate);
    };
    match &scenario.faults[index].kind {
        FaultKind::Partition { from, to, both, .. } => {
            if *both {
                with(&|kind| {
                    if let FaultKind::Partition { both, .. } = kind {
                        *both = false;
                    }
                });
                with(&|kind| {
                    if let FaultKind::Partition { from, to, both, .. } = kind {
                        core::mem::swap(from, to);
                        *both = false;
                    }
                });
            }
            for gone in 0..from.len() + to.len() {
                with(&|kind| {
                    if let FaultKind::Partition { from, to, .. } = kind {
                        let (first, count) = (gone < from.len(), from.len());
                        match first {
                            true if from.len() > 1 => drop(from.remove(gone)),
                            false if to.len() > 1 => drop(to.remove(gone - count)),
                            _ => {}
                        }
                    }
                });
            }
        }
        FaultKind::Outage { link, .. } => {
            with(&|kind| {
                if let FaultKind::Outage { mode, .. } = kind {
                    *mode = OutageMode::Drop;
                }
            });
            if !link.both {
                return all;
            }
            for backward in [false, true] {
                with(&|kind| {
                    if let FaultKind::Outage { link, .. } = kind {
                        link.both = false;
                        if backward {
                            (link.from, link.to) = (link.to, link.from);
                        }
                    }
                });
            }
        }
        FaultKind::Handover { .. } => {
            with(&|kind| {
                if let FaultKind::Handover { mode, .. } = kind {
                    *mode = OutageMode::Drop;
                }
            });
            with(&|kind| {
                if let FaultKind::Handover { set, .. } = kind {
                    *set = duet_sim::LinkChange::default();
                }
            });
            with(&|kind| {
                if let FaultKind::Handover { new_address, .. } = kind {
                    *new_address = false;
                }
            });
        }
        _ => {}
    }
    all
}

/// What is said of media, and the script's table.
fn tables(shrinker: &mut Shrinker<'_>) -> bool {
    let mut candidate = shrinker.best.clone();
    candidate.media.clear();
    let mut changed = shrinker.keep(candidate);
    let mut candidate = shrinker.best.clone();
    candidate.script.clear();
    changed |= shrinker.keep(candidate);
    changed
}
