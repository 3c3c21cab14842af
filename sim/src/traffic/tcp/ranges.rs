//! Sets of bytes.

use std::collections::BTreeMap;
use std::collections::btree_map;

/// A set of sequence numbers as ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First number of each range, and the one after its last.
    map: BTreeMap<u64, u64>,
    total: u64,
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many numbers are in it.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The ranges in order.
    pub(super) fn iter(&self) -> btree_map::Iter<'_, u64, u64> {
        self.map.iter()
    }

    /// The number after the greatest.
    pub(super) fn end(&self) -> Option<u64> {
        self.map.last_key_value().map(|(_, end)| *end)
    }

    /// The range that holds a number.
    pub(super) fn range_of(&self, number: u64) -> Option<(u64, u64)> {
        let (start, end) = self.map.range(..=number).next_back()?;
        (number < *end).then_some((*start, *end))
    }

    /// Adds a range and says how many of its numbers are new.
    pub(super) fn insert(&mut self, start: u64, end: u64) -> u64 {
        if start >= end {
            return 0;
        }
        let (mut from, mut to) = (start, end);
        let mut known = 0;
        // Every range that overlaps or touches, from the last backwards.
        while let Some((&other_start, &other_end)) = self.map.range(..=to).next_back()
            && other_end >= from
        {
            if other_start <= start && other_end >= end {
                return 0;
            }
            known += other_end - other_start;
            from = from.min(other_start);
            to = to.max(other_end);
            self.map.remove(&other_start);
        }
        self.map.insert(from, to);
        let new = (to - from) - known;
        self.total += new;
        new
    }

    /// Takes out all numbers below one.
    pub(super) fn remove_below(&mut self, limit: u64) {
        while let Some(first) = self.map.first_entry()
            && *first.key() < limit
        {
            let (start, end) = first.remove_entry();
            self.total -= end.min(limit) - start;
            if end > limit {
                self.map.insert(limit, end);
            }
        }
    }

    /// How many numbers below `limit` are in it.
    pub(super) fn below(&self, limit: u64) -> u64 {
        let inside = |(start, end): (&u64, &u64)| end.min(&limit) - start;
        self.map.range(..limit).map(inside).sum()
    }

    /// The first numbers that are missing at or after `from` and below `to`.
    pub(super) fn first_gap(&self, from: u64, to: u64) -> Option<(u64, u64)> {
        let start = self.range_of(from).map_or(from, |(_, end)| end);
        let next = self.map.range(start..).next();
        let end = next.map_or(to, |(next, _)| to.min(*next));
        (start < end).then_some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Ranges;

    proptest! {
        /// Against a set of single numbers. Fails, for one, if a range that only touches is not joined.
        #[test]
        fn ranges_are_a_set(
            operations in prop::collection::vec((0u8..4, 0u64..60, 0u64..20), 1..80)
        ) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for (operation, start, length) in operations {
                let end = start + length;
                match operation {
                    0 => ranges.remove_below(start / 4),
                    _ => {
                        let new = (start..end).filter(|n| set.insert(*n)).count() as u64;
                        prop_assert_eq!(ranges.insert(start, end), new);
                    }
                }
                if operation == 0 {
                    set.retain(|n| *n >= start / 4);
                }
                prop_assert_eq!(ranges.total(), set.len() as u64);
                let listed: Vec<u64> = ranges.iter().flat_map(|(s, e)| *s..*e).collect();
                prop_assert!(listed.iter().eq(set.iter()));
                let starts: Vec<u64> = ranges.iter().map(|(s, _)| *s).collect();
                prop_assert!(starts.iter().all(|s| *s == 0 || !set.contains(&(s - 1))));
                prop_assert_eq!(ranges.end(), set.last().map(|n| n + 1));
                prop_assert_eq!(ranges.below(start), set.range(..start).count() as u64);
                prop_assert_eq!(
                    ranges.range_of(start).is_some(),
                    set.contains(&start)
                );
                let gap = (start..end).find(|n| !set.contains(n));
                let found = ranges.first_gap(start, end);
                prop_assert_eq!(found.map(|(s, _)| s), gap);
                if let Some((s, e)) = found {
                    prop_assert!((s..e).all(|n| !set.contains(&n)));
                    prop_assert!(e == end || set.contains(&e));
                }
            }
        }
    }
}
