//! Losses, damage and copies have causes that the configuration has.

use super::plan::Plan;
use super::row::{Entry, first_missing};
use super::{Breaches, Rule};
use crate::link::{Cause, Discipline, Limit, Loss};
use crate::probability::Probability;

pub(super) fn check(plan: &Plan<'_>, entries: &[Entry], breaches: &mut Breaches) {
    let config = plan.config;
    for entry in entries {
        let mut add = |what: &str| {
            let what = format!("{} {} {what}", plan.name, entry.number);
            breaches.add(entry.line, Rule::Cause, what);
        };
        if entry.damaged && config.corrupt.probability == Probability::NEVER {
            add("is damaged, and nothing damages packets");
        }
        if entry.copy {
            if config.duplicate.probability == Probability::NEVER {
                add("is a copy, and nothing copies packets");
            }
            continue;
        }
        if entry.reliable {
            if entry.end.is_err() || entry.damaged {
                add("is reliable, and was lost or damaged");
            }
            continue;
        }
        let cause = entry.end.err();
        if let Some(cause) = cause
            && !possible(plan, entry, cause)
        {
            add(&format!("cannot be lost for {cause}"));
        }
        // What must be lost, and is not, or for something that comes after that.
        let surely_down = plan.drops.iter().any(|down| {
            let after =
                down.from < entry.offered || (!down.commanded && down.from == entry.offered);
            after && entry.offered < down.to
        });
        if cause == Some(Cause::Down) {
            continue;
        }
        if surely_down {
            add("passes a link that is down");
        }
        if cause == Some(Cause::TooBig) {
            continue;
        }
        if config.mtu.is_some_and(|mtu| entry.size > mtu) {
            add("is larger than the MTU");
        }
        if names(&config.loss, entry) && cause != Some(Cause::ListedLoss) {
            add("is not lost, though it is listed");
        }
        if names(&config.air_loss, entry) && entry.was_sent() && cause != Some(Cause::AirListedLoss)
        {
            add("is not lost on the air, though it is listed");
        }
    }
    policer(plan, entries, breaches);
}

/// Whether a cause can have befallen a packet.
fn possible(plan: &Plan<'_>, entry: &Entry, cause: Cause) -> bool {
    let config = plan.config;
    let discipline = &config.queue.discipline;
    match cause {
        Cause::RandomLoss => at_random(&config.loss, entry, false),
        Cause::BurstLoss => at_random(&config.loss, entry, true),
        Cause::ListedLoss => names(&config.loss, entry),
        Cause::AirLoss => at_random(&config.air_loss, entry, false),
        Cause::AirBurstLoss => at_random(&config.air_loss, entry, true),
        Cause::AirListedLoss => names(&config.air_loss, entry),
        Cause::TooBig => config.mtu.is_some_and(|mtu| entry.size > mtu),
        Cause::Policed => config.policer.is_some(),
        Cause::QueueFull => {
            let fair = matches!(discipline, Discipline::FqCoDel(_));
            (fair || config.queue.limit != Limit::None) && !plan.is_unlimited()
        }
        Cause::QueueEarly => matches!(
            discipline,
            Discipline::CoDel(_) | Discipline::FqCoDel(_) | Discipline::Red(_)
        ),
        Cause::Down => plan.drops.iter().any(|down| {
            let before = entry.offered < down.to || (down.commanded && entry.offered == down.to);
            down.from <= entry.offered && before
        }),
    }
}

/// Whether a model can lose a packet at random, in its bad state or outside of it.
fn at_random(model: &Loss, entry: &Entry, burst: bool) -> bool {
    let probability = match model {
        Loss::Only { classes, model } => {
            return classes.contains(&entry.class) && at_random(model, entry, burst);
        }
        Loss::Independent(probability) if !burst => probability,
        Loss::GilbertElliott { good, bad, .. } | Loss::GilbertElliottTime { good, bad, .. } => {
            if burst {
                bad
            } else {
                good
            }
        }
        Loss::None | Loss::Independent(_) | Loss::List(_) | Loss::Bitmap(_) => return false,
    };
    *probability != Probability::NEVER
}

/// Whether a list or a pattern names a packet.
fn names(model: &Loss, entry: &Entry) -> bool {
    match model {
        Loss::List(numbers) => numbers.contains(&entry.number),
        Loss::Bitmap(bitmap) => bitmap.loses(entry.number),
        Loss::Only { classes, model } => classes.contains(&entry.class) && names(model, entry),
        _ => false,
    }
}

/// A bucket that leaks at the rate never runs over by what passes.
fn policer(plan: &Plan<'_>, entries: &[Entry], breaches: &mut Breaches) {
    let Some(policer) = plan.config.policer else {
        return;
    };
    let earlier = [
        Cause::Down,
        Cause::TooBig,
        Cause::RandomLoss,
        Cause::BurstLoss,
        Cause::ListedLoss,
    ];
    let mut met: Vec<&Entry> = entries
        .iter()
        .filter(|entry| !entry.copy && !entry.reliable)
        .filter(|entry| {
            entry
                .end
                .err()
                .is_none_or(|cause| !earlier.contains(&cause))
        })
        .collect();
    met.sort_by_key(|entry| entry.number);
    let rate = u128::from(policer.rate.bits_per_second());
    let full = u128::from(policer.burst) * 8_000_000_000;
    let still_inside = first_missing(entries);
    let mut level = 0u128;
    let mut last = 0;
    for entry in met {
        let leaked = u128::from(entry.offered.saturating_sub(last)) * rate;
        level = level.saturating_sub(leaked);
        last = entry.offered;
        let with = level + u128::from(entry.size) * 8_000_000_000;
        let passed = entry.end != Err(Cause::Policed);
        // Those that passed and are still inside have taken their tokens, too.
        let unsure = !passed && entry.number > still_inside;
        if passed != (with <= full) && !unsure {
            let what = match passed {
                true => "passes a policer that is exhausted",
                false => "is dropped by a policer that has tokens",
            };
            let what = format!("{} {} {what}", plan.name, entry.number);
            breaches.add(entry.line, Rule::Cause, what);
        }
        if passed {
            level = with;
        }
    }
}
