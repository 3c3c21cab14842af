//! Losses, damage and copies have causes that the configuration has.

use super::plan::{Phase, Plan};
use super::row::{Entry, first_missing};
use super::{Breaches, Rule};
use crate::link::{Cause, Discipline, Limit, LinkConfig, Loss, Policer};
use crate::probability::Probability;

pub(super) fn check(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    let known = |entry: &&Entry<'_>| entry.left.max(entry.offered) < plan.unknown_from;
    for entry in entries.iter().filter(known) {
        // What is decided when it comes, and what when it goes on behind the transmitter.
        let coming = || plan.during(entry.offered, entry.offered);
        let going = || plan.during(entry.left, plan.released(entry.left).1);
        let mut add = |what: &str| {
            let what = format!("{} {} {what}", plan.name, entry.number);
            breaches.add(entry.line, Rule::Cause, what);
        };
        if entry.damaged && going().all(|config| config.corrupt.probability == Probability::NEVER) {
            add("is damaged, and nothing damages packets");
        }
        if entry.copy {
            if going().all(|config| config.duplicate.probability == Probability::NEVER) {
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
        if coming().all(|config| config.mtu.is_some_and(|mtu| entry.size > mtu)) {
            add("is larger than the MTU");
        }
        if coming().all(|config| listed(config, entry)) && cause != Some(Cause::ListedLoss) {
            add("is not lost, though it is listed");
        }
        if entry.was_sent()
            && cause != Some(Cause::AirListedLoss)
            && going().all(|config| names(&config.air_loss, entry))
        {
            add("is not lost on the air, though it is listed");
        }
    }
    policer(plan, entries, breaches);
}

/// Whether a cause can have befallen a packet.
fn possible(plan: &Plan<'_>, entry: &Entry<'_>, cause: Cause) -> bool {
    let until = plan.released(entry.left).1;
    let coming = |able: &dyn Fn(&LinkConfig) -> bool| {
        let mut configs = plan.during(entry.left, entry.left);
        configs.any(able)
    };
    let going = |able: &dyn Fn(&LinkConfig) -> bool| {
        let mut configs = plan.during(entry.left, until);
        configs.any(able)
    };
    match cause {
        Cause::RandomLoss => coming(&|config| at_random(&config.loss, entry, false)),
        Cause::BurstLoss => coming(&|config| at_random(&config.loss, entry, true)),
        Cause::ListedLoss => coming(&|config| listed(config, entry)),
        Cause::AirLoss => going(&|config| at_random(&config.air_loss, entry, false)),
        Cause::AirBurstLoss => going(&|config| at_random(&config.air_loss, entry, true)),
        Cause::AirListedLoss => going(&|config| names(&config.air_loss, entry)),
        Cause::TooBig => coming(&|config| config.mtu.is_some_and(|mtu| entry.size > mtu)),
        Cause::Policed => coming(&|config| config.policer.is_some()),
        Cause::QueueFull => {
            let limited = |config: &LinkConfig| {
                let fair = matches!(config.queue.discipline, Discipline::FqCoDel(_));
                fair || config.queue.limit != Limit::None
            };
            coming(&limited) && !plan.is_unlimited()
        }
        Cause::QueueEarly => coming(&|config| {
            matches!(
                config.queue.discipline,
                Discipline::CoDel(_)
                    | Discipline::FqCoDel(_)
                    | Discipline::Red(_)
                    | Discipline::Pie(_)
            )
        }),
        Cause::Down => plan.drops.iter().any(|down| {
            let before = entry.offered < down.to || (down.commanded && entry.offered == down.to);
            down.from <= entry.offered && before
        }),
    }
}

/// Whether a model can lose a packet at random, in its bad state or outside of it.
fn at_random(model: &Loss, entry: &Entry<'_>, burst: bool) -> bool {
    let probability = match model {
        Loss::Only { classes, model } => {
            return classes.contains(entry.class) && at_random(model, entry, burst);
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

/// Whether a packet is to be lost before the queue whatever happens.
fn listed(config: &LinkConfig, entry: &Entry<'_>) -> bool {
    config.drop.contains(&entry.number) || names(&config.loss, entry)
}

/// Whether a list or a pattern names a packet.
fn names(model: &Loss, entry: &Entry<'_>) -> bool {
    match model {
        Loss::List(numbers) => numbers.contains(&entry.number),
        Loss::Bitmap(bitmap) => bitmap.loses(entry.number),
        Loss::Only { classes, model } => classes.contains(entry.class) && names(model, entry),
        _ => false,
    }
}

/// A bucket that leaks at the rate never runs over by what passes.
fn policer(plan: &Plan<'_>, entries: &[Entry<'_>], breaches: &mut Breaches) {
    let same = |a: &Phase<'_>, b: &Phase<'_>| a.config.policer == b.config.policer;
    if plan.always(|config| config.policer.is_none()) {
        return;
    }
    let earlier = [
        Cause::Down,
        Cause::TooBig,
        Cause::RandomLoss,
        Cause::BurstLoss,
        Cause::ListedLoss,
    ];
    let mut met: Vec<&Entry<'_>> = entries
        .iter()
        .filter(|entry| !entry.copy && !entry.reliable && entry.offered < plan.unknown_from)
        .filter(|entry| {
            entry
                .end
                .err()
                .is_none_or(|cause| !earlier.contains(&cause))
        })
        .collect();
    met.sort_by_key(|entry| entry.number);
    let still_inside = first_missing(entries);
    for run in plan.phases.chunk_by(same) {
        if let (Some(first), Some(last)) = (run.first(), run.last())
            && let Some(policer) = &first.config.policer
        {
            let here =
                |entry: &&&Entry<'_>| first.from <= entry.offered && entry.offered <= last.to;
            let bucket = Bucket {
                name: plan.name,
                policer,
                edges: [first.from, last.to],
                still_inside,
            };
            bucket.check(met.iter().filter(here).copied(), breaches);
        }
    }
}

struct Bucket<'a> {
    name: &'a str,
    policer: &'a Policer,
    /// What comes at these instants may have met another policer, or none; not so at the beginning.
    edges: [u64; 2],
    still_inside: u64,
}

impl Bucket<'_> {
    fn check<'e>(&self, entries: impl Iterator<Item = &'e Entry<'e>>, breaches: &mut Breaches) {
        let rate = u128::from(self.policer.rate.bits_per_second());
        let full = u128::from(self.policer.burst) * 8_000_000_000;
        // Between what is certain to be in the bucket and what may be.
        let (mut least, mut most) = (0u128, 0u128);
        let mut last = 0;
        for entry in entries {
            let leaked = u128::from(entry.offered.saturating_sub(last)) * rate;
            least = least.saturating_sub(leaked);
            most = most.saturating_sub(leaked);
            last = entry.offered;
            let size = u128::from(entry.size) * 8_000_000_000;
            let passed = entry.end != Err(Cause::Policed);
            if entry.offered > 0 && self.edges.contains(&entry.offered) {
                most += if passed { size } else { 0 };
                continue;
            }
            // Those that passed and are still inside have taken their tokens, too.
            let unsure = !passed && entry.number > self.still_inside;
            let wrong = match passed {
                true => least + size > full,
                false => most + size <= full && !unsure,
            };
            if wrong {
                let what = match passed {
                    true => "passes a policer that is exhausted",
                    false => "is dropped by a policer that has tokens",
                };
                let what = format!("{} {} {what}", self.name, entry.number);
                breaches.add(entry.line, Rule::Cause, what);
            }
            if passed {
                least += size;
                most += size;
            }
        }
    }
}
