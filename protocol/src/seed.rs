//! The core's only source of randomness: a seed in the constructor.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// 256 bits from the driver: from the system's generator in production, from the run's seed in a simulation.
///
/// Neither `Clone` nor `Debug`: every secret of the core comes from it.
pub struct Seed(pub [u8; 32]);

/// Draws from a [`Seed`]: ids, tokens, reserved kinds, back-off.
pub(crate) struct Random(ChaCha20Rng);

impl Random {
    pub(crate) fn new(seed: Seed) -> Self {
        Self(ChaCha20Rng::from_seed(seed.0))
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`; zero if the limit is zero. The bias is below 2⁻³² for the small limits used here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.u64().checked_rem(limit).unwrap_or(0)
    }

    pub(crate) fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.0.fill_bytes(&mut id);
        id
    }

    pub(crate) fn token(&mut self) -> [u8; 32] {
        let mut token = [0; 32];
        self.0.fill_bytes(&mut token);
        token
    }
}
