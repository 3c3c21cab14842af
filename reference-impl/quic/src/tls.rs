//! TLS 1.3 for both sides: ring, certificates of clients at a door for services alone, no resumption, no 0-RTT.

use std::sync::Arc;

use duet_protocol::io::Purpose;
use quinn_proto::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{KeyLog, SignatureAlgorithm};

use crate::cert::{Identity, certificates};
use crate::seeded::ToldTime;
use crate::settings::{ClientSettings, ServerSettings, ServiceDoor, SettingsError};
use crate::simulation::Crypto;

/// A server's TLS, which offers every protocol: a client that speaks none of them is refused.
pub(crate) fn server(
    settings: &ServerSettings,
    crypto: &Crypto,
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let all = [Purpose::Control, Purpose::Media, Purpose::Service];
    server_of(settings, crypto, None, &all, time)
}

/// The same for a door at which only services come in.
pub(crate) fn for_services(
    settings: &ServerSettings,
    door: &ServiceDoor,
    crypto: &Crypto,
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let roots = door.roots.as_deref();
    server_of(settings, crypto, roots, &[Purpose::Service], time)
}

fn server_of(
    settings: &ServerSettings,
    crypto: &Crypto,
    roots: Option<&[u8]>,
    purposes: &[Purpose],
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let provider = &crypto.provider;
    check_signing(crypto, &settings.identity)?;
    let verifier = match roots {
        Some(pem) => clients_of(pem, provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = rustls::ServerConfig::builder_with_details(provider.clone(), time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(settings.identity.chain(), settings.identity.key())?;
    config.alpn_protocols = purposes
        .iter()
        .map(|purpose| purpose.alpn().to_vec())
        .collect();
    config.max_early_data_size = 0;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    keep_secrets(&mut config.key_log, crypto);
    let config = QuicServerConfig::try_from(config).map_err(|_| SettingsError::NoSuite)?;
    Ok(Arc::new(config))
}

/// Refuses a key whose signatures are random, where equal runs are to be equal to the last byte.
fn check_signing(crypto: &Crypto, identity: &Identity) -> Result<(), SettingsError> {
    if crypto.signs_alike {
        let key = crypto
            .provider
            .key_provider
            .load_private_key(identity.key())?;
        if key.algorithm() != SignatureAlgorithm::ED25519 {
            return Err(SettingsError::RandomSignatures);
        }
    }
    Ok(())
}

fn keep_secrets(key_log: &mut Arc<dyn KeyLog>, crypto: &Crypto) {
    if let Some(secrets) = &crypto.key_log {
        *key_log = secrets.clone();
    }
}

/// Takes who shows a valid chain to one of these roots.
fn clients_of(
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, SettingsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(pem, "the file of roots")? {
        roots.add(root).map_err(SettingsError::Root)?;
    }
    WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .map_err(|error| SettingsError::Roots(error.to_string()))
}

/// A client's TLS for its kinds of connection.
pub(crate) struct Client {
    control: Arc<QuicClientConfig>,
    media: Arc<QuicClientConfig>,
    service: Arc<QuicClientConfig>,
}

impl Client {
    pub(crate) fn new(
        settings: &ClientSettings,
        crypto: &Crypto,
        identity: Option<&Identity>,
        time: &Arc<ToldTime>,
    ) -> Result<Self, SettingsError> {
        let verifier = settings.trust.verifier(&crypto.provider)?;
        if let Some(identity) = identity {
            check_signing(crypto, identity)?;
        }
        Ok(Self {
            control: client(Purpose::Control, crypto, &verifier, identity, time)?,
            media: client(Purpose::Media, crypto, &verifier, identity, time)?,
            service: client(Purpose::Service, crypto, &verifier, identity, time)?,
        })
    }

    pub(crate) fn config(&self, purpose: Purpose) -> Arc<QuicClientConfig> {
        match purpose {
            Purpose::Control => self.control.clone(),
            Purpose::Media => self.media.clone(),
            Purpose::Service => self.service.clone(),
        }
    }
}

fn client(
    purpose: Purpose,
    crypto: &Crypto,
    verifier: &Arc<dyn ServerCertVerifier>,
    identity: Option<&Identity>,
    time: &Arc<ToldTime>,
) -> Result<Arc<QuicClientConfig>, SettingsError> {
    let provider = crypto.provider.clone();
    let config = rustls::ClientConfig::builder_with_details(provider, time.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone());
    let mut config = match identity {
        Some(identity) => config.with_client_auth_cert(identity.chain(), identity.key())?,
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![purpose.alpn().to_vec()];
    config.enable_early_data = false;
    config.resumption = Resumption::disabled();
    keep_secrets(&mut config.key_log, crypto);
    let config = QuicClientConfig::try_from(config).map_err(|_| SettingsError::NoSuite)?;
    Ok(Arc::new(config))
}

/// What the two sides agreed on by ALPN, once they have.
pub(crate) fn purpose(session: &dyn quinn_proto::crypto::Session) -> Option<Purpose> {
    let data = session.handshake_data()?.downcast::<HandshakeData>().ok()?;
    let protocol = data.protocol?;
    [Purpose::Control, Purpose::Media, Purpose::Service]
        .into_iter()
        .find(|purpose| purpose.alpn() == protocol)
}
