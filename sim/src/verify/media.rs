//! On a shared medium one sends at a time, and someone does while anyone waits.

use std::collections::BTreeMap;

use super::row::Entry;
use super::{Breaches, Rule};
use crate::link::MediumConfig;

/// What one link sends in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn<'a> {
    from: u64,
    to: u64,
    link: &'a str,
    packets: u32,
    line: usize,
    bytes: u64,
    /// Since when one of its packets has waited, as far as that is certain.
    waits: u64,
}

/// `steady` has the links that always work, and how fast; see [`Plan::steady`](super::plan::Plan::steady).
pub(super) fn check<'a>(
    links: impl Iterator<Item = (&'a str, &'a Vec<Entry<'a>>)>,
    config: &MediumConfig,
    steady: &BTreeMap<&str, Option<u64>>,
    breaches: &mut Breaches,
) {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let mut all_steady = true;
    for (link, entries) in links {
        all_steady &= steady.contains_key(link);
        let begin = turns.len();
        for entry in entries.iter().filter(|e| e.was_sent() && !e.copy) {
            // A reliable one may have waited elsewhere, for the end of an outage.
            let waits = if entry.reliable {
                u64::MAX
            } else {
                entry.offered
            };
            match turns[begin..].last_mut() {
                Some(turn) if (turn.from, turn.to) == (entry.started, entry.left) => {
                    turn.packets += 1;
                    turn.bytes = turn.bytes.saturating_add(entry.size);
                    turn.waits = turn.waits.min(waits);
                }
                _ => turns.push(Turn {
                    from: entry.started,
                    to: entry.left,
                    link,
                    packets: 1,
                    line: entry.line,
                    bytes: entry.size,
                    waits,
                }),
            }
        }
    }
    turns.sort_unstable();
    let overhead = config.overhead.as_nanos() as u64;
    for turn in &turns {
        // Turns that take no time at all cannot be told apart.
        let counted = turn.from < turn.to || overhead > 0;
        if counted && turn.packets > config.max_packets.max(1) {
            let what = format!("{} sends {} packets at once", turn.link, turn.packets);
            breaches.add(turn.line, Rule::TooFast, what);
        }
        if let Some(rate) = steady.get(turn.link) {
            let work = u128::from(turn.bytes) * 8_000_000_000;
            // With what is left of a nanosecond.
            let most = rate.map_or(0, |rate| work / u128::from(rate) + 2);
            if u128::from(turn.to - turn.from.min(turn.to)) > most {
                let (link, from, to) = (turn.link, turn.from, turn.to);
                let what = format!("{link} sends {} bytes from {from} to {to}", turn.bytes);
                breaches.add(turn.line, Rule::Late, what);
            }
        }
    }
    let mut free = 0;
    for turn in &turns {
        let before = core::mem::replace(&mut free, turn.to);
        let by = before.max(turn.waits).saturating_add(overhead);
        if all_steady && turn.from > by {
            let what = format!("{} waits, and nobody sends until {}", turn.link, turn.from);
            breaches.add(turn.line, Rule::Late, what);
        }
    }
    for pair in turns.windows(2) {
        let (before, turn) = (pair[0], pair[1]);
        if turn.from < before.to.saturating_add(overhead) {
            let what = format!(
                "{} sends from {}, and {} until {}",
                turn.link, turn.from, before.link, before.to
            );
            breaches.add(turn.line, Rule::TooFast, what);
        }
    }
}
