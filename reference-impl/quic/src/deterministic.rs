//! What TLS draws, drawn from the seed: for tests that compare every byte on the wire. Feature `deterministic`.
//!
//! TLS 1.3 on ring draws three things: the randoms, session ids and order of extensions by `secure_random`; the keys of
//! the exchange, which ring takes from the system whoever asks; and signatures, which are free of randomness for
//! Ed25519 alone. Tickets are off (`tls.rs`). So the first two are drawn here, and the third is left to the check of
//! the identity in `tls.rs`.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret,
    SupportedKxGroup, ring,
};
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::seeded::Seed;

/// Sources that no driver uses now. rustls wants references without end, so they are used again rather than freed, and
/// there are only as many as there were drivers at one time.
static IDLE: Mutex<Vec<&'static Source>> = Mutex::new(Vec::new());

/// One driver's source; it goes back when the driver ends.
pub(crate) struct Draws(&'static Source);

/// X25519 (RFC 7748) with keys from a seed, and the randomness for the rest.
struct Source {
    random: Mutex<ChaCha20Rng>,
    keys: Mutex<ChaCha20Rng>,
}

impl Draws {
    pub(crate) fn new(seed: &Seed) -> Self {
        let random = ChaCha20Rng::from_seed(seed.derive("TLS randomness"));
        let keys = ChaCha20Rng::from_seed(seed.derive("TLS key exchange"));
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(source) => {
                *lock(&source.random) = random;
                *lock(&source.keys) = keys;
                Self(source)
            }
            None => Self(Box::leak(Box::new(Source {
                random: Mutex::new(random),
                keys: Mutex::new(keys),
            }))),
        }
    }

    /// ring's provider, without its randomness.
    pub(crate) fn provider(&self) -> CryptoProvider {
        CryptoProvider {
            kx_groups: vec![self.0],
            secure_random: self.0,
            ..ring::default_provider()
        }
    }
}

impl Drop for Draws {
    fn drop(&mut self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.0);
    }
}

fn lock(rng: &Mutex<ChaCha20Rng>) -> std::sync::MutexGuard<'_, ChaCha20Rng> {
    rng.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519 from a seed")
    }
}

impl SecureRandom for Source {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        lock(&self.random).fill_bytes(buffer);
        Ok(())
    }
}

impl SupportedKxGroup for Source {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut key = [0; 32];
        lock(&self.keys).fill_bytes(&mut key);
        let secret = StaticSecret::from(key);
        let public = PublicKey::from(&secret);
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let misbehaved = || Error::from(PeerMisbehaved::InvalidKeyShare);
        let peer: [u8; 32] = peer.try_into().map_err(|_| misbehaved())?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        // RFC 8446 §7.4.2: an all-zero result is refused.
        if !shared.was_contributory() {
            return Err(misbehaved());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
