//! Losses by number in place of losses at random.

use duet_sim::{Fault, FaultKind, LinkChange, LinkRef, Loss, Place, Scenario, Time};

use super::Shrinker;

/// Whether some losses are still drawn.
pub(super) fn are_drawn(scenario: &Scenario) -> bool {
    let links = scenario.links.iter().flat_map(|link| link.directions());
    let by_links = links
        .into_iter()
        .any(|(.., config)| config.loss != Loss::None || config.air_loss != Loss::None);
    by_links
        || scenario.faults.iter().any(|fault| {
            let set = match &fault.kind {
                FaultKind::Link { set, .. } | FaultKind::Handover { set, .. } => set,
                _ => return false,
            };
            set.loss.is_some() || set.air_loss.is_some()
        })
}

/// Names the packets that were lost at random, and then as few of them as will do.
pub(super) fn by_number(shrinker: &mut Shrinker<'_>) -> bool {
    let mut changed = false;
    if are_drawn(&shrinker.best) {
        let mut candidate = shrinker.best.clone();
        nothing_drawn(&mut candidate);
        candidate
            .faults
            .retain(|fault| !matches!(fault.kind, FaultKind::Drop { .. }));
        let lost = shrinker.trial.lost.clone();
        for (number, ((from, to), packets)) in lost.into_iter().enumerate() {
            let both = false;
            candidate.faults.push(Fault {
                id: format!("drop-{}", number + 1),
                at: Time::ZERO,
                kind: FaultKind::Drop {
                    link: LinkRef { from, to, both },
                    packets: packets.into_iter().collect(),
                },
                place: Place::default(),
            });
        }
        changed |= shrinker.keep(candidate);
    }
    changed | shrinker.reduce(count, remove)
}

/// Takes all away that draws losses.
fn nothing_drawn(scenario: &mut Scenario) {
    for link in &mut scenario.links {
        for config in [Some(&mut link.config), link.back.as_mut()]
            .into_iter()
            .flatten()
        {
            (config.loss, config.air_loss) = (Loss::None, Loss::None);
        }
    }
    scenario.faults.retain_mut(|fault| match &mut fault.kind {
        FaultKind::Link { set, .. } => {
            (set.loss, set.air_loss) = (None, None);
            *set != LinkChange::default()
        }
        FaultKind::Handover { set, .. } => {
            (set.loss, set.air_loss) = (None, None);
            true
        }
        _ => true,
    });
}

/// The packets that are named, all lists together.
fn count(scenario: &Scenario) -> usize {
    let faults = scenario.faults.iter();
    faults
        .map(|fault| match &fault.kind {
            FaultKind::Drop { packets, .. } => packets.len(),
            _ => 0,
        })
        .sum()
}

/// Lets one packet pass, counted through all lists; a list without packets goes.
fn remove(scenario: &mut Scenario, index: usize) {
    let mut left = index;
    for fault in &mut scenario.faults {
        let FaultKind::Drop { packets, .. } = &mut fault.kind else {
            continue;
        };
        if left < packets.len() {
            packets.remove(left);
            break;
        }
        left -= packets.len();
    }
    let is_empty = |fault: &Fault| matches!(&fault.kind, FaultKind::Drop { packets, .. } if packets.is_empty());
    scenario.faults.retain(|fault| !is_empty(fault));
}
