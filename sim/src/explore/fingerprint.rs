//! 128-bit fingerprints of states.
//!
//! The hash is fixed: no key, no random start. Each word is XORed into a 128-bit state, which is then multiplied by an
//! odd constant and folded; both steps are bijections, so two inputs of equal length that differ in one word never
//! collide. It does not withstand somebody who chooses states to make it collide, and nobody does.

use core::hash::{Hash, Hasher};

/// Odd, from the digits of φ: the words of a Weyl sequence and its next.
const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
/// Odd, from the digits of √3 and √5.
const FINAL: u128 = 0xbb67_ae85_84ca_a73b_3c6e_f372_fe94_f82b;
/// From the digits of π, so that leading zeros count.
const START: u128 = 0x243f_6a88_85a3_08d3_1319_8a2e_0370_7344;

/// The fingerprint of a value.
///
/// A search remembers the fingerprint of a state, not the state. Two different states with one fingerprint would be taken
/// for one, and what lies behind the second would not be searched. Among *n* states that happens with a probability of at
/// most n²/2¹²⁹, as far as the hash behaves like a random function: for a hundred million states, 2⁻⁷⁵. So a search that
/// finds nothing is a proof up to that probability; a counterexample is always real, because it is replayed.
///
/// ```
/// use duet_sim::explore::fingerprint;
///
/// assert_eq!(fingerprint(&(1u8, "ring")), fingerprint(&(1u8, "ring")));
/// assert_ne!(fingerprint(&(1u8, "ring")), fingerprint(&(2u8, "ring")));
/// ```
pub fn fingerprint<T: Hash + ?Sized>(value: &T) -> u128 {
    let mut hasher = Fingerprinter::new();
    value.hash(&mut hasher);
    hasher.fingerprint()
}

/// A [`Hasher`] without a key, with 128 bits of result.
///
/// Equal values give equal fingerprints in every process on machines of one byte order.
#[derive(Clone, Debug)]
pub struct Fingerprinter {
    state: u128,
}

impl Fingerprinter {
    /// A hasher that has seen nothing.
    pub fn new() -> Fingerprinter {
        Fingerprinter { state: START }
    }

    /// The fingerprint of what was written so far.
    pub fn fingerprint(&self) -> u128 {
        let state = fold(self.state.wrapping_mul(FINAL));
        fold(fold(state.wrapping_mul(FACTOR)).wrapping_mul(FINAL))
    }

    fn word(&mut self, word: u64) {
        self.state = fold((self.state ^ u128::from(word)).wrapping_mul(FACTOR));
    }
}

/// Brings the upper half, where a product mixes best, down into the lower; a bijection.
const fn fold(word: u128) -> u128 {
    word ^ (word >> 64)
}

impl Default for Fingerprinter {
    fn default() -> Fingerprinter {
        Fingerprinter::new()
    }
}

impl Hasher for Fingerprinter {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        // The length of the rest goes with it, so that trailing zeros count; a rest has at most seven bytes.
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = rest.len() as u8;
        self.word(u64::from_le_bytes(last));
    }
    fn write_u8(&mut self, word: u8) {
        self.word(word.into());
    }
    fn write_u16(&mut self, word: u16) {
        self.word(word.into());
    }
    fn write_u32(&mut self, word: u32) {
        self.word(word.into());
    }
    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }
    fn write_u128(&mut self, word: u128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }
    // Discriminants and lengths come as these two; their width on the machine must not matter.
    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.word(word as i64 as u64);
    }
    fn finish(&self) -> u64 {
        self.fingerprint() as u64
    }
}
