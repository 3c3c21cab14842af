//! TLS 1.3 for both sides: ring, certificates of clients at a door for services alone, no resumption, no 0-RTT.

use std::sync::Arc;

use duet_protocol::io::Purpose;
use quinn_proto::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;

use crate::cert::{Identity, certificates};
use crate::seeded::ToldTime;
use crate::settings::{ClientSettings, ServerSettings, ServiceDoor, SettingsError};

/// A server's TLS, which offers every protocol: a client that speaks none of them is refused.
pub(crate) fn server(
    settings: &ServerSettings,
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let all = [Purpose::Control, Purpose::Media, Purpose::Service];
    server_of(settings, None, &all, time)
}

/// The same for a door at which only services come in.
pub(crate) fn for_services(
    settings: &ServerSettings,
    door: &ServiceDoor,
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let roots = door.roots.as_deref();
    server_of(settings, roots, &[Purpose::Service], time)
}

fn server_of(
    settings: &ServerSettings,
    roots: Option<&[u8]>,
    purposes: &[Purpose],
    time: Arc<ToldTime>,
) -> Result<Arc<QuicServerConfig>, SettingsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = match roots {
        Some(pem) => clients_of(pem, &provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = rustls::ServerConfig::builder_with_details(provider, time)
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
    let config = QuicServerConfig::try_from(config).map_err(|_| SettingsError::NoSuite)?;
    Ok(Arc::new(config))
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
        identity: Option<&Identity>,
        time: &Arc<ToldTime>,
    ) -> Result<Self, SettingsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = settings.trust.verifier(&provider)?;
        Ok(Self {
            control: client(Purpose::Control, &provider, &verifier, identity, time)?,
            media: client(Purpose::Media, &provider, &verifier, identity, time)?,
            service: client(Purpose::Service, &provider, &verifier, identity, time)?,
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
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<dyn ServerCertVerifier>,
    identity: Option<&Identity>,
    time: &Arc<ToldTime>,
) -> Result<Arc<QuicClientConfig>, SettingsError> {
    let config = rustls::ClientConfig::builder_with_details(provider.clone(), time.clone())
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
