//! Which ports are taken.

use core::ops::RangeInclusive;

const WORDS: usize = 1_024;

/// Bits of even ports.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Ports among which to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) range: RangeInclusive<u16>,
    /// Only those as even or odd as this one.
    pub(super) parity_of: Option<u16>,
}

/// A set of ports.
#[derive(Clone, Debug)]
pub(super) struct PortSet(Box<[u64; WORDS]>);

impl PortSet {
    pub(super) fn new() -> PortSet {
        PortSet(Box::new([0; WORDS]))
    }

    pub(super) fn contains(&self, port: u16) -> bool {
        self.0[usize::from(port / 64)] >> (port % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, port: u16) {
        self.0[usize::from(port / 64)] |= 1 << (port % 64);
    }

    pub(super) fn remove(&mut self, port: u16) {
        self.0[usize::from(port / 64)] &= !(1 << (port % 64));
    }

    /// The first candidate not in the set at or after `from`, after the last one the first.
    pub(super) fn next_free(&self, candidates: &Candidates, from: u16) -> Option<u16> {
        let free = |word| self.free(candidates, word);
        next(from, free)
    }

    /// As [`PortSet::next_free`], of pairs of an even port and the one above it, both free; gives the even one.
    pub(super) fn next_free_pair(&self, candidates: &Candidates, from: u16) -> Option<u16> {
        let free = |word| {
            let free = self.free(candidates, word);
            free & (free >> 1) & EVEN
        };
        next(from.wrapping_add(1) & !1, free)
    }

    /// How many candidates are not in the set.
    pub(super) fn count_free(&self, candidates: &Candidates) -> u64 {
        let count = |word| u64::from(self.free(candidates, word).count_ones());
        (0..WORDS).map(count).sum()
    }

    /// The candidate not in the set that has `index` such before it.
    pub(super) fn nth_free(&self, candidates: &Candidates, mut index: u64) -> Option<u16> {
        for word in 0..WORDS {
            let mut free = self.free(candidates, word);
            let count = u64::from(free.count_ones());
            if index < count {
                for _ in 0..index {
                    free &= free - 1;
                }
                return Some(port(word, free));
            }
            index -= count;
        }
        None
    }

    /// The free candidates of a word.
    fn free(&self, candidates: &Candidates, word: usize) -> u64 {
        let (first, last) = (*candidates.range.start(), *candidates.range.end());
        let base = word as u32 * 64;
        let from = u32::from(first).saturating_sub(base);
        let beyond = (u32::from(last) + 1).saturating_sub(base);
        let below = |bits: u32| {
            if bits >= 64 {
                u64::MAX
            } else {
                (1 << bits) - 1
            }
        };
        let parity = match candidates.parity_of.map(|port| port % 2) {
            None => u64::MAX,
            Some(0) => EVEN,
            Some(_) => !EVEN,
        };
        !self.0[word] & below(beyond) & !below(from) & parity
    }
}

/// The port of the lowest bit.
fn port(word: usize, bits: u64) -> u16 {
    (word as u32 * 64 + bits.trailing_zeros()) as u16
}

/// The first port at or after `from` among those that `free` gives word by word, going round.
fn next(from: u16, free: impl Fn(usize) -> u64) -> Option<u16> {
    let start = usize::from(from / 64);
    let below = (1u64 << (from % 64)) - 1;
    (0..=WORDS).find_map(|step| {
        let word = (start + step) % WORDS;
        let bits = match step {
            0 => free(word) & !below,
            _ => free(word),
        };
        (bits != 0).then(|| port(word, bits))
    })
}
