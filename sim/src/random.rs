//! Counter-based random streams.
//!
//! A stream is a key and a counter. Draw number *n* depends on the key and on *n* alone, never on how the draws before
//! it were used, and the key depends on the run's seed and on a label. So every stage of every link owns a stream of its
//! own, and adding or removing one stage moves no draw of another.
//!
//! The key is the first 128 bits of SHA-256(seed as 8 bytes little-endian ‖ label), split into two words k₀ and k₁. A
//! draw is `mix(mix(k₀ + n·γ) + k₁)`, where γ is the odd integer nearest to 2⁶⁴/φ and `mix` is the finaliser of
//! SplitMix64 (variant 13 of Stafford's mixers; Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014). The inner half alone is SplitMix64, which passes BigCrush; the outer half separates streams whose
//! counters would otherwise run through the same values. Nothing here is fit for cryptography.

use sha2::{Digest, Sha256};

use crate::probability::Probability;

/// The step of the counter: the odd integer nearest to 2⁶⁴/φ.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// An endless sequence of random numbers, fixed by a seed and a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u64; 2],
    next: u64,
}

impl Stream {
    /// The stream that belongs to `label` in the run of `seed`, before its first draw.
    pub fn new(seed: u64, label: &str) -> Stream {
        let digest = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(label)
            .finalize();
        let word = |at: usize| {
            digest[at..at + 8]
                .iter()
                .rev()
                .fold(0u64, |word, byte| word << 8 | u64::from(*byte))
        };
        Stream {
            key: [word(0), word(8)],
            next: 0,
        }
    }

    /// Draw number `n`, counted from zero, wherever the stream stands.
    pub fn at(&self, n: u64) -> u64 {
        let [k0, k1] = self.key;
        mix(mix(k0.wrapping_add(n.wrapping_mul(GAMMA))).wrapping_add(k1))
    }

    /// The next draw, uniform over all 64-bit numbers.
    pub fn next_u64(&mut self) -> u64 {
        let draw = self.at(self.next);
        self.next = self.next.wrapping_add(1);
        draw
    }

    /// The next draw, uniform over `0..n`; zero if `n` is zero.
    ///
    /// Always takes exactly one draw (by multiplication, without rejection), so that the counter stays a count of calls.
    /// No value's probability is off by more than 2⁻⁶⁴.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// True with the given probability; takes one draw, also when the answer is certain.
    pub fn chance(&mut self, probability: Probability) -> bool {
        probability.covers(self.next_u64())
    }

    /// The next four draws as 32 bytes, little-endian: a seed for something else.
    pub fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes
    }
}

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
pub(crate) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
