//! What an endpoint in virtual time may be told, and one with a socket may not.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::KeyLog;
use rustls::crypto::{CryptoProvider, ring};

use crate::seeded::Seed;

/// Secrets that are kept at most: those of some thirteen thousand connections.
const MAX_SECRETS: usize = 1 << 16;

/// How a simulated endpoint departs from a shipped one: [`Driver::simulated_server`](crate::Driver::simulated_server)
/// and [`Driver::simulated_client`](crate::Driver::simulated_client) take it.
///
/// None of it is for a connection that is to keep anything secret. The constructors that a process uses cannot be told
/// it, and [`Loop::new`](crate::Loop::new), which puts a driver on a socket, refuses a driver that was.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    secrets: Option<Secrets>,
    #[cfg(feature = "deterministic")]
    deterministic: bool,
}

impl Simulation {
    /// An endpoint like a shipped one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the secrets of its TLS sessions, so that a capture of the run can be decrypted.
    #[must_use]
    pub fn keep_secrets(mut self, secrets: &Secrets) -> Self {
        self.secrets = Some(secrets.clone());
        self
    }

    /// Draws also what TLS draws from the driver's seed: equal seeds, inputs and instants give equal bytes on the wire.
    ///
    /// The seed then opens every session. An endpoint that signs has to do so with Ed25519, since signatures of every
    /// other kind draw on the system's randomness.
    ///
    /// Only with the feature `deterministic`, which nothing that is shipped enables.
    #[cfg(feature = "deterministic")]
    #[must_use]
    pub fn deterministic_bytes(mut self) -> Self {
        self.deterministic = true;
        self
    }
}

/// What TLS is built on.
pub(crate) struct Crypto {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    /// Keys have to sign without randomness.
    pub(crate) signs_alike: bool,
    #[cfg(feature = "deterministic")]
    draws: Option<crate::deterministic::Draws>,
}

impl Crypto {
    /// For connections that keep secrets: the system's randomness, and no log of keys.
    pub(crate) fn shipped() -> Self {
        Self {
            provider: Arc::new(ring::default_provider()),
            key_log: None,
            signs_alike: false,
            #[cfg(feature = "deterministic")]
            draws: None,
        }
    }

    #[cfg_attr(
        not(feature = "deterministic"),
        allow(unused_variables, reason = "the seed is for that feature")
    )]
    pub(crate) fn simulated(simulation: Simulation, seed: &Seed) -> Self {
        let secrets = simulation.secrets;
        let key_log = secrets.map(|secrets| Arc::new(secrets) as Arc<dyn KeyLog>);
        #[cfg(feature = "deterministic")]
        if simulation.deterministic {
            let draws = crate::deterministic::Draws::new(seed);
            return Self {
                provider: Arc::new(draws.provider()),
                key_log,
                signs_alike: true,
                draws: Some(draws),
            };
        }
        Self {
            key_log,
            ..Self::shipped()
        }
    }

    /// What has to live as long as the connections.
    pub(crate) fn into_rest(self) -> Rest {
        Rest {
            #[cfg(feature = "deterministic")]
            _draws: self.draws,
        }
    }
}

/// What a simulated driver keeps of [`Crypto`].
pub(crate) struct Rest {
    #[cfg(feature = "deterministic")]
    _draws: Option<crate::deterministic::Draws>,
}

/// The secrets of TLS sessions, as lines of the format that `SSLKEYLOGFILE` has made common (RFC 9850), such as
/// `CLIENT_TRAFFIC_SECRET_0 <client random> <secret>`, in hexadecimal. Clones share one collection.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    known: BTreeSet<String>,
    text: String,
}

impl Secrets {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines so far, each with its end, in the order in which they came. Both ends of a session know the same
    /// secrets, and each is there once. At most 65,536 are kept, the first.
    pub fn text(&self) -> String {
        self.lines().text.clone()
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.lines().known.len())
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut lines = self.lines();
        if lines.known.len() < MAX_SECRETS && lines.known.insert(line.clone()) {
            lines.text.push_str(&line);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
