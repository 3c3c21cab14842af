//! What the seed determines: connection ids, the keys of resets and Retry tokens, and quinn-proto's own draws.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use quinn_proto::{ConnectionId, ConnectionIdGenerator, TimeSource};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use ring::{hkdf, hmac};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Bytes of the connection ids that this side chooses.
const LOCAL_ID_LEN: usize = 8;

/// Bytes of the id that a client invents for a server that it has not heard from (RFC 9000 §7.2: at least 8).
const FIRST_REMOTE_ID_LEN: usize = 20;

/// A seed, from which seeds for separate purposes are drawn.
pub(crate) struct Seed(hmac::Key);

impl Seed {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &seed))
    }

    /// A seed for one purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0, purpose.as_bytes());
        let mut seed = [0; 32];
        seed.copy_from_slice(tag.as_ref());
        seed
    }

    pub(crate) fn reset_key(&self) -> Arc<hmac::Key> {
        Arc::new(hmac::Key::new(
            hmac::HMAC_SHA256,
            &self.derive("stateless reset"),
        ))
    }

    pub(crate) fn token_key(&self) -> Arc<hkdf::Prk> {
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.derive("retry token")))
    }

    pub(crate) fn local_ids(&self) -> Ids {
        Ids::new(self.derive("local connection ids"), LOCAL_ID_LEN)
    }

    pub(crate) fn first_remote_ids(&self) -> Ids {
        Ids::new(
            self.derive("first remote connection ids"),
            FIRST_REMOTE_ID_LEN,
        )
    }
}

/// A generator of connection ids: unpredictable without the seed, repeatable with it. Clones share one sequence.
#[derive(Clone)]
pub(crate) struct Ids {
    rng: Arc<Mutex<ChaCha20Rng>>,
    len: usize,
}

impl Ids {
    fn new(seed: [u8; 32], len: usize) -> Self {
        let rng = Arc::new(Mutex::new(ChaCha20Rng::from_seed(seed)));
        Self { rng, len }
    }

    pub(crate) fn next(&self) -> ConnectionId {
        let mut bytes = [0; FIRST_REMOTE_ID_LEN];
        let id = &mut bytes[..self.len];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(id);
        ConnectionId::new(id)
    }
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.next()
    }

    fn cid_len(&self) -> usize {
        self.len
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// The driver's time, as TLS and Retry tokens see it: told, never read.
#[derive(Debug, Default)]
pub(crate) struct ToldTime {
    /// Microseconds since the driver's epoch.
    now: AtomicU64,
    /// Microseconds since 1970 at the driver's epoch; zero until the driver is told.
    unix_at_epoch: AtomicU64,
}

impl ToldTime {
    pub(crate) fn advance(&self, micros: u64) {
        self.now.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn wall_clock(&self, unix_micros: u64) {
        let at_epoch = unix_micros.saturating_sub(self.now.load(Ordering::Relaxed));
        self.unix_at_epoch.store(at_epoch.max(1), Ordering::Relaxed);
    }
}

/// Wall-clock time for certificates; 1970 until the driver is told, which `trust.rs` takes for "unknown".
impl TimeProvider for ToldTime {
    fn current_time(&self) -> Option<UnixTime> {
        let unix = match self.unix_at_epoch.load(Ordering::Relaxed) {
            0 => 0,
            at_epoch => at_epoch.saturating_add(self.now.load(Ordering::Relaxed)),
        };
        Some(UnixTime::since_unix_epoch(Duration::from_micros(unix)))
    }
}

/// The age of Retry tokens counts from the driver's epoch: they live for seconds and never leave the process.
impl TimeSource for ToldTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.now.load(Ordering::Relaxed))
    }
}
