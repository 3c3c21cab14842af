//! On a shared medium one sends at a time.

use super::row::Entry;
use super::{Breaches, Rule};
use crate::link::MediumConfig;

/// What one link sends in one go: from when, until when, which link, how many packets, and a line.
type Turn<'a> = (u64, u64, &'a str, u32, usize);

pub(super) fn check<'a>(
    links: impl Iterator<Item = (&'a str, &'a Vec<Entry<'a>>)>,
    config: &MediumConfig,
    breaches: &mut Breaches,
) {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (name, entries) in links {
        let begin = turns.len();
        for entry in entries.iter().filter(|e| e.was_sent() && !e.copy) {
            let times = (entry.started, entry.left);
            match turns[begin..].last_mut() {
                Some(turn) if (turn.0, turn.1) == times => turn.3 += 1,
                _ => turns.push((times.0, times.1, name, 1, entry.line)),
            }
        }
    }
    turns.sort_unstable();
    let overhead = config.overhead.as_nanos() as u64;
    for turn in &turns {
        // Turns that take no time at all cannot be told apart.
        let counted = turn.0 < turn.1 || overhead > 0;
        if counted && turn.3 > config.max_packets.max(1) {
            let what = format!("{} sends {} packets at once", turn.2, turn.3);
            breaches.add(turn.4, Rule::TooFast, what);
        }
    }
    for pair in turns.windows(2) {
        let (before, turn) = (pair[0], pair[1]);
        if turn.0 < before.1.saturating_add(overhead) {
            let what = format!(
                "{} sends from {}, and {} until {}",
                turn.2, turn.0, before.2, before.1
            );
            breaches.add(turn.4, Rule::TooFast, what);
        }
    }
}
