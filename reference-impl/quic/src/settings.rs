//! What a driver is told at its start.

use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use thiserror::Error;

use crate::cert::{CertError, Identity};
use crate::trust::Trust;

/// Unfinished handshakes above which a client has to prove its address first.
const HANDSHAKES_BEFORE_RETRY: usize = 256;

/// Unfinished handshakes above which further clients are refused.
const MAX_HANDSHAKES: usize = 4_096;

/// What a server is told at its start.
#[derive(Debug)]
pub struct ServerSettings {
    /// What it shows to clients.
    pub identity: Identity,
    /// Unfinished handshakes above which a client has to prove its address first (Retry, RFC 9000 §8.1.2); 256.
    pub handshakes_before_retry: usize,
    /// Unfinished handshakes above which further clients are refused; 4,096.
    pub max_handshakes: usize,
    /// How services come by a door of their own ([`Door::Services`](crate::Door)). Without it they come by the only one
    /// there is, and the core says whether it takes them.
    pub services: Option<ServiceDoor>,
}

/// How a server takes services at a door of their own: no client comes by that one, and no service by the other.
#[derive(Clone, Debug, Default)]
pub struct ServiceDoor {
    /// The roots, in PEM, to one of which a service has to show a chain with a certificate of its own (mutual TLS). The
    /// driver has to be told the wall clock. Without, the token alone says who it is.
    pub roots: Option<Vec<u8>>,
}

impl ServerSettings {
    /// The usual limits.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            handshakes_before_retry: HANDSHAKES_BEFORE_RETRY,
            max_handshakes: MAX_HANDSHAKES,
            services: None,
        }
    }
}

/// What a client is told at its start.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The server's UDP address, for connections whose endpoint the core leaves empty.
    pub server: SocketAddr,
    /// The name for which the server's certificate has to be valid: a DNS name or an IP address.
    pub server_name: String,
    /// Whom the client takes for its server.
    pub trust: Trust,
}

impl ClientSettings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match ServerName::try_from(self.server_name.as_str()) {
            Ok(_) => Ok(()),
            Err(_) => Err(SettingsError::ServerName(self.server_name.clone())),
        }
    }
}

/// Why a driver cannot start with its settings.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The roots are no certificates.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// A certificate cannot be a root.
    #[error("a certificate in the file of roots cannot be used as one: {0}")]
    Root(rustls::Error),
    /// The roots cannot be used.
    #[error("the roots cannot be used: {0}")]
    Roots(String),
    /// The certificate and the key do not fit each other, or cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The name is neither a DNS name nor an IP address.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    ServerName(String),
    /// Bytes were to be deterministic, and the key's signatures are random.
    #[error("signatures of this key are random: deterministic bytes need an Ed25519 identity")]
    RandomSignatures,
    /// The provider lacks the suite with which QUIC begins.
    #[error("TLS lacks AES-128-GCM, with which QUIC begins")]
    NoSuite,
}
