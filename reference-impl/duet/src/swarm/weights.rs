//! Which kinds of things a run does, and how often: of each run a random subset, with wildly different weights.
//!
//! Runs that do everything do nothing for long: a queue that is filled as often as it is emptied never fills. So each
//! seed leaves out about half of what there is (Groce et al., "Swarm testing", ISSTA 2012).

use duet_sim::Stream;

/// The heaviest kind weighs as much as 2⁶ of the lightest.
const SPREAD: u64 = 7;

/// Kinds, and how often each is drawn.
#[derive(Clone, Debug)]
pub(super) struct Weights<K>(Vec<(K, u64)>);

impl<K: Copy> Weights<K> {
    /// Of these kinds about half, each with a weight of its own; at least one, if there is any.
    pub(super) fn some_of(stream: &mut Stream, kinds: &[K]) -> Self {
        let fallback = stream.below(kinds.len() as u64) as usize;
        let mut chosen = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            // Both draws are made, whatever the first says.
            let (is_in, weight) = (stream.below(2) == 0, 1 << stream.below(SPREAD));
            if is_in || (index + 1 == kinds.len() && chosen.is_empty()) {
                chosen.push((*kind, weight));
            }
        }
        if let ([one], Some(kind)) = (chosen.as_mut_slice(), kinds.get(fallback)) {
            one.0 = *kind;
        }
        Self(chosen)
    }

    /// One of them.
    pub(super) fn draw(&self, stream: &mut Stream) -> Option<K> {
        let total = self.0.iter().map(|(_, weight)| weight).sum();
        let mut left = stream.below(total);
        let mut all = self.0.iter();
        all.find(|(_, weight)| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here
        })
        .map(|(kind, _)| *kind)
    }
}

/// One of these, each as often as the others.
pub(super) fn one_of<T: Clone>(stream: &mut Stream, values: &[T]) -> Option<T> {
    let index = stream.below(values.len() as u64) as usize;
    values.get(index).cloned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_seed_leaves_something_out_and_none_leaves_out_all() {
        let kinds = [0, 1, 2, 3, 4, 5];
        let mut subsets = BTreeSet::new();
        for seed in 0..200 {
            let mut stream = Stream::new(seed, "weights");
            let weights = Weights::some_of(&mut stream, &kinds);
            let drawn: BTreeSet<i32> = (0..400).filter_map(|_| weights.draw(&mut stream)).collect();
            assert!(!drawn.is_empty());
            subsets.insert(drawn);
        }
        assert!(subsets.len() > 40, "{} subsets", subsets.len());
        for kind in kinds {
            assert!(subsets.iter().any(|subset| subset.contains(&kind)));
            assert!(subsets.iter().any(|subset| !subset.contains(&kind)));
        }
    }
}
